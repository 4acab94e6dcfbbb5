use domain::datasets::{DatasetSummary, DatasetVersion, Preview};
use domain::{Name, Page};
use leptos::prelude::*;

use crate::error::AppError;

#[server(endpoint = "list_datasets")]
pub async fn list_datasets(
    project: Name,
    cursor: Option<String>,
) -> Result<Page<DatasetSummary>, AppError> {
    use domain::page::PageRequest;

    let (platform, actor) = crate::context::signed_in()?;
    let page = PageRequest::new(cursor, None)?;
    Ok(platform::datasets::list(&platform, &actor, &project, &page).await?)
}

/// One version; the newest without a number.
#[server(endpoint = "get_dataset")]
pub async fn get_dataset(
    project: Name,
    name: Name,
    version: Option<i32>,
) -> Result<DatasetVersion, AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    Ok(match version {
        Some(version) => {
            platform::datasets::get_version(&platform, &actor, &project, &name, version).await?
        }
        None => platform::datasets::get(&platform, &actor, &project, &name).await?,
    })
}

#[server(endpoint = "list_dataset_versions")]
pub async fn list_dataset_versions(
    project: Name,
    name: Name,
) -> Result<Vec<DatasetVersion>, AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    Ok(platform::datasets::versions(&platform, &actor, &project, &name).await?)
}

#[server(endpoint = "preview_dataset")]
pub async fn preview_dataset(
    project: Name,
    name: Name,
    version: Option<i32>,
) -> Result<Preview, AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    Ok(platform::datasets::preview(&platform, &actor, &project, &name, version).await?)
}
