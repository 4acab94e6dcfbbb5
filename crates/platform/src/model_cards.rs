//! The card of a version: made of what is known until somebody edits it.

mod html;
mod prefilled;

use domain::ids::ModelVersionId;
use domain::model_cards::{ModelCard, ModelCardText};
use domain::models::ModelVersion;
use domain::{Actor, Error, Name, Permission, Result, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::Conn;
use store::model_cards::CardRow;

use crate::ledger::Entry;
use crate::{Platform, access, ledger, models};

pub use html::html;

/// A card as the page of its version shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    pub card: ModelCard,
    /// What the reader wrote last that was refused.
    pub draft: Option<String>,
}

/// The card, with what the reader wrote himself that was refused.
///
/// # Errors
/// `NotFound` for the model or the version.
pub async fn get(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    model: &Name,
    version: i32,
) -> Result<Shown> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let version = models::numbered(&mut conn, project, model, version).await?;
    let draft = store::model_cards::draft(&mut conn, version.id, &actor.label()).await?;
    let card = match store::model_cards::find(&mut conn, version.id).await? {
        Some(row) => written(&version, row),
        None => ModelCard {
            markdown: prefill(&mut conn, &version).await?,
            model: version.model,
            version: version.version,
            revision: 0,
            updated_by: None,
            updated_at: None,
        },
    };
    Ok(Shown { card, draft })
}

fn written(version: &ModelVersion, row: CardRow) -> ModelCard {
    ModelCard {
        model: version.model.clone(),
        version: version.version,
        markdown: row.markdown,
        revision: row.revision,
        updated_by: Some(row.written_by),
        updated_at: Some(row.written_at),
    }
}

async fn prefill(conn: &mut Conn, version: &ModelVersion) -> Result<String> {
    let found = match version.training_run {
        None => None,
        Some(run) => store::training_runs::find(conn, run).await?,
    };
    let dataset = match &found {
        None => None,
        Some(found) => store::datasets::find_by_id(conn, found.dataset_version).await?,
    };
    Ok(prefilled::markdown(
        version,
        found.as_ref().map(|found| &found.run),
        dataset.as_ref().map(|dataset| &dataset.version),
    ))
}

/// Writes the card anew. What is refused is kept for its author alone, and shown to him again.
///
/// # Errors
/// Those of [`ModelCardText::checked`]; `PreconditionFailed` when the card has another revision than `if_match`, which is 0 for one
/// that nobody has edited; `NotFound`.
pub async fn put(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    model: &Name,
    version: i32,
    text: &ModelCardText,
    if_match: Option<i64>,
) -> Result<ModelCard> {
    let now = platform.clock.now();
    let author = actor.label();
    let mut tx = platform.store.begin().await?;
    let project_id = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let version = models::numbered(&mut tx, project_id, model, version).await?;
    let checked = match text.checked() {
        Ok(checked) => checked,
        Err(error) => {
            keep(&mut tx, version.id, actor, text, now).await?;
            tx.commit().await?;
            return Err(error);
        }
    };
    let before = store::model_cards::find(&mut tx, version.id).await?;
    let present = before.as_ref().map_or(0, |row| row.revision);
    if let Some(row) = &before
        && row.markdown == checked
    {
        // Sent twice, or saved without a change.
        store::model_cards::drop_draft(&mut tx, version.id, &author).await?;
        tx.commit().await?;
        return Ok(written(&version, row.clone()));
    }
    let row = CardRow {
        revision: present + 1,
        markdown: checked,
        written_by: author.clone(),
        written_at: now,
    };
    let is_stale = if_match.is_some_and(|revision| revision != present);
    let inserted = if is_stale {
        None
    } else {
        match store::model_cards::insert(&mut tx, version.id, &row).await {
            Ok(()) => Some(()),
            // Somebody else was quicker by a moment, which has ended this transaction.
            Err(error) if error.broke("model_cards_pkey") => {
                drop(tx);
                tx = platform.store.begin().await?;
                None
            }
            Err(error) => return Err(error.into()),
        }
    };
    if inserted.is_none() {
        keep(&mut tx, version.id, actor, text, now).await?;
        let newest = store::model_cards::find(&mut tx, version.id).await?;
        tx.commit().await?;
        return Err(stale(newest));
    }
    store::model_cards::drop_draft(&mut tx, version.id, &author).await?;
    let hash = |markdown: &str| hex::encode(Sha256::digest(markdown));
    let told = |row: &CardRow| {
        json!({
            "version": version.version,
            "revision": row.revision,
            "bytes": row.markdown.len(),
            "sha256": hash(&row.markdown),
        })
    };
    let entry = Entry {
        action: "model_card.written",
        subject: &format!("model/{model}"),
        reason: &format!(
            "the card of version {} was written, revision {}",
            version.version, row.revision
        ),
        before: before.as_ref().map(told),
        after: Some(told(&row)),
    };
    ledger::append(&mut tx, now, project_id, actor, entry).await?;
    tx.commit().await?;
    Ok(written(&version, row))
}

/// For people: a program has its text still. One over the request's limit never comes so far.
async fn keep(
    conn: &mut Conn,
    version: ModelVersionId,
    actor: &Actor,
    text: &ModelCardText,
    now: Timestamp,
) -> Result<()> {
    if matches!(actor, Actor::User { .. }) && !text.markdown.trim().is_empty() {
        let author = actor.label();
        store::model_cards::keep_draft(conn, version, &author, &text.markdown, now).await?;
    }
    Ok(())
}

fn stale(newest: Option<CardRow>) -> Error {
    let message = match newest {
        Some(row) => format!(
            "{} wrote revision {} of the card meanwhile: read it before you save yours",
            row.written_by, row.revision
        ),
        None => "nobody has written the card yet, so its revision is 0".to_owned(),
    };
    Error::PreconditionFailed { message }
}
