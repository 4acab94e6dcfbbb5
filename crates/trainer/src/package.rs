//! From a fitted model to the artifact that is served.

mod background;
mod blend;
mod densities;
mod inputs;
mod linear;
mod trees;

use domain::datasets::TextFormat;
use domain::dates;
use domain::models::{Coefficient, DroppedColumn, Importance, InputField, OutputField, Signature};
use model::{Artifact, Body, Classifier, OTHER, Score, Value};
use serde_json::{Map, Value as Json};

use crate::features::{Encoding, Feature, Features};
use crate::fit::{Fits, Fitted};
use crate::table::{Column, MISSING, Values};

pub(crate) use blend::{blend, bytes};

/// A model, and which of the features it takes.
pub(crate) struct Packaged {
    pub(crate) artifact: Artifact,
    /// Places of the features, in the body's order.
    pub(crate) used: Vec<usize>,
    /// Places of the sources in the signature's order, once the model takes these and not the features.
    pub(crate) sources: Option<Vec<usize>>,
    /// What a prediction starts from.
    pub(crate) intercept: f64,
    /// Of trees the inputs, of a linear model the encoded columns that any score weighs.
    pub(crate) weighed: usize,
    /// Of a linear model, largest effect first; of a classifier with very many, the largest.
    pub(crate) coefficients: Vec<Coefficient>,
    /// Of trees, most important first.
    pub(crate) importances: Vec<Importance>,
    /// Encoded columns, and whole columns of which nothing was left.
    pub(crate) dropped: Vec<DroppedColumn>,
}

/// Which features a model takes, and what it makes of them.
struct Survey {
    inputs: Vec<InputField>,
    used: Vec<usize>,
    weighed: usize,
    intercept: f64,
    coefficients: Vec<Coefficient>,
    importances: Vec<Importance>,
    dropped: Vec<DroppedColumn>,
}

/// `usable` are the rows that have a target: their values say which inputs may be missing, and give the examples.
pub(crate) fn package(
    features: &Features<'_>,
    fitted: Fitted,
    output: OutputField,
    usable: &[u32],
) -> Packaged {
    let classes = output.classes.as_deref();
    let (survey, body) = match fitted {
        Fitted::Linear(fit) => {
            let survey = linear::survey(features, std::slice::from_ref(&fit), classes, usable);
            let body = linear::body(features, &fit, &survey.used);
            (survey, Body::Linear(body))
        }
        Fitted::Exponential(fit) => {
            let survey = linear::survey(features, std::slice::from_ref(&fit), classes, usable);
            let body = linear::body(features, &fit, &survey.used);
            (survey, Body::Exponential(body))
        }
        Fitted::Trees(fit) => {
            let survey = trees::survey(features, std::slice::from_ref(&fit), usable);
            let body = trees::body(fit, &survey.used);
            (survey, Body::Trees(body))
        }
        Fitted::Classes(link, Fits::Linear(fits)) => {
            let survey = linear::survey(features, &fits, classes, usable);
            let scores = fits
                .iter()
                .map(|fit| Score::Linear(linear::body(features, fit, &survey.used)))
                .collect();
            (survey, Body::Classifier(Classifier { link, scores }))
        }
        Fitted::Classes(link, Fits::Trees(fits)) => {
            let survey = trees::survey(features, &fits, usable);
            let scores = fits
                .into_iter()
                .map(|fit| Score::Trees(trees::body(fit, &survey.used)))
                .collect();
            (survey, Body::Classifier(Classifier { link, scores }))
        }
        Fitted::Neighbours(fit) => {
            let survey = densities::survey(features, usable, true);
            (survey, Body::Neighbours(fit))
        }
        Fitted::Classes(link, Fits::Densities(fits)) => {
            let survey = densities::survey(features, usable, false);
            let scores = fits
                .into_iter()
                .map(|fit| Score::Densities(densities::body(fit)))
                .collect();
            (survey, Body::Classifier(Classifier { link, scores }))
        }
    };
    let Survey {
        inputs,
        used,
        weighed,
        intercept,
        coefficients,
        importances,
        dropped,
    } = survey;
    Packaged {
        artifact: Artifact {
            algorithm: String::new(),
            params: Map::new(),
            signature: Signature { inputs, output },
            body,
            background: None,
        },
        used,
        sources: None,
        weighed,
        intercept,
        coefficients,
        importances,
        dropped,
    }
}

/// `imputes`: whether something stands in for a missing value.
fn input(feature: &Feature<'_>, usable: &[u32], imputes: bool) -> InputField {
    let column = &*feature.column;
    let nullable = usable.iter().any(|&row| column.is_missing(row as usize));
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
        format: None,
        impute: (nullable && imputes).then_some(impute),
        unseen: None,
        transform: None,
        example: None,
    }
}

fn example_value(column: &Column, row: u32) -> Json {
    match &column.values {
        Values::Numbers(numbers) => {
            let number = numbers[row as usize];
            match column.kind {
                domain::datasets::ColumnType::String if !number.is_nan() => {
                    let format = column.format.unwrap_or(TextFormat::Timestamp);
                    Json::String(dates::written(number, format))
                }
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
        if let Some(sources) = &self.sources {
            return inputs::values(features, sources, row, out);
        }
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
