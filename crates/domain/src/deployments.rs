mod capacity;
mod cors_origins;

use serde::{Deserialize, Serialize};

pub use capacity::Capacity;
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
    /// Most predictions that each process works on at once, 1 to 10000; null for no limit, which is how a new deployment
    /// begins. Left as it is unless told.
    #[serde(
        default,
        deserialize_with = "capacity::given",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i32>, minimum = 1, maximum = 10_000))]
    pub max_in_flight: Option<Option<i32>>,
    /// Most predictions that wait, at most 50 ms, while so many are in flight, 0 to 10000; 64 for a new deployment. Left as
    /// it is unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 10_000))]
    pub max_queue: Option<i32>,
    /// 1, as for a new deployment: its versions stay loaded. 0: they are let go when nobody asks, and loaded again for the
    /// next request, which waits for that. Left as it is unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 1))]
    pub min_warm: Option<i32>,
    /// Seconds without a request after which its versions are let go if `min_warm` is 0, at least 10; 300 for a new
    /// deployment. Left as it is unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 10))]
    pub idle_seconds: Option<i32>,
    /// Most rows, of several requests, that a model which gains from it computes at once, 1 to 1024; 32 for a new deployment.
    /// Left as it is unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1024))]
    pub max_batch: Option<i32>,
    /// Microseconds for which such a batch waits for more rows, 0 to 100000; 0 for a new deployment: only what waits already
    /// is computed together. Left as it is unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 100_000))]
    pub max_delay_us: Option<i32>,
}

impl DeploymentSpec {
    /// This version, and everything else as it is.
    #[must_use]
    pub fn new(model: Name, version: i32) -> Self {
        Self {
            model,
            version,
            cors_origins: None,
            max_in_flight: None,
            max_queue: None,
            min_warm: None,
            idle_seconds: None,
            max_batch: None,
            max_delay_us: None,
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
    /// The stable version is not loaded, since nobody asked for it lately: the next request loads it.
    Cold,
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
    /// Most predictions that each process works on at once; null for no limit.
    pub max_in_flight: Option<i32>,
    /// Most predictions that wait while so many are in flight.
    pub max_queue: i32,
    /// 1 if its versions stay loaded, 0 if they are let go when nobody asks.
    pub min_warm: i32,
    /// Seconds without a request after which they are let go if `min_warm` is 0.
    pub idle_seconds: i32,
    /// Most rows that a model which gains from it computes at once.
    pub max_batch: i32,
    /// Microseconds for which such a batch waits for more rows.
    pub max_delay_us: i32,
    /// Seconds for which a request last waited until the stable version was loaded, in the process that answers this; null
    /// if none did.
    pub last_cold_start_seconds: Option<f64>,
    /// Grows with every change; the `ETag`.
    pub revision: i64,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
