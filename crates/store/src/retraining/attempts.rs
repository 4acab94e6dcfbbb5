use domain::ids::{
    DatasetVersionId, ModelId, ProjectId, RetrainingAttemptId, RetrainingPolicyId, RolloutId,
    TrainingRunId,
};
use domain::retraining::{
    AttemptStatus, Comparison, RetrainingAttempt, RetrainingOrigin, RetrainingVerdict, Trigger,
};
use domain::training_runs::{RunError, RunStatus};
use domain::{Name, Timestamp};
use sqlx::types::{Json, Uuid};
use time::OffsetDateTime;

use crate::text::{name as stored_name, parse, storable, to_json};
use crate::{Conn, Result};

#[derive(Clone, Debug)]
pub struct NewAttempt<'a> {
    pub id: RetrainingAttemptId,
    pub model: ModelId,
    pub policy: RetrainingPolicyId,
    pub trigger: Trigger,
    pub occurrence: Option<Timestamp>,
    pub skipped: u32,
    /// What it failed with before there was a run.
    pub failed: Option<&'a str>,
    pub dataset: &'a Name,
    pub dataset_version: Option<DatasetVersionId>,
    pub training_run: Option<TrainingRunId>,
    pub deployment: Option<&'a Name>,
    pub created_by: &'a str,
    pub at: Timestamp,
}

/// An attempt with what was stored for its verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRow {
    pub attempt: RetrainingAttempt,
    pub project: ProjectId,
    pub model_id: ModelId,
    pub model: Name,
    pub policy: Option<RetrainingPolicyId>,
    pub live_version: Option<i32>,
    pub comparison: Option<Comparison>,
    pub run_status: Option<RunStatus>,
    pub run_error: Option<RunError>,
}

/// An attempt whose training may have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenAttempt {
    pub id: RetrainingAttemptId,
    pub run_has_ended: bool,
}

/// How an attempt ends.
#[derive(Clone, Debug)]
pub struct Ended<'a> {
    pub status: AttemptStatus,
    pub reason: Option<&'a str>,
    pub verdict: Option<&'a RetrainingVerdict>,
    pub rollout: Option<RolloutId>,
}

struct Row {
    id: Uuid,
    project_id: Uuid,
    model_id: Uuid,
    model: String,
    policy_id: Option<Uuid>,
    trigger: String,
    occurrence: Option<OffsetDateTime>,
    skipped: i32,
    status: String,
    reason: Option<String>,
    dataset: String,
    dataset_version: Option<i32>,
    training_run_id: Option<Uuid>,
    version: Option<i32>,
    deployment: Option<String>,
    live_version: Option<i32>,
    comparison: Option<Json<Comparison>>,
    verdict: Option<Json<RetrainingVerdict>>,
    rollout_id: Option<Uuid>,
    run_status: Option<String>,
    run_error: Option<Json<RunError>>,
    created_by: String,
    created_at: OffsetDateTime,
    ended_at: Option<OffsetDateTime>,
    decided_by: Option<String>,
    decided_at: Option<OffsetDateTime>,
}

impl Row {
    fn into_attempt(self) -> Result<AttemptRow> {
        let attempt = RetrainingAttempt {
            id: RetrainingAttemptId(self.id),
            trigger: parse("retraining_attempts.trigger", self.trigger)?,
            occurrence: self.occurrence.map(Timestamp::from),
            skipped: self.skipped.max(0) as u32,
            status: parse("retraining_attempts.status", self.status)?,
            reason: self.reason,
            dataset: stored_name("retraining_attempts.dataset", self.dataset)?,
            dataset_version: self.dataset_version,
            training_run: self.training_run_id.map(TrainingRunId),
            version: self.version,
            deployment: self
                .deployment
                .map(|name| stored_name("retraining_attempts.deployment", name))
                .transpose()?,
            verdict: self.verdict.map(|verdict| verdict.0),
            rollout: self.rollout_id.map(RolloutId),
            created_by: self.created_by,
            created_at: self.created_at.into(),
            ended_at: self.ended_at.map(Timestamp::from),
            decided_by: self.decided_by,
            decided_at: self.decided_at.map(Timestamp::from),
        };
        Ok(AttemptRow {
            attempt,
            project: ProjectId(self.project_id),
            model_id: ModelId(self.model_id),
            model: stored_name("models.name", self.model)?,
            policy: self.policy_id.map(RetrainingPolicyId),
            live_version: self.live_version,
            comparison: self.comparison.map(|comparison| comparison.0),
            run_status: self
                .run_status
                .map(|status| parse("training_runs.status", status))
                .transpose()?,
            run_error: self.run_error.map(|error| error.0),
        })
    }
}

/// One query of whole rows: `query_as!` takes only a literal, and they differ in their last clauses.
macro_rules! attempts {
    ($clauses:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT a.id, m.project_id, a.model_id, m.name AS model, a.policy_id, a.trigger, a.occurrence, a.skipped, a.status, a.reason,
                      a.dataset, dv.version AS "dataset_version?", a.training_run_id, mv.version AS "version?", a.deployment,
                      a.live_version, a.comparison AS "comparison: Json<Comparison>", a.verdict AS "verdict: Json<RetrainingVerdict>",
                      a.rollout_id, r.status AS "run_status?", r.error AS "run_error?: Json<RunError>", a.created_by, a.created_at,
                      a.ended_at, a.decided_by, a.decided_at
               FROM retraining_attempts a
               JOIN models m ON m.id = a.model_id
               LEFT JOIN dataset_versions dv ON dv.id = a.dataset_version_id
               LEFT JOIN training_runs r ON r.id = a.training_run_id
               LEFT JOIN model_versions mv ON mv.training_run_id = a.training_run_id "# + $clauses,
            $($argument),*
        )
    };
}

/// # Errors
/// Breaks `retraining_attempts_occurrence_key`, `retraining_attempts_dataset_version_key` or `retraining_attempts_one_at_a_time` when
/// somebody else made it, or another one is under way.
pub async fn insert_attempt(conn: &mut Conn, new: &NewAttempt<'_>) -> Result<()> {
    let status = match new.failed {
        Some(_) => AttemptStatus::Failed,
        None => AttemptStatus::Training,
    };
    sqlx::query!(
        "INSERT INTO retraining_attempts (id, model_id, policy_id, trigger, occurrence, skipped, status, reason, dataset,
             dataset_version_id, training_run_id, deployment, created_by, created_at, ended_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        new.id.0,
        new.model.0,
        new.policy.0,
        new.trigger.as_str(),
        new.occurrence.map(Timestamp::into_inner),
        i32::try_from(new.skipped).unwrap_or(i32::MAX),
        status.as_str(),
        new.failed.map(|reason| storable(reason).into_owned()),
        new.dataset.as_str(),
        new.dataset_version.map(|id| id.0),
        new.training_run.map(|id| id.0),
        new.deployment.map(Name::as_str),
        new.created_by,
        new.at.into_inner(),
        new.failed.map(|_| new.at.into_inner()),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Newest first. `before` is the `created_at` and id of the last one already seen.
pub async fn attempts(
    conn: &mut Conn,
    model: ModelId,
    before: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<RetrainingAttempt>> {
    let (before_at, before_id) = before.map(|(at, id)| (at.into_inner(), id)).unzip();
    let rows = attempts!(
        "WHERE a.model_id = $1 AND ($2::timestamptz IS NULL OR (a.created_at, a.id) < ($2, $3))
         ORDER BY a.created_at DESC, a.id DESC LIMIT $4",
        model.0,
        before_at,
        before_id,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| row.into_attempt().map(|found| found.attempt))
        .collect()
}

pub async fn find_attempt(conn: &mut Conn, id: RetrainingAttemptId) -> Result<Option<AttemptRow>> {
    let row = attempts!("WHERE a.id = $1", id.0)
        .fetch_optional(conn)
        .await?;
    row.map(Row::into_attempt).transpose()
}

/// Keeps every other change of the attempt waiting until the transaction ends. `false`: there is none.
pub async fn lock_attempt(conn: &mut Conn, id: RetrainingAttemptId) -> Result<bool> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM retraining_attempts WHERE id = $1 FOR NO KEY UPDATE",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}

/// All without a verdict, the oldest first.
pub async fn open_attempts(conn: &mut Conn) -> Result<Vec<OpenAttempt>> {
    let rows = sqlx::query!(
        r#"SELECT a.id, r.finished_at IS NOT NULL AS "run_has_ended!"
           FROM retraining_attempts a JOIN training_runs r ON r.id = a.training_run_id
           WHERE a.status = 'training' ORDER BY a.created_at"#
    )
    .fetch_all(conn)
    .await?;
    let open = rows.into_iter().map(|row| OpenAttempt {
        id: RetrainingAttemptId(row.id),
        run_has_ended: row.run_has_ended,
    });
    Ok(open.collect())
}

/// With the end of the training that it is of; nothing for a run of no attempt.
pub async fn set_comparison(
    conn: &mut Conn,
    run: TrainingRunId,
    live_version: Option<i32>,
    comparison: &Comparison,
) -> Result<()> {
    sqlx::query!(
        "UPDATE retraining_attempts SET live_version = $2, comparison = $3 WHERE training_run_id = $1 AND status = 'training'",
        run.0,
        live_version,
        to_json("retraining_attempts.comparison", comparison)?,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends an attempt that has not ended yet. `false`: it had.
pub async fn end(
    conn: &mut Conn,
    id: RetrainingAttemptId,
    ended: &Ended<'_>,
    now: Timestamp,
) -> Result<bool> {
    let verdict = ended
        .verdict
        .map(|verdict| to_json("retraining_attempts.verdict", verdict))
        .transpose()?;
    let done = sqlx::query!(
        "UPDATE retraining_attempts SET status = $2, reason = $3, verdict = $4, rollout_id = $5, ended_at = $6
         WHERE id = $1 AND status = 'training'",
        id.0,
        ended.status.as_str(),
        ended.reason.map(|reason| storable(reason).into_owned()),
        verdict,
        ended.rollout.map(|id| id.0),
        now.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Accepts or dismisses a proposal. `false`: it is none any more.
pub async fn set_status(
    conn: &mut Conn,
    id: RetrainingAttemptId,
    status: AttemptStatus,
    rollout: Option<RolloutId>,
    decided_by: &str,
    now: Timestamp,
) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE retraining_attempts SET status = $2, rollout_id = $3, decided_by = $4, decided_at = $5
         WHERE id = $1 AND status = 'proposed'",
        id.0,
        status.as_str(),
        rollout.map(|id| id.0),
        decided_by,
        now.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes back the model's proposals for a deployment: a later version takes their place.
pub async fn supersede(
    conn: &mut Conn,
    model: ModelId,
    deployment: &Name,
    reason: &str,
) -> Result<()> {
    sqlx::query!(
        "UPDATE retraining_attempts SET status = 'superseded', reason = $3
         WHERE model_id = $1 AND deployment = $2 AND status = 'proposed'",
        model.0,
        deployment.as_str(),
        reason,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a training run of an attempt is for: the deployment whose live version it is compared with.
pub async fn purpose(
    conn: &mut Conn,
    run: TrainingRunId,
) -> Result<Option<(ProjectId, ModelId, Name)>> {
    let row = sqlx::query!(
        r#"SELECT m.project_id, a.model_id, a.deployment AS "deployment!"
           FROM retraining_attempts a JOIN models m ON m.id = a.model_id
           WHERE a.training_run_id = $1 AND a.status = 'training' AND a.deployment IS NOT NULL"#,
        run.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok((
            ProjectId(row.project_id),
            ModelId(row.model_id),
            stored_name("retraining_attempts.deployment", row.deployment)?,
        ))
    })
    .transpose()
}

/// The attempt that a training run is of.
pub async fn origin(conn: &mut Conn, run: TrainingRunId) -> Result<Option<RetrainingOrigin>> {
    let row = sqlx::query!(
        "SELECT id, trigger FROM retraining_attempts WHERE training_run_id = $1",
        run.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(RetrainingOrigin {
            attempt: RetrainingAttemptId(row.id),
            trigger: parse("retraining_attempts.trigger", row.trigger)?,
        })
    })
    .transpose()
}
