use axum::extract::State;
use domain::Page;
use domain::scoring_runs::{ScoringRun, ScoringSpec};
use http::header::LOCATION;
use http::{HeaderName, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::{Caller, Json, PageQuery, Path, Query};
use crate::openapi::Problems;
use crate::routes::paths::{InProject, OfScoringRun};
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get))
        .routes(routes!(cancel))
}

/// Score a dataset version with a model version
///
/// The predictions become a version of the dataset `output`, in Parquet. A row that the model refuses has a reason in place of
/// a prediction, and fails alone.
#[utoipa::path(post, path = "/api/v1/projects/{project}/scoring-runs", operation_id = "scoring_runs_create",
    tag = "scoring runs", params(InProject), request_body = ScoringSpec,
    responses((status = 202, body = ScoringRun, headers(("location" = String, description = "The run"))), Problems))]
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    Json(spec): Json<ScoringSpec>,
) -> ApiResult<(StatusCode, [(HeaderName, String); 1], Json<ScoringRun>)> {
    let create =
        platform::scoring_runs::create(&state.platform, &caller.actor, &path.project, spec);
    let run = Box::pin(create).await?;
    let location = format!("/api/v1/projects/{}/scoring-runs/{}", path.project, run.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(run)))
}

/// List scoring runs, newest first
#[utoipa::path(get, path = "/api/v1/projects/{project}/scoring-runs", operation_id = "scoring_runs_list",
    tag = "scoring runs", params(InProject, PageQuery), responses((status = 200, body = Page<ScoringRun>), Problems))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<ScoringRun>>> {
    Ok(Json(
        platform::scoring_runs::list(&state.platform, &caller.actor, &path.project, &page.page()?)
            .await?,
    ))
}

/// Get a scoring run
#[utoipa::path(get, path = "/api/v1/projects/{project}/scoring-runs/{scoring_run}", operation_id = "scoring_runs_get",
    tag = "scoring runs", params(OfScoringRun), responses((status = 200, body = ScoringRun), Problems))]
async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfScoringRun>,
) -> ApiResult<Json<ScoringRun>> {
    Ok(Json(
        platform::scoring_runs::get(
            &state.platform,
            &caller.actor,
            &path.project,
            path.scoring_run,
        )
        .await?,
    ))
}

/// Cancel a scoring run
#[utoipa::path(post, path = "/api/v1/projects/{project}/scoring-runs/{scoring_run}/cancel",
    operation_id = "scoring_runs_cancel", tag = "scoring runs", params(OfScoringRun),
    responses((status = 200, body = ScoringRun), Problems))]
async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfScoringRun>,
) -> ApiResult<Json<ScoringRun>> {
    Ok(Json(
        platform::scoring_runs::cancel(
            &state.platform,
            &caller.actor,
            &path.project,
            path.scoring_run,
        )
        .await?,
    ))
}
