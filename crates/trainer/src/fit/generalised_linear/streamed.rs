//! The same minimum over the rows of a file, which are read anew for every step: memory does not grow with them.

use domain::training_runs::RunError;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, Axis, Slice};

use super::Loss;
use super::newton::{KEPT, LAST, ROUNDING, SHORTEST, less, solve, stuck};
use crate::failure::out_of_memory;
use crate::fit::least_squares::overflowed;
use crate::fit::reduction::dot;
use crate::fit::{LinearFit, Rows, Told};
use crate::stream::{Block, Stream};

pub(in crate::fit) struct Streamed<'a, L> {
    pub(in crate::fit) stream: &'a Stream,
    pub(in crate::fit) rows: &'a Rows<'a>,
    /// What the target is divided by.
    pub(in crate::fit) divisor: f64,
    pub(in crate::fit) loss: L,
    pub(in crate::fit) penalty: f64,
    /// Why a value of the target can not be learned from.
    pub(in crate::fit) check: &'a (dyn Fn(f64) -> Option<RunError> + Sync),
}

const MAX_ROUNDS: u32 = 50;

/// What the rows come to with some weights.
struct Sums {
    rows: f64,
    cost: f64,
    first: Array1<f64>,
    second: Array2<f64>,
    refused: Option<RunError>,
}

pub(in crate::fit) struct Found {
    /// Of each encoded column, and of the intercept behind them.
    weights: Vec<f64>,
}

impl<L: Loss> Streamed<'_, L> {
    /// Newton's steps, as [`super::newton`] takes them. Where they are too many, the last one is told to be.
    pub(in crate::fit) fn minimum(&self, tell: &mut dyn FnMut(Told)) -> Result<Found, RunError> {
        let width = self.rows.features.encoded.len() + 1;
        let square = (width * width) as f64;
        let bytes = 8.0 * 6.0 * square;
        if bytes > f64::from(self.rows.memory_mb) * f64::from(1 << 20) / 2.0 {
            return Err(out_of_memory(&format!(
                "a model of {width} encoded columns that goes by them and each two of them, which takes {:.0} MB",
                bytes / 0.5e6
            )));
        }
        let mut weights = vec![0.0; width];
        let mut at = self.pass(&weights, 0, tell)?;
        for round in 1..=MAX_ROUNDS {
            let (slopes, second) = self.slopes(&at, &weights);
            let step = solve(second, &slopes).ok_or_else(stuck)?;
            let promised = dot(&slopes, &step);
            let cost = self.cost(&at, &weights);
            if !promised.is_finite() || !cost.is_finite() {
                return Err(overflowed());
            }
            if promised <= LAST * (1.0 + cost.abs()) {
                tell(Told::Info(format!(
                    "fitted {} coefficients to {} rows of the file in {round} rounds",
                    width - 1,
                    at.rows
                )));
                return Ok(Found { weights });
            }
            let mut length = 1.0;
            loop {
                let moved = less(&weights, &step, length);
                let then = self.pass(&moved, round, tell)?;
                let enough = cost - KEPT * length * promised + ROUNDING * (1.0 + cost.abs());
                if self.cost(&then, &moved) <= enough {
                    (weights, at) = (moved, then);
                    break;
                }
                length /= 2.0;
                if length < SHORTEST {
                    return Err(stuck());
                }
            }
        }
        tell(Told::Warn(format!(
            "the solver stopped at its maximum of {MAX_ROUNDS} rounds, before the coefficients stood still: raise params.penalty, or leave out \
             columns that say the same"
        )));
        Ok(Found { weights })
    }

    fn cost(&self, at: &Sums, weights: &[f64]) -> f64 {
        let columns = &weights[..weights.len() - 1];
        at.cost / at.rows + 0.5 * self.penalty * dot(columns, columns)
    }

    fn slopes(&self, at: &Sums, weights: &[f64]) -> (Vec<f64>, Array2<f64>) {
        let columns = weights.len() - 1;
        let mut first: Vec<f64> = at.first.iter().map(|slope| slope / at.rows).collect();
        let mut second = &at.second / at.rows;
        for (place, slope) in first.iter_mut().enumerate().take(columns) {
            *slope += self.penalty * weights[place];
            second[(place, place)] += self.penalty;
        }
        (first, second)
    }

    fn pass(
        &self,
        weights: &[f64],
        round: u32,
        tell: &mut dyn FnMut(Told),
    ) -> Result<Sums, RunError> {
        let width = weights.len();
        let parts = self.stream.reduce(
            self.rows,
            |blocks| {
                let mut sums = Sums::new(width);
                for block in blocks {
                    self.add(&mut sums, &block, weights);
                }
                sums
            },
            &mut |fraction| {
                // How many rounds there will be nobody knows.
                let done = f64::from(round) + fraction;
                tell(Told::Progress(done / (done + 4.0)));
            },
        )?;
        let mut all = Sums::new(width);
        for part in parts {
            if let Some(refused) = part.refused {
                return Err(refused);
            }
            all.rows += part.rows;
            all.cost += part.cost;
            all.first += &part.first;
            all.second += &part.second;
        }
        if all.rows > 0.0 {
            Ok(all)
        } else {
            Err(overflowed())
        }
    }

    fn add(&self, sums: &mut Sums, block: &Block, weights: &[f64]) {
        let columns = weights.len() - 1;
        let of_slopes = Slice::from(..columns);
        let of_columns = ArrayView1::from(&weights[..columns]);
        let scores = block.values.t().dot(&of_columns) + weights[columns];
        let mut bent = block.values.clone();
        let (mut slopes, mut bends) = (Vec::new(), Vec::new());
        for (&actual, &score) in block.target.iter().zip(&scores) {
            if sums.refused.is_none() {
                sums.refused = (self.check)(actual);
            }
            let actual = actual / self.divisor;
            sums.cost += self.loss.cost(actual, score);
            let (slope, bend) = self.loss.slopes(actual, score);
            slopes.push(slope);
            bends.push(bend);
        }
        let (slopes, bends) = (Array1::from(slopes), Array1::from(bends));
        bent *= &bends;
        let own = block.values.dot(&slopes);
        let beside = bent.sum_axis(Axis(1));
        let mut first = sums.first.slice_each_axis_mut(|_| of_slopes);
        first += &own;
        sums.first[columns] += slopes.sum();
        let mut second = sums.second.slice_each_axis_mut(|_| of_slopes);
        general_mat_mul(1.0, &bent, &block.values.t(), 1.0, &mut second);
        for (place, beside) in beside.iter().enumerate() {
            sums.second[(place, columns)] += beside;
            sums.second[(columns, place)] += beside;
        }
        sums.second[(columns, columns)] += bends.sum();
        sums.rows += block.target.len() as f64;
    }
}

impl Sums {
    fn new(width: usize) -> Self {
        Self {
            rows: 0.0,
            cost: 0.0,
            first: Array1::zeros(width),
            second: Array2::zeros((width, width)),
            refused: None,
        }
    }
}

impl Found {
    /// `start` is what the weighted sum starts from beside the intercept.
    pub(in crate::fit) fn fit(self, start: f64) -> Result<LinearFit, RunError> {
        let mut coefficients = self.weights;
        let intercept = start + coefficients.pop().unwrap_or_default();
        let is_finite = |number: &f64| number.is_finite();
        if !intercept.is_finite() || !coefficients.iter().all(is_finite) {
            return Err(overflowed());
        }
        Ok(LinearFit {
            coefficients: coefficients.into_iter().map(Some).collect(),
            intercept,
            collinear: Vec::new(),
        })
    }
}
