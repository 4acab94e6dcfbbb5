use std::collections::BTreeMap;

use csv_core::{ReadFieldResult, Reader};
use domain::FieldError;
use domain::datasets::ColumnType;
use model::Predictor;
use serde_json::Value as Json;

use super::{check_cells, collect, slots};
use crate::request::{MAX_ERRORS, Rows};

pub(super) fn read(predictor: &Predictor, body: &[u8]) -> Result<Rows, Vec<FieldError>> {
    let most = predictor.len() + MAX_ERRORS;
    let mut records = Records::of(body, most).map_err(|error| vec![error])?;
    let columns = records.header().map_err(|error| vec![error])?;
    let slots = slots(predictor, &columns)?;
    let mut broken = false;
    let rows = std::iter::from_fn(|| {
        if broken {
            return None;
        }
        match records.next() {
            Ok(Some(cells)) => Some(check_cells(predictor, &slots, &cells, |slot, text| {
                Ok(json(predictor.kind(slot), text))
            })),
            Ok(None) => None,
            Err(error) => {
                broken = true;
                Some(Err(vec![error]))
            }
        }
    });
    collect(predictor, rows)
}

/// What is a number and what is a text, the signature says.
pub(super) fn inputs(predictor: &Predictor, body: &[u8]) -> Option<Vec<u8>> {
    let mut records = Records::of(body, usize::MAX).ok()?;
    let columns = records.header().ok()?;
    let kinds: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(position, name)| predictor.kind(predictor.slot_near(position, name)?))
        .collect();
    let mut rows = Vec::new();
    while let Some(cells) = records.next().ok()? {
        let columns = columns.iter().map(String::as_str);
        let cells = kinds
            .iter()
            .zip(cells)
            .map(|(kind, text)| json(*kind, text));
        let row: BTreeMap<_, _> = columns.zip(cells).collect();
        rows.push(row);
    }
    serde_json::to_vec(&rows).ok()
}

/// What a cell says. A text that its column can not hold stays a text, for the check to refuse.
fn json(kind: Option<ColumnType>, text: &str) -> Json {
    if is_missing(text) {
        return Json::Null;
    }
    let read = match kind {
        Some(ColumnType::Integer) => integer(text).or_else(|| number(text)),
        Some(ColumnType::Float) => number(text),
        Some(ColumnType::Boolean) => boolean(text),
        Some(ColumnType::String) | None => None,
    };
    read.unwrap_or_else(|| Json::from(text))
}

/// The words that an upload has for a missing value, so that training and predicting read one file the same way.
fn is_missing(text: &str) -> bool {
    let words = ["", "na", "n/a", "nan", "null", "none"];
    words
        .iter()
        .any(|word| text.trim().eq_ignore_ascii_case(word))
}

fn integer(text: &str) -> Option<Json> {
    text.trim().parse::<i64>().map(Json::from).ok()
}

/// Digits, with a sign, a point and an exponent if they like; no words such as `inf`, and nothing beyond 64 bits.
fn number(text: &str) -> Option<Json> {
    let text = text.trim();
    let is_plain =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    if !text.bytes().all(is_plain) {
        return None;
    }
    let number = text.parse().ok()?;
    serde_json::Number::from_f64(number).map(Json::from)
}

fn boolean(text: &str) -> Option<Json> {
    let text = text.trim();
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    (is("true") || is("false")).then(|| Json::from(is("true")))
}

/// The records of a body, one at a time.
struct Records<'b> {
    core: Reader,
    rest: &'b [u8],
    /// Most fields of a record: one with more is refused before it is read to its end.
    most: usize,
    /// The fields of the record, one after the other, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl<'b> Records<'b> {
    fn of(body: &'b [u8], most: usize) -> Result<Self, FieldError> {
        if let Err(error) = std::str::from_utf8(body) {
            let got = format!("something else at byte {}", error.valid_up_to());
            return Err(malformed("text in UTF-8").got(got));
        }
        Ok(Self {
            core: Reader::new(),
            rest: body,
            most,
            text: vec![0; body.len() + 2],
            ends: Vec::new(),
        })
    }

    fn header(&mut self) -> Result<Vec<String>, FieldError> {
        let header = self.next()?;
        let header = header.ok_or_else(|| malformed("a first line with the columns' names"))?;
        Ok(header.into_iter().map(str::to_owned).collect())
    }

    fn next(&mut self) -> Result<Option<Vec<&str>>, FieldError> {
        self.ends.clear();
        let mut length = 0;
        loop {
            // At the end of the body a line break closes the last record, unless a quote is still open.
            let at_end = self.rest.is_empty();
            let input = if at_end { b"\n" } else { self.rest };
            let (result, taken, written) = self.core.read_field(input, &mut self.text[length..]);
            if !at_end {
                self.rest = &self.rest[taken..];
            }
            length += written;
            match result {
                ReadFieldResult::Field { record_end } => {
                    self.ends.push(length);
                    if record_end {
                        break;
                    }
                    if self.ends.len() > self.most {
                        return Err(malformed("not so many values in a line"));
                    }
                }
                ReadFieldResult::InputEmpty if !at_end => {}
                ReadFieldResult::InputEmpty if length == 0 && self.ends.is_empty() => {
                    return Ok(None);
                }
                ReadFieldResult::InputEmpty
                | ReadFieldResult::OutputFull
                | ReadFieldResult::End => {
                    return Err(malformed("a closing quote for every quoted value"));
                }
            }
        }
        let mut from = 0;
        let fields = self.ends.iter().map(|&to| {
            let field = &self.text[from..to];
            from = to;
            std::str::from_utf8(field).unwrap_or_default()
        });
        Ok(Some(fields.collect()))
    }
}

fn malformed(expected: &str) -> FieldError {
    FieldError::new("", "malformed_csv", expected)
}
