use std::io;

use axum::extract::{Request, State};
use domain::datasets::{DataFormat, DatasetSummary, DatasetVersion, Preview};
use domain::{Name, Page};
use futures::TryStreamExt as _;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{ApiError, ApiResult};
use crate::extract::{Caller, Json, PageQuery, Path, Query};
use crate::middleware::body_limit;
use crate::openapi::Problems;
use crate::routes::paths::{InProject, OfDataset, OfDatasetVersion};
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(versions))
        .routes(routes!(get_version))
        .routes(routes!(preview))
}

/// Apart from the others: it takes as long as it takes.
pub fn uploads() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NewDataset {
    /// A new name makes a dataset; a known one adds a version to it.
    name: Name,
}

/// Upload a file as a dataset version
///
/// The body is the file itself. When the answer comes, the file is on disk; its columns are profiled afterwards.
#[utoipa::path(post, path = "/api/v1/projects/{project}/datasets", operation_id = "datasets_create", tag = "datasets",
    params(InProject, NewDataset),
    request_body(description = "The file",
        content((String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet"))),
    responses((status = 201, body = DatasetVersion, headers(("location" = String, description = "The version"))), Problems))]
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    Query(new): Query<NewDataset>,
    request: Request,
) -> ApiResult<(StatusCode, [(HeaderName, String); 1], Json<DatasetVersion>)> {
    let format = format(request.headers())?;
    let declared = body_limit::declared(request.headers());
    let file = request.into_body().into_data_stream();
    let file = file.map_err(io::Error::other);
    let version = platform::datasets::upload(
        &state.platform,
        &caller.actor,
        &path.project,
        &new.name,
        format,
        declared,
        file,
    )
    .await?;
    let location = format!(
        "/api/v1/projects/{}/datasets/{}/versions/{}",
        path.project, version.name, version.version
    );
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(version)))
}

fn format(headers: &HeaderMap) -> ApiResult<DataFormat> {
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|media| media.to_str().ok())
        .unwrap_or_default();
    DataFormat::from_media_type(media).ok_or_else(|| {
        ApiError::http(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send content-type: text/csv or application/vnd.apache.parquet",
        )
    })
}

/// List datasets
#[utoipa::path(get, path = "/api/v1/projects/{project}/datasets", operation_id = "datasets_list", tag = "datasets",
    params(InProject, PageQuery), responses((status = 200, body = Page<DatasetSummary>), Problems))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<DatasetSummary>>> {
    Ok(Json(
        platform::datasets::list(&state.platform, &caller.actor, &path.project, &page.page()?)
            .await?,
    ))
}

/// Get the newest version of a dataset
#[utoipa::path(get, path = "/api/v1/projects/{project}/datasets/{dataset}", operation_id = "datasets_get", tag = "datasets",
    params(OfDataset), responses((status = 200, body = DatasetVersion), Problems))]
async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfDataset>,
) -> ApiResult<Json<DatasetVersion>> {
    Ok(Json(
        platform::datasets::get(&state.platform, &caller.actor, &path.project, &path.dataset)
            .await?,
    ))
}

/// List the versions of a dataset, newest first, without their columns
#[utoipa::path(get, path = "/api/v1/projects/{project}/datasets/{dataset}/versions", operation_id = "dataset_versions_list",
    tag = "datasets", params(OfDataset), responses((status = 200, body = Page<DatasetVersion>), Problems))]
async fn versions(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfDataset>,
) -> ApiResult<Json<Page<DatasetVersion>>> {
    let items =
        platform::datasets::versions(&state.platform, &caller.actor, &path.project, &path.dataset)
            .await?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Get a dataset version
#[utoipa::path(get, path = "/api/v1/projects/{project}/datasets/{dataset}/versions/{version}",
    operation_id = "dataset_versions_get", tag = "datasets", params(OfDatasetVersion),
    responses((status = 200, body = DatasetVersion), Problems))]
async fn get_version(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfDatasetVersion>,
) -> ApiResult<Json<DatasetVersion>> {
    let found = platform::datasets::get_version(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.dataset,
        path.version,
    );
    Ok(Json(found.await?))
}

/// Get the first rows of a dataset version
#[utoipa::path(get, path = "/api/v1/projects/{project}/datasets/{dataset}/versions/{version}/preview",
    operation_id = "dataset_versions_preview", tag = "datasets", params(OfDatasetVersion),
    responses((status = 200, body = Preview), Problems))]
async fn preview(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfDatasetVersion>,
) -> ApiResult<Json<Preview>> {
    let found = platform::datasets::preview(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.dataset,
        Some(path.version),
    );
    Ok(Json(found.await?))
}
