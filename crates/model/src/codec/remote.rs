//! A model that another engine computes has no body: its header says all of it.

use domain::models::Signature;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::artifact::Remote;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) algorithm: String,
    pub(super) params: Map<String, Json>,
    pub(super) signature: Signature,
    pub(super) remote: Remote,
}
