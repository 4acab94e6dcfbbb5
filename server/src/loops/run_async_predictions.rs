//! Answers predictions that nobody waits for, from the same snapshot as all others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::async_predictions::AsyncResult;
use domain::predictions::{PredictResponse, Route};
use domain::{EngineFault, Error, Result};
use futures::future::join_all;
use platform::async_predictions::{self, Answered, Outcome, TakenPrediction};
use serving::dialects::Native;
use serving::gate::{Full, Turn};
use serving::predict::{self, Answer, Forced};
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
/// Longest time that engines are waited for: with what loading took before, less than a lease.
const ENGINE_PATIENCE: Duration = Duration::from_secs(20);
/// Batches that engines work on at once in this process.
static ENGINE_BATCHES: Semaphore = Semaphore::const_new(8);
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
        if !elsewhere.is_empty() {
            if let Ok(turn) = ENGINE_BATCHES.try_acquire() {
                state
                    .tasks
                    .spawn(ask_engines(state.clone(), elsewhere, turn));
            } else {
                let later = |taken: TakenPrediction| (taken.fence, Answered::NotYet(PERIOD));
                let later = elsewhere.into_iter().map(later).collect();
                async_predictions::finish(&state.platform, later).await?;
            }
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

/// All at once, and all of them end before their leases do.
async fn ask_engines(
    state: AppState,
    taken: Vec<TakenPrediction>,
    _turn: SemaphorePermit<'static>,
) {
    let deadline = Instant::now() + ENGINE_PATIENCE;
    let answers = taken.into_iter().map(|taken| {
        let state = &state;
        async move {
            let outcome = predict_elsewhere(state, &taken, deadline).await;
            (taken.fence, answer(state, &taken, outcome))
        }
    });
    let answered = join_all(answers).await;
    if let Err(error) = async_predictions::finish(&state.platform, answered).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "predictions of engines could not be stored and are made again"
        );
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
                fault: EngineFault::Away | EngineFault::TimedOut,
                ..
            },
        ) if age < PATIENCE => Answered::NotYet(NOT_READY_PAUSE),
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
    deadline: Instant,
) -> Result<AsyncResult> {
    let (deployment, turn) = enter(state, taken)?;
    let (recorder, request) = (&state.serving.recorder, request(state, taken));
    let answer =
        predict::from_deployment_in_batch(recorder, &deployment, &request, deadline.into()).await?;
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
