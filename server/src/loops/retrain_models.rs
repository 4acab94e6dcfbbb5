//! Starts the trainings that are due, and says what their versions are worth. Every server does this: what one has done, the others
//! find done.

use std::time::Duration;

use super::{every, never};
use crate::state::AppState;

/// Schedules go by minutes.
const PERIOD: Duration = Duration::from_secs(5);

pub(super) async fn run(state: AppState) {
    let tick = || async {
        Box::pin(platform::retraining::tick(&state.platform))
            .await
            .map(drop)
    };
    every(&state, "retrain_models", PERIOD, never, tick).await;
}
