use domain::Name;
use domain::ledger::LedgerPage;
use leptos::prelude::*;

use crate::error::AppError;

/// `deployment` and `at` narrow it; both come from the URL, so they are checked here. `at` without a zone is UTC.
#[server(endpoint = "list_ledger")]
pub async fn list_ledger(
    project: Name,
    deployment: Option<String>,
    at: Option<String>,
    cursor: Option<String>,
) -> Result<LedgerPage, AppError> {
    use domain::page::PageRequest;
    use domain::{Error, Timestamp};

    let (platform, actor) = crate::context::signed_in()?;
    let deployment = deployment
        .filter(|text| !text.is_empty())
        .map(|text| Name::new(text).map_err(|expected| Error::invalid("/deployment", expected)))
        .transpose()?;
    let at = at
        .filter(|text| !text.is_empty())
        .map(|text| {
            with_zone(&text)
                .parse::<Timestamp>()
                .map_err(|expected| Error::invalid("/at", expected))
        })
        .transpose()?;
    let page = PageRequest::new(cursor, None)?;
    Ok(platform::ledger::list(&platform, &actor, &project, deployment.as_ref(), at, &page).await?)
}

/// A `datetime-local` input gives `2026-01-31T09:30`.
#[cfg(feature = "ssr")]
fn with_zone(text: &str) -> String {
    match text.len() {
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    }
}
