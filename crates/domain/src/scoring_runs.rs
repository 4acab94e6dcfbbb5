use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::datasets::{MAX_COLUMN_NAME, MAX_COLUMNS};
use crate::ids::ScoringRunId;
use crate::training_runs::{RunError, RunStatus};
use crate::{Error, FieldError, Name, Result, Timestamp};

/// The column that predictions go to unless told.
pub const PREDICTION_COLUMN: &str = "prediction";
/// The column that says why a row has no prediction: the name of the prediction's with this behind it.
const ERROR_SUFFIX: &str = "_error";

/// Which version of a model is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum VersionRef {
    Number(i32),
    /// `@champion` on the wire.
    Alias(Name),
}

impl fmt::Display for VersionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Alias(alias) => write!(f, "@{alias}"),
        }
    }
}

impl FromStr for VersionRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = match text.strip_prefix('@') {
            Some(alias) => Name::new(alias).ok().map(Self::Alias),
            None => text.parse().ok().and_then(Self::number),
        };
        found.ok_or_else(|| refusal(text))
    }
}

impl VersionRef {
    fn number(number: i64) -> Option<Self> {
        i32::try_from(number)
            .ok()
            .filter(|number| *number > 0)
            .map(Self::Number)
    }
}

fn refusal(text: &str) -> String {
    let shown: String = text.chars().take(80).collect();
    format!("{shown:?} is not a version: use its number, or @ and an alias such as @champion")
}

impl TryFrom<Value> for VersionRef {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match &value {
            Value::String(text) => text.parse(),
            Value::Number(number) => number
                .as_i64()
                .and_then(Self::number)
                .ok_or_else(|| refusal(&value.to_string())),
            _ => Err(refusal(&value.to_string())),
        }
    }
}

impl From<VersionRef> for Value {
    fn from(version: VersionRef) -> Self {
        match version {
            VersionRef::Number(number) => number.into(),
            VersionRef::Alias(_) => version.to_string().into(),
        }
    }
}

/// What to score, as asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ScoringSpec {
    pub dataset: Name,
    /// The newest ready version unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset_version: Option<i32>,
    pub model: Name,
    /// An alias is followed once, when the run is made.
    pub version: VersionRef,
    /// The dataset that gets the answer as its next version, made when there is none of that name; `<dataset>-<model>-predictions`
    /// unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Name>,
    /// The columns that go along, in this order; all unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_columns: Option<Vec<String>>,
    /// `prediction` unless told. The column `<prediction_column>_error` says why a row has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction_column: Option<String>,
}

impl ScoringSpec {
    #[must_use]
    pub fn prediction_column(&self) -> &str {
        self.prediction_column
            .as_deref()
            .unwrap_or(PREDICTION_COLUMN)
    }

    /// # Errors
    /// The name that is made from those of dataset and model is too long.
    pub fn output(&self) -> Result<Name> {
        if let Some(output) = &self.output {
            return Ok(output.clone());
        }
        let made = format!("{}-{}-predictions", self.dataset, self.model);
        Name::new(made.as_str()).map_err(|_| {
            let expected =
                "a name for the dataset of the answer: the one it gets without is too long";
            Error::Invalid(vec![
                FieldError::new("/output", "missing", expected).got(made),
            ])
        })
    }

    /// Checks all that can be known without the dataset and the model.
    ///
    /// # Errors
    /// Every field that is wrong, at once.
    pub fn check(&self) -> Result<()> {
        let mut errors = Vec::new();
        match self.output() {
            Ok(output) if output == self.dataset => {
                let expected = "a name other than that of the dataset that is scored";
                errors
                    .push(FieldError::new("/output", "invalid", expected).got(output.to_string()));
            }
            Err(Error::Invalid(wrong)) => errors.extend(wrong),
            Ok(_) | Err(_) => {}
        }
        let column = self.prediction_column();
        let longest = MAX_COLUMN_NAME - ERROR_SUFFIX.len();
        let is_name = !column.is_empty() && column.trim() == column && !column.contains('\0');
        if !is_name || column.chars().count() > longest {
            let expected =
                format!("1 to {longest} characters, without NUL and without spaces at either end");
            errors.push(FieldError::new("/prediction_column", "invalid", expected).got(column));
        }
        // Longer lists can not be right, and would take long to look through.
        let keep = self.keep_columns.as_deref().unwrap_or_default();
        if keep.len() > MAX_COLUMNS {
            let expected = format!("at most {MAX_COLUMNS} columns");
            errors.push(
                FieldError::new("/keep_columns", "out_of_range", expected)
                    .got(keep.len().to_string()),
            );
        } else {
            for (index, name) in keep.iter().enumerate() {
                if keep[..index].contains(name) {
                    let pointer = format!("/keep_columns/{index}");
                    errors.push(
                        FieldError::new(pointer, "invalid", "each column once").got(name.as_str()),
                    );
                }
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(errors))
        }
    }
}

/// The column that says why a row has no prediction.
#[must_use]
pub fn error_column(prediction_column: &str) -> String {
    format!("{prediction_column}{ERROR_SUFFIX}")
}

/// A row that the model refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RowRefusal {
    /// Counted from 1, as in the errors of an upload.
    pub row: u64,
    /// `null` when no single column is at fault.
    pub column: Option<String>,
    /// What the model expected, and what stood there.
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScoringRun {
    pub id: ScoringRunId,
    pub status: RunStatus,
    /// The share of the rows that are done, 0 to 1.
    pub progress: f64,
    /// Of the dataset version that is scored.
    pub total_rows: u64,
    /// Done so far, those that failed among them.
    pub rows: u64,
    /// Rows that have a reason in place of a prediction.
    pub rows_failed: u64,
    /// The first of them, at most 10; known when the run has succeeded. Empty in a list of runs.
    pub refusals: Vec<RowRefusal>,
    pub dataset: Name,
    pub dataset_version: i32,
    pub model: Name,
    pub version: i32,
    pub output: Name,
    /// The dataset version that it made.
    pub output_version: Option<i32>,
    /// `null` for all.
    pub keep_columns: Option<Vec<String>>,
    pub prediction_column: String,
    pub error: Option<RunError>,
    pub attempt: i32,
    pub created_by: String,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(more: Value) -> ScoringSpec {
        let mut spec = json!({ "dataset": "flats", "model": "price", "version": 1 });
        if let (Value::Object(spec), Value::Object(more)) = (&mut spec, more) {
            spec.extend(more);
        }
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn a_version_is_a_number_or_an_alias() {
        for (json, version) in [
            (json!(3), VersionRef::Number(3)),
            (json!("3"), VersionRef::Number(3)),
            (
                json!("@champion"),
                VersionRef::Alias(Name::new("champion").unwrap()),
            ),
        ] {
            assert_eq!(serde_json::from_value::<VersionRef>(json).unwrap(), version);
        }
        for wrong in [
            json!(0),
            json!(-1),
            json!(1.5),
            json!(1_u64 << 40),
            json!("champion"),
            json!("@"),
            json!(null),
            json!([1]),
        ] {
            let refused = serde_json::from_value::<VersionRef>(wrong).unwrap_err();
            assert!(refused.to_string().contains("@champion"), "{refused}");
        }
        let alias = VersionRef::Alias(Name::new("champion").unwrap());
        assert_eq!(serde_json::to_value(alias).unwrap(), "@champion");
        assert_eq!(serde_json::to_value(VersionRef::Number(2)).unwrap(), 2);
    }

    #[test]
    fn what_was_left_out_has_a_name() {
        let spec = spec(json!({}));
        assert_eq!(spec.prediction_column(), "prediction");
        assert_eq!(error_column(spec.prediction_column()), "prediction_error");
        assert_eq!(spec.output().unwrap().as_str(), "flats-price-predictions");
        assert!(spec.check().is_ok());
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let wrong = spec(json!({
            "output": "flats", "keep_columns": ["a", "b", "a"], "prediction_column": " y",
        }));
        let Err(Error::Invalid(errors)) = wrong.check() else {
            panic!("the spec was taken")
        };
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["/output", "/prediction_column", "/keep_columns/2"]
        );
        let long = spec(json!({ "dataset": "d".repeat(60) }));
        assert!(matches!(long.check(), Err(Error::Invalid(_))));
        let named = spec(json!({ "dataset": "d".repeat(60), "output": "short" }));
        assert!(named.check().is_ok());
    }
}
