use domain::ids::{InvitationId, UserId};
use domain::members::{CreatedInvitation, InvitationPreview, Membership};
use domain::{Name, Role};
use leptos::prelude::*;

use crate::error::AppError;

#[server(endpoint = "list_members")]
pub async fn list_members(project: Name) -> Result<Membership, AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    Ok(platform::members::list(&platform, &actor, &project).await?)
}

/// The answer carries the link's secret, this once.
#[server(endpoint = "invite_member")]
pub async fn invite_member(
    project: Name,
    email: String,
    role: Role,
) -> Result<CreatedInvitation, AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    let created = platform::members::invite(&platform, &actor, &project, &email, role).await?;
    crate::server_fns::once::keep(crate::server_fns::once::INVITATION, &created);
    Ok(created)
}

#[server(endpoint = "withdraw_invitation")]
pub async fn withdraw_invitation(project: Name, id: InvitationId) -> Result<(), AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    Ok(platform::members::withdraw_invitation(&platform, &actor, &project, id).await?)
}

#[server(endpoint = "set_member_role")]
pub async fn set_member_role(project: Name, user: UserId, role: Role) -> Result<(), AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    platform::members::set_role(&platform, &actor, &project, user, role).await?;
    Ok(())
}

#[server(endpoint = "remove_member")]
pub async fn remove_member(project: Name, user: UserId) -> Result<(), AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    Ok(platform::members::remove(&platform, &actor, &project, user).await?)
}

/// What an invited person sees. Public: the token is the proof.
#[server(endpoint = "preview_invitation")]
pub async fn preview_invitation(token: String) -> Result<InvitationPreview, AppError> {
    let request = use_context::<crate::context::RequestContext>().ok_or_else(|| {
        AppError::from(domain::Error::internal(
            "a server function ran without its request context",
        ))
    })?;
    Ok(platform::members::preview_invitation(&request.platform, &token).await?)
}

/// The invitation that was made by the form before this page, when there is no WebAssembly to show the form's answer.
#[server(endpoint = "invitation_just_made")]
pub async fn invitation_just_made() -> Result<Option<CreatedInvitation>, AppError> {
    crate::context::signed_in()?;
    Ok(crate::server_fns::once::take(
        crate::server_fns::once::INVITATION,
    ))
}
