use axum::extract::State;
use domain::Timestamp;
use domain::metrics::DeploymentMetrics;
use platform::metrics::Range;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::{Caller, Json, Path, Query};
use crate::openapi::Problems;
use crate::routes::paths::OfDeployment;
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RangeQuery {
    /// An hour before `to` unless told.
    #[serde(default)]
    from: Option<Timestamp>,
    /// Now unless told.
    #[serde(default)]
    to: Option<Timestamp>,
    /// Seconds, a whole number of minutes; fits the range unless told.
    #[serde(default)]
    step: Option<u32>,
}

/// Get the traffic of a deployment by version
#[utoipa::path(get, path = "/api/v1/projects/{project}/deployments/{deployment}/metrics", operation_id = "deployments_metrics",
    tag = "deployments", params(OfDeployment, RangeQuery), responses((status = 200, body = DeploymentMetrics), Problems))]
async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfDeployment>,
    Query(query): Query<RangeQuery>,
) -> ApiResult<Json<DeploymentMetrics>> {
    let range = Range {
        from: query.from,
        to: query.to,
        step: query.step,
    };
    let found = platform::metrics::deployment(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.deployment,
        range,
    );
    Ok(Json(found.await?))
}
