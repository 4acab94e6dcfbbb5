use domain::ids::ModelVersionId;
use domain::models::RemoteToken;

use crate::{Conn, Result};

/// The version must be there already, and have none.
pub async fn insert(conn: &mut Conn, version: ModelVersionId, token: &RemoteToken) -> Result<()> {
    sqlx::query!(
        "INSERT INTO remote_tokens (version_id, token) VALUES ($1, $2)",
        version.0,
        token.expose(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
