//! A model's predictions for every row of a table, written beside the table's own columns.

mod output;
mod rivals;

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use domain::datasets::{ColumnType, DataFormat};
use domain::models::Signature;
use domain::scoring_runs::RowRefusal;
use domain::training_runs::RunError;
use model::{Predictor, Value, check_value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use self::output::Output;
pub use self::rivals::{Rival, compare};
use crate::error::shorten;
use crate::failure::{failure, unreadable};
use crate::read::{self, Batches, Cell};

/// Refusals that are told one by one.
const REFUSALS: usize = 10;
/// Longest value in a reason, in characters.
const SHOWN: usize = 80;

/// How a table is to be scored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreSpec {
    /// What a profile found in the table's columns, in their order.
    pub types: Vec<ColumnType>,
    /// How many rows the profile counted.
    pub rows: u64,
    /// The columns that go along, in this order.
    pub keep: Vec<String>,
    /// Of a regressor's number, or a classifier's label, beside which each class has a column of its probability, named
    /// `probability_` and the class.
    pub prediction_column: String,
    /// Why a row has no prediction.
    pub error_column: String,
    /// Most bytes of the scored table.
    pub max_bytes: u64,
}

/// A table that was scored, safely on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoredTable {
    pub rows: u64,
    /// Those of them that the model refused.
    pub rows_failed: u64,
    /// The first of these.
    pub refusals: Vec<RowRefusal>,
    /// Of the file, hexadecimal.
    pub sha256: String,
    pub bytes: u64,
}

/// Predicts every row of the table at `path` with the model at `artifact`, and writes the kept columns, the predictions and the
/// reasons for missing ones to `output`, a file that is there already. Memory does not grow with the table. `progress` gets
/// the rows that are done, and how many of them failed.
///
/// A row that the model refuses fails alone.
///
/// # Errors
/// Why there is no scored table, and what to do about it.
pub fn score(
    path: &Path,
    format: DataFormat,
    spec: &ScoreSpec,
    artifact: &Path,
    output: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<ScoredTable, RunError> {
    let predictor = load(artifact)?;
    let header = read::header(path, format).map_err(|error| unreadable(&error))?;
    let plan = Plan::new(&header.names, predictor.signature(), &spec.keep)?;
    let types = plan.types(&spec.types)?;
    let mut batches =
        Batches::open(path, format, &plan.columns, &types).map_err(|error| unreadable(&error))?;

    let mut fields: Vec<Field> = plan
        .kept
        .iter()
        .map(|&position| batches.schema().field(position).clone())
        .collect();
    let answer = predictor
        .signature()
        .output
        .columns(&spec.prediction_column);
    fields.extend(answer.iter().map(|(name, kind)| {
        let kind = match kind {
            ColumnType::String => DataType::Utf8,
            _ => DataType::Float64,
        };
        Field::new(name, kind, true)
    }));
    fields.push(Field::new(&spec.error_column, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields));
    let mut output = Output::open(output, Arc::clone(&schema), spec.max_bytes)?;

    let (mut rows, mut rows_failed, mut refusals) = (0, 0, Vec::new());
    while let Some(batch) = batches.next_batch().map_err(|error| unreadable(&error))? {
        let Scored {
            answers,
            predictions,
        } = plan.predict(&predictor, &batch, rows)?;
        let is_answered: Vec<bool> = answers.iter().map(Result::is_ok).collect();
        let mut reasons = Vec::with_capacity(answers.len());
        for answer in answers {
            rows += 1;
            match answer {
                Ok(()) => reasons.push(None),
                Err(refusal) => {
                    rows_failed += 1;
                    reasons.push(Some(refusal.to_string()));
                    if refusals.len() < REFUSALS {
                        refusals.push(RowRefusal {
                            row: rows,
                            column: refusal.column,
                            reason: refusal.reason,
                        });
                    }
                }
            }
        }
        let mut columns: Vec<ArrayRef> = plan
            .kept
            .iter()
            .map(|&position| Arc::clone(batch.column(position)))
            .collect();
        columns.extend(answered(&predictor, &predictions, &is_answered));
        columns.push(Arc::new(StringArray::from(reasons)));
        let scored = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|error| {
            failure(
                "internal",
                format!("the scored rows do not fit their table: {error}"),
                "Start the run again with fewer keep_columns.",
            )
        })?;
        output.write(&scored)?;
        progress(rows, rows_failed);
    }
    let (sha256, bytes) = output.finish()?;
    Ok(ScoredTable {
        rows,
        rows_failed,
        refusals,
        sha256,
        bytes,
    })
}

/// The columns of the answers, in their order.
fn answered(predictor: &Predictor, predictions: &[f64], is_answered: &[bool]) -> Vec<ArrayRef> {
    let width = predictor.width();
    let rows = || predictions.chunks_exact(width).zip(is_answered);
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(width + 1);
    if let Some(classes) = predictor.classes() {
        let labels = rows().map(|(row, is_answered)| {
            is_answered
                .then(|| classes.get(model::label(row)).map(String::as_str))
                .flatten()
        });
        columns.push(Arc::new(labels.collect::<StringArray>()));
    }
    for place in 0..width {
        let numbers = rows().map(|(row, is_answered)| is_answered.then_some(row[place]));
        columns.push(Arc::new(numbers.collect::<Float64Array>()));
    }
    columns
}

fn load(artifact: &Path) -> Result<Predictor, RunError> {
    let unusable = |why: String| {
        failure(
            "unreadable_model",
            format!("the model's file can not be used: {why}"),
            "Train the model again, and score with the new version.",
        )
    };
    let bytes = std::fs::read(artifact).map_err(|error| unusable(error.kind().to_string()))?;
    let artifact = model::decode(&bytes).map_err(|error| unusable(error.to_string()))?;
    Ok(Predictor::new(&artifact))
}

/// Which columns are read, and what for.
struct Plan {
    /// Places in the file, ascending.
    columns: Vec<usize>,
    /// Where among `columns` each input of the model stands, in the signature's order.
    inputs: Vec<usize>,
    /// Where among `columns` each kept column stands, in the order of the answer.
    kept: Vec<usize>,
}

impl Plan {
    fn new(names: &[String], signature: &Signature, keep: &[String]) -> Result<Self, RunError> {
        let inputs = places(names, signature.inputs.iter().map(|input| &input.name))?;
        let kept = places(names, keep.iter())?;
        let mut columns: Vec<usize> = inputs.iter().chain(&kept).copied().collect();
        columns.sort_unstable();
        columns.dedup();
        let among = |places: Vec<usize>| -> Vec<usize> {
            places
                .into_iter()
                .map(|place| columns.partition_point(|&column| column < place))
                .collect()
        };
        let (inputs, kept) = (among(inputs), among(kept));
        Ok(Self {
            columns,
            inputs,
            kept,
        })
    }

    fn types(&self, all: &[ColumnType]) -> Result<Vec<ColumnType>, RunError> {
        let types: Option<Vec<ColumnType>> = self
            .columns
            .iter()
            .map(|&column| all.get(column).copied())
            .collect();
        types.ok_or_else(|| {
            failure(
                "internal",
                "the table has more columns than its profile",
                "Upload the table as a new version of the dataset, and score that.",
            )
        })
    }

    /// `before` is how many rows came before this batch.
    fn predict(
        &self,
        predictor: &Predictor,
        batch: &RecordBatch,
        before: u64,
    ) -> Result<Scored, RunError> {
        let (count, width) = (batch.num_rows(), predictor.len());
        let mut values = vec![Value::Missing; count * width];
        let mut refused: Vec<Option<Refusal>> = vec![None; count];
        let inputs = &predictor.signature().inputs;
        for (slot, (input, &position)) in inputs.iter().zip(&self.inputs).enumerate() {
            // The very check of a request's row, so that both give the same prediction or the same refusal.
            let mut take = |row: usize, cell: Cell<'_>| {
                let json = json(cell);
                match check_value(predictor, slot, &json) {
                    Ok(value) => values[row * width + slot] = value,
                    Err((_, expected)) => {
                        refused[row].get_or_insert_with(|| Refusal {
                            column: Some(input.name.clone()),
                            reason: format!("expected {expected}, got {}", shown(&json)),
                        });
                    }
                }
            };
            read::cells(batch.column(position), &mut take).map_err(|(row, error)| {
                unreadable(&error.row(before + row as u64 + 1).column(&input.name))
            })?;
        }
        let numbers = predictor.width();
        let mut predictions = vec![0.0; count * numbers];
        let outs = predictions.chunks_exact_mut(numbers);
        let answers = refused.into_iter().zip(outs).enumerate();
        let answers = answers.map(|(row, (refused, out))| {
            if let Some(refusal) = refused {
                return Err(refusal);
            }
            predictor
                .predict(&values[row * width..(row + 1) * width], out)
                .map_err(|error| Refusal {
                    column: None,
                    reason: error.to_string(),
                })
        });
        Ok(Scored {
            answers: answers.collect(),
            predictions,
        })
    }
}

/// Where among the table's columns these stand.
fn places<'a>(
    names: &[String],
    wanted: impl Iterator<Item = &'a String>,
) -> Result<Vec<usize>, RunError> {
    wanted
        .map(|name| {
            names.iter().position(|other| other == name).ok_or_else(|| {
                failure(
                    "unreadable_data",
                    format!("the table has no column {name:?}"),
                    "Upload the table as a new version of the dataset, and score that.",
                )
            })
        })
        .collect()
}

/// A batch of rows.
struct Scored {
    /// Of each row whether there is a prediction, or why there is none.
    answers: Vec<Result<(), Refusal>>,
    /// The numbers of all predictions, row by row.
    predictions: Vec<f64>,
}

/// Why a row has no prediction: the first column that is wrong with it, in the signature's order.
#[derive(Clone)]
struct Refusal {
    column: Option<String>,
    reason: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.column {
            Some(column) => write!(f, "{column}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// The cell as a request would carry it.
fn json(cell: Cell<'_>) -> Json {
    match cell {
        Cell::Missing => Json::Null,
        Cell::Integer(whole) => whole.into(),
        Cell::Float(float) => float.into(),
        Cell::Boolean(value) => value.into(),
        Cell::Text(text) | Cell::Raw(text) => text.into(),
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::Null => "no value".to_owned(),
        value => shorten(&value.to_string(), SHOWN),
    }
}
