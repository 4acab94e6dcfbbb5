mod classification;
mod import;
mod remote;
mod segments;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::datasets::{ColumnType, TextFormat};
use crate::ids::{ModelId, ModelVersionId, TrainingRunId};
use crate::training_runs::Algorithm;
use crate::{Name, Timestamp};

pub use classification::{
    Calibration, ClassCurves, ClassEvaluation, ClassMetrics, CurvePoint, Threshold,
};
pub use import::{
    GivenInput, GivenOutput, GivenSignature, MAX_CATEGORIES, MAX_CATEGORY, MAX_ONNX_BYTES,
    is_input_name,
};
pub use remote::{
    Circuit, MAX_REMOTE_NAME, MAX_REMOTE_TIMEOUT, MAX_REMOTE_TOKEN, NewRemote, NewRemoteVersion,
    REMOTE, RemoteEndpoint, RemoteHealth, RemoteProtocol, RemoteToken,
};

pub use segments::{SMALL_SEGMENT, Segment, SegmentedColumn};

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
    /// Of text, what every value must be; it has no categories then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TextFormat>,
    /// What stands in for a missing value, in words: `median 3.5`, `most frequent "INLAND"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impute: Option<String>,
    /// What a category counts as that training did not see, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
    /// What becomes of the value before the model takes it, in words, where that is not the usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
    /// A value from the training table, for forms and snippets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<serde_json::Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutputField {
    pub name: String,
    /// `regression` gives a number, `classification` a label and a probability for each class.
    pub task: Task,
    /// Of a classification, what it tells apart: at least two, in the order that ties are broken in. As written in the table:
    /// texts in their order, numbers in theirs, and `false` before `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
}

impl OutputField {
    #[must_use]
    pub fn regression(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            task: Task::Regression,
            classes: None,
        }
    }

    #[must_use]
    pub fn classification(name: impl Into<String>, classes: Vec<String>) -> Self {
        Self {
            name: name.into(),
            task: Task::Classification,
            classes: Some(classes),
        }
    }

    /// What a scored table has of it, in order: the number, or the label and a `probability_` for each class.
    #[must_use]
    pub fn columns(&self, prediction_column: &str) -> Vec<(String, ColumnType)> {
        match &self.classes {
            None => vec![(prediction_column.to_owned(), ColumnType::Float)],
            Some(classes) => {
                let mut columns = vec![(prediction_column.to_owned(), ColumnType::String)];
                for class in classes {
                    columns.push((format!("probability_{class}"), ColumnType::Float));
                }
                columns
            }
        }
    }
}

/// What kind of answer a model gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A number.
    Regression,
    /// One of several classes.
    Classification,
}

impl Task {
    pub const ALL: [Self; 2] = [Self::Regression, Self::Classification];

    /// What a column is predicted by unless told: text, `true` and `false`, and whole numbers of which there are two are
    /// classes; all other numbers are amounts.
    #[must_use]
    pub fn of(kind: ColumnType, distinct: u64) -> Self {
        match kind {
            ColumnType::String | ColumnType::Boolean => Self::Classification,
            ColumnType::Integer if distinct == 2 => Self::Classification,
            ColumnType::Integer | ColumnType::Float => Self::Regression,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Classification => "classification",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.as_str() == name)
    }

    /// The metric that models are compared by; the lower, the better.
    #[must_use]
    pub fn metric(self) -> Metric {
        match self {
            Self::Regression => Metric::Rmse,
            Self::Classification => Metric::LogLoss,
        }
    }
}

/// What models are compared by; the lower, the better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Root of the mean squared error, in the target's unit.
    #[default]
    Rmse,
    /// What a probability falls short of 1 for the class that it was, on average, as a logarithm: 0 is perfect.
    LogLoss,
}

impl Metric {
    /// Among a version's metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rmse => "rmse",
            Self::LogLoss => "log_loss",
        }
    }

    /// As people write it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Rmse => "RMSE",
            Self::LogLoss => "Log loss",
        }
    }
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
    /// Held-out metrics: of a regression `mae`, `rmse`, `r2`, of a classification `log_loss`, `accuracy`, `roc_auc`, `pr_auc`, `f1`,
    /// `brier`; the same of what one would say without a model as `baseline_mae` and so on; `train_rows`, `test_rows`, `features`; with
    /// `split.folds` also `folds`, how many were judged, and over them the mean and the standard deviation of each metric as `folds_mae`,
    /// `folds_mae_std` and so on.
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
    /// Of a version that another engine computes, how that does: as the server sees it that was asked, once it has called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteHealth>,
}

/// What is short of a version that a training run made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainedVersion {
    pub version: i32,
    pub algorithm: String,
    pub dataset: Option<Name>,
    pub target: String,
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
    /// Of a regression, at most 500 held-out rows, spread evenly over the predictions.
    pub points: Vec<EvaluationPoint>,
    /// Of a regression, actual minus predicted.
    pub residuals: Vec<crate::datasets::HistogramBar>,
    /// Of a classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<ClassEvaluation>,
    /// Of a linear model, in the units of the standardised inputs, largest effect first. Of a logistic regression the effects are
    /// on the logarithm of the odds, with several classes on each class's own; of `poisson`, `gamma` and `tweedie` on the logarithm
    /// of the prediction.
    pub coefficients: Vec<Coefficient>,
    /// What a prediction starts from; 0 where each class starts from its own.
    pub intercept: f64,
    /// Of a model of trees, most important first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub importances: Vec<Importance>,
    /// How much worse the model does without each input. None of versions of before it was measured, and where there was no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permutation: Option<Permutation>,
    /// How it does on parts of the held-out rows, column by column. None of versions of before it was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<SegmentedColumn>,
    /// Of `auto`, what it tried, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// What to look at before the metrics are believed: held-out rows that are training rows too, columns that say the target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
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
    /// With more than two classes, the one whose score it raises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
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

/// How much worse a model does on held-out rows when an input's values are dealt out anew among them, so that they say nothing of the
/// row that they stand in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Permutation {
    /// What rises.
    pub metric: Metric,
    /// Held-out rows that it was measured on, 2,000 at most.
    pub rows: u32,
    /// How often each input was dealt out anew: 5 times, if there was time.
    pub repeats: u32,
    /// Largest rise first. Inputs that there was no time for are left out.
    pub importances: Vec<PermutationImportance>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PermutationImportance {
    pub feature: String,
    /// By how much the metric rises, on average. About 0, or below, for an input that says nothing of new rows.
    pub mean: f64,
    /// Standard deviation over the repeats.
    pub std: f64,
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
    /// What `estimate` is of.
    #[serde(default)]
    pub metric: Metric,
    /// On the parts that were held out from it. None when it failed on the first. Runs of before there were classifiers have it
    /// stored as `rmse`.
    #[serde(default, alias = "rmse")]
    pub estimate: Option<Estimate>,
    /// To fit it once, on average.
    pub fit_seconds: f64,
    /// To predict one row within the process, on average.
    pub predict_micros: f64,
    /// Why it was tried no further, unless others were better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A number that other rows would have given otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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
