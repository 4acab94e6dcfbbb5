//! How a model does on the rows that it has not seen.

mod classification;
mod curves;
mod permutation;
mod segments;

use std::collections::BTreeMap;

use domain::datasets::HistogramBar;
use domain::models::{ClassEvaluation, EvaluationPoint};
use domain::training_runs::RunError;
use model::{PredictError, Predictor, Value};

use crate::failure::{failure, reserve};
use crate::fit::threads;
use crate::profile::Histogram;
use crate::target::Target;
use classification::Judged;

pub(crate) use classification::loss;
pub(crate) use permutation::{Dealing, REPEATS, permutation};
pub(crate) use segments::segments;

const POINTS: usize = 500;
const RESIDUAL_BARS: usize = 30;
/// Held-out rows that are predicted together.
const BLOCK: usize = 8_192;

pub(crate) struct HeldOut {
    pub(crate) metrics: BTreeMap<String, f64>,
    /// Of a regression, as `residuals`.
    pub(crate) points: Vec<EvaluationPoint>,
    /// Actual minus predicted.
    pub(crate) residuals: Vec<HistogramBar>,
    pub(crate) classification: Option<ClassEvaluation>,
    /// Of each row: of a regression the square of its error, of a classification its log loss.
    pub(crate) losses: Vec<f64>,
}

/// Predicts the rows `test` with the model as it will be served, and compares with `target`. Beside it stands what one would say
/// without a model: the mean of the training rows, or the shares of their classes.
pub(crate) fn evaluate(
    predictor: &Predictor,
    (train, test): (&[u32], &[u32]),
    mut values: impl FnMut(u32, &mut [Value]),
    target: &Target,
    mean: f64,
    progress: &mut dyn FnMut(f64),
) -> Result<HeldOut, RunError> {
    let width = predictor.width();
    let mut predicted = reserve(test.len() * width, "the held-out predictions")?;
    let inputs = predictor.len();
    let mut block = vec![Value::Missing; BLOCK.min(test.len()) * inputs];
    for (number, rows) in test.chunks(BLOCK).enumerate() {
        for (&row, row_values) in rows.iter().zip(block.chunks_mut(inputs.max(1))) {
            values(row, row_values);
        }
        let begin = predicted.len();
        predicted.resize(begin + rows.len() * width, 0.0);
        let block: Vec<&[Value]> = block.chunks(inputs.max(1)).take(rows.len()).collect();
        for (row, done) in rows
            .iter()
            .zip(together(predictor, &block, &mut predicted[begin..]))
        {
            done.map_err(|error| {
                failure(
                    "internal",
                    format!("held-out row {}: {error}", row + 1),
                    "Look for extreme values in the features and remove them.",
                )
            })?;
        }
        progress((number * BLOCK) as f64 / test.len() as f64);
    }
    let actual = test.iter().map(|&row| target.values[row as usize]);
    let mut held_out = match &target.classes {
        None => {
            let pairs = actual.zip(predicted);
            regression(
                pairs
                    .map(|(actual, predicted)| EvaluationPoint { actual, predicted })
                    .collect(),
                mean,
            )?
        }
        Some(classes) => {
            let judged = Judged {
                actual: actual.map(|class| class as usize).collect(),
                predicted,
                shares: shares(train, target, classes.len()),
            };
            let rows = judged.predicted.chunks_exact(width).zip(&judged.actual);
            let losses = rows
                .map(|(predicted, &class)| loss(predicted[class]))
                .collect();
            let areas = judged.areas();
            HeldOut {
                metrics: judged.metrics(&areas),
                points: Vec::new(),
                residuals: Vec::new(),
                classification: Some(judged.evaluation(classes, &areas)),
                losses,
            }
        }
    };
    let metrics = &mut held_out.metrics;
    metrics.insert("test_rows".to_owned(), test.len() as f64);
    Ok(held_out)
}

/// What the model says of these rows, one behind the other in `out`. Trees take long enough for threads to be worth it.
fn together(
    predictor: &Predictor,
    rows: &[&[Value]],
    out: &mut [f64],
) -> Vec<Result<(), PredictError>> {
    let share = rows.len().div_ceil(threads()).max(1);
    if !predictor.gains_from_batches() || rows.len() == share {
        return predictor.predict_batch(rows, out);
    }
    let parts = rows
        .chunks(share)
        .zip(out.chunks_mut(share * predictor.width()));
    std::thread::scope(|scope| {
        let started: Vec<_> = parts
            .map(|(rows, out)| {
                let thread = std::thread::Builder::new();
                thread.spawn_scoped(scope, move || predictor.predict_batch(rows, out))
            })
            .collect();
        let done = started.into_iter().zip(rows.chunks(share));
        done.flat_map(|(thread, rows)| {
            let done = thread.ok().and_then(|thread| thread.join().ok());
            done.unwrap_or_else(|| vec![Err(PredictError::NotComputed); rows.len()])
        })
        .collect()
    })
}

/// Of each class, the share of the rows.
fn shares(rows: &[u32], target: &Target, classes: usize) -> Vec<f64> {
    let mut shares = vec![0.0; classes];
    for &row in rows {
        shares[target.values[row as usize] as usize] += 1.0 / rows.len() as f64;
    }
    shares
}

fn regression(points: Vec<EvaluationPoint>, baseline: f64) -> Result<HeldOut, RunError> {
    let model = Errors::new(&points, |point| point.predicted);
    let mean = Errors::new(&points, |_| baseline);
    let metrics = [
        ("mae", model.mae),
        ("rmse", model.rmse),
        ("r2", model.r2),
        ("baseline_mae", mean.mae),
        ("baseline_rmse", mean.rmse),
        ("baseline_r2", mean.r2),
    ];
    if let Some((name, _)) = metrics.iter().find(|(_, value)| !value.is_finite()) {
        return Err(failure(
            "internal",
            format!("the metric {name} overflowed"),
            "Look for extreme values in the target and the features, and remove them.",
        ));
    }
    let squares = points
        .iter()
        .map(|point| (point.actual - point.predicted).powi(2));
    let losses = squares.collect();
    let residuals = residuals(&points);
    Ok(HeldOut {
        metrics: metrics
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        residuals,
        points: spread(points),
        classification: None,
        losses,
    })
}

struct Errors {
    mae: f64,
    rmse: f64,
    r2: f64,
}

impl Errors {
    fn new(points: &[EvaluationPoint], predicted: impl Fn(&EvaluationPoint) -> f64) -> Self {
        let count = points.len() as f64;
        let mean = points.iter().map(|point| point.actual / count).sum::<f64>();
        let (mut absolute, mut squared, mut total) = (0.0, 0.0, 0.0);
        for point in points {
            let error = point.actual - predicted(point);
            absolute += error.abs();
            squared += error * error;
            total += (point.actual - mean).powi(2);
        }
        // Where the actual values are all the same, a share of their spread means nothing: 1 for a perfect model, else 0.
        let r2 = match (total > 0.0, squared > 0.0) {
            (true, _) => 1.0 - squared / total,
            (false, true) => 0.0,
            (false, false) => 1.0,
        };
        Self {
            mae: absolute / count,
            rmse: (squared / count).sqrt(),
            r2,
        }
    }
}

fn residuals(points: &[EvaluationPoint]) -> Vec<HistogramBar> {
    let all = points.iter().map(|point| point.actual - point.predicted);
    let min = all.clone().fold(f64::INFINITY, f64::min);
    let max = all.clone().fold(f64::NEG_INFINITY, f64::max);
    let mut histogram = Histogram::new(min, max, RESIDUAL_BARS);
    all.for_each(|residual| histogram.add(residual));
    histogram.bars()
}

/// At most [`POINTS`] of the points, evenly spread over the order of their predictions.
fn spread(mut points: Vec<EvaluationPoint>) -> Vec<EvaluationPoint> {
    points.sort_by(|a, b| {
        a.predicted
            .total_cmp(&b.predicted)
            .then(a.actual.total_cmp(&b.actual))
    });
    curves::thin(points, POINTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(pairs: &[(f64, f64)]) -> Vec<EvaluationPoint> {
        pairs
            .iter()
            .map(|&(actual, predicted)| EvaluationPoint { actual, predicted })
            .collect()
    }

    #[test]
    fn errors_as_by_hand() {
        let errors = Errors::new(&points(&[(1.0, 2.0), (2.0, 2.0), (6.0, 3.0)]), |point| {
            point.predicted
        });
        assert!((errors.mae - 4.0 / 3.0).abs() < 1e-12);
        assert!((errors.rmse - (10.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!((errors.r2 - (1.0 - 10.0 / 14.0)).abs() < 1e-12);
        let same = Errors::new(&points(&[(1.0, 1.0), (1.0, 1.0)]), |point| point.predicted);
        assert!((same.r2 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn points_are_spread_from_the_lowest_to_the_highest() {
        let many: Vec<_> = (0..12_345)
            .map(|index| (0.0, f64::from(index * 7919 % 12_345)))
            .collect();
        let spread = spread(points(&many));
        assert_eq!(spread.len(), POINTS);
        assert_eq!(
            (spread[0].predicted, spread[POINTS - 1].predicted),
            (0.0, 12_344.0)
        );
        assert!(
            spread
                .windows(2)
                .all(|pair| pair[0].predicted < pair[1].predicted)
        );
    }
}
