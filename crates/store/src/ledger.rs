use domain::Timestamp;
use domain::ids::ProjectId;
use domain::ledger::LedgerEntry;

use crate::{Conn, Result};

/// Adds `entry`; its `id` is ignored, the database gives one.
pub async fn insert(conn: &mut Conn, project: ProjectId, entry: &LedgerEntry) -> Result<()> {
    sqlx::query!(
        "INSERT INTO ledger (project_id, at, actor, action, subject, reason, before, after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        project.0,
        entry.at.into_inner(),
        entry.actor,
        entry.action,
        entry.subject,
        entry.reason,
        entry.before,
        entry.after,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Newest first, older than the row `before`; only one subject and only up to a moment when told.
pub async fn list(
    conn: &mut Conn,
    project: ProjectId,
    subject: Option<&str>,
    until: Option<Timestamp>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<LedgerEntry>> {
    Ok(sqlx::query_as!(
        LedgerEntry,
        "SELECT id, at, actor, action, subject, reason, before, after FROM ledger
         WHERE project_id = $1 AND ($2::text IS NULL OR subject = $2) AND ($3::timestamptz IS NULL OR at <= $3)
           AND ($4::bigint IS NULL OR id < $4)
         ORDER BY id DESC LIMIT $5",
        project.0,
        subject,
        until.map(Timestamp::into_inner),
        before,
        limit,
    )
    .fetch_all(conn)
    .await?)
}

/// The last row of every deployment at that moment, by name.
pub async fn deployments_at(
    conn: &mut Conn,
    project: ProjectId,
    subject: Option<&str>,
    at: Timestamp,
) -> Result<Vec<LedgerEntry>> {
    Ok(sqlx::query_as!(
        LedgerEntry,
        "SELECT DISTINCT ON (subject) id, at, actor, action, subject, reason, before, after FROM ledger
         WHERE project_id = $1 AND subject LIKE 'deployment/%' AND ($2::text IS NULL OR subject = $2) AND at <= $3
         ORDER BY subject, id DESC",
        project.0,
        subject,
        at.into_inner(),
    )
    .fetch_all(conn)
    .await?)
}
