//! What brings features to a common measure, and fills in those that are missing.

use super::rows::table;
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::ops::takes;
use crate::read::{Entry, Node};
use crate::tensor::{Data, Number, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("Scaler", 1, (1, 1), (1, 1), scaler),
    Entry::new("Normalizer", 1, (1, 1), (1, 1), normalizer),
    Entry::new("Imputer", 1, (1, 1), (1, 1), imputer),
    Entry::new("Binarizer", 1, (1, 1), (1, 1), |node| {
        let threshold = node.float_or("threshold", 0.0)?;
        Ok(Box::new(Binarizer { threshold }))
    }),
];

/// How many features a row has, for parameters of which there is one each.
fn stride(tensor: &Tensor) -> Result<usize, Fault> {
    match tensor.shape[..] {
        [] => Err("takes rows of features, but got one number".into()),
        [features] | [_, features, ..] => Ok(features),
    }
}

fn scaler(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    let scale = node.needed_floats("scale")?.to_vec();
    let offset = node.needed_floats("offset")?.to_vec();
    if scale.is_empty() || scale.len() != offset.len() {
        return Err(node.refuse(format!(
            "has {} scales and {} offsets",
            scale.len(),
            offset.len()
        )));
    }
    Ok(Box::new(Scaler { scale, offset }))
}

struct Scaler {
    scale: Vec<f32>,
    offset: Vec<f32>,
}

impl Operator for Scaler {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let stride = stride(call.get(0)?)?;
        let known = self.scale.len();
        if known != 1 && known != stride {
            return Err(format!("has {known} scales, but got {stride} features").into());
        }
        let Tensor { shape, data } = call.take(0)?;
        let parameters = || self.offset.iter().zip(&self.scale).cycle();
        let single = |(value, (&offset, &scale)): (f32, (&f32, &f32))| (value - offset) * scale;
        let values = match data {
            Data::F32(values) => values.into_iter().zip(parameters()).map(single).collect(),
            Data::F64(values) => values
                .into_iter()
                .zip(parameters())
                .map(|(value, (&offset, &scale))| {
                    ((value - f64::from(offset)) * f64::from(scale)) as f32
                })
                .collect(),
            Data::I64(values) => values
                .into_iter()
                .map(|value| value as f32)
                .zip(parameters())
                .map(single)
                .collect(),
            Data::I32(values) => values
                .into_iter()
                .map(|value| value as f32)
                .zip(parameters())
                .map(single)
                .collect::<Vec<_>>(),
            other => return Err(takes("numbers", other.element())),
        };
        call.give(0, Tensor::new(shape, values))
    }
}

#[derive(Clone, Copy, Debug)]
enum Norm {
    Max,
    L1,
    L2,
}

fn normalizer(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    Ok(Box::new(match node.text("norm")? {
        None | Some("MAX") => Norm::Max,
        Some("L1") => Norm::L1,
        Some("L2") => Norm::L2,
        Some(_) => return Err(node.refuse("has an unknown norm: take MAX, L1 or L2")),
    }))
}

impl Operator for Norm {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let tensor = call.take(0)?;
        let (_, features) = table(&tensor)?;
        let Tensor { shape, data } = tensor;
        let mut values = match data {
            Data::F32(values) => values,
            Data::F64(values) => values.into_iter().map(|value| value as f32).collect(),
            Data::I64(values) => values.into_iter().map(|value| value as f32).collect(),
            Data::I32(values) => values.into_iter().map(|value| value as f32).collect(),
            other => return Err(takes("numbers", other.element())),
        };
        for row in values.chunks_exact_mut(features.max(1)) {
            match self {
                Self::Max => {
                    let greatest = row.iter().copied().fold(f32::MIN, f32::max);
                    divide(row, greatest);
                }
                Self::L1 => {
                    let sum = row.iter().map(|value| value.abs()).sum();
                    divide(row, sum);
                }
                Self::L2 => {
                    let sum = row.iter().map(|value| value * value).sum::<f32>();
                    if sum != 0.0 {
                        for value in row {
                            let size = (*value * *value / sum).sqrt();
                            *value = if *value < 0.0 { -size } else { size };
                        }
                    }
                }
            }
        }
        call.give(0, Tensor::new(shape, values))
    }
}

fn divide(row: &mut [f32], by: f32) {
    if by != 0.0 {
        for value in row {
            *value /= by;
        }
    }
}

fn imputer(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    let floats = node
        .floats("imputed_value_floats")?
        .unwrap_or_default()
        .to_vec();
    let ints = node
        .ints("imputed_value_int64s")?
        .unwrap_or_default()
        .to_vec();
    if floats.is_empty() == ints.is_empty() {
        return Err(node.refuse("does not say one kind of values to fill in"));
    }
    Ok(Box::new(Imputer {
        floats,
        ints,
        replaced_float: node.float_or("replaced_value_float", 0.0)?,
        replaced_int: node.int_or("replaced_value_int64", 0)?,
    }))
}

struct Imputer {
    floats: Vec<f32>,
    ints: Vec<i64>,
    replaced_float: f32,
    replaced_int: i64,
}

impl Operator for Imputer {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let stride = stride(call.get(0)?)?;
        let mut tensor = call.take(0)?;
        match &mut tensor.data {
            Data::F32(values) => filled(values, stride, self.replaced_float, &self.floats)?,
            Data::F64(values) => {
                let floats = self.floats.iter().map(|&value| value.into());
                let floats = floats.collect::<Vec<f64>>();
                filled(values, stride, self.replaced_float.into(), &floats)?;
            }
            Data::I64(values) => filled(values, stride, self.replaced_int, &self.ints)?,
            other => return Err(takes("float, double or int64", other.element())),
        }
        call.give(0, tensor)
    }
}

fn filled<T: Number>(
    values: &mut [T],
    stride: usize,
    replaced: T,
    imputed: &[T],
) -> Result<(), Fault> {
    let Some(&first) = imputed.first() else {
        return Err("has values of another type to fill in".into());
    };
    let is_replaced = |value: T| value == replaced || value.is_nan() && replaced.is_nan();
    let one_each = imputed.len() == stride;
    for row in values.chunks_mut(stride.max(1)) {
        for (place, value) in row.iter_mut().enumerate() {
            if is_replaced(*value) {
                *value = if one_each { imputed[place] } else { first };
            }
        }
    }
    Ok(())
}

struct Binarizer {
    threshold: f32,
}

impl Operator for Binarizer {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let mut tensor = call.take(0)?;
        match &mut tensor.data {
            Data::F32(values) => binary(values, self.threshold),
            Data::F64(values) => binary(values, self.threshold.into()),
            other => return Err(takes("float or double", other.element())),
        }
        call.give(0, tensor)
    }
}

fn binary<T: Number>(values: &mut [T], threshold: T) {
    for value in values {
        *value = if *value > threshold { T::ONE } else { T::ZERO };
    }
}
