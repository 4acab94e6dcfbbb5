use domain::models::{InputField, Signature, Task};
use domain::training_runs::{MAX_CLASSES, MAX_NEIGHBORS};

use super::{ArtifactError, inconsistent};

/// The most values that a model remembers: rows times inputs, and 32 MB of memory.
pub const MAX_REMEMBERED: usize = 4_000_000;

/// Rows that are remembered. A prediction is made of what the nearest of them were: of numbers their average, of classes their shares,
/// where those of all rows count as one neighbour more. So no class is impossible because a few rows are of others.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    /// How many of the rows count.
    pub neighbors: u32,
    pub weights: Weights,
    /// One for each input, in the signature's order.
    pub axes: Vec<Axis>,
    /// Row by row, as many values as there are axes: of a number where it is on its axis, of a category its place, where the place
    /// behind the last stands for any other.
    pub rows: Vec<f64>,
    pub targets: Targets,
}

/// What a neighbour counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Each the same.
    Uniform,
    /// The inverse of its distance. Where some are at no distance, these alone count, each the same.
    Distance,
}

/// How far two values of an input are apart, squared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Axis {
    /// The square of the difference of `(x - mean) / std`, with `impute` for a missing `x`.
    Numeric {
        impute: f64,
        mean: f64,
        /// Above 0.
        std: f64,
    },
    /// [`Axis::APART`] of two categories that are not the same.
    Categorical {
        /// Which of the signature's categories stands in for a missing value.
        impute: u32,
    },
}

impl Axis {
    /// As far apart as each category's being 1 or 0 would make them.
    pub const APART: f64 = 2.0;
}

/// What the remembered rows were, in their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    Numbers(Vec<f64>),
    /// Places among the signature's classes.
    Classes(Vec<u32>),
}

impl Targets {
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Classes(classes) => classes.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Neighbours {
    /// Of each class its share of the rows.
    pub(crate) fn shares(&self, classes: usize) -> Vec<f64> {
        let mut shares = vec![0.0; classes];
        if let Targets::Classes(of_rows) = &self.targets {
            for class in of_rows {
                shares[*class as usize] += 1.0;
            }
        }
        let count = self.targets.len() as f64;
        shares.into_iter().map(|rows| rows / count).collect()
    }

    pub(super) fn task(&self) -> Task {
        match self.targets {
            Targets::Numbers(_) => Task::Regression,
            Targets::Classes(_) => Task::Classification,
        }
    }

    pub(super) fn check(&self, signature: &Signature) -> Result<(), ArtifactError> {
        let inputs = &signature.inputs;
        if self.axes.is_empty() || self.axes.len() != inputs.len() {
            return inconsistent(format!(
                "{} inputs, but {} axes",
                inputs.len(),
                self.axes.len()
            ));
        }
        if self.rows.len() > MAX_REMEMBERED {
            return inconsistent(format!(
                "{} remembered values: at most {MAX_REMEMBERED} are taken",
                self.rows.len()
            ));
        }
        let count = self.targets.len();
        if count.checked_mul(self.axes.len()) != Some(self.rows.len()) {
            return inconsistent(format!(
                "{} remembered values, but {count} rows of {}",
                self.rows.len(),
                self.axes.len()
            ));
        }
        let neighbors = self.neighbors as usize;
        if neighbors == 0 || neighbors > MAX_NEIGHBORS || neighbors > count {
            return inconsistent(format!(
                "{neighbors} neighbours of {count} rows: 1 to {MAX_NEIGHBORS} are taken, and no more than there are rows"
            ));
        }
        self.check_targets(signature)?;
        for (place, (input, axis)) in inputs.iter().zip(&self.axes).enumerate() {
            let values = self.rows.iter().skip(place).step_by(self.axes.len());
            axis.check(input, values)?;
        }
        Ok(())
    }

    fn check_targets(&self, signature: &Signature) -> Result<(), ArtifactError> {
        match &self.targets {
            Targets::Numbers(numbers) if numbers.iter().all(|number| number.is_finite()) => Ok(()),
            Targets::Numbers(_) => {
                inconsistent("a remembered row's target is not finite".to_owned())
            }
            Targets::Classes(classes) => {
                let known = signature.output.classes.as_deref().unwrap_or_default();
                let count = known.len();
                if !(2..=MAX_CLASSES).contains(&count) {
                    return inconsistent(format!("{count} classes: 2 to {MAX_CLASSES} are taken"));
                }
                let mut distinct: Vec<_> = known.iter().collect();
                distinct.sort_unstable();
                distinct.dedup();
                if distinct.len() < count {
                    return inconsistent("a class stands twice".to_owned());
                }
                if classes.iter().any(|class| *class as usize >= count) {
                    return inconsistent(
                        "a remembered row is of a class that is not there".to_owned(),
                    );
                }
                Ok(())
            }
        }
    }
}

impl Axis {
    fn check<'v>(
        &self,
        input: &InputField,
        mut values: impl Iterator<Item = &'v f64>,
    ) -> Result<(), ArtifactError> {
        let name = &input.name;
        let known = input.categories.as_ref().map_or(0, Vec::len);
        match self {
            Self::Numeric { .. } if !input.kind.is_numeric() => {
                inconsistent(format!("input {name:?} is no number, but is used as one"))
            }
            Self::Numeric { impute, mean, std } => {
                let is_finite = [impute, mean, std].iter().all(|number| number.is_finite());
                if !is_finite || !values.all(|value| value.is_finite()) {
                    return inconsistent(format!("input {name:?} has a number that is not finite"));
                }
                if *std <= 0.0 {
                    return inconsistent(format!(
                        "input {name:?} has a standard deviation of {std}: it must be above 0"
                    ));
                }
                Ok(())
            }
            Self::Categorical { .. } if input.kind.is_numeric() => inconsistent(format!(
                "input {name:?} is a number, but is used as a category"
            )),
            Self::Categorical { impute } => {
                if *impute as usize >= known {
                    return inconsistent(format!(
                        "input {name:?} imputes a category it does not have"
                    ));
                }
                let is_place =
                    |value: &f64| (0.0..=known as f64).contains(value) && value.fract() == 0.0;
                if !values.all(is_place) {
                    return inconsistent(format!(
                        "input {name:?} has a remembered category that is not there"
                    ));
                }
                Ok(())
            }
        }
    }
}
