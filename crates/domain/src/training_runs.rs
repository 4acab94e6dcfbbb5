mod algorithm;
mod parameter;
pub mod preprocessing;
mod reproduction;
mod split;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::TrainingRunId;
use crate::models::Task;
use crate::retraining::RetrainingOrigin;
use crate::{Error, FieldError, Name, Result, Timestamp};

pub use algorithm::{Algorithm, Named};
pub use parameter::{
    BOOSTED_FEATURE_SHARE, BOOSTED_LEAF_ROWS, BOOSTED_SEED, BOOSTED_TREES, BUDGET, FEATURE_SHARE,
    FOREST_DEPTH, FOREST_LEAF_ROWS, FOREST_SEED, L1_RATIO, LEAF_PENALTY, LEARNING_RATE,
    LOG_PENALTY, LOGISTIC_PENALTY, MAX_LEAVES, MAX_NEIGHBORS, NEIGHBORS, PENALTY, POWER, Parameter,
    Params, ROW_SHARE, SEED, SMOOTHING, TREE_DEPTH, TREE_LEAF_ROWS, TREES, WEIGHTS,
};
pub use preprocessing::{ColumnPreprocessing, Encode, Impute, Preprocessing, Role, Scale};
pub use reproduction::{Made, Recipe, Reproduction};
pub use split::{Split, SplitMethod};

/// A classifier tells at most so many classes apart.
pub const MAX_CLASSES: usize = 100;
/// A class is to be learned from and judged by, so it needs as many rows at least.
pub const MIN_CLASS_ROWS: usize = 2;
/// A class's name has at most so many characters: a scored table has a column named after it.
pub const MAX_CLASS_NAME: usize = 150;

/// What to train, as asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    pub dataset: Name,
    /// The newest ready version unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset_version: Option<i32>,
    /// The column to predict.
    pub target: String,
    /// Judged by the target's column unless told: text, `true` and `false`, and whole numbers of which there are exactly two are
    /// classes, all other numbers are amounts. A run has it filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The model that gets the new version; made when there is none of that name.
    pub model: Name,
    pub algorithm: Algorithm,
    /// What the algorithm is run with, the defaults for what is left out. `linear_regression` takes none; `ridge` and
    /// `lasso` take `penalty` (0 to 1,000,000; 0.01), `elastic_net` also `l1_ratio` (0 to 1, 0.5); `logistic_regression`, `poisson`,
    /// `gamma` and `tweedie` take `penalty` (0.000001 to 1,000,000; 0.001), `tweedie` also `power` (1.01 to 1.99, 1.5); `naive_bayes`
    /// takes `smoothing` (0.001 to 1,000; 1); `k_nearest_neighbors` takes `neighbors` (1 to 100, 5) and `weights` (`uniform` or `distance`;
    /// `uniform`); `decision_tree` takes `max_depth` (1 to 30, 8) and `min_leaf_rows` (1 to 100,000; 20);
    /// `random_forest` takes `trees` (1 to 1,000; 200), `max_depth` (1 to 30, 30), `min_leaf_rows` (1 to 100,000; 3), `feature_share`
    /// (0.01 to 1, 0.33) and `seed` (42); `gradient_boosting` takes `budget` (0.1 to 2, 1) and `seed` (42); `histogram_boosting` takes
    /// `trees` (1 to 10,000; 100), `learning_rate` (0.001 to 1, 0.1), `max_leaves` (2 to 1,000; 31), `min_leaf_rows` (1 to 100,000;
    /// 20), `penalty` (0 to 1,000,000; 1), `row_share` (0.05 to 1, 1), `feature_share` (0.01 to 1, 1) and `seed` (42).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub params: Option<serde_json::Map<String, serde_json::Value>>,
    /// All columns but the target and that of the split unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    /// How columns are prepared, by name, where that is not the usual way. A run has it filled in for columns of dates.
    #[serde(default, skip_serializing_if = "Preprocessing::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, ColumnPreprocessing>))]
    pub preprocessing: Preprocessing,
    #[serde(default)]
    pub split: Split,
    #[serde(default)]
    pub budget: TrainingBudget,
}

/// What the child process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TrainingBudget {
    /// Wall time: 1 to 86,400.
    pub seconds: u32,
    /// Address space: 256 to 1,048,576.
    pub memory_mb: u32,
    /// Of `auto` alone, what it may take to predict a row within the process, in millionths of a second: 1 to 1,000,000. What takes
    /// longer is shown, but not chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_predict_micros: Option<u32>,
}

impl Default for TrainingBudget {
    fn default() -> Self {
        Self {
            seconds: 600,
            memory_mb: 4096,
            max_predict_micros: None,
        }
    }
}

impl TrainingSpec {
    /// Checks all that can be known without the dataset.
    ///
    /// # Errors
    /// Every field that is out of range, at once.
    pub fn check(&self) -> Result<()> {
        let mut errors = self.split.check(&self.target);
        if !(1..=86_400).contains(&self.budget.seconds) {
            errors.push(
                FieldError::new(
                    "/budget/seconds",
                    "out_of_range",
                    "a number from 1 to 86400",
                )
                .got(self.budget.seconds.to_string()),
            );
        }
        if !(256..=1_048_576).contains(&self.budget.memory_mb) {
            errors.push(
                FieldError::new(
                    "/budget/memory_mb",
                    "out_of_range",
                    "a number from 256 to 1048576",
                )
                .got(self.budget.memory_mb.to_string()),
            );
        }
        if let Some(micros) = self.budget.max_predict_micros {
            let (code, expected) = if self.algorithm == Algorithm::Auto {
                ("out_of_range", "a number from 1 to 1000000, or none")
            } else {
                (
                    "invalid",
                    "none, or the algorithm auto: no other one chooses",
                )
            };
            if self.algorithm != Algorithm::Auto || !(1..=1_000_000).contains(&micros) {
                errors.push(
                    FieldError::new("/budget/max_predict_micros", code, expected)
                        .got(micros.to_string()),
                );
            }
        }
        if let Err(wrong) = self.algorithm.checked(self.params.as_ref()) {
            errors.extend(wrong);
        }
        if let Some(task) = self.task {
            errors.extend(self.check_task(task).err().into_iter().flatten());
        }
        if self.target.is_empty() {
            errors.push(FieldError::new(
                "/target",
                "missing",
                "the name of the column to predict",
            ));
        }
        if let Some(features) = &self.features {
            if features.is_empty() {
                errors.push(FieldError::new(
                    "/features",
                    "invalid",
                    "at least one column, or leave the field out for all columns",
                ));
            }
            for (index, feature) in features.iter().enumerate() {
                if *feature == self.target {
                    errors.push(
                        FieldError::new(
                            format!("/features/{index}"),
                            "invalid",
                            "a column other than the target",
                        )
                        .got(feature.clone()),
                    );
                } else if features[..index].contains(feature) {
                    errors.push(
                        FieldError::new(
                            format!("/features/{index}"),
                            "invalid",
                            "each column once",
                        )
                        .got(feature.clone()),
                    );
                }
            }
        }
        errors.extend(self.check_preprocessing());
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(errors))
        }
    }

    fn check_preprocessing(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.preprocessing.len() > preprocessing::MOST_COLUMNS {
            let expected = format!("at most {} columns", preprocessing::MOST_COLUMNS);
            let got = self.preprocessing.len().to_string();
            errors.push(FieldError::new("/preprocessing", "out_of_range", expected).got(got));
        }
        for (column, asked) in &self.preprocessing {
            if !self.learns(column) {
                let expected = "a column that is learned from: one of features, or of the columns but the target and the split's";
                errors.push(
                    FieldError::new(preprocessing::pointer(column, ""), "invalid", expected)
                        .got(column.as_str()),
                );
            }
            errors.extend(asked.check(column));
        }
        errors
    }

    /// Whether a column of this name, if there is one, is learned from.
    #[must_use]
    pub fn learns(&self, column: &str) -> bool {
        match &self.features {
            _ if column == self.target => false,
            Some(features) => features.iter().any(|feature| feature == column),
            None => self.split.column.as_deref() != Some(column),
        }
    }

    /// Whether the algorithm and the split are of this task.
    ///
    /// # Errors
    /// Those that are not, with what to choose in their place.
    pub fn check_task(&self, task: Task) -> std::result::Result<(), Vec<FieldError>> {
        let mut errors = Vec::new();
        if !self.algorithm.serves(task) {
            let names: Vec<&str> = Algorithm::ALL
                .into_iter()
                .filter(|algorithm| algorithm.serves(task))
                .map(Algorithm::as_str)
                .collect();
            let expected = format!("for a {}, one of {}", task.as_str(), names.join(", "));
            errors.push(
                FieldError::new("/algorithm", "invalid", expected).got(self.algorithm.as_str()),
            );
        }
        if self.split.method == Some(SplitMethod::Stratified) && task == Task::Regression {
            let expected = "random for a regression: a stratified split needs classes";
            errors.push(
                FieldError::new("/split/method", "invalid", expected)
                    .got(SplitMethod::Stratified.as_str()),
            );
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl RunStatus {
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// The steps of a run, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Prepare,
    Encode,
    Train,
    Evaluate,
    Package,
}

impl Stage {
    pub const ALL: [Self; 5] = [
        Self::Prepare,
        Self::Encode,
        Self::Train,
        Self::Evaluate,
        Self::Package,
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Progress {
    pub stage: Stage,
    /// Of the whole run, 0 to 1.
    pub fraction: f64,
}

/// Why a run failed, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunError {
    /// `invalid_target`, `invalid_features`, `invalid_split`, `too_few_rows`, `too_slow`, `unreadable_data`, `out_of_memory`,
    /// `out_of_time`, `crashed`, `internal`; of a scoring run also `unreadable_model`, `too_large`.
    pub code: String,
    pub message: String,
    /// The likely fix, as one sentence.
    pub fix: String,
}

impl RunError {
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            fix: fix.into(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrainingRun {
    pub id: TrainingRunId,
    pub status: RunStatus,
    pub progress: Option<Progress>,
    /// As asked, with the defaults and the dataset version filled in.
    pub spec: TrainingSpec,
    pub metrics: Option<BTreeMap<String, f64>>,
    pub model: Name,
    /// The version it made.
    pub version: Option<i32>,
    pub error: Option<RunError>,
    pub evaluation: Option<crate::models::Evaluation>,
    /// Of a re-run, the run that it trains again. It makes no version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<TrainingRunId>,
    /// Of a re-run that has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduction: Option<Reproduction>,
    /// What trained it, once it has succeeded; none of runs of before that was noted. Another trainer may make other bits of the
    /// same data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trainer: Option<String>,
    /// The attempt at retraining that it is of; told when a run is read alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retraining: Option<RetrainingOrigin>,
    pub attempt: i32,
    pub created_by: String,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Info,
    Warn,
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// Grows by one a line within a run.
    pub seq: i64,
    pub at: Timestamp,
    pub level: LogLevel,
    pub message: String,
}
