//! What a deployment is set to beside what it serves. Each setting changes by itself, with a ledger row of its own.

use domain::deployments::{Capacity, CorsOrigins, Deployment};
use domain::{Actor, Name, Permission, Result, Timestamp};
use serde_json::{Map, Value};
use store::Conn;
use store::deployments::DeploymentRow;

use super::{Change, capacity, cors_origins, find_locked, get, live_as, record};
use crate::{Platform, access};

pub(super) enum Setting {
    CorsOrigins(CorsOrigins),
    Capacity(Capacity),
}

impl Setting {
    /// What the deployment is set to now.
    fn beside(&self, row: &DeploymentRow) -> Self {
        match self {
            Self::CorsOrigins(_) => Self::CorsOrigins(row.cors_origins.clone()),
            Self::Capacity(_) => Self::Capacity(row.capacity),
        }
    }

    pub(super) fn is_set(&self, row: &DeploymentRow) -> bool {
        match self {
            Self::CorsOrigins(origins) => row.cors_origins == *origins,
            Self::Capacity(capacity) => row.capacity == *capacity,
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Self::CorsOrigins(_) => "deployment.cors_origins_set",
            Self::Capacity(_) => "deployment.capacity_set",
        }
    }

    fn reason(&self, name: &Name) -> String {
        match self {
            Self::CorsOrigins(origins) => cors_origins::reason(name, origins),
            Self::Capacity(capacity) => capacity::reason(name, *capacity),
        }
    }

    fn members(&self) -> Map<String, Value> {
        match self {
            Self::CorsOrigins(origins) => cors_origins::members(origins),
            Self::Capacity(capacity) => capacity::members(*capacity),
        }
    }

    /// What is live, with this setting told.
    pub(super) fn told(&self, mut live: Value) -> Value {
        if let Value::Object(members) = &mut live {
            members.extend(self.members());
        }
        live
    }
}

/// Sets what `setting` gives, which is asked once the caller is known to be allowed.
pub(super) async fn set(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    setting: impl FnOnce() -> Result<Setting>,
) -> Result<Deployment> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project_id = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let setting = setting()?;
    let row = find_locked(&mut tx, project_id, name).await?;
    change(&mut tx, now, actor, &row, &setting).await?;
    tx.commit().await?;
    platform.live.refresh().await;
    get(platform, actor, project, name).await
}

/// The change itself; what is set already changes nothing. `row` is locked.
pub(super) async fn change(
    conn: &mut Conn,
    now: Timestamp,
    actor: &Actor,
    row: &DeploymentRow,
    setting: &Setting,
) -> Result<()> {
    if setting.is_set(row) {
        return Ok(());
    }
    let rollout = store::rollouts::find_active(conn, row.id).await?;
    let canary = rollout.map(|rollout| (rollout.canary_version, rollout.weight));
    let live = live_as(&row.model, row.stable_version, canary);
    match setting {
        Setting::CorsOrigins(origins) => {
            store::deployments::set_cors_origins(conn, row.id, origins, now).await?;
        }
        Setting::Capacity(capacity) => {
            store::deployments::set_capacity(conn, row.id, *capacity, now).await?;
        }
    }
    let change = Change {
        action: setting.action(),
        reason: &setting.reason(&row.name),
        before: Some(setting.beside(row).told(live.clone())),
        after: Some(setting.told(live)),
    };
    record(conn, now, row.project, actor, &row.name, change).await
}
