//! `volary serve`: listens at once, becomes ready when Postgres, the schema and the first serving snapshot are there.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::postgres::PrivatePostgres;
use crate::state::{AppState, Role};
use crate::tls::Tls;
use crate::{commands, demo, listen, logging, router, start};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    pub config: Config,
    /// What this process does: everything, HTTP only, or jobs only
    #[arg(
        long,
        env = "VOLARY_ROLE",
        value_name = "ROLE",
        default_value = "all",
        help_heading = "Jobs"
    )]
    pub role: RoleArg,
    /// Make a demo project: a table, two versions of a model, a deployment, and a little traffic
    #[arg(long, env = "VOLARY_DEMO", value_parser = clap::builder::FalseyValueParser::new())]
    pub demo: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
pub enum RoleArg {
    All,
    Gateway,
    Worker,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::All => Self::All,
            RoleArg::Gateway => Self::Gateway,
            RoleArg::Worker => Self::Worker,
        }
    }
}

pub fn run(args: Args) -> Result<()> {
    start::restrict_new_files();
    let _logs = logging::start(&args.config.base.log)?;
    commands::block_on(serve(args))
}

async fn serve(args: Args) -> Result<()> {
    let config = args.config;
    config.http.check()?;
    let now = platform::Clock::System.now();
    let tls = config.http.tls.files()?;
    let tls = tls.map(|files| Tls::open(files, now)).transpose()?;
    let listener = bind("VOLARY_LISTEN", config.http.listen).await?;
    let redirecting = match config.http.tls.http_redirect {
        Some(address) => Some(bind("VOLARY_HTTP_REDIRECT", address).await?),
        None => None,
    };
    let bound = listener.local_addr()?;
    let database = start::Database::locate(&config.base)?;
    let issuer = config
        .http
        .public_url
        .as_ref()
        .map_or(start::ISSUER, url::Url::as_str)
        .trim_end_matches('/');
    let platform = start::platform(&config.base, &database, issuer)?;
    let shutdown = CancellationToken::new();
    let role = args.role.into();
    let state = AppState::new(platform, config, role, bound, tls, shutdown.clone());
    start::warn_about_cookies(&state.config.http);
    state.tasks.spawn(start::stop_on_signal(shutdown.clone()));

    let router = router::build(&state);
    let http = state
        .tasks
        .spawn(listen::serve(listener, router, state.clone()));
    if let Some(listener) = redirecting {
        state.tasks.spawn(listen::redirect(listener, state.clone()));
    }

    let mut private = None;
    let ready = tokio::select! {
        ready = get_ready(&state, &database, &mut private, args.demo) => ready,
        () = shutdown.cancelled() => Ok(()),
    };
    if ready.is_ok() {
        shutdown.cancelled().await;
    }
    shutdown.cancel();
    http.await.ok();
    finish(&state, private).await;
    ready
}

async fn bind(variable: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{variable}: can not listen on {address}"))
}

/// Brings up what is behind the listener, in the order in which one needs the other.
async fn get_ready(
    state: &AppState,
    database: &start::Database,
    private: &mut Option<PrivatePostgres>,
    demo: bool,
) -> Result<()> {
    *private = database.start().await?;
    if let Some(private) = private {
        let keeping = private.clone().keep_running(state.shutdown.clone());
        state.tasks.spawn(keeping);
    }
    start::migrate(&state.platform.store).await?;
    state.readiness.schema_is_current();
    let setup_link = start::patiently(|| start::first_admin(state)).await?;
    start::patiently(|| start::background(state)).await?;
    let address = config::http::reachable(state.bound);
    let scheme = state.config.http.scheme();
    commands::say(format_args!("volary ready on {scheme}://{address}"));
    if demo {
        state.tasks.spawn(demo::run(state.clone()));
    } else if let Some(link) = setup_link {
        commands::say(format_args!("make the first account: {link}"));
    }
    Ok(())
}

/// Waits for what still runs, then stops a private Postgres.
async fn finish(state: &AppState, private: Option<PrivatePostgres>) {
    state.tasks.close();
    if tokio::time::timeout(Duration::from_secs(5), state.tasks.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            tasks = state.tasks.len(),
            "tasks did not end in time and are dropped"
        );
    }
    state.platform.store.close().await;
    if let Some(private) = private {
        private.stop_if_unused().await;
    }
    tracing::info!("stopped");
}
