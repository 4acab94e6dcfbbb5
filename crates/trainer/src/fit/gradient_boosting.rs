//! Gradient boosting by perpetual, which finds the depth of its trees and when to stop by itself.

mod grown;
mod rounds;

use std::sync::mpsc;
use std::time::Instant;

use domain::training_runs::RunError;
use model::Link;
use perpetual::bin::Bin;
use perpetual::node::Node;
use perpetual::objective::Objective;
use perpetual::{Matrix, PerpetualBooster};

use super::order::Order;
use super::{Fit, Fits, Fitted, Rows, Told, TreesFit, threads};
use crate::failure::{failure, out_of_memory, reserve};
use crate::features::{Encoding, Feature};
use rounds::Round;

pub(super) struct GradientBoosting {
    /// How long it may go on making smaller steps: perpetual's only dial.
    pub(super) budget: f64,
    /// Of the rows that large tables are sampled to.
    pub(super) seed: u64,
}

/// What the trees are to add up to.
struct Aim<'r> {
    rows: &'r Rows<'r>,
    goal: Goal,
    until: Option<Instant>,
}

#[derive(Clone, Copy)]
enum Goal {
    /// The target itself.
    Number,
    /// The logarithm of the odds of a class against all others.
    Class(usize),
}

impl Aim<'_> {
    /// What there is to learn of a row.
    fn value(&self, row: u32) -> f64 {
        let value = self.rows.target[row as usize];
        match self.goal {
            Goal::Number => value,
            Goal::Class(class) => f64::from(u8::from(value as usize == class)),
        }
    }

    /// Of what there is to learn of the training rows.
    fn mean(&self) -> f64 {
        match self.goal {
            Goal::Number => self.rows.scale.0,
            Goal::Class(_) => {
                let train = self.rows.train;
                let of_class: f64 = train.iter().map(|&row| self.value(row)).sum();
                of_class / train.len() as f64
            }
        }
    }

    /// Mean and standard deviation of what is learned, which are taken out of it; 0 and 1 of odds.
    fn scale(&self) -> (f64, f64) {
        match self.goal {
            Goal::Number => self.rows.scale,
            Goal::Class(_) => (0.0, 1.0),
        }
    }

    fn orders(&self) -> Vec<Option<Order>> {
        Order::of_all(self.rows, |row| self.value(row), self.mean())
    }

    fn objective(&self) -> Objective {
        match self.goal {
            Goal::Number => Objective::SquaredLoss,
            Goal::Class(_) => Objective::LogLoss,
        }
    }
}

impl Fit for GradientBoosting {
    fn fit(&self, rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Fitted, RunError> {
        let aim = |goal, until| Aim { rows, goal, until };
        Ok(match rows.classes {
            None => Fitted::Trees(self.grow(&aim(Goal::Number, rows.until), tell)?),
            Some(2) => {
                let fit = self.grow(&aim(Goal::Class(1), rows.until), tell)?;
                Fitted::Classes(Link::Logistic, Fits::Trees(vec![fit]))
            }
            Some(classes) => {
                let mut fits = Vec::with_capacity(classes);
                for class in 0..classes {
                    let left = (classes - class) as u32;
                    // Of the time that is left, each class gets the same.
                    let until = rows.until.map(|until| {
                        let now = Instant::now();
                        now + until.saturating_duration_since(now) / left
                    });
                    let fit = self.grow(&aim(Goal::Class(class), until), &mut |told| {
                        tell(match told {
                            Told::Progress(fraction) => {
                                Told::Progress((class as f64 + fraction) / classes as f64)
                            }
                            told => told,
                        });
                    })?;
                    fits.push(fit);
                }
                Fitted::Classes(Link::OneVsRest, Fits::Trees(fits))
            }
        })
    }
}

impl GradientBoosting {
    /// The rows as the library has them: the inputs, their ranges, and what it makes of each row.
    fn check_memory(rows: &Rows<'_>) -> Result<(), RunError> {
        const OF_ROW: usize = 64;
        let features = rows.features.features.len();
        let bytes = (rows.train.len() * (features * (8 + 2) + OF_ROW)) as f64;
        // The table is there as well.
        let table = (rows.target.len() * (features + 1) * 8) as f64;
        let memory = f64::from(rows.memory_mb) * f64::from(1 << 20);
        if bytes + table > memory {
            return Err(out_of_memory(&format!(
                "boosting trees on {features} columns in {} rows, which takes {:.0} MB",
                rows.train.len(),
                (bytes + table) / 1e6
            )));
        }
        Ok(())
    }

    fn grow(&self, aim: &Aim<'_>, tell: &mut dyn FnMut(Told)) -> Result<TreesFit, RunError> {
        Self::check_memory(aim.rows)?;
        let orders = aim.orders();
        let booster = self.boost(aim, &inputs(aim.rows, &orders)?, tell)?;
        let grown = grown::read(&booster, aim.scale(), &orders)?;
        let leaves: usize = booster.trees.iter().map(|tree| tree.n_leaves).sum();
        tell(Told::Info(format!(
            "grew {} trees with {leaves} leaves",
            booster.trees.len()
        )));
        Ok(grown)
    }
}

/// The features of the training rows, column by column. A missing value is a NaN, a category its rank.
fn inputs(rows: &Rows<'_>, orders: &[Option<Order>]) -> Result<Vec<f64>, RunError> {
    let features = &rows.features.features;
    let mut inputs = reserve(
        features.len() * rows.train.len(),
        "the inputs of the training rows",
    )?;
    for (feature, order) in features.iter().zip(orders) {
        inputs.extend(rows.train.iter().map(|&row| match order {
            Some(order) => order.rank(feature.code(row)),
            None => feature.code(row),
        }));
    }
    Ok(inputs)
}

impl GradientBoosting {
    fn boost(
        &self,
        aim: &Aim<'_>,
        inputs: &[f64],
        tell: &mut dyn FnMut(Told),
    ) -> Result<PerpetualBooster, RunError> {
        let rows = aim.rows;
        let features = &rows.features.features;
        let (mean, std) = aim.scale();
        // Standardised, since perpetual computes gradients with 32 bits.
        let mut target = reserve(rows.train.len(), "the target")?;
        target.extend(rows.train.iter().map(|&row| (aim.value(row) - mean) / std));
        let matrix = Matrix::new(inputs, rows.train.len(), features.len());
        let mut booster = self.booster(aim)?;

        let (sender, receiver) = mpsc::channel();
        let fitted = std::thread::scope(|scope| {
            let fitting = std::thread::Builder::new()
                .name("boosting".to_owned())
                .spawn_scoped(scope, || {
                    rounds::tell(sender, || booster.fit(&matrix, &target, None, None))
                })
                .map_err(|_| out_of_memory("another thread"))?;
            for round in receiver {
                follow(&round, aim, tell);
            }
            fitting.join().map_err(|_| {
                failure(
                    "internal",
                    "the boosting library failed on this table",
                    "Choose another algorithm, such as ridge, or leave out columns to find the one at fault.",
                )
            })
        })?;
        fitted.map_err(|error| {
            failure(
                "internal",
                format!("the boosting library refused the table: {error}"),
                "Choose another algorithm, such as ridge, or other features.",
            )
        })?;
        // What perpetual adds to its trees on small tables is no tree: a fifth of a linear fit of what is left.
        booster.regression_head = None;
        Ok(booster)
    }

    fn booster(&self, aim: &Aim<'_>) -> Result<PerpetualBooster, RunError> {
        let rows = aim.rows;
        let features = &rows.features.features;
        let threads = threads();
        // perpetual takes it for granted that its threads can be made.
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|_| out_of_memory("the threads of boosting"))?;
        // perpetual predicts on rayon's own pool. That there is one already is as well.
        let _ = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global();
        let timeout = aim.until.map(|until| {
            until
                .saturating_duration_since(Instant::now())
                .as_secs_f32()
        });
        let memory = Memory::plan(features, rows.train.len(), rows.memory_mb, self.budget)?;
        let mut booster = PerpetualBooster::default();
        // Rare classes would be given more weight, and then probabilities that are too high.
        booster.cfg.auto_class_weights = false;
        Ok(booster
            .set_objective(aim.objective())
            .set_budget(self.budget as f32)
            .set_seed(self.seed)
            .set_max_bin(memory.bins)
            .set_memory_limit(Some(memory.gigabytes))
            .set_num_threads(Some(threads))
            .set_timeout(timeout)
            .set_log_iterations(rounds::STEP))
    }
}

/// How many rounds there will be nobody knows: the bar goes ever slower.
fn follow(round: &Round, aim: &Aim<'_>, tell: &mut dyn FnMut(Told)) {
    const HALF_WAY: f64 = 100.0;
    match round {
        Round::Done { number, loss } => {
            let done = *number as f64;
            tell(Told::Progress(done / (done + HALF_WAY)));
            if *number > 0 && number.is_multiple_of(100) {
                let (name, loss) = match aim.goal {
                    Goal::Number => ("RMSE", loss.sqrt() * aim.scale().1),
                    Goal::Class(_) => ("log loss", *loss),
                };
                tell(Told::Info(format!(
                    "round {number}: {name} {loss:.6} on the training rows"
                )));
            }
        }
        Round::OutOfTime => tell(Told::Warn(
            "boosting ended early since its time is over: raise budget.seconds".to_owned(),
        )),
        Round::OutOfMemory => tell(Told::Warn(
            "boosting ended early since its trees fill the memory that they are given: lower params.budget, or leave out columns"
                .to_owned(),
        )),
    }
}

/// How large perpetual's histograms may grow. So that the same run gives the same trees, it depends on the table and the run's
/// budget alone, unless the machine has less memory free than that: perpetual looks at that, too.
struct Memory {
    bins: u16,
    gigabytes: f32,
}

impl Memory {
    const BINS: usize = 256;
    const FEWEST_BINS: usize = 16;
    /// Nodes whose histograms are kept.
    const NODES: usize = 512;
    const FEWEST_NODES: usize = 128;
    /// What perpetual takes of what it finds free.
    const SHARE: f64 = 0.7;
    /// What it keeps free of a limit.
    const SAFE: f64 = 0.9;

    /// What it expects a model to take at most: its rounds, nodes of a tree, and what a node takes in a map.
    fn trees(budget: f64) -> f64 {
        let rounds = 1_000.0 * 10_f64.powf((budget - 1.0).max(0.0) * 0.35).clamp(1.0, 4.0);
        rounds * 256.0 * 1.3 * size_of::<Node>() as f64
    }

    fn plan(
        features: &[Feature<'_>],
        rows: usize,
        memory_mb: u32,
        budget: f64,
    ) -> Result<Self, RunError> {
        let half = f64::from(memory_mb) * f64::from(1 << 20) / 2.0;
        let bytes = |bins: usize| {
            let values: usize = features
                .iter()
                .map(|feature| match &feature.encoding {
                    Encoding::Numeric(_) => bins + 2,
                    Encoding::Categorical(categorical) => categorical.categories.len() + 2,
                })
                .sum();
            (values * size_of::<Bin>() + (features.len() + 1) * 64) as f64
        };
        let mut bins = Self::BINS;
        while bins > Self::FEWEST_BINS && bytes(bins) * Self::FEWEST_NODES as f64 > half {
            bins /= 2;
        }
        let node = bytes(bins);
        let nodes = (half / node).min(Self::NODES as f64);
        if nodes < 8.0 {
            return Err(out_of_memory(&format!(
                "boosting trees on {} columns",
                features.len()
            )));
        }
        let base = (rows * features.len() * 2 + rows * 20) as f64;
        let limit = (base + Self::trees(budget) + nodes * node / Self::SHARE) / Self::SAFE;
        Ok(Self {
            bins: bins as u16,
            gigabytes: (limit / 1e9) as f32,
        })
    }
}

#[cfg(test)]
mod tests;
