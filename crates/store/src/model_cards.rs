use domain::Timestamp;
use domain::ids::ModelVersionId;

use crate::{Conn, Result};

/// The newest text of a version's card.
#[derive(Clone, Debug)]
pub struct CardRow {
    pub revision: i64,
    pub markdown: String,
    pub written_by: String,
    pub written_at: Timestamp,
}

/// The newest revision; `None` while nobody has written one.
pub async fn find(conn: &mut Conn, version: ModelVersionId) -> Result<Option<CardRow>> {
    let row = sqlx::query!(
        "SELECT revision, markdown, written_by, written_at FROM model_cards WHERE version_id = $1
         ORDER BY revision DESC LIMIT 1",
        version.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| CardRow {
        revision: row.revision,
        markdown: row.markdown,
        written_by: row.written_by,
        written_at: row.written_at.into(),
    }))
}

/// Adds a revision. Breaks `model_cards_pkey` when somebody else has written the same one.
pub async fn insert(conn: &mut Conn, version: ModelVersionId, card: &CardRow) -> Result<()> {
    sqlx::query!(
        "INSERT INTO model_cards (version_id, revision, markdown, written_by, written_at) VALUES ($1, $2, $3, $4, $5)",
        version.0,
        card.revision,
        card.markdown,
        card.written_by,
        card.written_at.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What `author` wrote last that was refused.
pub async fn draft(
    conn: &mut Conn,
    version: ModelVersionId,
    author: &str,
) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!(
        "SELECT markdown FROM model_card_drafts WHERE version_id = $1 AND author = $2",
        version.0,
        author,
    )
    .fetch_optional(conn)
    .await?)
}

/// Keeps it in place of what was refused before.
pub async fn keep_draft(
    conn: &mut Conn,
    version: ModelVersionId,
    author: &str,
    markdown: &str,
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO model_card_drafts (version_id, author, markdown, written_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (version_id, author) DO UPDATE SET markdown = excluded.markdown, written_at = excluded.written_at",
        version.0,
        author,
        &*crate::text::storable(markdown),
        now.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn drop_draft(conn: &mut Conn, version: ModelVersionId, author: &str) -> Result<()> {
    sqlx::query!(
        "DELETE FROM model_card_drafts WHERE version_id = $1 AND author = $2",
        version.0,
        author,
    )
    .execute(conn)
    .await?;
    Ok(())
}
