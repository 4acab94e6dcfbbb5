//! One tree, leaf by leaf: the one whose split gains most is split next.

use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;

use super::histogram::{BINS, Histogram, empty, fill, subtract};
use super::matrix::Matrix;
use super::split::{Branch, Search};
use super::sums::{Lanes, Unit, add, take};
use crate::fit::bins::Column;
use crate::fit::draw::below;

/// How far a tree grows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) leaves: usize,
    /// Training rows of a leaf, at least.
    pub(super) leaf_rows: u32,
    pub(super) penalty: f64,
    /// How many features the best split of a node is looked for in, drawn anew each time.
    pub(super) features: usize,
    /// How many histograms of leaves are kept at most.
    pub(super) histograms: usize,
}

pub(super) struct Grown<const W: usize> {
    /// The root is the first; branches stand behind their splits.
    pub(super) nodes: Vec<GrownNode<W>>,
    pub(super) leaves: Vec<Leaf>,
}

pub(super) enum GrownNode<const W: usize> {
    /// What it says, at the full step.
    Leaf(f64),
    Split {
        branch: Branch<W>,
        left: usize,
        right: usize,
    },
}

/// Where among the grower's rows those of a leaf begin and end, and what it says of them.
pub(super) struct Leaf {
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) value: f64,
}

/// A leaf that may be split.
struct Open<const W: usize> {
    begin: usize,
    end: usize,
    /// Its place among the nodes.
    node: usize,
    sums: Lanes<W>,
    histogram: Option<Histogram<W>>,
    best: Option<Branch<W>>,
}

/// Rows that are worth another thread to be parted.
const WORTH: usize = 1 << 15;
/// Features that are worth other threads to be looked at.
const WIDE: usize = 64;

/// What every tree grows from.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) columns: &'a [Column],
    pub(super) matrix: &'a Matrix,
    pub(super) limits: Limits,
}

/// What growing takes, from tree to tree.
pub(super) struct Grower<const W: usize> {
    /// The rows that are learned from, so that those of a leaf stand together.
    pub(super) rows: Vec<u32>,
    aside: Vec<u32>,
    /// What every training row adds.
    pub(super) values: Vec<Lanes<W>>,
    /// Histograms that nobody needs.
    free: Vec<Histogram<W>>,
    /// How many there are, those of leaves among them.
    made: usize,
    /// Of threads that help, all of them empty.
    spare: Vec<Histogram<W>>,
    features: Vec<usize>,
    /// See [`Search::noise`].
    noise: f64,
}

impl<const W: usize> Grower<W> {
    pub(super) fn new(ground: Ground<'_>, rows: usize, helpers: usize) -> Self {
        Self {
            rows: Vec::with_capacity(rows),
            aside: vec![0; rows],
            values: vec![[0; W]; rows],
            free: Vec::new(),
            made: 0,
            spare: (0..helpers).map(|_| empty(ground.matrix)).collect(),
            features: (0..ground.columns.len()).collect(),
            noise: 0.0,
        }
    }

    /// Of the rows that are there; where there are no categories, nobody asks.
    fn noise(&self, ground: Ground<'_>, unit: &Unit) -> f64 {
        if !ground.columns.iter().any(Column::is_categorical) {
            return 0.0;
        }
        let (mut squares, mut curvature) = (0.0, 0.0);
        for &row in &self.rows {
            let row = unit.read(&self.values[row as usize]);
            squares += row.gradient * row.gradient;
            curvature += row.curvature;
        }
        if curvature > 0.0 {
            squares / curvature
        } else {
            0.0
        }
    }

    /// From the rows that are there. What is drawn is drawn from `random`.
    pub(super) fn grow(
        &mut self,
        ground: Ground<'_>,
        unit: &Unit,
        random: &mut ChaCha20Rng,
    ) -> Grown<W> {
        let limits = ground.limits;
        let mut sums = [0; W];
        for &row in &self.rows {
            add(&mut sums, &self.values[row as usize]);
        }
        self.noise = self.noise(ground, unit);
        // What is drawn goes by the tree, not by the ones that were grown here before.
        self.features.sort_unstable();
        let mut root = Open {
            begin: 0,
            end: self.rows.len(),
            node: 0,
            sums,
            histogram: None,
            best: None,
        };
        if root.is_large(limits) && limits.leaves > 1 {
            root.histogram = Some(self.filled(ground, &root, &mut []));
            let features = self.draw(limits, random);
            root.best = root.look(ground, (unit, self.noise), &features);
        }
        let mut nodes = vec![GrownNode::Leaf(0.0)];
        let mut open = vec![root];
        while open.len() < limits.leaves {
            let gains = open.iter().enumerate();
            let gains = gains.filter_map(|(place, leaf)| Some((place, leaf.best.as_ref()?.gain)));
            let best = gains.reduce(|best, next| if next.1 > best.1 { next } else { best });
            let Some((place, _)) = best else {
                break;
            };
            let mut parent = open.swap_remove(place);
            let Some(branch) = parent.best.take() else {
                break;
            };
            let (left, right) = (nodes.len(), nodes.len() + 1);
            let middle = parent.begin + self.part(ground, &parent, &branch);
            let mut others = parent.sums;
            take(&mut others, &branch.sums);
            let leaf = |begin, end, node, sums| Open {
                begin,
                end,
                node,
                sums,
                histogram: None,
                best: None,
            };
            let mut branches = [
                leaf(parent.begin, middle, left, branch.sums),
                leaf(middle, parent.end, right, others),
            ];
            // Nobody asks how the last ones could be split.
            if open.len() + 2 < limits.leaves {
                let features = [self.draw(limits, random), self.draw(limits, random)];
                let of_parent = parent.histogram.take();
                self.look(
                    ground,
                    unit,
                    of_parent,
                    (&mut branches, &features),
                    &mut open,
                );
            }
            self.free.extend(parent.histogram);
            nodes[parent.node] = GrownNode::Split {
                branch,
                left,
                right,
            };
            nodes.extend([GrownNode::Leaf(0.0), GrownNode::Leaf(0.0)]);
            open.extend(branches);
        }
        let mut leaves = Vec::with_capacity(open.len());
        for leaf in open {
            let sums = unit.read(&leaf.sums);
            let value = -sums.gradient / (sums.curvature + limits.penalty);
            nodes[leaf.node] = GrownNode::Leaf(value);
            leaves.push(Leaf {
                begin: leaf.begin,
                end: leaf.end,
                value,
            });
            self.free.extend(leaf.histogram);
        }
        Grown { nodes, leaves }
    }

    /// Finds the best splits of two branches. The rows of the smaller one are added up; what the larger one has is what is left of
    /// their parent's.
    fn look(
        &mut self,
        ground: Ground<'_>,
        unit: &Unit,
        of_parent: Option<Histogram<W>>,
        (branches, features): (&mut [Open<W>; 2], &[Vec<usize>; 2]),
        open: &mut [Open<W>],
    ) {
        let [left, right] = branches;
        let [of_left, of_right] = features;
        let (smaller, larger) = if left.end - left.begin <= right.end - right.begin {
            ((left, of_left), (right, of_right))
        } else {
            ((right, of_right), (left, of_left))
        };
        let ((smaller, of_smaller), (larger, of_larger)) = (smaller, larger);
        if !larger.is_large(ground.limits) {
            self.free.extend(of_parent);
            return;
        }
        let own = self.filled(ground, smaller, open);
        let (of_rest, is_parents) = match of_parent {
            Some(of_parent) => (of_parent, true),
            None => (self.filled(ground, larger, open), false),
        };
        smaller.histogram = Some(own);
        larger.histogram = Some(of_rest);
        let is_looked_at = smaller.is_large(ground.limits);
        let own = &*smaller;
        let unit = (unit, self.noise);
        let (best, best_of_larger) = rayon::join(
            || own.look(ground, unit, of_smaller).filter(|_| is_looked_at),
            || {
                if let (true, Some(rest), Some(own)) =
                    (is_parents, &mut larger.histogram, &own.histogram)
                {
                    subtract(rest, own);
                }
                larger.look(ground, unit, of_larger)
            },
        );
        smaller.best = best;
        larger.best = best_of_larger;
        // What is not split needs none.
        for leaf in [smaller, larger] {
            if leaf.best.is_none() {
                self.free.extend(leaf.histogram.take());
            }
        }
    }

    /// What the rows of a leaf add up to. Where there are as many histograms as there may be, the leaf of `open` that gains least
    /// goes without.
    fn filled(&mut self, ground: Ground<'_>, leaf: &Open<W>, open: &mut [Open<W>]) -> Histogram<W> {
        if self.free.is_empty() && self.made >= ground.limits.histograms {
            let gain = |leaf: &Open<W>| leaf.best.as_ref().map_or(0.0, |best| best.gain);
            let least = open.iter_mut().filter(|leaf| leaf.histogram.is_some());
            let least = least.min_by(|a, b| gain(a).total_cmp(&gain(b)));
            self.free
                .extend(least.and_then(|leaf| leaf.histogram.take()));
        }
        let mut histogram = if let Some(mut used) = self.free.pop() {
            used.fill([[0; W]; BINS]);
            used
        } else {
            self.made += 1;
            empty(ground.matrix)
        };
        let rows = &self.rows[leaf.begin..leaf.end];
        fill(
            &mut histogram,
            ground.matrix,
            rows,
            &self.values,
            &mut self.spare,
        );
        histogram
    }

    /// The features that are looked at: all, or some.
    fn draw(&mut self, limits: Limits, random: &mut ChaCha20Rng) -> Vec<usize> {
        let count = self.features.len();
        if limits.features < count {
            for place in 0..limits.features {
                let other = place + below(random, count - place);
                self.features.swap(place, other);
            }
        }
        self.features[..limits.features.min(count)].to_vec()
    }

    /// Puts the rows that go left before the others, and says how many they are.
    fn part(&mut self, ground: Ground<'_>, leaf: &Open<W>, branch: &Branch<W>) -> usize {
        let codes = &ground.columns[branch.feature].codes;
        let mut is_left = [false; 256];
        for (bin, is_left) in (0..=u8::MAX).zip(&mut is_left) {
            *is_left = branch.left.has(bin);
        }
        let rows = &mut self.rows[leaf.begin..leaf.end];
        let aside = &mut self.aside[leaf.begin..leaf.end];
        let parts = (rows.len() / WORTH).clamp(1, rayon::current_num_threads());
        let size = rows.len().div_ceil(parts).max(1);
        let chunks = rows.par_chunks_mut(size).zip(aside.par_chunks_mut(size));
        let lefts: Vec<usize> = chunks
            .map(|(rows, aside)| part(rows, aside, codes, &is_left))
            .collect();
        let mut end = 0;
        for (place, &left) in lefts.iter().enumerate() {
            let begin = place * size;
            rows.copy_within(begin..begin + left, end);
            end += left;
        }
        let middle = end;
        for (place, &left) in lefts.iter().enumerate() {
            let begin = place * size;
            let others = size.min(rows.len() - begin) - left;
            rows[end..end + others].copy_from_slice(&aside[begin..begin + others]);
            end += others;
        }
        middle
    }
}

/// Those that go left to the beginning of `rows`, the others to that of `aside`. Says how many go left.
fn part(rows: &mut [u32], aside: &mut [u32], codes: &[u8], is_left: &[bool; 256]) -> usize {
    let (mut left, mut right) = (0, 0);
    for place in 0..rows.len() {
        let row = rows[place];
        let goes_left = usize::from(is_left[usize::from(codes[row as usize])]);
        // Both, since the one that is wrong is written over: that is faster than to choose.
        rows[left] = row;
        aside[right] = row;
        left += goes_left;
        right += 1 - goes_left;
    }
    left
}

impl<const W: usize> Open<W> {
    /// Whether it has rows enough for two.
    fn is_large(&self, limits: Limits) -> bool {
        self.end - self.begin >= 2 * limits.leaf_rows as usize
    }

    /// The best split over these features.
    fn look(
        &self,
        ground: Ground<'_>,
        (unit, noise): (&Unit, f64),
        features: &[usize],
    ) -> Option<Branch<W>> {
        let histogram = self.histogram.as_ref()?;
        let search = Search {
            unit,
            limits: &ground.limits,
            total: self.sums,
            noise,
        };
        let best =
            |&feature: &usize| search.best(feature, &ground.columns[feature], &histogram[feature]);
        if features.len() < WIDE {
            features.iter().filter_map(best).reduce(better)
        } else {
            features.par_iter().filter_map(best).reduce_with(better)
        }
    }
}

/// Of two that gain the same, the one of the first feature.
fn better<const W: usize>(one: Branch<W>, other: Branch<W>) -> Branch<W> {
    let order = one.gain.total_cmp(&other.gain);
    if order.then(other.feature.cmp(&one.feature)).is_lt() {
        other
    } else {
        one
    }
}
