//! The elements of a tensor, in JSON or as binary data.

use std::fmt;

use domain::FieldError;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::datatype::{Datatype, InBytes as _};
use super::messages::InferTensorContents;
use super::tensors::Shape;

/// As it was sent, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Element<'a> {
    Null,
    Boolean(bool),
    Whole(i128),
    Float(f64),
    Text(&'a str),
}

impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// What is wrong with the data.
pub(super) enum Wrong {
    /// With one element; whoever took it says what.
    Element(FieldError),
    /// With all of it: what was expected, and what was there.
    Data(String, String),
}

impl From<FieldError> for Wrong {
    fn from(error: FieldError) -> Self {
        Self::Element(error)
    }
}

/// Gives the elements to `put`, with their places, in row-major order. They may be in one array, or in arrays as the shape
/// has them.
pub(super) fn from_json(
    data: &RawValue,
    shape: Shape,
    put: impl FnMut(usize, Element<'_>) -> Result<(), FieldError>,
) -> Result<(), Wrong> {
    let mut reader = Reader {
        shape,
        put,
        next: 0,
        depth_of_elements: None,
        wrong: None,
    };
    let mut deserializer = serde_json::Deserializer::from_str(data.get());
    let level = Level {
        reader: &mut reader,
        depth: 0,
    };
    match level.deserialize(&mut deserializer) {
        Ok(()) => Ok(()),
        Err(error) => Err(reader
            .wrong
            .unwrap_or_else(|| Wrong::Data(shape.expected(), error.to_string()))),
    }
}

/// As [`from_json`]. Of another datatype than text, the bytes must be as many as shape and datatype say.
pub(super) fn from_binary(
    data: &[u8],
    datatype: Datatype,
    shape: Shape,
    mut put: impl FnMut(usize, Element<'_>) -> Result<(), FieldError>,
) -> Result<(), Wrong> {
    if datatype != Datatype::Bytes {
        for (place, bytes) in data.chunks_exact(datatype.size()).enumerate() {
            put(place, datatype.element(bytes))?;
        }
        return Ok(());
    }
    let wrong = |got: String| {
        let expected = format!(
            "{} texts in UTF-8, each after 4 bytes that tell its length",
            shape.elements()
        );
        Wrong::Data(expected, got)
    };
    let mut rest = data;
    for place in 0..shape.elements() {
        let text = rest.split_first_chunk().and_then(|(length, after)| {
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            after.split_at_checked(length)
        });
        let Some((text, after)) = text else {
            return Err(wrong(format!("{place} of them")));
        };
        let text = std::str::from_utf8(text)
            .map_err(|error| wrong(format!("in text {place}, {error}")))?;
        put(place, Element::Text(text))?;
        rest = after;
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(wrong(format!("{} bytes more", rest.len())))
    }
}

/// As [`from_json`], from the field of the datatype.
pub(super) fn from_contents(
    contents: &InferTensorContents,
    datatype: Datatype,
    put: impl FnMut(usize, Element<'_>) -> Result<(), FieldError>,
) -> Result<(), Wrong> {
    match datatype {
        Datatype::Bool => each(
            &contents.bool_contents,
            |value| Element::Boolean(*value),
            put,
        ),
        Datatype::Int8 | Datatype::Int16 | Datatype::Int32 => {
            each(&contents.int_contents, |number| whole(*number), put)
        }
        Datatype::Int64 => each(&contents.int64_contents, |number| whole(*number), put),
        Datatype::Uint8 | Datatype::Uint16 | Datatype::Uint32 => {
            each(&contents.uint_contents, |number| whole(*number), put)
        }
        Datatype::Uint64 => each(&contents.uint64_contents, |number| whole(*number), put),
        Datatype::Fp32 => each(&contents.fp32_contents, |number| float(*number), put),
        Datatype::Fp64 => each(&contents.fp64_contents, |number| float(*number), put),
        Datatype::Fp16 => Ok(()),
        Datatype::Bytes => texts(&contents.bytes_contents, put),
    }
}

fn whole<'e>(number: impl Into<i128>) -> Element<'e> {
    Element::Whole(number.into())
}

fn float<'e>(number: impl Into<f64>) -> Element<'e> {
    Element::Float(number.into())
}

fn each<'v, T>(
    values: &'v [T],
    element: impl Fn(&'v T) -> Element<'v>,
    mut put: impl FnMut(usize, Element<'_>) -> Result<(), FieldError>,
) -> Result<(), Wrong> {
    for (place, value) in values.iter().enumerate() {
        put(place, element(value))?;
    }
    Ok(())
}

fn texts(
    texts: &[Vec<u8>],
    mut put: impl FnMut(usize, Element<'_>) -> Result<(), FieldError>,
) -> Result<(), Wrong> {
    for (place, text) in texts.iter().enumerate() {
        let text = std::str::from_utf8(text).map_err(|error| {
            let expected = format!("{} texts in UTF-8", texts.len());
            Wrong::Data(expected, format!("in text {place}, {error}"))
        })?;
        put(place, Element::Text(text))?;
    }
    Ok(())
}

struct Reader<F> {
    shape: Shape,
    put: F,
    /// The place of the next element.
    next: usize,
    depth_of_elements: Option<usize>,
    wrong: Option<Wrong>,
}

impl<F: FnMut(usize, Element<'_>) -> Result<(), FieldError>> Reader<F> {
    fn element<E: serde::de::Error>(
        &mut self,
        depth: usize,
        element: Element<'_>,
    ) -> Result<(), E> {
        if depth == 0 {
            return self.refuse(element.to_string());
        }
        if *self.depth_of_elements.get_or_insert(depth) != depth {
            return self.refuse("values beside arrays".to_owned());
        }
        if self.next == self.shape.elements() {
            return self.refuse("more".to_owned());
        }
        if let Err(error) = (self.put)(self.next, element) {
            self.wrong = Some(error.into());
            return Err(E::custom(""));
        }
        self.next += 1;
        Ok(())
    }

    /// An array ended that stood this deep and had so many members.
    fn end<E: serde::de::Error>(&mut self, depth: usize, members: usize) -> Result<(), E> {
        let expected = if depth == 1 && self.depth_of_elements == Some(1) {
            self.shape.elements()
        } else {
            self.shape.length(depth)
        };
        if members == expected {
            Ok(())
        } else {
            self.refuse(format!("an array of {members}"))
        }
    }

    fn refuse<E: serde::de::Error>(&mut self, got: String) -> Result<(), E> {
        self.wrong = Some(Wrong::Data(self.shape.expected(), got));
        Err(E::custom(""))
    }
}

/// A value within so many arrays.
struct Level<'r, F> {
    reader: &'r mut Reader<F>,
    depth: usize,
}

impl<'de, F> DeserializeSeed<'de> for Level<'_, F>
where
    F: FnMut(usize, Element<'_>) -> Result<(), FieldError>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F> Visitor<'de> for Level<'_, F>
where
    F: FnMut(usize, Element<'_>) -> Result<(), FieldError>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let depth = self.depth + 1;
        if depth > self.reader.shape.rank() {
            return self.reader.refuse("arrays within each other".to_owned());
        }
        let mut count = 0;
        loop {
            let reader = &mut *self.reader;
            if members
                .next_element_seed(Level { reader, depth })?
                .is_none()
            {
                return self.reader.end(depth, count);
            }
            count += 1;
        }
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.reader.element(self.depth, Element::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.reader.element(self.depth, Element::Boolean(value))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        self.reader
            .element(self.depth, Element::Whole(number.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        self.reader
            .element(self.depth, Element::Whole(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        self.reader.element(self.depth, Element::Float(number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.reader.element(self.depth, Element::Text(text))
    }
}
