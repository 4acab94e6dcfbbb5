use domain::datasets::ColumnType;
use domain::dates::DatePart;
use domain::models::{InputField, Signature};

use super::{ArtifactError, Body, check_body, inconsistent};

/// The most memory that the categories of all columns take, in bytes: more than those of a model in the largest file.
const MAX_CATEGORIES: usize = 256 << 20;

/// A body that does not take the inputs as they are, but columns that are made of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// What the body takes, in its order.
    pub columns: Vec<PreparedColumn>,
    /// Neither imported nor prepared itself.
    pub body: Box<Body>,
}

/// A column that is made of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedColumn {
    /// Such as `signed_up (weekday)`.
    pub name: String,
    /// Place among the signature's inputs.
    pub input: u32,
    pub step: Step,
}

/// What becomes of an input's value. Where it says nothing of a missing value, that stays missing.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing: the column is the input.
    Same,
    /// Of a number.
    Number {
        /// Stands in for a missing one, before anything else.
        missing: Option<f64>,
        /// Whether the logarithm of 1 and the number is taken, with the number's sign.
        logarithm: bool,
    },
    /// Of a category, which stays one.
    Category {
        /// Which of the input's categories stands in for a missing one.
        missing: u32,
    },
    /// 1 where the value is missing, else 0.
    IsMissing,
    /// A number for each category.
    Lookup {
        /// One for each of the input's categories.
        numbers: Vec<f64>,
        /// Of any category that the signature does not name.
        other: f64,
        missing: Option<f64>,
    },
    /// Of an input whose format is a date.
    Date {
        part: DatePart,
        /// Stands in for a missing date: seconds since 1970.
        missing: Option<f64>,
    },
}

/// What an input is to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Category,
    Date,
}

impl Kind {
    fn of(input: &InputField) -> Self {
        match (input.kind, input.format) {
            (ColumnType::Integer | ColumnType::Float, _) => Self::Number,
            (ColumnType::String, Some(_)) => Self::Date,
            _ => Self::Category,
        }
    }
}

impl Prepared {
    /// What the body takes, as inputs of its own. A column of an input that is not there is left out: [`Self::check`] refuses it.
    pub(crate) fn fields(&self, inputs: &[InputField]) -> Vec<InputField> {
        let columns = self.columns.iter();
        columns
            .filter_map(|column| Some(column.field(inputs.get(column.input as usize)?)))
            .collect()
    }

    /// The signature that the body has.
    pub(crate) fn inner(&self, signature: &Signature) -> Signature {
        Signature {
            inputs: self.fields(&signature.inputs),
            output: signature.output.clone(),
        }
    }

    pub(super) fn check(&self, signature: &Signature) -> Result<(), ArtifactError> {
        if matches!(
            *self.body,
            Body::Prepared(_) | Body::Onnx(_) | Body::Remote(_)
        ) {
            return inconsistent(
                "a body that is prepared is imported, or prepared itself".to_owned(),
            );
        }
        let inputs = &signature.inputs;
        let mut is_used = vec![false; inputs.len()];
        for column in &self.columns {
            let place = column.input as usize;
            let Some(input) = inputs.get(place) else {
                return inconsistent(format!(
                    "column {:?} is made of input {place}, which is not there",
                    column.name
                ));
            };
            is_used[place] = true;
            column
                .check(input)
                .or_else(|what| inconsistent(format!("column {:?} {what}", column.name)))?;
        }
        if let Some(unused) = is_used.iter().position(|is_used| !is_used) {
            return inconsistent(format!(
                "nothing is made of input {:?}",
                inputs[unused].name
            ));
        }
        self.check_categories(inputs)?;
        check_body(&self.body, &self.inner(signature))
    }

    /// Each column that is of categories has all those of its input, and few bytes say that there is one more such column.
    fn check_categories(&self, inputs: &[InputField]) -> Result<(), ArtifactError> {
        let of_inputs: Vec<usize> = inputs
            .iter()
            .map(|input| {
                let categories = input.categories.iter().flatten();
                categories
                    .map(|text| text.len() + size_of::<String>())
                    .sum()
            })
            .collect();
        let of_columns = self.columns.iter().filter(|column| column.keeps_input());
        let bytes = of_columns
            .filter_map(|column| of_inputs.get(column.input as usize))
            .fold(0_usize, |sum, bytes| sum.saturating_add(*bytes));
        if bytes > MAX_CATEGORIES {
            return inconsistent(format!(
                "its columns have {bytes} bytes of categories: at most {MAX_CATEGORIES} are taken"
            ));
        }
        Ok(())
    }
}

impl PreparedColumn {
    /// Whether it has the kind and the categories of its input.
    fn keeps_input(&self) -> bool {
        matches!(self.step, Step::Same | Step::Category { .. })
    }

    fn field(&self, input: &InputField) -> InputField {
        let number = || InputField {
            name: self.name.clone(),
            kind: ColumnType::Float,
            nullable: true,
            categories: None,
            min: None,
            max: None,
            format: None,
            impute: None,
            unseen: None,
            transform: None,
            example: None,
        };
        if self.keeps_input() {
            InputField {
                kind: input.kind,
                categories: input.categories.clone(),
                ..number()
            }
        } else {
            number()
        }
    }

    fn check(&self, input: &InputField) -> Result<(), String> {
        let known = input.categories.as_ref().map_or(0, Vec::len);
        match (&self.step, Kind::of(input)) {
            (Step::Same, Kind::Number | Kind::Category) | (Step::IsMissing, _) => Ok(()),
            (Step::Number { missing, .. }, Kind::Number)
            | (Step::Date { missing, .. }, Kind::Date) => check_finite(missing.iter().copied()),
            (Step::Category { missing }, Kind::Category) if (*missing as usize) < known => Ok(()),
            (Step::Category { .. }, Kind::Category) => {
                Err("imputes a category that its input does not have".to_owned())
            }
            (
                Step::Lookup {
                    numbers,
                    other,
                    missing,
                },
                Kind::Category,
            ) => {
                if numbers.len() != known {
                    return Err(format!(
                        "has {} numbers for {known} categories",
                        numbers.len()
                    ));
                }
                check_finite(numbers.iter().chain([other]).chain(missing).copied())
            }
            _ => Err(format!(
                "is made of input {:?} by a step for another kind of input",
                input.name
            )),
        }
    }
}

fn check_finite(mut numbers: impl Iterator<Item = f64>) -> Result<(), String> {
    if numbers.all(f64::is_finite) {
        Ok(())
    } else {
        Err("has a number that is not finite".to_owned())
    }
}
