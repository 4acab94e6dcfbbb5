//! Elements that indices point at.

use super::join::select;
use super::takes;
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::read::{Entry, Node};
use crate::shape;
use crate::tensor::{Data, Scalar, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("Gather", 1, (2, 2), (1, 1), |node| {
        let axis = node.int_or("axis", 0)?;
        Ok(Box::new(Gather { axis }))
    }),
    Entry::new("GatherElements", 11, (2, 2), (1, 1), |node| {
        let axis = node.int_or("axis", 0)?;
        Ok(Box::new(GatherElements { axis }))
    }),
    Entry::new("GatherND", 11, (2, 2), (1, 1), |node| {
        let batch = node.int_or("batch_dims", 0)?;
        let batch = usize::try_from(batch);
        let batch = batch.map_err(|_| node.refuse("has batch_dims below 0"))?;
        Ok(Box::new(GatherNd { batch }))
    }),
    Entry::new("ScatterElements", 11, (3, 3), (1, 1), scatter),
    Entry::new("OneHot", 9, (3, 3), (1, 1), |node| {
        let axis = node.int_or("axis", -1)?;
        Ok(Box::new(OneHot { axis }))
    }),
];

fn outside() -> Fault {
    "was given an index outside of its input".into()
}

struct Gather {
    axis: i64,
}

impl Operator for Gather {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let (tensor, indices) = (call.get(0)?, call.get(1)?);
        let axis = shape::axis(self.axis, tensor.rank())?;
        let around = shape::around(&tensor.shape, axis);
        let shape = [
            &tensor.shape[..axis],
            &indices.shape,
            &tensor.shape[axis + 1..],
        ]
        .concat();
        call.room(&shape)?;
        let places = call
            .numbers(1)?
            .iter()
            .map(|&index| shape::place(index, around.1))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(outside)?;
        let data = same!(&tensor.data, |values| select(values, around, &places));
        call.give(0, Tensor { shape, data })
    }
}

struct GatherElements {
    axis: i64,
}

/// Calls with each index's own place and the place that it points at, both among all elements.
fn each_pointed(
    indices: &[i64],
    indices_shape: &[usize],
    shape: &[usize],
    axis: usize,
    mut pointed: impl FnMut(usize, usize),
) -> Result<(), Fault> {
    let fits = indices_shape.len() == shape.len()
        && indices_shape
            .iter()
            .zip(shape)
            .enumerate()
            .all(|(place, (index, length))| place == axis || index <= length);
    if !fits {
        return Err("was given indices of another shape than its input".into());
    }
    let strides = shape::strides(shape);
    let mut places = vec![0_usize; shape.len()];
    for (own, &index) in indices.iter().enumerate() {
        let along = shape::place(index, shape[axis]).ok_or_else(outside)?;
        let target = places
            .iter()
            .zip(&strides)
            .enumerate()
            .map(|(dimension, (&place, stride))| {
                stride * if dimension == axis { along } else { place }
            })
            .sum();
        pointed(own, target);
        for (place, &length) in places.iter_mut().zip(indices_shape).rev() {
            *place += 1;
            if *place < length {
                break;
            }
            *place = 0;
        }
    }
    Ok(())
}

impl Operator for GatherElements {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let (tensor, indices) = (call.get(0)?, call.get(1)?);
        let axis = shape::axis(self.axis, tensor.rank())?;
        let count = call.room(&indices.shape)?;
        call.work(&[count, tensor.rank().max(1)])?;
        let mut places = Vec::with_capacity(count);
        each_pointed(
            &call.numbers(1)?,
            &indices.shape,
            &tensor.shape,
            axis,
            |_, target| places.push(target),
        )?;
        let data = same!(&tensor.data, |values| shape::picked(values, &places));
        let shape = indices.shape.clone();
        call.give(0, Tensor { shape, data })
    }
}

struct GatherNd {
    batch: usize,
}

impl Operator for GatherNd {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let (tensor, indices) = (call.get(0)?, call.get(1)?);
        let batch = self.batch;
        let Some((&depth, counts)) = indices.shape.split_last() else {
            return Err("was given indices without a dimension".into());
        };
        let fits = batch <= counts.len()
            && batch.saturating_add(depth) <= tensor.rank()
            && counts[..batch] == tensor.shape[..batch];
        if !fits {
            return Err("was given indices that do not fit its input".into());
        }
        let rest = &tensor.shape[batch + depth..];
        let shape = [counts, rest].concat();
        let count = call.room(&shape)?;
        call.work(&[count, depth.max(1)])?;
        let pointers = call.numbers(1)?;
        let strides = shape::strides(&tensor.shape);
        let inner = shape::product(rest);
        let batches = shape::product(&counts[..batch]);
        let each = shape::product(&counts[batch..]);
        let batch_length = shape::product(&tensor.shape[batch..]);
        let mut starts = Vec::with_capacity(if count == 0 { 0 } else { batches * each });
        if count > 0 {
            for (row, tuple) in (0..batches * each).map(|row| (row, &pointers[row * depth..])) {
                let mut start = row / each * batch_length;
                for (place, &index) in tuple[..depth].iter().enumerate() {
                    let length = tensor.shape[batch + place];
                    let index = shape::place(index, length).ok_or_else(outside)?;
                    start += index * strides[batch + place];
                }
                starts.push(start);
            }
        }
        let data = same!(&tensor.data, |values| chunks(values, &starts, inner));
        call.give(0, Tensor { shape, data })
    }
}

fn chunks<T: Clone>(values: &[T], starts: &[usize], length: usize) -> Vec<T> {
    let mut made = Vec::with_capacity(starts.len() * length);
    for &start in starts {
        made.extend_from_slice(&values[start..start + length]);
    }
    made
}

fn scatter(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    if !matches!(node.text("reduction")?, None | Some("none")) {
        return Err(node.refuse("combines what it scatters: take the reduction none"));
    }
    let axis = node.int_or("axis", 0)?;
    Ok(Box::new(ScatterElements { axis }))
}

struct ScatterElements {
    axis: i64,
}

impl Operator for ScatterElements {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let pointers = call.numbers(1)?;
        let Tensor { shape, mut data } = call.take(0)?;
        let axis = shape::axis(self.axis, shape.len())?;
        let (indices, updates) = (call.get(1)?, call.get(2)?);
        if indices.shape != updates.shape {
            return Err("was given indices and updates of different shapes".into());
        }
        call.work(&[indices.len(), shape.len().max(1)])?;
        let mut moves = Vec::with_capacity(indices.len());
        each_pointed(&pointers, &indices.shape, &shape, axis, |own, target| {
            moves.push((own, target));
        })?;
        fn scattered<T: Scalar>(
            values: &mut [T],
            updates: &Tensor,
            moves: &[(usize, usize)],
        ) -> Result<(), Fault> {
            let updates = updates
                .values::<T>()
                .ok_or("was given updates of another type than its input")?;
            for &(own, target) in moves {
                values[target] = updates[own].clone();
            }
            Ok(())
        }
        each!(&mut data, |values| scattered(values, updates, &moves))?;
        call.give(0, Tensor { shape, data })
    }
}

struct OneHot {
    axis: i64,
}

impl Operator for OneHot {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let indices = call.get(0)?;
        let depth = match &call.get(1)?.data {
            Data::F32(values) => values.first().map(|&value| value as i64),
            Data::F64(values) => values.first().map(|&value| value as i64),
            _ => call.numbers(1)?.first().copied(),
        };
        let depth = depth.and_then(|depth| usize::try_from(depth).ok());
        let depth = depth.ok_or("was given no depth")?;
        let places = shape::axis(self.axis, indices.rank() + 1)?;
        let mut shape = indices.shape.clone();
        shape.insert(places, depth);
        let count = call.room(&shape)?;
        let (outer, _, inner) = shape::around(&shape, places);
        let hot = match &indices.data {
            Data::F32(values) => values.iter().map(|&value| value as i64).collect(),
            Data::F64(values) => values.iter().map(|&value| value as i64).collect(),
            Data::I64(_) | Data::I32(_) => call.numbers(0)?,
            other => return Err(takes("numbers as indices", other.element())),
        };
        let choice = call.get(2)?;
        if choice.len() != 2 {
            return Err("was given values that are not two".into());
        }
        let mut places = vec![0; count];
        if count > 0 {
            for outer in 0..outer {
                for inner_place in 0..inner {
                    let index = hot[outer * inner + inner_place];
                    if let Some(place) = shape::place(index, depth) {
                        places[(outer * depth + place) * inner + inner_place] = 1;
                    }
                }
            }
        }
        let data = same!(&choice.data, |values| shape::picked(values, &places));
        call.give(0, Tensor { shape, data })
    }
}
