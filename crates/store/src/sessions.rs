use domain::Timestamp;
use domain::ids::UserId;
use serde_json::Value;

use crate::{Conn, Result};

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// `None` before sign-in.
    pub user_id: Option<UserId>,
    pub data: Value,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Whether the id was free.
pub async fn insert(conn: &mut Conn, id_hash: &[u8], session: &Session) -> Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO sessions (id_hash, user_id, data, created_at, last_seen_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id_hash) DO NOTHING",
        id_hash,
        session.user_id.map(|id| id.0),
        session.data,
        session.created_at.into_inner(),
        session.last_seen_at.into_inner(),
        session.expires_at.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The session, unless it has expired.
pub async fn find(conn: &mut Conn, id_hash: &[u8], now: Timestamp) -> Result<Option<Session>> {
    let row = sqlx::query!(
        "SELECT user_id, data, created_at, last_seen_at, expires_at FROM sessions WHERE id_hash = $1 AND expires_at > $2",
        id_hash,
        now.into_inner(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Session {
        user_id: row.user_id.map(UserId),
        data: row.data,
        created_at: row.created_at.into(),
        last_seen_at: row.last_seen_at.into(),
        expires_at: row.expires_at.into(),
    }))
}

/// Changes nothing when the session has ended meanwhile: a late request brings none back.
pub async fn save(
    conn: &mut Conn,
    id_hash: &[u8],
    user: Option<UserId>,
    data: &Value,
) -> Result<()> {
    sqlx::query!(
        "UPDATE sessions SET user_id = $2, data = $3 WHERE id_hash = $1",
        id_hash,
        user.map(|id| id.0),
        data
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn touch(
    conn: &mut Conn,
    id_hash: &[u8],
    last_seen: Timestamp,
    expires: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "UPDATE sessions SET last_seen_at = $2, expires_at = $3 WHERE id_hash = $1",
        id_hash,
        last_seen.into_inner(),
        expires.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn delete(conn: &mut Conn, id_hash: &[u8]) -> Result<()> {
    sqlx::query!("DELETE FROM sessions WHERE id_hash = $1", id_hash)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn delete_of_user(conn: &mut Conn, user: UserId) -> Result<()> {
    sqlx::query!("DELETE FROM sessions WHERE user_id = $1", user.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// How many there were.
pub async fn delete_expired(conn: &mut Conn, now: Timestamp) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM sessions WHERE expires_at <= $1",
        now.into_inner()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
