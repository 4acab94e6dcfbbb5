//! What every write of a job begins with.

use domain::{Error, Result};
use store::Conn;
use store::jobs::Fence;

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
