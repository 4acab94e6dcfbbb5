//! Gradient boosting of trees that grow leaf by leaf over histograms (Ke and others, 2017; Chen and Guestrin, 2016): as many trees as
//! asked for, each fitted to the gradients of the loss, and leaves by a step of Newton's method.
//!
//! Gradients are rounded to whole numbers, finely enough for no split to notice, and bins add these up. Such sums are the same in
//! whatever order rows are added, so neither the threads nor taking a histogram from another one change a digit of a model.

mod grower;
mod grown;
mod histogram;
mod matrix;
mod objective;
mod rounds;
mod split;
mod sums;

use std::time::Instant;

use domain::training_runs::RunError;
use model::{Link, MAX_TREES};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::bins::Bins;
use super::order::Order;
use super::trees::room;
use super::{Fit, Fits, Fitted, Rows, Told, TreesFit, threads};
use crate::failure::{failure, out_of_memory};
use grower::{Ground, Limits};
use matrix::Matrix;
use objective::Objective;
use rounds::Boosting;

pub(super) struct HistogramBoosting {
    pub(super) trees: usize,
    /// Of what a tree says, what is added.
    pub(super) learning_rate: f64,
    pub(super) max_leaves: usize,
    pub(super) min_leaf_rows: u32,
    /// What every leaf's curvature is taken to have more.
    pub(super) penalty: f64,
    /// 0 to 1.
    pub(super) row_share: f64,
    /// 0 to 1.
    pub(super) feature_share: f64,
    /// What rows and features are drawn by, where not all are taken.
    pub(super) seed: u64,
}

/// Of a small table, the share of the training rows that is enough for a leaf.
const LEAF_SHARE: usize = 10;
/// Of the fit, what is done once the values are in their bins.
const BINNED: f64 = 0.05;
/// With fewer rows, the sum of their gradients and how many they are fit into one number.
const FEW: usize = 1 << 22;
/// With fewer rows, the sum of their curvatures and how many they are do.
const MANY: usize = 1 << 24;

impl Fit for HistogramBoosting {
    fn fit(&self, rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Fitted, RunError> {
        let objective = Objective::of(rows);
        match (&objective, rows.train.len()) {
            (Objective::Squares(_), 0..FEW) => self.grow::<1>(rows, objective, tell),
            (_, 0..MANY) => self.grow::<2>(rows, objective, tell),
            _ => self.grow::<3>(rows, objective, tell),
        }
    }
}

impl HistogramBoosting {
    fn grow<const W: usize>(
        &self,
        rows: &Rows<'_>,
        objective: Objective,
        tell: &mut dyn FnMut(Told),
    ) -> Result<Fitted, RunError> {
        let threads = threads();
        let histograms = self.check_memory::<W>(rows, objective.scores(), threads)?;
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|_| out_of_memory("the threads that trees are grown on"))?;
        // The order matters for categories that share a bin alone: each node has its own.
        let orders = match rows.classes {
            None => Order::of_all(rows, |row| rows.target[row as usize], rows.scale.0),
            Some(classes) => Order::of_classes(rows, classes),
        };
        let bins = pool.install(|| Bins::of(rows, orders));
        let matrix = pool.install(|| Matrix::of(&bins.0, rows.train.len()));
        tell(Told::Progress(BINNED));
        let limits = self.limits(rows, histograms, tell);
        let ground = Ground {
            columns: &bins.0,
            matrix: &matrix,
            limits,
        };
        let scale = match rows.classes {
            None => rows.scale,
            Some(_) => (0.0, 1.0),
        };
        let boosting = Boosting::<W>::new(self, ground, objective, scale, threads);
        let trees = self.rounds(boosting.scores(), tell);
        let until = Until {
            trees,
            time: rows.until,
            room: room(rows.memory_mb),
        };
        let mut fits = boost(boosting, until, &pool, tell)?;
        let is_split = |fit: &TreesFit| fit.gains.iter().any(|(_, splits)| *splits > 0);
        if !fits.iter().any(is_split) {
            return Err(failure(
                "invalid_features",
                format!(
                    "no split that leaves {} training rows on either side tells anything apart",
                    limits.leaf_rows
                ),
                "Lower params.min_leaf_rows, choose other features, or add rows.",
            ));
        }
        Ok(match rows.classes {
            None => Fitted::Trees(fits.swap_remove(0)),
            Some(2) => Fitted::Classes(Link::Logistic, Fits::Trees(fits)),
            Some(_) => Fitted::Classes(Link::Softmax, Fits::Trees(fits)),
        })
    }

    /// How many histograms of nodes there is room for: they are kept for the nodes that grow out of theirs.
    fn check_memory<const W: usize>(
        &self,
        rows: &Rows<'_>,
        scores: usize,
        threads: usize,
    ) -> Result<usize, RunError> {
        let count = rows.train.len() as f64;
        let features = rows.features.features.len();
        // Trees of several classes grow side by side.
        let side_by_side = threads.min(scores) as f64;
        let lanes = (W * size_of::<i64>()) as f64;
        // The bins, twice; the scores and the target; of each tree that grows where rows stand, and what they add.
        let own = 2.0 * features as f64 + 8.0 * (scores as f64 + 2.0);
        let bytes = count * (own + side_by_side * (8.0 + 2.0 * lanes));
        let histogram = histogram::bytes::<W>(features) as f64;
        let half = f64::from(rows.memory_mb) * f64::from(1 << 20) / 2.0;
        // Each thread fills one of its own, too.
        let room = (half - bytes) / histogram - threads as f64;
        let each = (room / side_by_side).floor();
        if each < 3.0 {
            let least = bytes + (3.0 * side_by_side + threads as f64) * histogram;
            return Err(out_of_memory(&format!(
                "boosting trees on {features} columns in {} rows, which takes {:.0} MB",
                rows.train.len(),
                least / 0.5e6
            )));
        }
        Ok((each as usize).min(self.max_leaves + 1))
    }

    fn limits(&self, rows: &Rows<'_>, histograms: usize, tell: &mut dyn FnMut(Told)) -> Limits {
        let enough = (rows.train.len() / LEAF_SHARE).max(1) as u32;
        let leaf_rows = self.min_leaf_rows.min(enough);
        if leaf_rows < self.min_leaf_rows {
            tell(Told::Info(format!(
                "a leaf takes {leaf_rows} training rows or more, a tenth of all"
            )));
        }
        let features = rows.features.features.len();
        let looked_at = (self.feature_share * features as f64).round() as usize;
        Limits {
            leaves: self.max_leaves,
            leaf_rows,
            penalty: self.penalty,
            features: looked_at.clamp(1, features.max(1)),
            histograms,
        }
    }

    /// How many trees each score gets.
    fn rounds(&self, scores: usize, tell: &mut dyn FnMut(Told)) -> usize {
        let trees = self.trees.min(MAX_TREES / scores);
        if trees < self.trees {
            tell(Told::Warn(format!(
                "grows {trees} trees, not {}: each of {scores} classes takes as many, and a model has {MAX_TREES} at most",
                self.trees
            )));
        }
        trees
    }
}

/// What ends the rounds, if nothing else does.
struct Until {
    trees: usize,
    time: Option<Instant>,
    /// Bytes that the trees may take in a file.
    room: f64,
}

/// Round by round.
fn boost<const W: usize>(
    mut boosting: Boosting<'_, W>,
    Until { trees, time, room }: Until,
    pool: &ThreadPool,
    tell: &mut dyn FnMut(Told),
) -> Result<Vec<TreesFit>, RunError> {
    for round in 0..trees {
        if round > 0 && time.is_some_and(|time| Instant::now() > time) {
            tell(Told::Warn(format!(
                "growing ended early, after {round} of {trees} trees, since its time is over: raise budget.seconds"
            )));
            break;
        }
        let bytes = boosting.bytes() as f64;
        if round > 0 && bytes * (round + 1) as f64 / round as f64 > room {
            tell(Told::Warn(format!(
                "growing ended early, after {round} of {trees} trees, since they take {:.0} MB, and there is room for {:.0} MB: lower \
                 params.max_leaves, or raise budget.memory_mb",
                bytes / 1e6,
                room / 1e6
            )));
            break;
        }
        let is_over = pool.install(|| boosting.round(round as u64));
        let done = (round + 1) as f64 / trees as f64;
        tell(Told::Progress(BINNED + (1.0 - BINNED) * done));
        if is_over {
            tell(Told::Info(format!(
                "nothing was left to learn after {round} of {trees} trees"
            )));
            break;
        }
    }
    let (count, leaves) = boosting.grown();
    tell(Told::Info(match count {
        1 => format!("grew a tree with {leaves} leaves"),
        _ => format!("grew {count} trees with {leaves} leaves"),
    }));
    boosting.finish()
}
