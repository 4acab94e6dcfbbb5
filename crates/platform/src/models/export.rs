//! Models on their way out.

use domain::scoring_runs::VersionRef;
use domain::{Actor, Name, Permission, Result};

use super::resolve;
use crate::{Platform, access};

/// The bytes of a version's artifact.
pub async fn artifact(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    version: i32,
) -> Result<Vec<u8>> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let version = resolve(&mut conn, project, name, &VersionRef::Number(version)).await?;
    // A connection is for queries, and the disk may be slow.
    drop(conn);
    platform.blobs.read(&version.sha256).await
}
