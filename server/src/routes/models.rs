use axum::extract::State;
use domain::Page;
use domain::models::{Alias, Model, ModelSummary, ModelVersion};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::{Caller, Json, PageQuery, Path, Query};
use crate::openapi::Problems;
use crate::routes::paths::{InProject, OfAlias, OfModel, OfModelVersion};
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(get_version))
        .routes(routes!(set_alias, remove_alias))
}

/// List models
#[utoipa::path(get, path = "/api/v1/projects/{project}/models", operation_id = "models_list", tag = "models",
    params(InProject, PageQuery), responses((status = 200, body = Page<ModelSummary>), Problems))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<ModelSummary>>> {
    Ok(Json(
        platform::models::list(&state.platform, &caller.actor, &path.project, &page.page()?)
            .await?,
    ))
}

/// Get a model with its versions, newest first
#[utoipa::path(get, path = "/api/v1/projects/{project}/models/{model}", operation_id = "models_get", tag = "models",
    params(OfModel), responses((status = 200, body = Model), Problems))]
async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModel>,
) -> ApiResult<Json<Model>> {
    Ok(Json(
        platform::models::get(&state.platform, &caller.actor, &path.project, &path.model).await?,
    ))
}

/// Get a model version with its evaluation
#[utoipa::path(get, path = "/api/v1/projects/{project}/models/{model}/versions/{version}", operation_id = "model_versions_get",
    tag = "models", params(OfModelVersion), responses((status = 200, body = ModelVersion), Problems))]
async fn get_version(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModelVersion>,
) -> ApiResult<Json<ModelVersion>> {
    let found = platform::models::get_version(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.model,
        path.version,
    );
    Ok(Json(found.await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasTarget {
    version: i32,
}

/// Point an alias at a version
#[utoipa::path(put, path = "/api/v1/projects/{project}/models/{model}/aliases/{alias}", operation_id = "model_aliases_put",
    tag = "models", params(OfAlias), request_body = AliasTarget, responses((status = 200, body = Alias), Problems))]
async fn set_alias(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfAlias>,
    Json(target): Json<AliasTarget>,
) -> ApiResult<Json<Alias>> {
    let set = platform::models::set_alias(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.model,
        &path.alias,
        target.version,
    );
    Ok(Json(set.await?))
}

/// Remove an alias
#[utoipa::path(delete, path = "/api/v1/projects/{project}/models/{model}/aliases/{alias}",
    operation_id = "model_aliases_delete", tag = "models", params(OfAlias),
    responses((status = 204, description = "Removed"), Problems))]
async fn remove_alias(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfAlias>,
) -> ApiResult<StatusCode> {
    platform::models::remove_alias(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.model,
        &path.alias,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
