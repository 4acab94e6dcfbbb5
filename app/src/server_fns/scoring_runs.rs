#[cfg(feature = "ssr")]
mod form;

use domain::ids::ScoringRunId;
use domain::scoring_runs::ScoringRun;
use domain::{Name, Page};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::context::signed_in;
use crate::error::AppError;

#[server(endpoint = "list_scoring_runs")]
pub async fn list_scoring_runs(
    project: Name,
    cursor: Option<String>,
) -> Result<Page<ScoringRun>, AppError> {
    let (platform, actor) = signed_in()?;
    let page = domain::page::PageRequest::new(cursor, None)?;
    Ok(platform::scoring_runs::list(&platform, &actor, &project, &page).await?)
}

#[server(endpoint = "get_scoring_run")]
pub async fn get_scoring_run(project: Name, id: ScoringRunId) -> Result<ScoringRun, AppError> {
    let (platform, actor) = signed_in()?;
    Ok(platform::scoring_runs::get(&platform, &actor, &project, id).await?)
}

/// What the form of a new run offers: pairs of value and label. A value is a name, or a name and a version: `housing/2`,
/// `price/@champion`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoringChoices {
    pub datasets: Vec<(String, String)>,
    pub models: Vec<(String, String)>,
}

/// `dataset` and `model` are values that were chosen on another page; they are offered first.
#[server(endpoint = "get_scoring_choices")]
pub async fn get_scoring_choices(
    project: Name,
    dataset: Option<String>,
    model: Option<String>,
) -> Result<ScoringChoices, AppError> {
    let (platform, actor) = signed_in()?;
    let all = domain::page::PageRequest::new(None, Some(200))?;
    let datasets = platform::datasets::list(&platform, &actor, &project, &all)
        .await?
        .items;
    let models = platform::models::list(&platform, &actor, &project, &all)
        .await?
        .items;
    Ok(ScoringChoices {
        datasets: form::dataset_choices(dataset.as_deref(), datasets),
        models: form::model_choices(model.as_deref(), models),
    })
}

/// Goes to the run's page when it is queued. Everything is text, so that every wrong field is named in one answer.
#[server(endpoint = "create_scoring_run")]
pub async fn create_scoring_run(
    project: Name,
    dataset: String,
    model: String,
    output: String,
    prediction_column: String,
) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    let spec = form::spec(&dataset, &model, &output, prediction_column)?;
    let create = platform::scoring_runs::create(&platform, &actor, &project, spec);
    let run = Box::pin(create).await?;
    leptos_axum::redirect(&format!("/p/{project}/scoring-runs/{}", run.id));
    Ok(())
}

#[server(endpoint = "cancel_scoring_run")]
pub async fn cancel_scoring_run(project: Name, id: ScoringRunId) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    platform::scoring_runs::cancel(&platform, &actor, &project, id).await?;
    Ok(())
}
