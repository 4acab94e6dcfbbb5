//! Which rows a model learns from, and which it is judged by.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::FieldError;
use crate::models::Task;

const TEST_FRACTION: RangeInclusive<f64> = 0.05..=0.5;
const FOLDS: RangeInclusive<u32> = 2..=10;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Split {
    /// Unless told, `stratified` for a classification and `random` for a regression. A run has it filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<SplitMethod>,
    /// What `group` and `time` go by. It is learned from only if `features` names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Share of rows held out for the metrics: 0.05 to 0.5.
    pub test_fraction: f64,
    pub seed: u64,
    /// 2 to 10: the training rows are also split into so many parts by the same method, and each is predicted by a model fitted to
    /// the others. The metrics then have `folds`, and of each metric `folds_<metric>` and `folds_<metric>_std`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<u32>,
}

impl Default for Split {
    fn default() -> Self {
        Self {
            method: None,
            column: None,
            test_fraction: 0.2,
            seed: 42,
            folds: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SplitMethod {
    Random,
    /// Of each class the same share is held out, and at least one row.
    Stratified,
    /// Rows that have the same value in `column` stay together.
    Group,
    /// The newest rows by `column` are held out, which has numbers, or dates such as `2026-01-31` or `2026-01-31T09:30:00Z`.
    Time,
}

impl SplitMethod {
    /// In the order of a form.
    pub const ALL: [Self; 4] = [Self::Random, Self::Stratified, Self::Group, Self::Time];

    /// Unless told.
    #[must_use]
    pub fn of(task: Task) -> Self {
        match task {
            Task::Regression => Self::Random,
            Task::Classification => Self::Stratified,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Stratified => "stratified",
            Self::Group => "group",
            Self::Time => "time",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Whether it goes by a column.
    #[must_use]
    pub fn has_column(self) -> bool {
        matches!(self, Self::Group | Self::Time)
    }
}

impl Split {
    /// What can be known without the dataset.
    pub(super) fn check(&self, target: &str) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if !TEST_FRACTION.contains(&self.test_fraction) {
            errors.push(
                FieldError::new(
                    "/split/test_fraction",
                    "out_of_range",
                    "a number from 0.05 to 0.5",
                )
                .got(self.test_fraction.to_string()),
            );
        }
        let has_column = self.method.is_some_and(SplitMethod::has_column);
        match &self.column {
            None if has_column => errors.push(FieldError::new(
                "/split/column",
                "missing",
                "the column that a split by group or time goes by",
            )),
            Some(column) if !has_column => errors.push(
                FieldError::new(
                    "/split/column",
                    "invalid",
                    "no column, or set split.method to group or time: no other split goes by one",
                )
                .got(column.as_str()),
            ),
            Some(column) if column == target => errors.push(
                FieldError::new("/split/column", "invalid", "a column other than the target")
                    .got(column.as_str()),
            ),
            Some(_) | None => {}
        }
        if let Some(folds) = self.folds
            && !FOLDS.contains(&folds)
        {
            errors.push(
                FieldError::new(
                    "/split/folds",
                    "out_of_range",
                    "a whole number from 2 to 10, or none",
                )
                .got(folds.to_string()),
            );
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(split: &Split) -> Vec<(String, String)> {
        let errors = split.check("y").into_iter();
        errors.map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn a_column_is_for_the_methods_that_go_by_one() {
        for method in SplitMethod::ALL {
            assert_eq!(SplitMethod::named(method.as_str()), Some(method));
            let mut split = Split {
                method: Some(method),
                ..Split::default()
            };
            assert_eq!(pointers(&split).is_empty(), !method.has_column());
            split.column = Some("day".to_owned());
            assert_eq!(pointers(&split).is_empty(), method.has_column());
            split.column = Some("y".to_owned());
            assert_eq!(
                pointers(&split),
                [("/split/column".to_owned(), "invalid".to_owned())]
            );
        }
        let split = Split {
            column: Some("day".to_owned()),
            ..Split::default()
        };
        assert_eq!(pointers(&split)[0].0, "/split/column");
    }

    #[test]
    fn folds_are_few() {
        for (folds, is_taken) in [(0, false), (1, false), (2, true), (10, true), (11, false)] {
            let split = Split {
                folds: Some(folds),
                ..Split::default()
            };
            assert_eq!(pointers(&split).is_empty(), is_taken, "{folds}");
        }
    }

    #[test]
    fn what_is_left_out_is_not_written() {
        let written = serde_json::to_value(Split::default()).unwrap();
        assert_eq!(
            written,
            serde_json::json!({"test_fraction": 0.2, "seed": 42})
        );
    }
}
