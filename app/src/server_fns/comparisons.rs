use domain::Name;
use domain::comparisons::{Asked, Comparison};
use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::context::signed_in;
use crate::error::AppError;

#[server(endpoint = "compare")]
pub async fn compare(project: Name, asked: Asked) -> Result<Comparison, AppError> {
    let (platform, actor) = signed_in()?;
    Ok(platform::comparisons::compare(&platform, &actor, &project, &asked).await?)
}
