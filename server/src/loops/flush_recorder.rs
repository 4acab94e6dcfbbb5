//! Takes what was counted to the database and to the process's own metrics.

use std::time::Duration;

use domain::metrics::LatencyHistogram;
use domain::predictions::PredictionRecord;
use domain::{Name, Result, Timestamp};
use serving::batcher::{BatchCounts, Batched};
use serving::recorder::{Batch, Counts, Sample, Subject};

use super::{every, never};
use crate::histograms::{Histograms, Metric};
use crate::routes::health;
use crate::state::AppState;

const PERIOD: Duration = Duration::from_secs(1);
/// A key's last use is shown to the minute; writing it with every flush would only make dead rows.
const KEY_PERIOD: Duration = Duration::from_secs(5);
/// Logged predictions that are read between two looks at what else there is to do: requests do not wait for the log.
const AT_ONCE: usize = 16;

const DURATION: Metric = Metric {
    name: "volary_predict_duration_seconds",
    bounds: &health::BUCKETS,
};
const BATCH_WAIT: Metric = Metric {
    name: "volary_predict_batch_wait_seconds",
    bounds: &health::BUCKETS,
};
/// Up to the largest batch that a deployment may have.
const BATCH_ROWS: Metric = Metric {
    name: "volary_predict_batch_rows",
    bounds: &[
        1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0,
    ],
};

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
    // What the exporter is told value by value would wait for the next time that somebody looks.
    if let Some(exporter) = health::recorder() {
        exporter.run_upkeep();
    }
    let recorder = &state.serving.recorder;
    let Batch {
        rollups,
        samples,
        logged,
    } = recorder.drain();
    let predictions = read(state, logged).await;
    let logged = predictions.len() as u64;
    let added = platform::metrics::add(&state.platform, &rollups, &samples, predictions).await;
    if added.is_err() {
        recorder.give_back(rollups, samples);
        recorder.count_dropped(logged);
    }
    added
}

async fn read(state: &AppState, logged: Vec<Sample>) -> Vec<PredictionRecord> {
    let mut read = Vec::with_capacity(logged.len());
    let mut logged = logged.into_iter().peekable();
    while logged.peek().is_some() {
        let some = logged.by_ref().take(AT_ONCE);
        read.extend(some.filter_map(|sample| state.serving.recorder.read(sample)));
        tokio::task::yield_now().await;
    }
    read
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
            count(&state.histograms, subject, counts);
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
    let batchers = &state.serving.recorder.batchers;
    batchers.each(|batched, counts| count_batches(&state.histograms, batched, counts));
}

fn count_batches(histograms: &Histograms, batched: &Batched, counts: &BatchCounts) {
    let deployment = batched.deployment.as_ref().map_or("", Name::as_str);
    let labels = [
        ("project", batched.project.to_string()),
        ("deployment", deployment.to_owned()),
        ("model", batched.model.to_string()),
        ("version", batched.version.to_string()),
    ];
    let sizes = counts.sizes.iter().map(|(size, n)| (*size as f64, *n));
    histograms.add(BATCH_ROWS, &labels, sizes);
    histograms.add(BATCH_WAIT, &labels, seconds(&counts.waits));
}

fn count(histograms: &Histograms, subject: &Subject, counts: &Counts) {
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
    histograms.add(DURATION, &labels, seconds(&counts.latency));
}

fn seconds(counted: &LatencyHistogram) -> impl Iterator<Item = (f64, u64)> {
    let bars = counted.bars.iter().enumerate();
    bars.filter(|(_, n)| **n > 0)
        .map(|(bar, n)| (LatencyHistogram::upper_micros(bar) / 1e6, u64::from(*n)))
}
