use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::Page;
use domain::retraining::{RetrainingAttempt, RetrainingPolicy, RetrainingSpec};
use http::{HeaderMap, HeaderName, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::revision::{etag, if_match, is_known};
use crate::extract::{Caller, Json, PageQuery, Path, Query};
use crate::openapi::Problems;
use crate::routes::paths::{OfModel, OfRetrainingAttempt};
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get, put, delete))
        .routes(routes!(run))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(attempts))
        .routes(routes!(accept))
        .routes(routes!(dismiss))
}

/// Get the retraining policy of a model
#[utoipa::path(get, path = "/api/v1/projects/{project}/models/{model}/retraining", operation_id = "retraining_get",
    tag = "retraining", params(OfModel),
    responses((status = 200, body = RetrainingPolicy, headers(("etag" = String, description = "The revision"))),
        (status = 304, description = "Unchanged since the revision in If-None-Match"), Problems))]
async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModel>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let policy =
        platform::retraining::get(&state.platform, &caller.actor, &path.project, &path.model)
            .await?;
    let tag = etag(policy.revision);
    if is_known(&headers, policy.revision) {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    Ok(([tag], Json(policy)).into_response())
}

/// Make or change the retraining policy of a model
///
/// The same policy again changes nothing. A paused policy stays paused.
#[utoipa::path(put, path = "/api/v1/projects/{project}/models/{model}/retraining", operation_id = "retraining_put",
    tag = "retraining",
    params(OfModel, ("if-match" = Option<String>, Header, description = "Only when this is still the revision")),
    request_body = RetrainingSpec,
    responses((status = 200, body = RetrainingPolicy, headers(("etag" = String, description = "The revision"))), Problems))]
async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModel>,
    headers: HeaderMap,
    Json(spec): Json<RetrainingSpec>,
) -> ApiResult<([(HeaderName, String); 1], Json<RetrainingPolicy>)> {
    let revision = if_match(&headers)?;
    let put = platform::retraining::put(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.model,
        spec,
        revision,
    );
    let policy = put.await?;
    Ok(([etag(policy.revision)], Json(policy)))
}

/// Delete the retraining policy of a model
///
/// What it has made stays. A training that is under way goes on, and nothing becomes of it.
#[utoipa::path(delete, path = "/api/v1/projects/{project}/models/{model}/retraining", operation_id = "retraining_delete",
    tag = "retraining",
    params(OfModel, ("if-match" = Option<String>, Header, description = "Only when this is still the revision")),
    responses((status = 204, description = "Deleted"), Problems))]
async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModel>,
    headers: HeaderMap,
) -> ApiResult<StatusCode> {
    let revision = if_match(&headers)?;
    platform::retraining::delete(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.model,
        revision,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Train now
#[utoipa::path(post, path = "/api/v1/projects/{project}/models/{model}/retraining/run", operation_id = "retraining_run",
    tag = "retraining", params(OfModel), responses((status = 202, body = RetrainingAttempt), Problems))]
async fn run(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModel>,
) -> ApiResult<(StatusCode, Json<RetrainingAttempt>)> {
    let attempt =
        platform::retraining::run(&state.platform, &caller.actor, &path.project, &path.model)
            .await?;
    Ok((StatusCode::ACCEPTED, Json(attempt)))
}

/// Let nothing start by itself
#[utoipa::path(post, path = "/api/v1/projects/{project}/models/{model}/retraining/pause", operation_id = "retraining_pause",
    tag = "retraining", params(OfModel), responses((status = 200, body = RetrainingPolicy), Problems))]
async fn pause(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModel>,
) -> ApiResult<Json<RetrainingPolicy>> {
    Ok(Json(
        platform::retraining::pause(&state.platform, &caller.actor, &path.project, &path.model)
            .await?,
    ))
}

/// Let a paused policy go on
///
/// What came due while it was paused is passed over.
#[utoipa::path(post, path = "/api/v1/projects/{project}/models/{model}/retraining/resume", operation_id = "retraining_resume",
    tag = "retraining", params(OfModel), responses((status = 200, body = RetrainingPolicy), Problems))]
async fn resume(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModel>,
) -> ApiResult<Json<RetrainingPolicy>> {
    Ok(Json(
        platform::retraining::resume(&state.platform, &caller.actor, &path.project, &path.model)
            .await?,
    ))
}

/// List the attempts at a better version, with their verdicts, newest first
#[utoipa::path(get, path = "/api/v1/projects/{project}/models/{model}/retraining/attempts",
    operation_id = "retraining_attempts_list", tag = "retraining", params(OfModel, PageQuery),
    responses((status = 200, body = Page<RetrainingAttempt>), Problems))]
async fn attempts(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModel>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<RetrainingAttempt>>> {
    let page = page.page()?;
    let (platform, actor) = (&state.platform, &caller.actor);
    let found =
        platform::retraining::attempts(platform, actor, &path.project, &path.model, &page).await?;
    Ok(Json(found))
}

/// Start the rollout that an attempt proposes
#[utoipa::path(post, path = "/api/v1/projects/{project}/models/{model}/retraining/attempts/{attempt}/accept",
    operation_id = "retraining_attempts_accept", tag = "retraining", params(OfRetrainingAttempt),
    responses((status = 200, body = RetrainingAttempt), Problems))]
async fn accept(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfRetrainingAttempt>,
) -> ApiResult<Json<RetrainingAttempt>> {
    let accepted = platform::retraining::accept(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.model,
        path.attempt,
    );
    Ok(Json(accepted.await?))
}

/// Take back what an attempt proposes
#[utoipa::path(post, path = "/api/v1/projects/{project}/models/{model}/retraining/attempts/{attempt}/dismiss",
    operation_id = "retraining_attempts_dismiss", tag = "retraining", params(OfRetrainingAttempt),
    responses((status = 200, body = RetrainingAttempt), Problems))]
async fn dismiss(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfRetrainingAttempt>,
) -> ApiResult<Json<RetrainingAttempt>> {
    let dismissed = platform::retraining::dismiss(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.model,
        path.attempt,
    );
    Ok(Json(dismissed.await?))
}
