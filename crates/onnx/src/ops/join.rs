//! Tensors become one, and one becomes several.

use super::mismatch;
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::read::{Entry, MANY, Node};
use crate::shape;
use crate::tensor::{Scalar, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("Concat", 4, (1, MANY), (1, 1), |node| {
        let Some(axis) = node.int("axis")? else {
            return Err(node.refuse("does not say its axis"));
        };
        Ok(Box::new(Concat { axis }))
    }),
    Entry::new("Split", 2, (1, 2), (1, MANY), split),
    Entry::new("Slice", 1, (1, 5), (1, 1), slice),
];

struct Concat {
    axis: i64,
}

impl Operator for Concat {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let first = call.get(0)?;
        let axis = shape::axis(self.axis, first.rank())?;
        let mut shape = first.shape.clone();
        for input in 1..call.inputs() {
            let other = call.get(input)?;
            let fits = other.rank() == first.rank()
                && other
                    .shape
                    .iter()
                    .zip(&first.shape)
                    .enumerate()
                    .all(|(place, (other, first))| place == axis || other == first);
            if !fits {
                return Err(format!(
                    "was given the shapes {:?} and {:?}, which do not join",
                    first.shape, other.shape
                )
                .into());
            }
            shape[axis] = shape[axis].saturating_add(other.shape[axis]);
        }
        call.room(&shape)?;
        let data = same!(&first.data, |values| joined(call, values, axis, &shape)?);
        call.give(0, Tensor { shape, data })
    }
}

fn joined<T: Scalar>(
    call: &Call<'_>,
    first: &[T],
    axis: usize,
    shape: &[usize],
) -> Result<Vec<T>, Fault> {
    let (outer, _, inner) = shape::around(shape, axis);
    let mut parts = Vec::with_capacity(call.inputs());
    for input in 0..call.inputs() {
        let tensor = call.get(input)?;
        let values = tensor.values::<T>().ok_or_else(|| match call.get(0) {
            Ok(first) => mismatch(first, tensor),
            Err(fault) => fault,
        })?;
        parts.push((values, tensor.shape[axis] * inner));
    }
    if let [_] = parts[..] {
        return Ok(first.to_vec());
    }
    let mut made = Vec::with_capacity(shape::product(shape));
    if shape.contains(&0) {
        return Ok(made);
    }
    for outer in 0..outer {
        for (values, run) in &parts {
            made.extend_from_slice(&values[outer * run..(outer + 1) * run]);
        }
    }
    Ok(made)
}

/// Until version 12 the lengths are an attribute, from 13 on an input.
fn split(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    let axis = node.int_or("axis", 0)?;
    let lengths = if node.opset < 13 {
        node.ints("split")?.map(<[i64]>::to_vec)
    } else {
        None
    };
    Ok(Box::new(Split { axis, lengths }))
}

struct Split {
    axis: i64,
    lengths: Option<Vec<i64>>,
}

impl Operator for Split {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let outputs = call.outputs();
        let said = match &self.lengths {
            Some(lengths) => Some(lengths.clone()),
            None => call.optional_numbers(1)?,
        };
        // Each output is given before the next is made, so the input must outlast them.
        let tensor = call.take(0)?;
        let axis = shape::axis(self.axis, tensor.rank())?;
        let (outer, length, inner) = shape::around(&tensor.shape, axis);
        let lengths = if let Some(lengths) = said {
            super::constant::lengths(&lengths)?
        } else {
            // The last one is shorter if it does not come out even.
            let each = length.div_ceil(outputs);
            (0..outputs)
                .map(|output| length.saturating_sub(output * each).min(each))
                .collect()
        };
        let total = lengths
            .iter()
            .fold(0_usize, |total, &length| total.saturating_add(length));
        if lengths.len() != outputs || total != length {
            return Err(format!(
                "can not split a length of {length} into {lengths:?} for {outputs} outputs"
            )
            .into());
        }
        let mut start = 0;
        for (output, part) in lengths.into_iter().enumerate() {
            if call.wants(output) {
                let mut shape = tensor.shape.clone();
                shape[axis] = part;
                call.room(&shape)?;
                let data = same!(&tensor.data, |values| {
                    let mut made = Vec::with_capacity(outer * part * inner);
                    let outer = if part == 0 { 0 } else { outer };
                    for outer in 0..outer {
                        let from = (outer * length + start) * inner;
                        made.extend_from_slice(&values[from..from + part * inner]);
                    }
                    made
                });
                call.give(output, Tensor { shape, data })?;
            }
            start += part;
        }
        Ok(())
    }
}

/// Until version 9 the places are attributes, from 10 on inputs.
fn slice(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    if node.opset >= 10 {
        return Ok(Box::new(Slice { said: None }));
    }
    let (Some(starts), Some(ends)) = (node.ints("starts")?, node.ints("ends")?) else {
        return Err(node.refuse("does not say where it starts and ends"));
    };
    Ok(Box::new(Slice {
        said: Some(Places {
            starts: starts.to_vec(),
            ends: ends.to_vec(),
            axes: node.ints("axes")?.map(<[i64]>::to_vec),
            steps: None,
        }),
    }))
}

#[derive(Clone)]
struct Places {
    starts: Vec<i64>,
    ends: Vec<i64>,
    axes: Option<Vec<i64>>,
    steps: Option<Vec<i64>>,
}

struct Slice {
    said: Option<Places>,
}

impl Operator for Slice {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let places = match &self.said {
            Some(places) => places.clone(),
            None => Places {
                starts: call.numbers(1)?,
                ends: call.numbers(2)?,
                axes: call.optional_numbers(3)?,
                steps: call.optional_numbers(4)?,
            },
        };
        let count = places.starts.len();
        let axes = places.axes.unwrap_or_else(|| (0..count as i64).collect());
        let steps = places.steps.unwrap_or_else(|| vec![1; count]);
        if places.ends.len() != count || axes.len() != count || steps.len() != count {
            return Err("has starts, ends, axes and steps of different lengths".into());
        }
        let Tensor {
            mut shape,
            mut data,
        } = call.take(0)?;
        for (place, &axis) in axes.iter().enumerate() {
            let axis = shape::axis(axis, shape.len())?;
            let around = shape::around(&shape, axis);
            let along = along(
                around.1,
                places.starts[place],
                places.ends[place],
                steps[place],
            )?;
            if along.len() == around.1 && steps[place] == 1 {
                continue;
            }
            shape[axis] = along.len();
            call.room(&shape)?;
            data = same!(&data, |values| select(values, around, &along));
        }
        call.give(0, Tensor { shape, data })
    }
}

/// The places from a start to an end, which are counted from the end of the dimension when negative, and may lie outside.
fn along(length: usize, start: i64, end: i64, step: i64) -> Result<Vec<usize>, Fault> {
    let signed = length as i64;
    let from_end = |place: i64| {
        if place < 0 {
            place.saturating_add(signed)
        } else {
            place
        }
    };
    let (start, end) = (from_end(start), from_end(end));
    let stride = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
    match step {
        0 => Err("has a step of 0".into()),
        1.. => {
            let (start, end) = (start.clamp(0, signed), end.clamp(0, signed));
            Ok((start as usize..end as usize).step_by(stride).collect())
        }
        _ => {
            let (start, end) = (start.clamp(-1, signed - 1), end.clamp(-1, signed - 1));
            let places = (end + 1) as usize..(start + 1) as usize;
            Ok(places.rev().step_by(stride).collect())
        }
    }
}

/// The elements at these places of a dimension, in this order.
pub(super) fn select<T: Clone>(
    values: &[T],
    (outer, length, inner): (usize, usize, usize),
    places: &[usize],
) -> Vec<T> {
    let mut made = Vec::with_capacity(outer * places.len() * inner);
    let outer = if places.is_empty() { 0 } else { outer };
    for outer in 0..outer {
        for place in places {
            let start = (outer * length + place) * inner;
            made.extend_from_slice(&values[start..start + inner]);
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_python() {
        assert_eq!(along(5, 1, 4, 1), Ok(vec![1, 2, 3]));
        assert_eq!(along(5, -2, i64::MAX, 1), Ok(vec![3, 4]));
        assert_eq!(along(5, 0, 5, 2), Ok(vec![0, 2, 4]));
        assert_eq!(along(5, -1, i64::MIN, -2), Ok(vec![4, 2, 0]));
        assert_eq!(along(5, 3, 0, -1), Ok(vec![3, 2, 1]));
        assert_eq!(along(5, 4, 2, 1), Ok(vec![]));
        assert_eq!(along(0, 0, 5, -1), Ok(vec![]));
        assert_eq!(along(5, 0, 5, i64::MAX), Ok(vec![0]));
        assert_eq!(along(5, 4, -6, i64::MIN), Ok(vec![4]));
        assert!(along(5, 0, 5, 0).is_err());
    }

    #[test]
    fn places_are_selected() {
        let values = [0, 1, 2, 3, 4, 5];
        assert_eq!(select(&values, (1, 3, 2), &[2, 0]), [4, 5, 0, 1]);
        assert_eq!(select(&values, (2, 3, 1), &[1]), [1, 4]);
    }
}
