//! Which web pages may call a deployment from a browser.

use domain::deployments::{CorsOrigins, Deployment};
use domain::{Actor, Name, Result};
use serde_json::{Map, Value, json};

use super::settings::{self, Setting};
use crate::Platform;

/// Lets pages of these origins call the deployment, and no others. What is set already changes nothing.
///
/// # Errors
/// `Invalid`, naming every origin that is none.
pub async fn set_cors_origins(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    origins: Vec<String>,
) -> Result<Deployment> {
    let setting = || CorsOrigins::new(origins).map(Setting::CorsOrigins);
    settings::set(platform, actor, project, name, setting).await
}

pub(super) fn reason(name: &Name, origins: &CorsOrigins) -> String {
    match origins.as_slice() {
        [] => format!("no page of another site may call {name} any more"),
        [every] if every == CorsOrigins::EVERY => {
            format!("the pages of every site may call {name}")
        }
        listed => format!("pages of {} may call {name}", listed.join(", ")),
    }
}

/// Of what a ledger row says is live.
pub(super) fn members(origins: &CorsOrigins) -> Map<String, Value> {
    Map::from_iter([("cors_origins".to_owned(), json!(origins.as_slice()))])
}
