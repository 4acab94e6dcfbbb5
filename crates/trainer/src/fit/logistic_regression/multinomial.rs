//! Logistic regression of several classes, solved by L-BFGS. The objective is ours: linfa's compares every row's scores with the
//! largest score of all rows, and takes rows far below that for hopeless ones.

use argmin::core::{CostFunction, Error, Executor, Gradient, State as _};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

/// Steps that the solver remembers.
const MEMORY: usize = 10;

/// The mean log loss over the rows + penalty / 2 * |w|². A parameter is a weight of each column for each class, and an intercept
/// of each class behind them.
pub(super) struct Objective<'a> {
    pub(super) records: &'a Array2<f64>,
    /// The place of each row's class.
    pub(super) labels: &'a [usize],
    pub(super) classes: usize,
    pub(super) penalty: f64,
}

impl Objective<'_> {
    /// Intercept and weights of each class's score.
    ///
    /// # Errors
    /// When rounding keeps the solver from a gradient as short as `tolerance`.
    pub(super) fn solve(self, rounds: u64, tolerance: f64) -> Result<Vec<(f64, Vec<f64>)>, Error> {
        let (width, classes) = (self.records.ncols(), self.classes);
        let solver =
            LBFGS::new(MoreThuenteLineSearch::new(), MEMORY).with_tolerance_grad(tolerance)?;
        let start = vec![0.0; (width + 1) * classes];
        let solved = Executor::new(self, solver)
            .configure(|state| state.param(start).max_iters(rounds))
            .run()?;
        let best = solved.state().get_best_param();
        let best = best.ok_or_else(|| Error::msg("the solver took no step"))?;
        let (weights, intercepts) = parts(best, classes)?;
        let scores = weights.columns().into_iter().zip(intercepts);
        Ok(scores
            .map(|(weights, intercept)| (*intercept, weights.to_vec()))
            .collect())
    }

    /// The logarithm of each class's probability in each row.
    fn log_probabilities(
        &self,
        weights: &ArrayView2<'_, f64>,
        intercepts: &ArrayView1<'_, f64>,
    ) -> Array2<f64> {
        let mut scores = self.records.dot(weights);
        scores += intercepts;
        for mut row in scores.rows_mut() {
            let largest = row.fold(f64::NEG_INFINITY, |largest, &score| largest.max(score));
            let sum: f64 = row.iter().map(|score| (score - largest).exp()).sum();
            let log_sum = largest + sum.ln();
            row -= log_sum;
        }
        scores
    }
}

/// The weights, a row for each column, and the intercepts.
fn parts(
    parameter: &[f64],
    classes: usize,
) -> Result<(ArrayView2<'_, f64>, ArrayView1<'_, f64>), Error> {
    let (weights, intercepts) = parameter.split_at(parameter.len().saturating_sub(classes));
    let shape = (weights.len() / classes.max(1), classes);
    Ok((
        ArrayView2::from_shape(shape, weights)?,
        ArrayView1::from(intercepts),
    ))
}

impl CostFunction for Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameter: &Vec<f64>) -> Result<f64, Error> {
        let (weights, intercepts) = parts(parameter, self.classes)?;
        let rows = self.log_probabilities(&weights, &intercepts);
        let right = rows.rows().into_iter().zip(self.labels);
        let loss: f64 = right.map(|(row, &label)| -row[label]).sum();
        let size: f64 = weights.iter().map(|weight| weight * weight).sum();
        Ok(loss / self.labels.len() as f64 + 0.5 * self.penalty * size)
    }
}

impl Gradient for Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameter: &Vec<f64>) -> Result<Vec<f64>, Error> {
        let (weights, intercepts) = parts(parameter, self.classes)?;
        let mut wrong = self.log_probabilities(&weights, &intercepts);
        wrong.mapv_inplace(f64::exp);
        for (mut row, &label) in wrong.rows_mut().into_iter().zip(self.labels) {
            row[label] -= 1.0;
        }
        wrong /= self.labels.len() as f64;
        let of_weights = self.records.t().dot(&wrong) + &weights * self.penalty;
        let of_intercepts = wrong.sum_axis(Axis(0));
        Ok(of_weights.iter().chain(&of_intercepts).copied().collect())
    }
}
