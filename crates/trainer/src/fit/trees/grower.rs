//! One tree, from its root down: each node is split where that gains most, over the bins of its rows.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::goal::{Goal, Sums};
use crate::fit::bins::{Bins, Column, MISSING};
use crate::fit::draw::below;

/// How far a tree grows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) depth: u32,
    /// Different training rows of a leaf, at least.
    pub(super) leaf_rows: u32,
    /// How many features the best split of a node is looked for in, drawn anew each time.
    pub(super) features: usize,
}

/// Its nodes in the order of a walk that goes left first.
pub(super) struct Grown {
    pub(super) nodes: Vec<GrownNode>,
    /// What the leaves say, one behind the other, [`Goal::scores`] numbers each.
    pub(super) answers: Vec<f64>,
}

pub(super) enum GrownNode {
    /// Where among the answers its own begins.
    Leaf(usize),
    Split(Branch),
}

/// The left branch is the node that follows.
pub(super) struct Branch {
    pub(super) feature: usize,
    /// The last bin that goes left.
    pub(super) cut: u8,
    pub(super) missing_left: bool,
    /// Place of the right branch.
    pub(super) right: usize,
    pub(super) gain: f64,
}

/// What is gained by rounding alone, for each row.
const NOTHING: f64 = 1e-12;

/// A node that is still to be made: its rows, and the split whose right branch it is.
struct Open {
    begin: usize,
    end: usize,
    depth: u32,
    parent: Option<usize>,
}

pub(super) struct Grower<'a> {
    bins: &'a Bins,
    goal: &'a Goal,
    limits: Limits,
    /// How often each training row was drawn.
    drawn: Vec<u32>,
    /// The rows that were, so that those of a node stand together.
    rows: Vec<u32>,
    aside: Vec<u32>,
    /// Places of the features, in no order but at the beginning.
    features: Vec<usize>,
    random: Option<ChaCha20Rng>,
    histogram: Histogram,
}

/// The rows of a node, bin by bin.
struct Histogram {
    rows: Vec<u32>,
    sums: Vec<f64>,
    /// Of the bins up to a cut.
    past: Vec<f64>,
    /// Of the rows to the left of a cut, and to its right.
    left: Vec<f64>,
    right: Vec<f64>,
}

impl<'a> Grower<'a> {
    /// `draw` is the seed of the forest and the tree's place in it: rows are drawn as many times as there are rows, and features
    /// for every split. Without one, every row is taken once, and every feature looked at.
    pub(super) fn new(
        bins: &'a Bins,
        goal: &'a Goal,
        limits: Limits,
        draw: Option<(u64, u64)>,
    ) -> Self {
        let count = goal.rows();
        let mut random = draw.map(|(seed, place)| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&seed.to_le_bytes());
            key[8..16].copy_from_slice(&place.to_le_bytes());
            ChaCha20Rng::from_seed(key)
        });
        let drawn = match &mut random {
            None => vec![1; count],
            Some(random) => {
                let mut drawn = vec![0; count];
                for _ in 0..count {
                    drawn[below(random, count)] += 1;
                }
                drawn
            }
        };
        let rows: Vec<u32> = (0..count as u32)
            .filter(|&row| drawn[row as usize] > 0)
            .collect();
        let width = goal.width();
        Self {
            bins,
            goal,
            limits,
            aside: Vec::with_capacity(rows.len()),
            rows,
            drawn,
            features: (0..bins.0.len()).collect(),
            random,
            histogram: Histogram {
                rows: vec![0; usize::from(MISSING) + 1],
                sums: vec![0.0; (usize::from(MISSING) + 1) * width],
                past: vec![0.0; width],
                left: vec![0.0; width],
                right: vec![0.0; width],
            },
        }
    }

    pub(super) fn grow(mut self) -> Grown {
        let mut nodes: Vec<GrownNode> = Vec::new();
        let mut answers = Vec::new();
        let mut open = vec![Open {
            begin: 0,
            end: self.rows.len(),
            depth: 0,
            parent: None,
        }];
        while let Some(Open {
            begin,
            end,
            depth,
            parent,
        }) = open.pop()
        {
            let place = nodes.len();
            if let Some(GrownNode::Split(branch)) =
                parent.and_then(|parent: usize| nodes.get_mut(parent))
            {
                branch.right = place;
            }
            let (sums, is_same) = self.goal.total(&self.rows[begin..end], &self.drawn);
            let best = if is_same || depth == self.limits.depth {
                None
            } else {
                self.best(begin, end, &sums)
            };
            let Some(branch) = best else {
                nodes.push(GrownNode::Leaf(answers.len()));
                let rows = &self.rows[begin..end];
                self.goal.answer(rows, &self.drawn, &sums, &mut answers);
                continue;
            };
            let middle = begin + self.part(begin, end, &branch);
            nodes.push(GrownNode::Split(branch));
            open.push(Open {
                begin: middle,
                end,
                depth: depth + 1,
                parent: Some(place),
            });
            open.push(Open {
                begin,
                end: middle,
                depth: depth + 1,
                parent: None,
            });
        }
        Grown { nodes, answers }
    }

    /// The split that gains most among those of some features: as many as the limits say, and more until there is one.
    fn best(&mut self, begin: usize, end: usize, total: &Sums) -> Option<Branch> {
        let rows = &self.rows[begin..end];
        if rows.len() < 2 * self.limits.leaf_rows as usize {
            return None;
        }
        let alike = self.goal.likeness(total);
        let mut best: Option<Branch> = None;
        for looked in 0..self.features.len() {
            if looked >= self.limits.features && best.is_some() {
                break;
            }
            if let Some(random) = &mut self.random {
                let other = looked + below(random, self.features.len() - looked);
                self.features.swap(looked, other);
            }
            let feature = self.features[looked];
            let column = &self.bins.0[feature];
            self.histogram.fill(self.goal, column, rows, &self.drawn);
            let found = self
                .histogram
                .best(self.goal, column.bins(), total, self.limits.leaf_rows);
            self.histogram.clear();
            let Some(found) = found else {
                continue;
            };
            let gain = found.likeness - alike;
            if best.as_ref().is_none_or(|best| gain > best.gain) {
                best = Some(Branch {
                    feature,
                    cut: found.cut,
                    missing_left: found.missing_left,
                    right: 0,
                    gain,
                });
            }
        }
        best
    }

    /// Puts the rows that go left before the others, and says how many they are. Their order stays what it is otherwise.
    fn part(&mut self, begin: usize, end: usize, branch: &Branch) -> usize {
        let codes = &self.bins.0[branch.feature].codes;
        let rows = &mut self.rows[begin..end];
        self.aside.clear();
        let mut left = 0;
        for place in 0..rows.len() {
            let row = rows[place];
            let is_left = match codes[row as usize] {
                MISSING => branch.missing_left,
                bin => bin <= branch.cut,
            };
            if is_left {
                rows[left] = row;
                left += 1;
            } else {
                self.aside.push(row);
            }
        }
        rows[left..].copy_from_slice(&self.aside);
        left
    }
}

/// The best split of a feature.
struct Found {
    cut: u8,
    missing_left: bool,
    /// Rows to its left.
    left_rows: u32,
    /// Of both sides together.
    likeness: f64,
}

impl Histogram {
    fn fill(&mut self, goal: &Goal, column: &Column, rows: &[u32], drawn: &[u32]) {
        for &row in rows {
            self.rows[usize::from(column.codes[row as usize])] += 1;
        }
        goal.add(rows, drawn, &column.codes, &mut self.sums);
    }

    fn clear(&mut self) {
        let width = self.left.len();
        for (rows, sums) in self.rows.iter_mut().zip(self.sums.chunks_mut(width)) {
            if *rows > 0 {
                *rows = 0;
                sums.fill(0.0);
            }
        }
    }

    /// Tries every cut between two bins that have rows, with the missing values on either side, and the cut that parts these from
    /// all others.
    fn best(&mut self, goal: &Goal, bins: usize, total: &Sums, leaf_rows: u32) -> Option<Found> {
        let width = self.left.len();
        let all: u32 = self.rows.iter().sum();
        let missing = self.rows[usize::from(MISSING)];
        let mut best = Found {
            cut: 0,
            missing_left: false,
            left_rows: 0,
            likeness: goal.likeness(total) + NOTHING * goal.weight(total),
        };
        let mut left_rows = 0;
        // The last bin that has rows.
        let mut before = None;
        self.past.fill(0.0);
        for bin in 0..bins {
            if self.rows[bin] == 0 {
                continue;
            }
            if let Some(before) = before {
                // In the middle of the bins between, which have no rows.
                let cut = ((before + bin - 1) / 2) as u8;
                for missing_left in [false, true] {
                    let aside = if missing_left { missing } else { 0 };
                    let left_rows = left_rows + aside;
                    let is_told = missing > 0 || !missing_left;
                    if is_told && left_rows >= leaf_rows && all - left_rows >= leaf_rows {
                        let likeness = self.parted(goal, total, missing_left);
                        if likeness > best.likeness {
                            best = Found {
                                cut,
                                missing_left,
                                left_rows,
                                likeness,
                            };
                        }
                    }
                }
            }
            left_rows += self.rows[bin];
            for (sum, more) in self.past.iter_mut().zip(&self.sums[bin * width..]) {
                *sum += more;
            }
            before = Some(bin);
        }
        if left_rows >= leaf_rows && missing >= leaf_rows {
            let likeness = self.parted(goal, total, false);
            if likeness > best.likeness {
                best = Found {
                    cut: (bins - 1) as u8,
                    missing_left: false,
                    left_rows,
                    likeness,
                };
            }
        }
        if missing == 0 {
            // Nobody knows where they belong: with the most.
            best.missing_left = best.left_rows >= all - best.left_rows;
        }
        (best.left_rows > 0).then_some(best)
    }

    /// How alike the rows are on either side of the bins that have been gone past.
    fn parted(&mut self, goal: &Goal, total: &Sums, missing_left: bool) -> f64 {
        let missing = &self.sums[usize::from(MISSING) * self.left.len()..];
        for (place, past) in self.past.iter().enumerate() {
            let aside = if missing_left { missing[place] } else { 0.0 };
            self.left[place] = past + aside;
            self.right[place] = total[place] - self.left[place];
        }
        goal.likeness(&self.left) + goal.likeness(&self.right)
    }
}
