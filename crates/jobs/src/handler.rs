use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use store::jobs::Fence;
use tokio_util::sync::CancellationToken;

/// What a handler's methods return: boxed, so that handlers of every kind stand in one list.
pub type Finished<'a> = Pin<Box<dyn Future<Output = domain::Result<()>> + Send + 'a>>;

/// Does the jobs of one kind.
pub trait Handler: Send + Sync + 'static {
    /// The `kind` of the jobs that it takes.
    fn kind(&self) -> &'static str;

    /// Does the job and finishes it, behind its fence. Listens to `job.stop` all the time.
    ///
    /// # Errors
    /// The job is not finished: it is tried again, or abandoned when this was its last attempt.
    fn run(&self, job: Job) -> Finished<'_>;

    /// Gives a job that will not be tried again its end, behind its fence, so that nothing waits for it for ever.
    ///
    /// # Errors
    /// It is abandoned again when the lease runs out.
    fn abandon(&self, job: Job, why: Abandoned) -> Finished<'_>;
}

/// One attempt at a job, as its handler gets it.
#[derive(Clone, Debug)]
pub struct Job {
    pub fence: Fence,
    pub payload: Value,
    pub stop: Stop,
}

/// Why a job gets no further attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Abandoned {
    /// Its worker was lost, and not for the first time.
    WorkerLost,
    /// Its worker was lost, and somebody had asked for it to stop.
    Cancelled,
    /// Every attempt failed; the last one with this error.
    Failed(String),
}

/// Why a job should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody asked for it: record that it was cancelled.
    Cancelled,
    /// Another attempt has it, or it has ended: write nothing.
    Lost,
    /// The process is going away and the job is back in the queue: write nothing.
    Shutdown,
}

/// Tells a job to stop. The first reason stays.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<StopReason>>,
}

impl Stop {
    pub fn because(&self, reason: StopReason) {
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// `None` while the job should go on.
    #[must_use]
    pub fn reason(&self) -> Option<StopReason> {
        self.reason.get().copied()
    }

    /// Fires when the job should stop.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}
