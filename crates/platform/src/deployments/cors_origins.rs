//! Which web pages may call a deployment from a browser.

use domain::deployments::{CorsOrigins, Deployment};
use domain::{Actor, Name, Permission, Result, Timestamp};
use serde_json::{Value, json};
use store::Conn;
use store::deployments::DeploymentRow;

use super::{Change, find_locked, get, live_as, record};
use crate::{Platform, access};

/// Lets pages of these origins call the deployment, and no others. What is set already changes nothing.
///
/// # Errors
/// `Invalid`, naming every origin that is none.
pub async fn set_cors_origins(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    origins: Vec<String>,
) -> Result<Deployment> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project_id = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let origins = CorsOrigins::new(origins)?;
    let row = find_locked(&mut tx, project_id, name).await?;
    change(&mut tx, now, actor, &row, &origins).await?;
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
    origins: &CorsOrigins,
) -> Result<()> {
    if row.cors_origins == *origins {
        return Ok(());
    }
    let rollout = store::rollouts::find_active(conn, row.id).await?;
    let canary = rollout.map(|rollout| (rollout.canary_version, rollout.weight));
    let live = |origins: &CorsOrigins| {
        let live = live_as(&row.model, row.stable_version, canary);
        with_origins(live, origins)
    };
    store::deployments::set_cors_origins(conn, row.id, origins, now).await?;
    let reason = match origins.as_slice() {
        [] => format!("no page of another site may call {} any more", row.name),
        [every] if every == CorsOrigins::EVERY => {
            format!("the pages of every site may call {}", row.name)
        }
        listed => format!("pages of {} may call {}", listed.join(", "), row.name),
    };
    let change = Change {
        action: "deployment.cors_origins_set",
        reason: &reason,
        before: Some(live(&row.cors_origins)),
        after: Some(live(origins)),
    };
    record(conn, now, row.project, actor, &row.name, change).await
}

/// What is live, with who may ask for it from a browser.
pub(super) fn with_origins(mut live: Value, origins: &CorsOrigins) -> Value {
    if let Value::Object(members) = &mut live {
        members.insert("cors_origins".to_owned(), json!(origins.as_slice()));
    }
    live
}
