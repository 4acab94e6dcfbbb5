//! Decision trees: one of them, or a forest. They are grown by our own code: linfa-trees has no regression, and takes neither
//! missing values nor categories.
//!
//! A split parts the bins of a feature's values, at most 255 of numbers, or the categories in an order of what the target is in
//! them. A missing value goes to the side where it fits best. Each tree of a forest learns from as many rows as there are, drawn
//! with replacement, and looks for each split in some of the features, drawn anew; what the trees say is averaged. Which rows and
//! features are drawn depends on the seed and the tree's place alone, so the threads that trees are grown on do not matter.

mod goal;
mod grower;
mod stand;

use std::ops::Range;
use std::sync::mpsc;
use std::time::Instant;

use domain::training_runs::RunError;
use model::{Link, MAX_BYTES, MAX_TREES, Node, Tree, Trees};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::bins::Bins;
use super::least_squares::overflowed;
use super::order::Order;
use super::{Fit, Fits, Fitted, Rows, Told, TreesFit, threads};
use crate::failure::{failure, out_of_memory};
use goal::Goal;
use grower::{Grower, Limits};
use stand::Stand;

pub(super) struct Forest {
    pub(super) trees: usize,
    pub(super) max_depth: u32,
    pub(super) min_leaf_rows: u32,
    /// 0 to 1.
    pub(super) feature_share: f64,
    /// What rows and features are drawn by. Without one there is a single tree, which learns from every row and looks at every
    /// feature.
    pub(super) seed: Option<u64>,
}

/// Of a small table, the share of the training rows that is enough for a leaf.
const LEAF_SHARE: usize = 10;
/// Trees whose size tells how large all of them will be.
const FIRST: usize = 4;
/// Of the largest file, what the trees may take: not all are as large as the first ones, and there is a header.
const ROOM: f64 = 0.9;
/// How many times their size in a file trees take in memory until they are packed.
const COPIES: f64 = 12.0;
/// Rows of the classes' shares that the leaf of a single tree is taken to have beside its own.
const SMOOTHING: f64 = 2.0;
/// Of the fit, what is done once the values are in their bins.
const BINNED: f64 = 0.05;

impl Fit for Forest {
    fn fit(&self, rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Fitted, RunError> {
        self.check_memory(rows)?;
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads())
            .build()
            .map_err(|_| out_of_memory("the threads that trees are grown on"))?;
        let goal = Goal::of(rows, if self.seed.is_none() { SMOOTHING } else { 0.0 });
        let orders = match rows.classes {
            None => Order::of_all(rows, |row| rows.target[row as usize], rows.scale.0),
            Some(classes) => Order::of_classes(rows, classes),
        };
        let bins = pool.install(|| Bins::of(rows, orders));
        tell(Told::Progress(BINNED));
        let ground = Ground {
            pool: &pool,
            bins: &bins,
            goal: &goal,
            seed: self.seed,
            until: rows.until,
        };
        let limits = self.limits(rows, tell);
        let stands = self.plant(&ground, limits, room(rows.memory_mb), tell)?;
        let leaves: usize = stands.iter().map(Stand::leaves).sum();
        tell(Told::Info(match stands.len() {
            1 => format!("grew a tree with {leaves} leaves"),
            trees => format!("grew {trees} trees with {leaves} leaves"),
        }));
        let mut fits = self.average(stands, &goal)?;
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
            Some(_) => Fitted::Classes(Link::Shares, Fits::Trees(fits)),
        })
    }
}

/// Bytes that the trees may take in a file.
pub(super) fn room(memory_mb: u32) -> f64 {
    let memory = f64::from(memory_mb) * f64::from(1 << 20) / 2.0;
    (ROOM * MAX_BYTES as f64).min(memory / COPIES)
}

impl Forest {
    fn check_memory(&self, rows: &Rows<'_>) -> Result<(), RunError> {
        let count = rows.train.len() as f64;
        let features = rows.features.features.len();
        let threads = threads().min(self.trees) as f64;
        // The bins and the target; for each thread which rows were drawn and where they stand, and a column to be sorted before.
        let bytes = count * (features as f64 + 17.0) + threads * 20.0 * count;
        if bytes > f64::from(rows.memory_mb) * f64::from(1 << 20) / 2.0 {
            return Err(out_of_memory(&format!(
                "trees of {features} columns in {count} rows, which takes {:.0} MB",
                bytes / 0.5e6
            )));
        }
        Ok(())
    }

    fn limits(&self, rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Limits {
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
            depth: self.max_depth,
            leaf_rows,
            features: looked_at.clamp(1, features.max(1)),
        }
    }

    /// Grows the trees. The first ones tell how large all will be; where that is too large, leaves take more rows.
    fn plant(
        &self,
        ground: &Ground<'_>,
        mut limits: Limits,
        room: f64,
        tell: &mut dyn FnMut(Told),
    ) -> Result<Vec<Stand>, RunError> {
        let scores = ground.goal.scores();
        let trees = self.trees.min(MAX_TREES / scores);
        if trees < self.trees {
            tell(Told::Warn(format!(
                "grows {trees} trees, not {}: each of {scores} classes takes as many, and a model has {MAX_TREES} at most",
                self.trees
            )));
        }
        let first = trees.min(FIRST);
        let asked = limits.leaf_rows;
        let mut would_be = 0.0;
        let mut stands = loop {
            let stands = ground.grow(limits, 0..first, &mut |_| {})?;
            let bytes: usize = stands.iter().map(Stand::bytes).sum();
            let bytes = bytes as f64 * trees as f64 / stands.len().max(1) as f64;
            if bytes <= room {
                break stands;
            }
            would_be = f64::max(would_be, bytes);
            // Leaves of twice the rows are half as many.
            let larger = (f64::from(limits.leaf_rows) * bytes / room).ceil() as u32;
            limits.leaf_rows = larger.max(limits.leaf_rows + 1);
        };
        if limits.leaf_rows > asked {
            tell(Told::Warn(format!(
                "leaves take {} training rows or more, not {asked}: the trees would take {:.0} MB, and there is room for {:.0} MB. \
                 Fewer trees or a smaller max_depth leave room for smaller leaves",
                limits.leaf_rows,
                would_be / 1e6,
                room / 1e6
            )));
        }
        let done = |count: usize| {
            Told::Progress(BINNED + (1.0 - BINNED) * (first + count) as f64 / trees as f64)
        };
        tell(done(0));
        stands.extend(ground.grow(limits, first..trees, &mut |count| tell(done(count)))?);
        if stands.len() < trees {
            tell(Told::Warn(format!(
                "growing ended early, after {} of {trees} trees, since its time is over: raise budget.seconds",
                stands.len()
            )));
        }
        Ok(stands)
    }

    /// What the trees say together, each the same part of it. Beside those of a forest that tells classes apart there is one more
    /// tree, which knows the classes' shares alone, so that no class is impossible.
    fn average(&self, stands: Vec<Stand>, goal: &Goal) -> Result<Vec<TreesFit>, RunError> {
        let shares = goal.shares().filter(|_| self.seed.is_some());
        let parts = (stands.len() + usize::from(shares.is_some())) as f64;
        let features = stands.first().map_or(0, |stand| stand.gains.len());
        let fit = |score: usize| TreesFit {
            trees: Trees {
                base: shares.map_or(0.0, |shares| shares[score] / parts),
                trees: Vec::with_capacity(stands.len()),
            },
            gains: vec![(0.0, 0); features],
        };
        let mut fits: Vec<TreesFit> = (0..goal.scores()).map(fit).collect();
        for stand in stands {
            for (fit, tree) in fits.iter_mut().zip(stand.trees) {
                fit.trees.trees.push(part(tree, parts)?);
            }
            // A split is one for all scores: the first has them.
            let gains = fits.iter_mut().take(1).flat_map(|fit| &mut fit.gains);
            for ((gain, splits), (more, others)) in gains.zip(stand.gains) {
                *gain += more;
                *splits += others;
            }
        }
        Ok(fits)
    }
}

/// A tree that says so many times less.
fn part(mut tree: Tree, parts: f64) -> Result<Tree, RunError> {
    for node in &mut tree.nodes {
        if let Node::Leaf(value) = node {
            *value /= parts;
            if !value.is_finite() {
                return Err(overflowed());
            }
        }
    }
    Ok(tree)
}

/// What trees grow from.
struct Ground<'a> {
    pool: &'a ThreadPool,
    bins: &'a Bins,
    goal: &'a Goal,
    seed: Option<u64>,
    until: Option<Instant>,
}

impl Ground<'_> {
    /// Those of these places, fewer if the time is over, but always that of place 0. `done` hears how many are grown.
    fn grow(
        &self,
        limits: Limits,
        places: Range<usize>,
        done: &mut dyn FnMut(usize),
    ) -> Result<Vec<Stand>, RunError> {
        let (sender, receiver) = mpsc::channel();
        let grown = std::thread::scope(|scope| {
            let growing = std::thread::Builder::new()
                .name("trees".to_owned())
                .spawn_scoped(scope, move || {
                    let trees = places.into_par_iter().map_with(sender, |sender, place| {
                        let stand = self.stand(limits, place)?;
                        // Nobody listens any more: the run is over.
                        let _ = sender.send(());
                        Some(stand)
                    });
                    self.pool.install(|| trees.collect::<Vec<Option<Stand>>>())
                })
                .map_err(|_| out_of_memory("another thread"))?;
            for (count, ()) in (1..).zip(receiver) {
                done(count);
            }
            growing.join().map_err(|_| {
                failure(
                    "internal",
                    "growing trees failed on this table",
                    "Choose another algorithm, such as gradient_boosting, and report the bug with the table if you can.",
                )
            })
        })?;
        Ok(grown.into_iter().flatten().collect())
    }

    fn stand(&self, limits: Limits, place: usize) -> Option<Stand> {
        if place > 0 && self.until.is_some_and(|until| Instant::now() > until) {
            return None;
        }
        let draw = self.seed.map(|seed| (seed, place as u64));
        let grown = Grower::new(self.bins, self.goal, limits, draw).grow();
        Some(Stand::of(&grown, self.bins, self.goal))
    }
}

#[cfg(test)]
mod tests;
