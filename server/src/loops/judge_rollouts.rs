use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::every;
use crate::state::AppState;

/// With the flush of what was counted, a failing canary is out a few seconds after its first error.
const PERIOD: Duration = Duration::from_secs(1);

pub(super) async fn run(state: AppState, changed: Arc<Notify>) {
    let tick = || async {
        Box::pin(platform::rollouts::judge(&state.platform))
            .await
            .map(drop)
    };
    every(
        &state,
        "judge_rollouts",
        PERIOD,
        || changed.notified(),
        tick,
    )
    .await;
}
