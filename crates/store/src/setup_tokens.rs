//! The one-time link that makes the first admin.

use domain::Timestamp;

use crate::{Conn, Result};

/// Makes this the only link.
pub async fn replace(conn: &mut Conn, token_hash: &[u8], now: Timestamp) -> Result<()> {
    delete_all(conn).await?;
    sqlx::query!(
        "INSERT INTO setup_tokens (token_hash, created_at) VALUES ($1, $2)",
        token_hash,
        now.into_inner()
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn exists(conn: &mut Conn, token_hash: &[u8]) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM setup_tokens WHERE token_hash = $1) AS "exists!""#,
        token_hash
    )
    .fetch_one(conn)
    .await?)
}

pub async fn delete_all(conn: &mut Conn) -> Result<()> {
    sqlx::query!("DELETE FROM setup_tokens")
        .execute(conn)
        .await?;
    Ok(())
}
