//! Curves that lie over each other.

use super::{CurveKind, CurveSet, Facts, ItemCurve};
use crate::models::{ClassCurves, CurvePoint, EvaluationPoint, Task};
use crate::{Error, FieldError, Result};

/// Points of a curve that is made here.
const POINTS: usize = 101;
/// Bins of predictions, at most.
const BINS: usize = 20;

/// The classes that there are curves of, and the curves.
pub(super) fn of(
    facts: &[Facts],
    task: Task,
    class: Option<&str>,
) -> Result<(Vec<String>, Vec<CurveSet>)> {
    let class = class.map(str::trim).filter(|class| !class.is_empty());
    match task {
        Task::Regression => match class {
            None => Ok((Vec::new(), of_numbers(facts))),
            Some(class) => {
                let expected = "none: a regression has no classes";
                let error = FieldError::new("/class", "invalid", expected).got(class);
                Err(Error::Invalid(vec![error]))
            }
        },
        Task::Classification => of_classes(facts, class),
    }
}

fn class_curves(facts: &Facts) -> &[ClassCurves] {
    let evaluation = facts.evaluation.as_ref();
    let classes = evaluation.and_then(|evaluation| evaluation.classification.as_ref());
    classes.map_or(&[], |classes| classes.curves.as_slice())
}

fn of_classes(facts: &[Facts], class: Option<&str>) -> Result<(Vec<String>, Vec<CurveSet>)> {
    let mut classes: Vec<(String, usize)> = Vec::new();
    for curve in facts.iter().flat_map(class_curves) {
        match classes.iter_mut().find(|(name, _)| *name == curve.class) {
            Some((_, count)) => *count += 1,
            None => classes.push((curve.class.clone(), 1)),
        }
    }
    // Those that most have first, else in the order they came in.
    classes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let classes: Vec<String> = classes.into_iter().map(|(name, _)| name).collect();
    let chosen = match class {
        None => classes.first(),
        Some(class) => {
            let found = classes.iter().find(|name| *name == class);
            Some(found.ok_or_else(|| {
                let expected = if classes.is_empty() {
                    "none: there are no curves".to_owned()
                } else {
                    format!("one of {}", classes.join(", "))
                };
                let error = FieldError::new("/class", "invalid", expected).got(class);
                Error::Invalid(vec![error])
            })?)
        }
    };
    let Some(chosen) = chosen else {
        return Ok((classes, Vec::new()));
    };
    let set = |kind, points: &dyn Fn(&ClassCurves) -> Vec<CurvePoint>| {
        let curves = facts.iter().enumerate().filter_map(|(item, facts)| {
            let mut curves = class_curves(facts).iter();
            let points = points(curves.find(|curve| curve.class == *chosen)?);
            (!points.is_empty()).then_some(ItemCurve { item, points })
        });
        CurveSet {
            kind,
            class: Some(chosen.clone()),
            curves: curves.collect(),
        }
    };
    let calibration = |curve: &ClassCurves| -> Vec<CurvePoint> {
        let bins = curve.calibration.iter();
        bins.map(|bin| CurvePoint {
            x: bin.predicted,
            y: bin.actual,
        })
        .collect()
    };
    let sets = vec![
        set(CurveKind::Roc, &|curve| curve.roc.clone()),
        set(CurveKind::PrecisionRecall, &|curve| {
            curve.precision_recall.clone()
        }),
        set(CurveKind::Calibration, &calibration),
    ];
    Ok((classes, drawn(sets)))
}

fn of_numbers(facts: &[Facts]) -> Vec<CurveSet> {
    let set = |kind, points: fn(&[EvaluationPoint]) -> Vec<CurvePoint>| {
        let curves = facts.iter().enumerate().filter_map(|(item, facts)| {
            let points = points(&facts.evaluation.as_ref()?.points);
            (!points.is_empty()).then_some(ItemCurve { item, points })
        });
        CurveSet {
            kind,
            class: None,
            curves: curves.collect(),
        }
    };
    drawn(vec![
        set(CurveKind::ErrorQuantiles, quantiles),
        set(CurveKind::Bias, bias),
    ])
}

/// Without those that nobody has.
fn drawn(mut sets: Vec<CurveSet>) -> Vec<CurveSet> {
    sets.retain(|set| !set.curves.is_empty());
    sets
}

/// The error that a share of the rows stays within.
fn quantiles(points: &[EvaluationPoint]) -> Vec<CurvePoint> {
    let errors = points
        .iter()
        .map(|point| (point.actual - point.predicted).abs());
    let mut errors: Vec<f64> = errors.filter(|error| error.is_finite()).collect();
    errors.sort_unstable_by(f64::total_cmp);
    let Some(last) = errors.len().checked_sub(1) else {
        return Vec::new();
    };
    let steps = POINTS.min(errors.len()).saturating_sub(1).max(1);
    (0..=steps)
        .map(|step| CurvePoint {
            x: step as f64 / steps as f64,
            y: errors[step * last / steps],
        })
        .collect()
}

/// Predictions in bins of as many rows: that in the middle, and how far actual values lie above them on average.
fn bias(points: &[EvaluationPoint]) -> Vec<CurvePoint> {
    let mut points: Vec<&EvaluationPoint> = points
        .iter()
        .filter(|point| point.actual.is_finite() && point.predicted.is_finite())
        .collect();
    points.sort_unstable_by(|a, b| a.predicted.total_cmp(&b.predicted));
    let size = points.len().div_ceil(BINS).max(1);
    points
        .chunks(size)
        .map(|bin| {
            let above = bin.iter().map(|point| point.actual - point.predicted);
            CurvePoint {
                x: bin[bin.len() / 2].predicted,
                y: above.sum::<f64>() / bin.len() as f64,
            }
        })
        .filter(|point| point.x.is_finite() && point.y.is_finite())
        .collect()
}
