//! Tensors that the file says, or that follow from a few numbers.

use std::sync::Arc;

use super::Plain;
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::read::{Entry, Node};
use crate::tensor::{Data, Number, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    // Its tensor is taken when the file is read.
    Entry::new("Constant", 1, (0, 0), (1, 1), |_| {
        Ok(Box::new(Plain(|_| {
            Err("is a constant that was not read".into())
        })))
    }),
    Entry::new("ConstantOfShape", 9, (1, 1), (1, 1), |node| {
        let value = node.tensor("value")?;
        let value = value.unwrap_or_else(|| Tensor::list(vec![0.0_f32]));
        if value.len() != 1 {
            return Err(node.refuse("has a `value` that is not one element"));
        }
        Ok(Box::new(Filled { value }))
    }),
    Entry::new("Range", 11, (3, 3), (1, 1), |_| Ok(Box::new(Plain(range)))),
    Entry::new("Shape", 1, (1, 1), (1, 1), |node| {
        let start = node.int_or("start", 0)?;
        let end = node.int("end")?;
        Ok(Box::new(Shape { start, end }))
    }),
    Entry::new("Size", 1, (1, 1), (1, 1), |_| {
        Ok(Box::new(Plain(|call| {
            let size = call.get(0)?.len() as i64;
            call.give(0, Tensor::scalar(size))
        })))
    }),
];

/// The tensor of a Constant.
pub(crate) fn constant(node: &Node<'_>) -> Result<Tensor, Refused> {
    if let Some(tensor) = node.tensor("value")? {
        return Ok(tensor);
    }
    if let Some(value) = node.float("value_float")? {
        return Ok(Tensor::scalar(value));
    }
    if let Some(values) = node.floats("value_floats")? {
        return Ok(Tensor::list(values.to_vec()));
    }
    if let Some(value) = node.int("value_int")? {
        return Ok(Tensor::scalar(value));
    }
    if let Some(values) = node.ints("value_ints")? {
        return Ok(Tensor::list(values.to_vec()));
    }
    if let Some(value) = node.text("value_string")? {
        return Ok(Tensor::scalar(Arc::<str>::from(value)));
    }
    if let Some(values) = node.texts("value_strings")? {
        return Ok(Tensor::list(
            values.into_iter().map(Arc::from).collect::<Vec<Arc<str>>>(),
        ));
    }
    Err(node.refuse("has no value that is taken: make it a dense tensor"))
}

struct Filled {
    value: Tensor,
}

impl Operator for Filled {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let shape = lengths(call.values::<i64>(0)?)?;
        let count = call.room(&shape)?;
        let data = same!(&self.value.data, |value| repeated(value, count));
        call.give(0, Tensor { shape, data })
    }
}

fn repeated<T: Clone>(value: &[T], count: usize) -> Vec<T> {
    vec![value[0].clone(); count]
}

/// A shape that is the content of a tensor.
pub(super) fn lengths(numbers: &[i64]) -> Result<Vec<usize>, Fault> {
    let shape = numbers
        .iter()
        .map(|&length| usize::try_from(length))
        .collect::<Result<Vec<_>, _>>();
    shape.map_err(|_| "was given a shape with a negative length".into())
}

fn range(call: &mut Call<'_>) -> Result<(), Fault> {
    fn steps<T: Number>(call: &Call<'_>) -> Result<Vec<T>, Fault> {
        let (&[start], &[limit], &[step]) = (
            call.values::<T>(0)?,
            call.values::<T>(1)?,
            call.values::<T>(2)?,
        ) else {
            return Err("takes one number each as start, limit and step".into());
        };
        let count = ((limit.to_f64() - start.to_f64()) / step.to_f64()).ceil();
        if count.is_nan() || step == T::ZERO {
            return Err("has steps that lead nowhere".into());
        }
        // A number that is no index saturates, and finds no room.
        let count = call.room(&[count.max(0.0) as usize])?;
        let place = |index: usize| start.plus(step.times(T::from_f64(index as f64)));
        Ok((0..count).map(place).collect())
    }
    let data = match &call.get(0)?.data {
        Data::F32(_) => Data::F32(steps(call)?),
        Data::F64(_) => Data::F64(steps(call)?),
        Data::I64(_) => Data::I64(steps(call)?),
        Data::I32(_) => Data::I32(steps(call)?),
        other => return Err(super::takes("a number", other.element())),
    };
    call.give(
        0,
        Tensor {
            shape: vec![data.len()],
            data,
        },
    )
}

struct Shape {
    start: i64,
    end: Option<i64>,
}

impl Operator for Shape {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let shape = &call.get(0)?.shape;
        let rank = shape.len() as i64;
        let place = |end: i64| {
            let place = if end < 0 {
                end.saturating_add(rank)
            } else {
                end
            };
            place.clamp(0, rank) as usize
        };
        let (start, end) = (place(self.start), place(self.end.unwrap_or(rank)));
        let part = shape.get(start..end).unwrap_or_default();
        let lengths = part.iter().map(|&length| length as i64).collect::<Vec<_>>();
        call.give(0, Tensor::list(lengths))
    }
}
