//! What is counted of the traffic. A request adds to counters of its own thread's shard and never waits; a loop collects
//! them every second.

mod counters;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::Timestamp;
use domain::ids::{DeploymentId, ModelVersionId, RolloutId};
use domain::metrics::{LatencyHistogram, Rollup};
use domain::predictions::{PredictionRecord, Route};
use domain::rollouts::{Arm, ArmStats, RolloutSample, SAMPLE_SECONDS};
use serde_json::Value;

use crate::batcher::Batchers;
use crate::gate::Gates;
use crate::predictions::Predictions;
use crate::remote::Engines;

pub use counters::{Counters, Counts, Outcome, Subject};

/// Sampled predictions that wait for the next flush, at most: the database has other things to do, and more of them tell no more.
const MAX_SAMPLES: usize = 250;
/// The log has no room for a request with a larger body, in bytes.
const MAX_SAMPLE_BYTES: usize = 64 << 10;
/// Nor for one of which more is predicted: each class of each row is a number.
const MAX_SAMPLE_NUMBERS: usize = 10_000;
/// Roll-ups that wait while the database is away, at most: what comes then is counted no more.
const MAX_PENDING: usize = 100_000;

/// One sampled prediction, its inputs not parsed yet: that is the flush's work.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub request_id: String,
    pub deployment: Option<DeploymentId>,
    pub version: ModelVersionId,
    pub route: Route,
    pub at: Timestamp,
    pub micros: u64,
    /// JSON.
    pub inputs: Vec<u8>,
    /// `None` when the model failed.
    pub predictions: Option<Vec<f64>>,
    /// Of a classifier: each prediction is then a probability for each of these.
    pub classes: Option<Vec<String>>,
}

impl Sample {
    fn parse(self, redacted: &[String]) -> Option<PredictionRecord> {
        let mut inputs: Value = serde_json::from_slice(&self.inputs).ok()?;
        match &mut inputs {
            Value::Array(rows) => rows.iter_mut().for_each(|row| redact(row, redacted)),
            row => redact(row, redacted),
        }
        Some(PredictionRecord {
            request_id: self.request_id,
            deployment: self.deployment,
            model_version: self.version,
            route: self.route,
            at: self.at,
            latency_micros: self.micros,
            inputs,
            predictions: match self.predictions {
                None => None,
                Some(numbers) => {
                    let predictions = Predictions::new(&numbers, self.classes.as_deref());
                    Some(serde_json::to_value(predictions).ok()?)
                }
            },
        })
    }
}

fn redact(row: &mut Value, redacted: &[String]) {
    for input in redacted {
        if let Some(value) = row.get_mut(input) {
            *value = Value::Null;
        }
    }
}

/// What is to be stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    pub rollups: Vec<Rollup>,
    pub samples: Vec<RolloutSample>,
    /// To be read by [`Recorder::read`].
    pub logged: Vec<Sample>,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.rollups.is_empty() && self.samples.is_empty() && self.logged.is_empty()
    }
}

/// Counts until it is told to give.
#[derive(Debug)]
pub struct Recorder {
    /// One request in so many is logged; 0 logs none.
    sample_every: u32,
    redacted: Vec<String>,
    /// Sampled predictions for which there was no room in the log.
    dropped: AtomicU64,
    subjects: Mutex<HashMap<Subject, Arc<Counters>>>,
    pending: Mutex<Pending>,
    samples: Mutex<Vec<Sample>>,
    /// Whoever goes through one of them is counted by it.
    pub gates: Gates,
    /// Whatever is computed together is counted by them.
    pub batchers: Batchers,
    /// Whatever is computed elsewhere is computed by them.
    pub engines: Engines,
}

type RollupKey = (DeploymentId, i32, Route, i64);

#[derive(Debug, Default)]
struct Pending {
    rollups: HashMap<RollupKey, (u64, u64, LatencyHistogram)>,
    samples: HashMap<(RolloutId, Arm, i64), ArmStats>,
}

impl Pending {
    fn add(&mut self, subject: &Subject, counts: &Counts, now: Timestamp) {
        let errors = counts.failed + counts.fell_back;
        let seconds = now.unix_seconds();
        if counts.requests == 0 {
            return;
        }
        if let Some((deployment, _)) = &subject.deployment {
            let minute = seconds.div_euclid(60) * 60;
            self.add_rollup(
                (*deployment, subject.version, subject.route, minute),
                counts.requests,
                errors,
                &counts.latency,
            );
        }
        if let Some(rollout) = subject.rollout {
            let arm = if subject.route == Route::Canary {
                Arm::Canary
            } else {
                Arm::Stable
            };
            let slice = seconds.div_euclid(SAMPLE_SECONDS) * SAMPLE_SECONDS;
            self.add_sample(
                (rollout, arm, slice),
                ArmStats {
                    requests: counts.requests,
                    errors,
                },
            );
        }
    }

    fn add_rollup(
        &mut self,
        key: RollupKey,
        requests: u64,
        errors: u64,
        latency: &LatencyHistogram,
    ) {
        if self.rollups.len() >= MAX_PENDING && !self.rollups.contains_key(&key) {
            return;
        }
        let sum = self.rollups.entry(key).or_default();
        sum.0 += requests;
        sum.1 += errors;
        sum.2.merge(latency);
    }

    fn add_sample(&mut self, key: (RolloutId, Arm, i64), stats: ArmStats) {
        if self.samples.len() >= MAX_PENDING && !self.samples.contains_key(&key) {
            return;
        }
        let sum = self.samples.entry(key).or_default();
        sum.requests += stats.requests;
        sum.errors += stats.errors;
    }
}

impl Recorder {
    /// `share` of the requests is logged, 0 to 1.
    /// Of a logged one, the values of the inputs in `redacted` are left out.
    pub fn new(share: f64, redacted: Vec<String>) -> Self {
        let sample_every = if share > 0.0 {
            (1.0 / share).round().clamp(1.0, f64::from(u32::MAX)) as u32
        } else {
            0
        };
        Self {
            sample_every,
            redacted,
            dropped: AtomicU64::new(0),
            subjects: Mutex::default(),
            pending: Mutex::default(),
            samples: Mutex::default(),
            gates: Gates::default(),
            batchers: Batchers::default(),
            engines: Engines::default(),
        }
    }

    /// The counters of a subject, the same ones for every snapshot that serves it.
    pub fn counters(&self, subject: Subject) -> Arc<Counters> {
        let mut subjects = lock(&self.subjects);
        Arc::clone(
            subjects
                .entry(subject)
                .or_insert_with_key(|subject| Arc::new(Counters::new(subject.clone()))),
        )
    }

    /// Logs the prediction when it is in the sample and there is room; never waits. `numbers` is how many were predicted.
    pub fn sample(
        &self,
        counters: &Counters,
        now: Timestamp,
        body: &[u8],
        numbers: usize,
        sample: impl FnOnce() -> Option<Sample>,
    ) {
        if self.sample_every == 0 || !counters.is_sampled(self.sample_every, now) {
            return;
        }
        let fits = body.len() <= MAX_SAMPLE_BYTES && numbers <= MAX_SAMPLE_NUMBERS;
        match self.samples.try_lock() {
            Ok(mut samples) if fits && samples.len() < MAX_SAMPLES => samples.extend(sample()),
            _ => self.count_dropped(1),
        }
    }

    /// Notes sampled predictions that do not come into the log.
    pub fn count_dropped(&self, predictions: u64) {
        self.dropped.fetch_add(predictions, Ordering::Relaxed);
    }

    /// How many sampled predictions did not come into the log since this was asked last.
    pub fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    /// Moves what was counted to what is to be stored, and gives it to `each`, for the process's own metrics.
    pub fn collect(&self, now: Timestamp, mut each: impl FnMut(&Subject, &Counts)) {
        let mut subjects = lock(&self.subjects);
        let mut pending = lock(&self.pending);
        subjects.retain(|subject, counters| {
            // Asked before the counters are taken: who holds them may still count.
            let is_used = Arc::strong_count(counters) > 1;
            let counts = counters.take();
            if !counts.is_empty() {
                pending.add(subject, &counts, now);
                each(subject, &counts);
            }
            is_used
        });
    }

    /// Takes what is to be stored.
    pub fn drain(&self) -> Batch {
        let Pending { rollups, samples } = std::mem::take(&mut *lock(&self.pending));
        let logged = std::mem::take(&mut *lock(&self.samples));
        Batch {
            rollups: rollups
                .into_iter()
                .map(
                    |((deployment, version, route, minute), (requests, errors, latency))| Rollup {
                        deployment,
                        version,
                        route,
                        minute,
                        requests,
                        errors,
                        latency,
                    },
                )
                .collect(),
            samples: samples
                .into_iter()
                .map(|((rollout, arm, slice), stats)| RolloutSample {
                    rollout,
                    arm,
                    slice,
                    stats,
                })
                .collect(),
            logged,
        }
    }

    /// What the log keeps of a prediction; nothing if its inputs are not JSON, which those of an answered request are.
    pub fn read(&self, sample: Sample) -> Option<PredictionRecord> {
        sample.parse(&self.redacted)
    }

    /// Takes counts back that could not be stored; they are stored with the next ones. Logged predictions are let go.
    pub fn give_back(&self, rollups: Vec<Rollup>, samples: Vec<RolloutSample>) {
        let mut pending = lock(&self.pending);
        for rollup in rollups {
            let key = (
                rollup.deployment,
                rollup.version,
                rollup.route,
                rollup.minute,
            );
            pending.add_rollup(key, rollup.requests, rollup.errors, &rollup.latency);
        }
        for sample in samples {
            pending.add_sample((sample.rollout, sample.arm, sample.slice), sample.stats);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use domain::Name;

    use super::*;

    fn subject(route: Route, rollout: Option<RolloutId>) -> Subject {
        Subject {
            project: Name::new("default").unwrap(),
            deployment: Some((DeploymentId::at(at(1)), Name::new("price").unwrap())),
            model: Name::new("price").unwrap(),
            version: 2,
            version_id: ModelVersionId::at(at(2)),
            route,
            rollout,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    fn read(recorder: &Recorder) -> Vec<PredictionRecord> {
        let logged = recorder.drain().logged.into_iter();
        logged.filter_map(|sample| recorder.read(sample)).collect()
    }

    #[test]
    fn every_request_is_counted_once_from_many_threads_and_over_failed_flushes() {
        let recorder = Recorder::new(0.0, Vec::new());
        let rollout = RolloutId::at(at(3));
        let counters = recorder.counters(subject(Route::Canary, Some(rollout)));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for micros in 0..1000 {
                        let outcome = if micros % 10 == 0 {
                            Outcome::FellBack
                        } else {
                            Outcome::Answered
                        };
                        counters.record(outcome, micros);
                    }
                });
            }
            for _ in 0..20 {
                recorder.collect(at(65), |_, _| {});
                let batch = recorder.drain();
                recorder.give_back(batch.rollups, batch.samples);
            }
        });
        recorder.collect(at(65), |_, _| {});
        let batch = recorder.drain();
        assert_eq!(batch.rollups.len(), 1);
        let rollup = &batch.rollups[0];
        assert_eq!(
            (
                rollup.minute,
                rollup.requests,
                rollup.errors,
                rollup.latency.count()
            ),
            (60, 8000, 800, 8000)
        );
        let sample = RolloutSample {
            rollout,
            arm: Arm::Canary,
            slice: 60,
            stats: ArmStats {
                requests: 8000,
                errors: 800,
            },
        };
        assert_eq!(batch.samples, [sample]);
        assert!(recorder.drain().is_empty());
    }

    #[test]
    fn counters_that_nobody_holds_are_forgotten_once_collected() {
        let recorder = Recorder::new(0.0, Vec::new());
        recorder
            .counters(subject(Route::Stable, None))
            .record(Outcome::Answered, 5);
        let mut seen = 0;
        recorder.collect(at(0), |_, counts| seen += counts.requests);
        assert_eq!(seen, 1);
        assert!(lock(&recorder.subjects).is_empty());
    }

    #[test]
    fn the_first_of_a_minute_is_logged_and_then_one_in_so_many() {
        let recorder = Recorder::new(0.01, Vec::new());
        let counters = recorder.counters(subject(Route::Stable, None));
        let body = br#"{"inputs":{"x":1.5}}"#;
        for n in 0..201 {
            recorder.sample(&counters, at(if n < 200 { 0 } else { 60 }), body, 1, || {
                Some(Sample {
                    request_id: format!("r{n}"),
                    deployment: None,
                    version: counters.subject().version_id,
                    route: Route::Stable,
                    at: at(0),
                    micros: 3,
                    inputs: br#"{"x":1.5}"#.to_vec(),
                    predictions: Some(vec![2.5]),
                    classes: None,
                })
            });
        }
        let logged = read(&recorder);
        let ids: Vec<_> = logged
            .iter()
            .map(|record| record.request_id.as_str())
            .collect();
        assert_eq!(ids, ["r0", "r100", "r200"]);
        assert_eq!(logged[0].inputs, serde_json::json!({"x": 1.5}));
        assert_eq!(logged[0].predictions, Some(serde_json::json!([2.5])));
    }

    #[test]
    fn values_that_are_not_to_be_kept_are_not_logged_and_what_has_no_room_is_counted() {
        let recorder = Recorder::new(1.0, vec!["name".to_owned()]);
        let counters = recorder.counters(subject(Route::Stable, None));
        let log = |inputs: &[u8]| {
            recorder.sample(&counters, at(0), inputs, 1, || {
                Some(Sample {
                    request_id: "r".to_owned(),
                    deployment: None,
                    version: counters.subject().version_id,
                    route: Route::Stable,
                    at: at(0),
                    micros: 3,
                    inputs: inputs.to_vec(),
                    predictions: None,
                    classes: None,
                })
            });
        };
        log(br#"{"name":"Ada","x":1}"#);
        log(br#"[{"x":1},{"name":"Bo","x":2}]"#);
        let logged = read(&recorder);
        let inputs: Vec<_> = logged
            .iter()
            .map(|record| record.inputs.to_string())
            .collect();
        assert_eq!(
            inputs,
            [r#"{"name":null,"x":1}"#, r#"[{"x":1},{"name":null,"x":2}]"#]
        );
        let (large, small) = (vec![b' '; MAX_SAMPLE_BYTES + 1], b"{}".as_slice());
        for (body, numbers) in [(&*large, 1), (small, MAX_SAMPLE_NUMBERS + 1)] {
            recorder.sample(&counters, at(0), body, numbers, || None);
        }
        assert_eq!(recorder.take_dropped(), 2);
        for _ in 0..MAX_SAMPLES + 7 {
            log(b"{}");
        }
        assert_eq!((recorder.take_dropped(), recorder.take_dropped()), (7, 0));
        assert_eq!(recorder.drain().logged.len(), MAX_SAMPLES);
    }
}
