//! Looks whether the engines are ready that compute versions elsewhere, so that a problem is seen before somebody asks.

use std::sync::Arc;
use std::time::Duration;

use domain::Result;
use domain::models::Circuit;
use futures::stream::{self, StreamExt as _};
use serving::remote::Engine;

use super::{every, never, reload_serving};
use crate::state::AppState;

const PERIOD: Duration = Duration::from_secs(2);
/// Engines that are looked at at once.
const AT_ONCE: usize = 16;

pub(super) async fn run(state: AppState) {
    every(&state, "check_engines", PERIOD, never, || tick(&state)).await;
}

/// Several at once: one that does not answer keeps few others waiting, and is left alone for a while.
async fn tick(state: &AppState) -> Result<()> {
    let snapshot = state.serving.snapshot_owned();
    let recorder = &state.serving.recorder;
    let engines: Vec<(_, Arc<Engine>)> = snapshot
        .versions()
        .filter(|version| version.is_remote())
        .filter_map(|version| Some((version.id, Arc::clone(version.engine(recorder)?))))
        .collect();
    let due: Vec<_> = engines
        .iter()
        .filter(|(_, engine)| engine.is_due())
        .map(|(_, engine)| Arc::clone(engine))
        .collect();
    let looks = stream::iter(due);
    looks
        .for_each_concurrent(AT_ONCE, |engine| async move { engine.look().await })
        .await;
    for (_, engine) in &engines {
        publish(engine);
    }
    let health = engines.iter().map(|(id, engine)| (*id, engine.health()));
    state.platform.live.report_engines(health.collect());
    if !engines.is_empty() {
        reload_serving::report(state);
    }
    Ok(())
}

fn publish(engine: &Engine) {
    let health = engine.health();
    let labels = [
        ("project", engine.name.project.to_string()),
        ("model", engine.name.model.to_string()),
        ("version", engine.name.version.to_string()),
    ];
    let circuit = match health.circuit {
        Circuit::Closed => 0.0,
        Circuit::HalfOpen => 1.0,
        Circuit::Open => 2.0,
    };
    metrics::gauge!("volary_engine_circuit", &labels).set(circuit);
    let is_well = if health.problem.is_none() { 1.0 } else { 0.0 };
    metrics::gauge!("volary_engine_ready", &labels).set(is_well);
}
