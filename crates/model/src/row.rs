use domain::FieldError;
use domain::datasets::ColumnType;
use domain::dates;
use domain::models::InputField;
use serde_json::{Map, Value as Json};

use crate::predictor::{Predictor, Value};

/// Turns the row of a request into values in the signature's order. `row` is the row's place in a batch, or `None`
/// when the request's `inputs` is one row.
///
/// # Errors
/// Everything that is wrong with the row, at once: inputs that are missing, unknown or of another type.
pub fn check_row(
    predictor: &Predictor,
    row: Option<usize>,
    inputs: &Map<String, Json>,
) -> Result<Vec<Value>, Vec<FieldError>> {
    let mut values = vec![Value::Missing; predictor.len()];
    let mut given = vec![false; predictor.len()];
    let mut errors = Vec::new();
    for (position, (name, json)) in inputs.iter().enumerate() {
        let Some(slot) = predictor.slot_near(position, name) else {
            let expected = format!("no such input: the model takes {}", input_names(predictor));
            errors.push(at(row, name, "unknown_field", expected).got(json.to_string()));
            continue;
        };
        given[slot] = true;
        match check_value(predictor, slot, json) {
            Ok(value) => values[slot] = value,
            Err((code, expected)) => {
                errors.push(at(row, name, code, expected).got(json.to_string()));
            }
        }
    }
    for (slot, input) in predictor.signature().inputs.iter().enumerate() {
        if !given[slot] && !input.nullable {
            errors.push(at(row, &input.name, "missing", expected(input)));
        }
    }
    if errors.is_empty() {
        Ok(values)
    } else {
        Err(errors)
    }
}

/// The first whole number that does not fit 64 bits.
const TWO_POW_63: f64 = 9_223_372_036_854_775_808.0;

/// One value of a row, for the input in this slot.
///
/// # Errors
/// The code of a [`FieldError`], and what would have been right.
pub fn check_value(
    predictor: &Predictor,
    slot: usize,
    json: &Json,
) -> Result<Value, (&'static str, String)> {
    let value = read_value(predictor, slot, json)?;
    predictor.refusal(slot, value).map_or(Ok(value), Err)
}

/// A value of the input's kind.
fn read_value(
    predictor: &Predictor,
    slot: usize,
    json: &Json,
) -> Result<Value, (&'static str, String)> {
    let input = &predictor.signature().inputs[slot];
    match (input.kind, json) {
        (_, Json::Null) if input.nullable => Ok(Value::Missing),
        (_, Json::Null) => Err(("missing", expected(input))),
        (ColumnType::Float, Json::Number(number)) => number
            .as_f64()
            .filter(|number| number.is_finite())
            .map(Value::Number)
            .ok_or_else(|| ("out_of_range", expected(input))),
        (ColumnType::Integer, Json::Number(number)) => {
            if let Some(whole) = number.as_i64() {
                return Ok(Value::Number(whole as f64));
            }
            match number.as_f64() {
                Some(float) if float.fract() == 0.0 && float.abs() < TWO_POW_63 => {
                    Ok(Value::Number(float))
                }
                Some(float) if float.fract() == 0.0 => Err((
                    "out_of_range",
                    "a whole number that fits 64 bits".to_owned(),
                )),
                _ => Err(("wrong_type", expected(input))),
            }
        }
        (ColumnType::Boolean, Json::Bool(value)) => Ok(Predictor::boolean(*value)),
        (ColumnType::String, Json::String(text)) => Ok(predictor.category(slot, text)),
        _ => Err(("wrong_type", expected(input))),
    }
}

fn expected(input: &InputField) -> String {
    let kind = match input.kind {
        ColumnType::String if input.format.is_some() => dates::EXPECTED,
        ColumnType::Float => "a number",
        ColumnType::Integer => "a whole number",
        ColumnType::Boolean => "true or false",
        ColumnType::String => "a string",
    };
    if input.nullable {
        format!("{kind} or null")
    } else {
        kind.to_owned()
    }
}

/// What the model takes, in words, and not more than people would read.
pub fn input_names(predictor: &Predictor) -> String {
    const SHOWN: usize = 20;
    let inputs = &predictor.signature().inputs;
    let names = inputs
        .iter()
        .take(SHOWN)
        .map(|input| input.name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    if inputs.len() > SHOWN {
        format!("{names} and {} more", inputs.len() - SHOWN)
    } else {
        names
    }
}

fn at(row: Option<usize>, name: &str, code: &str, expected: String) -> FieldError {
    let name = name.replace('~', "~0").replace('/', "~1");
    match row {
        Some(row) => FieldError::new(format!("/inputs/{row}/{name}"), code, expected).row(row),
        None => FieldError::new(format!("/inputs/{name}"), code, expected),
    }
}
