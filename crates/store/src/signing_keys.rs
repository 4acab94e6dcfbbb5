//! The public halves of the keys that tokens are signed with.

use domain::Timestamp;
use domain::signing_keys::SigningKey;

use crate::{Conn, Error, Result};

/// Keeps those who make keys apart until the transaction ends.
pub async fn lock(conn: &mut Conn) -> Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('the signing keys', 0))")
        .execute(conn)
        .await?;
    Ok(())
}

/// Those that sign last come first.
pub async fn list(conn: &mut Conn) -> Result<Vec<SigningKey>> {
    let rows = sqlx::query!(
        "SELECT public_key, signs_from, signs_until FROM signing_keys ORDER BY signs_from DESC, public_key"
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let public = <[u8; 32]>::try_from(row.public_key)
                .map_err(|_| Error::stored("signing_keys.public_key", "not 32 bytes"))?;
            Ok(SigningKey {
                public,
                signs_from: row.signs_from.into(),
                signs_until: row.signs_until.into(),
            })
        })
        .collect()
}

/// A key that is there already signs for longer.
pub async fn put(conn: &mut Conn, key: &SigningKey) -> Result<()> {
    sqlx::query!(
        "INSERT INTO signing_keys (public_key, signs_from, signs_until) VALUES ($1, $2, $3)
         ON CONFLICT (public_key) DO UPDATE SET signs_until = excluded.signs_until",
        key.public.as_slice(),
        key.signs_from.into_inner(),
        key.signs_until.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The keys that sign `now` do so until `end` at the latest; those that come after them stay as they are.
pub async fn end(conn: &mut Conn, now: Timestamp, end: Timestamp) -> Result<()> {
    sqlx::query!(
        "UPDATE signing_keys SET signs_until = $2 WHERE signs_from <= $1 AND signs_until > $2",
        now.into_inner(),
        end.into_inner()
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn delete(conn: &mut Conn, public: &[u8; 32]) -> Result<()> {
    sqlx::query!(
        "DELETE FROM signing_keys WHERE public_key = $1",
        public.as_slice()
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn delete_all(conn: &mut Conn) -> Result<()> {
    sqlx::query!("DELETE FROM signing_keys")
        .execute(conn)
        .await?;
    Ok(())
}
