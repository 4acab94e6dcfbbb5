//! From a fitted pipeline to the artifact that is served.

use domain::models::{Coefficient, DroppedColumn, InputField};
use model::{Artifact, OTHER, Transform, Value};
use serde_json::Value as Json;

use crate::features::{Categorical, Encoding, Feature, Features};
use crate::fit::linear_regression::LinearFit;
use crate::table::{Column, MISSING, UNNAMED, Values};

/// A model, and which of the features it takes.
pub(crate) struct Packaged {
    pub(crate) artifact: Artifact,
    /// Places of the features, in the signature's order.
    pub(crate) used: Vec<usize>,
    /// Largest effect first.
    pub(crate) coefficients: Vec<Coefficient>,
    /// Encoded columns, and whole columns of which nothing was left.
    pub(crate) dropped: Vec<DroppedColumn>,
}

/// `usable` are the rows that have a target: their values say which inputs may be missing, and give the examples.
pub(crate) fn package(
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
        inputs.push((input(feature, usable), transform(feature, &parts)));
        used.push(place);
    }
    coefficients.sort_by(|a, b| {
        b.standardized
            .abs()
            .total_cmp(&a.standardized.abs())
            .then_with(|| a.feature.cmp(&b.feature))
    });
    let example = example_row(features, &used, usable);
    for ((input, _), &place) in inputs.iter_mut().zip(&used) {
        input.example = example.map(|row| example_value(features.features[place].column, row));
    }
    Packaged {
        artifact: Artifact::linear(target, fit.intercept, inputs),
        used,
        coefficients,
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

fn input(feature: &Feature<'_>, usable: &[u32]) -> InputField {
    let column = feature.column;
    let nullable = usable.iter().any(|&row| is_missing(column, row));
    let (categories, min, max, impute) = match &feature.encoding {
        Encoding::Numeric(numeric) => (
            None,
            Some(numeric.min),
            Some(numeric.max),
            format!("median {}", numeric.impute),
        ),
        Encoding::Categorical(categorical) => {
            let stand_in = &categorical.categories[categorical.impute as usize];
            (
                Some(categorical.categories.clone()),
                None,
                None,
                format!("most frequent {stand_in:?}"),
            )
        }
    };
    InputField {
        name: column.name.clone(),
        kind: column.kind,
        nullable,
        categories,
        min,
        max,
        impute: nullable.then_some(impute),
        example: None,
    }
}

fn is_missing(column: &Column, row: u32) -> bool {
    match &column.values {
        Values::Numbers(numbers) => numbers[row as usize].is_nan(),
        Values::Categories { codes, .. } => codes[row as usize] == MISSING,
    }
}

/// The first row with a value in every used column, else the first row.
fn example_row(features: &Features<'_>, used: &[usize], usable: &[u32]) -> Option<u32> {
    let whole = |row: u32| {
        used.iter()
            .all(|&place| match &features.features[place].column.values {
                Values::Numbers(numbers) => !numbers[row as usize].is_nan(),
                Values::Categories { codes, .. } => codes[row as usize] < UNNAMED,
            })
    };
    usable
        .iter()
        .copied()
        .find(|&row| whole(row))
        .or_else(|| usable.first().copied())
}

fn example_value(column: &Column, row: u32) -> Json {
    match &column.values {
        Values::Numbers(numbers) => {
            let number = numbers[row as usize];
            match column.kind {
                domain::datasets::ColumnType::Integer if !number.is_nan() => {
                    Json::from(number as i64)
                }
                _ => Json::from(number),
            }
        }
        Values::Categories { codes, names } => match (codes[row as usize], column.kind) {
            (code, domain::datasets::ColumnType::Boolean) if code < 2 => Json::Bool(code == 1),
            (code, _) => names
                .get(code as usize)
                .map_or(Json::Null, |name| Json::String(name.clone())),
        },
    }
}

impl Packaged {
    /// Writes a row of the table as the values that the model takes.
    pub(crate) fn values(&self, features: &Features<'_>, row: u32, out: &mut [Value]) {
        for (value, &place) in out.iter_mut().zip(&self.used) {
            let feature = &features.features[place];
            *value = match (&feature.column.values, &feature.encoding) {
                (Values::Numbers(numbers), _) if numbers[row as usize].is_nan() => Value::Missing,
                (Values::Numbers(numbers), _) => Value::Number(numbers[row as usize]),
                (Values::Categories { codes, .. }, Encoding::Categorical(categorical)) => {
                    match codes[row as usize] {
                        MISSING => Value::Missing,
                        code => Value::Category(categorical.place(code)),
                    }
                }
                (Values::Categories { .. }, Encoding::Numeric(_)) => Value::Category(OTHER),
            };
        }
    }
}
