//! Loads deployments that are let go between their requests ahead of the hours in which these usually come. What a process
//! loads it loads for itself, so every process does this.

use std::sync::Arc;
use std::time::Duration;

use domain::{Result, warmth};

use super::{every, never};
use crate::routes::predict::load::prewarm;
use crate::state::AppState;

const PERIOD: Duration = Duration::from_secs(20);

pub(super) async fn run(state: AppState) {
    let tick = || prewarm_deployments(&state);
    every(&state, "prewarm_deployments", PERIOD, never, tick).await;
}

/// Nothing but in the minutes before an hour begins.
///
/// # Errors
/// `Unavailable` while Postgres is away.
pub async fn prewarm_deployments(state: &AppState) -> Result<()> {
    let Some(hour) = warmth::coming(state.platform.clock.now()) else {
        return Ok(());
    };
    for (project, name) in platform::deployments::expected(&state.platform, hour).await? {
        let found = {
            let snapshot = state.serving.snapshot();
            snapshot.deployment(project, name.as_str()).map(Arc::clone)
        };
        let Some(deployment) = found else { continue };
        if let Err(error) = prewarm(state, &deployment, hour).await {
            tracing::warn!(deployment = %name, error = &error as &dyn std::error::Error, "a deployment is not loaded ahead");
        }
    }
    Ok(())
}
