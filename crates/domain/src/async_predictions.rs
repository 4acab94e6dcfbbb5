use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::callbacks::Callback;
use crate::predictions::{Inputs, Route};
use crate::problem::Problem;
use crate::{Name, Timestamp};

/// What is to be predicted while nobody waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AsyncPredictRequest {
    pub inputs: Inputs,
    /// An https URL that is posted to once the prediction has ended, signed as Standard Webhooks has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AsyncStatus {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl AsyncStatus {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// A prediction that was accepted, and what has become of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AsyncPrediction {
    pub request_id: String,
    pub deployment: Name,
    pub status: AsyncStatus,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Of one that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<AsyncResult>,
    /// Of one that failed: what the caller would have been told at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
}

/// What a version answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AsyncResult {
    /// One a row, in their order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::predictions::Prediction>))]
    pub predictions: Vec<Value>,
    pub model: Name,
    pub version: i32,
    pub route: Route,
}
