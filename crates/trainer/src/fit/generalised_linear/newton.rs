//! The minimum of a convex cost by Newton's steps.

use std::time::Instant;

use domain::training_runs::RunError;
use ndarray::Array2;

use super::Loss;
use super::columns::Columns;
use crate::failure::failure;
use crate::fit::least_squares::overflowed;
use crate::fit::reduction::dot;

/// The mean cost over the rows + penalty / 2 * |w|². Behind the weights of the columns stands the intercept, which bears no penalty.
pub(in crate::fit) struct Objective<'a, L> {
    pub(in crate::fit) columns: &'a Columns<'a>,
    pub(in crate::fit) target: &'a [f64],
    pub(in crate::fit) loss: L,
    pub(in crate::fit) penalty: f64,
    pub(in crate::fit) until: Option<Instant>,
}

/// Twice what a step takes off the cost, as a share of it: a step this small is the last, since the one behind it would be its
/// square.
pub(super) const LAST: f64 = 1e-11;
/// Of what a step promises, it must keep this share.
pub(super) const KEPT: f64 = 1e-4;
/// What rounding makes of a cost.
pub(super) const ROUNDING: f64 = 1e-13;
/// A step that was halved so often goes nowhere.
pub(super) const SHORTEST: f64 = 1e-12;
const MAX_ROUNDS: u32 = 200;

impl<L: Loss> Objective<'_, L> {
    /// The weights, and after how many rounds they were found.
    pub(in crate::fit) fn minimum(&self) -> Result<(Vec<f64>, u32), RunError> {
        let mut weights = vec![0.0; self.columns.width()];
        let mut scores = vec![0.0; self.columns.rows()];
        let mut cost = self.cost(&weights, &scores);
        for round in 1..=MAX_ROUNDS {
            if self.until.is_some_and(|until| Instant::now() > until) {
                return Err(failure(
                    "out_of_time",
                    "there was no time to fit it",
                    "Raise budget.seconds, or choose fewer features.",
                ));
            }
            let (slopes, step) = self.step(&weights, &scores)?;
            let promised = dot(&slopes, &step);
            if !promised.is_finite() || !cost.is_finite() {
                return Err(overflowed());
            }
            let is_last = promised <= LAST * (1.0 + cost.abs());
            let along = self.columns.scores(&step);
            let mut length = 1.0;
            loop {
                let moved = less(&weights, &step, length);
                let to = less(&scores, &along, length);
                let then = self.cost(&moved, &to);
                let enough = cost - KEPT * length * promised + ROUNDING * (1.0 + cost.abs());
                if then <= enough {
                    (weights, scores, cost) = (moved, to, then);
                    break;
                }
                length /= 2.0;
                if length < SHORTEST {
                    return Err(stuck());
                }
            }
            if is_last {
                return Ok((weights, round));
            }
        }
        Err(stuck())
    }

    fn cost(&self, weights: &[f64], scores: &[f64]) -> f64 {
        let rows = self.target.iter().zip(scores);
        let costs = rows.map(|(&actual, &score)| self.loss.cost(actual, score));
        let columns = &weights[..weights.len() - 1];
        costs.sum::<f64>() / self.target.len() as f64 + 0.5 * self.penalty * dot(columns, columns)
    }

    /// The slopes by the weights, and what is to be taken off these.
    fn step(&self, weights: &[f64], scores: &[f64]) -> Result<(Vec<f64>, Vec<f64>), RunError> {
        let slopes = self
            .columns
            .slopes(|row| self.loss.slopes(self.target[row], scores[row]));
        let count = self.target.len() as f64;
        let (mut first, mut second) = (slopes.first, slopes.second);
        second /= count;
        let columns = weights.len() - 1;
        for (place, slope) in first.iter_mut().enumerate() {
            *slope /= count;
            if place < columns {
                *slope += self.penalty * weights[place];
                second[(place, place)] += self.penalty;
            }
        }
        let step = solve(second, &first).ok_or_else(stuck)?;
        Ok((first, step))
    }
}

pub(super) fn less(from: &[f64], step: &[f64], length: f64) -> Vec<f64> {
    let pairs = from.iter().zip(step);
    pairs.map(|(from, step)| from - length * step).collect()
}

pub(super) fn stuck() -> RunError {
    failure(
        "internal",
        "the solver came to no minimum",
        "Raise the penalty, leave out features that say the same, or look for extreme values and remove them.",
    )
}

/// Solves `matrix x = right` for a symmetric, positive definite matrix, by its Cholesky root. None where rounding makes it another
/// one.
pub(super) fn solve(mut matrix: Array2<f64>, right: &[f64]) -> Option<Vec<f64>> {
    let width = right.len();
    let values = matrix.as_slice_mut()?;
    // Row by row: below the diagonal stands the root.
    for row in 0..width {
        let (above, own) = values.split_at_mut(row * width);
        let own = &mut own[..width];
        let whole = own[row];
        for column in 0..row {
            let other = &above[column * width..][..=column];
            own[column] = (own[column] - dot(&own[..column], &other[..column])) / other[column];
        }
        let rest = whole - dot(&own[..row], &own[..row]);
        if rest.is_nan() || rest <= 1e-15 * whole {
            return None;
        }
        own[row] = rest.sqrt();
    }
    let root = |row: usize, column: usize| values[row * width + column];
    let mut solution = right.to_vec();
    for row in 0..width {
        let done = dot(&values[row * width..][..row], &solution[..row]);
        solution[row] = (solution[row] - done) / root(row, row);
    }
    for row in (0..width).rev() {
        solution[row] /= root(row, row);
        let own = solution[row];
        for (column, other) in solution[..row].iter_mut().enumerate() {
            *other -= own * root(row, column);
        }
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_solved_comes_out_again(
            rows in proptest::collection::vec(proptest::collection::vec(-3.0..3.0f64, 12), 1..20),
            x in proptest::collection::vec(-9.0..9.0f64, 12),
        ) {
            let mut matrix = Array2::<f64>::eye(12);
            for row in &rows {
                for i in 0..12 {
                    for j in 0..12 {
                        matrix[(i, j)] += row[i] * row[j];
                    }
                }
            }
            let right: Vec<f64> = (0..12).map(|i| (0..12).map(|j| matrix[(i, j)] * x[j]).sum()).collect();
            let found = solve(matrix, &right).unwrap();
            for (found, x) in found.iter().zip(&x) {
                prop_assert!((found - x).abs() < 1e-9, "{found} {x}");
            }
        }
    }

    #[test]
    fn a_matrix_that_is_not_definite_has_no_solution() {
        let matrix = Array2::from_shape_fn((2, 2), |_| 1.0);
        assert_eq!(solve(matrix, &[1.0, 1.0]), None);
        assert_eq!(solve(Array2::from_elem((1, 1), f64::NAN), &[1.0]), None);
    }
}
