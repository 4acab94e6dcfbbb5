use domain::datasets::{
    ColumnProfile, DataFormat, DatasetLineage, DatasetSummary, DatasetVersion, Preview, Profile,
};
use domain::ids::{DatasetId, DatasetVersionId, JobId, ProjectId, ScoringRunId};
use domain::{Name, Timestamp};
use sqlx::types::{Json, Uuid};
use time::OffsetDateTime;

use crate::text::{name as stored_name, parse, storable, to_json};
use crate::{Conn, Result};

/// A version about to be made; its status is `profiling`.
#[derive(Clone, Debug)]
pub struct NewVersion<'a> {
    pub id: DatasetVersionId,
    pub dataset: DatasetId,
    pub version: i32,
    pub format: DataFormat,
    pub sha256: &'a str,
    pub job: JobId,
    /// The run that made it; `None` for an upload.
    pub scoring_run: Option<ScoringRunId>,
    pub created_by: &'a str,
    pub created_at: Timestamp,
}

/// Which version of a dataset is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Newest,
    NewestReady,
    Version(i32),
}

/// What a job needs to know of the version that it works on.
#[derive(Clone, Debug)]
pub struct VersionOfProject {
    pub project: ProjectId,
    pub version: DatasetVersion,
}

struct Row {
    id: Uuid,
    project_id: Uuid,
    dataset_id: Uuid,
    name: String,
    version: i32,
    status: String,
    error: Option<String>,
    format: String,
    row_count: Option<i64>,
    bytes: i64,
    sha256: String,
    columns: Option<Json<Vec<ColumnProfile>>>,
    lineage: Option<Json<DatasetLineage>>,
    created_by: String,
    created_at: OffsetDateTime,
}

impl Row {
    fn into_version(self) -> Result<DatasetVersion> {
        Ok(DatasetVersion {
            id: DatasetVersionId(self.id),
            dataset_id: DatasetId(self.dataset_id),
            name: stored_name("datasets.name", self.name)?,
            version: self.version,
            status: parse("dataset_versions.status", self.status)?,
            error: self.error,
            format: parse("dataset_versions.format", self.format)?,
            rows: self.row_count.map(|rows| rows as u64),
            bytes: self.bytes as u64,
            sha256: self.sha256,
            columns: self.columns.map(|columns| columns.0).unwrap_or_default(),
            lineage: self.lineage.map(|lineage| lineage.0),
            created_by: self.created_by,
            created_at: self.created_at.into(),
        })
    }
}

/// The project's dataset of this name, made if there is none, and locked until the transaction ends: whoever adds a version
/// does it alone. The flag says whether it is new.
pub async fn lock_or_create(
    conn: &mut Conn,
    project: ProjectId,
    name: &Name,
    new_id: DatasetId,
    now: Timestamp,
) -> Result<(DatasetId, bool)> {
    let created = sqlx::query!(
        "INSERT INTO datasets (id, project_id, name, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT ON CONSTRAINT datasets_name_key DO NOTHING",
        new_id.0,
        project.0,
        name.as_str(),
        now.into_inner(),
    )
    .execute(&mut *conn)
    .await?
    .rows_affected()
        == 1;
    let id = sqlx::query_scalar!(
        "SELECT id FROM datasets WHERE project_id = $1 AND name = $2 FOR UPDATE",
        project.0,
        name.as_str()
    )
    .fetch_one(conn)
    .await?;
    Ok((DatasetId(id), created))
}

/// The number that the next version gets. Only true while the dataset is locked.
pub async fn next_version(conn: &mut Conn, dataset: DatasetId) -> Result<i32> {
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(max(version), 0) + 1 AS "next!" FROM dataset_versions WHERE dataset_id = $1"#,
        dataset.0,
    )
    .fetch_one(conn)
    .await?)
}

/// The job and the blob must be there already.
pub async fn insert_version(conn: &mut Conn, new: &NewVersion<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO dataset_versions (id, dataset_id, version, status, format, sha256, job_id, scoring_run_id, created_by, created_at)
         VALUES ($1, $2, $3, 'profiling', $4, $5, $6, $7, $8, $9)",
        new.id.0,
        new.dataset.0,
        new.version,
        new.format.as_str(),
        new.sha256,
        new.job.0,
        new.scoring_run.map(|id| id.0),
        new.created_by,
        new.created_at.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn find(
    conn: &mut Conn,
    project: ProjectId,
    name: &Name,
    which: Which,
) -> Result<Option<DatasetVersion>> {
    let (version, only_ready) = match which {
        Which::Newest => (None, false),
        Which::NewestReady => (None, true),
        Which::Version(version) => (Some(version), false),
    };
    let row = sqlx::query_as!(
        Row,
        r#"SELECT v.id, d.project_id, v.dataset_id, d.name, v.version, v.status, v.error, v.format, v.row_count, b.bytes, v.sha256,
                  v.columns AS "columns: Json<Vec<ColumnProfile>>",
                  (SELECT l.lineage FROM dataset_lineages l WHERE l.scoring_run_id = v.scoring_run_id) AS "lineage: Json<DatasetLineage>",
                  v.created_by, v.created_at
           FROM datasets d
           JOIN dataset_versions v ON v.dataset_id = d.id
           JOIN blobs b ON b.sha256 = v.sha256
           WHERE d.project_id = $1 AND d.name = $2
             AND ($3::integer IS NULL OR v.version = $3) AND (NOT $4 OR v.status = 'ready')
           ORDER BY v.version DESC LIMIT 1"#,
        project.0,
        name.as_str(),
        version,
        only_ready,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Row::into_version).transpose()
}

pub async fn find_by_id(conn: &mut Conn, id: DatasetVersionId) -> Result<Option<VersionOfProject>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT v.id, d.project_id, v.dataset_id, d.name, v.version, v.status, v.error, v.format, v.row_count, b.bytes, v.sha256,
                  v.columns AS "columns: Json<Vec<ColumnProfile>>",
                  (SELECT l.lineage FROM dataset_lineages l WHERE l.scoring_run_id = v.scoring_run_id) AS "lineage: Json<DatasetLineage>",
                  v.created_by, v.created_at
           FROM datasets d
           JOIN dataset_versions v ON v.dataset_id = d.id
           JOIN blobs b ON b.sha256 = v.sha256
           WHERE v.id = $1"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(VersionOfProject {
            project: ProjectId(row.project_id),
            version: row.into_version()?,
        })
    })
    .transpose()
}

/// All versions, newest first, without their columns. Empty when there is no such dataset.
pub async fn versions(
    conn: &mut Conn,
    project: ProjectId,
    name: &Name,
) -> Result<Vec<DatasetVersion>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT v.id, d.project_id, v.dataset_id, d.name, v.version, v.status, v.error, v.format, v.row_count, b.bytes, v.sha256,
                  NULL::jsonb AS "columns: Json<Vec<ColumnProfile>>",
                  (SELECT l.lineage FROM dataset_lineages l WHERE l.scoring_run_id = v.scoring_run_id) AS "lineage: Json<DatasetLineage>",
                  v.created_by, v.created_at
           FROM datasets d
           JOIN dataset_versions v ON v.dataset_id = d.id
           JOIN blobs b ON b.sha256 = v.sha256
           WHERE d.project_id = $1 AND d.name = $2
           ORDER BY v.version DESC"#,
        project.0,
        name.as_str(),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::into_version).collect()
}

/// The first rows of a version; empty until it is ready. `None`: there is no such version.
pub async fn preview(
    conn: &mut Conn,
    project: ProjectId,
    name: &Name,
    version: Option<i32>,
) -> Result<Option<Preview>> {
    let row = sqlx::query!(
        r#"SELECT v.preview AS "rows: Json<Vec<Vec<Option<String>>>>",
                  jsonb_path_query_array(v.columns, '$[*].name') AS "columns: Json<Vec<String>>"
           FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id
           WHERE d.project_id = $1 AND d.name = $2 AND ($3::integer IS NULL OR v.version = $3)
           ORDER BY v.version DESC LIMIT 1"#,
        project.0,
        name.as_str(),
        version,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Preview {
        columns: row.columns.map(|columns| columns.0).unwrap_or_default(),
        rows: row.rows.map(|rows| rows.0).unwrap_or_default(),
    }))
}

/// Datasets by their newest version, newest first. `before` is the `updated_at` and id of the last one already seen.
pub async fn list(
    conn: &mut Conn,
    project: ProjectId,
    before: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<DatasetSummary>> {
    let (before_at, before_id) = before.map(|(at, id)| (at.into_inner(), id)).unzip();
    let rows = sqlx::query!(
        r#"SELECT d.id, d.name, v.version, v.status, v.error, v.row_count, jsonb_array_length(v.columns) AS column_count, b.bytes,
                  v.created_at AS updated_at,
                  (SELECT count(DISTINCT mv.model_id) FROM model_versions mv
                   JOIN dataset_versions used ON used.id = mv.dataset_version_id
                   WHERE used.dataset_id = d.id) AS "used_by_models!"
           FROM datasets d
           JOIN LATERAL (
               SELECT * FROM dataset_versions WHERE dataset_id = d.id ORDER BY version DESC LIMIT 1
           ) v ON true
           JOIN blobs b ON b.sha256 = v.sha256
           WHERE d.project_id = $1 AND ($2::timestamptz IS NULL OR (v.created_at, d.id) < ($2, $3))
           ORDER BY v.created_at DESC, d.id DESC LIMIT $4"#,
        project.0,
        before_at,
        before_id,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(DatasetSummary {
                id: DatasetId(row.id),
                name: stored_name("datasets.name", row.name)?,
                version: row.version,
                status: parse("dataset_versions.status", row.status)?,
                error: row.error,
                rows: row.row_count.map(|rows| rows as u64),
                column_count: row.column_count.map(|count| count as u32),
                bytes: row.bytes as u64,
                used_by_models: row.used_by_models as u32,
                updated_at: row.updated_at.into(),
            })
        })
        .collect()
}

pub async fn set_ready(
    conn: &mut Conn,
    id: DatasetVersionId,
    profile: &Profile,
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "UPDATE dataset_versions SET status = 'ready', row_count = $2, columns = $3, preview = $4, finished_at = $5 WHERE id = $1",
        id.0,
        profile.rows as i64,
        to_json("dataset_versions.columns", &profile.columns)?,
        to_json("dataset_versions.preview", &profile.preview)?,
        now.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn set_failed(
    conn: &mut Conn,
    id: DatasetVersionId,
    error: &str,
    now: Timestamp,
) -> Result<()> {
    let error = storable(error);
    sqlx::query!(
        "UPDATE dataset_versions SET status = 'failed', error = $2, finished_at = $3 WHERE id = $1",
        id.0,
        error.as_ref(),
        now.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
