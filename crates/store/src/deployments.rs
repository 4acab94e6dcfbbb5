pub mod serving;

use domain::deployments::{Capacity, CorsOrigins};
use domain::ids::{DeploymentId, ModelId, ModelVersionId, ProjectId};
use domain::{Name, Timestamp};
use time::OffsetDateTime;

use crate::{Conn, Error, Result, predictions, text};

/// A deployment as stored: its model and stable version named and numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentRow {
    pub id: DeploymentId,
    pub project: ProjectId,
    pub name: Name,
    pub model_id: ModelId,
    pub model: Name,
    pub stable_version_id: ModelVersionId,
    pub stable_version: i32,
    pub cors_origins: CorsOrigins,
    pub capacity: Capacity,
    pub revision: i64,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A version of a model, found by its model's name and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionKey {
    pub model: ModelId,
    pub version: ModelVersionId,
}

#[derive(Clone, Debug)]
pub struct NewDeployment<'a> {
    pub id: DeploymentId,
    pub project: ProjectId,
    pub name: &'a Name,
    pub stable: VersionKey,
    pub cors_origins: &'a CorsOrigins,
    pub capacity: Capacity,
    pub created_by: &'a str,
    pub at: Timestamp,
}

struct Stored {
    id: uuid::Uuid,
    project_id: uuid::Uuid,
    name: String,
    model_id: uuid::Uuid,
    model: String,
    stable_version_id: uuid::Uuid,
    stable_version: i32,
    cors_origins: Vec<String>,
    max_in_flight: Option<i32>,
    max_queue: i32,
    min_warm: i32,
    idle_seconds: i32,
    max_batch: i32,
    max_delay_us: i32,
    revision: i64,
    created_by: String,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl TryFrom<Stored> for DeploymentRow {
    type Error = Error;

    fn try_from(row: Stored) -> Result<Self> {
        Ok(Self {
            id: DeploymentId(row.id),
            project: ProjectId(row.project_id),
            name: text::name("deployments.name", row.name)?,
            model_id: ModelId(row.model_id),
            model: text::name("models.name", row.model)?,
            stable_version_id: ModelVersionId(row.stable_version_id),
            stable_version: row.stable_version,
            cors_origins: cors_origins(row.cors_origins)?,
            capacity: Capacity {
                max_in_flight: row.max_in_flight,
                max_queue: row.max_queue,
                min_warm: row.min_warm,
                idle_seconds: row.idle_seconds,
                max_batch: row.max_batch,
                max_delay_us: row.max_delay_us,
            },
            revision: row.revision,
            created_by: row.created_by,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        })
    }
}

/// Every one was checked before it was stored.
fn cors_origins(stored: Vec<String>) -> Result<CorsOrigins> {
    CorsOrigins::new(stored).map_err(|error| Error::stored("deployments.cors_origins", error))
}

/// # Errors
/// Breaks `deployments_name_key` when the name is taken.
pub async fn insert(conn: &mut Conn, new: &NewDeployment<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO deployments (id, project_id, name, model_id, stable_version_id, cors_origins, max_in_flight, max_queue, min_warm,
                                  idle_seconds, max_batch, max_delay_us, created_by, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)",
        new.id.0,
        new.project.0,
        new.name.as_str(),
        new.stable.model.0,
        new.stable.version.0,
        new.cors_origins.as_slice(),
        new.capacity.max_in_flight,
        new.capacity.max_queue,
        new.capacity.min_warm,
        new.capacity.idle_seconds,
        new.capacity.max_batch,
        new.capacity.max_delay_us,
        new.created_by,
        OffsetDateTime::from(new.at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn find(
    conn: &mut Conn,
    project: ProjectId,
    name: &Name,
) -> Result<Option<DeploymentRow>> {
    let row = sqlx::query_as!(
        Stored,
        "SELECT d.id, d.project_id, d.name, d.model_id, m.name AS model, d.stable_version_id, v.version AS stable_version,
                d.cors_origins, d.max_in_flight, d.max_queue, d.min_warm, d.idle_seconds, d.max_batch, d.max_delay_us, d.revision,
                d.created_by, d.created_at, d.updated_at
         FROM deployments d
         JOIN models m ON m.id = d.model_id
         JOIN model_versions v ON v.id = d.stable_version_id
         WHERE d.project_id = $1 AND d.name = $2",
        project.0,
        name.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// By its id, whatever the project: for the platform's own work.
pub async fn find_by_id(conn: &mut Conn, id: DeploymentId) -> Result<Option<DeploymentRow>> {
    let row = sqlx::query_as!(
        Stored,
        "SELECT d.id, d.project_id, d.name, d.model_id, m.name AS model, d.stable_version_id, v.version AS stable_version,
                d.cors_origins, d.max_in_flight, d.max_queue, d.min_warm, d.idle_seconds, d.max_batch, d.max_delay_us, d.revision,
                d.created_by, d.created_at, d.updated_at
         FROM deployments d
         JOIN models m ON m.id = d.model_id
         JOIN model_versions v ON v.id = d.stable_version_id
         WHERE d.id = $1",
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Keeps every other change of this deployment and of its rollouts waiting until the transaction ends. Whoever changes
/// one of them takes this first, so that no two of them wait for each other. `false`: there is no such deployment.
pub async fn lock(conn: &mut Conn, id: DeploymentId) -> Result<bool> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM deployments WHERE id = $1 FOR NO KEY UPDATE",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}

/// By name.
pub async fn list(conn: &mut Conn, project: ProjectId) -> Result<Vec<DeploymentRow>> {
    let rows = sqlx::query_as!(
        Stored,
        "SELECT d.id, d.project_id, d.name, d.model_id, m.name AS model, d.stable_version_id, v.version AS stable_version,
                d.cors_origins, d.max_in_flight, d.max_queue, d.min_warm, d.idle_seconds, d.max_batch, d.max_delay_us, d.revision,
                d.created_by, d.created_at, d.updated_at
         FROM deployments d
         JOIN models m ON m.id = d.model_id
         JOIN model_versions v ON v.id = d.stable_version_id
         WHERE d.project_id = $1
         ORDER BY d.name",
        project.0,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub async fn find_version(
    conn: &mut Conn,
    project: ProjectId,
    model: &Name,
    version: i32,
) -> Result<Option<VersionKey>> {
    let row = sqlx::query!(
        "SELECT v.id, v.model_id FROM model_versions v JOIN models m ON m.id = v.model_id
         WHERE m.project_id = $1 AND m.name = $2 AND v.version = $3",
        project.0,
        model.as_str(),
        version,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| VersionKey {
        model: ModelId(row.model_id),
        version: ModelVersionId(row.id),
    }))
}

/// Makes another version the stable one and raises the revision. `false`: the deployment is gone or has another revision.
pub async fn set_stable(
    conn: &mut Conn,
    id: DeploymentId,
    revision: i64,
    version: ModelVersionId,
    at: Timestamp,
) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE deployments SET stable_version_id = $3, revision = revision + 1, updated_at = $4 WHERE id = $1 AND revision = $2",
        id.0,
        revision,
        version.0,
        OffsetDateTime::from(at),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets other web pages call it, and raises the revision.
pub async fn set_cors_origins(
    conn: &mut Conn,
    id: DeploymentId,
    origins: &CorsOrigins,
    at: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "UPDATE deployments SET cors_origins = $2, revision = revision + 1, updated_at = $3 WHERE id = $1",
        id.0,
        origins.as_slice(),
        OffsetDateTime::from(at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets a process do more or less for it at once, and raises the revision.
pub async fn set_capacity(
    conn: &mut Conn,
    id: DeploymentId,
    capacity: Capacity,
    at: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "UPDATE deployments
         SET max_in_flight = $2, max_queue = $3, min_warm = $4, idle_seconds = $5, max_batch = $6, max_delay_us = $7,
             revision = revision + 1, updated_at = $8
         WHERE id = $1",
        id.0,
        capacity.max_in_flight,
        capacity.max_queue,
        capacity.min_warm,
        capacity.idle_seconds,
        capacity.max_batch,
        capacity.max_delay_us,
        OffsetDateTime::from(at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Raises the revision: something of the deployment changed, though not its stable version.
pub async fn touch(conn: &mut Conn, id: DeploymentId, at: Timestamp) -> Result<()> {
    sqlx::query!(
        "UPDATE deployments SET revision = revision + 1, updated_at = $2 WHERE id = $1",
        id.0,
        OffsetDateTime::from(at)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// With its rollouts, their verdicts and samples, its metrics and its logged predictions.
pub async fn delete(conn: &mut Conn, id: DeploymentId) -> Result<bool> {
    predictions::forget(conn, id).await?;
    let done = sqlx::query!("DELETE FROM deployments WHERE id = $1", id.0)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}
