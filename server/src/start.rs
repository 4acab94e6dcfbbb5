//! From a configuration to a working platform: the database, the first admin, the loops.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use platform::auth::{AuthOptions, PrivateKeys};
use platform::{Auth, Blobs, Clock, Limits, Live, Platform};
use secrecy::{ExposeSecret as _, SecretString};
use store::{Store, StoreOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::{BaseConfig, HttpConfig, WorkConfig};
use crate::pages::thread::PageThread;
use crate::postgres::{Place, PrivatePostgres};
use crate::state::{AppState, Role};

/// Everything this process writes is for its account alone.
pub fn restrict_new_files() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// How tokens name a platform without a public URL.
pub const ISSUER: &str = "volary";

/// Where the database is.
#[derive(Clone, Debug)]
pub struct Database {
    url: SecretString,
    private: Option<Place>,
}

impl Database {
    /// # Errors
    /// DATABASE_URL can not be read, or the data directory can not be named.
    pub fn locate(config: &BaseConfig) -> Result<Self> {
        if let Some(url) = config.database.url()? {
            return Ok(Self { url, private: None });
        }
        let place = Place::below(&config.storage.data_dir()?);
        Ok(Self {
            url: place.url(),
            private: Some(place),
        })
    }

    /// Starts the private Postgres, if that is where the database is.
    pub async fn start(&self) -> Result<Option<PrivatePostgres>> {
        match &self.private {
            Some(place) => Ok(Some(PrivatePostgres::start(place.clone()).await?)),
            None => Ok(None),
        }
    }
}

/// Opens what use cases need. Postgres may be away: connections are made when first used. `issuer` names this platform in
/// its tokens.
///
/// # Errors
/// A malformed DATABASE_URL, a data directory that can not be written, an unusable signing key.
pub fn platform(config: &BaseConfig, database: &Database, issuer: &str) -> Result<Platform> {
    let data_dir = config.storage.data_dir()?;
    make_data_dir(&data_dir)?;
    let options = StoreOptions {
        max_connections: config.database.database_connections,
        ..StoreOptions::new(database.url.expose_secret())
    };
    let malformed =
        "DATABASE_URL is not a Postgres address such as postgres://user:password@host/name";
    ensure!(is_postgres(database.url.expose_secret()), malformed);
    let store = Store::lazy(&options).context(malformed)?;
    let private_keys = match config.auth.signing_key()? {
        Some(pem) => PrivateKeys::Given(pem),
        None => PrivateKeys::Kept(data_dir.join("secrets/signing_keys")),
    };
    let auth = Auth::new(AuthOptions::new(private_keys, issuer))
        .context("VOLARY_SIGNING_KEY can not be used")?;
    Ok(Platform {
        store,
        blobs: Blobs::open(data_dir.join("blobs"))
            .context("the directory for files can not be used (VOLARY_DATA_DIR)")?,
        clock: Clock::System,
        auth,
        limits: Limits {
            max_upload_bytes: config.storage.max_upload_bytes,
            max_train_memory_mb: config.training.max_train_memory_mb,
            max_train_seconds: config.training.max_train_seconds,
            ..Limits::default()
        },
        live: Live::default(),
    })
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

fn make_data_dir(dir: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| {
            format!(
                "the data directory {} can not be made (VOLARY_DATA_DIR)",
                dir.display()
            )
        })
}

/// Waits for Postgres as long as it takes, then brings the schema up to date.
///
/// # Errors
/// Postgres answers, and a migration fails.
pub async fn migrate(store: &Store) -> Result<()> {
    patiently(|| async {
        store.ping().await?;
        let migrated = store.migrate().await;
        // A migration that fails because Postgres went away is tried again.
        store.ping().await?;
        migrated.context("the schema can not be brought up to date")
    })
    .await
}

/// Tries again for as long as Postgres is away.
///
/// # Errors
/// Anything else.
pub async fn patiently<T, F>(step: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut pause = Duration::from_millis(100);
    loop {
        match step().await {
            Err(error) if is_away(&error) => {
                let error = format!("{error:#}");
                let retry_in_ms = pause.as_millis();
                tracing::warn!(error, retry_in_ms, "waiting for Postgres");
            }
            done => return done,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

fn is_away(error: &anyhow::Error) -> bool {
    let by_use_case = matches!(
        error.downcast_ref::<domain::Error>(),
        Some(domain::Error::Unavailable { .. })
    );
    by_use_case || matches!(error.downcast_ref(), Some(store::Error::Unavailable(_)))
}

/// Makes the first admin from the environment. Without one, and without any user, returns a one-time link to make him.
pub async fn first_admin(state: &AppState) -> Result<Option<String>> {
    let platform = &state.platform;
    if let Some(admin) = state.config.base.auth.bootstrap_admin()? {
        platform::users::bootstrap(platform, &admin.email, &admin.password)
            .await
            .context("the first admin can not be made (VOLARY_BOOTSTRAP_ADMIN_EMAIL, VOLARY_BOOTSTRAP_ADMIN_PASSWORD)")?;
        return Ok(None);
    }
    if !platform::users::needs_setup(platform).await? {
        return Ok(None);
    }
    let token = platform::users::create_setup_token(platform).await?;
    Ok(token.map(|token| format!("{}/setup?token={token}", state.base_url)))
}

/// Starts what runs besides requests, and waits for the first serving snapshot.
pub async fn background(state: &AppState) -> Result<()> {
    // Before anything counts: what is counted without a recorder is lost.
    crate::routes::health::recorder();
    if state.role != Role::Worker {
        let thread = PageThread::start().context("no thread for pages could be started")?;
        let _ = state.pages.set(thread);
        crate::loops::start(state).await?;
        state
            .tasks
            .spawn(crate::routes::events::listen(state.clone()));
    }
    if state.role != Role::Gateway {
        let state = state.clone();
        state.tasks.clone().spawn(async move {
            work_on_jobs(&state.platform, &state.config.work, state.shutdown.clone()).await;
        });
    }
    state.readiness.has_snapshot();
    Ok(())
}

/// Works on jobs until `shutdown`; jobs at hand are given back.
pub async fn work_on_jobs(platform: &Platform, config: &WorkConfig, shutdown: CancellationToken) {
    crate::jobs::run(platform, config.worker_concurrency.into(), shutdown).await;
}

/// Fires `shutdown` at SIGTERM or SIGINT.
pub async fn stop_on_signal(shutdown: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::warn!("signals can not be heard: stop with SIGKILL");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => tracing::info!("stopping at SIGTERM"),
        _ = interrupt.recv() => tracing::info!("stopping at SIGINT"),
        () = shutdown.cancelled() => {}
    }
    shutdown.cancel();
}

/// Browsers keep a secure cookie only over TLS, so plain HTTP from other machines can not sign in.
pub fn warn_about_cookies(http: &HttpConfig) {
    if http.is_secure()
        && !http.tls.is_on()
        && http
            .public_url
            .as_ref()
            .is_none_or(|url| url.scheme() == "http")
    {
        tracing::warn!(
            "people can sign in over TLS only, or on this machine: set VOLARY_TLS_CERT and VOLARY_TLS_KEY, or put a TLS proxy in front and set VOLARY_PUBLIC_URL to its https address"
        );
    }
}
