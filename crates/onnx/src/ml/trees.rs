//! Ensembles of trees.

mod classify;
mod flat;
mod grove;
mod nodes;

use std::borrow::Cow;

use self::classify::Classes;
use self::grove::{Aggregate, Grove, Scores};
use super::rows::{Labels, table};
use super::score::Transform;
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::ops::takes;
use crate::read::{Entry, Node};
use crate::tensor::{Data, Number, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("TreeEnsembleRegressor", 1, (1, 1), (1, 1), regressor),
    Entry::new("TreeEnsembleClassifier", 1, (1, 1), (1, 2), classifier),
    Entry::new("TreeEnsemble", 5, (1, 1), (1, 1), ensemble),
];

/// A table in the precision that it is compared in.
enum Table<'a> {
    Single(Cow<'a, [f32]>),
    Double(Cow<'a, [f64]>),
}

fn comparable(tensor: &Tensor) -> Result<Table<'_>, Fault> {
    Ok(match &tensor.data {
        Data::F32(values) => Table::Single(Cow::Borrowed(values)),
        Data::F64(values) => Table::Double(Cow::Borrowed(values)),
        Data::I64(values) => Table::Single(values.iter().map(|&value| value as f32).collect()),
        Data::I32(values) => Table::Single(values.iter().map(|&value| value as f32).collect()),
        other => return Err(takes("numbers", other.element())),
    })
}

/// Scores in the precision that they were added up in.
enum Sums {
    Single(Scores<f32>),
    Double(Scores<f64>),
}

/// What thresholds and weights are in.
trait Precision: Number + Send + Sync {
    fn sums(grove: &Grove<Self>, table: &Table<'_>, size: (usize, usize), how: Aggregate) -> Sums;
}

impl Precision for f32 {
    fn sums(
        grove: &Grove<f32>,
        table: &Table<'_>,
        (rows, features): (usize, usize),
        how: Aggregate,
    ) -> Sums {
        match table {
            Table::Single(table) => Sums::Single(grove.scores(table, features, rows, how)),
            Table::Double(table) => Sums::Double(grove.scores(table, features, rows, how)),
        }
    }
}

impl Precision for f64 {
    fn sums(
        grove: &Grove<f64>,
        table: &Table<'_>,
        (rows, features): (usize, usize),
        how: Aggregate,
    ) -> Sums {
        let table = match table {
            Table::Single(table) => table.iter().map(|&value| value.into()).collect(),
            Table::Double(table) => Cow::Borrowed(&**table),
        };
        Sums::Double(grove.scores(&table, features, rows, how))
    }
}

/// The sums of the first input's rows, and how many these are.
fn summed<T: Precision>(
    call: &Call<'_>,
    grove: &Grove<T>,
    how: Aggregate,
) -> Result<(Sums, usize), Fault> {
    let tensor = call.get(0)?;
    let (rows, features) = table(tensor)?;
    if features < grove.features {
        return Err(format!("looks at {} features, but got {features}", grove.features).into());
    }
    // The sums, whether there are any, and the answers.
    call.room(&[rows, grove.targets, 3])?;
    call.work(&[rows, grove.steps, 4])?;
    let sums = T::sums(grove, &comparable(tensor)?, (rows, features), how);
    Ok((sums, rows))
}

fn regressor(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    fn of<T: Precision>(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
        let aggregate = match node.text("aggregate_function")? {
            None | Some("SUM") => Aggregate::Sum,
            Some("AVERAGE") => Aggregate::Average,
            Some("MIN") => Aggregate::Min,
            Some("MAX") => Aggregate::Max,
            Some(_) => return Err(node.refuse("has an unknown aggregate_function")),
        };
        let targets = usize::try_from(node.int_or("n_targets", 1)?).unwrap_or_default();
        Ok(Box::new(Regressor::<T> {
            grove: nodes::grove(node, &nodes::TARGETS, targets)?,
            base: nodes::numbers(node, "base_values")?,
            aggregate,
            transform: Transform::of(node)?,
            stays_double: false,
        }))
    }
    if nodes::is_double(node, &nodes::TARGETS)? {
        of::<f64>(node)
    } else {
        of::<f32>(node)
    }
}

fn ensemble(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    fn of<T: Precision>(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
        Ok(Box::new(Regressor::<T> {
            grove: flat::grove(node)?,
            base: Vec::new(),
            aggregate: flat::aggregate(node)?,
            transform: Transform::of_number(node)?,
            stays_double: true,
        }))
    }
    if flat::is_double(node)? {
        of::<f64>(node)
    } else {
        of::<f32>(node)
    }
}

struct Regressor<T> {
    grove: Grove<T>,
    base: Vec<f64>,
    aggregate: Aggregate,
    transform: Transform,
    /// Whether sums in double precision stay in it.
    stays_double: bool,
}

impl<T: Precision> Operator for Regressor<T> {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let (sums, rows) = summed(call, &self.grove, self.aggregate)?;
        let data = match sums {
            Sums::Single(scores) => Data::F32(self.finished(scores)),
            Sums::Double(scores) => {
                let sums = self.finished(scores);
                if self.stays_double {
                    Data::F64(sums)
                } else {
                    Data::F32(sums.into_iter().map(|sum| sum as f32).collect())
                }
            }
        };
        let shape = vec![rows, self.grove.targets];
        call.give(0, Tensor { shape, data })
    }
}

impl<T: Precision> Regressor<T> {
    fn finished<X: Number>(&self, scores: Scores<X>) -> Vec<X> {
        let targets = self.grove.targets;
        let trees = X::from_f64(self.grove.trees() as f64);
        let Scores { mut sums, has } = scores;
        for (row, has) in sums
            .chunks_exact_mut(targets)
            .zip(has.chunks_exact(targets))
        {
            for (place, (sum, has)) in row.iter_mut().zip(has).enumerate() {
                if self.aggregate == Aggregate::Average {
                    *sum = sum.over(trees);
                }
                // A base that is not one for each target is none, and a target that no leaf has a weight for gets none.
                if self.base.len() == targets && *has {
                    *sum = sum.plus(X::from_f64(self.base[place]));
                }
            }
            // Of a single target onnxruntime knows one transform alone.
            let applies = match self.transform {
                Transform::None => false,
                Transform::Probit => true,
                _ => targets > 1,
            };
            if applies {
                let mut scores = row
                    .iter()
                    .map(|sum| sum.to_f64() as f32)
                    .collect::<Vec<_>>();
                self.transform.apply(&mut scores);
                for (sum, score) in row.iter_mut().zip(scores) {
                    *sum = X::from_f64(score.into());
                }
            }
        }
        sums
    }
}

fn classifier(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    fn of<T: Precision>(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
        let labels = Labels::of(node, "classlabels_int64s")?;
        let count = labels.len();
        let base = nodes::numbers::<f64>(node, "base_values")?;
        if count < 2 || base.len() > count {
            return Err(node.refuse(format!(
                "tells {count} classes apart with {} base values",
                base.len()
            )));
        }
        let ids = node.ints("class_ids")?.unwrap_or_default();
        let weights = nodes::numbers::<f64>(node, "class_weights")?;
        let is_one = ids.windows(2).all(|pair| pair[0] == pair[1]) && !ids.is_empty();
        Ok(Box::new(Classifier::<T> {
            grove: nodes::grove(node, &nodes::CLASSES, count)?,
            classes: Classes {
                count,
                base,
                transform: Transform::of(node)?,
                is_binary: count == 2 && is_one,
                all_positive: !weights.iter().any(|&weight| weight < 0.0),
            },
            labels,
        }))
    }
    if nodes::is_double(node, &nodes::CLASSES)? {
        of::<f64>(node)
    } else {
        of::<f32>(node)
    }
}

struct Classifier<T> {
    grove: Grove<T>,
    classes: Classes,
    labels: Labels,
}

impl<T: Precision> Operator for Classifier<T> {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let (sums, rows) = summed(call, &self.grove, Aggregate::Sum)?;
        let (chosen, probabilities) = match sums {
            Sums::Single(mut scores) => self.classes.told(&mut scores),
            Sums::Double(mut scores) => self.classes.told(&mut scores),
        };
        // Two classes with a sum each are numbered by onnxruntime, whatever numbers they are called by.
        let data = match &self.labels {
            Labels::Numbers(_) if self.classes.count == 2 && !self.classes.is_binary => {
                Data::I64(chosen.iter().map(|&class| class as i64).collect())
            }
            labels => labels.chosen(&chosen),
        };
        let shape = vec![rows];
        call.give(0, Tensor { shape, data })?;
        call.give(
            1,
            Tensor::new(vec![rows, self.classes.count], probabilities),
        )
    }
}
