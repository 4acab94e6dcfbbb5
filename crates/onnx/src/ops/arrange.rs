//! The same elements in another shape or order, or more than once.

use super::{Plain, constant::lengths, mismatch};
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::read::{Entry, Node};
use crate::shape;
use crate::tensor::{Data, Scalar, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("Reshape", 5, (2, 2), (1, 1), |node| {
        let keeps_zero = node.flag("allowzero", false)?;
        Ok(Box::new(Reshape { keeps_zero }))
    }),
    Entry::new("Flatten", 1, (1, 1), (1, 1), |node| {
        let axis = node.int_or("axis", 1)?;
        Ok(Box::new(Flatten { axis }))
    }),
    Entry::new("Squeeze", 1, (1, 2), (1, 1), |node| {
        let axes = axes(node, 13)?;
        Ok(Box::new(Squeeze { axes }))
    }),
    Entry::new("Unsqueeze", 1, (1, 2), (1, 1), |node| {
        let axes = axes(node, 13)?;
        if axes.is_none() && !node.has_input(1) {
            return Err(node.refuse("does not say its axes"));
        }
        Ok(Box::new(Unsqueeze { axes }))
    }),
    Entry::new("Transpose", 1, (1, 1), (1, 1), |node| {
        let order = node.ints("perm")?.map(<[i64]>::to_vec);
        Ok(Box::new(Transpose { order }))
    }),
    Entry::new("Expand", 8, (2, 2), (1, 1), |_| Ok(Box::new(Plain(expand)))),
    Entry::new("Tile", 6, (2, 2), (1, 1), |_| Ok(Box::new(Plain(tile)))),
    Entry::new("Pad", 2, (1, 4), (1, 1), pad),
];

/// Axes that were an attribute before version `since`, and are an input from it on.
pub(super) fn axes(node: &Node<'_>, since: i64) -> Result<Option<Vec<i64>>, Refused> {
    if node.opset >= since {
        return Ok(None);
    }
    Ok(node.ints("axes")?.map(<[i64]>::to_vec))
}

/// The axes of the attribute, or else of the second input.
pub(super) fn said(axes: Option<&[i64]>, call: &Call<'_>) -> Result<Option<Vec<i64>>, Fault> {
    match axes {
        Some(axes) => Ok(Some(axes.to_vec())),
        None => call.optional_numbers(1),
    }
}

struct Reshape {
    keeps_zero: bool,
}

impl Operator for Reshape {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let said = call.numbers(1)?;
        let tensor = call.get(0)?;
        let mut shape = Vec::with_capacity(said.len());
        let mut open = None;
        for (place, &length) in said.iter().enumerate() {
            shape.push(match length {
                -1 if open.is_none() => {
                    open = Some(place);
                    1
                }
                0 if !self.keeps_zero => *tensor
                    .shape
                    .get(place)
                    .ok_or("keeps a dimension that its input does not have")?,
                length => usize::try_from(length)
                    .map_err(|_| "was given a shape with a negative length")?,
            });
        }
        let count = shape::count(&shape).ok_or(Fault::TooLarge)?;
        if let Some(place) = open {
            let length = tensor.len().checked_div(count).unwrap_or_default();
            shape[place] = length;
        }
        if shape::count(&shape) != Some(tensor.len()) {
            return Err(format!(
                "can not make the shape {said:?} of {} elements",
                tensor.len()
            )
            .into());
        }
        let data = call.take(0)?.data;
        call.give(0, Tensor { shape, data })
    }
}

struct Flatten {
    axis: i64,
}

impl Operator for Flatten {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let tensor = call.take(0)?;
        let rank = tensor.rank();
        let axis = if self.axis == rank as i64 {
            rank
        } else {
            shape::axis(self.axis, rank)?
        };
        let (outer, inner) = tensor.shape.split_at(axis);
        let shape = vec![shape::product(outer), shape::product(inner)];
        let data = tensor.data;
        call.give(0, Tensor { shape, data })
    }
}

struct Squeeze {
    axes: Option<Vec<i64>>,
}

impl Operator for Squeeze {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let axes = said(self.axes.as_deref(), call)?;
        let mut tensor = call.take(0)?;
        match axes {
            None => tensor.shape.retain(|&length| length != 1),
            Some(axes) => {
                for axis in shape::axes(&axes, tensor.rank())?.into_iter().rev() {
                    if tensor.shape.remove(axis) != 1 {
                        return Err("takes out a dimension that is not one long".into());
                    }
                }
            }
        }
        call.give(0, tensor)
    }
}

struct Unsqueeze {
    axes: Option<Vec<i64>>,
}

impl Operator for Unsqueeze {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let axes = said(self.axes.as_deref(), call)?.ok_or("does not say its axes")?;
        let mut tensor = call.take(0)?;
        let rank = tensor.rank() + axes.len();
        if rank > shape::MAX_RANK {
            return Err(Fault::TooLarge);
        }
        for axis in shape::axes(&axes, rank)? {
            tensor.shape.insert(axis, 1);
        }
        call.give(0, tensor)
    }
}

struct Transpose {
    order: Option<Vec<i64>>,
}

impl Operator for Transpose {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let tensor = call.get(0)?;
        let rank = tensor.rank();
        let order = match &self.order {
            None => (0..rank).rev().collect(),
            Some(order) => {
                if shape::axes(order, rank)?.len() != rank {
                    return Err("orders another number of dimensions than its input has".into());
                }
                order
                    .iter()
                    .map(|&axis| shape::axis(axis, rank))
                    .collect::<Result<Vec<_>, _>>()?
            }
        };
        call.room(&tensor.shape)?;
        let strides = shape::strides(&tensor.shape);
        let shape = order
            .iter()
            .map(|&axis| tensor.shape[axis])
            .collect::<Vec<_>>();
        let strides = order.iter().map(|&axis| strides[axis]).collect::<Vec<_>>();
        let data = same!(&tensor.data, |values| shape::gathered(
            values, &shape, &strides
        ));
        call.give(0, Tensor { shape, data })
    }
}

fn expand(call: &mut Call<'_>) -> Result<(), Fault> {
    let tensor = call.get(0)?;
    let target = lengths(&call.numbers(1)?)?;
    let shape = shape::stretched(&tensor.shape, &target)?;
    call.room(&shape)?;
    let strides = shape::stretched_strides(&tensor.shape, &shape);
    let data = same!(&tensor.data, |values| shape::gathered(
        values, &shape, &strides
    ));
    call.give(0, Tensor { shape, data })
}

fn tile(call: &mut Call<'_>) -> Result<(), Fault> {
    fn tiled<T: Clone>(values: &[T], shape: &[usize], repeats: &[usize]) -> Vec<T> {
        let mut values = values.to_vec();
        // The innermost dimension first, so that what is repeated is already whole.
        let mut chunk = 1_usize;
        for (&length, &repeat) in shape.iter().zip(repeats).rev() {
            chunk = chunk.saturating_mul(length);
            if repeat != 1 {
                let chunks = values.chunks(chunk.max(1));
                values = chunks
                    .flat_map(|chunk| std::iter::repeat_n(chunk, repeat).flatten().cloned())
                    .collect();
            }
            chunk = chunk.saturating_mul(repeat);
        }
        values
    }
    let tensor = call.get(0)?;
    let repeats = lengths(&call.numbers(1)?)?;
    if repeats.len() != tensor.rank() {
        return Err("repeats another number of dimensions than its input has".into());
    }
    let shape = tensor
        .shape
        .iter()
        .zip(&repeats)
        .map(|(&length, &repeat)| length.saturating_mul(repeat))
        .collect::<Vec<_>>();
    call.room(&shape)?;
    let data = if shape.contains(&0) {
        same!(&tensor.data, |values| values[..0].to_vec())
    } else {
        same!(&tensor.data, |values| tiled(
            values,
            &tensor.shape,
            &repeats
        ))
    };
    call.give(0, Tensor { shape, data })
}

/// Until version 10 what is added is said by attributes, from 11 on by inputs.
fn pad(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    if !matches!(node.text("mode")?, None | Some("constant")) {
        return Err(node.refuse("repeats or mirrors what is at the edge: take the mode constant"));
    }
    if node.opset >= 11 {
        return Ok(Box::new(Pad { said: None }));
    }
    let Some(pads) = node.ints("pads")? else {
        return Err(node.refuse("does not say its pads"));
    };
    let value = node.float_or("value", 0.0)?;
    Ok(Box::new(Pad {
        said: Some((pads.to_vec(), value)),
    }))
}

struct Pad {
    said: Option<(Vec<i64>, f32)>,
}

impl Operator for Pad {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let tensor = call.get(0)?;
        let rank = tensor.rank();
        let pads = match &self.said {
            Some((pads, _)) => pads.clone(),
            None => call.numbers(1)?,
        };
        let axes = match call.optional_numbers(3)? {
            Some(axes) => axes
                .iter()
                .map(|&axis| shape::axis(axis, rank))
                .collect::<Result<Vec<_>, _>>()?,
            None => (0..rank).collect(),
        };
        if pads.len() != 2 * axes.len() {
            return Err("has pads that are not two for each axis".into());
        }
        let (before, after) = pads.split_at(axes.len());
        let mut shape = tensor.shape.clone();
        let mut data = tensor.data.clone();
        for ((&axis, &before), &after) in axes.iter().zip(before).zip(after) {
            if before == 0 && after == 0 {
                continue;
            }
            let around = shape::around(&shape, axis);
            let length = (around.1 as i64)
                .checked_add(before)
                .and_then(|length| length.checked_add(after))
                .and_then(|length| usize::try_from(length).ok())
                .ok_or("takes away more than there is")?;
            shape[axis] = length;
            call.room(&shape)?;
            let fill = call.optional(2);
            let single = self.said.as_ref().map_or(0.0, |(_, value)| *value);
            data = match &data {
                Data::F32(values) if fill.is_none() => {
                    Data::F32(padded(values, around, before, length, &single))
                }
                values => same!(values, |values| padded(
                    values,
                    around,
                    before,
                    length,
                    &filling(fill, tensor)?
                )),
            };
        }
        call.give(0, Tensor { shape, data })
    }
}

/// What is filled in: the type's zero unless the file says it.
fn filling<T: Scalar>(fill: Option<&Tensor>, tensor: &Tensor) -> Result<T, Fault> {
    let Some(fill) = fill else {
        return Ok(T::default());
    };
    match fill.values::<T>() {
        Some([value]) => Ok(value.clone()),
        _ => Err(mismatch(tensor, fill)),
    }
}

fn padded<T: Clone>(
    values: &[T],
    (outer, length, inner): (usize, usize, usize),
    before: i64,
    target: usize,
    fill: &T,
) -> Vec<T> {
    let mut made = Vec::with_capacity(outer.saturating_mul(target).saturating_mul(inner));
    for outer in 0..outer {
        for place in 0..target {
            let from = usize::try_from(place as i64 - before).ok();
            match from.filter(|&from| from < length) {
                Some(from) => {
                    let start = (outer * length + from) * inner;
                    made.extend_from_slice(&values[start..start + inner]);
                }
                None => made.extend(std::iter::repeat_n(fill, inner).cloned()),
            }
        }
    }
    made
}
