use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use bytes::Bytes;
use domain::datasets::{DataFormat, DatasetSummary, DatasetVersion, Preview};
use domain::{Name, Page};
use futures::{Stream, StreamExt as _};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, StatusCode};
use serde::Deserialize;
use tokio::time::Instant;
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
    let file = body(request.into_body());
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

/// What an upload must keep up: it may take hours, but not by doing nothing.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Longest silence.
    silence: Duration,
    /// From then on the average counts.
    grace: Duration,
    /// Bytes a second, on average.
    slowest: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            slowest: 1024.0,
        }
    }
}

/// The body as it comes in.
fn body(body: Body) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let chunks = body.into_data_stream();
    kept_up(
        chunks.map(|chunk| chunk.map_err(io::Error::other)),
        Pace::default(),
    )
}

/// The stream, ended with an error when the sender does not keep the pace.
pub fn kept_up<S>(stream: S, pace: Pace) -> impl Stream<Item = io::Result<Bytes>> + Send
where
    S: Stream<Item = io::Result<Bytes>> + Send,
{
    let started = Instant::now();
    let stalled = || {
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the upload stalled",
        ))
    };
    let reading = (Box::pin(stream), 0_u64, false);
    futures::stream::unfold(reading, move |(mut stream, mut seen, ended)| async move {
        if ended {
            return None;
        }
        let next = tokio::time::timeout(pace.silence, stream.next()).await;
        let mut next = next.unwrap_or_else(|_| Some(stalled()))?;
        if let Ok(chunk) = &next {
            seen += chunk.len() as u64;
            let elapsed = started.elapsed();
            if elapsed > pace.grace && (seen as f64) < pace.slowest * elapsed.as_secs_f64() {
                next = stalled();
            }
        }
        let ended = next.is_err();
        Some((next, (stream, seen, ended)))
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

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        silence: Duration::from_millis(300),
        grace: Duration::from_millis(50),
        slowest: 1000.0,
    };

    /// `times` chunks, one every 20 ms, and whether each came through.
    async fn outcomes(bytes: &'static [u8], times: usize) -> Vec<bool> {
        let pause = tokio::time::interval(Duration::from_millis(20));
        let chunks = futures::stream::unfold(pause, move |mut pause| async move {
            pause.tick().await;
            Some((Ok(Bytes::from_static(bytes)), pause))
        });
        let kept = kept_up(chunks.take(times), PACE);
        kept.map(|item| item.is_ok()).collect().await
    }

    #[tokio::test]
    async fn a_trickling_upload_is_ended_and_a_steady_one_is_not() {
        let trickling = outcomes(b"x", 100).await;
        assert_eq!(trickling.last(), Some(&false));
        assert!(trickling.len() < 20, "{}", trickling.len());
        assert_eq!(outcomes(&[0; 2048], 20).await, [true; 20]);
    }

    #[tokio::test]
    async fn a_silent_upload_is_ended() {
        let begun = futures::stream::iter([Ok(Bytes::from_static(b"a"))]);
        let silent = kept_up(begun.chain(futures::stream::pending()), PACE);
        let outcomes: Vec<_> = silent.map(|item| item.is_ok()).collect().await;
        assert_eq!(outcomes, [true, false]);
    }
}
