//! The jobs of this platform, bound to the queue: what each reads, which child process does the work, and which use case
//! writes the result.

mod fate;
mod profile_dataset;
mod score_dataset;
mod train_model;

use std::fmt::{Debug, Display};
use std::sync::Arc;
use std::time::Duration;

use domain::{Error, Result};
use jobs::child::{Child, Command, End};
use jobs::{Finished, Handler, Job, Options, StopReason};
use platform::Platform;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use trainer::child::{ChildMessage, ChildRequest};

use profile_dataset::ProfileDataset;
use score_dataset::ScoreDataset;
use train_model::TrainModel;

/// This very build, even when the file on the disk has been replaced since.
pub(crate) const OWN_PROGRAM: &str = "/proc/self/exe";
/// The profile of a table with very many columns, in bytes.
const LONGEST_MESSAGE: usize = 64 << 20;
/// How long a result that can not be written is kept, while the database is away.
const KEEP_RESULT: Duration = Duration::from_mins(10);
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Works on jobs, `concurrency` at a time, until `shutdown`; jobs at hand are given back at once, and their child processes
/// are gone when this returns.
pub async fn run(platform: &Platform, concurrency: usize, shutdown: CancellationToken) {
    let handlers: Vec<Arc<dyn Handler>> = vec![
        Arc::new(ProfileDataset::new(platform.clone())),
        Arc::new(TrainModel::new(platform.clone())),
        Arc::new(ScoreDataset::new(platform.clone())),
    ];
    let worker = format!("{}/{}", host(), std::process::id());
    let options = Options {
        worker,
        concurrency,
    };
    ::jobs::run(platform.store.clone(), options, handlers, shutdown).await;
}

fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

fn payload<T: DeserializeOwned>(job: &Job) -> Result<T> {
    serde_json::from_value(job.payload.clone()).map_err(Error::internal)
}

/// Starts `volary child` with the request; it is killed after `limit`, and as soon as the job should stop.
fn spawn(job: &Job, request: &ChildRequest, limit: Duration) -> Result<Child> {
    let request = serde_json::to_vec(request).map_err(Error::internal)?;
    let command = Command {
        program: OWN_PROGRAM.into(),
        arguments: vec!["child".into()],
        limit,
        max_line: LONGEST_MESSAGE,
    };
    Child::spawn(&command, request, job.stop.token().clone()).map_err(Error::internal)
}

/// A line of the child's; what it should not have said is only logged.
fn message(job: &Job, line: &str) -> Option<ChildMessage> {
    match serde_json::from_str(line) {
        Ok(message) => Some(message),
        Err(error) => {
            tracing::warn!(job = %job.fence.job, %error, "a child process said something that is not a message");
            None
        }
    }
}

/// How the child ended. `what` is the line of the log, `run` the run that it worked for.
async fn end(
    job: &Job,
    child: Child,
    run: Option<&(dyn Display + Sync)>,
    what: &str,
) -> Result<End> {
    let end = child.end().await.map_err(Error::internal)?;
    tracing::info!(
        job = %job.fence.job,
        run = run.map(tracing::field::display),
        exit = ?end.exit,
        took_ms = end.took.as_millis(),
        peak_memory = end.peak_memory,
        "{what}"
    );
    Ok(end)
}

/// Whether this attempt may still write: nobody else has the job, and the process stays.
fn may_write(job: &Job) -> bool {
    !matches!(
        job.stop.reason(),
        Some(StopReason::Lost | StopReason::Shutdown)
    )
}

/// Writes a result, and tries again while the database is away: the work behind it may have taken hours.
async fn keep_trying<'a>(job: &Job, mut write: impl FnMut() -> Finished<'a> + Send) -> Result<()> {
    let start = tokio::time::Instant::now();
    loop {
        match write().await {
            Err(error) if platform::jobs::is_lost(&error) => {
                job.stop.because(StopReason::Lost);
                return Err(error);
            }
            Err(Error::Unavailable { .. }) if may_write(job) && start.elapsed() < KEEP_RESULT => {
                tokio::time::sleep(TRY_AGAIN).await;
            }
            done => return done,
        }
    }
}

/// Writes how a run ended, as [`keep_trying`] does.
async fn finish<'a, O, F, W>(
    job: &'a Job,
    run: &'a (dyn Display + Sync),
    outcome: &O,
    write: impl Fn(O) -> W + Send + Sync,
) -> Result<()>
where
    O: Clone + Sync,
    F: Debug,
    W: Future<Output = Result<F>> + Send + 'a,
{
    keep_trying(job, || {
        let writing = write(outcome.clone());
        Box::pin(async move {
            let finished = writing.await?;
            tracing::info!(job = %job.fence.job, %run, ?finished, "run finished");
            Ok(())
        })
    })
    .await
}
