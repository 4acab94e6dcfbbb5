mod action;
mod judge;

use std::collections::HashMap;

use domain::ids::{DeploymentId, ProjectId, RolloutId};
use domain::models::Task;
use domain::rollouts::{Rollout, RolloutSpec, RolloutStatus};
use domain::{Actor, Error, FieldError, Name, Permission, Result, Timestamp};
use store::Conn;
use store::deployments::DeploymentRow;
use store::rollouts::{NewRollout, RolloutRow};

pub use judge::judge;

use self::action::{Action, apply};
use crate::deployments::{self, Change, live_as, record};
use crate::{Platform, access};

/// How many verdicts a rollout shows.
const VERDICTS: i64 = 50;
/// How many rollouts a list shows.
const LISTED: i64 = 100;
/// Longest reason a person can give, in characters.
const MAX_REASON: usize = 500;

/// Brings a version out beside the stable one.
///
/// # Errors
/// `Conflict` with the code `rollout_active` while another rollout is; `Invalid` for a version that is not there or is the
/// stable one already.
pub async fn start(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    deployment: &Name,
    spec: RolloutSpec,
) -> Result<Rollout> {
    spec.check()?;
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let rollout = start_in(&mut tx, now, actor, project, deployment, &spec).await?;
    tx.commit().await?;
    platform.live.refresh().await;
    Ok(rollout)
}

/// The same in the transaction of who has authorised already. But for a rollout that is active, what it refuses it refuses before it
/// writes.
pub(crate) async fn start_in(
    conn: &mut Conn,
    now: Timestamp,
    actor: &Actor,
    project_id: ProjectId,
    deployment: &Name,
    spec: &RolloutSpec,
) -> Result<Rollout> {
    let steps = spec.check()?;
    let row = deployments::find_locked(conn, project_id, deployment).await?;
    let canary = deployments::version(conn, project_id, &row.model, spec.version).await?;
    if canary.version == row.stable_version_id {
        let expected = format!(
            "another version than {}, which is the stable one already",
            row.stable_version
        );
        return Err(Error::Invalid(vec![
            FieldError::new("/version", "invalid", expected).got(spec.version.to_string()),
        ]));
    }
    check_task(conn, &row, spec.version).await?;
    let label = actor.label();
    let weight = steps.first().map_or(0.0, |step| step.weight);
    let new = NewRollout {
        id: RolloutId::at(now),
        deployment: row.id,
        mode: spec.mode,
        model: row.model_id,
        stable: row.stable_version_id,
        canary: canary.version,
        steps: &steps,
        weight,
        policy: &spec.policy,
        created_by: &label,
        at: now,
    };
    store::rollouts::insert(conn, &new).await?;
    store::deployments::touch(conn, row.id, now).await?;
    let reason = format!(
        "version {} takes {weight} % of the traffic as a canary",
        spec.version
    );
    let change = Change {
        action: "rollout.started",
        reason: &reason,
        before: Some(live_as(&row.model, row.stable_version, None)),
        after: Some(live_as(
            &row.model,
            row.stable_version,
            Some((spec.version, weight)),
        )),
    };
    record(conn, now, project_id, actor, deployment, change).await?;
    read(conn, row.id, new.id).await
}

/// Callers of one name get numbers or labels, not now these and now those.
async fn check_task(conn: &mut Conn, row: &DeploymentRow, version: i32) -> Result<()> {
    let versions = [row.stable_version, version];
    let outputs = store::models::outputs(conn, row.model_id, &versions).await?;
    let [stable, canary] = versions.map(|version| Some(outputs.get(&version)?.task));
    if stable == canary {
        return Ok(());
    }
    let [stable, canary] = [stable, canary].map(|task| task.map_or("", Task::as_str));
    let expected = format!(
        "a {stable}, as the stable version is: this one is a {canary}, so train it as a {stable}, or create another deployment for it"
    );
    Err(Error::Invalid(vec![
        FieldError::new("/version", "invalid", expected).got(version.to_string()),
    ]))
}

pub async fn get(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    deployment: &Name,
    id: RolloutId,
) -> Result<Rollout> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let row = deployments::find(&mut conn, project, deployment).await?;
    read(&mut conn, row.id, id).await
}

/// The newest hundred, newest first, each with its last verdict.
pub async fn list(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    deployment: &Name,
) -> Result<Vec<Rollout>> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let row = deployments::find(&mut conn, project, deployment).await?;
    let rows = store::rollouts::list(&mut conn, row.id, LISTED).await?;
    with_verdicts(&mut conn, rows, 1).await
}

/// Makes the canary the stable version.
///
/// # Errors
/// `Conflict` with the code `rollout_ended`, saying how it ended. The same for all actions below.
pub async fn promote(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    deployment: &Name,
    id: RolloutId,
    reason: Option<&str>,
) -> Result<Rollout> {
    act(
        platform,
        actor,
        project,
        deployment,
        id,
        Action::End(RolloutStatus::Promoted, told(actor, "promoted", reason)?),
    )
    .await
}

/// Takes the canary back: the stable version answers everything.
pub async fn roll_back(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    deployment: &Name,
    id: RolloutId,
    reason: Option<&str>,
) -> Result<Rollout> {
    act(
        platform,
        actor,
        project,
        deployment,
        id,
        Action::End(
            RolloutStatus::RolledBack,
            told(actor, "rolled back", reason)?,
        ),
    )
    .await
}

/// Holds the rollout at its weight. The judge's guard rail stays.
pub async fn pause(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    deployment: &Name,
    id: RolloutId,
) -> Result<Rollout> {
    act(
        platform,
        actor,
        project,
        deployment,
        id,
        Action::SetStatus(RolloutStatus::Paused),
    )
    .await
}

/// Lets a paused rollout go on.
pub async fn resume(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    deployment: &Name,
    id: RolloutId,
) -> Result<Rollout> {
    act(
        platform,
        actor,
        project,
        deployment,
        id,
        Action::SetStatus(RolloutStatus::Running),
    )
    .await
}

/// Sends another share of the traffic to the canary, in per cent.
pub async fn set_weight(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    deployment: &Name,
    id: RolloutId,
    weight: f64,
) -> Result<Rollout> {
    if !(0.0..=100.0).contains(&weight) {
        let error = FieldError::new("/weight", "out_of_range", "per cent, from 0 to 100")
            .got(weight.to_string());
        return Err(Error::Invalid(vec![error]));
    }
    act(
        platform,
        actor,
        project,
        deployment,
        id,
        Action::SetWeight(weight),
    )
    .await
}

async fn act(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    deployment: &Name,
    id: RolloutId,
    action: Action,
) -> Result<Rollout> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let row = deployments::find_locked(&mut tx, project, deployment).await?;
    let rollout = store::rollouts::find(&mut tx, row.id, id)
        .await?
        .ok_or_else(|| Error::not_found("rollout"))?;
    apply(&mut tx, now, actor, &row, &rollout, action).await?;
    let rollout = read(&mut tx, row.id, id).await?;
    tx.commit().await?;
    platform.live.refresh().await;
    Ok(rollout)
}

fn told(actor: &Actor, what: &str, reason: Option<&str>) -> Result<String> {
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    let Some(reason) = reason else {
        return Ok(format!("{what} by {}", actor.label()));
    };
    if reason.chars().count() > MAX_REASON {
        let error = FieldError::new(
            "/reason",
            "out_of_range",
            format!("at most {MAX_REASON} characters"),
        );
        return Err(Error::Invalid(vec![error]));
    }
    Ok(store::text::storable(reason).into_owned())
}

/// The active rollout of a deployment, with its newest verdicts.
pub(crate) async fn active(conn: &mut Conn, deployment: DeploymentId) -> Result<Option<Rollout>> {
    let Some(row) = store::rollouts::find_active(conn, deployment).await? else {
        return Ok(None);
    };
    Ok(with_verdicts(conn, vec![row], VERDICTS).await?.pop())
}

/// The active rollouts of a project by their deployments, each with its last verdict.
pub(crate) async fn active_of(
    conn: &mut Conn,
    project: ProjectId,
) -> Result<HashMap<DeploymentId, Rollout>> {
    let rows = store::rollouts::list_active_of(conn, project).await?;
    let deployments: Vec<_> = rows.iter().map(|row| row.deployment_id).collect();
    Ok(deployments
        .into_iter()
        .zip(with_verdicts(conn, rows, 1).await?)
        .collect())
}

async fn read(conn: &mut Conn, deployment: DeploymentId, id: RolloutId) -> Result<Rollout> {
    let row = store::rollouts::find(conn, deployment, id)
        .await?
        .ok_or_else(|| Error::not_found("rollout"))?;
    with_verdicts(conn, vec![row], VERDICTS)
        .await?
        .pop()
        .ok_or_else(|| Error::not_found("rollout"))
}

async fn with_verdicts(conn: &mut Conn, rows: Vec<RolloutRow>, limit: i64) -> Result<Vec<Rollout>> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut verdicts: HashMap<RolloutId, Vec<_>> = HashMap::new();
    for stored in store::rollouts::verdicts(conn, &ids, limit).await? {
        verdicts
            .entry(stored.rollout)
            .or_default()
            .push(stored.verdict);
    }
    let whole = rows.into_iter().map(|row| Rollout {
        id: row.id,
        deployment: row.deployment,
        model: row.model,
        mode: row.mode,
        status: row.status,
        stable_version: row.stable_version,
        canary_version: row.canary_version,
        steps: row.steps,
        step: row.step,
        weight: row.weight,
        policy: row.policy,
        verdicts: verdicts.remove(&row.id).unwrap_or_default(),
        reason: row.reason,
        created_by: row.created_by,
        created_at: row.created_at,
        ended_at: row.ended_at,
    });
    Ok(whole.collect())
}
