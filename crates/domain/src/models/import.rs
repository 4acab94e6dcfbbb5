//! What whoever imports a model says about it, besides the file.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::Task;
use crate::FieldError;
use crate::datasets::{ColumnType, MAX_COLUMN_NAME, MAX_COLUMNS};
use crate::training_runs::{MAX_CLASS_NAME, MAX_CLASSES};

/// The largest ONNX file that is taken, in bytes: 64 MiB.
pub const MAX_ONNX_BYTES: u64 = 64 << 20;
/// An input of texts has at most so many categories.
pub const MAX_CATEGORIES: usize = 10_000;
/// A category of more characters than this is refused.
pub const MAX_CATEGORY: usize = 1000;

/// A signature as far as it is given: the shape of a version's. What is left out is taken from the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GivenSignature {
    /// Where the file names every input: those of which something is to be said, by these names. Where it takes them together, as
    /// the columns of a matrix: all, in the order of the columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<GivenInput>,
    #[serde(default)]
    pub output: GivenOutput,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GivenInput {
    pub name: String,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ColumnType>,
    /// Whether the value may be missing; tried out unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nullable: Option<bool>,
    /// Of a text: those that the model knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
    /// Of a number: the range seen in training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// What the model takes for a missing value, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impute: Option<String>,
    /// For forms and snippets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GivenOutput {
    /// What is predicted. One of the file's outputs, where it has several numbers to choose from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Judged by the file unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// Of a classification, in the order of the file's probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
}

impl GivenSignature {
    /// Checks what can be checked without the file.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut errors = Vec::new();
        if self.inputs.len() > MAX_COLUMNS {
            let expected = format!("at most {MAX_COLUMNS} inputs");
            let error = FieldError::new("/signature/inputs", "out_of_range", expected);
            return Err(vec![error.got(self.inputs.len().to_string())]);
        }
        let mut names = HashSet::new();
        for (place, input) in self.inputs.iter().enumerate() {
            if !names.insert(input.name.as_str()) {
                let pointer = format!("/signature/inputs/{place}/name");
                errors.push(
                    FieldError::new(pointer, "taken", "each input once").got(input.name.as_str()),
                );
            }
            input.check(place, &mut errors);
        }
        self.output.check(&mut errors);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }
}

impl GivenInput {
    fn check(&self, place: usize, errors: &mut Vec<FieldError>) {
        let mut wrong = |member: &str, expected: String| {
            let pointer = format!("/signature/inputs/{place}/{member}");
            errors.push(FieldError::new(pointer, "invalid", expected));
        };
        if !is_input_name(&self.name) {
            wrong("name", format!("1 to {MAX_COLUMN_NAME} characters"));
        }
        if let Some(categories) = &self.categories {
            let distinct: HashSet<_> = categories.iter().collect();
            if categories.is_empty() || categories.len() > MAX_CATEGORIES {
                wrong(
                    "categories",
                    format!("1 to {MAX_CATEGORIES} categories, or none at all"),
                );
            } else if distinct.len() < categories.len() {
                wrong("categories", "each category once".to_owned());
            } else if categories
                .iter()
                .any(|category| category.chars().count() > MAX_CATEGORY)
            {
                wrong(
                    "categories",
                    format!("categories of at most {MAX_CATEGORY} characters"),
                );
            }
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min > max
        {
            wrong("min", format!("at most the max of {max}"));
        }
    }
}

impl GivenOutput {
    fn check(&self, errors: &mut Vec<FieldError>) {
        let mut wrong = |member: &str, expected: String| {
            let pointer = format!("/signature/output/{member}");
            errors.push(FieldError::new(pointer, "invalid", expected));
        };
        if self
            .name
            .as_deref()
            .is_some_and(|name| !is_input_name(name))
        {
            wrong("name", format!("1 to {MAX_COLUMN_NAME} characters"));
        }
        let Some(classes) = &self.classes else { return };
        let distinct: HashSet<_> = classes.iter().collect();
        if self.task == Some(Task::Regression) {
            wrong(
                "classes",
                "none, since a regression predicts a number".to_owned(),
            );
        } else if !(2..=MAX_CLASSES).contains(&classes.len()) || distinct.len() < classes.len() {
            wrong("classes", format!("2 to {MAX_CLASSES} different classes"));
        } else if classes
            .iter()
            .any(|class| class.is_empty() || class.chars().count() > MAX_CLASS_NAME)
        {
            wrong(
                "classes",
                format!("classes of 1 to {MAX_CLASS_NAME} characters"),
            );
        }
    }
}

/// Whether it may be the name of an input, which may be a column of a table.
#[must_use]
pub fn is_input_name(text: &str) -> bool {
    let length = text.chars().count();
    (1..=MAX_COLUMN_NAME).contains(&length) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> Vec<String> {
        let given: GivenSignature = serde_json::from_str(json).unwrap();
        let errors = given.check().err().unwrap_or_default();
        errors.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn nothing_needs_to_be_given() {
        assert_eq!(refused("{}"), [""; 0]);
        assert_eq!(
            serde_json::from_str::<GivenSignature>("{}").unwrap().inputs,
            []
        );
        for unknown in [
            r#"{"columns": []}"#,
            r#"{"inputs": [{"name": "a", "kind": "float"}]}"#,
            r#"{"output": {"target": "y"}}"#,
        ] {
            assert!(
                serde_json::from_str::<GivenSignature>(unknown).is_err(),
                "{unknown}"
            );
        }
    }

    #[test]
    fn a_signature_as_a_version_shows_it_is_taken() {
        let signature = r#"{"inputs": [
                {"name": "age", "type": "float", "nullable": true, "min": 0, "max": 90, "impute": "median 30", "example": 22.5},
                {"name": "port", "type": "string", "nullable": false, "categories": ["C", "S"], "example": "S"}
            ], "output": {"name": "survived", "task": "classification", "classes": ["0", "1"]}}"#;
        assert_eq!(refused(signature), [""; 0]);
    }

    #[test]
    fn every_field_that_is_wrong_is_named() {
        let given = r#"{"inputs": [
                {"name": "a"},
                {"name": "a", "min": 2, "max": 1},
                {"name": "", "categories": []},
                {"name": "b", "categories": ["x", "x"]}
            ], "output": {"name": "", "classes": ["0"]}}"#;
        assert_eq!(
            refused(given),
            [
                "/signature/inputs/1/name",
                "/signature/inputs/1/min",
                "/signature/inputs/2/name",
                "/signature/inputs/2/categories",
                "/signature/inputs/3/categories",
                "/signature/output/name",
                "/signature/output/classes",
            ]
        );
        assert_eq!(
            refused(r#"{"output": {"task": "regression", "classes": ["a", "b"]}}"#),
            ["/signature/output/classes"]
        );
    }
}
