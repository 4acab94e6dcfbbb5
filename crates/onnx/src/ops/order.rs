//! What comes first along a dimension, and sums up to each place of it.

use std::cmp::Ordering;

use super::takes;
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::read::{Entry, Node};
use crate::shape;
use crate::tensor::{Data, Number, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("ArgMax", 1, (1, 1), (1, 1), |node| arg(node, true)),
    Entry::new("ArgMin", 1, (1, 1), (1, 1), |node| arg(node, false)),
    Entry::new("TopK", 1, (1, 2), (2, 2), top_k),
    Entry::new("CumSum", 11, (2, 2), (1, 1), |node| {
        Ok(Box::new(CumSum {
            exclusive: node.flag("exclusive", false)?,
            reverse: node.flag("reverse", false)?,
        }))
    }),
];

fn arg(node: &Node<'_>, greatest: bool) -> Result<Box<dyn Operator>, Refused> {
    Ok(Box::new(Arg {
        greatest,
        axis: node.int_or("axis", 0)?,
        keeps: node.flag("keepdims", true)?,
        last: node.flag("select_last_index", false)?,
    }))
}

struct Arg {
    greatest: bool,
    axis: i64,
    keeps: bool,
    last: bool,
}

impl Operator for Arg {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let tensor = call.get(0)?;
        let axis = shape::axis(self.axis, tensor.rank())?;
        let around = shape::around(&tensor.shape, axis);
        let mut shape = tensor.shape.clone();
        shape[axis] = 1;
        call.room(&shape)?;
        call.work(&[tensor.len()])?;
        if around.1 == 0 {
            return Err("looks for the greatest or the least of nothing".into());
        }
        let found = match &tensor.data {
            Data::F32(values) => self.found(values, around),
            Data::F64(values) => self.found(values, around),
            Data::I64(values) => self.found(values, around),
            Data::I32(values) => self.found(values, around),
            other => return Err(takes("a number", other.element())),
        };
        if !self.keeps {
            shape.remove(axis);
        }
        call.give(0, Tensor::new(shape, found))
    }
}

impl Arg {
    fn found<T: Number>(
        &self,
        values: &[T],
        (outer, length, inner): (usize, usize, usize),
    ) -> Vec<i64> {
        let mut found = Vec::new();
        if values.is_empty() {
            return found;
        }
        for outer in 0..outer {
            for inner_place in 0..inner {
                let at = |place: usize| values[(outer * length + place) * inner + inner_place];
                let mut best = 0;
                for place in 1..length {
                    let is_better = if self.greatest {
                        at(place) > at(best)
                    } else {
                        at(place) < at(best)
                    };
                    if is_better || self.last && at(place) == at(best) {
                        best = place;
                    }
                }
                found.push(best as i64);
            }
        }
        found
    }
}

/// Until version 9 `k` is an attribute, from 10 on an input.
fn top_k(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    let k = if node.opset < 10 {
        let k = node.int("k")?;
        Some(k.ok_or_else(|| node.refuse("does not say how many it takes"))?)
    } else {
        None
    };
    Ok(Box::new(TopK {
        k,
        axis: node.int_or("axis", -1)?,
        greatest: node.flag("largest", true)?,
    }))
}

/// What is found is always in order, which is one of the orders that files may ask for.
struct TopK {
    k: Option<i64>,
    axis: i64,
    greatest: bool,
}

impl Operator for TopK {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let tensor = call.get(0)?;
        let axis = shape::axis(self.axis, tensor.rank())?;
        let k = match self.k {
            Some(k) => k,
            None => call.number(1)?,
        };
        let (outer, length, inner) = shape::around(&tensor.shape, axis);
        let k = usize::try_from(k).ok().filter(|&k| k <= length);
        let k = k.ok_or("takes more than there are along its axis")?;
        let mut shape = tensor.shape.clone();
        shape[axis] = k;
        let count = call.room(&shape)?;
        // A sort takes about as many steps for each element as its number has digits.
        call.work(&[tensor.len(), 64])?;
        let mut places = vec![0_usize; count];
        if count > 0 {
            for outer in 0..outer {
                for inner_place in 0..inner {
                    let at = |place: usize| (outer * length + place) * inner + inner_place;
                    let mut order = (0..length).collect::<Vec<_>>();
                    each_sorted(&tensor.data, &mut order, at, self.greatest)?;
                    for (rank, &place) in order[..k].iter().enumerate() {
                        places[(outer * k + rank) * inner + inner_place] = at(place);
                    }
                }
            }
        }
        let indices = places
            .iter()
            .map(|place| (place / inner.max(1) % length.max(1)) as i64)
            .collect::<Vec<_>>();
        let data = same!(&tensor.data, |values| shape::picked(values, &places));
        let indices = Tensor::new(shape.clone(), indices);
        call.give(0, Tensor { shape, data })?;
        call.give(1, indices)
    }
}

/// Brings places into the order of what is there. Equal ones stay in theirs.
fn each_sorted(
    data: &Data,
    order: &mut [usize],
    at: impl Fn(usize) -> usize,
    greatest: bool,
) -> Result<(), Fault> {
    let sort = |order: &mut [usize], compare: &dyn Fn(usize, usize) -> Ordering| {
        order.sort_by(|&left, &right| {
            let ordering = compare(at(left), at(right));
            if greatest {
                ordering.reverse()
            } else {
                ordering
            }
        });
    };
    match data {
        // Adding zero makes both zeros the same.
        Data::F32(values) => sort(order, &|left, right| {
            (values[left] + 0.0).total_cmp(&(values[right] + 0.0))
        }),
        Data::F64(values) => sort(order, &|left, right| {
            (values[left] + 0.0).total_cmp(&(values[right] + 0.0))
        }),
        Data::I64(values) => sort(order, &|left, right| values[left].cmp(&values[right])),
        Data::I32(values) => sort(order, &|left, right| values[left].cmp(&values[right])),
        other => return Err(takes("a number", other.element())),
    }
    Ok(())
}

struct CumSum {
    exclusive: bool,
    reverse: bool,
}

impl Operator for CumSum {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let axis = call.number(1)?;
        let Tensor { shape, data } = call.take(0)?;
        let axis = shape::axis(axis, shape.len())?;
        let around = shape::around(&shape, axis);
        let element = data.element();
        let data = same_numbers!(
            data,
            |values| self.summed(values, around),
            return Err(takes("a number", element))
        );
        call.give(0, Tensor { shape, data })
    }
}

impl CumSum {
    fn summed<T: Number>(
        &self,
        mut values: Vec<T>,
        (outer, length, inner): (usize, usize, usize),
    ) -> Vec<T> {
        if values.is_empty() {
            return values;
        }
        for outer in 0..outer {
            for inner_place in 0..inner {
                let mut sum = T::ZERO;
                for place in 0..length {
                    let place = if self.reverse {
                        length - 1 - place
                    } else {
                        place
                    };
                    let value = &mut values[(outer * length + place) * inner + inner_place];
                    let before = sum;
                    sum = sum.plus(*value);
                    *value = if self.exclusive { before } else { sum };
                }
            }
        }
        values
    }
}
