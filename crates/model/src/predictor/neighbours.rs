mod grove;

use domain::models::{InputField, Signature};
use domain::training_runs::MAX_NEIGHBORS;

use self::grove::Grove;
use super::{OTHER, PredictError, Value, finite};
use crate::artifact::{Axis, Neighbours, Targets, Weights};

/// Remembered rows, laid out so that the nearest are found without looking at most others. What is found is exact, and of rows that
/// are equally far the one that was remembered first.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    axes: Box<[Axis]>,
    /// Of each axis, how many categories its input has.
    known: Box<[u32]>,
    grove: Grove,
    targets: Targets,
    weights: Weights,
    neighbors: usize,
    /// Of each class its share of all rows.
    shares: Box<[f64]>,
    /// 1 of a regression.
    width: usize,
}

/// A remembered row, and how far it is, squared.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Near {
    square: f64,
    row: u32,
}

impl Near {
    /// Whether it is nearer than the other, or as near and was remembered before.
    #[inline]
    fn precedes(self, other: Self) -> bool {
        (self.square, self.row) < (other.square, other.row)
    }
}

/// The nearest rows so far, the nearest first.
struct Nearest {
    found: [Near; MAX_NEIGHBORS],
    count: usize,
    wanted: usize,
}

impl Nearest {
    fn new(wanted: usize) -> Self {
        let none = Near {
            square: f64::INFINITY,
            row: u32::MAX,
        };
        Self {
            found: [none; MAX_NEIGHBORS],
            count: 0,
            wanted: wanted.min(MAX_NEIGHBORS),
        }
    }

    /// What is further than this is not wanted.
    #[inline]
    fn limit(&self) -> f64 {
        if self.count < self.wanted {
            f64::INFINITY
        } else {
            self.found[self.wanted - 1].square
        }
    }

    #[inline]
    fn offer(&mut self, near: Near) {
        let mut place = self.count;
        if place == self.wanted {
            place -= 1;
            if !near.precedes(self.found[place]) {
                return;
            }
        } else {
            self.count += 1;
        }
        while place > 0 && near.precedes(self.found[place - 1]) {
            self.found[place] = self.found[place - 1];
            place -= 1;
        }
        self.found[place] = near;
    }

    fn found(&self) -> &[Near] {
        &self.found[..self.count]
    }
}

impl Remembered {
    pub(super) fn new(neighbours: &Neighbours, signature: &Signature) -> Self {
        let known = |input: &InputField| input.categories.as_ref().map_or(0, Vec::len) as u32;
        let classes = signature.output.classes.as_ref().map_or(0, Vec::len);
        Self {
            axes: neighbours.axes.clone().into_boxed_slice(),
            known: signature.inputs.iter().map(known).collect(),
            grove: Grove::new(&neighbours.axes, &neighbours.rows),
            targets: neighbours.targets.clone(),
            weights: neighbours.weights,
            neighbors: neighbours.neighbors as usize,
            shares: match &neighbours.targets {
                Targets::Numbers(_) => Box::default(),
                Targets::Classes(_) => neighbours.shares(classes).into(),
            },
            width: classes.max(1),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Values that a row may be compared with, at worst.
    pub(super) fn steps_of_row(&self) -> usize {
        self.targets.len().saturating_mul(self.axes.len())
    }

    pub(super) fn predict(&self, row: &[Value], out: &mut [f64]) -> Result<(), PredictError> {
        let (width, room) = (self.width, out.len());
        if width != room {
            return Err(PredictError::WrongWidth { width, room });
        }
        let place = self.place(row)?;
        let mut nearest = Nearest::new(self.neighbors);
        self.grove.find(&self.axes, &place, &mut nearest);
        let found = nearest.found();
        // Too far from everything to say what is near.
        if let Some(last) = found.last() {
            finite(last.square)?;
        }
        out.fill(0.0);
        let mut all = 0.0;
        let are_same = found.first().is_some_and(|first| first.square <= 0.0);
        for near in found {
            let weight = match self.weights {
                Weights::Uniform => 1.0,
                Weights::Distance if are_same => f64::from(near.square <= 0.0),
                Weights::Distance => 1.0 / near.square.sqrt(),
            };
            all += weight;
            match &self.targets {
                Targets::Numbers(numbers) => out[0] += weight * numbers[near.row as usize],
                Targets::Classes(classes) => out[classes[near.row as usize] as usize] += weight,
            }
        }
        for number in &mut *out {
            *number /= all;
            finite(*number)?;
        }
        let count = self.neighbors as f64;
        for (number, share) in out.iter_mut().zip(&self.shares) {
            *number = (*number * count + share) / (count + 1.0);
        }
        Ok(())
    }

    /// Where a row is on each axis.
    fn place(&self, row: &[Value]) -> Result<Vec<f64>, PredictError> {
        if row.len() != self.axes.len() {
            return Err(PredictError::WrongLength {
                expected: self.axes.len(),
                got: row.len(),
            });
        }
        let values = self.axes.iter().zip(&self.known).zip(row).enumerate();
        values
            .map(|(slot, ((axis, known), value))| {
                Ok(match (axis, value) {
                    (Axis::Numeric { mean, std, .. }, Value::Number(number)) => {
                        (number - mean) / std
                    }
                    (Axis::Numeric { impute, mean, std }, Value::Missing) => (impute - mean) / std,
                    (Axis::Categorical { .. }, Value::Category(OTHER)) => f64::from(*known),
                    (Axis::Categorical { .. }, Value::Category(category)) if category < known => {
                        f64::from(*category)
                    }
                    (Axis::Categorical { impute }, Value::Missing) => f64::from(*impute),
                    _ => return Err(PredictError::WrongKind { slot }),
                })
            })
            .collect()
    }
}
