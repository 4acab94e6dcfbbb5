use domain::models::{Model, ModelSummary, ModelVersion};
use domain::{Name, Page};
use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::context::signed_in;
use crate::error::AppError;

#[server(endpoint = "list_models")]
pub async fn list_models(
    project: Name,
    cursor: Option<String>,
) -> Result<Page<ModelSummary>, AppError> {
    let (platform, actor) = signed_in()?;
    let page = domain::page::PageRequest::new(cursor, None)?;
    Ok(platform::models::list(&platform, &actor, &project, &page).await?)
}

#[server(endpoint = "get_model")]
pub async fn get_model(project: Name, model: Name) -> Result<Model, AppError> {
    let (platform, actor) = signed_in()?;
    Ok(platform::models::get(&platform, &actor, &project, &model).await?)
}

#[server(endpoint = "get_model_version")]
pub async fn get_model_version(
    project: Name,
    model: Name,
    version: i32,
) -> Result<ModelVersion, AppError> {
    let (platform, actor) = signed_in()?;
    Ok(platform::models::get_version(&platform, &actor, &project, &model, version).await?)
}

/// `alias` is text, so that a wrong one is named on its field.
#[server(endpoint = "set_model_alias")]
pub async fn set_model_alias(
    project: Name,
    model: Name,
    alias: String,
    version: i32,
) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    let alias = Name::new(alias.trim().trim_start_matches('@')).map_err(|_| {
        domain::Error::invalid(
            "/alias",
            "a name such as champion: letters, digits, dots, underscores or hyphens",
        )
    })?;
    platform::models::set_alias(&platform, &actor, &project, &model, &alias, version).await?;
    Ok(())
}

#[server(endpoint = "remove_model_alias")]
pub async fn remove_model_alias(project: Name, model: Name, alias: Name) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    platform::models::remove_alias(&platform, &actor, &project, &model, &alias).await?;
    Ok(())
}
