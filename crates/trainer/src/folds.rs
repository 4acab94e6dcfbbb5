//! The metrics over folds: how models that were fitted to parts of the training rows do on the others. The held-out rows of the run
//! are in none of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::training_runs::{RunError, Stage};
use model::Predictor;

use crate::evaluate::evaluate;
use crate::fit::Told;
use crate::learn::{Lesson, Plan};
use crate::profile::Moments;
use crate::split::RowSplit;

type Metrics = BTreeMap<String, f64>;

/// `folds`, how many were judged, and of each metric `folds_<metric>`, the mean over them, and `folds_<metric>_std`. `took` is how long it
/// took to learn from all training rows: no fold is begun that could end after `until`.
pub(crate) fn judge(
    lesson: &Lesson<'_>,
    train: &[u32],
    plan: &Plan,
    count: usize,
    (took, until): (Duration, Instant),
    tell: &mut dyn FnMut(Told),
) -> Metrics {
    let folds = lesson.division.folds(train, count);
    let made = folds.len();
    if made < count {
        tell(Told::Warn(format!(
            "the training rows can be held out in {made} folds, not in {count}"
        )));
    }
    let mut judged = Vec::with_capacity(made);
    for (place, fold) in folds.iter().enumerate() {
        let number = place + 1;
        let metrics = if Instant::now() + took > until {
            None
        } else {
            let metrics = one(lesson, fold, plan, until, &mut |fraction| {
                tell(Told::Progress((place as f64 + fraction) / made as f64));
            });
            // What was cut short says nothing of the others.
            (Instant::now() < until).then_some(metrics)
        };
        match metrics {
            None => {
                tell(Told::Warn(format!(
                    "there was no time for fold {number} of {made} and those after it: raise budget.seconds"
                )));
                break;
            }
            Some(Err(error)) => tell(Told::Warn(format!(
                "fold {number} of {made} was not judged: {}",
                error.message
            ))),
            Some(Ok(metrics)) => judged.push(metrics),
        }
    }
    let summary = summary(&judged);
    let metric = lesson.task().metric();
    let of = |suffix: &str| summary.get(&format!("folds_{}{suffix}", metric.as_str()));
    if let (Some(mean), Some(std)) = (of(""), of("_std")) {
        tell(Told::Info(format!(
            "{} folds: {} {mean:.6} ± {std:.6}",
            judged.len(),
            metric.label()
        )));
    }
    summary
}

fn one(
    lesson: &Lesson<'_>,
    fold: &RowSplit,
    plan: &Plan,
    until: Instant,
    progress: &mut dyn FnMut(f64),
) -> Result<Metrics, RunError> {
    let learned = lesson.carry_out(&fold.train, plan, Some(until), &mut |stage, told| {
        if let (Stage::Train, Told::Progress(fraction)) = (stage, told) {
            progress(fraction);
        }
    })?;
    let predictor = Predictor::new(&learned.packaged.artifact);
    let held_out = evaluate(
        &predictor,
        (&fold.train, &fold.test),
        |row, values| learned.packaged.values(&learned.features, row, values),
        lesson.target,
        learned.mean,
        &mut |_| {},
    )?;
    Ok(held_out.metrics)
}

/// Of metrics that every fold has.
fn summary(judged: &[Metrics]) -> Metrics {
    let mut summary = Metrics::new();
    let Some(first) = judged.first() else {
        return summary;
    };
    summary.insert("folds".to_owned(), judged.len() as f64);
    for name in first.keys() {
        if name == "test_rows" || name.starts_with("baseline_") {
            continue;
        }
        let values: Option<Moments> = judged
            .iter()
            .map(|metrics| metrics.get(name).copied())
            .collect();
        let Some(values) = values else { continue };
        summary.insert(format!("folds_{name}"), values.mean());
        if let Some(std) = values.std() {
            summary.insert(format!("folds_{name}_std"), std);
        }
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(pairs: &[(&str, f64)]) -> Metrics {
        let pairs = pairs.iter();
        pairs
            .map(|&(name, value)| (name.to_owned(), value))
            .collect()
    }

    #[test]
    fn a_summary_is_of_what_every_fold_has() {
        let folds = [
            metrics(&[("rmse", 1.0), ("roc_auc", 0.5), ("test_rows", 9.0)]),
            metrics(&[("rmse", 2.0), ("baseline_rmse", 5.0)]),
            metrics(&[("rmse", 3.0), ("roc_auc", 0.5)]),
        ];
        let expected = metrics(&[("folds", 3.0), ("folds_rmse", 2.0), ("folds_rmse_std", 1.0)]);
        assert_eq!(summary(&folds), expected);
        let one = metrics(&[("folds", 1.0), ("folds_rmse", 1.0), ("folds_roc_auc", 0.5)]);
        assert_eq!(summary(&folds[..1]), one);
        assert_eq!(summary(&[]), Metrics::new());
    }
}
