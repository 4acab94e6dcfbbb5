use domain::Timestamp;

use crate::{Conn, Result};

/// A request that was tried before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    pub fingerprint: Vec<u8>,
    /// `None` while it is under way.
    pub answer: Option<Answer>,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: i16,
    pub location: Option<String>,
    pub media_type: Option<String>,
    /// `None` where it held a secret.
    pub body: Option<Vec<u8>>,
}

/// Whether the key was free, or taken by a try that began before `abandoned` and never ended; it is ours then.
pub async fn claim(
    conn: &mut Conn,
    caller: &str,
    key: &str,
    fingerprint: &[u8],
    now: Timestamp,
    abandoned: Timestamp,
) -> Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO idempotent_requests (caller, key, fingerprint, started_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (caller, key) DO UPDATE SET fingerprint = excluded.fingerprint, started_at = excluded.started_at
         WHERE idempotent_requests.status IS NULL AND idempotent_requests.started_at < $5",
        caller,
        key,
        fingerprint,
        now.into_inner(),
        abandoned.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn find(conn: &mut Conn, caller: &str, key: &str) -> Result<Option<Tried>> {
    let row = sqlx::query!(
        "SELECT fingerprint, status, location, media_type, body FROM idempotent_requests WHERE caller = $1 AND key = $2",
        caller,
        key,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Tried {
        fingerprint: row.fingerprint,
        answer: row.status.map(|status| Answer {
            status,
            location: row.location,
            media_type: row.media_type,
            body: row.body,
        }),
    }))
}

/// Keeps the answer of the try that began at `started_at`.
pub async fn keep(
    conn: &mut Conn,
    caller: &str,
    key: &str,
    started_at: Timestamp,
    answer: &Answer,
) -> Result<()> {
    sqlx::query!(
        "UPDATE idempotent_requests SET status = $4, location = $5, media_type = $6, body = $7
         WHERE caller = $1 AND key = $2 AND started_at = $3 AND status IS NULL",
        caller,
        key,
        started_at.into_inner(),
        answer.status,
        answer.location,
        answer.media_type,
        answer.body,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Frees the key of a try that made nothing.
pub async fn release(
    conn: &mut Conn,
    caller: &str,
    key: &str,
    started_at: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "DELETE FROM idempotent_requests WHERE caller = $1 AND key = $2 AND started_at = $3 AND status IS NULL",
        caller,
        key,
        started_at.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many were forgotten.
pub async fn delete_older(conn: &mut Conn, than: Timestamp) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM idempotent_requests WHERE started_at < $1",
        than.into_inner()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
