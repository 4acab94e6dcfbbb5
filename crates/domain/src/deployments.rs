mod cors_origins;

use serde::{Deserialize, Serialize};

pub use cors_origins::CorsOrigins;

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
    /// Origins of the web pages that may call it from a browser, such as `https://app.example.com`, or `*` alone for every
    /// page. Left as they are unless told; a new deployment has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors_origins: Option<Vec<String>>,
}

impl DeploymentSpec {
    /// This version, and everything else as it is.
    #[must_use]
    pub fn new(model: Name, version: i32) -> Self {
        Self {
            model,
            version,
            cors_origins: None,
        }
    }
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
    /// Origins of the web pages that may call it from a browser; `*` for every page.
    pub cors_origins: Vec<String>,
    /// Grows with every change; the `ETag`.
    pub revision: i64,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
