use axum::extract::State;
use domain::Page;
use domain::api_keys::{ApiKey, CreatedApiKey, NewApiKey};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::{Caller, Json, Path};
use crate::openapi::Problems;
use crate::routes::paths::{InProject, OfApiKey};
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(revoke))
        .routes(routes!(rotate))
}

/// Create an API key
///
/// The answer holds the key itself, this once.
#[utoipa::path(post, path = "/api/v1/projects/{project}/api-keys", operation_id = "api_keys_create", tag = "api keys",
    params(InProject), request_body = NewApiKey, responses((status = 201, body = CreatedApiKey), Problems))]
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    Json(new): Json<NewApiKey>,
) -> ApiResult<(StatusCode, Json<CreatedApiKey>)> {
    let created =
        platform::api_keys::create(&state.platform, &caller.actor, &path.project, new).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// List API keys, newest first
#[utoipa::path(get, path = "/api/v1/projects/{project}/api-keys", operation_id = "api_keys_list", tag = "api keys",
    params(InProject), responses((status = 200, body = Page<ApiKey>), Problems))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
) -> ApiResult<Json<Page<ApiKey>>> {
    let items = platform::api_keys::list(&state.platform, &caller.actor, &path.project).await?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Revoke an API key, at once
#[utoipa::path(delete, path = "/api/v1/projects/{project}/api-keys/{api_key}", operation_id = "api_keys_revoke",
    tag = "api keys", params(OfApiKey), responses((status = 204, description = "Revoked"), Problems))]
async fn revoke(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfApiKey>,
) -> ApiResult<StatusCode> {
    platform::api_keys::revoke(&state.platform, &caller.actor, &path.project, path.api_key).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// How long the old key lives on; 0 revokes it at once.
    overlap_seconds: u32,
}

/// Replace an API key by a new one
#[utoipa::path(post, path = "/api/v1/projects/{project}/api-keys/{api_key}/rotate", operation_id = "api_keys_rotate",
    tag = "api keys", params(OfApiKey), request_body = Rotation, responses((status = 201, body = CreatedApiKey), Problems))]
async fn rotate(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfApiKey>,
    Json(rotation): Json<Rotation>,
) -> ApiResult<(StatusCode, Json<CreatedApiKey>)> {
    let rotated = platform::api_keys::rotate(
        &state.platform,
        &caller.actor,
        &path.project,
        path.api_key,
        rotation.overlap_seconds,
    );
    Ok((StatusCode::CREATED, Json(rotated.await?)))
}
