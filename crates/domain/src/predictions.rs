use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{DeploymentId, ModelVersionId};
use crate::{Name, Timestamp};

/// How a request reached its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Route {
    Stable,
    Canary,
    /// The caller named the version or alias.
    Pinned,
}

impl Route {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
            Self::Pinned => "pinned",
        }
    }
}

/// One row, or a batch of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Inputs {
    Row(Map<String, Value>),
    Batch(Vec<Map<String, Value>>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PredictRequest {
    pub inputs: Inputs,
}

/// What a model says of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Prediction {
    /// A regressor's.
    Number(f64),
    /// A classifier's.
    Class(ClassPrediction),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassPrediction {
    /// The most probable class, as the training table has it; the first of the signature's where several are.
    pub label: String,
    /// Of each class. They add up to 1.
    pub probabilities: BTreeMap<String, f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PredictResponse {
    /// One a row, in their order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Prediction>))]
    pub predictions: Vec<Value>,
    pub model: Name,
    pub version: i32,
    pub route: Route,
    pub request_id: String,
    /// One a row, in their order; only when they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Explanation>))]
    pub explanations: Vec<Value>,
}

/// What the inputs of a row add to what a model says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Explanation {
    /// Of a regression, or of two classes.
    Single(SingleExplanation),
    /// Of several classes.
    Classes(ClassExplanations),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SingleExplanation {
    pub scale: Scale,
    /// Of two classes the one that it is about: the second one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// What the model says of the training rows on average.
    pub base: f64,
    /// Of each input, what its value adds to that; together with `base` they are what the model says of the row.
    pub contributions: BTreeMap<String, f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassExplanations {
    pub scale: Scale,
    /// Of each class its own.
    pub classes: BTreeMap<String, Contributions>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Contributions {
    /// As of a single explanation.
    pub base: f64,
    pub contributions: BTreeMap<String, f64>,
}

/// What `base` and the contributions add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// The prediction.
    Prediction,
    /// The logarithm of the prediction: what an input adds to it multiplies the prediction.
    LogPrediction,
    /// The logarithm of the odds of a class, of several ones before their probabilities are scaled to a sum of 1.
    LogOdds,
    /// The probability of a class.
    Probability,
    /// The score of a class: its probability is e to the power of that, divided by the sum of the same of all classes.
    Score,
}

impl Scale {
    pub const ALL: [Self; 5] = [
        Self::Prediction,
        Self::LogPrediction,
        Self::LogOdds,
        Self::Probability,
        Self::Score,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prediction => "prediction",
            Self::LogPrediction => "log_prediction",
            Self::LogOdds => "log_odds",
            Self::Probability => "probability",
            Self::Score => "score",
        }
    }
}

/// One sampled prediction: what the recorder adds to the log.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionRecord {
    pub request_id: String,
    /// `None` for a request that named a model and a version.
    pub deployment: Option<DeploymentId>,
    pub model_version: ModelVersionId,
    pub route: Route,
    pub at: Timestamp,
    pub latency_micros: u64,
    pub inputs: Value,
    /// `None` when the model failed.
    pub predictions: Option<Value>,
}
