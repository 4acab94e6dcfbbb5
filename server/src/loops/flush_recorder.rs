//! Takes what was counted to the database and to the process's own metrics.

use std::time::Duration;

use domain::metrics::LatencyHistogram;
use domain::{Name, Result, Timestamp};
use serving::batcher::{BatchCounts, Batched};
use serving::recorder::{Batch, Counts, Subject};

use super::{every, never};
use crate::state::AppState;

const PERIOD: Duration = Duration::from_secs(1);
/// A key's last use is shown to the minute; writing it with every flush would only make dead rows.
const KEY_PERIOD: Duration = Duration::from_secs(5);

pub(super) async fn run(state: AppState) {
    every(&state, "flush_recorder", PERIOD, never, || tick(&state)).await;
    // What was counted since the last tick.
    if let Err(error) = tick(&state).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the last counts are lost"
        );
    }
}

async fn tick(state: &AppState) -> Result<()> {
    publish(state);
    let recorder = &state.serving.recorder;
    let Batch {
        rollups,
        samples,
        predictions,
    } = recorder.drain();
    let logged = predictions.len() as u64;
    let added = platform::metrics::add(&state.platform, &rollups, &samples, predictions).await;
    if added.is_err() {
        recorder.give_back(rollups, samples);
        recorder.count_dropped(logged);
    }
    added
}

pub(super) async fn run_key_uses(state: AppState) {
    let tick = || async {
        let uses = state.serving.take_key_uses();
        if uses.is_empty() {
            return Ok(());
        }
        let uses: Vec<(_, Timestamp, String)> = uses
            .into_iter()
            .map(|(key, at, address)| (key, at, address.to_string()))
            .collect();
        platform::api_keys::touch_used(&state.platform, &uses).await
    };
    every(&state, "flush_key_uses", KEY_PERIOD, never, tick).await;
}

/// Adds what was counted since the last time to the metrics that Prometheus reads. `GET /metrics` calls it too, so that
/// what it shows is not a second old.
pub fn publish(state: &AppState) {
    metrics::counter!("volary_prediction_log_dropped_total")
        .increment(state.serving.recorder.take_dropped());
    state
        .serving
        .recorder
        .collect(state.platform.clock.now(), |subject, counts| {
            count(subject, counts);
        });
    let gates = &state.serving.recorder.gates;
    gates.each(|project, deployment, gate| {
        let labels = [
            ("project", project.to_string()),
            ("deployment", deployment.to_string()),
        ];
        metrics::gauge!("volary_predict_in_flight", &labels).set(gate.in_flight() as f64);
        metrics::gauge!("volary_predict_queued", &labels).set(gate.waiting() as f64);
        metrics::counter!("volary_predict_refused_total", &labels).increment(gate.take_refused());
    });
    state.serving.recorder.batchers.each(count_batches);
}

fn count_batches(batched: &Batched, counts: &BatchCounts) {
    let deployment = batched.deployment.as_ref().map_or("", Name::as_str);
    let labels = [
        ("project", batched.project.to_string()),
        ("deployment", deployment.to_owned()),
        ("model", batched.model.to_string()),
        ("version", batched.version.to_string()),
    ];
    let rows = metrics::histogram!("volary_predict_batch_rows", &labels);
    for (size, n) in &counts.sizes {
        rows.record_many(*size as f64, usize::try_from(*n).unwrap_or(usize::MAX));
    }
    let waits = metrics::histogram!("volary_predict_batch_wait_seconds", &labels);
    record(&waits, &counts.waits);
}

fn count(subject: &Subject, counts: &Counts) {
    let deployment = subject
        .deployment
        .as_ref()
        .map_or("", |(_, name)| name.as_str());
    let labels = [
        ("project", subject.project.to_string()),
        ("deployment", deployment.to_owned()),
        ("model", subject.model.to_string()),
        ("version", subject.version.to_string()),
        ("route", subject.route.as_str().to_owned()),
    ];
    let requests = |status: &'static str, n: u64| {
        if n > 0 {
            let [project, deployment, model, version, route] = labels.clone();
            let labels = [
                project,
                deployment,
                model,
                version,
                route,
                ("status", status.to_owned()),
            ];
            metrics::counter!("volary_predict_requests_total", &labels).increment(n);
        }
    };
    let errors = counts.failed + counts.fell_back;
    requests("200", counts.requests.saturating_sub(errors));
    requests("500", counts.failed);
    // The model failed, and the stable version answered: that request is among its own.
    requests("fell_back", counts.fell_back);
    requests("422", counts.refused);
    metrics::counter!("volary_predict_errors_total", &labels).increment(errors);
    let latency = metrics::histogram!("volary_predict_duration_seconds", &labels);
    record(&latency, &counts.latency);
}

fn record(histogram: &metrics::Histogram, counted: &LatencyHistogram) {
    let bars = counted.bars.iter().enumerate();
    for (bar, n) in bars.filter(|(_, n)| **n > 0) {
        histogram.record_many(LatencyHistogram::upper_micros(bar) / 1e6, *n as usize);
    }
}
