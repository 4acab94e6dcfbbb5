mod attempts;

use domain::ids::{ModelId, ProjectId, RetrainingPolicyId};
use domain::retraining::OnBetter;
use domain::training_runs::TrainingSpec;
use domain::{Name, Timestamp};
use sqlx::types::{Json, Uuid};
use time::OffsetDateTime;

pub use attempts::{
    AttemptRow, Ended, NewAttempt, OpenAttempt, attempts, end, find_attempt, insert_attempt,
    lock_attempt, open_attempts, origin, purpose, set_comparison, set_status, supersede,
};

use crate::text::{name as stored_name, parse, storable, to_json};
use crate::{Conn, Result};

/// A policy as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyRow {
    pub id: RetrainingPolicyId,
    pub project: ProjectId,
    pub project_name: Name,
    pub model_id: ModelId,
    pub model: Name,
    pub training: TrainingSpec,
    pub schedule: Option<String>,
    pub on_new_dataset_version: bool,
    pub deployment: Option<Name>,
    pub on_better: OnBetter,
    pub pause_reason: Option<String>,
    pub done_until: Timestamp,
    pub seen_version: i32,
    pub failures: u32,
    pub not_before: Option<Timestamp>,
    pub revision: i64,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// An attempt is under way.
    pub is_busy: bool,
    pub newest_ready: Option<i32>,
    /// How many ready versions of its dataset came after the seen one.
    pub ready_since: u32,
}

/// What a person sets of a policy.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    pub training: &'a TrainingSpec,
    pub schedule: Option<&'a str>,
    pub on_new_dataset_version: bool,
    pub deployment: Option<&'a Name>,
    pub on_better: OnBetter,
    pub done_until: Timestamp,
    pub seen_version: i32,
}

struct Row {
    id: Uuid,
    project_id: Uuid,
    project: String,
    model_id: Uuid,
    model: String,
    training: Json<TrainingSpec>,
    schedule: Option<String>,
    on_new_dataset_version: bool,
    deployment: Option<String>,
    on_better: String,
    pause_reason: Option<String>,
    done_until: OffsetDateTime,
    seen_version: i32,
    failures: i32,
    not_before: Option<OffsetDateTime>,
    revision: i64,
    created_by: String,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    is_busy: bool,
    newest_ready: Option<i32>,
    ready_since: i64,
}

impl Row {
    fn into_policy(self) -> Result<PolicyRow> {
        Ok(PolicyRow {
            id: RetrainingPolicyId(self.id),
            project: ProjectId(self.project_id),
            project_name: stored_name("projects.name", self.project)?,
            model_id: ModelId(self.model_id),
            model: stored_name("models.name", self.model)?,
            training: self.training.0,
            schedule: self.schedule,
            on_new_dataset_version: self.on_new_dataset_version,
            deployment: self
                .deployment
                .map(|name| stored_name("retraining_policies.deployment", name))
                .transpose()?,
            on_better: parse("retraining_policies.on_better", self.on_better)?,
            pause_reason: self.pause_reason,
            done_until: self.done_until.into(),
            seen_version: self.seen_version,
            failures: self.failures.max(0) as u32,
            not_before: self.not_before.map(Timestamp::from),
            revision: self.revision,
            created_by: self.created_by,
            created_at: self.created_at.into(),
            updated_at: self.updated_at.into(),
            is_busy: self.is_busy,
            newest_ready: self.newest_ready,
            ready_since: u32::try_from(self.ready_since).unwrap_or(u32::MAX),
        })
    }
}

/// One query of whole rows: `query_as!` takes only a literal, and they differ in their last clauses.
macro_rules! policies {
    ($clauses:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT p.id, p.project_id, pr.name AS project, p.model_id, m.name AS model, p.training AS "training: Json<TrainingSpec>",
                      p.schedule, p.on_new_dataset_version, p.deployment, p.on_better, p.pause_reason, p.done_until, p.seen_version,
                      p.failures, p.not_before, p.revision, p.created_by, p.created_at, p.updated_at,
                      EXISTS (SELECT FROM retraining_attempts a WHERE a.policy_id = p.id AND a.status = 'training') AS "is_busy!",
                      ready.newest AS "newest_ready?", coalesce(ready.since, 0) AS "ready_since!"
               FROM retraining_policies p
               JOIN projects pr ON pr.id = p.project_id
               JOIN models m ON m.id = p.model_id
               LEFT JOIN LATERAL (
                   SELECT max(v.version) AS newest, count(*) FILTER (WHERE v.version > p.seen_version) AS since
                   FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id
                   WHERE d.project_id = p.project_id AND d.name = p.training->>'dataset' AND v.status = 'ready'
               ) ready ON true "# + $clauses,
            $($argument),*
        )
    };
}

pub async fn find(conn: &mut Conn, model: ModelId) -> Result<Option<PolicyRow>> {
    let row = policies!("WHERE p.model_id = $1", model.0)
        .fetch_optional(conn)
        .await?;
    row.map(Row::into_policy).transpose()
}

/// All that may start something by itself, the oldest first.
pub async fn list_waiting(conn: &mut Conn) -> Result<Vec<PolicyRow>> {
    let rows = policies!(
        "WHERE p.paused_at IS NULL AND (p.schedule IS NOT NULL OR p.on_new_dataset_version) ORDER BY p.created_at, p.id"
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::into_policy).collect()
}

/// The policy of a model, which nobody else changes until the transaction ends. It is read only then.
pub async fn find_locked(conn: &mut Conn, model: ModelId) -> Result<Option<PolicyRow>> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM retraining_policies WHERE model_id = $1 FOR NO KEY UPDATE",
        model.0
    )
    .fetch_optional(&mut *conn)
    .await?;
    match found {
        Some(_) => find(conn, model).await,
        None => Ok(None),
    }
}

/// The model has none yet, or this breaks `retraining_policies_model_key`.
pub async fn insert(
    conn: &mut Conn,
    id: RetrainingPolicyId,
    (project, model): (ProjectId, ModelId),
    settings: &Settings<'_>,
    created_by: &str,
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO retraining_policies (id, project_id, model_id, training, schedule, on_new_dataset_version, deployment, on_better,
             done_until, seen_version, created_by, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)",
        id.0,
        project.0,
        model.0,
        to_json("retraining_policies.training", settings.training)?,
        settings.schedule,
        settings.on_new_dataset_version,
        settings.deployment.map(Name::as_str),
        settings.on_better.as_str(),
        settings.done_until.into_inner(),
        settings.seen_version,
        created_by,
        now.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Raises the revision; what failed before counts no longer. What is done with stays so, also where the clock was put back.
pub async fn update(
    conn: &mut Conn,
    id: RetrainingPolicyId,
    settings: &Settings<'_>,
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "UPDATE retraining_policies
         SET training = $2, schedule = $3, on_new_dataset_version = $4, deployment = $5, on_better = $6, done_until = greatest(done_until, $7),
             seen_version = $8, failures = 0, not_before = NULL, revision = revision + 1, updated_at = $9
         WHERE id = $1",
        id.0,
        to_json("retraining_policies.training", settings.training)?,
        settings.schedule,
        settings.on_new_dataset_version,
        settings.deployment.map(Name::as_str),
        settings.on_better.as_str(),
        settings.done_until.into_inner(),
        settings.seen_version,
        now.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Its attempts stay.
pub async fn delete(conn: &mut Conn, id: RetrainingPolicyId) -> Result<()> {
    sqlx::query!("DELETE FROM retraining_policies WHERE id = $1", id.0)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn pause(
    conn: &mut Conn,
    id: RetrainingPolicyId,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    let reason = storable(reason);
    sqlx::query!(
        "UPDATE retraining_policies
         SET paused_at = $3, pause_reason = $2, not_before = NULL, revision = revision + 1, updated_at = $3
         WHERE id = $1",
        id.0,
        reason.as_ref(),
        now.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What came due while it was paused is done with, and what failed before counts no longer. See [`update`] for the clock.
pub async fn resume(
    conn: &mut Conn,
    id: RetrainingPolicyId,
    seen_version: i32,
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "UPDATE retraining_policies
         SET paused_at = NULL, pause_reason = NULL, failures = 0, not_before = NULL, done_until = greatest(done_until, $2), seen_version = $3,
             revision = revision + 1, updated_at = $2
         WHERE id = $1",
        id.0,
        now.into_inner(),
        seen_version,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What an attempt is of is done with. Nobody is told of a new revision: nothing was set.
pub async fn set_done(
    conn: &mut Conn,
    id: RetrainingPolicyId,
    done_until: Timestamp,
    seen_version: i32,
) -> Result<()> {
    sqlx::query!(
        "UPDATE retraining_policies
         SET done_until = greatest(done_until, $2), seen_version = greatest(seen_version, $3) WHERE id = $1",
        id.0,
        done_until.into_inner(),
        seen_version,
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn set_failures(
    conn: &mut Conn,
    id: RetrainingPolicyId,
    failures: u32,
    not_before: Option<Timestamp>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE retraining_policies SET failures = $2, not_before = $3 WHERE id = $1",
        id.0,
        i32::try_from(failures).unwrap_or(i32::MAX),
        not_before.map(Timestamp::into_inner),
    )
    .execute(conn)
    .await?;
    Ok(())
}
