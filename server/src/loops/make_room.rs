//! Lets go of models that nobody uses any more.

use std::future::ready;
use std::time::Duration;

use super::{every, never, reload_serving};
use crate::state::AppState;

const PERIOD: Duration = Duration::from_secs(5);

pub(super) async fn run(state: AppState) {
    let tick = || {
        make_room(&state);
        ready(Ok(()))
    };
    every(&state, "make_room", PERIOD, never, tick).await;
}

/// Also after every load, so that a crowd of versions does not take the memory of all of them at once.
pub fn make_room(state: &AppState) {
    let loaded = state.serving.make_room(state.platform.clock.now());
    metrics::gauge!("volary_models_loaded").set(loaded.versions as f64);
    metrics::gauge!("volary_models_loaded_bytes").set(loaded.bytes as f64);
    for (reason, count) in [("idle", loaded.idle), ("crowded_out", loaded.crowded_out)] {
        metrics::counter!("volary_models_unloaded_total", "reason" => reason)
            .increment(count as u64);
    }
    reload_serving::report(state);
}
