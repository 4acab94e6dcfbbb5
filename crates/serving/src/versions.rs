use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwapOption, Guard};
use domain::datasets::ColumnType;
use domain::deployments::Capacity;
use domain::ids::ModelVersionId;
use domain::models::{RemoteToken, Signature};
use domain::predictions::Route;
use domain::serving::ServingVersion;
use domain::{Error, Name, Timestamp};
use model::{PredictError, Predictor, check_row};
use serde_json::Value;

use crate::batcher::{Batched, Batcher, Settings};
use crate::gate::Gate;
use crate::recorder::{Counters, Recorder, Subject};
use crate::remote::{Engine, EngineName};
use crate::request::Rows;

/// How long a version that could not be loaded is left alone.
pub const LOAD_RETRY: Duration = Duration::from_secs(10);

/// A version of a model. Loaded when a deployment keeps it loaded or somebody first asks for it; let go when neither is so
/// for a while.
#[derive(Debug)]
pub struct Version {
    pub id: ModelVersionId,
    pub model: Name,
    pub number: i32,
    pub sha256: String,
    project: Name,
    predictor: ArcSwapOption<Predictor>,
    /// As its model said when it was loaded; also of one that another engine computes.
    gains_from_batches: AtomicBool,
    /// What computes it, if that is another engine. Made when it is first asked.
    engine: OnceLock<Arc<Engine>>,
    remote_token: Option<RemoteToken>,
    /// Bytes of its artifact, which are about what it takes in memory; 0 while it is not loaded.
    bytes: AtomicUsize,
    /// When it was last asked for, in Unix milliseconds.
    used: AtomicI64,
    /// When it is likely to be asked for, in Unix milliseconds.
    expected: AtomicI64,
    /// How long the last request waited that found it not loaded, in microseconds; 0 before the first.
    cold_start: AtomicU64,
    /// Why it can not be loaded, or why its probe prediction fails, and since when.
    problem: RwLock<Option<(String, Instant)>>,
    /// Whether there is one: every request asks, and no other request is to wait for that.
    has_problem: AtomicBool,
    /// Of requests that name this version.
    counters: OnceLock<Arc<Counters>>,
    /// Of requests that name this version.
    batcher: OnceLock<Arc<Batcher>>,
    /// Of requests that name this version.
    pub gate: Arc<Gate>,
}

impl Version {
    pub(crate) fn new(project: &Name, model: &Name, version: &ServingVersion) -> Self {
        Self {
            id: version.id,
            model: model.clone(),
            number: version.number,
            sha256: version.sha256.clone(),
            project: project.clone(),
            predictor: ArcSwapOption::empty(),
            gains_from_batches: AtomicBool::new(false),
            engine: OnceLock::new(),
            remote_token: version.remote_token.clone(),
            bytes: AtomicUsize::new(0),
            used: AtomicI64::new(i64::MIN),
            expected: AtomicI64::new(i64::MIN),
            cold_start: AtomicU64::new(0),
            problem: RwLock::new(None),
            has_problem: AtomicBool::new(false),
            counters: OnceLock::new(),
            batcher: OnceLock::new(),
            gate: Arc::default(),
        }
    }

    /// `None` while it is not loaded.
    #[inline]
    pub fn predictor(&self) -> Guard<Option<Arc<Predictor>>> {
        self.predictor.load()
    }

    /// To keep over an `await`.
    pub(crate) fn predictor_owned(&self) -> Option<Arc<Predictor>> {
        self.predictor.load_full()
    }

    /// Whether requests for it are computed elsewhere than where they are: together, or by another engine. Decided once, when it
    /// is loaded: a request only looks it up.
    #[inline]
    pub fn gains_from_batches(&self) -> bool {
        self.gains_from_batches.load(Ordering::Relaxed)
    }

    pub fn is_loaded(&self) -> bool {
        self.predictor().is_some()
    }

    /// Whether another engine computes it; `false` while it is not loaded.
    pub fn is_remote(&self) -> bool {
        self.gains_from_batches()
            && self
                .predictor()
                .as_deref()
                .is_some_and(|predictor| predictor.remote().is_some())
    }

    /// What computes it, if that is another engine and it was loaded once.
    pub fn engine(&self, recorder: &Recorder) -> Option<&Arc<Engine>> {
        if let Some(engine) = self.engine.get() {
            return Some(engine);
        }
        let predictor = self.predictor();
        let remote = predictor.as_deref()?.remote()?;
        let name = EngineName {
            project: self.project.clone(),
            model: self.model.clone(),
            version: self.number,
        };
        let token = self.remote_token.as_ref();
        let engine = Arc::new(recorder.engines.engine(name, remote, token)?);
        Some(self.engine.get_or_init(|| engine))
    }

    /// Why it can not answer now, in one sentence, or why its engine can not.
    pub fn trouble(&self) -> Option<String> {
        let of_engine = || self.engine.get()?.health().problem;
        self.problem().or_else(of_engine)
    }

    /// Bytes of its artifact while it is loaded, else 0.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Notes that it is likely to be needed at a moment to come, and not to be let go before.
    pub fn expect_use(&self, at: Timestamp) {
        self.expected.fetch_max(at.unix_millis(), Ordering::Relaxed);
    }

    /// When it was last needed or will be, in Unix milliseconds.
    pub(crate) fn needed(&self) -> i64 {
        self.used().max(self.expected.load(Ordering::Relaxed))
    }

    /// Notes that it is needed.
    pub fn touch(&self, now: Timestamp) {
        self.used.fetch_max(now.unix_millis(), Ordering::Relaxed);
    }

    /// When it was last needed, in Unix milliseconds.
    pub(crate) fn used(&self) -> i64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Notes that a request waited until it was loaded.
    pub fn started_cold(&self, waited: Duration) {
        let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.cold_start.store(micros.max(1), Ordering::Relaxed);
    }

    /// How long the last request waited that found it not loaded.
    pub(crate) fn cold_start(&self) -> Option<Duration> {
        let micros = self.cold_start.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    /// Gives its memory back, once the requests that are under way are done with it.
    pub(crate) fn unload(&self) {
        self.predictor.store(None);
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// In one sentence; `None` for a version that was loaded and whose probe prediction succeeded.
    pub fn problem(&self) -> Option<String> {
        if !self.has_problem.load(Ordering::Acquire) {
            return None;
        }
        let problem = self.problem.read().unwrap_or_else(PoisonError::into_inner);
        problem.as_ref().map(|(problem, _)| problem.clone())
    }

    /// For who asks for it while there is a problem.
    pub fn not_ready(&self, problem: &str) -> Error {
        let message = format!(
            "version {} of model {} is not ready: {problem}",
            self.number, self.model
        );
        Error::not_yet(message, LOAD_RETRY.as_secs())
    }

    /// Whether it is not loaded, and did not fail to load a moment ago: an artifact may be large, and is not read again
    /// for every request that finds it damaged.
    pub fn may_load(&self) -> bool {
        if self.is_loaded() {
            return false;
        }
        let problem = self.problem.read().unwrap_or_else(PoisonError::into_inner);
        problem
            .as_ref()
            .is_none_or(|(_, since)| since.elapsed() >= LOAD_RETRY)
    }

    pub(crate) fn counters(&self, recorder: &Recorder) -> &Arc<Counters> {
        self.counters.get_or_init(|| {
            recorder.counters(Subject {
                project: self.project.clone(),
                deployment: None,
                model: self.model.clone(),
                version: self.number,
                version_id: self.id,
                route: Route::Pinned,
                rollout: None,
            })
        })
    }

    /// Of requests that name this version.
    pub(crate) fn batcher(&self, recorder: &Recorder) -> &Arc<Batcher> {
        self.batcher.get_or_init(|| {
            let settings = Settings::of(&Capacity::default());
            recorder.batchers.of(self.batched(None), settings)
        })
    }

    /// How its batches are told apart from those of others.
    pub(crate) fn batched(&self, deployment: Option<&Name>) -> Batched {
        Batched {
            project: self.project.clone(),
            deployment: deployment.cloned(),
            model: self.model.clone(),
            version: self.number,
        }
    }

    /// Prepares the artifact of this version, or keeps why there is none, and makes a probe prediction.
    pub fn load(&self, artifact: Result<&[u8], String>) {
        let prepared = artifact.and_then(|bytes| Ok((prepare(bytes)?, bytes.len())));
        let problem = match &prepared {
            Ok(((_, probe), _)) => probe.as_ref().err(),
            Err(reason) => Some(reason),
        };
        if let Some(problem) = &problem {
            tracing::warn!(model = %self.model, version = self.number, problem, "a version can not answer");
        }
        let has_problem = problem.is_some();
        *self.problem.write().unwrap_or_else(PoisonError::into_inner) =
            problem.map(|problem| (problem.clone(), Instant::now()));
        self.has_problem.store(has_problem, Ordering::Release);
        // Nobody finds it before it is known whether it may answer.
        if let Ok(((predictor, _), bytes)) = prepared {
            self.bytes.store(bytes, Ordering::Relaxed);
            let is_elsewhere = predictor.gains_from_batches() || predictor.remote().is_some();
            self.gains_from_batches
                .store(is_elsewhere, Ordering::Relaxed);
            self.predictor.store(Some(Arc::new(predictor)));
        }
    }
}

/// What predicts, and how its probe prediction went.
fn prepare(bytes: &[u8]) -> Result<(Predictor, Result<(), String>), String> {
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        model::decode(bytes).map(|artifact| Predictor::new(&artifact))
    }));
    match decoded {
        Ok(Ok(predictor)) => {
            let probe = probe(&predictor);
            Ok((predictor, probe))
        }
        Ok(Err(error)) => Err(format!("its artifact can not be read: {error}")),
        Err(_) => Err("its artifact can not be read".to_owned()),
    }
}

/// For who asked for a version that was loaded, and let go before it could answer.
pub fn let_go() -> Error {
    Error::not_yet(
        "more versions are asked for than there is room for: try again",
        1,
    )
}

/// Predicts the row that the signature shows as an example.
fn probe(predictor: &Predictor) -> Result<(), String> {
    // Whether an engine answers is looked at again and again: loading waits for nobody.
    if predictor.remote().is_some() {
        return Ok(());
    }
    let row = sample(predictor.signature());
    let values = check_row(predictor, None, &row).map_err(|errors| {
        let error = Error::Invalid(errors);
        format!("its probe prediction is refused: {error}")
    })?;
    predict_row(predictor, &values)
        .map_err(|reason| format!("its probe prediction failed: {reason}"))
}

/// The example row; where an input has no example and must not be missing, a value of its type.
pub fn sample(signature: &Signature) -> serde_json::Map<String, Value> {
    let mut row = signature.sample_row();
    for input in signature.inputs.iter().filter(|input| !input.nullable) {
        if let Some(value) = row.get_mut(&input.name).filter(|value| value.is_null()) {
            *value = match input.kind {
                ColumnType::Integer => Value::from(input.min.map_or(0, |min| min as i64)),
                ColumnType::Float => Value::from(input.min.unwrap_or(0.0)),
                ColumnType::Boolean => Value::from(false),
                ColumnType::String => Value::from(
                    input
                        .categories
                        .as_deref()
                        .and_then(<[_]>::first)
                        .cloned()
                        .unwrap_or_default(),
                ),
            };
        }
    }
    row
}

fn predict_row(predictor: &Predictor, values: &[model::Value]) -> Result<(), String> {
    let mut prediction = vec![0.0; predictor.width()];
    match catch_unwind(AssertUnwindSafe(|| {
        predictor.predict(values, &mut prediction)
    })) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(PANICKED.to_owned()),
    }
}

pub(crate) const PANICKED: &str = "the model broke off";

/// Predicts all rows: as many finite numbers for each as the model gives, row by row.
///
/// # Errors
/// Why the model failed, in words for the log.
pub(crate) fn predict(predictor: &Predictor, rows: &Rows) -> Result<Vec<f64>, String> {
    let predicted = catch_unwind(AssertUnwindSafe(|| {
        let width = predictor.width();
        if rows.len() > 1 && predictor.gains_from_batches() {
            let rows: Vec<_> = rows.iter().collect();
            let mut predictions = vec![0.0; rows.len() * width];
            let done = predictor.predict_batch(&rows, &mut predictions);
            done.into_iter()
                .zip(predictions.chunks(width))
                .try_for_each(|(done, prediction)| finite(done, prediction))?;
            return Ok(predictions);
        }
        let mut predictions = Vec::with_capacity(rows.len() * width);
        for row in rows.iter() {
            let begin = predictions.len();
            predictions.resize(begin + width, 0.0);
            let prediction = &mut predictions[begin..];
            finite(predictor.predict(row, prediction), prediction)?;
        }
        Ok(predictions)
    }));
    predicted.unwrap_or_else(|_| Err(PANICKED.to_owned()))
}

/// Whether what a model said of one row are numbers that can be told.
#[inline]
pub(crate) fn finite(done: Result<(), PredictError>, prediction: &[f64]) -> Result<(), String> {
    match done {
        Ok(()) if prediction.iter().all(|number| number.is_finite()) => Ok(()),
        Ok(()) => Err("the prediction is not a finite number".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
