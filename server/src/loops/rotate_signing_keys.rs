//! Follows the keys that tokens are signed with, and makes this process's next one in time.

use std::sync::Arc;
use std::time::Duration;

use domain::Result;
use tokio::sync::Notify;

use super::every;
use crate::state::AppState;

/// How long a revoked key can go on when no notification arrives, at most twice over.
const PERIOD: Duration = Duration::from_secs(2);

pub(super) async fn run(state: AppState, changed: Arc<Notify>) {
    let wake = || changed.notified();
    every(&state, "rotate_signing_keys", PERIOD, wake, || tick(&state)).await;
}

pub(super) async fn tick(state: &AppState) -> Result<()> {
    platform::signing_keys::keep(&state.platform).await
}
