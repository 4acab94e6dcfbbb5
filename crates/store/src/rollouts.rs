mod samples;
mod verdicts;

use domain::ids::{DeploymentId, ModelId, ModelVersionId, ProjectId, RolloutId};
use domain::rollouts::{RolloutMode, RolloutPolicy, RolloutStatus, Step};
use domain::{Name, Timestamp};
use time::OffsetDateTime;

pub use samples::{add_samples, stats, trim_samples};
pub use verdicts::{StoredVerdict, append_verdict, last_verdict, replace_verdict, verdicts};

use crate::{Conn, Error, Result, text};

/// A rollout as stored: its versions named and numbered, its verdicts left out.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutRow {
    pub id: RolloutId,
    pub deployment_id: DeploymentId,
    pub deployment: Name,
    pub project: ProjectId,
    pub model_id: ModelId,
    pub model: Name,
    pub mode: RolloutMode,
    pub status: RolloutStatus,
    pub stable_version_id: ModelVersionId,
    pub stable_version: i32,
    pub canary_version_id: ModelVersionId,
    pub canary_version: i32,
    pub steps: Vec<Step>,
    pub step: usize,
    pub weight: f64,
    pub step_started_at: Timestamp,
    pub policy: RolloutPolicy,
    pub reason: Option<String>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct NewRollout<'a> {
    pub id: RolloutId,
    pub deployment: DeploymentId,
    pub mode: RolloutMode,
    pub model: ModelId,
    pub stable: ModelVersionId,
    pub canary: ModelVersionId,
    pub steps: &'a [Step],
    pub weight: f64,
    pub policy: &'a RolloutPolicy,
    pub created_by: &'a str,
    pub at: Timestamp,
}

struct Stored {
    id: uuid::Uuid,
    deployment_id: uuid::Uuid,
    deployment: String,
    project_id: uuid::Uuid,
    model_id: uuid::Uuid,
    model: String,
    mode: String,
    status: String,
    stable_version_id: uuid::Uuid,
    stable_version: i32,
    canary_version_id: uuid::Uuid,
    canary_version: i32,
    steps: serde_json::Value,
    step: i32,
    weight: f64,
    step_started_at: OffsetDateTime,
    policy: serde_json::Value,
    reason: Option<String>,
    created_by: String,
    created_at: OffsetDateTime,
    ended_at: Option<OffsetDateTime>,
}

impl TryFrom<Stored> for RolloutRow {
    type Error = Error;

    fn try_from(row: Stored) -> Result<Self> {
        Ok(Self {
            id: RolloutId(row.id),
            deployment_id: DeploymentId(row.deployment_id),
            deployment: text::name("deployments.name", row.deployment)?,
            project: ProjectId(row.project_id),
            model_id: ModelId(row.model_id),
            model: text::name("models.name", row.model)?,
            mode: text::parse("rollouts.mode", row.mode)?,
            status: text::parse("rollouts.status", row.status)?,
            stable_version_id: ModelVersionId(row.stable_version_id),
            stable_version: row.stable_version,
            canary_version_id: ModelVersionId(row.canary_version_id),
            canary_version: row.canary_version,
            steps: text::from_json("rollouts.steps", row.steps)?,
            step: usize::try_from(row.step)
                .map_err(|error| Error::stored("rollouts.step", error))?,
            weight: row.weight,
            step_started_at: row.step_started_at.into(),
            policy: text::from_json("rollouts.policy", row.policy)?,
            reason: row.reason,
            created_by: row.created_by,
            created_at: row.created_at.into(),
            ended_at: row.ended_at.map(Into::into),
        })
    }
}

/// One query of whole rows: `query_as!` takes only a literal, and they differ in their last clauses.
macro_rules! rollouts {
    ($clauses:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Stored,
            "SELECT r.id, r.deployment_id, d.name AS deployment, d.project_id, r.model_id, m.name AS model, r.mode, r.status,
                    r.stable_version_id, s.version AS stable_version, r.canary_version_id, c.version AS canary_version,
                    r.steps, r.step, r.weight, r.step_started_at, r.policy, r.reason, r.created_by, r.created_at, r.ended_at
             FROM rollouts r
             JOIN deployments d ON d.id = r.deployment_id
             JOIN models m ON m.id = r.model_id
             JOIN model_versions s ON s.id = r.stable_version_id
             JOIN model_versions c ON c.id = r.canary_version_id " + $clauses,
            $($argument),*
        )
    };
}

/// # Errors
/// Breaks `rollouts_one_active` when another one is active.
pub async fn insert(conn: &mut Conn, new: &NewRollout<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO rollouts (id, deployment_id, mode, status, model_id, stable_version_id, canary_version_id, steps, weight,
                               step_started_at, policy, created_by, created_at)
         VALUES ($1, $2, $3, 'running', $4, $5, $6, $7, $8, $9, $10, $11, $9)",
        new.id.0,
        new.deployment.0,
        mode_word(new.mode),
        new.model.0,
        new.stable.0,
        new.canary.0,
        text::to_json("rollouts.steps", &new.steps)?,
        new.weight,
        OffsetDateTime::from(new.at),
        text::to_json("rollouts.policy", new.policy)?,
        new.created_by,
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn find(
    conn: &mut Conn,
    deployment: DeploymentId,
    id: RolloutId,
) -> Result<Option<RolloutRow>> {
    let row = rollouts!(
        "WHERE r.deployment_id = $1 AND r.id = $2",
        deployment.0,
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// The running or paused one.
pub async fn find_active(conn: &mut Conn, deployment: DeploymentId) -> Result<Option<RolloutRow>> {
    let row = rollouts!(
        "WHERE r.deployment_id = $1 AND r.status IN ('running', 'paused')",
        deployment.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// The active ones of a whole project.
pub async fn list_active_of(conn: &mut Conn, project: ProjectId) -> Result<Vec<RolloutRow>> {
    let rows = rollouts!(
        "WHERE d.project_id = $1 AND r.status IN ('running', 'paused')",
        project.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The active ones of all projects, for the judge.
pub async fn list_active(conn: &mut Conn) -> Result<Vec<RolloutRow>> {
    let rows = rollouts!("WHERE r.status IN ('running', 'paused') ORDER BY r.created_at")
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Newest first.
pub async fn list(
    conn: &mut Conn,
    deployment: DeploymentId,
    limit: i64,
) -> Result<Vec<RolloutRow>> {
    let rows = rollouts!(
        "WHERE r.deployment_id = $1 ORDER BY r.created_at DESC, r.id DESC LIMIT $2",
        deployment.0,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Ends an active rollout. `false`: it had ended before.
pub async fn end(
    conn: &mut Conn,
    id: RolloutId,
    status: RolloutStatus,
    reason: &str,
    at: Timestamp,
) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE rollouts SET status = $2, reason = $3, ended_at = $4 WHERE id = $1 AND status IN ('running', 'paused')",
        id.0,
        status_word(status),
        reason,
        OffsetDateTime::from(at),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// From running to paused or back. `false`: it was not `from`.
pub async fn set_status(
    conn: &mut Conn,
    id: RolloutId,
    from: RolloutStatus,
    to: RolloutStatus,
) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE rollouts SET status = $3 WHERE id = $1 AND status = $2",
        id.0,
        status_word(from),
        status_word(to)
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Goes to a step. `false`: it is not running any more, or at another step than `from`.
pub async fn set_step(
    conn: &mut Conn,
    id: RolloutId,
    from: usize,
    to: usize,
    weight: f64,
    at: Timestamp,
) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE rollouts SET step = $3, weight = $4, step_started_at = $5 WHERE id = $1 AND step = $2 AND status = 'running'",
        id.0,
        from as i32,
        to as i32,
        weight,
        OffsetDateTime::from(at),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// `false`: it has ended.
pub async fn set_weight(conn: &mut Conn, id: RolloutId, weight: f64) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE rollouts SET weight = $2 WHERE id = $1 AND status IN ('running', 'paused')",
        id.0,
        weight
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

fn mode_word(mode: RolloutMode) -> &'static str {
    match mode {
        RolloutMode::Canary => "canary",
    }
}

fn status_word(status: RolloutStatus) -> &'static str {
    match status {
        RolloutStatus::Running => "running",
        RolloutStatus::Paused => "paused",
        RolloutStatus::Promoted => "promoted",
        RolloutStatus::RolledBack => "rolled_back",
        RolloutStatus::Failed => "failed",
    }
}
