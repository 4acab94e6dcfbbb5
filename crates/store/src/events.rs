//! The outbox of the live stream.

use domain::Timestamp;
use domain::events::{Event, Topic};
use domain::ids::ProjectId;
use serde_json::Value;

use crate::{Conn, Error, Result};

/// Events of a project become visible in the order of their ids: who publishes holds the project's outbox until the
/// transaction ends, so a reader never passes over one that commits late.
pub async fn insert(
    conn: &mut Conn,
    at: Timestamp,
    project: ProjectId,
    topic: &Topic,
    kind: &str,
    data: &Value,
) -> Result<()> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 1))",
        project.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "INSERT INTO events (project_id, topic, kind, data, at) VALUES ($1, $2, $3, $4, $5)",
        project.0,
        topic.to_string(),
        kind,
        data,
        at.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Oldest first.
pub async fn after(
    conn: &mut Conn,
    project: ProjectId,
    id: i64,
    topics: &[String],
    limit: i64,
) -> Result<Vec<Event>> {
    let rows = sqlx::query!(
        "SELECT id, topic, kind, data FROM events WHERE id > $2 AND project_id = $1 AND topic = ANY ($3) ORDER BY id LIMIT $4",
        project.0,
        id,
        topics,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let topic = row
                .topic
                .parse()
                .map_err(|reason: String| Error::stored("events.topic", reason))?;
            Ok(Event {
                id: row.id,
                topic,
                kind: row.kind,
                data: row.data,
            })
        })
        .collect()
}

/// 0 when there is none yet.
pub async fn newest_id(conn: &mut Conn, project: ProjectId) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(max(id), 0) AS "newest!" FROM events WHERE project_id = $1"#,
        project.0,
    )
    .fetch_one(conn)
    .await?)
}

/// How many there were.
pub async fn delete_before(conn: &mut Conn, moment: Timestamp) -> Result<u64> {
    let done = sqlx::query!("DELETE FROM events WHERE at < $1", moment.into_inner())
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
