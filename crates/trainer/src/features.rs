//! From a table's columns to the numbers that a model takes: fitted on the training rows alone.

mod categorical;
mod numeric;

use std::borrow::Cow;

use domain::datasets::ColumnType;
use domain::models::DroppedColumn;
use model::{OTHER, Step};

use crate::prepare::{Made, Prepared, Source};
use crate::table::{Column, MISSING, Values};

pub(crate) use categorical::{Categorical, Rules};
pub(crate) use numeric::{Numeric, median};

/// A column that the model uses.
pub(crate) struct Feature<'a> {
    pub(crate) column: Cow<'a, Column>,
    /// Place among the sources of what the column is made of.
    pub(crate) source: usize,
    /// How it is made.
    pub(crate) step: Step,
    pub(crate) encoding: Encoding,
}

pub(crate) enum Encoding {
    Numeric(Numeric),
    Categorical(Categorical),
}

/// One number of the encoded row.
pub(crate) struct EncodedColumn {
    /// Of the features.
    pub(crate) feature: usize,
    /// Within its feature.
    pub(crate) part: usize,
    /// `median_income` or `ocean_proximity = INLAND`.
    pub(crate) name: String,
}

pub(crate) struct Features<'a> {
    pub(crate) features: Vec<Feature<'a>>,
    pub(crate) encoded: Vec<EncodedColumn>,
    pub(crate) dropped: Vec<DroppedColumn>,
    /// The columns of the table.
    pub(crate) sources: Vec<Source<'a>>,
}

impl Features<'_> {
    /// Learns from the rows `train` how each column is encoded, and which columns are of no use. `rules` hold for columns of which
    /// nothing is asked. `progress` gets fractions from 0 to 1.
    pub(crate) fn fit<'a>(
        prepared: Prepared<'a>,
        train: &[u32],
        rules: Rules,
        progress: &mut dyn FnMut(f64),
    ) -> Features<'a> {
        let Prepared {
            mut sources,
            columns,
            mut dropped,
        } = prepared;
        let mut features = Vec::new();
        let count = columns.len();
        for (index, made) in columns.into_iter().enumerate() {
            match encoding(&made, train, rules) {
                Ok(encoding) => {
                    if let Encoding::Categorical(categorical) = &encoding
                        && let Some(source) = sources.get_mut(made.source)
                    {
                        source
                            .categorical
                            .get_or_insert_with(|| categorical.clone());
                    }
                    features.push(Feature {
                        column: made.column,
                        source: made.source,
                        step: made.step,
                        encoding,
                    });
                }
                Err(reason) => dropped.push(DroppedColumn {
                    column: made.column.name.clone(),
                    reason,
                }),
            }
            progress((index + 1) as f64 / count as f64);
        }
        let encoded = features
            .iter()
            .enumerate()
            .flat_map(|(index, feature)| feature.encoded_columns(index))
            .collect();
        Features {
            features,
            encoded,
            dropped,
            sources,
        }
    }

    /// Writes the encoded values of a row, as many as `encoded` has.
    pub(crate) fn encode(&self, row: u32, mut out: &mut [f64]) {
        for feature in &self.features {
            let (values, rest) = out.split_at_mut(feature.width());
            feature.encode(row as usize, values);
            out = rest;
        }
    }
}

/// Or why the column is of no use.
fn encoding(made: &Made<'_>, train: &[u32], rules: Rules) -> Result<Encoding, String> {
    if let Some(categorical) = &made.categorical {
        return Ok(Encoding::Categorical(categorical.clone()));
    }
    let column = &*made.column;
    match &column.values {
        Values::Numbers(numbers) => {
            let numeric = Numeric::fit(numbers, train)?;
            Ok(Encoding::Numeric(if made.standardises {
                numeric
            } else {
                numeric.centred()
            }))
        }
        Values::Categories { codes, names } => {
            let is_boolean = column.kind == ColumnType::Boolean;
            let fitted = Categorical::fit(codes, names, is_boolean, train, rules)?;
            Ok(Encoding::Categorical(fitted))
        }
    }
}

impl Feature<'_> {
    /// The row's value as trees take it: a number as it is, a category as its place, any category that is not kept as the
    /// place behind the last, and NaN for a missing value.
    pub(crate) fn code(&self, row: u32) -> f64 {
        match (&self.encoding, &self.column.values) {
            (Encoding::Categorical(categorical), Values::Categories { codes, .. }) => {
                match codes[row as usize] {
                    MISSING => f64::NAN,
                    code => match categorical.place(code) {
                        OTHER => categorical.categories.len() as f64,
                        place => f64::from(place),
                    },
                }
            }
            (_, Values::Numbers(numbers)) => numbers[row as usize],
            // A feature is made from its column's values, so the two agree.
            _ => f64::NAN,
        }
    }

    fn width(&self) -> usize {
        match &self.encoding {
            Encoding::Numeric(_) => 1,
            Encoding::Categorical(categorical) => categorical.width(),
        }
    }

    fn encoded_columns(&self, feature: usize) -> Vec<EncodedColumn> {
        let name = &self.column.name;
        let names = match &self.encoding {
            Encoding::Numeric(_) => vec![name.clone()],
            Encoding::Categorical(categorical) => categorical.part_names(name),
        };
        names
            .into_iter()
            .enumerate()
            .map(|(part, name)| EncodedColumn {
                feature,
                part,
                name,
            })
            .collect()
    }

    fn encode(&self, row: usize, out: &mut [f64]) {
        match (&self.encoding, &self.column.values) {
            (Encoding::Numeric(numeric), Values::Numbers(numbers)) => {
                out[0] = numeric.encode(numbers[row]);
            }
            (Encoding::Categorical(categorical), Values::Categories { codes, .. }) => {
                out.fill(0.0);
                if let Some(part) = categorical.part(codes[row]) {
                    out[part] = 1.0;
                }
            }
            // A feature is made from its column's values, so the two agree.
            _ => out.fill(0.0),
        }
    }
}
