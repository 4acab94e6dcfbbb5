//! What the algorithms share that fit a weighted sum of the encoded columns.

use std::time::Instant;

use domain::training_runs::RunError;

use super::{Reduction, Rows, Told};
use crate::failure::{failure, out_of_memory};

/// The training rows reduced to a triangle that has the same least squares. Its columns: 1, then the encoded ones, then
/// the target. The encoded columns and the target are standardised, thus in comparable units.
pub(super) struct Triangle {
    /// Encoded columns.
    pub(super) columns: usize,
    /// Row by row.
    pub(super) values: Vec<f64>,
}

impl Triangle {
    /// # Errors
    /// When there is no memory for it, or no time.
    pub(super) fn of(rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Self, RunError> {
        let columns = rows.features.encoded.len();
        let width = (columns + 2) as f64;
        // The triangle with the copies that solvers make, and a block of rows.
        let bytes = 8.0 * (8.0 * width * width + 512.0 * width);
        if bytes > f64::from(rows.memory_mb) * f64::from(1 << 20) / 2.0 {
            return Err(out_of_memory(&format!(
                "least squares of {columns} encoded columns"
            )));
        }
        let (mean, std) = rows.scale;
        let mut reduction = Reduction::new(columns + 2);
        let mut encoded = vec![1.0; columns + 2];
        for (done, &row) in rows.train.iter().enumerate() {
            rows.features.encode(row, &mut encoded[1..=columns]);
            encoded[columns + 1] = (rows.target[row as usize] - mean) / std;
            reduction.add(&encoded);
            if done % 16_384 == 0 {
                tell(Told::Progress(done as f64 / rows.train.len() as f64));
            }
            if done % 512 == 0 && rows.until.is_some_and(|until| Instant::now() > until) {
                return Err(failure(
                    "out_of_time",
                    "there was no time to fit it",
                    "Raise budget.seconds, or choose fewer features.",
                ));
            }
        }
        Ok(Self {
            columns,
            values: reduction.finish(),
        })
    }

    pub(super) fn width(&self) -> usize {
        self.columns + 2
    }

    pub(super) fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.width() + column]
    }
}

pub(super) fn overflowed() -> RunError {
    failure(
        "internal",
        "the fit overflowed",
        "Look for extreme values in the features and the target, and remove them.",
    )
}

pub(super) fn solver_failed(error: &dyn std::error::Error) -> RunError {
    failure(
        "internal",
        format!("the solver failed: {error}"),
        "Leave out features that say the same.",
    )
}
