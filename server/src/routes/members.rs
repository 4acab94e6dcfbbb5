use axum::extract::State;
use domain::Role;
use domain::members::{Member, Membership};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::{Caller, Json, Path};
use crate::openapi::Problems;
use crate::routes::paths::{InProject, OfMember};
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(set_role, remove))
}

/// List the members and open invitations of a project
#[utoipa::path(get, path = "/api/v1/projects/{project}/members", operation_id = "members_list", tag = "members",
    params(InProject), responses((status = 200, body = Membership), Problems))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
) -> ApiResult<Json<Membership>> {
    Ok(Json(
        platform::members::list(&state.platform, &caller.actor, &path.project).await?,
    ))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    role: Role,
}

/// Give a member another role
#[utoipa::path(put, path = "/api/v1/projects/{project}/members/{user}", operation_id = "members_set_role", tag = "members",
    params(OfMember), request_body = NewRole, responses((status = 200, body = Member), Problems))]
async fn set_role(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfMember>,
    Json(new): Json<NewRole>,
) -> ApiResult<Json<Member>> {
    Ok(Json(
        platform::members::set_role(
            &state.platform,
            &caller.actor,
            &path.project,
            path.user,
            new.role,
        )
        .await?,
    ))
}

/// Remove a member from a project
#[utoipa::path(delete, path = "/api/v1/projects/{project}/members/{user}", operation_id = "members_remove", tag = "members",
    params(OfMember), responses((status = 204, description = "Removed"), Problems))]
async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfMember>,
) -> ApiResult<StatusCode> {
    platform::members::remove(&state.platform, &caller.actor, &path.project, path.user).await?;
    Ok(StatusCode::NO_CONTENT)
}
