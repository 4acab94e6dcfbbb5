use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;

/// One change of what is live, or of who may do what. Rows are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LedgerEntry {
    pub id: i64,
    pub at: Timestamp,
    /// An e-mail address, `key:<name>` or `system:<name>`.
    pub actor: String,
    /// `deployment.created`, `rollout.started`, `rollout.promoted`, `rollout.rolled_back`, `model_version.created`, `api_key.created`, ...
    pub action: String,
    /// What it is about: `deployment/price`, `api-key/vol_1a2b3c4d`.
    pub subject: String,
    /// Why, in one sentence.
    pub reason: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// What a deployment served at one moment, as the ledger tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveAt {
    pub deployment: crate::Name,
    pub model: crate::Name,
    pub stable_version: i32,
    pub canary_version: Option<i32>,
    pub canary_weight: Option<f64>,
    /// The ledger row that made it so.
    pub since: Timestamp,
}

/// The answer of `GET /ledger`: `live` only when `at` was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LedgerPage {
    pub items: Vec<LedgerEntry>,
    pub next_cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Vec<LiveAt>>,
}
