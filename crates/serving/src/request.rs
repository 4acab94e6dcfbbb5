//! The body of a request: `{"inputs": {...}}` for one row, `{"inputs": [{...}, ...]}` for a batch.
//!
//! A good body is read once, straight into the model's slots. Anything else is read again, slowly, to say everything that
//! is wrong with it.

pub(crate) mod explain;

use std::fmt;

use domain::FieldError;
use domain::datasets::ColumnType;
use model::{Predictor, Value};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

pub(crate) use explain::check as check_members;

/// Most rows of a batch.
pub const MAX_ROWS: usize = 10_000;
/// Most errors that an answer names.
pub const MAX_ERRORS: usize = 100;

/// The rows of a request, their values in the signature's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    values: Vec<Value>,
    width: usize,
    count: usize,
}

impl Rows {
    /// None yet, each of so many values.
    pub fn of_width(width: usize) -> Self {
        Self {
            values: Vec::with_capacity(width),
            width,
            count: 0,
        }
    }

    /// As many rows, in which nothing is given yet.
    pub(crate) fn missing(width: usize, count: usize) -> Self {
        Self {
            values: vec![Value::Missing; width * count],
            width,
            count,
        }
    }

    pub(crate) fn set(&mut self, row: usize, slot: usize, value: Value) {
        if let Some(place) = self.values.get_mut(row * self.width + slot) {
            *place = value;
        }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = &[Value]> {
        (0..self.count).map(|row| &self.values[row * self.width..(row + 1) * self.width])
    }

    /// Adds a row; it must have as many values as the others.
    pub fn push(&mut self, values: &[Value]) {
        self.values.extend_from_slice(values);
        self.count += 1;
    }
}

/// Reads and checks a body.
///
/// # Errors
/// What is wrong with it, field by field; at most [`MAX_ERRORS`].
pub fn parse(predictor: &Predictor, body: &[u8]) -> Result<Rows, Vec<FieldError>> {
    match fast(predictor, body) {
        Ok(rows) => Ok(rows),
        Err(_) => explain::parse(predictor, body),
    }
}

fn fast(predictor: &Predictor, body: &[u8]) -> serde_json::Result<Rows> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let mut reader = Reader {
        predictor,
        rows: Rows::of_width(predictor.len()),
        seen: vec![0; predictor.len().div_ceil(64)],
    };
    deserializer.deserialize_map(BodyVisitor(&mut reader))?;
    deserializer.end()?;
    Ok(reader.rows)
}

/// What the fast way says of everything that it does not take; nobody reads it.
const UNUSUAL: &str = "unusual";

struct Reader<'p> {
    predictor: &'p Predictor,
    rows: Rows,
    /// One bit for each input that the present row has given.
    seen: Vec<u64>,
}

struct BodyVisitor<'a, 'p>(&'a mut Reader<'p>);

impl<'de> Visitor<'de> for BodyVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the member inputs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if map.next_key_seed(IsInputs)? != Some(true) {
            return Err(A::Error::custom(UNUSUAL));
        }
        map.next_value_seed(Inputs(self.0))?;
        match map.next_key_seed(IsInputs)? {
            None => Ok(()),
            Some(_) => Err(A::Error::custom(UNUSUAL)),
        }
    }
}

struct IsInputs;

impl<'de> DeserializeSeed<'de> for IsInputs {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for IsInputs {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("inputs")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == "inputs")
    }
}

struct Inputs<'a, 'p>(&'a mut Reader<'p>);

impl<'de> DeserializeSeed<'de> for Inputs<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inputs<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Row(self.0).visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(Row(self.0))?.is_some() {
            if self.0.rows.count > MAX_ROWS {
                return Err(A::Error::custom(UNUSUAL));
            }
        }
        if self.0.rows.is_empty() {
            Err(A::Error::custom(UNUSUAL))
        } else {
            Ok(())
        }
    }
}

struct Row<'a, 'p>(&'a mut Reader<'p>);

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Reader {
            predictor,
            rows,
            seen,
        } = self.0;
        let width = rows.width;
        let start = rows.values.len();
        rows.values.resize(start + width, Value::Missing);
        seen.fill(0);
        let mut given = 0;
        while let Some(slot) = map.next_key_seed(Key {
            predictor,
            expected: given,
        })? {
            let (word, bit) = (slot / 64, 1_u64 << (slot % 64));
            if seen[word] & bit != 0 {
                return Err(A::Error::custom(UNUSUAL));
            }
            seen[word] |= bit;
            rows.values[start + slot] = map.next_value_seed(Cell { predictor, slot })?;
            given += 1;
        }
        let is_given = |slot: usize| seen[slot / 64] & (1 << (slot % 64)) != 0;
        if given != width && !(0..width).all(|slot| is_given(slot) || predictor.nullable(slot)) {
            return Err(A::Error::custom(UNUSUAL));
        }
        rows.count += 1;
        Ok(())
    }
}

struct Key<'p> {
    predictor: &'p Predictor,
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an input")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<usize, E> {
        self.predictor
            .slot_near(self.expected, key)
            .ok_or_else(|| E::custom(UNUSUAL))
    }
}

struct Cell<'p> {
    predictor: &'p Predictor,
    slot: usize,
}

impl Cell<'_> {
    fn kind(&self) -> Option<ColumnType> {
        self.predictor.kind(self.slot)
    }

    fn number<E: serde::de::Error>(&self, number: f64) -> Result<Value, E> {
        // Whole numbers as large as these are rare enough for the slow way to judge.
        const LARGE: f64 = 9e18;
        match self.kind() {
            Some(ColumnType::Float) if number.is_finite() => Ok(Value::Number(number)),
            Some(ColumnType::Integer) if number.fract() == 0.0 && number.abs() < LARGE => {
                Ok(Value::Number(number))
            }
            _ => Err(E::custom(UNUSUAL)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Cell<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Cell<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the input's type")
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        self.number(number)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        self.number(number as f64)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        self.number(number as f64)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        match self.kind() {
            Some(ColumnType::Boolean) => Ok(Predictor::boolean(value)),
            _ => Err(E::custom(UNUSUAL)),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        match self.kind() {
            Some(ColumnType::String) => Ok(self.predictor.category(self.slot, text)),
            _ => Err(E::custom(UNUSUAL)),
        }
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        if self.predictor.nullable(self.slot) {
            Ok(Value::Missing)
        } else {
            Err(E::custom(UNUSUAL))
        }
    }
}
