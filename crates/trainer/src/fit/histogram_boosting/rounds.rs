//! Round by round: a tree for each score, fitted to the gradients of what the ones before say together.

use domain::training_runs::RunError;
use model::{Node, Trees};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

use super::HistogramBoosting;
use super::grower::{Ground, Grower};
use super::objective::Objective;
use crate::fit::TreesFit;
use crate::fit::least_squares::overflowed;

pub(super) struct Boosting<'a, const W: usize> {
    ground: Ground<'a>,
    objective: Objective,
    /// Of each score, what the trees say of the training rows.
    scores: Vec<Vec<f64>>,
    /// One for each score, but no more than there are threads.
    growers: Vec<Grower<W>>,
    fits: Vec<TreesFit>,
    /// Of each score, what its trees take in a file.
    bytes: Vec<usize>,
    learning_rate: f64,
    row_share: f64,
    seed: u64,
    /// Mean and standard deviation of what is learned, which were taken out of it.
    scale: (f64, f64),
}

/// Of a round, which training rows are learned from, and which are not.
struct Drawn {
    rows: Vec<u32>,
    others: Vec<u32>,
}

/// A draw of rows is the first stream of a round, those of its trees follow.
const STREAMS: u64 = 1 + domain::training_runs::MAX_CLASSES as u64;
/// Rows that are worth a thread.
const CHUNK: usize = 1 << 12;

impl<'a, const W: usize> Boosting<'a, W> {
    pub(super) fn new(
        boosting: &HistogramBoosting,
        ground: Ground<'a>,
        objective: Objective,
        scale: (f64, f64),
        threads: usize,
    ) -> Self {
        let rows = objective.rows();
        let bases = objective.bases();
        let side_by_side = threads.min(bases.len());
        let helpers = threads - side_by_side;
        let fit = |base: &f64| TreesFit {
            trees: Trees {
                base: base * scale.1 + scale.0,
                trees: Vec::new(),
            },
            gains: vec![(0.0, 0); ground.columns.len()],
        };
        Self {
            ground,
            scores: bases.iter().map(|&base| vec![base; rows]).collect(),
            growers: (0..side_by_side)
                .map(|_| Grower::new(ground, rows, helpers))
                .collect(),
            fits: bases.iter().map(fit).collect(),
            bytes: vec![0; bases.len()],
            objective,
            learning_rate: boosting.learning_rate,
            row_share: boosting.row_share,
            seed: boosting.seed,
            scale,
        }
    }

    pub(super) fn scores(&self) -> usize {
        self.scores.len()
    }

    /// Says whether nothing is left to learn. Uses the pool of threads that it is called in.
    pub(super) fn round(&mut self, round: u64) -> bool {
        let drawn = self.draw(round);
        let levels = self.objective.levels(&self.scores);
        let side_by_side = self.growers.len();
        let mut is_over = true;
        for first in (0..self.scores.len()).step_by(side_by_side) {
            let scores = self.scores[first..].par_iter_mut().take(side_by_side);
            let fits = self.fits[first..]
                .par_iter_mut()
                .zip(&mut self.bytes[first..]);
            let growers = self.growers.par_iter_mut();
            let (ground, objective) = (self.ground, &self.objective);
            let (learning_rate, std) = (self.learning_rate, self.scale.1);
            let stream = |place: usize| random(self.seed, round * STREAMS + 1 + place as u64);
            let are_split = growers.zip(scores).zip(fits).enumerate();
            let are_split = are_split.map(|(place, ((grower, scores), (fit, bytes)))| {
                let place = first + place;
                let unit = objective.values(place, scores, &levels, &mut grower.values);
                grower.rows.clear();
                match &drawn {
                    None => grower.rows.extend(0..scores.len() as u32),
                    Some(drawn) => grower.rows.extend_from_slice(&drawn.rows),
                }
                let grown = grower.grow(ground, &unit, &mut stream(place));
                if !grown.is_split() {
                    return false;
                }
                for leaf in &grown.leaves {
                    for &row in &grower.rows[leaf.begin..leaf.end] {
                        scores[row as usize] += learning_rate * leaf.value;
                    }
                }
                if let Some(Drawn { others, .. }) = &drawn {
                    let said = others.par_iter().with_min_len(CHUNK);
                    let said = said.map(|&row| grown.says(ground.columns, row));
                    let said: Vec<f64> = said.collect();
                    for (&row, said) in others.iter().zip(said) {
                        scores[row as usize] += learning_rate * said;
                    }
                }
                let tree = grown.tree(ground.columns, learning_rate * std);
                *bytes += tree.bytes();
                fit.trees.trees.push(tree);
                grown.count(&mut fit.gains);
                true
            });
            is_over &= !are_split.reduce(|| false, |one, other| one || other);
        }
        // Other rows or features may tell something apart.
        let is_drawn = drawn.is_some() || self.ground.limits.features < self.ground.columns.len();
        is_over && !is_drawn
    }

    /// None where all rows are learned from.
    fn draw(&self, round: u64) -> Option<Drawn> {
        if self.row_share >= 1.0 {
            return None;
        }
        let mut random = random(self.seed, round * STREAMS);
        let below = (self.row_share * f64::from(u32::MAX)) as u32;
        let rows = 0..self.objective.rows() as u32;
        let (rows, others) = rows.partition(|_| random.next_u32() <= below);
        Some(Drawn { rows, others })
    }

    /// What the trees take in a file.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.iter().sum()
    }

    /// How many trees there are, and how many leaves they have.
    pub(super) fn grown(&self) -> (usize, usize) {
        let trees = || self.fits.iter().flat_map(|fit| &fit.trees.trees);
        let nodes = trees().flat_map(|tree| &tree.nodes);
        let leaves = nodes.filter(|node| matches!(node, Node::Leaf(_)));
        (trees().count(), leaves.count())
    }

    /// # Errors
    /// A tree says what is no number.
    pub(super) fn finish(self) -> Result<Vec<TreesFit>, RunError> {
        let nodes = self.fits.iter().flat_map(|fit| &fit.trees.trees);
        let mut nodes = nodes.flat_map(|tree| &tree.nodes);
        if nodes.any(|node| matches!(node, Node::Leaf(value) if !value.is_finite())) {
            return Err(overflowed());
        }
        Ok(self.fits)
    }
}

fn random(seed: u64, stream: u64) -> ChaCha20Rng {
    let mut random = ChaCha20Rng::seed_from_u64(seed);
    random.set_stream(stream);
    random
}
