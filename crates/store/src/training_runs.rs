use std::collections::BTreeMap;

use domain::Timestamp;
use domain::ids::{DatasetVersionId, JobId, ProjectId, TrainingRunId};
use domain::models::Evaluation;
use domain::training_runs::{
    LogLevel, LogLine, Progress, Reproduction, RunError, TrainingRun, TrainingSpec,
};
use serde_json::Value;
use sqlx::types::{Json, Uuid};
use time::OffsetDateTime;

use crate::text::{name as stored_name, parse, storable, to_json};
use crate::{Conn, Result};

/// A run about to be made; its status is `queued`.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    pub id: TrainingRunId,
    pub project: ProjectId,
    pub dataset_version: DatasetVersionId,
    /// With everything that was left out filled in.
    pub spec: &'a TrainingSpec,
    pub job: JobId,
    /// The run that this one trains again.
    pub rerun_of: Option<TrainingRunId>,
    pub created_by: &'a str,
    pub created_at: Timestamp,
}

/// What a job needs to know of the run that it works on.
#[derive(Clone, Debug)]
pub struct RunOfProject {
    pub project: ProjectId,
    pub dataset_version: DatasetVersionId,
    pub job: JobId,
    pub run: TrainingRun,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub enum Ending<'a> {
    Succeeded {
        metrics: &'a BTreeMap<String, f64>,
        evaluation: &'a Evaluation,
        trainer: &'a str,
        /// Of a re-run.
        reproduction: Option<&'a Reproduction>,
    },
    Failed(&'a RunError),
    Cancelled,
}

struct Row {
    id: Uuid,
    project_id: Uuid,
    dataset_version_id: Uuid,
    job_id: Uuid,
    model: String,
    spec: Json<TrainingSpec>,
    status: String,
    progress: Option<Json<Progress>>,
    metrics: Option<Json<BTreeMap<String, f64>>>,
    evaluation: Option<Json<Evaluation>>,
    error: Option<Json<RunError>>,
    version: Option<i32>,
    rerun_of: Option<Uuid>,
    reproduction: Option<Json<Reproduction>>,
    trainer: Option<String>,
    attempt: i32,
    created_by: String,
    created_at: OffsetDateTime,
    started_at: Option<OffsetDateTime>,
    finished_at: Option<OffsetDateTime>,
}

impl Row {
    fn into_run(self) -> Result<RunOfProject> {
        let run = TrainingRun {
            id: TrainingRunId(self.id),
            status: parse("training_runs.status", self.status)?,
            progress: self.progress.map(|progress| progress.0),
            spec: self.spec.0,
            metrics: self.metrics.map(|metrics| metrics.0),
            model: stored_name("training_runs.model", self.model)?,
            version: self.version,
            error: self.error.map(|error| error.0),
            evaluation: self.evaluation.map(|evaluation| evaluation.0),
            rerun_of: self.rerun_of.map(TrainingRunId),
            reproduction: self.reproduction.map(|reproduction| reproduction.0),
            trainer: self.trainer,
            retraining: None,
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
            run,
        })
    }
}

/// The job must be there already.
pub async fn insert(conn: &mut Conn, new: &NewRun<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO training_runs (id, project_id, dataset_version_id, model, spec, status, job_id, rerun_of, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, $9)",
        new.id.0,
        new.project.0,
        new.dataset_version.0,
        new.spec.model.as_str(),
        to_json("training_runs.spec", new.spec)?,
        new.job.0,
        new.rerun_of.map(|id| id.0),
        new.created_by,
        new.created_at.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn find(conn: &mut Conn, id: TrainingRunId) -> Result<Option<RunOfProject>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT r.id, r.project_id, r.dataset_version_id, r.job_id, r.model, r.spec AS "spec: Json<TrainingSpec>", r.status,
                  r.progress AS "progress: Json<Progress>", r.metrics AS "metrics: Json<BTreeMap<String, f64>>",
                  r.evaluation AS "evaluation: Json<Evaluation>", r.error AS "error: Json<RunError>", v.version AS "version?",
                  r.rerun_of, r.reproduction AS "reproduction: Json<Reproduction>", r.trainer,
                  r.attempt, r.created_by, r.created_at, r.started_at, r.finished_at
           FROM training_runs r LEFT JOIN model_versions v ON v.training_run_id = r.id
           WHERE r.id = $1"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Row::into_run).transpose()
}

/// Which runs of a project a list is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Queued and running only.
    pub active_only: bool,
    /// The `created_at` and id of the last one already seen.
    pub before: Option<(Timestamp, Uuid)>,
}

/// Newest first, without their evaluations.
pub async fn list(
    conn: &mut Conn,
    project: ProjectId,
    filter: Filter,
    limit: i64,
) -> Result<Vec<TrainingRun>> {
    let (before_at, before_id) = filter.before.map(|(at, id)| (at.into_inner(), id)).unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT r.id, r.project_id, r.dataset_version_id, r.job_id, r.model, r.spec AS "spec: Json<TrainingSpec>", r.status,
                  r.progress AS "progress: Json<Progress>", r.metrics AS "metrics: Json<BTreeMap<String, f64>>",
                  NULL::jsonb AS "evaluation: Json<Evaluation>", r.error AS "error: Json<RunError>", v.version AS "version?",
                  r.rerun_of, r.reproduction AS "reproduction: Json<Reproduction>", r.trainer,
                  r.attempt, r.created_by, r.created_at, r.started_at, r.finished_at
           FROM training_runs r LEFT JOIN model_versions v ON v.training_run_id = r.id
           WHERE r.project_id = $1 AND (NOT $2 OR r.status IN ('queued', 'running'))
             AND ($3::timestamptz IS NULL OR (r.created_at, r.id) < ($3, $4))
           ORDER BY r.created_at DESC, r.id DESC LIMIT $5"#,
        project.0,
        filter.active_only,
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

/// The re-runs of a run, newest first, without their evaluations.
pub async fn reruns(conn: &mut Conn, of: TrainingRunId, limit: i64) -> Result<Vec<TrainingRun>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT r.id, r.project_id, r.dataset_version_id, r.job_id, r.model, r.spec AS "spec: Json<TrainingSpec>", r.status,
                  r.progress AS "progress: Json<Progress>", r.metrics AS "metrics: Json<BTreeMap<String, f64>>",
                  NULL::jsonb AS "evaluation: Json<Evaluation>", r.error AS "error: Json<RunError>", NULL::integer AS version,
                  r.rerun_of, r.reproduction AS "reproduction: Json<Reproduction>", r.trainer,
                  r.attempt, r.created_by, r.created_at, r.started_at, r.finished_at
           FROM training_runs r WHERE r.rerun_of = $1 ORDER BY r.created_at DESC, r.id DESC LIMIT $2"#,
        of.0,
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
    id: TrainingRunId,
    attempt: i32,
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "UPDATE training_runs SET status = 'running', attempt = $2, progress = NULL, started_at = coalesce(started_at, $3) WHERE id = $1",
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
    id: TrainingRunId,
    progress: Progress,
) -> Result<Option<ProjectId>> {
    let project = sqlx::query_scalar!(
        "UPDATE training_runs SET progress = $2 WHERE id = $1 RETURNING project_id",
        id.0,
        to_json("training_runs.progress", &progress)?,
    )
    .fetch_optional(conn)
    .await?;
    Ok(project.map(ProjectId))
}

pub async fn project(conn: &mut Conn, id: TrainingRunId) -> Result<Option<ProjectId>> {
    let project = sqlx::query_scalar!("SELECT project_id FROM training_runs WHERE id = $1", id.0)
        .fetch_optional(conn)
        .await?;
    Ok(project.map(ProjectId))
}

/// What the end of a run writes beside its status.
#[derive(Default)]
struct Written<'a> {
    metrics: Option<Value>,
    evaluation: Option<Value>,
    error: Option<Value>,
    trainer: Option<&'a str>,
    reproduction: Option<Value>,
}

/// Ends a run that has not ended yet. `false`: it had.
pub async fn end(
    conn: &mut Conn,
    id: TrainingRunId,
    ending: &Ending<'_>,
    now: Timestamp,
) -> Result<bool> {
    let mut written = Written::default();
    let status = match ending {
        Ending::Succeeded {
            metrics,
            evaluation,
            trainer,
            reproduction,
        } => {
            written.metrics = Some(to_json("training_runs.metrics", metrics)?);
            written.evaluation = Some(to_json("training_runs.evaluation", evaluation)?);
            written.trainer = Some(*trainer);
            written.reproduction = reproduction
                .map(|reproduction| to_json("training_runs.reproduction", reproduction))
                .transpose()?;
            "succeeded"
        }
        Ending::Failed(error) => {
            written.error = Some(to_json("training_runs.error", error)?);
            "failed"
        }
        Ending::Cancelled => "cancelled",
    };
    let done = sqlx::query!(
        r#"UPDATE training_runs SET status = $2, metrics = $3, evaluation = $4, error = $5, finished_at = $6, trainer = $7,
               reproduction = $8,
               progress = CASE WHEN $2 = 'succeeded' THEN '{"stage": "package", "fraction": 1.0}'::jsonb ELSE progress END
           WHERE id = $1 AND finished_at IS NULL"#,
        id.0,
        status,
        written.metrics,
        written.evaluation,
        written.error,
        now.into_inner(),
        written.trainer,
        written.reproduction,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many lines the log has.
pub async fn log_length(conn: &mut Conn, id: TrainingRunId) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(max(seq), 0) AS "length!" FROM training_run_logs WHERE run_id = $1"#,
        id.0,
    )
    .fetch_one(conn)
    .await?)
}

/// Adds lines and numbers them on from the last. Only one writer at a time: the caller holds the job's lock.
pub async fn append_logs(
    conn: &mut Conn,
    id: TrainingRunId,
    lines: &[(LogLevel, String)],
    now: Timestamp,
) -> Result<Vec<LogLine>> {
    let length = log_length(conn, id).await?;
    let lines: Vec<LogLine> = (length + 1..)
        .zip(lines)
        .map(|(seq, (level, message))| LogLine {
            seq,
            at: now,
            level: *level,
            message: storable(message).into_owned(),
        })
        .collect();
    let seqs: Vec<i64> = lines.iter().map(|line| line.seq).collect();
    let levels: Vec<String> = lines
        .iter()
        .map(|line| level_word(line.level).to_owned())
        .collect();
    let messages: Vec<String> = lines.iter().map(|line| line.message.clone()).collect();
    sqlx::query!(
        "INSERT INTO training_run_logs (run_id, seq, at, level, message)
         SELECT $1, line.seq, $2, line.level, line.message
         FROM unnest($3::bigint[], $4::text[], $5::text[]) AS line (seq, level, message)",
        id.0,
        now.into_inner(),
        &seqs,
        &levels,
        &messages,
    )
    .execute(conn)
    .await?;
    Ok(lines)
}

/// Lines after `after`, oldest first.
pub async fn logs(
    conn: &mut Conn,
    id: TrainingRunId,
    after: i64,
    limit: i64,
) -> Result<Vec<LogLine>> {
    let rows = sqlx::query!(
        "SELECT seq, at, level, message FROM training_run_logs WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        id.0,
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(LogLine {
                seq: row.seq,
                at: row.at.into(),
                level: parse("training_run_logs.level", row.level)?,
                message: row.message,
            })
        })
        .collect()
}

fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}
