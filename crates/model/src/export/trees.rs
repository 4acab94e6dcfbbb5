//! Trees, those of all scores in one operator. Thresholds and leaves are doubles, so that no row lands on another side.

use onnx::{Data, Op, Tensor, Wire};

use super::Graph;
use super::columns::Column;
use crate::artifact::{Node, Split, Test, Tree, Trees};

/// Of the operator: numbers below the split go to the true side, and members of the set.
const BELOW: u8 = 1;
const MEMBER: u8 = 6;
const SUM: i64 = 1;

/// The lists that the operator has its trees in.
#[derive(Default)]
struct Lists {
    roots: Vec<i64>,
    features: Vec<i64>,
    modes: Vec<u8>,
    splits: Vec<f64>,
    members: Vec<f64>,
    missing: Vec<i64>,
    /// Where the sides lead to, and whether that is a leaf: the true one, and the other.
    sides: [Vec<i64>; 2],
    are_leaves: [Vec<i64>; 2],
    targets: Vec<i64>,
    weights: Vec<f64>,
}

/// A split as the operator has it.
struct Question {
    mode: u8,
    split: f64,
    missing_first: bool,
    /// Whether what goes left here goes to the other side there.
    is_turned: bool,
}

impl Graph<'_> {
    /// `[rows, scores]`
    pub(super) fn trees(&mut self, scores: &[&Trees]) -> Wire {
        let features = (0..self.columns.len()).map(|place| self.compared(place));
        let features = features.collect();
        let features = self.beside(features);

        let mut lists = Lists::default();
        for (target, trees) in scores.iter().enumerate() {
            for tree in &trees.trees {
                lists.tree(tree, target as i64, &self.columns);
            }
            if trees.trees.is_empty() {
                lists.constant(0.0, target as i64);
            }
        }
        let sums = self.draft.add(lists.op(scores.len()), &[&features]);
        let base = scores.iter().map(|trees| trees.base).collect();
        let base = self.numbers(&[1, scores.len()], base);
        self.draft.add(Op::new("Add"), &[&sums, &base])
    }
}

impl Lists {
    fn tree(&mut self, tree: &Tree, target: i64, columns: &[Column]) {
        if let Some(Node::Leaf(value)) = tree.nodes.first() {
            self.constant(*value, target);
            return;
        }
        // Where each node comes to stand among the splits or among the leaves.
        let (mut split, mut leaf) = (self.splits.len() as i64, self.weights.len() as i64);
        self.roots.push(split);
        let places: Vec<(i64, i64)> = tree
            .nodes
            .iter()
            .map(|node| {
                let (next, is_leaf) = match node {
                    Node::Leaf(_) => (&mut leaf, 1),
                    Node::Split(_) => (&mut split, 0),
                };
                *next += 1;
                (*next - 1, is_leaf)
            })
            .collect();
        for (place, node) in tree.nodes.iter().enumerate() {
            match node {
                Node::Leaf(value) => {
                    self.targets.push(target);
                    self.weights.push(*value);
                }
                Node::Split(split) => {
                    let question = self.question(split, columns);
                    let mut sides = [places[place + 1], places[split.right as usize]];
                    if question.is_turned {
                        sides.reverse();
                    }
                    self.split(split.input.into(), &question, sides);
                }
            }
        }
    }

    /// A tree that is a leaf alone: the operator knows splits at least, so both sides say the same.
    fn constant(&mut self, value: f64, target: i64) {
        let leaf = self.weights.len() as i64;
        self.roots.push(self.splits.len() as i64);
        let question = Question {
            mode: BELOW,
            split: 0.0,
            missing_first: false,
            is_turned: false,
        };
        self.split(0, &question, [(leaf, 1), (leaf + 1, 1)]);
        self.targets.extend([target; 2]);
        self.weights.extend([value; 2]);
    }

    fn split(&mut self, feature: i64, question: &Question, sides: [(i64, i64); 2]) {
        self.features.push(feature);
        self.modes.push(question.mode);
        self.splits.push(question.split);
        self.missing.push(question.missing_first.into());
        for (side, (place, is_leaf)) in sides.into_iter().enumerate() {
            self.sides[side].push(place);
            self.are_leaves[side].push(is_leaf);
        }
    }

    fn question(&mut self, split: &Split, columns: &[Column]) -> Question {
        let below = |split: f64, is_turned| Question {
            mode: BELOW,
            split,
            missing_first: false,
            is_turned,
        };
        let column = &columns[split.input as usize];
        let (categories, other) = match &split.test {
            Test::Below(threshold) => {
                return Question {
                    missing_first: split.missing_left,
                    ..below(column.threshold(*threshold), false)
                };
            }
            Test::Among { categories, other } => (categories, *other),
        };
        let known = column.categories;
        let mut goes_left = vec![false; known + 2];
        for &category in categories {
            goes_left[category as usize] = true;
        }
        goes_left[known] = other;
        goes_left[known + 1] = split.missing_left;
        // A range at either end takes one comparison.
        let changes = goes_left.windows(2).filter(|pair| pair[0] != pair[1]);
        if changes.count() < 2 {
            let first = goes_left[0];
            let count = goes_left.iter().take_while(|left| **left == first).count();
            return below(count as f64, !first);
        }
        // The shorter list of the two: each member may take a comparison.
        let left = goes_left.iter().filter(|left| **left).count();
        let is_turned = left * 2 > goes_left.len();
        let members = goes_left.iter().enumerate();
        let members = members.filter(|(_, left)| **left != is_turned);
        self.members.extend(members.map(|(code, _)| code as f64));
        self.members.push(f64::NAN);
        Question {
            mode: MEMBER,
            is_turned,
            ..below(0.0, false)
        }
    }

    fn op(self, targets: usize) -> Op {
        let numbers = |numbers: Vec<f64>| Tensor {
            shape: vec![numbers.len()],
            data: Data::F64(numbers),
        };
        let [yes, no] = self.sides;
        let [yes_leaves, no_leaves] = self.are_leaves;
        let op = Op::ml("TreeEnsemble", 5)
            .int("n_targets", targets as i64)
            .int("aggregate_function", SUM)
            .int("post_transform", 0)
            .ints("tree_roots", self.roots)
            .ints("nodes_featureids", self.features)
            .bytes("nodes_modes", self.modes)
            .tensor("nodes_splits", &numbers(self.splits))
            .ints("nodes_truenodeids", yes)
            .ints("nodes_trueleafs", yes_leaves)
            .ints("nodes_falsenodeids", no)
            .ints("nodes_falseleafs", no_leaves)
            .ints("nodes_missing_value_tracks_true", self.missing)
            .ints("leaf_targetids", self.targets)
            .tensor("leaf_weights", &numbers(self.weights));
        if self.members.is_empty() {
            op
        } else {
            op.tensor("membership_values", &numbers(self.members))
        }
    }
}
