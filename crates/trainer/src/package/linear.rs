use domain::models::{Coefficient, DroppedColumn};
use model::{Artifact, Transform};

use super::{Packaged, input};
use crate::features::{Categorical, Encoding, Feature, Features};
use crate::fit::LinearFit;

pub(super) fn package(
    features: &Features<'_>,
    fit: &LinearFit,
    target: &str,
    usable: &[u32],
) -> Packaged {
    let mut dropped = features.dropped.clone();
    let mut inputs = Vec::new();
    let mut used = Vec::new();
    let mut coefficients = Vec::new();
    for (place, feature) in features.features.iter().enumerate() {
        let encoded = || {
            features
                .encoded
                .iter()
                .zip(&fit.coefficients)
                .filter(move |(column, _)| column.feature == place)
        };
        if encoded().all(|(_, coefficient)| coefficient.is_none()) {
            let reason = encoded().next().map_or_else(String::new, |(column, _)| {
                reason(features, fit, &column.name)
            });
            dropped.push(DroppedColumn {
                column: feature.column.name.clone(),
                reason,
            });
            continue;
        }
        for (column, coefficient) in encoded() {
            match coefficient {
                Some(coefficient) => {
                    coefficients.push(describe(feature, &column.name, column.part, *coefficient));
                }
                None => dropped.push(DroppedColumn {
                    column: column.name.clone(),
                    reason: reason(features, fit, &column.name),
                }),
            }
        }
        let parts: Vec<f64> = encoded()
            .map(|(_, coefficient)| coefficient.unwrap_or(0.0))
            .collect();
        inputs.push((input(feature, usable, true), transform(feature, &parts)));
        used.push(place);
    }
    coefficients.sort_by(|a, b| {
        b.standardized
            .abs()
            .total_cmp(&a.standardized.abs())
            .then_with(|| a.feature.cmp(&b.feature))
    });
    Packaged {
        artifact: Artifact::linear(target, fit.intercept, inputs),
        used,
        intercept: fit.intercept,
        coefficients,
        importances: Vec::new(),
        dropped,
    }
}

fn reason(features: &Features<'_>, fit: &LinearFit, name: &str) -> String {
    let others = fit
        .collinear
        .iter()
        .find(|(column, _)| features.encoded[*column].name == name)
        .map(|(_, others)| others);
    match others {
        Some(others) if !others.is_empty() => format!("collinear with {}", others.join(", ")),
        _ => "constant: it is the same in every training row".to_owned(),
    }
}

fn describe(feature: &Feature<'_>, name: &str, part: usize, coefficient: f64) -> Coefficient {
    let (standardized, value) = match &feature.encoding {
        Encoding::Numeric(numeric) => (coefficient, coefficient / numeric.std),
        Encoding::Categorical(categorical) => {
            let (rows, all) = categorical.part_rows(part);
            let share = rows as f64 / all as f64;
            (coefficient * (share * (1.0 - share)).sqrt(), coefficient)
        }
    };
    Coefficient {
        feature: name.to_owned(),
        standardized,
        value,
    }
}

fn transform(feature: &Feature<'_>, parts: &[f64]) -> Transform {
    match &feature.encoding {
        Encoding::Numeric(numeric) => Transform::Numeric {
            impute: numeric.impute,
            mean: numeric.mean,
            std: numeric.std,
            coefficient: parts.first().copied().unwrap_or(0.0),
        },
        Encoding::Categorical(categorical) => {
            let known = categorical.categories.len();
            let mut effects = vec![0.0];
            effects.extend_from_slice(&parts[..known - 1]);
            let other = parts
                .get(known - 1)
                .copied()
                .unwrap_or_else(|| average(categorical, &effects));
            Transform::Categorical {
                impute: categorical.impute,
                effects,
                other,
            }
        }
    }
}

/// The effect of a category that training never saw when it saw no rare ones either: what it is on average.
fn average(categorical: &Categorical, effects: &[f64]) -> f64 {
    let rows: u64 = categorical.counts.iter().sum();
    categorical
        .counts
        .iter()
        .zip(effects)
        .map(|(&count, effect)| count as f64 / rows as f64 * effect)
        .sum()
}
