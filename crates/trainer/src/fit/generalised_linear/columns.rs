//! The encoded columns, each with a mean of 0 and a standard deviation of 1. They are made anew, some rows at a time, whenever they
//! are gone through: in memory they would be many times as large as the table.

use domain::training_runs::RunError;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::failure::{failure, out_of_memory};
use crate::fit::least_squares::overflowed;
use crate::fit::{LinearFit, Rows};
use crate::profile::Moments;

/// Rows that are encoded together.
const BLOCK: usize = 256;
/// The rows are gone through in so many parts, and what these come to is added up in their order: the digits do not depend on how
/// many threads there are.
const PARTS: usize = 4;
/// A column whose spread is less than this share of its size is what rounding leaves of none.
const CONSTANT: f64 = 1e-9;

pub(in crate::fit) struct Columns<'r> {
    rows: &'r Rows<'r>,
    /// Places of the encoded columns that differ from row to row.
    kept: Vec<usize>,
    /// Mean and standard deviation of each of them.
    moments: Vec<(f64, f64)>,
}

/// The slopes of a sum over the rows: by each weight, and by each two.
pub(super) struct Slopes {
    pub(super) first: Vec<f64>,
    pub(super) second: Array2<f64>,
}

impl<'r> Columns<'r> {
    pub(in crate::fit) fn of(rows: &'r Rows<'r>) -> Result<Self, RunError> {
        let width = rows.features.encoded.len();
        let square = (width + 1) as f64 * (width + 1) as f64;
        // The second slopes of each part, their sum and its root; of each row the target, its score and one to try.
        let bytes = 8.0 * ((PARTS + 3) as f64 * square + 5.0 * rows.train.len() as f64);
        if bytes > f64::from(rows.memory_mb) * f64::from(1 << 20) / 2.0 {
            return Err(out_of_memory(&format!(
                "a model of {width} encoded columns that goes by them and each two of them, which takes {:.0} MB",
                bytes / 0.5e6
            )));
        }
        let mut encoded = vec![0.0; width];
        let mut columns = vec![Moments::default(); width];
        for &row in rows.train {
            rows.features.encode(row, &mut encoded);
            for (moments, &value) in columns.iter_mut().zip(&encoded) {
                moments.add(value);
            }
        }
        let mut kept = Vec::new();
        let mut moments = Vec::new();
        for (place, column) in columns.iter().enumerate() {
            let (mean, std) = (column.mean(), column.population_std());
            if !mean.is_finite() || !std.is_finite() {
                return Err(overflowed());
            }
            if std > CONSTANT * mean.abs().max(1.0) {
                kept.push(place);
                moments.push((mean, std));
            }
        }
        if kept.is_empty() {
            return Err(failure(
                "invalid_features",
                "every encoded column is the same in all training rows",
                "Choose features that differ from row to row.",
            ));
        }
        Ok(Self {
            rows,
            kept,
            moments,
        })
    }

    /// How many weights there are: one of each column, and the intercept behind them.
    pub(in crate::fit) fn width(&self) -> usize {
        self.kept.len() + 1
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.train.len()
    }

    /// Each row's weighted sum.
    pub(super) fn scores(&self, weights: &[f64]) -> Vec<f64> {
        let of_parts = self.parts(|places, rows| {
            let mut scores = Vec::with_capacity(places.len());
            self.blocks(rows, |block, _| {
                let sums = block.rows().into_iter();
                scores.extend(sums.map(|row| {
                    row.iter()
                        .zip(weights)
                        .map(|(x, weight)| x * weight)
                        .sum::<f64>()
                }));
            });
            scores
        });
        of_parts.concat()
    }

    /// The slopes of a sum over the rows, of which `slopes` has those by each row's score.
    pub(super) fn slopes(&self, slopes: impl Fn(usize) -> (f64, f64) + Sync) -> Slopes {
        let width = self.width();
        let of_parts = self.parts(|places, rows| {
            let mut first = vec![0.0; width];
            let mut second: Array2<f64> = Array2::zeros((width, width));
            let mut bent: Array2<f64> = Array2::zeros((BLOCK, width));
            self.blocks(rows, |block, begin| {
                let (mut bent, _) = bent.view_mut().split_at(Axis(0), block.nrows());
                let both = block.rows().into_iter().zip(bent.rows_mut());
                for (row, (values, bent)) in both.enumerate() {
                    let (slope, bend) = slopes(places.start + begin + row);
                    for ((sum, bent), value) in first.iter_mut().zip(bent).zip(values) {
                        *sum += slope * value;
                        *bent = bend * value;
                    }
                }
                general_mat_mul(1.0, &block.t(), &bent, 1.0, &mut second);
            });
            Slopes { first, second }
        });
        let none = Slopes {
            first: vec![0.0; width],
            second: Array2::zeros((width, width)),
        };
        of_parts.into_iter().fold(none, |mut sum, part| {
            for (sum, more) in sum.first.iter_mut().zip(&part.first) {
                *sum += more;
            }
            sum.second += &part.second;
            sum
        })
    }

    /// What each part of the rows comes to. It gets their places among the training rows, and the rows.
    fn parts<T: Send>(&self, work: impl Fn(std::ops::Range<usize>, &[u32]) -> T + Sync) -> Vec<T> {
        let size = self.rows().div_ceil(PARTS).max(1);
        let parts = self.rows.train.par_chunks(size).enumerate();
        parts
            .map(|(part, rows)| {
                let begin = part * size;
                work(begin..begin + rows.len(), rows)
            })
            .collect()
    }

    /// Encodes some rows after the others, and hands them over with the place of their first one. The last column is that of the
    /// intercept.
    fn blocks(&self, rows: &[u32], mut take: impl FnMut(ArrayView2<'_, f64>, usize)) {
        let mut encoded = vec![0.0; self.rows.features.encoded.len()];
        let mut block: Array2<f64> = Array2::ones((BLOCK, self.width()));
        for (number, rows) in rows.chunks(BLOCK).enumerate() {
            for (&row, mut values) in rows.iter().zip(block.rows_mut()) {
                self.rows.features.encode(row, &mut encoded);
                let columns = self.kept.iter().zip(&self.moments);
                for (value, (&place, (mean, std))) in values.iter_mut().zip(columns) {
                    *value = (encoded[place] - mean) / std;
                }
            }
            let (filled, _) = block.view().split_at(Axis(0), rows.len());
            take(filled, number * BLOCK);
        }
    }

    /// Undoes the scale. `start` is what the weighted sum starts from beside the intercept.
    pub(in crate::fit) fn fit(
        &self,
        mut weights: Vec<f64>,
        start: f64,
    ) -> Result<LinearFit, RunError> {
        let mut intercept = start + weights.pop().unwrap_or_default();
        let mut coefficients = vec![None; self.rows.features.encoded.len()];
        for ((&place, (mean, std)), weight) in self.kept.iter().zip(&self.moments).zip(weights) {
            let coefficient = weight / std;
            intercept -= coefficient * mean;
            coefficients[place] = Some(coefficient);
        }
        let is_finite = |number: &f64| number.is_finite();
        if !intercept.is_finite() || !coefficients.iter().flatten().all(is_finite) {
            return Err(overflowed());
        }
        Ok(LinearFit {
            coefficients,
            intercept,
            collinear: Vec::new(),
        })
    }
}
