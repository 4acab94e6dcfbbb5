//! Categories, and what stands for them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::ops::takes;
use crate::read::{Entry, Node};
use crate::shape;
use crate::tensor::{Data, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("OneHotEncoder", 1, (1, 1), (1, 1), one_hot),
    Entry::new("LabelEncoder", 1, (1, 1), (1, 1), label_encoder),
    Entry::new("CategoryMapper", 1, (1, 1), (1, 1), category_mapper),
];

/// What onnxruntime says for a text that nothing stands for.
const UNUSED: &str = "_Unused";

fn one_hot(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    let texts = node.texts("cats_strings")?.unwrap_or_default();
    let numbers = node.ints("cats_int64s")?.unwrap_or_default();
    if texts.is_empty() == numbers.is_empty() {
        return Err(node.refuse("does not say one kind of categories"));
    }
    Ok(Box::new(OneHot {
        count: texts.len() + numbers.len(),
        texts: placed(texts.into_iter().map(Arc::from)),
        numbers: placed(numbers.iter().copied()),
        zeros: node.flag("zeros", true)?,
    }))
}

/// The places of the categories; of one that is named twice the last.
fn placed<T: Eq + Hash>(categories: impl Iterator<Item = T>) -> HashMap<T, usize> {
    categories.zip(0..).collect()
}

struct OneHot {
    count: usize,
    texts: HashMap<Arc<str>, usize>,
    numbers: HashMap<i64, usize>,
    /// Whether what is no category becomes zeros, rather than a fault.
    zeros: bool,
}

impl Operator for OneHot {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let tensor = call.get(0)?;
        let mut shape = tensor.shape.clone();
        shape.push(self.count);
        let mut made = vec![0.0_f32; call.room(&shape)?];
        let number = |number: f64| self.numbers.get(&whole(number)?).copied();
        match &tensor.data {
            Data::Text(values) => {
                self.put(&mut made, values, |text| self.texts.get(&**text).copied())?;
            }
            Data::I64(values) => {
                self.put(&mut made, values, |value| self.numbers.get(value).copied())?;
            }
            Data::I32(values) => self.put(&mut made, values, |&value| number(value.into()))?,
            Data::F32(values) => self.put(&mut made, values, |&value| number(value.into()))?,
            Data::F64(values) => self.put(&mut made, values, |&value| number(value))?,
            Data::Bool(_) => return Err(takes("texts or numbers", tensor.element())),
        }
        call.give(0, Tensor::new(shape, made))
    }
}

impl OneHot {
    fn put<T>(
        &self,
        made: &mut [f32],
        values: &[T],
        place: impl Fn(&T) -> Option<usize>,
    ) -> Result<(), Fault> {
        for (row, value) in made.chunks_exact_mut(self.count).zip(values) {
            match place(value) {
                Some(place) => row[place] = 1.0,
                None if self.zeros => {}
                None => return Err("got what is none of its categories".into()),
            }
        }
        Ok(())
    }
}

/// A number without its fraction, if there is such a whole number.
fn whole(number: f64) -> Option<i64> {
    let whole = number as i64;
    (number.is_finite() && (whole as f64 - number).abs() < 1.0).then_some(whole)
}

/// Keys that are found by what they are, so that there is one that is not a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Text(Arc<str>),
    Number(i64),
    Fraction(u64),
}

impl Key {
    fn fraction(value: f64) -> Self {
        let value = if value.is_nan() {
            f64::NAN
        } else {
            value + 0.0
        };
        Self::Fraction(value.to_bits())
    }
}

/// Keys are of one of three types, since a tensor is.
fn keys(data: &Data) -> Option<Vec<Key>> {
    Some(match data {
        Data::Text(values) => values.iter().cloned().map(Key::Text).collect(),
        Data::I64(values) => values.iter().copied().map(Key::Number).collect(),
        Data::I32(values) => values
            .iter()
            .map(|&value| Key::Number(value.into()))
            .collect(),
        Data::F32(values) => values
            .iter()
            .map(|&value| Key::fraction(value.into()))
            .collect(),
        Data::F64(values) => values.iter().map(|&value| Key::fraction(value)).collect(),
        Data::Bool(_) => return None,
    })
}

struct LabelEncoder {
    places: Places,
    /// What the keys stand for, and behind these what everything else does.
    values: Data,
}

/// Where among the values that of a key is. Each kind of keys has a table of its own, so that looking one up makes nothing.
#[derive(Default)]
struct Places {
    texts: HashMap<Arc<str>, usize>,
    numbers: HashMap<i64, usize>,
    fractions: HashMap<u64, usize>,
}

impl Places {
    /// Of a key that comes twice the first counts, unless `last` does.
    fn new(keys: Vec<Key>, last: bool) -> Self {
        fn insert<K: Eq + Hash>(table: &mut HashMap<K, usize>, key: K, place: usize, last: bool) {
            if last {
                table.insert(key, place);
            } else {
                table.entry(key).or_insert(place);
            }
        }
        let mut places = Self::default();
        for (place, key) in keys.into_iter().enumerate() {
            match key {
                Key::Text(key) => insert(&mut places.texts, key, place, last),
                Key::Number(key) => insert(&mut places.numbers, key, place, last),
                Key::Fraction(key) => insert(&mut places.fractions, key, place, last),
            }
        }
        places
    }

    /// The place of each value's key, or `other`.
    fn of(&self, data: &Data, other: usize) -> Option<Vec<usize>> {
        let fraction = |value: f64| {
            let Key::Fraction(bits) = Key::fraction(value) else {
                return other;
            };
            self.fractions.get(&bits).copied().unwrap_or(other)
        };
        let number = |value: i64| self.numbers.get(&value).copied().unwrap_or(other);
        Some(match data {
            Data::Text(values) => values
                .iter()
                .map(|text| self.texts.get(&**text).copied().unwrap_or(other))
                .collect(),
            Data::I64(values) => values.iter().map(|&value| number(value)).collect(),
            Data::I32(values) => values.iter().map(|&value| number(value.into())).collect(),
            Data::F32(values) => values.iter().map(|&value| fraction(value.into())).collect(),
            Data::F64(values) => values.iter().map(|&value| fraction(value)).collect(),
            Data::Bool(_) => return None,
        })
    }

    fn takes(&self, data: &Data) -> bool {
        match data {
            Data::Text(_) => !self.texts.is_empty(),
            Data::I64(_) | Data::I32(_) => !self.numbers.is_empty(),
            Data::F32(_) | Data::F64(_) => !self.fractions.is_empty(),
            Data::Bool(_) => false,
        }
    }
}

impl Operator for LabelEncoder {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let tensor = call.get(0)?;
        call.room(&tensor.shape)?;
        let other = self.values.len() - 1;
        let places = if self.places.takes(&tensor.data) {
            self.places.of(&tensor.data, other)
        } else {
            None
        };
        let places = places.ok_or_else(|| takes("what its keys are of", tensor.element()))?;
        let data = same!(&self.values, |values| shape::picked(values, &places));
        let shape = tensor.shape.clone();
        call.give(0, Tensor { shape, data })
    }
}

fn label_encoder(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    if node.opset < 2 {
        return classes_encoder(node);
    }
    let keys_data = mapped(node, "keys")?;
    let Some(keys) = keys(&keys_data) else {
        return Err(node.refuse("has keys of a type that is not taken"));
    };
    let values = mapped(node, "values")?;
    if keys.len() != values.len() || keys.is_empty() {
        return Err(node.refuse(format!(
            "has {} keys and {} values",
            keys.len(),
            values.len()
        )));
    }
    let default = node.tensor("default_tensor")?;
    let default = match (&values, default) {
        (values, Some(default)) => {
            if default.len() != 1 || default.element() != values.element() {
                return Err(node.refuse("has a default that is not one value like the others"));
            }
            default.data
        }
        (Data::Text(_), None) => {
            Data::Text(vec![node.text("default_string")?.unwrap_or(UNUSED).into()])
        }
        (Data::I64(_), None) => Data::I64(vec![node.int_or("default_int64", -1)?]),
        (Data::F32(_), None) => Data::F32(vec![node.float_or("default_float", -0.0)?]),
        (Data::F64(_), None) => Data::F64(vec![-0.0]),
        (Data::I32(_), None) => Data::I32(vec![-1]),
        (Data::Bool(_), None) => return Err(node.refuse("has values of a type that is not taken")),
    };
    Ok(Box::new(LabelEncoder {
        places: Places::new(keys, false),
        values: joined(values, default),
    }))
}

/// Keys or values, which are in one of several attributes.
fn mapped(node: &Node<'_>, what: &str) -> Result<Data, Refused> {
    if let Some(texts) = node.texts(&format!("{what}_strings"))? {
        return Ok(Data::Text(texts.into_iter().map(Arc::from).collect()));
    }
    if let Some(ints) = node.ints(&format!("{what}_int64s"))? {
        return Ok(Data::I64(ints.to_vec()));
    }
    if let Some(floats) = node.floats(&format!("{what}_floats"))? {
        return Ok(Data::F32(floats.to_vec()));
    }
    if let Some(tensor) = node.tensor(&format!("{what}_tensor"))? {
        return Ok(tensor.data);
    }
    Err(node.refuse(format!("lacks its {what}")))
}

/// Two lists of one type.
fn joined(values: Data, behind: Data) -> Data {
    match (values, behind) {
        (Data::Text(values), Data::Text(behind)) => Data::Text([values, behind].concat()),
        (Data::I64(values), Data::I64(behind)) => Data::I64([values, behind].concat()),
        (Data::I32(values), Data::I32(behind)) => Data::I32([values, behind].concat()),
        (Data::F32(values), Data::F32(behind)) => Data::F32([values, behind].concat()),
        (Data::F64(values), Data::F64(behind)) => Data::F64([values, behind].concat()),
        (values, _) => values,
    }
}

/// The first version of LabelEncoder: texts stand for their places, or the other way round.
fn classes_encoder(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    let classes = node.texts("classes_strings")?.unwrap_or_default();
    let numbers = (0..classes.len() as i64).collect::<Vec<_>>();
    let texts = classes
        .into_iter()
        .map(Arc::from)
        .collect::<Vec<Arc<str>>>();
    let default_text = node.text("default_string")?.unwrap_or(UNUSED);
    let default_number = node.int_or("default_int64", -1)?;
    both_ways(node, texts, numbers, default_text, default_number)
}

fn category_mapper(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    let texts = node.texts("cats_strings")?.unwrap_or_default();
    let texts = texts.into_iter().map(Arc::from).collect::<Vec<Arc<str>>>();
    let numbers = node.ints("cats_int64s")?.unwrap_or_default().to_vec();
    let default_text = node.text("default_string")?.unwrap_or(UNUSED);
    let default_number = node.int_or("default_int64", -1)?;
    both_ways(node, texts, numbers, default_text, default_number)
}

fn both_ways(
    node: &Node<'_>,
    texts: Vec<Arc<str>>,
    numbers: Vec<i64>,
    default_text: &str,
    default_number: i64,
) -> Result<Box<dyn Operator>, Refused> {
    if texts.len() != numbers.len() || texts.is_empty() {
        return Err(node.refuse(format!(
            "has {} texts for {} numbers",
            texts.len(),
            numbers.len()
        )));
    }
    let text_keys = texts.iter().cloned().map(Key::Text).collect();
    let number_keys = numbers.iter().copied().map(Key::Number).collect();
    Ok(Box::new(BothWays {
        to_number: LabelEncoder {
            places: Places::new(text_keys, true),
            values: joined(Data::I64(numbers), Data::I64(vec![default_number])),
        },
        to_text: LabelEncoder {
            places: Places::new(number_keys, true),
            values: joined(Data::Text(texts), Data::Text(vec![default_text.into()])),
        },
    }))
}

struct BothWays {
    to_number: LabelEncoder,
    to_text: LabelEncoder,
}

impl Operator for BothWays {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        match call.get(0)?.data {
            Data::Text(_) => self.to_number.run(call),
            _ => self.to_text.run(call),
        }
    }
}
