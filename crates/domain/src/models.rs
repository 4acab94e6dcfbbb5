use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::datasets::ColumnType;
use crate::ids::{ModelId, ModelVersionId, TrainingRunId};
use crate::training_runs::Algorithm;
use crate::{Name, Timestamp};

/// One input of a model: the upload's column becomes the contract at predict time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InputField {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// `null` or absence is allowed: the model imputes as `impute` says.
    pub nullable: bool,
    /// Categories seen in training (string and boolean inputs). Others are taken, as "other".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
    /// Range seen in training (numeric inputs). Values outside are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// What stands in for a missing value, in words: `median 3.5`, `most frequent "INLAND"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impute: Option<String>,
    /// A value from the training table, for forms and snippets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<serde_json::Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutputField {
    pub name: String,
    /// `regression` gives a number.
    pub task: Task,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Task {
    Regression,
}

/// What a model takes and gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Signature {
    pub inputs: Vec<InputField>,
    pub output: OutputField,
}

impl Signature {
    /// The training table's example values as a request row.
    #[must_use]
    pub fn sample_row(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut row = serde_json::Map::new();
        for input in &self.inputs {
            let example = input.example.clone().unwrap_or(serde_json::Value::Null);
            row.insert(input.name.clone(), example);
        }
        row
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelVersion {
    pub id: ModelVersionId,
    pub model: Name,
    pub version: i32,
    pub algorithm: String,
    pub params: serde_json::Value,
    /// Held-out metrics, such as `mae`, `rmse`, `r2`, `baseline_mae`, `baseline_rmse`, `baseline_r2`, `train_rows`, `test_rows`.
    pub metrics: BTreeMap<String, f64>,
    pub signature: Signature,
    pub dataset: Option<Name>,
    pub dataset_version: Option<i32>,
    pub training_run: Option<TrainingRunId>,
    pub aliases: Vec<Name>,
    /// Deployments that serve it now, with the arm: lineage's last step.
    pub deployed: Vec<DeployedAs>,
    pub created_by: String,
    pub created_at: Timestamp,
    /// Of the artifact file, hexadecimal.
    pub sha256: String,
    pub bytes: u64,
    /// Charts and tables of the held-out evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeployedAs {
    pub deployment: Name,
    /// `stable` or `canary`.
    pub arm: String,
}

/// How a version did on the rows that training did not see.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Evaluation {
    /// At most 500 held-out rows, spread evenly over the predictions.
    pub points: Vec<EvaluationPoint>,
    pub residuals: Vec<crate::datasets::HistogramBar>,
    /// Of a linear model, in the units of the standardised inputs, largest effect first.
    pub coefficients: Vec<Coefficient>,
    /// What a prediction starts from.
    pub intercept: f64,
    /// Of a model of trees, most important first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub importances: Vec<Importance>,
    /// Of `auto`, what it tried, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// Columns that the pipeline left out, and why (`constant`, `collinear with ...`, `id-like`, `all missing`, `unused`).
    pub dropped: Vec<DroppedColumn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EvaluationPoint {
    pub actual: f64,
    pub predicted: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Coefficient {
    /// The encoded feature: `median_income` or `ocean_proximity = INLAND`.
    pub feature: String,
    pub standardized: f64,
    /// Per unit of the input as given.
    pub value: f64,
}

/// How much the trees of a model rely on an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Importance {
    pub feature: String,
    /// Of what all splits together gained in training, 0 to 1; the shares add up to 1.
    pub gain: f64,
    /// How many splits ask for the input.
    pub splits: u64,
}

/// An algorithm that `auto` tried on parts of the training rows, each held out once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Candidate {
    pub algorithm: Algorithm,
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub params: serde_json::Map<String, serde_json::Value>,
    /// How many of the parts it was judged by; the better half of all goes on to the next one.
    pub folds: u32,
    /// On the parts that were held out from it, in the target's unit. None when it failed on the first.
    pub rmse: Option<Estimate>,
    /// To fit it once, on average.
    pub fit_seconds: f64,
    /// To predict one row within the process, on average.
    pub predict_micros: f64,
    /// Why it was tried no further, unless others were better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A number that other rows would have given otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Estimate {
    pub value: f64,
    /// With `high`, the interval in which it lies with a probability of 95 %.
    pub low: f64,
    pub high: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DroppedColumn {
    pub column: String,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alias {
    pub alias: Name,
    pub version: i32,
}

/// A model as a list shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelSummary {
    pub id: ModelId,
    pub name: Name,
    pub latest_version: i32,
    pub algorithm: String,
    /// The newest version's held-out metrics.
    pub metrics: BTreeMap<String, f64>,
    pub aliases: Vec<Alias>,
    pub deployments: Vec<Name>,
    pub updated_at: Timestamp,
}

/// A model with all its versions, newest first (without their evaluations).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Model {
    pub id: ModelId,
    pub name: Name,
    pub aliases: Vec<Alias>,
    pub versions: Vec<ModelVersion>,
    pub created_at: Timestamp,
}
