use domain::models::{Coefficient, DroppedColumn};
use model::{Linear, Transform};

use super::{Survey, input};
use crate::features::{Categorical, Encoding, Feature, Features};
use crate::fit::LinearFit;

/// Of those a person reads the first; all of a hundred classes would be more than a result can carry.
const MOST_COEFFICIENTS: usize = 2_000;

/// The model takes the features of which any score weighs an encoded column.
pub(super) fn survey(
    features: &Features<'_>,
    fits: &[LinearFit],
    classes: Option<&[String]>,
    usable: &[u32],
) -> Survey {
    let mut dropped = features.dropped.clone();
    let mut inputs = Vec::new();
    let mut used = Vec::new();
    let mut weights = Vec::new();
    let is_kept = |column: usize| fits.iter().any(|fit| fit.coefficients[column].is_some());
    for (place, feature) in features.features.iter().enumerate() {
        let columns: Vec<usize> = encoded(features, place).collect();
        if !columns.iter().any(|&column| is_kept(column)) {
            let reason = columns
                .first()
                .map_or_else(String::new, |&column| reason(fits, column));
            dropped.push(DroppedColumn {
                column: feature.column.name.clone(),
                reason,
            });
            continue;
        }
        for column in columns {
            let of = &features.encoded[column];
            if !is_kept(column) {
                dropped.push(DroppedColumn {
                    column: of.name.clone(),
                    reason: reason(fits, column),
                });
                continue;
            }
            for (score, fit) in fits.iter().enumerate() {
                let coefficient = fit.coefficients[column].unwrap_or(0.0);
                let (standardized, value) = sizes(feature, of.part, coefficient);
                weights.push(Weight {
                    column,
                    score,
                    standardized,
                    value,
                });
            }
        }
        inputs.push(input(feature, usable, true));
        used.push(place);
    }
    let name = |weight: &Weight| features.encoded[weight.column].name.as_str();
    weights.sort_by(|a, b| {
        b.standardized
            .abs()
            .total_cmp(&a.standardized.abs())
            .then_with(|| name(a).cmp(name(b)))
    });
    let weighed = weights.len() / fits.len().max(1);
    weights.truncate(MOST_COEFFICIENTS);
    let classes = classes.filter(|_| fits.len() > 1).unwrap_or_default();
    let coefficients = weights.iter().map(|weight| Coefficient {
        feature: name(weight).to_owned(),
        class: classes.get(weight.score).cloned(),
        standardized: weight.standardized,
        value: weight.value,
    });
    Survey {
        inputs,
        used,
        weighed,
        intercept: match fits {
            [fit] => fit.intercept,
            _ => 0.0,
        },
        coefficients: coefficients.collect(),
        importances: Vec::new(),
        dropped,
    }
}

/// A coefficient, before it is known whether anybody reads it.
struct Weight {
    /// Of the encoded ones.
    column: usize,
    score: usize,
    standardized: f64,
    value: f64,
}

/// The weighted sum over the features that the model takes.
pub(super) fn body(features: &Features<'_>, fit: &LinearFit, used: &[usize]) -> Linear {
    let transforms = used.iter().map(|&place| {
        let parts: Vec<f64> = encoded(features, place)
            .map(|column| fit.coefficients[column].unwrap_or(0.0))
            .collect();
        transform(&features.features[place], &parts)
    });
    Linear {
        intercept: fit.intercept,
        transforms: transforms.collect(),
    }
}

/// Places of the encoded columns that a feature has.
fn encoded(features: &Features<'_>, place: usize) -> impl Iterator<Item = usize> {
    let columns = features.encoded.iter().enumerate();
    columns
        .filter(move |(_, column)| column.feature == place)
        .map(|(index, _)| index)
}

fn reason(fits: &[LinearFit], column: usize) -> String {
    let mut collinear = fits.iter().flat_map(|fit| &fit.collinear);
    let others = collinear
        .find(|(other, _)| *other == column)
        .map(|(_, others)| others);
    match others {
        Some(others) if !others.is_empty() => format!("collinear with {}", others.join(", ")),
        _ => "constant: it is the same in every training row".to_owned(),
    }
}

/// What a coefficient adds when its column moves by a standard deviation, and by 1.
fn sizes(feature: &Feature<'_>, part: usize, coefficient: f64) -> (f64, f64) {
    match &feature.encoding {
        Encoding::Numeric(numeric) => (coefficient, coefficient / numeric.std),
        Encoding::Categorical(categorical) => {
            let (rows, all) = categorical.part_rows(part);
            let share = rows as f64 / all as f64;
            (coefficient * (share * (1.0 - share)).sqrt(), coefficient)
        }
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
