//! From a checked caller and a body to an answer: route, read, predict, record. A canary that fails is stood in for by the
//! stable version within the request.

use std::time::{Duration, Instant};

use domain::predictions::Route;
use domain::{Error, FieldError, Result, Timestamp};

use crate::dialects::{Dialect, Predicted, Written};
use crate::recorder::{Counters, Outcome, Recorder, Sample};
use crate::snapshot::{Arm, Canary, Deployment};
use crate::versions::{self, Version};

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
    match attempt(&canary.arm.version, Route::Canary, request) {
        Ok(done) => {
            let Arm { version, counters } = &canary.arm;
            Ok(finish(recorder, version, counters, request, done))
        }
        // It is no fault of its that there was no room for it.
        Err(Failed::LetGo) => from_stable(recorder, deployment, request),
        Err(failed) => {
            let micros = micros(request.arrived);
            let answered = from_stable(recorder, deployment, request);
            if let Failed::Model(reason) = &failed {
                tracing::debug!(deployment = %deployment.name, version = canary.arm.version.number, request_id = request.request_id, reason, "canary failed");
            }
            let counters = &canary.arm.counters;
            match (failed, answered) {
                (_, Ok(answer)) => {
                    counters.record(Outcome::FellBack, micros);
                    Ok(answer)
                }
                // Inputs that stable refuses too are the caller's fault, and counted there.
                (Failed::Refused(_), Err(Error::Invalid(errors))) => Err(Error::Invalid(errors)),
                (Failed::Refused(errors), Err(Error::Unavailable { .. })) => {
                    counters.record_refused();
                    Err(Error::Invalid(errors))
                }
                (_, Err(error)) => {
                    counters.record(Outcome::Failed, micros);
                    Err(error)
                }
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
    let Arm { version, counters } = &deployment.stable;
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
    answer(
        recorder,
        version,
        version.counters(recorder),
        Route::Pinned,
        request,
    )
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
    let Arm { version, counters } = &deployment.stable;
    answer(recorder, version, counters, Route::Stable, request)
}

fn answer<D: Dialect>(
    recorder: &Recorder,
    version: &Version,
    counters: &Counters,
    route: Route,
    request: &Request<'_, D>,
) -> Result<Answer> {
    match attempt(version, route, request) {
        Ok(done) => Ok(finish(recorder, version, counters, request, done)),
        Err(Failed::LetGo) => Err(versions::let_go()),
        Err(Failed::Refused(errors)) => {
            counters.record_refused();
            Err(Error::Invalid(errors))
        }
        Err(Failed::Model(reason)) => {
            let micros = micros(request.arrived);
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
}

enum Failed {
    /// It was not loaded any more.
    LetGo,
    Refused(Vec<FieldError>),
    Model(String),
}

fn attempt<D: Dialect>(
    version: &Version,
    route: Route,
    request: &Request<'_, D>,
) -> Result<Done, Failed> {
    let loaded = version.predictor();
    let Some(predictor) = loaded.as_deref() else {
        return Err(version.problem().map_or(Failed::LetGo, Failed::Model));
    };
    let started = Instant::now();
    let (rows, asked) = request
        .dialect
        .read(predictor, request.body)
        .map_err(Failed::Refused)?;
    let parsed = Instant::now();
    let predictions = versions::predict(predictor, &rows).map_err(Failed::Model)?;
    let predicted = Predicted {
        predictions: &predictions,
        version,
        route,
        request_id: request.request_id,
    };
    let Written { body, json_length } = request
        .dialect
        .write(&asked, &predicted)
        .map_err(|error| Failed::Model(error.to_string()))?;
    let answer = Answer {
        body,
        json_length,
        version: version.number,
        route,
        parse: parsed - started,
        predict: parsed.elapsed(),
    };
    Ok(Done {
        answer,
        predictions,
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
    } = done;
    let micros = micros(request.arrived);
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
    recorder.sample(counters, request.now, request.body, || {
        let subject = counters.subject();
        Some(Sample {
            request_id: request.request_id.to_owned(),
            deployment: subject.deployment.as_ref().map(|(id, _)| *id),
            version: subject.version_id,
            route: subject.route,
            at: request.now,
            micros,
            inputs: request
                .dialect
                .inputs(version.predictor().as_deref()?, request.body)?,
            predictions: predictions.map(<[f64]>::to_vec),
        })
    });
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
