//! MLflow's scoring shape: a table as JSON, in one of four notations, or as CSV in; `{"predictions":[...]}` out.
//!
//! All that a client reads of an error is one message, and the same row stands elsewhere in every notation: so errors
//! point into their row, as in `/rooms`, and not into the body.

mod csv;
mod json;

use domain::FieldError;
use model::{Predictor, Value};
use serde::Serializer as _;
use serde_json::{Serializer, Value as Json};

use super::{Dialect, Predicted, Written};
use crate::request::{MAX_ERRORS, MAX_ROWS, Rows};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invocations {
    Json,
    Csv,
}

/// What codes of errors begin with that are about the body as a whole, whatever the model takes.
pub const MALFORMED: &str = "malformed_";

impl Dialect for Invocations {
    type Asked = ();

    fn read(&self, predictor: &Predictor, body: &[u8]) -> Result<(Rows, ()), Vec<FieldError>> {
        let rows = match self {
            Self::Json => json::read(predictor, body),
            Self::Csv => csv::read(predictor, body),
        };
        rows.map(|rows| (rows, ()))
    }

    fn write(&self, (): &(), predicted: &Predicted<'_>) -> serde_json::Result<Written> {
        let predictions = predicted.predictions;
        let mut body = Vec::with_capacity(predictions.rows() * 20 + 20);
        body.extend_from_slice(b"{\"predictions\":");
        if predictions.classes().is_some() {
            // As MLflow answers for a classifier: its `predict` gives labels.
            Serializer::new(&mut body).collect_seq(predictions.labels())?;
        } else {
            serde_json::to_writer(&mut body, predictions.numbers())?;
        }
        body.push(b'}');
        Ok(Written {
            body,
            json_length: None,
        })
    }

    /// As rows of named values, like those of Volary's own shape; with the signature's names where the client gave none.
    fn inputs(&self, predictor: &Predictor, body: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Json => json::inputs(predictor, body),
            Self::Csv => csv::inputs(predictor, body),
        }
    }
}

/// Which input each column of a table is for.
fn slots(predictor: &Predictor, columns: &[String]) -> Result<Vec<usize>, Vec<FieldError>> {
    let mut slots = Vec::new();
    let mut given = vec![false; predictor.len()];
    let mut errors = Vec::new();
    for (position, name) in columns.iter().enumerate() {
        match predictor.slot_near(position, name) {
            Some(slot) if given[slot] => {
                errors.push(FieldError::new(
                    pointer(name),
                    "duplicate",
                    "each column once",
                ));
            }
            Some(slot) => {
                given[slot] = true;
                slots.push(slot);
            }
            None => errors.push(unknown(predictor, name)),
        }
        if errors.len() == MAX_ERRORS {
            return Err(errors);
        }
    }
    for (input, given) in predictor.signature().inputs.iter().zip(given) {
        if !given && !input.nullable {
            errors.push(FieldError::new(
                pointer(&input.name),
                "missing",
                "a column of this name",
            ));
        }
    }
    errors.truncate(MAX_ERRORS);
    if errors.is_empty() {
        Ok(slots)
    } else {
        Err(errors)
    }
}

fn unknown(predictor: &Predictor, name: &str) -> FieldError {
    let expected = if name.is_empty() {
        "no column without a name: leave out the table's index, as to_csv(index=False) does"
            .to_owned()
    } else {
        format!(
            "no such column: the model takes {}",
            model::input_names(predictor)
        )
    };
    FieldError::new(pointer(name), "unknown_field", expected)
}

/// The values of one row, whose cells stand in the order of `slots`.
fn check_cells<C>(
    predictor: &Predictor,
    slots: &[usize],
    cells: &[C],
    read: impl Fn(usize, &C) -> Result<Json, FieldError>,
) -> Result<Vec<Value>, Vec<FieldError>> {
    if cells.len() != slots.len() {
        let expected = match slots.len() {
            1 => "1 value, for the only column".to_owned(),
            columns => format!("{columns} values, one for each column"),
        };
        let got = cells.len().to_string();
        return Err(vec![
            FieldError::new("", "malformed_row", expected).got(got),
        ]);
    }
    let mut values = vec![Value::Missing; predictor.len()];
    let mut errors = Vec::new();
    for (&slot, cell) in slots.iter().zip(cells) {
        let checked = read(slot, cell).and_then(|json| check_cell(predictor, slot, &json));
        match checked {
            Ok(value) => values[slot] = value,
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(values)
    } else {
        Err(errors)
    }
}

fn check_cell(predictor: &Predictor, slot: usize, json: &Json) -> Result<Value, FieldError> {
    model::check_value(predictor, slot, json).map_err(|(code, expected)| {
        FieldError::new(pointer_to(predictor, slot), code, expected).got(json.to_string())
    })
}

/// All rows, or all that is wrong with them; at most [`MAX_ERRORS`].
fn collect(
    predictor: &Predictor,
    rows: impl Iterator<Item = Result<Vec<Value>, Vec<FieldError>>>,
) -> Result<Rows, Vec<FieldError>> {
    let mut read = Rows::of_width(predictor.len());
    let mut errors = Vec::new();
    for (index, row) in rows.enumerate() {
        if index == MAX_ROWS {
            return Err(vec![too_many_rows()]);
        }
        match row {
            Ok(values) => read.push(&values),
            Err(more) => errors.extend(more.into_iter().map(|error| error.row(index))),
        }
        if errors.len() >= MAX_ERRORS {
            break;
        }
    }
    errors.truncate(MAX_ERRORS);
    if !errors.is_empty() {
        Err(errors)
    } else if read.is_empty() {
        Err(vec![
            FieldError::new("", "out_of_range", "at least one row").got("none"),
        ])
    } else {
        Ok(read)
    }
}

fn too_many_rows() -> FieldError {
    FieldError::new("", "out_of_range", format!("at most {MAX_ROWS} rows"))
}

fn pointer_to(predictor: &Predictor, slot: usize) -> String {
    let input = predictor.signature().inputs.get(slot);
    pointer(input.map_or("", |input| &input.name))
}

fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
