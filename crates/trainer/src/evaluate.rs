//! How a model does on the rows that it has not seen.

use std::collections::BTreeMap;

use domain::datasets::HistogramBar;
use domain::models::EvaluationPoint;
use domain::training_runs::RunError;
use model::{Predictor, Value};

use crate::failure::{failure, reserve};
use crate::profile::Histogram;

const POINTS: usize = 500;
const RESIDUAL_BARS: usize = 30;

pub(crate) struct HeldOut {
    pub(crate) metrics: BTreeMap<String, f64>,
    pub(crate) points: Vec<EvaluationPoint>,
    /// Actual minus predicted.
    pub(crate) residuals: Vec<HistogramBar>,
}

/// Predicts the rows `test` with the model as it will be served, and compares with `target`. `baseline` is the mean of
/// the target over the training rows: what one would say without a model.
pub(crate) fn evaluate(
    predictor: &Predictor,
    test: &[u32],
    mut values: impl FnMut(u32, &mut [Value]),
    target: &[f64],
    baseline: f64,
    progress: &mut dyn FnMut(f64),
) -> Result<HeldOut, RunError> {
    let mut points = reserve(test.len(), "the held-out predictions")?;
    let mut row_values = vec![Value::Missing; predictor.len()];
    for (done, &row) in test.iter().enumerate() {
        values(row, &mut row_values);
        let predicted = predictor.predict(&row_values).map_err(|error| {
            failure(
                "internal",
                format!("held-out row {}: {error}", row + 1),
                "Look for extreme values in the features and remove them.",
            )
        })?;
        points.push(EvaluationPoint {
            actual: target[row as usize],
            predicted,
        });
        if done % 65_536 == 0 {
            progress(done as f64 / test.len() as f64);
        }
    }
    let model = Errors::new(&points, |point| point.predicted);
    let mean = Errors::new(&points, |_| baseline);
    let metrics = [
        ("mae", model.mae),
        ("rmse", model.rmse),
        ("r2", model.r2),
        ("baseline_mae", mean.mae),
        ("baseline_rmse", mean.rmse),
        ("baseline_r2", mean.r2),
        ("test_rows", test.len() as f64),
    ];
    if let Some((name, _)) = metrics.iter().find(|(_, value)| !value.is_finite()) {
        return Err(failure(
            "internal",
            format!("the metric {name} overflowed"),
            "Look for extreme values in the target and the features, and remove them.",
        ));
    }
    let residuals = residuals(&points);
    Ok(HeldOut {
        metrics: metrics
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        residuals,
        points: spread(points),
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
    if points.len() <= POINTS {
        return points;
    }
    let last = (points.len() - 1) as f64;
    (0..POINTS)
        .map(|index| points[(index as f64 / (POINTS - 1) as f64 * last).round() as usize])
        .collect()
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
