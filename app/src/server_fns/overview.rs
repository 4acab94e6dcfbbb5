use domain::Name;
use domain::overview::Overview;
use leptos::prelude::*;

use crate::error::AppError;

#[server(endpoint = "get_overview")]
pub async fn get_overview(project: Name) -> Result<Overview, AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    Ok(platform::overview::get(&platform, &actor, &project).await?)
}
