//! Logistic regression: classes by weighted sums of the encoded columns, which are kept small. Of two classes by Newton's steps, which
//! encode the rows anew each time, or where that would be too many columns by linfa; of more by L-BFGS.
//!
//! Minimised is the mean log loss over the training rows + penalty / 2 * |w|², with every encoded column standardised, so that the
//! penalty weighs each alike whatever its unit. The penalty also makes the solution the only one where columns say the same, and
//! a finite one where they tell the classes apart without a fault. The intercepts are not part of it.

mod multinomial;

use domain::training_runs::RunError;
use linfa::DatasetBase;
use linfa::traits::Fit as _;
use linfa_logistic::LogisticRegression as Binary;
use linfa_logistic::error::Error as SolverError;
use model::Link;
use ndarray::{Array1, Array2, ArrayView1};
use rayon::ThreadPoolBuilder;

use super::generalised_linear::{Columns, Loss, Objective as Steps, Streamed};
use super::least_squares::{overflowed, solver_failed};
use super::{Fit, Fits, Fitted, LinearFit, Rows, Told, threads};
use crate::failure::{failure, out_of_memory};
use crate::profile::Moments;
use multinomial::Objective;

pub(super) struct LogisticRegression {
    /// Above 0.
    pub(super) penalty: f64,
}

/// Lengths of the gradient to stop at, for each training row. Where rounding keeps the solver from the first one, the next one is
/// as good for whoever asks for a prediction.
const TOLERANCES: [f64; 3] = [1e-8, 1e-6, 1e-4];
const MAX_ROUNDS: f64 = 500.0;
/// A slope longer than this is that of a solver that was not done.
const REST: f64 = 1e-3;
/// Of more encoded columns Newton's steps take longer than others.
const MOST_COLUMNS: usize = 256;
const FEWEST_ROUNDS: f64 = 50.0;
/// Multiplications of all rounds together: some ten seconds.
const MOST_STEPS: f64 = 2e10;
/// A column whose spread is less than this share of its size is what rounding leaves of none.
const CONSTANT: f64 = 1e-9;

impl Fit for LogisticRegression {
    fn fit(&self, rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Fitted, RunError> {
        let classes = rows.classes.unwrap_or_default();
        if let Some(fit) = self.steps(rows, tell)? {
            return Ok(Fitted::Classes(Link::Logistic, Fits::Linear(vec![fit])));
        }
        let scaled = Scaled::of(rows, classes)?;
        tell(Told::Progress(0.1));
        let labels: Array1<usize> = rows
            .train
            .iter()
            .map(|&row| rows.target[row as usize] as usize)
            .collect();
        let data = DatasetBase::new(scaled.records.view(), labels);
        let solved = self.solve(&scaled, &data, classes)?;
        let labels = data.targets.as_slice().unwrap_or_default();
        if self.slope(&scaled.records, labels, &solved) > REST {
            tell(Told::Warn(
                "the solver stopped at its maximum of rounds, before the coefficients stood still: raise params.penalty, or leave out columns that \
                 say the same"
                    .to_owned(),
            ));
        }
        let fits = solved
            .into_iter()
            .map(|(intercept, weights)| scaled.fit(intercept, &weights))
            .collect::<Result<Vec<LinearFit>, RunError>>()?;
        tell(Told::Info(format!(
            "fitted {} coefficients by logistic regression",
            scaled.kept.len() * fits.len()
        )));
        let link = if classes == 2 {
            Link::Logistic
        } else {
            Link::Softmax
        };
        Ok(Fitted::Classes(link, Fits::Linear(fits)))
    }
}

/// How two classes compare, by the logarithm of the second one's odds: its place is the target.
#[derive(Clone, Copy)]
struct Odds;

impl Loss for Odds {
    fn cost(self, actual: f64, score: f64) -> f64 {
        // ln(1 + e^score), without what overflows.
        score.max(0.0) + (-score.abs()).exp().ln_1p() - actual * score
    }

    fn slopes(self, actual: f64, score: f64) -> (f64, f64) {
        let share = 1.0 / (1.0 + (-score).exp());
        (share - actual, share * (1.0 - share))
    }
}

type Data<'a> =
    DatasetBase<ndarray::ArrayBase<ndarray::ViewRepr<&'a f64>, ndarray::Ix2>, Array1<usize>>;

impl LogisticRegression {
    /// Of two classes by Newton's steps. None where another way is to be taken.
    fn steps(
        &self,
        rows: &Rows<'_>,
        tell: &mut dyn FnMut(Told),
    ) -> Result<Option<LinearFit>, RunError> {
        if rows.classes != Some(2) {
            return Ok(None);
        }
        if let Some(stream) = rows.stream {
            let streamed = Streamed {
                stream,
                rows,
                divisor: 1.0,
                loss: Odds,
                penalty: self.penalty,
                check: &|_| None,
            };
            return streamed.minimum(tell)?.fit(0.0).map(Some);
        }
        if rows.features.encoded.len() > MOST_COLUMNS {
            return Ok(None);
        }
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads())
            .build()
            .map_err(|_| out_of_memory("the threads of the solver"))?;
        let columns = Columns::of(rows)?;
        let target: Vec<f64> = rows
            .train
            .iter()
            .map(|&row| rows.target[row as usize])
            .collect();
        let objective = Steps {
            columns: &columns,
            target: &target,
            loss: Odds,
            penalty: self.penalty,
            until: rows.until,
        };
        match pool.install(|| objective.minimum()) {
            Ok((weights, rounds)) => {
                tell(Told::Info(format!(
                    "fitted {} coefficients by logistic regression in {rounds} rounds",
                    weights.len() - 1
                )));
                columns.fit(weights, 0.0).map(Some)
            }
            Err(error) if error.code == "out_of_time" => Err(error),
            // Rounding: the other way goes by first slopes alone.
            Err(_) => Ok(None),
        }
    }

    /// How long the slope of what is minimised is where the solver stopped.
    fn slope(&self, records: &Array2<f64>, labels: &[usize], solved: &[(f64, Vec<f64>)]) -> f64 {
        let count = labels.len().max(1) as f64;
        let of_scores: Vec<Array1<f64>> = solved
            .iter()
            .map(|(intercept, weights)| records.dot(&ArrayView1::from(weights)) + *intercept)
            .collect();
        let mut wrong = of_scores.clone();
        for (row, &label) in labels.iter().enumerate() {
            let largest = of_scores.iter().map(|scores| scores[row]);
            // Of two classes the first one's score is 0.
            let first = if solved.len() == 1 {
                0.0
            } else {
                f64::NEG_INFINITY
            };
            let largest = largest.fold(first, f64::max);
            let part = |score: f64| (score - largest).exp();
            let all: f64 = of_scores.iter().map(|scores| part(scores[row])).sum();
            let all = all + part(first);
            for (place, wrong) in wrong.iter_mut().enumerate() {
                let own = if solved.len() == 1 {
                    label == 1
                } else {
                    label == place
                };
                wrong[row] = part(of_scores[place][row]) / all - f64::from(u8::from(own));
            }
        }
        let squares = wrong.iter().zip(solved).map(|(wrong, (_, weights))| {
            let slopes = records.t().dot(wrong) / count;
            let of_weights: f64 = slopes
                .iter()
                .zip(weights)
                .map(|(slope, weight)| (slope + self.penalty * weight).powi(2))
                .sum();
            of_weights + (wrong.sum() / count).powi(2)
        });
        squares.sum::<f64>().sqrt()
    }

    /// Intercept and weights of each score.
    fn solve(
        &self,
        scaled: &Scaled,
        data: &Data<'_>,
        classes: usize,
    ) -> Result<Vec<(f64, Vec<f64>)>, RunError> {
        let rows = scaled.records.nrows() as f64;
        let steps = (scaled.records.len().max(1) * classes) as f64;
        let rounds = (MOST_STEPS / steps).clamp(FEWEST_ROUNDS, MAX_ROUNDS) as u64;
        let mut last = None;
        for tolerance in TOLERANCES {
            let solved = if classes == 2 {
                self.binary(data, rows, rounds, tolerance)
            } else {
                let objective = Objective {
                    records: &scaled.records,
                    labels: data.targets.as_slice().unwrap_or_default(),
                    classes,
                    penalty: self.penalty,
                };
                objective
                    .solve(rounds, tolerance)
                    .map_err(SolverError::from)
            };
            match solved {
                Ok(solved) => return Ok(solved),
                // Of what it goes wrong by, only rounding depends on the tolerance.
                Err(error @ SolverError::ArgMinError(_)) => last = Some(error),
                Err(error) => return Err(solver_failed(&error)),
            }
        }
        Err(last.map_or_else(overflowed, |error| solver_failed(&error)))
    }

    fn binary(
        &self,
        data: &Data<'_>,
        rows: f64,
        rounds: u64,
        tolerance: f64,
    ) -> Result<Vec<(f64, Vec<f64>)>, SolverError> {
        let fitted = Binary::default()
            // Its objective sums over the rows.
            .alpha(self.penalty * rows)
            .max_iterations(rounds)
            .gradient_tolerance(tolerance * rows)
            .fit(data)?;
        // It takes the class that it meets first, or has more of, for the positive one.
        let sign = if fitted.labels().pos.class == 1 {
            1.0
        } else {
            -1.0
        };
        let weights = fitted.params().iter().map(|weight| sign * weight).collect();
        Ok(vec![(sign * fitted.intercept(), weights)])
    }
}

/// The encoded columns of the training rows, each with a mean of 0 and a standard deviation of 1, without constant ones.
struct Scaled {
    records: Array2<f64>,
    /// Places of the encoded columns that are in `records`.
    kept: Vec<usize>,
    /// Mean and standard deviation that each of them had.
    moments: Vec<(f64, f64)>,
    encoded: usize,
}

impl Scaled {
    fn of(rows: &Rows<'_>, classes: usize) -> Result<Self, RunError> {
        let width = rows.features.encoded.len();
        let count = rows.train.len();
        // The columns, and what the solver makes of every row in a step.
        let bytes = 8.0 * count as f64 * (width + 4 * classes + 8) as f64;
        let memory = f64::from(rows.memory_mb) * f64::from(1 << 20) / 2.0;
        if bytes > memory {
            return Err(out_of_memory(&format!(
                "logistic regression of {width} encoded columns in {count} rows, which takes {:.0} MB",
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
        let mut records = Array2::zeros((count, kept.len()));
        for (&row, mut record) in rows.train.iter().zip(records.rows_mut()) {
            rows.features.encode(row, &mut encoded);
            for ((value, &place), (mean, std)) in record.iter_mut().zip(&kept).zip(&moments) {
                *value = (encoded[place] - mean) / std;
            }
        }
        Ok(Self {
            records,
            kept,
            moments,
            encoded: width,
        })
    }

    /// Undoes the scale.
    fn fit(&self, mut intercept: f64, weights: &[f64]) -> Result<LinearFit, RunError> {
        let mut coefficients = vec![None; self.encoded];
        for ((&place, (mean, std)), weight) in self.kept.iter().zip(&self.moments).zip(weights) {
            let coefficient = weight / std;
            intercept -= coefficient * mean;
            coefficients[place] = Some(coefficient);
        }
        if !intercept.is_finite()
            || !coefficients
                .iter()
                .flatten()
                .all(|number| number.is_finite())
        {
            return Err(overflowed());
        }
        Ok(LinearFit {
            coefficients,
            intercept,
            collinear: Vec::new(),
        })
    }
}
