//! Answers predictions that nobody waits for, from the same snapshot as all others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::async_predictions::AsyncResult;
use domain::predictions::{PredictResponse, Route};
use domain::{EngineFault, Error, Result};
use futures::stream::{FuturesUnordered, StreamExt as _};
use platform::async_predictions::{self, Answered, Outcome, TakenPrediction};
use serving::dialects::Native;
use serving::gate::{Full, Turn};
use serving::predict::{self, Answer, Forced};
use serving::remote::Deadline;
use serving::snapshot::Deployment;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::{every, never};
use crate::error::ApiError;
use crate::extract::RequestId;
use crate::routes::predict::crowded;
use crate::routes::predict::load::wake;
use crate::state::AppState;

/// How soon a prediction is taken whose turn comes later, or whose server was lost.
const PERIOD: Duration = Duration::from_secs(1);
/// A prediction that costs so many servers their lives gets no other.
const MOST_LOSSES: i32 = 3;
/// Until a deployment that can not answer is asked again.
const NOT_READY_PAUSE: Duration = Duration::from_secs(5);
/// Longest time that a deployment is waited for which is to be loaded. A longer load goes on, and its prediction comes again:
/// no lease must end meanwhile.
const LOAD_PATIENCE: Duration = Duration::from_secs(5);
/// Longest time that engines are waited for: a moment more than any of them may be given, so that the time that an engine was
/// given ends first.
const ENGINE_PATIENCE: Duration = Duration::from_secs(61);
/// For so long predictions are held that engines work on.
const ENGINE_LEASE: Duration = Duration::from_secs(90);
/// Until an engine that was late is asked again: it would most likely be late again.
const LATE_PAUSE: Duration = Duration::from_mins(1);
/// Predictions that engines work on at once in this process.
static ENGINE_TURNS: Semaphore = Semaphore::const_new(256);
/// The pause of one that found no turn is so many times as long at most.
const MOST_PATIENT: i32 = 12;
/// How long a deployment that can not answer is waited for, in seconds.
const PATIENCE: f64 = 3600.0;
/// How long another server's new deployment may not be known here yet, in seconds.
const RELOAD: f64 = 5.0;

pub(super) async fn run(state: AppState, changed: Arc<Notify>) {
    let wake = || changed.notified();
    every(&state, "run_async_predictions", PERIOD, wake, || {
        tick(&state)
    })
    .await;
}

/// Counts what waits, for those who would add to it.
pub(super) async fn run_count(state: AppState) {
    let tick = || count(&state);
    every(&state, "count_async_predictions", PERIOD, never, tick).await;
}

async fn count(state: &AppState) -> Result<()> {
    let most = state.config.predictions.async_total_limit;
    let waiting = async_predictions::waiting(&state.platform, most).await?;
    state.async_predictions.set_waiting(waiting);
    metrics::gauge!("volary_async_predictions_waiting").set(f64::from(waiting));
    Ok(())
}

/// Until nothing is left that waits.
async fn tick(state: &AppState) -> Result<()> {
    while !state.shutdown.is_cancelled() {
        let taken = async_predictions::take(&state.platform).await?;
        if taken.is_empty() {
            return Ok(());
        }
        let woken = async {
            for taken in &taken {
                wake_for(state, taken).await;
            }
        };
        timeout(LOAD_PATIENCE, woken).await.ok();
        let (elsewhere, here) = taken
            .into_iter()
            .partition::<Vec<_>, _>(|taken| is_remote(state, taken));
        // What is computed here waits for nobody's engine.
        let (mut asked, mut later) = (Vec::new(), Vec::new());
        for taken in elsewhere {
            match ENGINE_TURNS.try_acquire() {
                Ok(turn) => asked.push((taken, turn)),
                Err(_) => later.push((taken.fence, without_turn(state, &taken))),
            }
        }
        if !asked.is_empty() {
            state.tasks.spawn(ask_engines(state.clone(), asked));
        }
        if !later.is_empty() {
            async_predictions::finish(&state.platform, later).await?;
        }
        if here.is_empty() {
            continue;
        }
        let server = state.clone();
        let answered = tokio::task::spawn_blocking(move || {
            let answer = |taken: TakenPrediction| {
                let outcome = predict(&server, &taken);
                (taken.fence, answer(&server, &taken, outcome))
            };
            here.into_iter().map(answer).collect::<Vec<_>>()
        });
        let answered = answered.await.map_err(Error::internal)?;
        async_predictions::finish(&state.platform, answered).await?;
    }
    Ok(())
}

fn is_remote(state: &AppState, taken: &TakenPrediction) -> bool {
    deployment(state, taken).is_ok_and(|deployment| deployment.is_remote())
}

/// The more often it was in vain, the later it is tried again: while engines are slow, few are taken for nothing.
fn without_turn(state: &AppState, taken: &TakenPrediction) -> Answered {
    let crowded = Error::Overloaded {
        message: "engines had too many other predictions to make until now".to_owned(),
        retry_after: NOT_READY_PAUSE.as_secs(),
    };
    match answer(state, taken, Err(crowded)) {
        Answered::NotYet(_) => {
            let tries = taken.fence.attempt.clamp(1, MOST_PATIENT);
            Answered::NotYet(NOT_READY_PAUSE * tries.unsigned_abs())
        }
        ended @ Answered::Ended(_) => ended,
    }
}

/// All at once, and each is written when it ends, so that none waits for a slower engine than its own. All of them end before
/// their leases do.
async fn ask_engines(state: AppState, asked: Vec<(TakenPrediction, SemaphorePermit<'static>)>) {
    let fences: Vec<_> = asked.iter().map(|(taken, _)| taken.fence).collect();
    if let Err(error) = async_predictions::hold(&state.platform, &fences, ENGINE_LEASE).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "predictions of engines could not be held and are taken again"
        );
        return;
    }
    // It is ours: an engine that was given more time is not late.
    let deadline = Deadline {
        at: Instant::now() + ENGINE_PATIENCE,
        is_callers: true,
    };
    let answers: FuturesUnordered<_> = asked
        .into_iter()
        .map(|(taken, turn)| {
            let state = &state;
            async move {
                let answered = tokio::select! {
                    outcome = predict_elsewhere(state, &taken, deadline) => answer(state, &taken, outcome),
                    // Another server need not wait for the lease's end.
                    () = state.shutdown.cancelled() => Answered::NotYet(Duration::ZERO),
                };
                drop(turn);
                (taken.fence, answered)
            }
        })
        .collect();
    let mut ended = answers.ready_chunks(fences.len().max(1));
    while let Some(answered) = ended.next().await {
        if let Err(error) = async_predictions::finish(&state.platform, answered).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "predictions of engines could not be stored and are made again"
            );
        }
    }
}

fn answer(state: &AppState, taken: &TakenPrediction, outcome: Result<AsyncResult>) -> Answered {
    let now = state.platform.clock.now();
    let age = now.seconds_since(taken.created_at);
    match outcome {
        Ok(result) => Answered::Ended(Outcome::Succeeded(result)),
        // Who does not wait may wait until an engine is well again.
        Err(
            Error::Unavailable { .. }
            | Error::Engine {
                fault: EngineFault::Away,
                ..
            },
        ) if age < PATIENCE => Answered::NotYet(NOT_READY_PAUSE),
        Err(Error::Engine {
            fault: EngineFault::TimedOut,
            ..
        }) if age < PATIENCE => Answered::NotYet(LATE_PAUSE),
        // Who does not wait lets those go first who do.
        Err(Error::Overloaded { .. }) if age < PATIENCE => Answered::NotYet(PERIOD),
        Err(Error::NotFound { .. }) if age < RELOAD => Answered::NotYet(PERIOD),
        Err(error) => {
            if let Error::Internal(cause) = &error {
                tracing::error!(
                    request_id = taken.request_id.as_str(),
                    cause = &**cause as &dyn std::error::Error,
                    "an asynchronous prediction failed"
                );
            }
            let request_id = RequestId::from_text(&taken.request_id);
            let problem = ApiError::from(error).problem(now, &request_id);
            Answered::Ended(Outcome::Failed(problem))
        }
    }
}

/// What can not be loaded is told by whoever asks it.
async fn wake_for(state: &AppState, taken: &TakenPrediction) {
    let forced = forced(taken);
    if let Ok(deployment) = deployment(state, taken) {
        wake(state, &deployment, &taken.routing_key, forced)
            .await
            .ok();
    }
}

fn deployment(state: &AppState, taken: &TakenPrediction) -> Result<Arc<Deployment>> {
    let snapshot = state.serving.snapshot();
    let found = snapshot.deployment(taken.project, taken.deployment.as_str());
    found
        .map(Arc::clone)
        .ok_or_else(|| Error::not_found("deployment"))
}

fn forced(taken: &TakenPrediction) -> Option<Forced> {
    match taken.forced {
        None | Some(Route::Pinned) => None,
        Some(Route::Stable) => Some(Forced::Stable),
        Some(Route::Canary) => Some(Forced::Canary),
    }
}

fn predict(state: &AppState, taken: &TakenPrediction) -> Result<AsyncResult> {
    let (deployment, turn) = enter(state, taken)?;
    let request = request(state, taken);
    let answer = predict::from_deployment(&state.serving.recorder, &deployment, &request)?;
    drop(turn);
    result(&answer)
}

/// The same, of a deployment that another engine computes.
async fn predict_elsewhere(
    state: &AppState,
    taken: &TakenPrediction,
    deadline: Deadline,
) -> Result<AsyncResult> {
    let (deployment, turn) = enter(state, taken)?;
    let (recorder, request) = (&state.serving.recorder, request(state, taken));
    let answer =
        predict::from_deployment_in_batch(recorder, &deployment, &request, deadline).await?;
    drop(turn);
    result(&answer)
}

fn enter(state: &AppState, taken: &TakenPrediction) -> Result<(Arc<Deployment>, Option<Turn>)> {
    if taken.losses > MOST_LOSSES {
        let message = format!(
            "{} servers were lost while they answered this: it is not tried again",
            taken.losses
        );
        return Err(Error::ModelFailed(message));
    }
    let deployment = deployment(state, taken)?;
    let turn = match &deployment.limit {
        None => None,
        Some(limit) => {
            let turn = limit.try_enter();
            Some(turn.map_err(|Full| crowded(&deployment))?)
        }
    };
    Ok((deployment, turn))
}

fn request<'t>(state: &AppState, taken: &'t TakenPrediction) -> predict::Request<'t, Native> {
    predict::Request {
        dialect: &Native,
        body: &taken.body,
        request_id: &taken.request_id,
        routing_key: &taken.routing_key,
        forced: forced(taken),
        now: state.platform.clock.now(),
        // What is measured is the model, not how long the prediction waited.
        arrived: Instant::now(),
    }
}

fn result(answer: &Answer) -> Result<AsyncResult> {
    let response: PredictResponse =
        serde_json::from_slice(&answer.body).map_err(Error::internal)?;
    Ok(AsyncResult {
        predictions: response.predictions,
        model: response.model,
        version: response.version,
        route: response.route,
    })
}
