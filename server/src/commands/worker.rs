//! `volary worker`: jobs without HTTP.

use std::time::Duration;

use anyhow::Result;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{BaseConfig, WorkConfig};
use crate::{commands, logging, start};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    pub base: BaseConfig,
    #[command(flatten)]
    pub work: WorkConfig,
}

pub fn run(args: Args) -> Result<()> {
    start::restrict_new_files();
    let _logs = logging::start(&args.base.log)?;
    commands::block_on(work(args))
}

async fn work(args: Args) -> Result<()> {
    let database = start::Database::locate(&args.base)?;
    let platform = start::platform(&args.base, &database, start::ISSUER)?;
    let shutdown = CancellationToken::new();
    let tasks = TaskTracker::new();
    tasks.spawn(start::stop_on_signal(shutdown.clone()));
    let private = tokio::select! {
        private = async {
            let private = database.start().await?;
            start::migrate(&platform.store).await?;
            anyhow::Ok(private)
        } => private?,
        () = shutdown.cancelled() => return Ok(()),
    };
    tracing::info!(
        concurrency = args.work.worker_concurrency,
        "working on jobs"
    );
    start::work_on_jobs(&platform, &args.work, shutdown).await;
    tasks.close();
    if tokio::time::timeout(Duration::from_secs(5), tasks.wait())
        .await
        .is_err()
    {
        tracing::warn!("tasks did not end in time and are dropped");
    }
    platform.store.close().await;
    if let Some(private) = private {
        private.stop_if_unused().await;
    }
    Ok(())
}
