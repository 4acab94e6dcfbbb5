//! From a checked caller and a body to an answer: route, read, predict, record. A canary that fails is stood in for by the
//! stable version within the request.

mod elsewhere;

use std::time::{Duration, Instant};

use domain::predictions::Route;
use domain::{Error, FieldError, Result, Timestamp};
use model::Predictor;

use crate::batcher::Computed;
use crate::dialects::{Dialect, Predicted, Written};
use crate::predictions::Predictions;
use crate::recorder::{Counters, Outcome, Recorder, Sample};
use crate::remote::{Deadline, Trouble};
use crate::request::Rows;
use crate::snapshot::{Arm, Canary, Deployment};
use crate::versions::{self, Version};
use elsewhere::{Place, attempt_in_batch, of_canary};

/// Seconds after which a deployment that can not answer may.
const NOT_READY_RETRY: u64 = 5;

/// One request, its caller known and allowed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a, D> {
    pub dialect: &'a D,
    pub body: &'a [u8],
    pub request_id: &'a str,
    /// The same key goes the same way.
    pub routing_key: &'a [u8],
    pub forced: Option<Forced>,
    pub now: Timestamp,
    /// When the request arrived: its latency is counted from here.
    pub arrived: Instant,
}

/// An arm that the caller asks for, whatever the weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forced {
    Stable,
    Canary,
}

/// A request that was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// As the request's dialect has it.
    pub body: Vec<u8>,
    /// How many of its bytes are JSON, when binary data follows them.
    pub json_length: Option<usize>,
    pub version: i32,
    pub route: Route,
    pub parse: Duration,
    /// How long it waited to be computed together with others, if it did.
    pub queued: Option<Duration>,
    pub predict: Duration,
}

/// Answers from a deployment.
///
/// # Errors
/// `Invalid` naming rows and fields, `Unavailable` while the stable version is not loaded, `ModelFailed`.
pub fn from_deployment<D: Dialect>(
    recorder: &Recorder,
    deployment: &Deployment,
    request: &Request<'_, D>,
) -> Result<Answer> {
    let Some(canary) = canary(deployment, request.routing_key, request.forced) else {
        return from_stable(recorder, deployment, request);
    };
    let attempted = attempt(&canary.arm.version, Route::Canary, request);
    match try_canary(recorder, canary, request, attempted) {
        Ok(answer) => Ok(answer),
        Err(fallen) => fallen.land(canary, from_stable(recorder, deployment, request)),
    }
}

/// As [`from_deployment`], computing the request together with others where that is worth it. It waits for that no longer
/// than to `deadline`.
///
/// # Errors
/// Also `Overloaded`, when too many wait or it did not come to this one.
pub async fn from_deployment_in_batch<D: Dialect + Sync>(
    recorder: &Recorder,
    deployment: &Deployment,
    request: &Request<'_, D>,
    deadline: Deadline,
) -> Result<Answer> {
    let stable = async || {
        check_ready(deployment)?;
        let Arm {
            version,
            counters,
            batcher,
        } = &deployment.stable;
        let place = Place::of(recorder, batcher, deadline);
        let attempted = attempt_in_batch(version, place, Route::Stable, request).await;
        settle(recorder, version, counters, request, attempted)
    };
    let Some(canary) = canary(deployment, request.routing_key, request.forced) else {
        return stable().await;
    };
    let Arm {
        version, batcher, ..
    } = &canary.arm;
    let place = Place::of(recorder, batcher, of_canary(version, deadline));
    let attempted = attempt_in_batch(version, place, Route::Canary, request).await;
    match try_canary(recorder, canary, request, attempted) {
        Ok(answer) => Ok(answer),
        Err(fallen) => fallen.land(canary, stable().await),
    }
}

/// A request that the canary did not answer, for stable to answer.
struct Fallen {
    failed: Failed,
    /// Since it arrived.
    micros: u64,
}

fn try_canary<D: Dialect>(
    recorder: &Recorder,
    canary: &Canary,
    request: &Request<'_, D>,
    attempted: Result<Done, Failed>,
) -> std::result::Result<Answer, Fallen> {
    let Arm {
        version, counters, ..
    } = &canary.arm;
    let failed = match attempted {
        Ok(done) => return Ok(finish(recorder, version, counters, request, done)),
        Err(failed) => failed,
    };
    let reason = match &failed {
        Failed::Model(reason) => Some(reason.clone()),
        Failed::Engine(trouble) => Some(trouble.to_string()),
        Failed::LetGo | Failed::Crowded(_) | Failed::Unfit(_) | Failed::Refused(_) => None,
    };
    if let Some(reason) = reason {
        let deployment = counters.subject().deployment.as_ref();
        let deployment = deployment.map_or("", |(_, name)| name.as_str());
        tracing::debug!(
            deployment,
            version = version.number,
            request_id = request.request_id,
            reason,
            "canary failed"
        );
    }
    Err(Fallen {
        failed,
        micros: micros(request.arrived, Instant::now()),
    })
}

impl Fallen {
    /// Counts it against the canary, if it is the canary's fault.
    fn land(self, canary: &Canary, answered: Result<Answer>) -> Result<Answer> {
        let counters = &canary.arm.counters;
        match (self.failed, answered) {
            // It is no fault of its that there was no room for it in memory, or that nobody can ask that of it.
            (Failed::LetGo | Failed::Unfit(_), answered) => answered,
            // Of both; whoever refuses the request counts it.
            (
                Failed::Crowded(_),
                Err(error @ (Error::Overloaded { .. } | Error::Unavailable { .. })),
            ) => Err(error),
            (_, Ok(answer)) => {
                counters.record(Outcome::FellBack, self.micros);
                Ok(answer)
            }
            // Inputs that stable refuses too are the caller's fault, and counted there.
            (Failed::Refused(_), Err(Error::Invalid(errors))) => Err(Error::Invalid(errors)),
            (Failed::Refused(errors), Err(Error::Unavailable { .. })) => {
                counters.record_refused();
                Err(Error::Invalid(errors))
            }
            (_, Err(error)) => {
                counters.record(Outcome::Failed, self.micros);
                Err(error)
            }
        }
    }
}

/// Whether a deployment takes the inputs of a request, without predicting: for one that is answered later.
///
/// # Errors
/// As [`from_deployment`], but for what only the model finds.
pub fn check<D: Dialect>(deployment: &Deployment, request: &Request<'_, D>) -> Result<()> {
    let read = |version: &Version| {
        let predictor = version.predictor();
        let predictor = predictor.as_deref()?;
        Some(request.dialect.read(predictor, request.body).map(drop))
    };
    if let Some(canary) = canary(deployment, request.routing_key, request.forced)
        && let Some(Ok(())) = read(&canary.arm.version)
    {
        return Ok(());
    }
    check_ready(deployment)?;
    let Arm {
        version, counters, ..
    } = &deployment.stable;
    match read(version) {
        Some(Err(errors)) => {
            counters.record_refused();
            Err(Error::Invalid(errors))
        }
        Some(Ok(())) | None => Ok(()),
    }
}

/// The canary, if the request goes there first.
pub fn canary<'d>(
    deployment: &'d Deployment,
    routing_key: &[u8],
    forced: Option<Forced>,
) -> Option<&'d Canary> {
    match forced {
        None => deployment.route(routing_key),
        Some(Forced::Stable) => None,
        Some(Forced::Canary) => deployment.canary.as_ref(),
    }
}

/// Answers from a version that the caller named. It must be loaded.
///
/// # Errors
/// As [`from_deployment`]; `Unavailable` when it was let go since it was loaded.
pub fn from_version<D: Dialect>(
    recorder: &Recorder,
    version: &Version,
    request: &Request<'_, D>,
) -> Result<Answer> {
    let attempted = attempt(version, Route::Pinned, request);
    let counters = version.counters(recorder);
    settle(recorder, version, counters, request, attempted)
}

/// As [`from_version`], computing the request together with others.
///
/// # Errors
/// As [`from_deployment_in_batch`].
pub async fn from_version_in_batch<D: Dialect + Sync>(
    recorder: &Recorder,
    version: &Version,
    request: &Request<'_, D>,
    deadline: Deadline,
) -> Result<Answer> {
    let batcher = version.batcher(recorder);
    let place = Place::of(recorder, batcher, deadline);
    let attempted = attempt_in_batch(version, place, Route::Pinned, request).await;
    let counters = version.counters(recorder);
    settle(recorder, version, counters, request, attempted)
}

/// # Errors
/// `Unavailable` while the stable version can not answer.
pub fn check_ready(deployment: &Deployment) -> Result<()> {
    match deployment.stable.version.problem() {
        None => Ok(()),
        Some(problem) => {
            let message = format!("deployment {} is not ready: {problem}", deployment.name);
            Err(Error::not_yet(message, NOT_READY_RETRY))
        }
    }
}

fn from_stable<D: Dialect>(
    recorder: &Recorder,
    deployment: &Deployment,
    request: &Request<'_, D>,
) -> Result<Answer> {
    check_ready(deployment)?;
    let Arm {
        version, counters, ..
    } = &deployment.stable;
    let attempted = attempt(version, Route::Stable, request);
    settle(recorder, version, counters, request, attempted)
}

/// What nobody else answers in its place.
fn settle<D: Dialect>(
    recorder: &Recorder,
    version: &Version,
    counters: &Counters,
    request: &Request<'_, D>,
    attempted: Result<Done, Failed>,
) -> Result<Answer> {
    match attempted {
        Ok(done) => Ok(finish(recorder, version, counters, request, done)),
        Err(Failed::LetGo) => Err(versions::let_go()),
        Err(Failed::Crowded(error)) => Err(error),
        Err(Failed::Unfit(error)) => {
            counters.record_refused();
            Err(error)
        }
        Err(Failed::Refused(errors)) => {
            counters.record_refused();
            Err(Error::Invalid(errors))
        }
        Err(Failed::Engine(trouble)) => {
            let micros = micros(request.arrived, Instant::now());
            counters.record(Outcome::Failed, micros);
            log(recorder, version, counters, request, micros, None);
            tracing::warn!(model = %version.model, version = version.number, request_id = request.request_id, %trouble, "an engine gave no prediction");
            Err(trouble.error(&version.model, version.number))
        }
        Err(Failed::Model(reason)) => {
            let micros = micros(request.arrived, Instant::now());
            counters.record(Outcome::Failed, micros);
            log(recorder, version, counters, request, micros, None);
            tracing::warn!(model = %version.model, version = version.number, request_id = request.request_id, reason, "prediction failed");
            Err(Error::ModelFailed(format!(
                "version {} of model {} failed on this request: {reason}",
                version.number, version.model
            )))
        }
    }
}

struct Done {
    answer: Answer,
    predictions: Vec<f64>,
    at: Instant,
}

enum Failed {
    /// It was not loaded any more.
    LetGo,
    /// Too many others wait for it.
    Crowded(Error),
    /// Its model can not answer what is asked.
    Unfit(Error),
    Refused(Vec<FieldError>),
    Model(String),
    /// The engine that computes it did not.
    Engine(Trouble),
}

fn attempt<D: Dialect>(
    version: &Version,
    route: Route,
    request: &Request<'_, D>,
) -> Result<Done, Failed> {
    let loaded = version.predictor();
    let predictor = loaded.as_deref().ok_or_else(|| not_loaded(version))?;
    let read = read(predictor, request)?;
    let predictions = versions::predict(predictor, &read.rows).map_err(|reason| {
        // It was loaded only now, and nobody here can wait for its engine.
        if predictor.remote().is_some() {
            Failed::LetGo
        } else {
            Failed::Model(reason)
        }
    });
    let computed = Computed {
        predictions: predictions?,
        queued: None,
    };
    write(version, predictor, route, request, read, computed)
}

fn not_loaded(version: &Version) -> Failed {
    version.problem().map_or(Failed::LetGo, Failed::Model)
}

/// A body that was read.
struct Read<A> {
    rows: Rows,
    asked: A,
    started: Instant,
    parsed: Instant,
}

fn read<D: Dialect>(
    predictor: &Predictor,
    request: &Request<'_, D>,
) -> Result<Read<D::Asked>, Failed> {
    let started = Instant::now();
    let read = request.dialect.read(predictor, request.body);
    let (rows, asked) = read.map_err(Failed::Refused)?;
    let fits = request.dialect.check_model(predictor, rows.len());
    fits.map_err(Failed::Unfit)?;
    Ok(Read {
        rows,
        asked,
        started,
        parsed: Instant::now(),
    })
}

fn write<D: Dialect>(
    version: &Version,
    predictor: &Predictor,
    route: Route,
    request: &Request<'_, D>,
    read: Read<D::Asked>,
    computed: Computed,
) -> Result<Done, Failed> {
    let queued = computed.queued;
    let predicted = Predicted {
        predictions: Predictions::of(&predictor.signature().output, &computed.predictions),
        predictor,
        version,
        route,
        request_id: request.request_id,
    };
    let Written { body, json_length } = request
        .dialect
        .write(&read.asked, &predicted)
        .map_err(|error| Failed::Model(error.to_string()))?;
    let at = Instant::now();
    let answer = Answer {
        body,
        json_length,
        version: version.number,
        route,
        parse: read.parsed - read.started,
        queued,
        predict: (at - read.parsed).saturating_sub(queued.unwrap_or_default()),
    };
    Ok(Done {
        answer,
        predictions: computed.predictions,
        at,
    })
}

fn finish<D: Dialect>(
    recorder: &Recorder,
    version: &Version,
    counters: &Counters,
    request: &Request<'_, D>,
    done: Done,
) -> Answer {
    let Done {
        answer,
        predictions,
        at,
    } = done;
    let micros = micros(request.arrived, at);
    counters.record(Outcome::Answered, micros);
    log(
        recorder,
        version,
        counters,
        request,
        micros,
        Some(&predictions),
    );
    answer
}

/// Logs the request, if it is in the sample.
fn log<D: Dialect>(
    recorder: &Recorder,
    version: &Version,
    counters: &Counters,
    request: &Request<'_, D>,
    micros: u64,
    predictions: Option<&[f64]>,
) {
    let numbers = predictions.map_or(0, <[f64]>::len);
    recorder.sample(counters, request.now, request.body, numbers, || {
        let subject = counters.subject();
        let predictor = version.predictor();
        let predictor = predictor.as_deref()?;
        Some(Sample {
            request_id: request.request_id.to_owned(),
            deployment: subject.deployment.as_ref().map(|(id, _)| *id),
            version: subject.version_id,
            route: subject.route,
            at: request.now,
            micros,
            inputs: request.dialect.inputs(predictor, request.body)?,
            predictions: predictions.map(<[f64]>::to_vec),
            classes: predictor.classes().map(<[String]>::to_vec),
        })
    });
}

fn micros(since: Instant, until: Instant) -> u64 {
    let micros = until.saturating_duration_since(since).as_micros();
    u64::try_from(micros).unwrap_or(u64::MAX)
}
