//! Forgets what nobody needs any more. Each part on its own: one that fails keeps no other from being done.

use std::time::Duration;

use domain::Result;

use super::{every, never};
use crate::state::AppState;

const PERIOD: Duration = Duration::from_mins(5);

pub(super) async fn run(state: AppState) {
    // What a process that died left behind goes at once; what fails now is tried again with the rest.
    if let Err(error) = tick(&state).await {
        tracing::warn!(%error, "the first sweep failed");
    }
    every(&state, "sweep", PERIOD, never, || tick(&state)).await;
}

async fn tick(state: &AppState) -> Result<()> {
    state.serving.addresses.forget_idle();
    state.serving.refusals.forget_idle();
    let platform = &state.platform;
    let done = [
        platform::sessions::delete_expired(platform).await,
        platform::events::trim(platform).await,
        platform::metrics::trim(platform).await,
        platform::metrics::drop_logged(platform, state.config.predictions.prediction_log_days)
            .await,
        platform::idempotent_requests::trim(platform).await,
        platform::async_predictions::trim(platform, state.config.predictions.async_retention).await,
    ];
    let swept = platform
        .blobs
        .sweep(&platform.store, platform.clock.now())
        .await;
    let rows = done.into_iter().sum::<Result<u64>>()?;
    let swept = swept?;
    tracing::debug!(rows, ?swept, "swept");
    Ok(())
}
