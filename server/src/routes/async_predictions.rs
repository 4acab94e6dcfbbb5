//! Predictions that no client waits for: accepted with 202, asked for by their request id, or told of by a callback. The
//! way in is that of `predict`; from there on everything is in the database.

mod body;
mod hub;
mod prefer;
mod submit;

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use domain::async_predictions::{AsyncPredictRequest, AsyncPrediction};
use domain::ids::ProjectId;
use domain::predictions::PredictResponse;
use domain::{Actor, Error, Result};
use http::{HeaderMap, Method};
use platform::async_predictions::StoredPrediction;
use serde::Deserialize;
use serving::limits::Allowance;
use tokio::time::Instant;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::predict::answer::{Call, Target, admit, count_refused};
use super::predict::respond::rate_headers;
use super::predict::{OfDeployment, XCanary, preflight};
use crate::error::{ApiError, ApiResult};
use crate::extract::request_id::is_well_formed;
use crate::extract::{Json, Path};
use crate::middleware::cors;
use crate::openapi::Problems;
use crate::state::AppState;

pub use hub::PredictionHub;
pub(super) use prefer::{PREFER, Prefer};
pub(super) use submit::submit;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create, preflight_create))
        .routes(routes!(get, preflight_get))
        .routes(routes!(cancel, preflight_cancel))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct OfPrediction {
    /// Of the request that was accepted: its `x-request-id`.
    request_id: String,
}

/// Predict with a deployment, later
///
/// The inputs are checked at once; what is accepted is in the database and is answered even if the server is restarted. Ask
/// for it at `location`, or name a `callback_url`. The same as `POST /predict/{deployment}` with `Prefer: respond-async`.
#[utoipa::path(post, path = "/predict/{deployment}/async", operation_id = "predict_async", tag = "predictions",
    params(OfDeployment,
        ("x-route-key" = Option<String>, Header, description = "Who the request is for; the same key goes to the same version"),
        ("x-canary" = inline(Option<XCanary>), Header, description = "`always` or `never`: forces the version; needs the scope write or admin"),
        ("prefer" = Option<String>, Header, description = "`wait=N`: answer 200 if it is done within N seconds, else 202"),
        ("idempotency-key" = Option<String>, Header, description = "A new UUID for each request; the same key again gives the first answer")),
    request_body = AsyncPredictRequest,
    responses((status = 202, description = "Accepted", body = AsyncPrediction, headers(("location" = String, description = "The prediction"))),
        (status = 200, description = "It was done within the time that the client preferred to wait", body = PredictResponse), Problems))]
async fn create(
    State(state): State<AppState>,
    Path(path): Path<OfDeployment>,
    request: Request,
) -> Response {
    Box::pin(submit(&state, &path.deployment, request)).await
}

/// Ask whether a page may predict with a deployment, later
///
/// As for `/predict/{deployment}`.
#[utoipa::path(options, path = "/predict/{deployment}/async", operation_id = "predict_async_preflight", tag = "predictions", security(()),
    params(OfDeployment, ("origin" = String, Header, description = "The page's")),
    responses((status = 204, description = "It may", headers(
        ("access-control-allow-origin" = String, description = "The page's origin, or `*`"))), Problems))]
async fn preflight_create(
    state: State<AppState>,
    deployment: Path<OfDeployment>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    preflight(state, deployment, headers).await
}

/// Get a prediction that was asked for earlier
///
/// Needs what predicting needs: the scope `predict:<deployment>` or `predict:*`. Kept for a day after its end, unless the
/// owner of the platform has set another time.
#[utoipa::path(get, path = "/api/v1/predictions/{request_id}", operation_id = "get_prediction", tag = "predictions",
    params(OfPrediction, ("prefer" = Option<String>, Header, description = "`wait=N`: answer when it has ended, but within N seconds")),
    responses((status = 200, body = AsyncPrediction), Problems))]
async fn get(
    State(state): State<AppState>,
    Path(path): Path<OfPrediction>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let longest = state.config.http.request_timeout();
    let wait = Prefer::of(&parts.headers)
        .wait
        .map(|wait| wait.min(longest));
    let call = Call::routed(&state, &parts, Target::Server);
    let (admitted, allowance) = admit(&call);
    let project = admitted.as_ref().ok().map(|caller| caller.key.project);
    let shown = match admitted {
        Ok(caller) => look(&state, &caller.actor(), &path.request_id, wait).await,
        Err(error) => Err(error),
    };
    show(&call, project, shown, allowance.as_ref())
}

/// Ask whether a page may get a prediction
///
/// It may when any deployment lists its origin.
#[utoipa::path(options, path = "/api/v1/predictions/{request_id}", operation_id = "get_prediction_preflight", tag = "predictions",
    security(()), params(OfPrediction, ("origin" = String, Header, description = "The page's")),
    responses((status = 204, description = "It may", headers(
        ("access-control-allow-origin" = String, description = "The page's origin, or `*`"))), Problems))]
async fn preflight_get(State(state): State<AppState>, headers: HeaderMap) -> ApiResult<Response> {
    cors::preflight(&state, cors::Asked::Prediction, &Method::GET, &headers)
}

/// Cancel a prediction
///
/// It has no answer then. One that has succeeded or failed already is a 409.
#[utoipa::path(post, path = "/api/v1/predictions/{request_id}/cancel", operation_id = "cancel_prediction", tag = "predictions",
    params(OfPrediction), responses((status = 200, body = AsyncPrediction), Problems))]
async fn cancel(
    State(state): State<AppState>,
    Path(path): Path<OfPrediction>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let call = Call::routed(&state, &parts, Target::Server);
    let (admitted, allowance) = admit(&call);
    let project = admitted.as_ref().ok().map(|caller| caller.key.project);
    let shown = match admitted {
        Ok(caller) => end(&state, &caller.actor(), &path.request_id).await,
        Err(error) => Err(error),
    };
    show(&call, project, shown, allowance.as_ref())
}

/// Ask whether a page may cancel a prediction
///
/// It may when any deployment lists its origin.
#[utoipa::path(options, path = "/api/v1/predictions/{request_id}/cancel", operation_id = "cancel_prediction_preflight",
    tag = "predictions", security(()), params(OfPrediction, ("origin" = String, Header, description = "The page's")),
    responses((status = 204, description = "It may", headers(
        ("access-control-allow-origin" = String, description = "The page's origin, or `*`"))), Problems))]
async fn preflight_cancel(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    cors::preflight(&state, cors::Asked::Prediction, &Method::POST, &headers)
}

async fn look(
    state: &AppState,
    actor: &Actor,
    request_id: &str,
    wait: Option<Duration>,
) -> Result<AsyncPrediction> {
    let found = find(state, actor, request_id).await?;
    follow(state, actor, found, wait).await
}

async fn end(state: &AppState, actor: &Actor, request_id: &str) -> Result<AsyncPrediction> {
    known(request_id)?;
    platform::async_predictions::cancel(&state.platform, actor, request_id).await
}

fn show(
    call: &Call<'_>,
    project: Option<ProjectId>,
    shown: Result<AsyncPrediction>,
    allowance: Option<&Allowance>,
) -> Response {
    let answered = shown
        .map(|prediction| Json(prediction).into_response())
        .map_err(ApiError::from);
    let mut response = limited(answered, allowance);
    let (asked, headers) = (cors::Asked::Prediction, response.headers_mut());
    cors::expose(call.state, project, asked, call.headers, headers);
    response
}

/// With what is left of the key's quota.
fn limited(answered: ApiResult<Response>, allowance: Option<&Allowance>) -> Response {
    let mut response = answered.unwrap_or_else(|error| {
        count_refused(&error);
        error.into_response()
    });
    if let Some(allowance) = allowance {
        rate_headers(response.headers_mut(), allowance);
    }
    response
}

async fn find(state: &AppState, actor: &Actor, request_id: &str) -> Result<StoredPrediction> {
    known(request_id)?;
    platform::async_predictions::get(&state.platform, actor, request_id).await
}

/// What can not be a request id names nothing.
fn known(request_id: &str) -> Result<()> {
    if is_well_formed(request_id) {
        Ok(())
    } else {
        Err(Error::not_found("prediction"))
    }
}

/// The prediction once it has ended, or as it is when `wait` is over.
async fn follow(
    state: &AppState,
    actor: &Actor,
    mut found: StoredPrediction,
    wait: Option<Duration>,
) -> Result<AsyncPrediction> {
    let Some(wait) = wait.filter(|wait| !wait.is_zero()) else {
        return Ok(found.prediction);
    };
    let deadline = Instant::now() + wait;
    let request_id = found.prediction.request_id.clone();
    let mut is_over = false;
    while !is_over && !found.prediction.status.is_final() {
        let Some(mut waiting) = state.async_predictions.wait(found.id) else {
            break;
        };
        found = find(state, actor, &request_id).await?;
        if found.prediction.status.is_final() {
            break;
        }
        is_over = tokio::select! {
            () = waiting.woken() => false,
            () = tokio::time::sleep_until(deadline) => true,
            () = state.shutdown.cancelled() => true,
        };
        found = find(state, actor, &request_id).await?;
    }
    Ok(found.prediction)
}
