use axum::extract::State;
use domain::Page;
use domain::rollouts::{Rollout, RolloutSpec};
use http::header::LOCATION;
use http::{HeaderName, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{ApiError, ApiResult};
use crate::extract::{Caller, Json, Path, json};
use crate::openapi::Problems;
use crate::routes::paths::{OfDeployment, OfRollout};
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get))
        .routes(routes!(promote))
        .routes(routes!(roll_back))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(set_weight))
}

/// Bring a new version out beside the stable one
#[utoipa::path(post, path = "/api/v1/projects/{project}/deployments/{deployment}/rollouts", operation_id = "rollouts_create",
    tag = "rollouts", params(OfDeployment), request_body = RolloutSpec,
    responses((status = 201, body = Rollout, headers(("location" = String, description = "The rollout"))), Problems))]
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfDeployment>,
    Json(spec): Json<RolloutSpec>,
) -> ApiResult<(StatusCode, [(HeaderName, String); 1], Json<Rollout>)> {
    let rollout = platform::rollouts::start(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.deployment,
        spec,
    )
    .await?;
    let location = format!(
        "/api/v1/projects/{}/deployments/{}/rollouts/{}",
        path.project, path.deployment, rollout.id
    );
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(rollout)))
}

/// List the rollouts of a deployment, newest first
#[utoipa::path(get, path = "/api/v1/projects/{project}/deployments/{deployment}/rollouts", operation_id = "rollouts_list",
    tag = "rollouts", params(OfDeployment), responses((status = 200, body = Page<Rollout>), Problems))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfDeployment>,
) -> ApiResult<Json<Page<Rollout>>> {
    let items = platform::rollouts::list(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.deployment,
    )
    .await?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Get a rollout with its verdicts
#[utoipa::path(get, path = "/api/v1/projects/{project}/deployments/{deployment}/rollouts/{rollout}",
    operation_id = "rollouts_get", tag = "rollouts", params(OfRollout), responses((status = 200, body = Rollout), Problems))]
async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfRollout>,
) -> ApiResult<Json<Rollout>> {
    Ok(Json(
        platform::rollouts::get(
            &state.platform,
            &caller.actor,
            &path.project,
            &path.deployment,
            path.rollout,
        )
        .await?,
    ))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Why, for the ledger.
    #[serde(default)]
    reason: Option<String>,
}

/// The body may be left out.
async fn decision(request: axum::extract::Request, state: &AppState) -> Result<Decision, ApiError> {
    let body = json::body(request, state).await?;
    if body.is_empty() {
        Ok(Decision::default())
    } else {
        json::parse(&body)
    }
}

/// Make the canary the stable version
#[utoipa::path(post, path = "/api/v1/projects/{project}/deployments/{deployment}/rollouts/{rollout}/promote",
    operation_id = "rollouts_promote", tag = "rollouts", params(OfRollout), request_body = Option<Decision>,
    responses((status = 200, body = Rollout), Problems))]
async fn promote(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfRollout>,
    request: axum::extract::Request,
) -> ApiResult<Json<Rollout>> {
    let reason = decision(request, &state).await?.reason;
    let (platform, actor) = (&state.platform, &caller.actor);
    let done = platform::rollouts::promote(
        platform,
        actor,
        &path.project,
        &path.deployment,
        path.rollout,
        reason.as_deref(),
    );
    Ok(Json(done.await?))
}

/// Send all traffic back to the stable version
#[utoipa::path(post, path = "/api/v1/projects/{project}/deployments/{deployment}/rollouts/{rollout}/rollback",
    operation_id = "rollouts_rollback", tag = "rollouts", params(OfRollout), request_body = Option<Decision>,
    responses((status = 200, body = Rollout), Problems))]
async fn roll_back(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfRollout>,
    request: axum::extract::Request,
) -> ApiResult<Json<Rollout>> {
    let reason = decision(request, &state).await?.reason;
    let (platform, actor) = (&state.platform, &caller.actor);
    let done = platform::rollouts::roll_back(
        platform,
        actor,
        &path.project,
        &path.deployment,
        path.rollout,
        reason.as_deref(),
    );
    Ok(Json(done.await?))
}

/// Stop the judge and the steps; the canary keeps its share
#[utoipa::path(post, path = "/api/v1/projects/{project}/deployments/{deployment}/rollouts/{rollout}/pause",
    operation_id = "rollouts_pause", tag = "rollouts", params(OfRollout), responses((status = 200, body = Rollout), Problems))]
async fn pause(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfRollout>,
) -> ApiResult<Json<Rollout>> {
    Ok(Json(
        platform::rollouts::pause(
            &state.platform,
            &caller.actor,
            &path.project,
            &path.deployment,
            path.rollout,
        )
        .await?,
    ))
}

/// Let the judge and the steps go on
#[utoipa::path(post, path = "/api/v1/projects/{project}/deployments/{deployment}/rollouts/{rollout}/resume",
    operation_id = "rollouts_resume", tag = "rollouts", params(OfRollout), responses((status = 200, body = Rollout), Problems))]
async fn resume(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfRollout>,
) -> ApiResult<Json<Rollout>> {
    Ok(Json(
        platform::rollouts::resume(
            &state.platform,
            &caller.actor,
            &path.project,
            &path.deployment,
            path.rollout,
        )
        .await?,
    ))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Weight {
    /// Per cent of the traffic that goes to the canary, 0 to 100.
    weight: f64,
}

/// Change the canary's share of the traffic
#[utoipa::path(put, path = "/api/v1/projects/{project}/deployments/{deployment}/rollouts/{rollout}/weight",
    operation_id = "rollouts_set_weight", tag = "rollouts", params(OfRollout), request_body = Weight,
    responses((status = 200, body = Rollout), Problems))]
async fn set_weight(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfRollout>,
    Json(new): Json<Weight>,
) -> ApiResult<Json<Rollout>> {
    let (platform, actor) = (&state.platform, &caller.actor);
    let done = platform::rollouts::set_weight(
        platform,
        actor,
        &path.project,
        &path.deployment,
        path.rollout,
        new.weight,
    );
    Ok(Json(done.await?))
}
