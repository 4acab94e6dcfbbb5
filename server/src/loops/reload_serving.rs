//! Keeps the snapshot as the database says: what is served, and who may ask for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::DeploymentId;
use domain::serving::ServingTable;
use domain::{Error, Result};
use platform::live::Health;
use serving::Snapshot;
use tokio::sync::Notify;

use super::every;
use crate::state::AppState;

/// How long a revoked key can go on when no notification arrives, at most twice over.
const PERIOD: Duration = Duration::from_secs(2);

pub(super) async fn run(state: AppState, changed: Arc<Notify>) {
    let live = state.platform.live.clone();
    let wake = || async {
        tokio::select! {
            () = changed.notified() => {}
            () = live.asked() => {}
        }
    };
    every(&state, "reload_serving", PERIOD, wake, || tick(&state)).await;
}

/// Builds the next snapshot beside the present one and swaps them, if anything has changed.
pub(super) async fn tick(state: &AppState) -> Result<()> {
    let (platform, serving) = (&state.platform, &state.serving);
    let ticket = platform.live.ticket();
    let present = serving.snapshot_owned();
    let fingerprint = platform::deployments::serving_fingerprint(platform).await?;
    if fingerprint == present.fingerprint() && !present.is_to_be_tried_again() {
        serving.confirm();
        platform.live.apply(ticket);
        return Ok(());
    }
    let table = platform::deployments::serving_table(platform).await?;
    let artifacts = artifacts(state, &present, &table).await;
    let keeper = Arc::clone(serving);
    let next =
        tokio::task::spawn_blocking(move || present.next(table, &artifacts, &keeper.recorder))
            .await
            .map_err(Error::internal)?;
    serving.swap(next);
    report(state);
    platform.live.apply(ticket);
    Ok(())
}

/// Tells how every deployment does in this process.
pub(super) fn report(state: &AppState) {
    state.platform.live.report(|| {
        let health = state.serving.snapshot().health();
        health.into_iter().map(told).collect()
    });
}

fn told((id, health): (DeploymentId, serving::snapshot::Health)) -> (DeploymentId, Health) {
    let serving::snapshot::Health {
        stable,
        problem,
        canary_problem,
        is_loaded,
        cold_start,
    } = health;
    let health = Health {
        stable,
        problem,
        canary_problem,
        is_loaded,
        cold_start,
    };
    (id, health)
}

/// What the next snapshot needs and the present one has not, or why it can not be had.
async fn artifacts(
    state: &AppState,
    present: &Snapshot,
    table: &ServingTable,
) -> HashMap<String, Result<Vec<u8>, String>> {
    let mut artifacts = HashMap::new();
    for sha256 in present.missing(table, state.platform.clock.now()) {
        let artifact = state.platform.blobs.read(&sha256).await.map_err(|error| {
            tracing::warn!(
                sha256,
                error = &error as &dyn std::error::Error,
                "an artifact can not be read"
            );
            "its artifact can not be read from the disk".to_owned()
        });
        artifacts.insert(sha256, artifact);
    }
    artifacts
}
