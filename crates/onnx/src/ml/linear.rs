//! Weighted sums of features.

use super::rows::{Labels, singles};
use super::score::{Second, Transform};
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::ops::product_transposed;
use crate::read::{Entry, Node};
use crate::tensor::Tensor;

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("LinearRegressor", 1, (1, 1), (1, 1), regressor),
    Entry::new("LinearClassifier", 1, (1, 1), (1, 2), classifier),
];

/// Sums that are formed of the same features.
struct Sums {
    coefficients: Vec<f32>,
    intercepts: Vec<f32>,
    features: usize,
}

impl Sums {
    fn new(node: &Node<'_>, targets: usize) -> Result<Self, Refused> {
        let coefficients = node.needed_floats("coefficients")?;
        let intercepts = node.floats("intercepts")?.unwrap_or_default();
        if targets == 0 || !coefficients.len().is_multiple_of(targets) || coefficients.is_empty() {
            return Err(node.refuse(format!(
                "has {} coefficients for {targets} sums",
                coefficients.len()
            )));
        }
        let intercepts = if intercepts.len() == targets {
            intercepts.to_vec()
        } else {
            vec![0.0; targets]
        };
        Ok(Self {
            coefficients: coefficients.to_vec(),
            intercepts,
            features: coefficients.len() / targets,
        })
    }

    fn targets(&self) -> usize {
        self.intercepts.len()
    }

    /// The sums of each row, and how many rows there are.
    fn of(&self, call: &Call<'_>) -> Result<(Vec<f32>, usize), Fault> {
        let (values, rows, features) = singles(call)?;
        if features != self.features {
            return Err(format!(
                "has coefficients for {} features, but got {features}",
                self.features
            )
            .into());
        }
        let count = call.room(&[rows, self.targets()])?;
        call.work(&[count, features])?;
        let mut sums = vec![0.0; count];
        let size = (rows, features, self.targets());
        product_transposed(&values, &self.coefficients, size, &mut sums);
        for row in sums.chunks_exact_mut(self.targets()) {
            for (sum, intercept) in row.iter_mut().zip(&self.intercepts) {
                *sum += intercept;
            }
        }
        Ok((sums, rows))
    }
}

fn regressor(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    let targets = usize::try_from(node.int_or("targets", 1)?).unwrap_or_default();
    Ok(Box::new(Regressor {
        sums: Sums::new(node, targets)?,
        transform: Transform::of(node)?,
    }))
}

struct Regressor {
    sums: Sums,
    transform: Transform,
}

impl Operator for Regressor {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let (mut sums, rows) = self.sums.of(call)?;
        let targets = self.sums.targets();
        if targets > 1 || self.transform == Transform::Probit {
            for row in sums.chunks_exact_mut(targets) {
                self.transform.apply(row);
            }
        }
        call.give(0, Tensor::new(vec![rows, targets], sums))
    }
}

fn classifier(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    let labels = Labels::of(node, "classlabels_ints")?;
    let targets = node.needed_floats("intercepts")?.len();
    if targets > 1 && labels.len() < targets {
        return Err(node.refuse(format!("forms {targets} sums for {} classes", labels.len())));
    }
    Ok(Box::new(Classifier {
        sums: Sums::new(node, targets)?,
        transform: Transform::of(node)?,
        labels,
    }))
}

struct Classifier {
    sums: Sums,
    transform: Transform,
    labels: Labels,
}

impl Operator for Classifier {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let (mut sums, rows) = self.sums.of(call)?;
        let targets = self.sums.targets();
        let chosen = sums
            .chunks_exact(targets)
            .map(|row| match row {
                [sum] => usize::from(*sum > 0.0),
                _ => greatest(row),
            })
            .collect::<Vec<_>>();
        let mut columns = targets;
        if targets > 1 {
            for row in sums.chunks_exact_mut(targets) {
                self.transform.apply(row);
            }
        } else if self.labels.len() == 2 {
            // Two classes that are told apart by one sum.
            columns = 2;
            call.room(&[rows, columns])?;
            let second = match self.transform {
                Transform::Logistic => Second::Opposite,
                _ => Second::Rest,
            };
            let pairs = sums.iter().map(|&sum| self.transform.spread(sum, second));
            sums = pairs.flatten().collect();
        } else if self.transform == Transform::Probit {
            self.transform.apply(&mut sums);
        }
        call.room(&[rows])?;
        let labels = self.labels.chosen(&chosen);
        let shape = vec![rows];
        call.give(
            0,
            Tensor {
                shape,
                data: labels,
            },
        )?;
        call.give(1, Tensor::new(vec![rows, columns], sums))
    }
}

/// The first of the greatest numbers.
pub(super) fn greatest(row: &[f32]) -> usize {
    let mut best = 0;
    for (place, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = place;
        }
    }
    best
}
