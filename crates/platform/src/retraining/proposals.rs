use domain::ids::{ProjectId, RetrainingAttemptId};
use domain::retraining::{AttemptStatus, RetrainingAttempt};
use domain::rollouts::RolloutSpec;
use domain::{Actor, Error, Name, Permission, Result};
use serde_json::json;
use store::Conn;
use store::retraining::AttemptRow;

use super::{Change, lock_model, record};
use crate::{Platform, access, deployments, rollouts};

/// Starts the rollout that was proposed, as a canary with the usual policy.
///
/// # Errors
/// `Conflict` with the code `proposal_closed` when it is none any more, `proposal_stale` when another version is live than the one
/// that it beat, and `rollout_active` while another rollout is under way.
pub async fn accept(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    model: &Name,
    id: RetrainingAttemptId,
) -> Result<RetrainingAttempt> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let row = open(&mut tx, project, model, id).await?;
    let (Some(name), Some(version)) = (&row.attempt.deployment, row.attempt.version) else {
        return Err(Error::not_found("deployment"));
    };
    let deployment = deployments::find_locked(&mut tx, project, name).await?;
    if deployment.model_id != row.model_id || Some(deployment.stable_version) != row.live_version {
        let message = format!(
            "{name} serves v{} of {} by now, which this proposal was not compared with: dismiss it and run the policy again",
            deployment.stable_version, deployment.model
        );
        return Err(Error::conflict("proposal_stale", message));
    }
    let spec = RolloutSpec::canary(version);
    let rollout = rollouts::start_in(&mut tx, now, actor, project, name, &spec).await?;
    let by = actor.label();
    let status = AttemptStatus::Accepted;
    let rollout_id = Some(rollout.id);
    store::retraining::set_status(&mut tx, id, status, rollout_id, &by, now).await?;
    let change = Change {
        action: "retraining.accepted",
        reason: &format!("the proposed rollout of v{version} on {name} was started by {by}"),
        before: None,
        after: Some(json!({ "attempt": id, "version": version, "rollout": rollout.id })),
    };
    record(&mut tx, now, project, actor, model, change).await?;
    let attempt = reread(&mut tx, id).await?;
    tx.commit().await?;
    platform.live.refresh().await;
    Ok(attempt)
}

/// Takes the proposal away; the version stays.
///
/// # Errors
/// `Conflict` with the code `proposal_closed` when it is none any more.
pub async fn dismiss(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    model: &Name,
    id: RetrainingAttemptId,
) -> Result<RetrainingAttempt> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let row = open(&mut tx, project, model, id).await?;
    let by = actor.label();
    let status = AttemptStatus::Dismissed;
    store::retraining::set_status(&mut tx, id, status, None, &by, now).await?;
    let version = row.attempt.version.unwrap_or_default();
    let change = Change {
        action: "retraining.dismissed",
        reason: &format!("the proposed rollout of v{version} was dismissed by {by}"),
        before: None,
        after: Some(json!({ "attempt": id, "version": version })),
    };
    record(&mut tx, now, project, actor, model, change).await?;
    let attempt = reread(&mut tx, id).await?;
    tx.commit().await?;
    Ok(attempt)
}

/// The proposal, which nobody else decides on until the transaction ends.
async fn open(
    conn: &mut Conn,
    project: ProjectId,
    model: &Name,
    id: RetrainingAttemptId,
) -> Result<AttemptRow> {
    let absent = || Error::not_found("attempt");
    let model_id = lock_model(conn, project, model).await?;
    if !store::retraining::lock_attempt(conn, id).await? {
        return Err(absent());
    }
    let row = store::retraining::find_attempt(conn, id).await?;
    let row = row
        .filter(|row| row.project == project && row.model_id == model_id)
        .ok_or_else(absent)?;
    if row.attempt.status == AttemptStatus::Proposed {
        return Ok(row);
    }
    let message = format!(
        "this attempt is {}: there is no proposal to decide on",
        row.attempt.status.as_str().replace('_', " ")
    );
    Err(Error::conflict("proposal_closed", message))
}

async fn reread(conn: &mut Conn, id: RetrainingAttemptId) -> Result<RetrainingAttempt> {
    let row = store::retraining::find_attempt(conn, id).await?;
    row.map(|row| row.attempt)
        .ok_or_else(|| Error::not_found("attempt"))
}
