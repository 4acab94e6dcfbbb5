use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::deployments::{Deployment, DeploymentSpec};
use domain::{Error, Page, Permission};
use http::{HeaderMap, HeaderName, StatusCode};
use platform::access;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::revision::{etag, if_match, is_known};
use crate::extract::{Caller, Json, Path};
use crate::openapi::Problems;
use crate::routes::paths::{InProject, OfDeployment};
use crate::routes::predict;
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, put, delete))
        .routes(routes!(document))
}

/// List deployments
#[utoipa::path(get, path = "/api/v1/projects/{project}/deployments", operation_id = "deployments_list", tag = "deployments",
    params(InProject), responses((status = 200, body = Page<Deployment>), Problems))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
) -> ApiResult<Json<Page<Deployment>>> {
    let items = platform::deployments::list(&state.platform, &caller.actor, &path.project).await?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Get a deployment
#[utoipa::path(get, path = "/api/v1/projects/{project}/deployments/{deployment}", operation_id = "deployments_get",
    tag = "deployments", params(OfDeployment),
    responses((status = 200, body = Deployment, headers(("etag" = String, description = "The revision"))),
        (status = 304, description = "Unchanged since the revision in If-None-Match"), Problems))]
async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfDeployment>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let deployment = platform::deployments::get(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.deployment,
    )
    .await?;
    let tag = etag(deployment.revision);
    if is_known(&headers, deployment.revision) {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    Ok(([tag], Json(deployment)).into_response())
}

/// Create a deployment
///
/// The first version goes live at once. Another version goes live by a rollout; the same version again changes nothing.
#[utoipa::path(put, path = "/api/v1/projects/{project}/deployments/{deployment}", operation_id = "deployments_put",
    tag = "deployments",
    params(OfDeployment, ("if-match" = Option<String>, Header, description = "Only when this is still the revision")),
    request_body = DeploymentSpec,
    responses((status = 200, body = Deployment, headers(("etag" = String, description = "The revision"))), Problems))]
async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfDeployment>,
    headers: HeaderMap,
    Json(spec): Json<DeploymentSpec>,
) -> ApiResult<([(HeaderName, String); 1], Json<Deployment>)> {
    let revision = if_match(&headers)?;
    let put = platform::deployments::put(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.deployment,
        spec,
        revision,
    );
    let deployment = put.await?;
    Ok(([etag(deployment.revision)], Json(deployment)))
}

/// Delete a deployment
#[utoipa::path(delete, path = "/api/v1/projects/{project}/deployments/{deployment}", operation_id = "deployments_delete",
    tag = "deployments", params(OfDeployment), responses((status = 204, description = "Deleted"), Problems))]
async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfDeployment>,
) -> ApiResult<StatusCode> {
    platform::deployments::delete(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.deployment,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get the OpenAPI document of a deployment
///
/// The one that `/predict/{deployment}/openapi.json` has for programs, for members of the project.
#[utoipa::path(get, path = "/api/v1/projects/{project}/deployments/{deployment}/openapi.json", operation_id = "deployments_document",
    tag = "deployments", params(OfDeployment),
    responses((status = 200, description = "The document", body = serde_json::Value, headers(("etag" = String, description = "Of the document"))),
        (status = 304, description = "Unchanged since the document in If-None-Match"), Problems))]
async fn document(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfDeployment>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let project = {
        let mut conn = state.platform.store.read().await.map_err(Error::from)?;
        access::authorise(&mut conn, &caller.actor, &path.project, Permission::Read).await?
    };
    let deployment = state
        .serving
        .snapshot()
        .deployment(project, path.deployment.as_str())
        .map(Arc::clone)
        .ok_or_else(|| Error::not_found("deployment"))?;
    Ok(predict::document::respond(&state, &deployment, &headers).await?)
}
