use serde::{Deserialize, Serialize};

use crate::ids::DeploymentId;
use crate::rollouts::Rollout;
use crate::{Name, Timestamp};

/// What a deployment is to serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeploymentSpec {
    pub model: Name,
    pub version: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// A probe prediction with the stable version succeeded.
    Ready,
    /// A canary is taking part of the traffic.
    RollingOut,
    /// The stable version can not be loaded or fails its probe: `reason` says why.
    Degraded,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deployment {
    pub id: DeploymentId,
    pub name: Name,
    pub model: Name,
    pub stable_version: i32,
    pub state: DeploymentState,
    /// Why it is in that state, in one sentence.
    pub reason: String,
    /// The active rollout, if any: its canary and weight.
    pub rollout: Option<Rollout>,
    /// Grows with every change; the `ETag`.
    pub revision: i64,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
