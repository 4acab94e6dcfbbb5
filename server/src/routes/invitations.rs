use axum::extract::State;
use domain::Role;
use domain::members::CreatedInvitation;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::{Caller, Json, Path};
use crate::openapi::Problems;
use crate::routes::paths::{InProject, OfInvitation};
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(withdraw))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    email: String,
    role: Role,
}

/// Invite a person to a project
///
/// The answer holds the secret of the link `/invite?token=...`, this once.
#[utoipa::path(post, path = "/api/v1/projects/{project}/invitations", operation_id = "invitations_create", tag = "members",
    params(InProject), request_body = NewInvitation, responses((status = 201, body = CreatedInvitation), Problems))]
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    Json(new): Json<NewInvitation>,
) -> ApiResult<(StatusCode, Json<CreatedInvitation>)> {
    let created = platform::members::invite(
        &state.platform,
        &caller.actor,
        &path.project,
        &new.email,
        new.role,
    )
    .await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Withdraw an invitation
#[utoipa::path(delete, path = "/api/v1/projects/{project}/invitations/{invitation}", operation_id = "invitations_withdraw",
    tag = "members", params(OfInvitation), responses((status = 204, description = "Withdrawn"), Problems))]
async fn withdraw(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfInvitation>,
) -> ApiResult<StatusCode> {
    platform::members::withdraw_invitation(
        &state.platform,
        &caller.actor,
        &path.project,
        path.invitation,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
