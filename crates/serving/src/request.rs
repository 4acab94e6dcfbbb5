//! The body of a request: `{"inputs": {...}}` for one row, `{"inputs": [{...}, ...]}` for a batch.
//!
//! A good body is read once, straight into the model's slots. Anything else is read again, slowly, to say everything that
//! is wrong with it.

pub(crate) mod explain;
mod quick;

use domain::FieldError;
use model::{Predictor, Value};

pub(crate) use explain::check as check_members;

/// Most rows of a batch.
pub const MAX_ROWS: usize = 10_000;
/// Most errors that an answer names.
pub const MAX_ERRORS: usize = 100;

/// The rows of a request, their values in the signature's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    values: Vec<Value>,
    width: usize,
    count: usize,
}

impl Rows {
    /// None yet, each of so many values.
    pub fn of_width(width: usize) -> Self {
        Self {
            values: Vec::with_capacity(width),
            width,
            count: 0,
        }
    }

    /// As many rows, in which nothing is given yet.
    pub(crate) fn missing(width: usize, count: usize) -> Self {
        Self {
            values: vec![Value::Missing; width * count],
            width,
            count,
        }
    }

    pub(crate) fn set(&mut self, row: usize, slot: usize, value: Value) {
        if let Some(place) = self.values.get_mut(row * self.width + slot) {
            *place = value;
        }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = &[Value]> {
        (0..self.count).map(|row| &self.values[row * self.width..(row + 1) * self.width])
    }

    /// Adds a row; it must have as many values as the others.
    pub fn push(&mut self, values: &[Value]) {
        self.values.extend_from_slice(values);
        self.count += 1;
    }
}

/// Reads and checks a body.
///
/// # Errors
/// What is wrong with it, field by field; at most [`MAX_ERRORS`].
pub fn parse(predictor: &Predictor, body: &[u8]) -> Result<Rows, Vec<FieldError>> {
    match quick::parse(predictor, body) {
        Some(rows) => Ok(rows),
        None => explain::parse(predictor, body),
    }
}
