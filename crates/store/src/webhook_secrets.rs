use domain::Timestamp;
use domain::ids::ProjectId;
use time::OffsetDateTime;

use crate::{Conn, Error, Result};

/// What a project's callbacks are signed with. It has no `Debug`, so that it gets into no log.
pub struct StoredSecret {
    pub secret: [u8; 32],
    pub created_at: Timestamp,
    /// `None`: the present one.
    pub signs_until: Option<Timestamp>,
}

/// Those that sign `now`, the present one first.
pub async fn signing(
    conn: &mut Conn,
    project: ProjectId,
    now: Timestamp,
) -> Result<Vec<StoredSecret>> {
    let rows = sqlx::query!(
        "SELECT secret, created_at, signs_until FROM webhook_secrets
         WHERE project_id = $1 AND (signs_until IS NULL OR signs_until > $2)
         ORDER BY signs_until DESC NULLS FIRST, id DESC",
        project.0,
        OffsetDateTime::from(now),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let secret = <[u8; 32]>::try_from(row.secret)
                .map_err(|_| Error::stored("webhook_secrets.secret", "not 32 bytes"))?;
            Ok(StoredSecret {
                secret,
                created_at: row.created_at.into(),
                signs_until: row.signs_until.map(Timestamp::from),
            })
        })
        .collect()
}

/// `false`: the project has one, and keeps it.
pub async fn insert(
    conn: &mut Conn,
    project: ProjectId,
    secret: &[u8; 32],
    at: Timestamp,
) -> Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO webhook_secrets (project_id, secret, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (project_id) WHERE signs_until IS NULL DO NOTHING",
        project.0,
        secret.as_slice(),
        OffsetDateTime::from(at),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets the present one sign until `end`, and forgets those before it.
pub async fn retire(conn: &mut Conn, project: ProjectId, end: Timestamp) -> Result<()> {
    sqlx::query!(
        "DELETE FROM webhook_secrets WHERE project_id = $1 AND signs_until IS NOT NULL",
        project.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE webhook_secrets SET signs_until = $2 WHERE project_id = $1 AND signs_until IS NULL",
        project.0,
        OffsetDateTime::from(end),
    )
    .execute(conn)
    .await?;
    Ok(())
}
