//! What every write of a job begins with, and how a run is stopped that a job works on.

use domain::ids::{JobId, ProjectId};
use domain::training_runs::RunStatus;
use domain::{Actor, Error, Name, Permission, Result, Timestamp};
use store::Conn;
use store::jobs::{Cancelled, Fence};

use crate::{Platform, access};

const LOST: &str = "lease_lost";

/// Locks the job until the transaction ends. The flag says that somebody asked for it to stop.
///
/// # Errors
/// This attempt no longer holds the job ([`is_lost`]): nothing of it may be written.
pub(crate) async fn hold(conn: &mut Conn, fence: Fence) -> Result<bool> {
    store::jobs::hold(conn, fence).await?.ok_or_else(|| {
        Error::conflict(
            LOST,
            format!(
                "attempt {} of job {} no longer holds it",
                fence.attempt, fence.job
            ),
        )
    })
}

/// Whether the error says that another attempt has the job, or that it has ended.
#[must_use]
pub fn is_lost(error: &Error) -> bool {
    error.code() == LOST
}

/// The id of a run that a job works on.
pub(crate) trait RunId: Copy {
    type Run;

    /// The run, its status and its job; not found in any other project than its own.
    async fn find(
        self,
        conn: &mut Conn,
        project: ProjectId,
    ) -> Result<(Self::Run, RunStatus, JobId)>;

    async fn end_cancelled(self, conn: &mut Conn, now: Timestamp) -> Result<()>;

    /// Tells the pages that show it. To be called last.
    async fn publish(
        self,
        conn: &mut Conn,
        now: Timestamp,
        project: ProjectId,
        status: RunStatus,
    ) -> Result<()>;
}

/// Stops a run: one that waits ends here, one that runs when its worker has stopped it.
///
/// # Errors
/// `Conflict` with the code `run_finished` when it has succeeded or failed.
pub(crate) async fn cancel<I: RunId>(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    id: I,
) -> Result<I::Run> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let (_, _, job) = id.find(&mut tx, project).await?;
    let cancelled = store::jobs::cancel(&mut tx, job).await?;
    if cancelled == Cancelled::BeforeStart {
        id.end_cancelled(&mut tx, now).await?;
    }
    // Read again: now that the job is locked, nothing can end the run before us.
    let (run, status, _) = id.find(&mut tx, project).await?;
    if matches!(status, RunStatus::Succeeded | RunStatus::Failed) {
        return Err(Error::conflict(
            "run_finished",
            "the run has ended already: there is nothing left to cancel",
        ));
    }
    if cancelled == Cancelled::BeforeStart {
        id.publish(&mut tx, now, project, status).await?;
    }
    tx.commit().await?;
    Ok(run)
}
