mod capacity;
mod cors_origins;
mod settings;
mod state;
mod warmth;

use domain::deployments::{Capacity, CorsOrigins, Deployment, DeploymentSpec};
use domain::events::Topic;
use domain::ids::{DeploymentId, ProjectId};
use domain::rollouts::Rollout;
use domain::serving::ServingTable;
use domain::{Actor, Error, FieldError, Name, Permission, Result, Timestamp};
use serde_json::{Value, json};
use store::Conn;
use store::deployments::{self, DeploymentRow, NewDeployment, VersionKey};

pub use capacity::set_capacity;
pub use cors_origins::set_cors_origins;
pub use warmth::expected;

use crate::ledger::{Entry, LiveState};
use crate::live::Live;
use crate::{Platform, access, events, ledger, rollouts};
use settings::Setting;

/// Where every process hears that what is served has changed.
pub const CHANNEL: &str = "volary_serving";

/// Creates the deployment; its version is live at once. Putting what is there already changes nothing; its other
/// settings may be others.
///
/// # Errors
/// `Conflict` with the code `use_a_rollout` when the deployment serves another version, `PreconditionFailed` when it has
/// another revision than `if_match`, `Invalid` when there is no such model or version, or for a setting that can not be.
pub async fn put(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    spec: DeploymentSpec,
    if_match: Option<i64>,
) -> Result<Deployment> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project_id = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let origins = spec
        .cors_origins
        .clone()
        .map(CorsOrigins::new)
        .transpose()?;
    if let Some(row) = deployments::find(&mut tx, project_id, name).await? {
        check_revision(&row, if_match)?;
        if row.model != spec.model || row.stable_version != spec.version {
            return Err(serves_another(&row));
        }
        let origins = origins.map(Setting::CorsOrigins);
        let capacity = Setting::Capacity(spec.capacity(row.capacity)?);
        let mut settings = origins.iter().chain([&capacity]);
        if settings.all(|setting| setting.is_set(&row)) {
            return whole(&mut tx, &platform.live, row).await;
        }
        let row = find_locked(&mut tx, project_id, name).await?;
        check_revision(&row, if_match)?;
        let capacity = Setting::Capacity(spec.capacity(row.capacity)?);
        for setting in origins.iter().chain([&capacity]) {
            settings::change(&mut tx, now, actor, &row, setting).await?;
        }
        tx.commit().await?;
        platform.live.refresh().await;
        return get(platform, actor, project, name).await;
    }
    if if_match.is_some() {
        return Err(Error::PreconditionFailed {
            message: format!("there is no deployment {name} yet: leave out If-Match to create it"),
        });
    }
    let stable = version(&mut tx, project_id, &spec.model, spec.version).await?;
    let origins = origins.unwrap_or_default();
    let capacity = spec.capacity(Capacity::default())?;
    let id = DeploymentId::at(now);
    let label = actor.label();
    let new = NewDeployment {
        id,
        project: project_id,
        name,
        stable,
        cors_origins: &origins,
        capacity,
        created_by: &label,
        at: now,
    };
    match deployments::insert(&mut tx, &new).await {
        Ok(()) => {}
        Err(error) if error.broke("deployments_name_key") => {
            let message = format!(
                "somebody else created the deployment {name} just now: look at it and try again"
            );
            return Err(Error::conflict("created_meanwhile", message));
        }
        Err(error) => return Err(error.into()),
    }
    let reason = format!(
        "version {} of model {} goes live as {name}",
        spec.version, spec.model
    );
    let mut after = live_as(&spec.model, spec.version, None);
    if !origins.is_empty() {
        after = Setting::CorsOrigins(origins).told(after);
    }
    if capacity != Capacity::default() {
        after = Setting::Capacity(capacity).told(after);
    }
    let change = Change {
        action: "deployment.created",
        reason: &reason,
        before: None,
        after: Some(after),
    };
    record(&mut tx, now, project_id, actor, name, change).await?;
    tx.commit().await?;
    platform.live.refresh().await;
    get(platform, actor, project, name).await
}

/// By name.
pub async fn list(platform: &Platform, actor: &Actor, project: &Name) -> Result<Vec<Deployment>> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    list_of(&mut conn, &platform.live, project).await
}

/// The same for a caller that has authorised already.
pub(crate) async fn list_of(
    conn: &mut Conn,
    live: &Live,
    project: ProjectId,
) -> Result<Vec<Deployment>> {
    let rows = deployments::list(conn, project).await?;
    let mut active = rollouts::active_of(conn, project).await?;
    if rows.iter().any(|row| !is_probed(live, row)) {
        live.refresh().await;
    }
    Ok(rows
        .into_iter()
        .map(|row| {
            let rollout = active.remove(&row.id);
            assemble(live, row, rollout)
        })
        .collect())
}

pub async fn get(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
) -> Result<Deployment> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let row = find(&mut conn, project, name).await?;
    whole(&mut conn, &platform.live, row).await
}

/// Removes it with its rollouts, metrics and logged predictions. An active rollout ends with it.
pub async fn delete(platform: &Platform, actor: &Actor, project: &Name, name: &Name) -> Result<()> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project_id = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let row = find_locked(&mut tx, project_id, name).await?;
    let rollout = store::rollouts::find_active(&mut tx, row.id).await?;
    let reason = match &rollout {
        Some(rollout) => format!(
            "{name} was deleted, and with it the running rollout of version {}",
            rollout.canary_version
        ),
        None => format!("{name} was deleted"),
    };
    let canary = rollout.map(|rollout| (rollout.canary_version, rollout.weight));
    let before = live_as(&row.model, row.stable_version, canary);
    deployments::delete(&mut tx, row.id).await?;
    let change = Change {
        action: "deployment.deleted",
        reason: &reason,
        before: Some(before),
        after: None,
    };
    record(&mut tx, now, project_id, actor, name, change).await?;
    tx.commit().await?;
    platform.live.refresh().await;
    Ok(())
}

/// Everything that a process serves, read at one moment.
pub async fn serving_table(platform: &Platform) -> Result<ServingTable> {
    let mut tx = platform.store.begin_snapshot().await?;
    let table = deployments::serving::table(&mut tx, platform.clock.now()).await?;
    tx.commit().await?;
    Ok(table)
}

/// Whether the table has changed, without reading it.
pub async fn serving_fingerprint(platform: &Platform) -> Result<String> {
    let mut conn = platform.store.read().await?;
    Ok(deployments::serving::fingerprint(&mut conn).await?)
}

pub(crate) async fn find(
    conn: &mut Conn,
    project: ProjectId,
    name: &Name,
) -> Result<DeploymentRow> {
    deployments::find(conn, project, name)
        .await?
        .ok_or_else(|| Error::not_found("deployment"))
}

/// The row as it stands once every earlier change of it has ended; later ones wait for this transaction.
pub(crate) async fn find_locked(
    conn: &mut Conn,
    project: ProjectId,
    name: &Name,
) -> Result<DeploymentRow> {
    let row = find(conn, project, name).await?;
    if !deployments::lock(conn, row.id).await? {
        return Err(Error::not_found("deployment"));
    }
    find(conn, project, name).await
}

/// # Errors
/// `Invalid`, naming the field that names nothing.
pub(crate) async fn version(
    conn: &mut Conn,
    project: ProjectId,
    model: &Name,
    version: i32,
) -> Result<VersionKey> {
    if let Some(key) = deployments::find_version(conn, project, model, version).await? {
        return Ok(key);
    }
    let error = FieldError::new(
        "/version",
        "not_found",
        format!("a version of model {model} in this project"),
    )
    .got(format!("version {version}"));
    Err(Error::Invalid(vec![error]))
}

/// What a ledger row says is live after a change, or was before it.
pub(crate) fn live_as(model: &Name, stable: i32, canary: Option<(i32, f64)>) -> Value {
    json!(LiveState {
        model: model.clone(),
        stable_version: stable,
        canary_version: canary.map(|(version, _)| version),
        canary_weight: canary.map(|(_, weight)| weight),
    })
}

/// A change of what a deployment serves.
pub(crate) struct Change<'a> {
    pub(crate) action: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

/// Writes the ledger row and tells the open pages.
pub(crate) async fn record(
    conn: &mut Conn,
    now: Timestamp,
    project: ProjectId,
    actor: &Actor,
    name: &Name,
    change: Change<'_>,
) -> Result<()> {
    let subject = format!("deployment/{name}");
    let Change {
        action,
        reason,
        before,
        after,
    } = change;
    ledger::append(
        conn,
        now,
        project,
        actor,
        Entry {
            action,
            subject: &subject,
            reason,
            before,
            after,
        },
    )
    .await?;
    tell(conn, now, project, name).await
}

/// Tells the open pages that a deployment changed.
pub(crate) async fn tell(
    conn: &mut Conn,
    now: Timestamp,
    project: ProjectId,
    name: &Name,
) -> Result<()> {
    let data = json!({ "deployment": name });
    events::publish(
        conn,
        now,
        project,
        &Topic::Deployments,
        "changed",
        data.clone(),
    )
    .await?;
    events::publish(
        conn,
        now,
        project,
        &Topic::Deployment(name.clone()),
        "changed",
        data,
    )
    .await
}

fn check_revision(row: &DeploymentRow, if_match: Option<i64>) -> Result<()> {
    match if_match {
        Some(revision) if revision != row.revision => {
            let message = format!(
                "{} is at revision {} now, not {revision}: read it again before you change it",
                row.name, row.revision
            );
            Err(Error::PreconditionFailed { message })
        }
        _ => Ok(()),
    }
}

fn serves_another(row: &DeploymentRow) -> Error {
    let message = format!(
        "{} serves version {} of model {}: release another version of that model with a rollout",
        row.name, row.stable_version, row.model
    );
    Error::conflict("use_a_rollout", message)
}

async fn whole(conn: &mut Conn, live: &Live, row: DeploymentRow) -> Result<Deployment> {
    let rollout = rollouts::active(conn, row.id).await?;
    if !is_probed(live, &row) {
        live.refresh().await;
    }
    Ok(assemble(live, row, rollout))
}

/// Whether this process has tried the stable version. Right after a change it is about to.
fn is_probed(live: &Live, row: &DeploymentRow) -> bool {
    live.health(row.id)
        .is_some_and(|health| health.stable == row.stable_version_id)
}

fn assemble(live: &Live, row: DeploymentRow, rollout: Option<Rollout>) -> Deployment {
    let health = live.health(row.id);
    let cold_start = health.as_ref().and_then(|health| health.cold_start);
    let (state, reason) = state::of(health, &row, rollout.as_ref());
    Deployment {
        id: row.id,
        name: row.name,
        model: row.model,
        stable_version: row.stable_version,
        state,
        reason,
        rollout,
        cors_origins: row.cors_origins.as_slice().to_vec(),
        max_in_flight: row.capacity.max_in_flight,
        max_queue: row.capacity.max_queue,
        min_warm: row.capacity.min_warm,
        idle_seconds: row.capacity.idle_seconds,
        max_batch: row.capacity.max_batch,
        max_delay_us: row.capacity.max_delay_us,
        last_cold_start_seconds: cold_start.map(|took| took.as_secs_f64()),
        revision: row.revision,
        created_by: row.created_by,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
