//! The mean of the target over the rows of each category, drawn towards the average where they are few.

use model::{OTHER, Step};

use crate::features::Categorical;
use crate::table::MISSING;

/// `(sum + smoothing * average) / (count + smoothing)` for each category, for all others together, and for the rows that have none.
pub(super) struct TargetMeans<'c> {
    categorical: &'c Categorical,
    known: Vec<f64>,
    other: f64,
    missing: f64,
    average: f64,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    count: f64,
    sum: f64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.sum += value;
    }

    /// The average of no rows, and without smoothing, is the average of all.
    fn mean(self, smoothing: f64, average: f64) -> f64 {
        let weight = self.count + smoothing;
        if weight > 0.0 {
            (self.sum + smoothing * average) / weight
        } else {
            average
        }
    }
}

impl<'c> TargetMeans<'c> {
    pub(super) fn new(
        codes: &[u32],
        categorical: &'c Categorical,
        train: &[u32],
        smoothing: f64,
        target: impl Fn(u32) -> f64,
    ) -> Self {
        let mut known = vec![Sum::default(); categorical.categories.len()];
        let (mut other, mut missing, mut all) = (Sum::default(), Sum::default(), Sum::default());
        for &row in train {
            let value = target(row);
            all.add(value);
            let sum = match codes[row as usize] {
                MISSING => Some(&mut missing),
                code => match categorical.place(code) {
                    OTHER => Some(&mut other),
                    place => known.get_mut(place as usize),
                },
            };
            if let Some(sum) = sum {
                sum.add(value);
            }
        }
        let average = all.mean(0.0, 0.0);
        let mean = |sum: Sum| sum.mean(smoothing, average);
        Self {
            categorical,
            known: known.into_iter().map(mean).collect(),
            other: mean(other),
            missing: mean(missing),
            average,
        }
    }

    pub(super) fn average(&self) -> f64 {
        self.average
    }

    pub(super) fn of(&self, code: u32) -> f64 {
        match code {
            MISSING => self.missing,
            code => match self.categorical.place(code) {
                OTHER => self.other,
                place => self
                    .known
                    .get(place as usize)
                    .copied()
                    .unwrap_or(self.other),
            },
        }
    }

    /// `missing` is the category that stands in for a missing value, if one does.
    pub(super) fn step(self, missing: Option<u32>) -> Step {
        let missing = match missing {
            None => self.missing,
            Some(place) => self
                .known
                .get(place as usize)
                .copied()
                .unwrap_or(self.other),
        };
        Step::Lookup {
            numbers: self.known,
            other: self.other,
            missing: Some(missing),
        }
    }
}
