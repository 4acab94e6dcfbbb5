mod form;

pub use form::{
    AS_CATEGORY, ColumnForm, TrainingForm, default_text, parameter_field, parameter_text,
};

use domain::datasets::{DatasetSummary, DatasetVersion};
use domain::ids::TrainingRunId;
use domain::training_runs::{LogLine, TrainingRun};
use domain::{Name, Page};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::context::signed_in;
use crate::error::AppError;

#[server(endpoint = "list_training_runs")]
pub async fn list_training_runs(
    project: Name,
    cursor: Option<String>,
) -> Result<Page<TrainingRun>, AppError> {
    let (platform, actor) = signed_in()?;
    let page = domain::page::PageRequest::new(cursor, None)?;
    Ok(platform::training_runs::list(&platform, &actor, &project, &page).await?)
}

#[server(endpoint = "get_training_run")]
pub async fn get_training_run(project: Name, id: TrainingRunId) -> Result<TrainingRun, AppError> {
    let (platform, actor) = signed_in()?;
    Ok(platform::training_runs::get(&platform, &actor, &project, id).await?)
}

/// The lines after `after`; 0 for all.
#[server(endpoint = "training_run_logs")]
pub async fn training_run_logs(
    project: Name,
    id: TrainingRunId,
    after: i64,
) -> Result<Vec<LogLine>, AppError> {
    let (platform, actor) = signed_in()?;
    Ok(platform::training_runs::logs(&platform, &actor, &project, id, after).await?)
}

/// What the form of a new run offers to choose from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingChoices {
    pub datasets: Vec<DatasetSummary>,
    /// The dataset chosen so far, with its columns.
    pub dataset: Option<DatasetVersion>,
    /// The numbers of its versions, newest first.
    pub versions: Vec<i32>,
    pub models: Vec<Name>,
}

#[server(endpoint = "get_training_choices")]
pub async fn get_training_choices(
    project: Name,
    dataset: Option<Name>,
    version: Option<i32>,
) -> Result<TrainingChoices, AppError> {
    let (platform, actor) = signed_in()?;
    let all = domain::page::PageRequest::new(None, Some(200))?;
    let datasets = platform::datasets::list(&platform, &actor, &project, &all)
        .await?
        .items;
    let models = platform::models::list(&platform, &actor, &project, &all)
        .await?
        .items;
    let (dataset, versions) = match dataset {
        None => (None, Vec::new()),
        Some(name) => {
            let chosen = match version {
                Some(version) => {
                    platform::datasets::get_version(&platform, &actor, &project, &name, version)
                        .await?
                }
                None => platform::datasets::get(&platform, &actor, &project, &name).await?,
            };
            let versions = platform::datasets::versions(&platform, &actor, &project, &name).await?;
            (
                Some(chosen),
                versions.iter().map(|version| version.version).collect(),
            )
        }
    };
    Ok(TrainingChoices {
        datasets,
        dataset,
        versions,
        models: models.into_iter().map(|model| model.name).collect(),
    })
}

/// Goes to the run's page when it is queued.
#[server(endpoint = "create_training_run")]
pub async fn create_training_run(
    project: Name,
    form: TrainingForm,
) -> Result<TrainingRunId, AppError> {
    let (platform, actor) = signed_in()?;
    let run = platform::training_runs::create(&platform, &actor, &project, form.spec()?).await?;
    leptos_axum::redirect(&format!("/p/{project}/training-runs/{}", run.id));
    Ok(run.id)
}

/// Goes to the page of the run that trains again.
#[server(endpoint = "rerun_training_run")]
pub async fn rerun_training_run(
    project: Name,
    id: TrainingRunId,
) -> Result<TrainingRunId, AppError> {
    let (platform, actor) = signed_in()?;
    let rerun = platform::training_runs::rerun(&platform, &actor, &project, id);
    let run = Box::pin(rerun).await?;
    leptos_axum::redirect(&format!("/p/{project}/training-runs/{}", run.id));
    Ok(run.id)
}

/// Those that train a run again, newest first.
#[server(endpoint = "list_reruns")]
pub async fn list_reruns(project: Name, id: TrainingRunId) -> Result<Vec<TrainingRun>, AppError> {
    let (platform, actor) = signed_in()?;
    Ok(platform::training_runs::list_reruns(&platform, &actor, &project, id).await?)
}

#[server(endpoint = "cancel_training_run")]
pub async fn cancel_training_run(project: Name, id: TrainingRunId) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    platform::training_runs::cancel(&platform, &actor, &project, id).await?;
    Ok(())
}
