//! Numbers that become shares of one.

use super::takes;
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::read::{Entry, Node};
use crate::shape;
use crate::tensor::{Data, Number};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("Softmax", 1, (1, 1), (1, 1), |node| {
        softmax(node, Kind::Share)
    }),
    Entry::new("LogSoftmax", 1, (1, 1), (1, 1), |node| {
        softmax(node, Kind::Log)
    }),
    Entry::new("Hardmax", 1, (1, 1), (1, 1), |node| {
        softmax(node, Kind::Hard)
    }),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Share,
    Log,
    Hard,
}

/// Until version 12 everything from the axis on is taken together, from 13 on the axis alone.
fn softmax(node: &Node<'_>, kind: Kind) -> Result<Box<dyn Operator>, Refused> {
    let together = node.opset < 13;
    let axis = node.int_or("axis", if together { 1 } else { -1 })?;
    Ok(Box::new(Softmax {
        kind,
        axis,
        together,
    }))
}

struct Softmax {
    kind: Kind,
    axis: i64,
    together: bool,
}

impl Operator for Softmax {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let mut tensor = call.take(0)?;
        call.work(&[tensor.len(), 8])?;
        let rank = tensor.rank();
        let (outer, length, inner) = if self.together && self.axis == rank as i64 {
            (tensor.len(), 1, 1)
        } else {
            let axis = shape::axis(self.axis, rank)?;
            let (outer, length, inner) = shape::around(&tensor.shape, axis);
            if self.together {
                (outer, length.saturating_mul(inner), 1)
            } else {
                (outer, length, inner)
            }
        };
        if tensor.len() == 0 {
            return call.give(0, tensor);
        }
        match &mut tensor.data {
            Data::F32(values) => {
                let mut line = vec![0.0; length];
                each_line(values, (outer, length, inner), &mut line, |line| {
                    applied(self.kind, line, f32::exp, f32::ln);
                });
            }
            Data::F64(values) => {
                let mut line = vec![0.0; length];
                each_line(values, (outer, length, inner), &mut line, |line| {
                    applied(self.kind, line, f64::exp, f64::ln);
                });
            }
            other => return Err(takes("float or double", other.element())),
        }
        call.give(0, tensor)
    }
}

/// Calls with what lies along a dimension, and puts it back.
fn each_line<T: Copy>(
    values: &mut [T],
    (outer, length, inner): (usize, usize, usize),
    line: &mut [T],
    mut with: impl FnMut(&mut [T]),
) {
    if inner == 1 {
        values.chunks_exact_mut(length).for_each(with);
        return;
    }
    for outer in 0..outer {
        for inner_place in 0..inner {
            let at = |place: usize| (outer * length + place) * inner + inner_place;
            for (place, value) in line.iter_mut().enumerate() {
                *value = values[at(place)];
            }
            with(line);
            for (place, value) in line.iter().enumerate() {
                values[at(place)] = *value;
            }
        }
    }
}

fn applied<T: Number>(kind: Kind, line: &mut [T], exp: fn(T) -> T, ln: fn(T) -> T) {
    let greatest = line.iter().copied().fold(T::LOWEST, T::greater);
    match kind {
        Kind::Share => {
            let mut sum = T::ZERO;
            for value in &mut *line {
                *value = exp(value.minus(greatest));
                sum = sum.plus(*value);
            }
            for value in line {
                *value = value.over(sum);
            }
        }
        Kind::Log => {
            let powers = line.iter().map(|value| exp(value.minus(greatest)));
            let sum = ln(powers.fold(T::ZERO, T::plus));
            for value in line {
                *value = value.minus(greatest).minus(sum);
            }
        }
        Kind::Hard => {
            let first = line.iter().position(|&value| value == greatest);
            line.fill(T::ZERO);
            line[first.unwrap_or_default()] = T::ONE;
        }
    }
}
