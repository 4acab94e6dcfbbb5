mod forest;
mod linear;

use std::collections::HashMap;

use domain::datasets::ColumnType;
use domain::models::Signature;

use crate::artifact::{Artifact, Body};
use forest::Forest;
use linear::Terms;

/// The index of a category that the signature does not name.
pub const OTHER: u32 = u32::MAX;

/// One input's value, ready for [`Predictor::predict`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Missing,
    Number(f64),
    /// An index into the signature's categories, or [`OTHER`].
    Category(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PredictError {
    /// The model's own fault: its coefficients make something of this row that is no number.
    #[error(
        "the prediction is not a finite number: the inputs or the model's coefficients are too large"
    )]
    NotFinite,
    #[error("the row has {got} values, but the model takes {expected}")]
    WrongLength { expected: usize, got: usize },
    #[error("the value of input {slot} is of another kind than the input")]
    WrongKind { slot: usize },
}

/// A model prepared for speed: a row takes no allocation and no recursion.
#[derive(Clone, Debug)]
pub struct Predictor {
    signature: Signature,
    kernel: Kernel,
    slots: HashMap<String, usize>,
    categories: Vec<Categories>,
}

#[derive(Clone, Debug)]
enum Kernel {
    Linear(Terms),
    Forest(Forest),
}

/// Few categories are found faster by comparing than by hashing.
#[derive(Clone, Debug)]
enum Categories {
    None,
    Few,
    Many(HashMap<String, u32>),
}

const FEW: usize = 12;

impl Predictor {
    /// The artifact must have passed [`Artifact::check`], as every decoded one has.
    #[must_use]
    pub fn new(artifact: &Artifact) -> Self {
        let kernel = match &artifact.body {
            Body::Linear(linear) => Kernel::Linear(Terms::new(linear)),
            Body::Trees(trees) => Kernel::Forest(Forest::new(trees, &artifact.signature.inputs)),
        };
        let inputs = &artifact.signature.inputs;
        Self {
            kernel,
            slots: inputs
                .iter()
                .enumerate()
                .map(|(slot, input)| (input.name.clone(), slot))
                .collect(),
            categories: inputs
                .iter()
                .map(|input| match input.categories.as_deref() {
                    None => Categories::None,
                    Some(categories) if categories.len() <= FEW => Categories::Few,
                    Some(categories) => Categories::Many(
                        (0..)
                            .zip(categories)
                            .map(|(index, name)| (name.clone(), index))
                            .collect(),
                    ),
                })
                .collect(),
            signature: artifact.signature.clone(),
        }
    }

    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// How many inputs the model takes.
    pub fn len(&self) -> usize {
        self.signature.inputs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.signature.inputs.is_empty()
    }

    /// Where in a row the input of this name stands.
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.slots.get(name).copied()
    }

    /// As [`Self::slot`], looking at `expected` first: callers mostly send the inputs in the same order.
    #[inline]
    pub fn slot_near(&self, expected: usize, name: &str) -> Option<usize> {
        match self.signature.inputs.get(expected) {
            Some(input) if input.name == name => Some(expected),
            _ => self.slot(name),
        }
    }

    pub fn kind(&self, slot: usize) -> Option<ColumnType> {
        self.signature.inputs.get(slot).map(|input| input.kind)
    }

    /// Whether this input may be missing.
    pub fn nullable(&self, slot: usize) -> bool {
        self.signature
            .inputs
            .get(slot)
            .is_some_and(|input| input.nullable)
    }

    /// The value of a category's name: a name that training did not see is "other".
    pub fn category(&self, slot: usize, name: &str) -> Value {
        let index = match self.categories.get(slot) {
            Some(Categories::Few) => self.signature.inputs[slot]
                .categories
                .as_deref()
                .and_then(|categories| categories.iter().position(|category| category == name))
                .map(|index| index as u32),
            Some(Categories::Many(indexes)) => indexes.get(name).copied(),
            Some(Categories::None) | None => None,
        };
        Value::Category(index.unwrap_or(OTHER))
    }

    /// The value of a boolean input.
    #[must_use]
    pub fn boolean(value: bool) -> Value {
        Value::Category(u32::from(value))
    }

    /// The prediction for one row, with its values in the signature's order.
    ///
    /// # Errors
    /// A result that is not finite, and a row that does not fit the model (which [`crate::check_row`] never makes).
    #[inline]
    pub fn predict(&self, row: &[Value]) -> Result<f64, PredictError> {
        let sum = match &self.kernel {
            Kernel::Linear(terms) => terms.predict(row)?,
            Kernel::Forest(forest) => forest.predict(row)?,
        };
        finite(sum)
    }

    /// Whether many rows at once cost clearly less than the same rows one by one: what is handed to another thread takes
    /// some 10 µs for that alone.
    pub fn gains_from_batches(&self) -> bool {
        match &self.kernel {
            // Less than a microsecond for a row, and no less for the next one.
            Kernel::Linear(_) => false,
            Kernel::Forest(_) => true,
        }
    }

    /// What [`Self::predict`] gives for each of many rows, bit for bit. Trees take them together, which is faster.
    pub fn predict_batch<R: AsRef<[Value]>>(&self, rows: &[R]) -> Vec<Result<f64, PredictError>> {
        match &self.kernel {
            Kernel::Linear(_) => rows.iter().map(|row| self.predict(row.as_ref())).collect(),
            Kernel::Forest(forest) => {
                let mut sums = Vec::with_capacity(rows.len());
                forest.predict_batch(rows, &mut sums);
                sums.into_iter().map(|sum| sum.and_then(finite)).collect()
            }
        }
    }
}

#[inline]
fn finite(sum: f64) -> Result<f64, PredictError> {
    if sum.is_finite() {
        Ok(sum)
    } else {
        Err(PredictError::NotFinite)
    }
}
