use std::ops::Range;

use model::PredictError;

use crate::versions::finite;

/// What a model made of many requests' rows.
pub(super) struct ComputedRows {
    pub(super) width: usize,
    pub(super) numbers: Vec<f64>,
    /// One for each row.
    pub(super) done: Vec<Result<(), PredictError>>,
}

impl ComputedRows {
    /// The predictions of these rows, if all of them are finite.
    pub(super) fn of(&self, rows: Range<usize>) -> Result<Vec<f64>, String> {
        let numbers = self.finite(rows)?;
        Ok(numbers.to_vec())
    }

    /// The predictions of all rows, if all of them are finite.
    pub(super) fn all(self) -> Result<Vec<f64>, String> {
        self.finite(0..self.done.len())?;
        Ok(self.numbers)
    }

    fn finite(&self, rows: Range<usize>) -> Result<&[f64], String> {
        let numbers = &self.numbers[rows.start * self.width..rows.end * self.width];
        self.done[rows]
            .iter()
            .zip(numbers.chunks(self.width))
            .try_for_each(|(done, prediction)| finite(*done, prediction))?;
        Ok(numbers)
    }
}
