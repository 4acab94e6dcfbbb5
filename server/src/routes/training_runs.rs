use axum::extract::State;
use domain::Page;
use domain::training_runs::{LogLine, TrainingRun, TrainingSpec};
use http::header::LOCATION;
use http::{HeaderName, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::{Caller, Json, PageQuery, Path, Query};
use crate::openapi::Problems;
use crate::routes::paths::{InProject, OfTrainingRun};
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get))
        .routes(routes!(cancel))
        .routes(routes!(rerun))
        .routes(routes!(logs))
}

/// Train a model
#[utoipa::path(post, path = "/api/v1/projects/{project}/training-runs", operation_id = "training_runs_create",
    tag = "training runs", params(InProject), request_body = TrainingSpec,
    responses((status = 202, body = TrainingRun, headers(("location" = String, description = "The run"))), Problems))]
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    Json(spec): Json<TrainingSpec>,
) -> ApiResult<(StatusCode, [(HeaderName, String); 1], Json<TrainingRun>)> {
    let run = platform::training_runs::create(&state.platform, &caller.actor, &path.project, spec)
        .await?;
    let location = format!("/api/v1/projects/{}/training-runs/{}", path.project, run.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(run)))
}

/// List training runs, newest first
#[utoipa::path(get, path = "/api/v1/projects/{project}/training-runs", operation_id = "training_runs_list",
    tag = "training runs", params(InProject, PageQuery), responses((status = 200, body = Page<TrainingRun>), Problems))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<TrainingRun>>> {
    Ok(Json(
        platform::training_runs::list(&state.platform, &caller.actor, &path.project, &page.page()?)
            .await?,
    ))
}

/// Get a training run
#[utoipa::path(get, path = "/api/v1/projects/{project}/training-runs/{training_run}", operation_id = "training_runs_get",
    tag = "training runs", params(OfTrainingRun), responses((status = 200, body = TrainingRun), Problems))]
async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfTrainingRun>,
) -> ApiResult<Json<TrainingRun>> {
    Ok(Json(
        platform::training_runs::get(
            &state.platform,
            &caller.actor,
            &path.project,
            path.training_run,
        )
        .await?,
    ))
}

/// Cancel a training run
#[utoipa::path(post, path = "/api/v1/projects/{project}/training-runs/{training_run}/cancel",
    operation_id = "training_runs_cancel", tag = "training runs", params(OfTrainingRun),
    responses((status = 200, body = TrainingRun), Problems))]
async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfTrainingRun>,
) -> ApiResult<Json<TrainingRun>> {
    Ok(Json(
        platform::training_runs::cancel(
            &state.platform,
            &caller.actor,
            &path.project,
            path.training_run,
        )
        .await?,
    ))
}

/// Train again what a training run has trained
///
/// On the same version of the dataset, with the same seeds and parameters. The run that comes of it makes no version: its
/// `reproduction` says whether its artifact is that of the version, byte by byte. Of `auto`, what was chosen is trained again.
#[utoipa::path(post, path = "/api/v1/projects/{project}/training-runs/{training_run}/rerun",
    operation_id = "training_runs_rerun", tag = "training runs", params(OfTrainingRun),
    responses((status = 202, body = TrainingRun, headers(("location" = String, description = "The run"))), Problems))]
async fn rerun(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfTrainingRun>,
) -> ApiResult<(StatusCode, [(HeaderName, String); 1], Json<TrainingRun>)> {
    let run = Box::pin(platform::training_runs::rerun(
        &state.platform,
        &caller.actor,
        &path.project,
        path.training_run,
    ))
    .await?;
    let location = format!("/api/v1/projects/{}/training-runs/{}", path.project, run.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(run)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogsQuery {
    /// Only lines with a greater `seq`.
    #[serde(default)]
    after: i64,
}

/// Get the log lines of a training run, oldest first
#[utoipa::path(get, path = "/api/v1/projects/{project}/training-runs/{training_run}/logs", operation_id = "training_runs_logs",
    tag = "training runs", params(OfTrainingRun, LogsQuery), responses((status = 200, body = Page<LogLine>), Problems))]
async fn logs(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfTrainingRun>,
    Query(query): Query<LogsQuery>,
) -> ApiResult<Json<Page<LogLine>>> {
    let found = platform::training_runs::logs(
        &state.platform,
        &caller.actor,
        &path.project,
        path.training_run,
        query.after,
    );
    Ok(Json(Page {
        items: found.await?,
        next_cursor: None,
    }))
}
