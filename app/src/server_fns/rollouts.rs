use domain::Name;
use domain::ids::RolloutId;
use domain::rollouts::Rollout;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::context::signed_in;
use crate::error::AppError;

mod form;

pub use form::RolloutForm;

/// All of a deployment, newest first.
#[server(endpoint = "list_rollouts")]
pub async fn list_rollouts(project: Name, deployment: Name) -> Result<Vec<Rollout>, AppError> {
    let (platform, actor) = signed_in()?;
    Ok(platform::rollouts::list(&platform, &actor, &project, &deployment).await?)
}

/// Sends part of the traffic to a new version, and goes to the page that shows how it does.
#[server(endpoint = "start_rollout")]
pub async fn start_rollout(
    project: Name,
    deployment: Name,
    form: RolloutForm,
) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    platform::rollouts::start(&platform, &actor, &project, &deployment, form.spec()?).await?;
    leptos_axum::redirect(&format!(
        "/p/{project}/deployments/{deployment}?tab=traffic"
    ));
    Ok(())
}

/// What a person may do to a running rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutCommand {
    Promote,
    RollBack,
    Pause,
    Resume,
}

#[server(endpoint = "command_rollout")]
pub async fn command_rollout(
    project: Name,
    deployment: Name,
    id: RolloutId,
    command: RolloutCommand,
    reason: Option<String>,
) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    let reason = reason
        .as_deref()
        .map(str::trim)
        .filter(|reason| !reason.is_empty());
    match command {
        RolloutCommand::Promote => {
            platform::rollouts::promote(&platform, &actor, &project, &deployment, id, reason)
                .await?
        }
        RolloutCommand::RollBack => {
            platform::rollouts::roll_back(&platform, &actor, &project, &deployment, id, reason)
                .await?
        }
        RolloutCommand::Pause => {
            platform::rollouts::pause(&platform, &actor, &project, &deployment, id).await?
        }
        RolloutCommand::Resume => {
            platform::rollouts::resume(&platform, &actor, &project, &deployment, id).await?
        }
    };
    Ok(())
}

/// `weight` in per cent, as text, so that a wrong one is named on its field.
#[server(endpoint = "set_rollout_weight")]
pub async fn set_rollout_weight(
    project: Name,
    deployment: Name,
    id: RolloutId,
    weight: String,
) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    let weight = form::weight(&weight).map_err(|error| domain::Error::Invalid(vec![error]))?;
    platform::rollouts::set_weight(&platform, &actor, &project, &deployment, id, weight).await?;
    Ok(())
}
