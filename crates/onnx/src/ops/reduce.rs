//! Dimensions that become one number each.

use super::arrange::said;
use super::takes;
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::read::{Entry, Node};
use crate::shape::{self, Walk};
use crate::tensor::{Data, Number, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("ReduceSum", 1, (1, 2), (1, 1), |node| {
        reduce(node, Kind::Sum, 13)
    }),
    Entry::new("ReduceMean", 1, (1, 2), (1, 1), |node| {
        reduce(node, Kind::Mean, 18)
    }),
    Entry::new("ReduceMax", 1, (1, 2), (1, 1), |node| {
        reduce(node, Kind::Max, 18)
    }),
    Entry::new("ReduceMin", 1, (1, 2), (1, 1), |node| {
        reduce(node, Kind::Min, 18)
    }),
    Entry::new("ReduceProd", 1, (1, 2), (1, 1), |node| {
        reduce(node, Kind::Product, 18)
    }),
    Entry::new("ReduceL1", 1, (1, 2), (1, 1), |node| {
        reduce(node, Kind::L1, 18)
    }),
    Entry::new("ReduceL2", 1, (1, 2), (1, 1), |node| {
        reduce(node, Kind::L2, 18)
    }),
    Entry::new("ReduceSumSquare", 1, (1, 2), (1, 1), |node| {
        reduce(node, Kind::SumSquare, 18)
    }),
    Entry::new("ReduceLogSum", 1, (1, 2), (1, 1), |node| {
        reduce(node, Kind::LogSum, 18)
    }),
    Entry::new("ReduceLogSumExp", 1, (1, 2), (1, 1), |node| {
        reduce(node, Kind::LogSumExp, 18)
    }),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sum,
    Mean,
    Max,
    Min,
    Product,
    L1,
    L2,
    SumSquare,
    LogSum,
    LogSumExp,
}

/// The axes were an attribute before version `since`, and are an input from it on.
fn reduce(node: &Node<'_>, kind: Kind, since: i64) -> Result<Box<dyn Operator>, Refused> {
    Ok(Box::new(Reduce {
        kind,
        axes: super::arrange::axes(node, since)?,
        keeps: node.flag("keepdims", true)?,
        all_without: !node.flag("noop_with_empty_axes", false)?,
    }))
}

struct Reduce {
    kind: Kind,
    axes: Option<Vec<i64>>,
    keeps: bool,
    /// Whether no axes mean all of them.
    all_without: bool,
}

impl Operator for Reduce {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let axes = said(self.axes.as_deref(), call)?.unwrap_or_default();
        let tensor = call.get(0)?;
        let rank = tensor.rank();
        let axes = if axes.is_empty() && self.all_without {
            (0..rank).collect()
        } else {
            shape::axes(&axes, rank)?
        };
        let mut shape = tensor.shape.clone();
        for &axis in &axes {
            shape[axis] = 1;
        }
        let count = call.room(&shape)?;
        call.work(&[tensor.len(), 2])?;
        // The room that the sums take while they are made.
        call.room(&shape)?;
        let target = Target {
            strides: shape::stretched_strides(&shape, &tensor.shape),
            count,
            each: tensor.len().checked_div(count).unwrap_or_default(),
        };
        let data = match &tensor.data {
            Data::F32(values) => Data::F32(self.floats(values, &tensor.shape, &target)?),
            Data::F64(values) => Data::F64(self.floats(values, &tensor.shape, &target)?),
            Data::I64(values) => Data::I64(self.whole(values, &tensor.shape, &target)?),
            Data::I32(values) => Data::I32(self.whole(values, &tensor.shape, &target)?),
            other => return Err(takes("a number", other.element())),
        };
        if !self.keeps {
            for axis in axes.into_iter().rev() {
                shape.remove(axis);
            }
        }
        call.give(0, Tensor { shape, data })
    }
}

/// Where elements go that are taken together.
struct Target {
    strides: Vec<usize>,
    count: usize,
    /// How many make up one.
    each: usize,
}

impl Target {
    /// Folds all elements that go to the same place.
    fn folded<T: Copy, A: Copy>(
        &self,
        values: &[T],
        shape: &[usize],
        start: A,
        fold: impl Fn(A, T) -> A,
    ) -> Vec<A> {
        let mut folded = vec![start; self.count];
        self.each_with(values, shape, |value, place| {
            folded[place] = fold(folded[place], value);
        });
        folded
    }

    fn each_with<T: Copy>(&self, values: &[T], shape: &[usize], mut with: impl FnMut(T, usize)) {
        let own = shape::strides(shape);
        let walk = Walk::new(shape, [&own, &self.strides]);
        let [own_step, step] = walk.steps;
        walk.runs(|[from, to]| {
            for place in 0..walk.inner {
                with(values[from + place * own_step], to + place * step);
            }
        });
    }
}

impl Reduce {
    /// Sums are kept in double precision, so that their order does not matter.
    fn floats<T: Number>(
        &self,
        values: &[T],
        shape: &[usize],
        target: &Target,
    ) -> Result<Vec<T>, Fault> {
        let sums = || target.folded(values, shape, 0.0, |sum, value| sum + value.to_f64());
        let squares = || {
            target.folded(values, shape, 0.0, |sum, value| {
                sum + value.to_f64() * value.to_f64()
            })
        };
        let greatest = || {
            target.folded(values, shape, f64::NEG_INFINITY, |most, value| {
                most.greater(value.to_f64())
            })
        };
        let finished = match self.kind {
            Kind::Sum => sums(),
            Kind::Mean => changed(sums(), |sum| sum / target.each as f64),
            Kind::Max | Kind::Min if target.each == 0 => return Err(of_nothing()),
            Kind::Max => greatest(),
            Kind::Min => target.folded(values, shape, f64::INFINITY, |least, value| {
                least.lesser(value.to_f64())
            }),
            Kind::Product => target.folded(values, shape, 1.0, |product, value| {
                product * value.to_f64()
            }),
            Kind::L1 => target.folded(values, shape, 0.0, |sum, value| sum + value.to_f64().abs()),
            Kind::SumSquare => squares(),
            Kind::L2 => changed(squares(), f64::sqrt),
            Kind::LogSum => changed(sums(), f64::ln),
            Kind::LogSumExp => {
                // What is taken off before so that no power is too large for a number.
                let offsets = changed(greatest(), |most| if most.is_finite() { most } else { 0.0 });
                let mut sums = vec![0.0; target.count];
                target.each_with(values, shape, |value, place| {
                    sums[place] += (value.to_f64() - offsets[place]).exp();
                });
                let sums = sums.into_iter().zip(&offsets);
                sums.map(|(sum, offset)| sum.ln() + offset).collect()
            }
        };
        Ok(finished.into_iter().map(T::from_f64).collect())
    }

    fn whole<T: Number>(
        &self,
        values: &[T],
        shape: &[usize],
        target: &Target,
    ) -> Result<Vec<T>, Fault> {
        Ok(match self.kind {
            Kind::Sum => target.folded(values, shape, T::ZERO, T::plus),
            Kind::Mean | Kind::Max | Kind::Min if target.each == 0 => return Err(of_nothing()),
            Kind::Mean => {
                let each = T::from_f64(target.each as f64);
                changed(target.folded(values, shape, T::ZERO, T::plus), |sum| {
                    sum.over(each)
                })
            }
            Kind::Max => target.folded(values, shape, T::LOWEST, T::greater),
            Kind::Min => target.folded(values, shape, T::HIGHEST, T::lesser),
            Kind::Product => target.folded(values, shape, T::ONE, T::times),
            Kind::L1 => target.folded(values, shape, T::ZERO, |sum, value: T| {
                sum.plus(value.absolute())
            }),
            Kind::SumSquare => target.folded(values, shape, T::ZERO, |sum, value: T| {
                sum.plus(value.times(value))
            }),
            Kind::L2 | Kind::LogSum | Kind::LogSumExp => {
                return Err("takes no whole numbers: cast them to float".into());
            }
        })
    }
}

fn changed<T: Copy>(mut values: Vec<T>, change: impl Fn(T) -> T) -> Vec<T> {
    for value in &mut values {
        *value = change(*value);
    }
    values
}

fn of_nothing() -> Fault {
    "looks for the mean, the greatest or the least of nothing".into()
}
