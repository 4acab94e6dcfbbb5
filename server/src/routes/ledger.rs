use axum::extract::State;
use domain::ledger::LedgerPage;
use domain::page::PageRequest;
use domain::{Name, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::{Caller, Json, Path, Query};
use crate::openapi::Problems;
use crate::routes::paths::InProject;
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LedgerQuery {
    /// Only what is about this deployment.
    #[serde(default)]
    deployment: Option<Name>,
    /// Only what happened up to then; the answer says what was live at that moment.
    #[serde(default)]
    at: Option<Timestamp>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// 1 to 200; 50 unless told.
    #[serde(default)]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// List what changed what is live, and who may do what, newest first
#[utoipa::path(get, path = "/api/v1/projects/{project}/ledger", operation_id = "ledger_list", tag = "ledger",
    params(InProject, LedgerQuery), responses((status = 200, body = LedgerPage), Problems))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    Query(query): Query<LedgerQuery>,
) -> ApiResult<Json<LedgerPage>> {
    let page = PageRequest::new(query.cursor, query.limit)?;
    let deployment = query.deployment.as_ref();
    Ok(Json(
        platform::ledger::list(
            &state.platform,
            &caller.actor,
            &path.project,
            deployment,
            query.at,
            &page,
        )
        .await?,
    ))
}
