//! Least squares that keep the coefficients small: ridge, lasso, and what lies between.
//!
//! Minimised is `|y - X w|² / (2 n) + penalty * (l1_ratio * |w|₁ + (1 - l1_ratio) / 2 * |w|²)` over the n training rows, with
//! the target and every encoded column standardised, so that the penalty weighs each alike whatever its unit.

use domain::training_runs::RunError;
use linfa::DatasetBase;
use linfa::traits::Fit as _;
use linfa_elasticnet::ElasticNet;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2};

use super::least_squares::{Triangle, overflowed, solver_failed};
use super::{Fit, Fitted, LinearFit, Rows, Told, linear_regression};

pub(super) struct Penalised {
    /// From 0 up.
    pub(super) penalty: f64,
    /// 0 to 1.
    pub(super) l1_ratio: f64,
}

/// Of the duality gap, as a share of the target's spread.
const TOLERANCE: f64 = 1e-10;
const MAX_ROUNDS: u32 = 20_000;
const FEWEST_ROUNDS: f64 = 100.0;
/// Multiplications of all rounds together: some ten seconds.
const MOST_STEPS: f64 = 2e10;

/// A column whose spread is less than this share of a standardised one's is what rounding leaves of none.
const CONSTANT: f64 = 1e-9;

impl Fit for Penalised {
    fn fit(&self, rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Fitted, RunError> {
        if self.penalty == 0.0 {
            return linear_regression::LinearRegression.fit(rows, tell);
        }
        let triangle = Triangle::of(rows, tell)?;
        let centred = Centred::of(&triangle, triangle.rows)?;
        let weights = if self.l1_ratio == 0.0 {
            self.squares(&centred)?
        } else {
            self.coordinates(&centred, tell)?
        };

        let (mean, std) = rows.scale;
        let mut intercept = mean;
        let mut coefficients = Vec::with_capacity(triangle.columns);
        for (column, (weight, spread)) in weights.iter().zip(&centred.spreads).enumerate() {
            let coefficient = if *spread > 0.0 {
                weight / spread * std
            } else {
                0.0
            };
            // The triangle's first row is that of the column of ones: what it holds of a column is its mean.
            intercept -= coefficient * triangle.at(0, column + 1) / triangle.at(0, 0);
            coefficients.push(Some(coefficient));
        }
        intercept += std * triangle.at(0, triangle.columns + 1) / triangle.at(0, 0);
        if coefficients
            .iter()
            .flatten()
            .chain([&intercept])
            .any(|number| !number.is_finite())
        {
            return Err(overflowed());
        }
        let zero = coefficients
            .iter()
            .flatten()
            .filter(|coefficient| **coefficient == 0.0)
            .count();
        tell(Told::Info(format!(
            "fitted {} coefficients, {zero} of them 0",
            coefficients.len()
        )));
        if zero == coefficients.len() {
            tell(Told::Warn(format!(
                "every coefficient is 0: a penalty of {} is too high for this target, lower it",
                self.penalty
            )));
        }
        Ok(Fitted::Linear(LinearFit {
            coefficients,
            intercept,
            collinear: Vec::new(),
        }))
    }
}

/// The triangle without its first row and column: the same least squares with the mean taken off every column. Each encoded
/// column is scaled to a standard deviation of 1.
struct Centred {
    records: Array2<f64>,
    target: Array1<f64>,
    /// What each column was divided by; 0 for one that is constant, which is all 0 then.
    spreads: Vec<f64>,
    /// Training rows.
    rows: f64,
}

impl Centred {
    fn of(triangle: &Triangle, rows: usize) -> Result<Self, RunError> {
        let columns = triangle.columns;
        let rows = rows as f64;
        let spreads: Vec<f64> = (1..=columns)
            .map(|column| {
                let squares: f64 = (1..=column)
                    .map(|row| triangle.at(row, column).powi(2))
                    .sum();
                let spread = (squares / rows).sqrt();
                if spread > CONSTANT { spread } else { 0.0 }
            })
            .collect();
        let records = Array2::from_shape_fn((columns + 1, columns), |(row, column)| {
            if spreads[column] > 0.0 {
                triangle.at(row + 1, column + 1) / spreads[column]
            } else {
                0.0
            }
        });
        let target = Array1::from_shape_fn(columns + 1, |row| triangle.at(row + 1, columns + 1));
        if records
            .iter()
            .chain(&target)
            .any(|value| !value.is_finite())
        {
            return Err(overflowed());
        }
        Ok(Self {
            records,
            target,
            spreads,
            rows,
        })
    }
}

impl Penalised {
    /// Squares alone: rows that ask every coefficient to be 0 make it least squares, which has one solution always.
    fn squares(&self, centred: &Centred) -> Result<Vec<f64>, RunError> {
        let (height, columns) = centred.records.dim();
        let weight = (self.penalty * centred.rows).sqrt();
        let records = Array2::from_shape_fn((height + columns, columns), |(row, column)| match row
            .checked_sub(height)
        {
            None => centred.records[(row, column)],
            Some(asked) if asked == column => weight,
            Some(_) => 0.0,
        });
        let target = Array1::from_shape_fn(height + columns, |row| {
            centred.target.get(row).copied().unwrap_or(0.0)
        });
        let fitted = LinearRegression::new()
            .with_intercept(false)
            .fit(&DatasetBase::new(records, target))
            .map_err(|error| solver_failed(&error))?;
        Ok(fitted.params().to_vec())
    }

    /// By coordinate descent.
    fn coordinates(
        &self,
        centred: &Centred,
        tell: &mut dyn FnMut(Told),
    ) -> Result<Vec<f64>, RunError> {
        let height = centred.records.nrows() as f64;
        // A round takes longer the more columns there are.
        let affordable = MOST_STEPS / centred.records.len() as f64;
        let rounds = affordable.clamp(FEWEST_ROUNDS, f64::from(MAX_ROUNDS)) as u32;
        let data = DatasetBase::new(centred.records.clone(), centred.target.clone());
        let fitted = ElasticNet::params()
            // Its objective divides by the rows that it sees, which are those of the triangle.
            .penalty(self.penalty * centred.rows / height)
            .l1_ratio(self.l1_ratio)
            .with_intercept(false)
            .tolerance(TOLERANCE)
            .max_iterations(rounds)
            .fit(&data)
            .map_err(|error| solver_failed(&error))?;
        if fitted.n_steps() >= rounds {
            tell(Told::Warn(format!(
                "the solver stopped after {rounds} rounds before the coefficients stood still: raise the penalty"
            )));
        }
        Ok(fitted.hyperplane().to_vec())
    }
}
