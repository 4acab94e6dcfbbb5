//! How much a process does for a deployment at once, and whether it is ready for it all the time.

use domain::deployments::{Capacity, Deployment};
use domain::{Actor, Name, Permission, Result, Timestamp};
use serde_json::{Value, json};
use store::Conn;
use store::deployments::DeploymentRow;

use super::{Change, find_locked, get, live_as, record};
use crate::{Platform, access};

/// Sets all of it. What is set already changes nothing.
///
/// # Errors
/// `Invalid`, naming every setting that is out of its range.
pub async fn set_capacity(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    capacity: Capacity,
) -> Result<Deployment> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project_id = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let capacity = capacity.checked()?;
    let row = find_locked(&mut tx, project_id, name).await?;
    change(&mut tx, now, actor, &row, capacity).await?;
    tx.commit().await?;
    platform.live.refresh().await;
    get(platform, actor, project, name).await
}

/// The change itself. `row` is locked.
pub(super) async fn change(
    conn: &mut Conn,
    now: Timestamp,
    actor: &Actor,
    row: &DeploymentRow,
    capacity: Capacity,
) -> Result<()> {
    if row.capacity == capacity {
        return Ok(());
    }
    let rollout = store::rollouts::find_active(conn, row.id).await?;
    let canary = rollout.map(|rollout| (rollout.canary_version, rollout.weight));
    let live = |capacity| {
        let live = live_as(&row.model, row.stable_version, canary);
        with_capacity(live, capacity)
    };
    store::deployments::set_capacity(conn, row.id, capacity, now).await?;
    let reason = reason(&row.name, capacity);
    let change = Change {
        action: "deployment.capacity_set",
        reason: &reason,
        before: Some(live(row.capacity)),
        after: Some(live(capacity)),
    };
    record(conn, now, row.project, actor, &row.name, change).await
}

fn reason(name: &Name, capacity: Capacity) -> String {
    let Capacity {
        max_in_flight,
        max_queue,
        ..
    } = capacity;
    let crowd = match max_in_flight {
        None => "any number of predictions in flight".to_owned(),
        Some(turns) => format!("at most {turns} predictions in flight, and {max_queue} waiting"),
    };
    match capacity.idle_seconds() {
        None => format!("{name} has {crowd}; its versions stay loaded"),
        Some(seconds) => format!(
            "{name} has {crowd}; its versions are let go after {seconds} s without a request"
        ),
    }
}

/// What is live, with how much of it at once.
pub(super) fn with_capacity(mut live: Value, capacity: Capacity) -> Value {
    if let Value::Object(members) = &mut live {
        let Capacity {
            max_in_flight,
            max_queue,
            min_warm,
            idle_seconds,
        } = capacity;
        members.insert("max_in_flight".to_owned(), json!(max_in_flight));
        members.insert("max_queue".to_owned(), json!(max_queue));
        members.insert("min_warm".to_owned(), json!(min_warm));
        members.insert("idle_seconds".to_owned(), json!(idle_seconds));
    }
    live
}
