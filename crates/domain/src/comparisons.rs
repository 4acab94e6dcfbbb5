//! Runs and versions side by side: what differs between them, and whether their metrics may be compared at all.

mod asked;
mod curves;
mod fairness;
mod rows;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::TrainingRunId;
use crate::models::{CurvePoint, Evaluation, Metric, Signature, Task};
use crate::training_runs::Split;
use crate::{Error, Name, Result, Timestamp};

pub use asked::{Asked, Subject};

/// At most so many runs and versions are compared at once.
pub const MOST_COMPARED: usize = 10;

/// What is known of a run or a version that is to be compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    pub item: Item,
    /// Name and value of everything that it was made with.
    pub settings: BTreeMap<String, String>,
    pub metrics: BTreeMap<String, f64>,
    /// None of a run that made no version.
    pub signature: Option<Signature>,
    pub evaluation: Option<Evaluation>,
}

/// One of those that are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ComparedItem))]
pub struct Item {
    /// `price v3`, or `run 1a2b3c4d` and the model's name.
    pub label: String,
    pub model: Name,
    /// The version, or the one that the run made.
    pub version: Option<i32>,
    /// The run, or the one that made the version; none of versions that were not trained here.
    pub training_run: Option<TrainingRunId>,
    /// How it was asked for, as the query has it: `price/3`, or the id of a run.
    pub asked: String,
    /// Whether it was asked for as a run.
    pub is_run: bool,
    pub algorithm: String,
    pub task: Task,
    pub target: String,
    pub dataset: Option<Name>,
    pub dataset_version: Option<i32>,
    /// Of the dataset's file, hexadecimal.
    pub dataset_sha256: Option<String>,
    /// Which rows were held out; with the same data, the same target and the same split they are the same rows.
    pub split: Option<Split>,
    pub created_at: Timestamp,
}

/// Several of them, beside the one that all are compared to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SideBySide))]
pub struct Comparison {
    pub task: Task,
    /// The place in `items` of the one that the others are compared to.
    pub baseline: usize,
    /// Versions first, each in the order they were asked for. All lists below follow it.
    pub items: Vec<Item>,
    /// What makes the comparison unfair or incomplete, each as a sentence.
    pub notes: Vec<String>,
    pub metrics: Vec<MetricRow>,
    /// The algorithm, its parameters, and all else that training was told.
    pub settings: Vec<SettingRow>,
    pub inputs: Vec<InputRow>,
    pub importance: Option<ImportanceTable>,
    /// Of a classification, the classes that there are curves of.
    pub classes: Vec<String>,
    pub curves: Vec<CurveSet>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MetricRow {
    /// As in a version's `metrics`.
    pub name: String,
    /// None of counts, of which neither way is better.
    pub higher_is_better: Option<bool>,
    pub cells: Vec<MetricCell>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MetricCell {
    /// None when it was not computed, which is not 0.
    pub value: Option<f64>,
    /// The value less that of the baseline.
    pub delta: Option<f64>,
    /// Whether it is better than the baseline's; none when it is the same, or neither way is better.
    pub is_better: Option<bool>,
    /// With `high`, the interval in which it lies with a probability of 95 %, where one was computed.
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Of a mean over folds, their standard deviation.
    pub std: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettingRow {
    pub name: String,
    /// None where it has no such setting.
    pub values: Vec<Option<String>>,
    pub differs: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InputRow {
    pub name: String,
    pub cells: Vec<InputCell>,
    pub differs: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InputCell {
    pub state: InputState,
    /// The input in words; empty when it is not there.
    pub described: String,
    /// Of a changed one, each change in words.
    pub changes: Vec<String>,
}

/// An input beside the baseline's of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum InputState {
    Same,
    Changed,
    /// The baseline does not have it.
    Added,
    /// The baseline has it.
    Removed,
    /// Neither has it.
    Absent,
    /// Its inputs, or the baseline's, are not known: it made no version.
    Unknown,
}

/// What the models rely on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportanceTable {
    pub measure: ImportanceMeasure,
    /// Of permutations, the metric that rises.
    pub metric: Option<Metric>,
    /// Those that the baseline relies on most first.
    pub rows: Vec<ImportanceRow>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImportanceMeasure {
    /// How much worse the model does on held-out rows when the input's values are dealt out anew.
    Permutation,
    /// Share of what the trees' splits gained in training.
    Gain,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportanceRow {
    pub feature: String,
    /// None where it was not computed.
    pub values: Vec<Option<f64>>,
}

/// The same curve of several models, to be drawn over each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CurveSet {
    pub kind: CurveKind,
    /// Of a classification, the class that is told from all others.
    pub class: Option<String>,
    pub curves: Vec<ItemCurve>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CurveKind {
    /// Share of the other rows taken for the class, and share of the class's rows found.
    Roc,
    /// Share of the class's rows found, and share of the class among those taken for it.
    PrecisionRecall,
    /// The probability given, and the share that came true.
    Calibration,
    /// Share of the held-out rows, and the error that as many stay within.
    ErrorQuantiles,
    /// The prediction, and how far the actual value lies above it, on average: predicted against actual, in bins.
    Bias,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ItemCurve {
    /// The place in `items`.
    pub item: usize,
    pub points: Vec<CurvePoint>,
}

impl Comparison {
    /// Compares all of `facts` to that at `baseline`. Curves of a classification are those of `class`, or of one that is chosen.
    ///
    /// # Errors
    /// `Unsupported` with the code `different_tasks`; `Invalid` for a class that none has curves of.
    pub fn of(facts: &[Facts], baseline: usize, class: Option<&str>) -> Result<Self> {
        let base = facts.get(baseline).ok_or_else(|| {
            Error::invalid(
                "/baseline",
                "one of the runs and versions that are compared",
            )
        })?;
        let task = base.item.task;
        if let Some(other) = facts.iter().find(|facts| facts.item.task != task) {
            return Err(Error::Unsupported {
                code: "different_tasks",
                message: format!(
                    "{} is a {}, and {} is a {}: their metrics measure different things, so compare models of one task",
                    base.item.label,
                    task.as_str(),
                    other.item.label,
                    other.item.task.as_str()
                ),
            });
        }
        let (classes, curves) = curves::of(facts, task, class)?;
        Ok(Self {
            task,
            baseline,
            items: facts.iter().map(|facts| facts.item.clone()).collect(),
            notes: fairness::notes(facts, baseline),
            metrics: rows::metrics(facts, baseline, task),
            settings: rows::settings(facts),
            inputs: rows::inputs(facts, baseline),
            importance: rows::importance(facts, baseline),
            classes,
            curves,
        })
    }
}
