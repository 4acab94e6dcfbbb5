//! Which inputs the tensors of a request are, and their values.
//!
//! Nothing is allocated for a shape before the data that it tells of is known to be there.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use domain::FieldError;
use domain::datasets::ColumnType;
use domain::models::InputField;
use model::{Predictor, Value, input_names};
use serde_json::Map;
use serde_json::value::RawValue;

use super::data::{Element, Wrong, from_binary, from_contents, from_json};
use super::datatype::Datatype;
use super::messages::InferTensorContents;
use super::source::Source;
use crate::request::explain::escape;
use crate::request::{MAX_ROWS, Rows};

/// A value that its input takes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell<'a> {
    Missing,
    Number(f64),
    Boolean(bool),
    Text(&'a str),
}

impl Cell<'_> {
    fn value(self, predictor: &Predictor, slot: usize) -> Value {
        match self {
            Self::Missing => Value::Missing,
            Self::Number(number) => Value::Number(number),
            Self::Boolean(value) => Predictor::boolean(value),
            Self::Text(text) => predictor.category(slot, text),
        }
    }
}

impl From<Cell<'_>> for serde_json::Value {
    fn from(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Missing => Self::Null,
            Cell::Number(number) => number.into(),
            Cell::Boolean(value) => value.into(),
            Cell::Text(text) => text.into(),
        }
    }
}

/// An input as it was sent, its values not read yet.
pub(super) struct Tensor<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) shape: Sizes<'a>,
    pub(super) datatype: Cow<'a, str>,
    pub(super) values: Values<'a>,
}

/// A shape as it was sent.
#[derive(Clone, Copy)]
pub(super) enum Sizes<'a> {
    Json(&'a RawValue),
    Numbers(&'a [i64]),
}

impl fmt::Display for Sizes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(text) => f.write_str(text.get()),
            Self::Numbers(numbers) => write!(f, "{numbers:?}"),
        }
    }
}

/// Where a tensor's values are, as it says itself.
#[derive(Clone, Copy)]
pub(super) enum Values<'a> {
    /// In JSON, or in the binary data behind it, of which so many bytes are the tensor's.
    Json {
        data: Option<&'a RawValue>,
        binary_data_size: Option<u64>,
    },
    Contents(Option<&'a InferTensorContents>),
    Raw(&'a [u8]),
    /// In memory that the client would share.
    Shared,
}

/// `[rows]`, or `[rows, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    rows: usize,
    width: Option<usize>,
}

impl Shape {
    pub(super) fn elements(self) -> usize {
        self.rows.saturating_mul(self.width.unwrap_or(1))
    }

    pub(super) fn rank(self) -> usize {
        1 + usize::from(self.width.is_some())
    }

    /// Of an array this deep in others: 1 is the outermost.
    pub(super) fn length(self, depth: usize) -> usize {
        match depth {
            1 => self.rows,
            _ => self.width.unwrap_or(1),
        }
    }

    /// What its data is, in words.
    pub(super) fn expected(self) -> String {
        let elements = self.elements();
        match self.width {
            None => format!("an array of {elements} values, as its shape says"),
            Some(width) => format!(
                "{} arrays of {width} values, or all {elements} in one, as its shape says",
                self.rows
            ),
        }
    }

    fn of(tensor: &Tensor<'_>) -> Result<Self, FieldError> {
        let shape = match tensor.shape {
            Sizes::Json(text) => Self::in_json(text.get()),
            Sizes::Numbers(numbers) => Self::in_numbers(numbers),
        };
        let expected = match shape {
            Some(Self { rows, .. }) if rows > MAX_ROWS => format!("at most {MAX_ROWS} rows"),
            Some(shape) if shape.elements() > 0 => return Ok(shape),
            _ => "one or two whole numbers from 1, the first of them how many rows there are"
                .to_owned(),
        };
        Err(at(tensor, "/shape", "out_of_range", expected).got(tensor.shape.to_string()))
    }

    fn in_json(text: &str) -> Option<Self> {
        match (
            serde_json::from_str::<[usize; 1]>(text),
            serde_json::from_str::<[usize; 2]>(text),
        ) {
            (Ok([rows]), _) => Some(Self { rows, width: None }),
            (_, Ok([rows, width])) => Some(Self {
                rows,
                width: Some(width),
            }),
            _ => None,
        }
    }

    fn in_numbers(numbers: &[i64]) -> Option<Self> {
        let (rows, width) = match *numbers {
            [rows] => (rows, None),
            [rows, width] => (rows, Some(usize::try_from(width).ok()?)),
            _ => return None,
        };
        let rows = usize::try_from(rows).ok()?;
        Some(Self { rows, width })
    }
}

/// Tensors that fit the model's inputs and each other.
pub(super) struct Batch<'t, 'a> {
    /// How many rows there are.
    count: usize,
    parts: Vec<Part<'t, 'a>>,
}

struct Part<'t, 'a> {
    tensor: &'t Tensor<'a>,
    shape: Shape,
    datatype: Datatype,
    slots: Range<usize>,
    source: Source<'a>,
}

impl<'t, 'a> Batch<'t, 'a> {
    /// Checks all that can be said without a look at the values.
    pub(super) fn of(
        predictor: &Predictor,
        tensors: &'t [Tensor<'a>],
        mut binary: &'a [u8],
    ) -> Result<Self, FieldError> {
        let inputs = &predictor.signature().inputs;
        let mut given = vec![false; inputs.len()];
        let mut parts: Vec<Part<'t, 'a>> = Vec::new();
        for tensor in tensors {
            let shape = Shape::of(tensor)?;
            let slots = slots(predictor, tensor, shape, tensors.len() == 1)?;
            for slot in slots.clone() {
                if std::mem::replace(&mut given[slot], true) {
                    return Err(at(tensor, "", "duplicate", "each input once"));
                }
            }
            if let Some(first) = parts.first().filter(|first| first.shape.rows != shape.rows) {
                let Shape { rows, .. } = first.shape;
                let expected = format!("{rows} rows, as {} has", first.tensor.name);
                let error = at(tensor, "/shape", "out_of_range", expected);
                return Err(error.got(tensor.shape.to_string()));
            }
            let datatype = datatype(tensor, &inputs[slots.clone()])?;
            let source = Source::of(tensor, shape, datatype, &mut binary)?;
            parts.push(Part {
                tensor,
                shape,
                datatype,
                slots,
                source,
            });
        }
        let Some(count) = parts.first().map(|part| part.shape.rows) else {
            let expected = format!(
                "a tensor for each input: the model takes {}",
                input_names(predictor)
            );
            return Err(FieldError::new("/inputs", "missing", expected));
        };
        if !binary.is_empty() {
            let expected = "no more binary data than the inputs' binary_data_size tell of";
            let error = FieldError::new("", "out_of_range", expected);
            return Err(error.got(format!("{} bytes more", binary.len())));
        }
        let is_missing = |(input, given): &(&InputField, &bool)| !**given && !input.nullable;
        if let Some((input, _)) = inputs.iter().zip(&given).find(is_missing) {
            let datatype = Datatype::of(input.kind).as_str();
            let expected = format!("a tensor of shape [{count}] and datatype {datatype}");
            let pointer = format!("/inputs/{}", escape(&input.name));
            return Err(FieldError::new(pointer, "missing", expected));
        }
        Ok(Self { count, parts })
    }

    pub(super) fn rows(&self, predictor: &Predictor) -> Result<Rows, FieldError> {
        let mut rows = Rows::missing(predictor.len(), self.count);
        self.each(predictor, |row, slot, _, value| rows.set(row, slot, value))?;
        Ok(rows)
    }

    /// As rows in JSON, whatever the tensors were: the log has one shape.
    pub(super) fn for_log(&self, predictor: &Predictor) -> Option<Vec<u8>> {
        let mut rows = vec![Map::new(); self.count];
        let inputs = &predictor.signature().inputs;
        let filled = self.each(predictor, |row, slot, cell, _| {
            if let (Some(row), Some(input)) = (rows.get_mut(row), inputs.get(slot)) {
                row.insert(input.name.clone(), cell.into());
            }
        });
        filled.ok()?;
        serde_json::to_vec(&rows).ok()
    }

    /// Gives every value to `put`, as it was sent and as the model takes it, with its row and the input's place in the signature.
    /// What is not given is missing.
    fn each(
        &self,
        predictor: &Predictor,
        mut put: impl FnMut(usize, usize, Cell<'_>, Value),
    ) -> Result<(), FieldError> {
        let inputs = &predictor.signature().inputs;
        for part in &self.parts {
            let Part {
                tensor,
                shape,
                datatype,
                ref slots,
                ref source,
            } = *part;
            let put = |place: usize, element: Element<'_>| {
                let (row, slot) = (place / slots.len(), slots.start + place % slots.len());
                let input = &inputs[slot];
                let read = cell(datatype, input, element).and_then(|cell| {
                    let value = cell.value(predictor, slot);
                    let refusal = predictor.refusal(slot, value);
                    refusal.map_or(Ok((cell, value)), Err)
                });
                let (cell, value) = read.map_err(|(code, expected)| {
                    let pointer = format!("/inputs/{}", escape(&input.name));
                    FieldError::new(pointer, code, expected)
                        .got(element.to_string())
                        .row(row)
                })?;
                put(row, slot, cell, value);
                Ok(())
            };
            let read = match source {
                Source::Json(data) => from_json(data, shape, put),
                Source::Binary(data) => from_binary(data, datatype, shape, put),
                Source::Contents(contents) => from_contents(contents, datatype, put),
            };
            read.map_err(|wrong| match wrong {
                Wrong::Element(error) => error,
                Wrong::Data(expected, got) => {
                    at(tensor, tensor.values.member(), "invalid", expected).got(got)
                }
            })?;
        }
        Ok(())
    }
}

/// The inputs that a tensor is: the one of its name, or, as the only tensor, all of them.
fn slots(
    predictor: &Predictor,
    tensor: &Tensor<'_>,
    shape: Shape,
    is_alone: bool,
) -> Result<Range<usize>, FieldError> {
    let wrong_shape =
        |expected: String| at(tensor, "/shape", "invalid", expected).got(tensor.shape.to_string());
    let inputs = &predictor.signature().inputs;
    let Shape { rows, width } = shape;
    if let Some(slot) = predictor.slot(&tensor.name) {
        return match width {
            None | Some(1) => Ok(slot..slot + 1),
            Some(_) => Err(wrong_shape(format!("[{rows}] or [{rows}, 1]"))),
        };
    }
    let is_matrix = is_alone && width.is_some();
    if is_matrix && inputs.iter().all(|input| input.kind.is_numeric()) {
        return if width == Some(inputs.len()) {
            Ok(0..inputs.len())
        } else {
            let expected = format!(
                "[{rows}, {}], a column for each input: {}",
                inputs.len(),
                input_names(predictor)
            );
            Err(wrong_shape(expected))
        };
    }
    let expected = format!("no such input: the model takes {}", input_names(predictor));
    Err(at(tensor, "", "unknown_field", expected))
}

fn datatype(tensor: &Tensor<'_>, inputs: &[InputField]) -> Result<Datatype, FieldError> {
    let suits = |datatype: &Datatype| inputs.iter().all(|input| datatype.suits(input.kind));
    let found = Datatype::from_text(&tensor.datatype).filter(suits);
    found.ok_or_else(|| {
        let expected = match inputs.first().map(|input| input.kind) {
            Some(ColumnType::Boolean) => "BOOL",
            Some(ColumnType::String) => "BYTES",
            Some(ColumnType::Integer) => "INT64, or another of INT8 to UINT64 and FP16 to FP64",
            _ => "FP64, or another of FP16 to FP64 and INT8 to UINT64",
        };
        at(tensor, "/datatype", "wrong_type", expected).got(tensor.datatype.as_ref())
    })
}

fn cell<'e>(
    datatype: Datatype,
    input: &InputField,
    element: Element<'e>,
) -> Result<Cell<'e>, (&'static str, String)> {
    let expected = |kind: &str, missing: &str| {
        let missing = if input.nullable { missing } else { "" };
        format!("{kind}{missing}")
    };
    match (datatype, element) {
        (_, Element::Null) if input.nullable => Ok(Cell::Missing),
        (_, Element::Null) => Err((
            "missing",
            "a value, since this input has no null".to_owned(),
        )),
        (Datatype::Bool, Element::Boolean(value)) => Ok(Cell::Boolean(value)),
        (Datatype::Bool, _) => Err(("wrong_type", expected("true or false", " or null"))),
        (Datatype::Bytes, Element::Text(text)) => Ok(Cell::Text(text)),
        (Datatype::Bytes, _) => Err(("wrong_type", expected("a string", " or null"))),
        // Binary data has no other way to say it.
        (_, Element::Float(number)) if number.is_nan() && input.nullable => Ok(Cell::Missing),
        (_, Element::Whole(whole)) => number(datatype, input, whole as f64, Some(whole)),
        (_, Element::Float(float)) if float.is_finite() => {
            let whole = (float.fract() == 0.0).then_some(float as i128);
            number(datatype, input, float, whole)
        }
        (_, Element::Float(_)) => Err((
            "invalid",
            expected("a finite number", ", or NaN for a missing value"),
        )),
        (_, Element::Boolean(_) | Element::Text(_)) => {
            Err(("wrong_type", expected("a number", " or null")))
        }
    }
}

/// `whole` is the number if it has no fraction.
fn number(
    datatype: Datatype,
    input: &InputField,
    number: f64,
    whole: Option<i128>,
) -> Result<Cell<'static>, (&'static str, String)> {
    let name = datatype.as_str();
    match (datatype.whole_range(), whole) {
        (Some((least, largest)), Some(whole)) if !(least..=largest).contains(&whole) => {
            let expected = format!("a whole number from {least} to {largest}, as {name} has it");
            return Err(("out_of_range", expected));
        }
        (Some(_), None) => return Err(("wrong_type", format!("a whole number, as {name} has it"))),
        (None, _) if number.abs() > datatype.largest() => {
            let expected = format!("a number that fits {name}");
            return Err(("out_of_range", expected));
        }
        _ => {}
    }
    match (input.kind, whole) {
        (ColumnType::Integer, None) => Err(("wrong_type", "a whole number".to_owned())),
        (ColumnType::Integer, Some(whole)) if i64::try_from(whole).is_err() => {
            let expected = "a whole number that fits 64 bits".to_owned();
            Err(("out_of_range", expected))
        }
        _ => Ok(Cell::Number(number)),
    }
}

/// An error of a tensor, which it names.
pub(super) fn at(
    tensor: &Tensor<'_>,
    member: &str,
    code: &str,
    expected: impl Into<String>,
) -> FieldError {
    const SHOWN: usize = 80;
    let name: String = escape(&tensor.name).chars().take(SHOWN).collect();
    FieldError::new(format!("/inputs/{name}{member}"), code, expected)
}
