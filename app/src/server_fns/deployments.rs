use domain::deployments::{Capacity, Deployment};
use domain::models::ModelSummary;
use domain::overview::DeploymentCard;
use domain::{Error, FieldError, Name};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::context::signed_in;
use crate::error::AppError;

/// Every deployment with its last hour.
#[server(endpoint = "list_deployments")]
pub async fn list_deployments(project: Name) -> Result<Vec<DeploymentCard>, AppError> {
    let (platform, actor) = signed_in()?;
    Ok(platform::overview::get(&platform, &actor, &project)
        .await?
        .deployments)
}

#[server(endpoint = "get_deployment")]
pub async fn get_deployment(project: Name, name: Name) -> Result<Deployment, AppError> {
    let (platform, actor) = signed_in()?;
    Ok(platform::deployments::get(&platform, &actor, &project, &name).await?)
}

/// What the form of a new deployment offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeploymentChoices {
    pub models: Vec<ModelSummary>,
    /// The versions of the model chosen so far, newest first.
    pub versions: Vec<i32>,
}

#[server(endpoint = "get_deployment_choices")]
pub async fn get_deployment_choices(
    project: Name,
    model: Option<Name>,
) -> Result<DeploymentChoices, AppError> {
    let (platform, actor) = signed_in()?;
    let all = domain::page::PageRequest::new(None, Some(200))?;
    let models = platform::models::list(&platform, &actor, &project, &all)
        .await?
        .items;
    let versions = match model {
        None => Vec::new(),
        Some(model) => {
            let model = platform::models::get(&platform, &actor, &project, &model).await?;
            model
                .versions
                .iter()
                .map(|version| version.version)
                .collect()
        }
    };
    Ok(DeploymentChoices { models, versions })
}

/// Goes to the deployment's page.
#[server(endpoint = "create_deployment")]
pub async fn create_deployment(
    project: Name,
    name: String,
    model: Name,
    version: i32,
) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    let name = Name::new(name.trim()).map_err(|_| {
        let expected =
            "1 to 63 letters, digits, dots, underscores or hyphens, the first a letter or digit";
        domain::Error::Invalid(vec![
            domain::FieldError::new("/name", "invalid", expected).got(name.clone()),
        ])
    })?;
    // A form that makes things must not quietly change one that is there.
    if platform::deployments::get(&platform, &actor, &project, &name)
        .await
        .is_ok()
    {
        let taken = domain::FieldError::new("/name", "taken", "a name that no deployment has yet")
            .got(name.to_string());
        return Err(domain::Error::Invalid(vec![taken]).into());
    }
    platform::deployments::put(
        &platform,
        &actor,
        &project,
        &name,
        domain::deployments::DeploymentSpec::new(model, version),
        None,
    )
    .await?;
    leptos_axum::redirect(&format!("/p/{project}/deployments/{name}"));
    Ok(())
}

/// `origins`: one a line, of the web pages that may call the deployment from a browser.
#[server(endpoint = "set_deployment_origins")]
pub async fn set_deployment_origins(
    project: Name,
    name: Name,
    origins: String,
) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    let origins = origins
        .lines()
        .map(str::trim)
        .filter(|origin| !origin.is_empty())
        .map(str::to_owned)
        .collect();
    platform::deployments::set_cors_origins(&platform, &actor, &project, &name, origins).await?;
    Ok(())
}

/// How much a deployment does at once, as its form sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityForm {
    /// Empty for any number.
    pub max_in_flight: String,
    pub max_queue: i32,
    pub min_warm: i32,
    pub idle_seconds: i32,
    pub max_batch: i32,
    pub max_delay_us: i32,
}

impl CapacityForm {
    /// # Errors
    /// Of what is no number. Whether the values are in range is for [`Capacity::checked`].
    pub fn capacity(&self) -> domain::Result<Capacity> {
        let max_in_flight = match self.max_in_flight.trim() {
            "" => None,
            most => Some(most.parse().map_err(|_| {
                let expected = "a whole number, or nothing for no limit";
                let error = FieldError::new("/max_in_flight", "invalid", expected);
                Error::Invalid(vec![error.got(most)])
            })?),
        };
        Ok(Capacity {
            max_in_flight,
            max_queue: self.max_queue,
            min_warm: self.min_warm,
            idle_seconds: self.idle_seconds,
            max_batch: self.max_batch,
            max_delay_us: self.max_delay_us,
        })
    }
}

#[server(endpoint = "set_deployment_capacity")]
pub async fn set_deployment_capacity(
    project: Name,
    name: Name,
    form: CapacityForm,
) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    let capacity = form.capacity()?;
    platform::deployments::set_capacity(&platform, &actor, &project, &name, capacity).await?;
    Ok(())
}

/// `confirm` must be the deployment's name, typed by the person. Goes to the list.
#[server(endpoint = "delete_deployment")]
pub async fn delete_deployment(project: Name, name: Name, confirm: String) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    if confirm.trim() != name.as_str() {
        return Err(Error::invalid("/confirm", format!("the deployment's name, {name}")).into());
    }
    platform::deployments::delete(&platform, &actor, &project, &name).await?;
    leptos_axum::redirect(&format!("/p/{project}/deployments"));
    Ok(())
}
