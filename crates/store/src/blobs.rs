//! Which files are known. A row says that the file is on disk, whole and synced; the files are the platform's.

use domain::Timestamp;

use crate::{Conn, Result};

/// Keeps the sweep and everybody who is about to record the same file apart until the transaction ends.
pub async fn lock(conn: &mut Conn, sha256: &str) -> Result<()> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
        sha256
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes a file known; one that is known already stays as it is.
pub async fn record(conn: &mut Conn, sha256: &str, bytes: i64, now: Timestamp) -> Result<()> {
    sqlx::query!(
        "INSERT INTO blobs (sha256, bytes, created_at) VALUES ($1, $2, $3) ON CONFLICT (sha256) DO NOTHING",
        sha256,
        bytes,
        now.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The size of a known file, in bytes.
pub async fn find(conn: &mut Conn, sha256: &str) -> Result<Option<i64>> {
    Ok(
        sqlx::query_scalar!("SELECT bytes FROM blobs WHERE sha256 = $1", sha256)
            .fetch_optional(conn)
            .await?,
    )
}

/// Those of the given hashes that no row knows.
pub async fn unknown(conn: &mut Conn, sha256: &[String]) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT given.sha256 AS "sha256!" FROM unnest($1::text[]) AS given (sha256)
           WHERE NOT EXISTS (SELECT FROM blobs WHERE blobs.sha256 = given.sha256)"#,
        sha256,
    )
    .fetch_all(conn)
    .await?)
}
