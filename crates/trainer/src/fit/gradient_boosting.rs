//! Gradient boosting by perpetual, which finds the depth of its trees and when to stop by itself.

mod grown;
mod order;
mod rounds;

use std::num::NonZero;
use std::sync::mpsc;
use std::time::Instant;

use domain::training_runs::RunError;
use perpetual::bin::Bin;
use perpetual::node::Node;
use perpetual::objective::Objective;
use perpetual::{Matrix, PerpetualBooster};

use super::{Fit, Fitted, Rows, Told};
use crate::failure::{failure, out_of_memory, reserve};
use crate::features::{Encoding, Feature};
use order::Order;
use rounds::Round;

pub(super) struct GradientBoosting {
    /// How long it may go on making smaller steps: perpetual's only dial.
    pub(super) budget: f64,
    /// Of the rows that large tables are sampled to.
    pub(super) seed: u64,
}

/// More would spend the processor time of the run's budget before its wall time.
const MAX_THREADS: usize = 4;

impl Fit for GradientBoosting {
    fn fit(&self, rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Fitted, RunError> {
        let orders = Order::of_all(rows);
        let booster = self.boost(rows, &inputs(rows, &orders)?, tell)?;
        let grown = grown::read(&booster, rows, &orders)?;
        let leaves: usize = booster.trees.iter().map(|tree| tree.n_leaves).sum();
        tell(Told::Info(format!(
            "grew {} trees with {leaves} leaves",
            booster.trees.len()
        )));
        Ok(Fitted::Trees(grown))
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
        rows: &Rows<'_>,
        inputs: &[f64],
        tell: &mut dyn FnMut(Told),
    ) -> Result<PerpetualBooster, RunError> {
        let features = &rows.features.features;
        let (mean, std) = rows.scale;
        // Standardised, since perpetual computes gradients with 32 bits.
        let mut target = reserve(rows.train.len(), "the target")?;
        target.extend(
            rows.train
                .iter()
                .map(|&row| (rows.target[row as usize] - mean) / std),
        );
        let matrix = Matrix::new(inputs, rows.train.len(), features.len());
        let mut booster = self.booster(rows)?;

        let (sender, receiver) = mpsc::channel();
        let fitted = std::thread::scope(|scope| {
            let fitting = std::thread::Builder::new()
                .name("boosting".to_owned())
                .spawn_scoped(scope, || {
                    rounds::tell(sender, || booster.fit(&matrix, &target, None, None))
                })
                .map_err(|_| out_of_memory("another thread"))?;
            for round in receiver {
                follow(&round, std, tell);
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

    fn booster(&self, rows: &Rows<'_>) -> Result<PerpetualBooster, RunError> {
        let features = &rows.features.features;
        let threads = std::thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(MAX_THREADS);
        // perpetual takes it for granted that its threads can be made.
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|_| out_of_memory("the threads of boosting"))?;
        // perpetual predicts on rayon's own pool. That there is one already is as well.
        let _ = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global();
        let timeout = rows.until.map(|until| {
            until
                .saturating_duration_since(Instant::now())
                .as_secs_f32()
        });
        let memory = Memory::plan(features, rows.train.len(), rows.memory_mb, self.budget)?;
        Ok(PerpetualBooster::default()
            .set_objective(Objective::SquaredLoss)
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
fn follow(round: &Round, std: f64, tell: &mut dyn FnMut(Told)) {
    const HALF_WAY: f64 = 100.0;
    match round {
        Round::Done { number, loss } => {
            let done = *number as f64;
            tell(Told::Progress(done / (done + HALF_WAY)));
            if *number > 0 && number.is_multiple_of(100) {
                let rmse = loss.sqrt() * std;
                tell(Told::Info(format!(
                    "round {number}: RMSE {rmse:.6} on the training rows"
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
