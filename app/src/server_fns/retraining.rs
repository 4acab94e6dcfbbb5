mod form;

use domain::ids::RetrainingAttemptId;
use domain::retraining::{RetrainingAttempt, RetrainingPolicy};
use domain::{Name, Page};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

pub use form::{PRESETS, RetrainingForm, preset_of};

#[cfg(feature = "ssr")]
use crate::context::signed_in;
use crate::error::AppError;

/// Versions that a policy can train like.
#[cfg(feature = "ssr")]
const EXAMPLES: i64 = 50;

/// The retraining of a model, with what its form offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retraining {
    pub policy: Option<RetrainingPolicy>,
    pub attempts: Page<RetrainingAttempt>,
    /// Versions that training runs made, newest first.
    pub examples: Vec<Example>,
    /// Those of the model.
    pub deployments: Vec<Name>,
}

/// A version whose training can be done again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    pub version: i32,
    pub algorithm: String,
    pub dataset: Option<Name>,
    pub target: String,
}

#[server(endpoint = "get_retraining")]
pub async fn get_retraining(
    project: Name,
    model: Name,
    cursor: Option<String>,
) -> Result<Retraining, AppError> {
    let (platform, actor) = signed_in()?;
    let page = domain::page::PageRequest::new(cursor, Some(20))?;
    let policy = platform::retraining::find(&platform, &actor, &project, &model).await?;
    let attempts =
        platform::retraining::attempts(&platform, &actor, &project, &model, &page).await?;
    let examples = platform::models::trained(&platform, &actor, &project, &model, EXAMPLES).await?;
    let examples = examples
        .into_iter()
        .map(|version| Example {
            version: version.version,
            algorithm: version.algorithm,
            dataset: version.dataset,
            target: version.target,
        })
        .collect();
    let deployments = platform::deployments::list(&platform, &actor, &project).await?;
    let deployments = deployments
        .into_iter()
        .filter(|deployment| deployment.model == model)
        .map(|deployment| deployment.name)
        .collect();
    Ok(Retraining {
        policy,
        attempts,
        examples,
        deployments,
    })
}

#[server(endpoint = "set_retraining")]
pub async fn set_retraining(
    project: Name,
    model: Name,
    form: RetrainingForm,
) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    let training = match form.example()? {
        None => {
            platform::retraining::get(&platform, &actor, &project, &model)
                .await?
                .training
        }
        Some(version) => {
            let found =
                platform::models::get_version(&platform, &actor, &project, &model, version).await?;
            let run = found
                .training_run
                .ok_or_else(|| domain::Error::invalid("/example", form::NO_EXAMPLE))?;
            let run = platform::training_runs::get(&platform, &actor, &project, run).await?;
            domain::training_runs::TrainingSpec {
                dataset_version: None,
                model: model.clone(),
                ..run.spec
            }
        }
    };
    let (spec, revision) = (form.spec(training)?, form.revision()?);
    platform::retraining::put(&platform, &actor, &project, &model, spec, revision).await?;
    Ok(())
}

#[server(endpoint = "run_retraining")]
pub async fn run_retraining(project: Name, model: Name) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    platform::retraining::run(&platform, &actor, &project, &model).await?;
    Ok(())
}

#[server(endpoint = "pause_retraining")]
pub async fn pause_retraining(project: Name, model: Name) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    platform::retraining::pause(&platform, &actor, &project, &model).await?;
    Ok(())
}

#[server(endpoint = "resume_retraining")]
pub async fn resume_retraining(project: Name, model: Name) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    platform::retraining::resume(&platform, &actor, &project, &model).await?;
    Ok(())
}

#[server(endpoint = "delete_retraining")]
pub async fn delete_retraining(project: Name, model: Name) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    platform::retraining::delete(&platform, &actor, &project, &model, None).await?;
    Ok(())
}

#[server(endpoint = "accept_retraining")]
pub async fn accept_retraining(
    project: Name,
    model: Name,
    id: RetrainingAttemptId,
) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    platform::retraining::accept(&platform, &actor, &project, &model, id).await?;
    Ok(())
}

#[server(endpoint = "dismiss_retraining")]
pub async fn dismiss_retraining(
    project: Name,
    model: Name,
    id: RetrainingAttemptId,
) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    platform::retraining::dismiss(&platform, &actor, &project, &model, id).await?;
    Ok(())
}
