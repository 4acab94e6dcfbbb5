//! One file a command. Each `run` takes its parsed arguments and says how it went.

pub mod admin;
pub mod child;
pub mod completions;
pub mod doctor;
pub mod keys;
pub mod migrate;
pub mod openapi;
pub mod serve;
pub mod signing_keys;
pub mod worker;

use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use domain::Actor;
use platform::Platform;

use crate::config::BaseConfig;
use crate::start;

/// The command line is the owner of the database: nobody else can get at it.
const COMMAND_LINE: Actor = Actor::System {
    name: "command-line",
};

/// The exit code of a command; its error goes to standard error with all its causes, on one line.
#[expect(
    clippy::print_stderr,
    reason = "the last word of a command to the person who typed it"
)]
pub fn exit(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a line of a command's result. Nobody reading it any more is no failure of the command.
pub(crate) fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of this process can not be started")?;
    runtime.block_on(future)
}

/// Runs a command that works on the database directly, with the schema up to date. A private Postgres is started for it
/// when none runs, and stopped again.
fn with_platform<T, F>(config: &BaseConfig, work: impl FnOnce(Platform) -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    start::restrict_new_files();
    block_on(async {
        let database = start::Database::locate(config)?;
        let private = database.start().await?;
        let platform = start::platform(config, &database, start::ISSUER)?;
        let result = async {
            platform.store.migrate().await?;
            work(platform.clone()).await
        }
        .await;
        platform.store.close().await;
        if let Some(private) = private {
            private.stop_if_unused().await;
        }
        result
    })
}
