use domain::ids::{DatasetVersionId, JobId, ModelVersionId, ProjectId, ScoringRunId};
use domain::scoring_runs::{RowRefusal, ScoringRun};
use domain::training_runs::RunError;
use domain::{Name, Timestamp};
use sqlx::types::{Json, Uuid};
use time::OffsetDateTime;

use crate::text::{name as stored_name, parse, to_json};
use crate::{Conn, Result};

/// A run about to be made; its status is `queued`.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    pub id: ScoringRunId,
    pub project: ProjectId,
    pub dataset_version: DatasetVersionId,
    pub model_version: ModelVersionId,
    pub output: &'a Name,
    pub keep_columns: Option<&'a [String]>,
    pub prediction_column: &'a str,
    pub job: JobId,
    pub created_by: &'a str,
    pub created_at: Timestamp,
}

/// What a job needs to know of the run that it works on.
#[derive(Clone, Debug)]
pub struct RunOfProject {
    pub project: ProjectId,
    pub dataset_version: DatasetVersionId,
    pub job: JobId,
    /// Of the model version's file.
    pub artifact_sha256: String,
    pub run: ScoringRun,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub enum Ending<'a> {
    Succeeded {
        rows: u64,
        rows_failed: u64,
        refusals: &'a [RowRefusal],
    },
    Failed(&'a RunError),
    Cancelled,
}

struct Row {
    id: Uuid,
    project_id: Uuid,
    dataset_version_id: Uuid,
    job_id: Uuid,
    status: String,
    total_rows: Option<i64>,
    row_count: i64,
    failed_count: i64,
    refusals: Json<Vec<RowRefusal>>,
    dataset: String,
    dataset_version: i32,
    model: String,
    model_version: i32,
    artifact_sha256: String,
    output: String,
    output_version: Option<i32>,
    keep_columns: Option<Json<Vec<String>>>,
    prediction_column: String,
    error: Option<Json<RunError>>,
    attempt: i32,
    created_by: String,
    created_at: OffsetDateTime,
    started_at: Option<OffsetDateTime>,
    finished_at: Option<OffsetDateTime>,
}

impl Row {
    fn into_run(self) -> Result<RunOfProject> {
        let total_rows = self.total_rows.unwrap_or_default();
        let run = ScoringRun {
            id: ScoringRunId(self.id),
            status: parse("scoring_runs.status", self.status)?,
            progress: if total_rows > 0 {
                (self.row_count as f64 / total_rows as f64).min(1.0)
            } else {
                0.0
            },
            total_rows: total_rows as u64,
            rows: self.row_count as u64,
            rows_failed: self.failed_count as u64,
            refusals: self.refusals.0,
            dataset: stored_name("datasets.name", self.dataset)?,
            dataset_version: self.dataset_version,
            model: stored_name("models.name", self.model)?,
            version: self.model_version,
            output: stored_name("scoring_runs.output", self.output)?,
            output_version: self.output_version,
            keep_columns: self.keep_columns.map(|columns| columns.0),
            prediction_column: self.prediction_column,
            error: self.error.map(|error| error.0),
            attempt: self.attempt,
            created_by: self.created_by,
            created_at: self.created_at.into(),
            started_at: self.started_at.map(Timestamp::from),
            finished_at: self.finished_at.map(Timestamp::from),
        };
        Ok(RunOfProject {
            project: ProjectId(self.project_id),
            dataset_version: DatasetVersionId(self.dataset_version_id),
            job: JobId(self.job_id),
            artifact_sha256: self.artifact_sha256,
            run,
        })
    }
}

/// The job must be there already.
pub async fn insert(conn: &mut Conn, new: &NewRun<'_>) -> Result<()> {
    let keep_columns = new
        .keep_columns
        .map(|columns| to_json("scoring_runs.keep_columns", &columns))
        .transpose()?;
    sqlx::query!(
        "INSERT INTO scoring_runs (id, project_id, dataset_version_id, model_version_id, output, keep_columns, prediction_column,
             status, job_id, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, $9, $10)",
        new.id.0,
        new.project.0,
        new.dataset_version.0,
        new.model_version.0,
        new.output.as_str(),
        keep_columns,
        new.prediction_column,
        new.job.0,
        new.created_by,
        new.created_at.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn find(conn: &mut Conn, id: ScoringRunId) -> Result<Option<RunOfProject>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id!", project_id AS "project_id!", dataset_version_id AS "dataset_version_id!", job_id AS "job_id!",
                  status AS "status!", total_rows, row_count AS "row_count!", failed_count AS "failed_count!",
                  refusals AS "refusals!: Json<Vec<RowRefusal>>", dataset AS "dataset!", dataset_version AS "dataset_version!",
                  model AS "model!", model_version AS "model_version!", artifact_sha256 AS "artifact_sha256!",
                  output AS "output!", output_version, keep_columns AS "keep_columns: Json<Vec<String>>",
                  prediction_column AS "prediction_column!", error AS "error: Json<RunError>", attempt AS "attempt!",
                  created_by AS "created_by!", created_at AS "created_at!", started_at, finished_at
           FROM scoring_run_details
           WHERE id = $1"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Row::into_run).transpose()
}

/// Newest first, without the refusals. `before` is the `created_at` and id of the last one already seen.
pub async fn list(
    conn: &mut Conn,
    project: ProjectId,
    before: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<ScoringRun>> {
    let (before_at, before_id) = before.map(|(at, id)| (at.into_inner(), id)).unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id!", project_id AS "project_id!", dataset_version_id AS "dataset_version_id!", job_id AS "job_id!",
                  status AS "status!", total_rows, row_count AS "row_count!", failed_count AS "failed_count!",
                  '[]'::jsonb AS "refusals!: Json<Vec<RowRefusal>>", dataset AS "dataset!", dataset_version AS "dataset_version!",
                  model AS "model!", model_version AS "model_version!", artifact_sha256 AS "artifact_sha256!",
                  output AS "output!", output_version, keep_columns AS "keep_columns: Json<Vec<String>>",
                  prediction_column AS "prediction_column!", error AS "error: Json<RunError>", attempt AS "attempt!",
                  created_by AS "created_by!", created_at AS "created_at!", started_at, finished_at
           FROM scoring_run_details
           WHERE project_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
           ORDER BY created_at DESC, id DESC LIMIT $4"#,
        project.0,
        before_at,
        before_id,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| row.into_run().map(|found| found.run))
        .collect()
}

/// Begins, or begins anew with a later attempt.
pub async fn set_running(
    conn: &mut Conn,
    id: ScoringRunId,
    attempt: i32,
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "UPDATE scoring_runs SET status = 'running', attempt = $2, row_count = 0, failed_count = 0,
             started_at = coalesce(started_at, $3)
         WHERE id = $1",
        id.0,
        attempt,
        now.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The run's project; `None` when there is no such run.
pub async fn set_progress(
    conn: &mut Conn,
    id: ScoringRunId,
    rows: u64,
    rows_failed: u64,
) -> Result<Option<ProjectId>> {
    let project = sqlx::query_scalar!(
        "UPDATE scoring_runs SET row_count = $2, failed_count = $3 WHERE id = $1 RETURNING project_id",
        id.0,
        rows as i64,
        rows_failed as i64,
    )
    .fetch_optional(conn)
    .await?;
    Ok(project.map(ProjectId))
}

/// Ends a run that has not ended yet. `false`: it had.
pub async fn end(
    conn: &mut Conn,
    id: ScoringRunId,
    ending: &Ending<'_>,
    now: Timestamp,
) -> Result<bool> {
    let (status, counts, error) = match ending {
        Ending::Succeeded {
            rows,
            rows_failed,
            refusals,
        } => {
            let refusals = to_json("scoring_runs.refusals", refusals)?;
            (
                "succeeded",
                Some((*rows as i64, *rows_failed as i64, refusals)),
                None,
            )
        }
        Ending::Failed(error) => ("failed", None, Some(to_json("scoring_runs.error", error)?)),
        Ending::Cancelled => ("cancelled", None, None),
    };
    let (rows, rows_failed, refusals) = match counts {
        Some((rows, rows_failed, refusals)) => (Some(rows), Some(rows_failed), Some(refusals)),
        None => (None, None, None),
    };
    let done = sqlx::query!(
        "UPDATE scoring_runs SET status = $2, error = $3, finished_at = $4, row_count = coalesce($5, row_count),
             failed_count = coalesce($6, failed_count), refusals = coalesce($7, refusals)
         WHERE id = $1 AND finished_at IS NULL",
        id.0,
        status,
        error,
        now.into_inner(),
        rows,
        rows_failed,
        refusals,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
