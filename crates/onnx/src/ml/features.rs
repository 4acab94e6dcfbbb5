//! Which features there are, and in which order.

use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::ops::{Plain, takes};
use crate::read::{Entry, MANY, Node};
use crate::shape;
use crate::tensor::{Data, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("ArrayFeatureExtractor", 1, (2, 2), (1, 1), |_| {
        Ok(Box::new(Plain(extract)))
    }),
    Entry::new("FeatureVectorizer", 1, (1, MANY), (1, 1), vectorizer),
];

/// Takes some places of the last dimension.
fn extract(call: &mut Call<'_>) -> Result<(), Fault> {
    let tensor = call.get(0)?;
    let Some((&length, outer)) = tensor.shape.split_last() else {
        return Err("takes rows of features, but got one number".into());
    };
    let places = call
        .numbers(1)?
        .iter()
        .map(|&place| usize::try_from(place).ok().filter(|&place| place < length))
        .collect::<Option<Vec<_>>>()
        .ok_or("was given the place of a feature that is not there")?;
    let mut shape = outer.to_vec();
    if shape.is_empty() {
        shape.push(1);
    }
    shape.push(places.len());
    call.room(&shape)?;
    let data = same!(&tensor.data, |values| {
        let rows = values.chunks_exact(length.max(1));
        rows.flat_map(|row| shape::picked(row, &places)).collect()
    });
    call.give(0, Tensor { shape, data })
}

fn vectorizer(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    let lengths = node.ints("inputdimensions")?.unwrap_or_default();
    let lengths = lengths.iter().map(|&length| usize::try_from(length));
    let lengths = lengths.collect::<Result<Vec<_>, _>>();
    match lengths {
        Ok(lengths) if lengths.len() == node.inputs() => Ok(Box::new(Vectorizer { lengths })),
        _ => Err(node.refuse("does not say how many features each of its inputs has")),
    }
}

struct Vectorizer {
    lengths: Vec<usize>,
}

/// Inputs side by side. One that has fewer features than announced is filled up with zeros, one that has more is cut.
impl Operator for Vectorizer {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let total = self
            .lengths
            .iter()
            .fold(0_usize, |total, &length| total.saturating_add(length));
        let rows = match call.get(0)?.shape[..] {
            [] | [_] => 1,
            [rows, ..] => rows,
        };
        let shape = vec![rows, total];
        let mut made = vec![0.0_f32; call.room(&shape)?];
        let mut start = 0;
        for (input, &length) in self.lengths.iter().enumerate() {
            let tensor = call.get(input)?;
            let (own_rows, features) = match &tensor.shape[..] {
                [] => (1, 1),
                [features] => (1, *features),
                [rows, rest @ ..] => (*rows, shape::product(rest)),
            };
            if own_rows != rows {
                return Err(
                    format!("takes equally many rows, but got {rows} and {own_rows}").into(),
                );
            }
            let mut put = |place: usize, value: f32| {
                let (row, feature) = (place / features, place % features);
                if feature < length {
                    made[row * total + start + feature] = value;
                }
            };
            match &tensor.data {
                Data::F32(values) => each(values, &mut put, |value| value),
                Data::F64(values) => each(values, &mut put, |value| value as f32),
                Data::I64(values) => each(values, &mut put, |value| value as f32),
                Data::I32(values) => each(values, &mut put, |value| value as f32),
                other => return Err(takes("numbers", other.element())),
            }
            start += length;
        }
        call.give(0, Tensor::new(shape, made))
    }
}

fn each<T: Copy>(values: &[T], put: &mut impl FnMut(usize, f32), single: impl Fn(T) -> f32) {
    for (place, &value) in values.iter().enumerate() {
        put(place, single(value));
    }
}
