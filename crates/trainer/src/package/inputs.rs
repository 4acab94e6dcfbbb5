//! From a model of features to one of the table's columns, which is what a signature promises.

use domain::datasets::ColumnType;
use domain::models::InputField;
use model::{Body, Prepared, PreparedColumn, Step, Value};

use super::{Packaged, example_value};
use crate::features::{Categorical, Features};
use crate::prepare::Source;
use crate::profile::Moments;
use crate::table::{MISSING, UNNAMED, Values};

/// A model of one body can not be put in its place without something to stand there.
const NOTHING: Body = Body::Linear(model::Linear {
    intercept: 0.0,
    transforms: Vec::new(),
});

impl Packaged {
    /// Has the model take columns of the table, and make of them what it has taken so far. `usable` are the rows that have a target, of
    /// which it has learned from `train`.
    pub(crate) fn of_inputs(&mut self, features: &Features<'_>, usable: &[u32], train: &[u32]) {
        let mut sources: Vec<usize> = Vec::new();
        let mut columns = Vec::with_capacity(self.used.len());
        for (&place, field) in self.used.iter().zip(&self.artifact.signature.inputs) {
            let feature = &features.features[place];
            let input =
                if let Some(input) = sources.iter().position(|&source| source == feature.source) {
                    input
                } else {
                    sources.push(feature.source);
                    sources.len() - 1
                };
            columns.push(PreparedColumn {
                name: field.name.clone(),
                input: input as u32,
                step: feature.step.clone(),
            });
        }
        let is_same = |column: &PreparedColumn| matches!(column.step, Step::Same);
        let is_plain = columns.iter().all(is_same);
        let fields = std::mem::take(&mut self.artifact.signature.inputs);
        let example = example_row(features, &sources, usable);
        let inputs = sources.iter().enumerate().map(|(input, &place)| {
            let source = &features.sources[place];
            let mut own = columns.iter().zip(&fields);
            let own = own.find(|(column, _)| column.input as usize == input);
            let mut field = match own {
                Some((column, field)) if is_same(column) => field.clone(),
                own => input_of(
                    source,
                    own.map(|(column, field)| (&column.step, field)),
                    usable,
                    train,
                ),
            };
            describe(&mut field, source);
            field.example = example.map(|row| example_value(source.column, row));
            field
        });
        self.artifact.signature.inputs = inputs.collect();
        if is_plain {
            return;
        }
        let body = std::mem::replace(&mut self.artifact.body, NOTHING);
        self.artifact.body = Body::Prepared(Prepared {
            columns,
            body: Box::new(body),
        });
        self.sources = Some(sources);
    }
}

/// `first` is the first column that is made of it.
fn input_of(
    source: &Source<'_>,
    first: Option<(&Step, &InputField)>,
    usable: &[u32],
    train: &[u32],
) -> InputField {
    let column = source.column;
    let moments: Option<Moments> = match &column.values {
        Values::Numbers(numbers) if column.format.is_none() => {
            let numbers = train.iter().map(|&row| numbers[row as usize]);
            Some(numbers.filter(|number| !number.is_nan()).collect())
        }
        _ => None,
    };
    let moments = moments.filter(|moments| moments.count() > 0);
    let impute = match first {
        Some((Step::Number { .. }, field)) => field.impute.clone(),
        Some((Step::Date { .. }, field)) if field.impute.is_some() => {
            Some("the median of each part".to_owned())
        }
        Some((Step::Lookup { .. }, field)) if field.impute.is_some() => {
            Some("the median of what the categories become".to_owned())
        }
        _ => None,
    };
    InputField {
        name: column.name.clone(),
        kind: column.kind,
        nullable: usable.iter().any(|&row| column.is_missing(row as usize)),
        categories: source
            .categorical
            .as_ref()
            .map(|categorical| categorical.categories.clone()),
        min: moments.map(Moments::min),
        max: moments.map(Moments::max),
        format: column.format,
        impute,
        unseen: None,
        transform: None,
        example: None,
    }
}

/// What a signature says in words.
fn describe(field: &mut InputField, source: &Source<'_>) {
    let words = &source.words;
    field.transform.clone_from(&words.transform);
    field.unseen = words.unseen.clone().or_else(|| {
        let categorical = source.categorical.as_ref()?;
        (field.kind == ColumnType::String).then(|| unseen(categorical))
    });
    if !field.nullable {
        field.impute = None;
        return;
    }
    if let Some(impute) = &words.impute {
        field.impute = Some(impute.clone());
    }
    if words.is_marked {
        field.impute = Some(match field.impute.take() {
            Some(impute) => format!("{impute}, and marked as missing"),
            None => "missing, and marked so".to_owned(),
        });
    }
}

fn unseen(categorical: &Categorical) -> String {
    match categorical.other {
        0 => "\"other\", of which training saw none".to_owned(),
        rows => format!("\"other\", as the {rows} training rows of rare categories"),
    }
}

/// The first row with a value in every column that is used, else the first row.
fn example_row(features: &Features<'_>, sources: &[usize], usable: &[u32]) -> Option<u32> {
    let whole = |row: u32| {
        sources.iter().all(|&source| {
            let column = features.sources[source].column;
            match &column.values {
                Values::Numbers(_) => !column.is_missing(row as usize),
                Values::Categories { codes, .. } => codes[row as usize] < UNNAMED,
            }
        })
    };
    usable
        .iter()
        .copied()
        .find(|&row| whole(row))
        .or_else(|| usable.first().copied())
}

/// Writes a row of the table as the values that the signature has.
pub(super) fn values(features: &Features<'_>, sources: &[usize], row: u32, out: &mut [Value]) {
    for (value, &place) in out.iter_mut().zip(sources) {
        let source = &features.sources[place];
        *value = match (&source.column.values, &source.categorical) {
            (Values::Numbers(numbers), _) if numbers[row as usize].is_nan() => Value::Missing,
            (Values::Numbers(numbers), _) => Value::Number(numbers[row as usize]),
            (Values::Categories { codes, .. }, Some(categorical)) => match codes[row as usize] {
                MISSING => Value::Missing,
                code => Value::Category(categorical.place(code)),
            },
            // A source of categories is made from its column's.
            (Values::Categories { .. }, None) => Value::Category(model::OTHER),
        };
    }
}
