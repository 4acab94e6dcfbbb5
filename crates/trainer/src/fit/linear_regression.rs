//! Ordinary least squares by linfa, on columns that are made safe for it first.

use domain::training_runs::RunError;
use linfa::DatasetBase;
use linfa::traits::Fit as _;
use ndarray::{Array1, Array2};

use super::least_squares::{Triangle, overflowed, solver_failed};
use super::{Fit, Fitted, LinearFit, Rows, Told};
use crate::failure::failure;

pub(super) struct LinearRegression;

/// What of a column is left when the ones before it are taken out, as a share of its length: less than this is what
/// rounding leaves of nothing.
const TOLERANCE: f64 = 1e-8;

impl Fit for LinearRegression {
    fn fit(&self, rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Fitted, RunError> {
        let columns = rows.features.encoded.len();
        if rows.train.len() <= columns + 1 {
            return Err(failure(
                "too_few_rows",
                format!(
                    "{} training rows are too few for {columns} encoded columns",
                    rows.train.len()
                ),
                "Add rows, choose fewer features or ones with fewer categories, or choose ridge.",
            ));
        }
        let triangle = Triangle::of(rows, tell)?;
        let fit = solve(&triangle, rows)?;
        tell(Told::Info(format!(
            "fitted {} coefficients by least squares",
            fit.coefficients.iter().flatten().count()
        )));
        Ok(Fitted::Linear(fit))
    }
}

fn solve(triangle: &Triangle, rows: &Rows<'_>) -> Result<LinearFit, RunError> {
    let columns = triangle.columns;
    let encoded = &rows.features.encoded;
    let (kept, collinear) = independent(&triangle.values, triangle.width(), columns);
    let collinear = collinear
        .into_iter()
        .map(|(column, others)| {
            (
                column - 1,
                others
                    .into_iter()
                    .map(|other| encoded[other - 1].name.clone())
                    .collect(),
            )
        })
        .collect();

    // Least squares of the triangle are those of the rows. Its first column stands for the intercept.
    let records = Array2::from_shape_fn((columns + 1, kept.len()), |(row, place)| {
        triangle.at(row, kept[place])
    });
    let targets = Array1::from_shape_fn(columns + 1, |row| triangle.at(row, columns + 1));
    if records
        .iter()
        .chain(&targets)
        .any(|value| !value.is_finite())
    {
        return Err(overflowed());
    }
    let fitted = linfa_linear::LinearRegression::new()
        .with_intercept(false)
        .fit(&DatasetBase::new(records, targets))
        .map_err(|error| solver_failed(&error))?;

    let (mean, std) = rows.scale;
    let mut coefficients = vec![None; columns];
    let mut intercept = mean;
    for (&column, &value) in kept.iter().zip(fitted.params()) {
        let value = value * std;
        if !value.is_finite() {
            return Err(overflowed());
        }
        match column {
            0 => intercept += value,
            column => coefficients[column - 1] = Some(value),
        }
    }
    Ok(LinearFit {
        coefficients,
        intercept,
        collinear,
    })
}

type Collinear = Vec<(usize, Vec<usize>)>;

/// Goes through the columns 0 to `last` of a triangle in their order and keeps those that are no sum of kept ones.
/// The others come with the kept columns that weigh most in them.
fn independent(triangle: &[f64], width: usize, last: usize) -> (Vec<usize>, Collinear) {
    let mut kept: Vec<usize> = Vec::new();
    let mut collinear = Vec::new();
    // Directions of the kept columns, and how the kept columns are made of them.
    let mut directions: Vec<Vec<f64>> = Vec::new();
    let mut parts: Vec<Vec<f64>> = Vec::new();
    for column in 0..=last {
        let mut rest: Vec<f64> = (0..=last)
            .map(|row| triangle[row * width + column])
            .collect();
        let length = norm(&rest);
        let mut part = vec![0.0; directions.len()];
        // Twice: the second time takes out what rounding left the first time.
        for _ in 0..2 {
            for (share, direction) in part.iter_mut().zip(&directions) {
                let product: f64 = rest.iter().zip(direction).map(|(a, b)| a * b).sum();
                *share += product;
                rest.iter_mut()
                    .zip(direction)
                    .for_each(|(value, along)| *value -= product * along);
            }
        }
        let left = norm(&rest);
        if left > TOLERANCE * length {
            for value in &mut rest {
                *value /= left;
            }
            directions.push(rest);
            part.push(left);
            parts.push(part);
            kept.push(column);
        } else {
            collinear.push((column, heaviest(&kept, &parts, part)));
        }
    }
    (kept, collinear)
}

/// Solves for the weights of the kept columns in a column that is made of them, and gives the heaviest, at most 3.
fn heaviest(kept: &[usize], parts: &[Vec<f64>], mut part: Vec<f64>) -> Vec<usize> {
    for index in (0..parts.len()).rev() {
        part[index] /= parts[index][index];
        let weight = part[index];
        for earlier in 0..index {
            part[earlier] -= weight * parts[index][earlier];
        }
    }
    let largest = part
        .iter()
        .skip(1)
        .fold(0.0_f64, |largest, weight| largest.max(weight.abs()));
    let mut heavy: Vec<(usize, f64)> = kept
        .iter()
        .zip(&part)
        .filter(|&(&column, weight)| column > 0 && weight.abs() > 1e-3 * largest)
        .map(|(&column, weight)| (column, weight.abs()))
        .collect();
    heavy.sort_by(|a, b| b.1.total_cmp(&a.1));
    heavy
        .into_iter()
        .take(3)
        .map(|(column, _)| column)
        .collect()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::Reduction;
    use super::*;

    fn reduced(rows: &[Vec<f64>]) -> Vec<f64> {
        let mut reduction = Reduction::new(rows[0].len());
        for row in rows {
            reduction.add(row);
        }
        reduction.finish()
    }

    #[test]
    fn a_sum_of_other_columns_is_found_and_named() {
        let rows: Vec<Vec<f64>> = (0..2_000)
            .map(|index| {
                let (a, b, c) = (
                    f64::from(index),
                    f64::from(index * index % 97),
                    f64::from(index % 13) / 13.0,
                );
                vec![1.0, a, b, a * 0.3 - b, c, 7.0 - c, 0.0]
            })
            .collect();
        let (kept, collinear) = independent(&reduced(&rows), 7, 5);
        assert_eq!(kept, [0, 1, 2, 4]);
        assert_eq!(collinear, [(3, vec![2, 1]), (5, vec![4])]);
    }

    #[test]
    fn nearly_the_same_is_not_the_same() {
        let rows: Vec<Vec<f64>> = (0..100)
            .map(|index| {
                vec![
                    1.0,
                    f64::from(index),
                    f64::from(index) + 1e-4 * f64::from(index % 7),
                    0.0,
                ]
            })
            .collect();
        let (kept, collinear) = independent(&reduced(&rows), 4, 2);
        assert_eq!(kept, [0, 1, 2]);
        assert!(collinear.is_empty());
    }
}
