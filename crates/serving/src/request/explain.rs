//! The slow way through a body: everything that is wrong with it, at once.

use std::cell::{Cell, RefCell};
use std::fmt;

use domain::FieldError;
use model::Predictor;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::error::Category;
use serde_json::{Map, Value as Json};

use super::{MAX_ERRORS, MAX_ROWS, Rows};

/// Where the reader is, to name the place of what it can not read.
#[derive(Default)]
struct Place {
    in_inputs: Cell<bool>,
    row: Cell<Option<usize>>,
    field: RefCell<Option<String>>,
    too_many: Cell<bool>,
}

impl Place {
    fn error(&self, code: &str, expected: &str) -> FieldError {
        let inputs = self.in_inputs.get().then(|| "inputs".to_owned());
        let row = self.row.get().map(|row| row.to_string());
        let field = self.field.borrow().as_deref().map(escape);
        let pointer: String = [inputs, row, field]
            .into_iter()
            .flatten()
            .flat_map(|step| ["/".to_owned(), step])
            .collect();
        let error = FieldError::new(pointer, code, expected);
        match self.row.get() {
            Some(row) => error.row(row),
            None => error,
        }
    }
}

pub(super) fn parse(predictor: &Predictor, body: &[u8]) -> Result<Rows, Vec<FieldError>> {
    let place = Place::default();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = (&mut deserializer)
        .deserialize_map(Body(&place))
        .and_then(|body| deserializer.end().map(|()| body));
    let body = read.map_err(|error| vec![unreadable(&place, &error, body)])?;
    let mut errors = body.errors;
    let Some(inputs) = body.inputs else {
        errors.push(FieldError::new("/inputs", "missing", SHAPE));
        return Err(errors);
    };
    let mut rows = Rows::of_width(predictor.len());
    let is_batch = inputs.is_batch;
    if inputs.rows.is_empty() {
        errors.push(
            FieldError::new("/inputs", "out_of_range", "at least one row").got("an empty array"),
        );
    }
    for (index, row) in inputs.rows.into_iter().enumerate() {
        if errors.len() >= MAX_ERRORS {
            break;
        }
        let number = is_batch.then_some(index);
        match row {
            Row::Wrong(got) => {
                errors.push(
                    FieldError::new(
                        format!("/inputs/{index}"),
                        "wrong_type",
                        "an object with the row's inputs",
                    )
                    .got(got)
                    .row(index),
                );
            }
            Row::Object(members) => match check(predictor, number, members) {
                Ok(values) => rows.push(&values),
                Err(more) => errors.extend(more),
            },
        }
    }
    errors.truncate(MAX_ERRORS);
    if errors.is_empty() {
        Ok(rows)
    } else {
        Err(errors)
    }
}

/// The values of one row; a name may come twice.
pub(crate) fn check(
    predictor: &Predictor,
    row: Option<usize>,
    members: Vec<(String, Json)>,
) -> Result<Vec<model::Value>, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut inputs = Map::new();
    // A row of a million unknown names is told of the first hundred.
    let enough = predictor.len() + MAX_ERRORS;
    for (name, value) in members.into_iter().take(enough) {
        if inputs.contains_key(&name) {
            let place = Place {
                in_inputs: Cell::new(true),
                row: Cell::new(row),
                field: RefCell::new(Some(name)),
                too_many: Cell::new(false),
            };
            errors.push(place.error("duplicate", "each input once"));
            continue;
        }
        inputs.insert(name, value);
    }
    match model::check_row(predictor, row, &inputs) {
        Ok(values) if errors.is_empty() => Ok(values),
        Ok(_) => Err(errors),
        Err(more) => {
            errors.extend(more);
            Err(errors)
        }
    }
}

const SHAPE: &str = "an object with the row's inputs, or an array of such objects";

/// What to say of a body that can not be read to its end.
fn unreadable(place: &Place, error: &serde_json::Error, body: &[u8]) -> FieldError {
    if place.too_many.get() {
        return FieldError::new(
            "/inputs",
            "out_of_range",
            format!("at most {MAX_ROWS} rows"),
        );
    }
    if error.classify() == Category::Data {
        let expected = if place.in_inputs.get() {
            SHAPE
        } else {
            "an object such as {\"inputs\": {...}}"
        };
        return place.error("wrong_type", expected);
    }
    let text = error.to_string();
    let is_value = place.field.borrow().is_some();
    if is_value && text.starts_with("number out of range") {
        return place.error("out_of_range", "a number that fits 64 bits");
    }
    if let Some(word) = not_finite(error, body).filter(|_| is_value) {
        return place.error("invalid", "a finite number or null").got(word);
    }
    if text.starts_with("recursion limit") {
        return place.error(
            "invalid",
            "a value, not arrays or objects within each other",
        );
    }
    FieldError::new(
        "",
        "malformed_json",
        "valid JSON such as {\"inputs\": {...}}",
    )
    .got(text)
}

/// The word that JSON does not have, where the reader stumbled over it.
fn not_finite(error: &serde_json::Error, body: &[u8]) -> Option<&'static str> {
    let line_start: usize = body
        .split_inclusive(|byte| *byte == b'\n')
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    let at = line_start + error.column();
    let near = |back: usize| body.get(at.saturating_sub(back)..).unwrap_or_default();
    ["NaN", "nan", "Infinity", "-Infinity", "inf", "-inf"]
        .into_iter()
        .find(|word| (0..=2).any(|back| near(back).starts_with(word.as_bytes())))
}

/// A name as a step of a JSON pointer.
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[derive(Default)]
struct Read {
    inputs: Option<ReadInputs>,
    errors: Vec<FieldError>,
}

struct ReadInputs {
    rows: Vec<Row>,
    is_batch: bool,
}

enum Row {
    Object(Vec<(String, Json)>),
    Wrong(String),
}

struct Body<'a>(&'a Place);

impl<'de> Visitor<'de> for Body<'_> {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let mut read = Read::default();
        while let Some(key) = map.next_key::<String>()? {
            if key != "inputs" {
                map.next_value::<IgnoredAny>()?;
                if read.errors.len() < MAX_ERRORS {
                    read.errors.push(FieldError::new(
                        format!("/{}", escape(&key)),
                        "unknown_field",
                        "no other member than inputs",
                    ));
                }
                continue;
            }
            self.0.in_inputs.set(true);
            let inputs = map.next_value_seed(Inputs(self.0))?;
            self.0.in_inputs.set(false);
            if read.inputs.replace(inputs).is_some() && read.errors.len() < MAX_ERRORS {
                read.errors.push(FieldError::new(
                    "/inputs",
                    "duplicate",
                    "the member inputs once",
                ));
            }
        }
        Ok(read)
    }
}

struct Inputs<'a>(&'a Place);

impl<'de> DeserializeSeed<'de> for Inputs<'_> {
    type Value = ReadInputs;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ReadInputs, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inputs<'_> {
    type Value = ReadInputs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHAPE)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ReadInputs, A::Error> {
        let row = OneRow(self.0).visit_map(map)?;
        Ok(ReadInputs {
            rows: vec![row],
            is_batch: false,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ReadInputs, A::Error> {
        let mut rows = Vec::new();
        self.0.row.set(Some(0));
        while let Some(row) = items.next_element_seed(OneRow(self.0))? {
            rows.push(row);
            self.0.row.set(Some(rows.len()));
            if rows.len() > MAX_ROWS {
                self.0.too_many.set(true);
                return Err(A::Error::custom("too many rows"));
            }
        }
        self.0.row.set(None);
        Ok(ReadInputs {
            rows,
            is_batch: true,
        })
    }
}

struct OneRow<'a>(&'a Place);

impl<'de> DeserializeSeed<'de> for OneRow<'_> {
    type Value = Row;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Row, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneRow<'_> {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            self.0.field.replace(Some(name.clone()));
            members.push((name, map.next_value()?));
            self.0.field.replace(None);
        }
        Ok(Row::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Row, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Row::Wrong("an array".to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Row, E> {
        Ok(Row::Wrong("null".to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Row, E> {
        Ok(Row::Wrong(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Row, E> {
        Ok(Row::Wrong(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Row, E> {
        Ok(Row::Wrong(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Row, E> {
        Ok(Row::Wrong(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Row, E> {
        Ok(Row::Wrong(format!("{value:?}")))
    }
}
