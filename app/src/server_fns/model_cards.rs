use domain::Name;
use domain::model_cards::ModelCard;
#[cfg(feature = "ssr")]
use domain::model_cards::ModelCardText;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::context::signed_in;
use crate::error::AppError;

/// A card as its version's page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownCard {
    pub card: ModelCard,
    /// The text as HTML that is safe to show.
    pub html: String,
    /// What the reader wrote last that was refused.
    pub draft: Option<String>,
}

#[server(endpoint = "get_model_card")]
pub async fn get_model_card(
    project: Name,
    model: Name,
    version: i32,
) -> Result<ShownCard, AppError> {
    let (platform, actor) = signed_in()?;
    let shown = platform::model_cards::get(&platform, &actor, &project, &model, version).await?;
    Ok(ShownCard {
        html: platform::model_cards::html(&shown.card.markdown),
        card: shown.card,
        draft: shown.draft,
    })
}

/// `revision` is that of the card which the writer has seen.
#[server(endpoint = "write_model_card")]
pub async fn write_model_card(
    project: Name,
    model: Name,
    version: i32,
    revision: i64,
    markdown: String,
) -> Result<(), AppError> {
    let (platform, actor) = signed_in()?;
    let text = ModelCardText { markdown };
    let put = platform::model_cards::put(
        &platform,
        &actor,
        &project,
        &model,
        version,
        &text,
        Some(revision),
    );
    put.await?;
    Ok(())
}
