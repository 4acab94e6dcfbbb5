//! From a tree as it grew to the ones that are served, one for each score.

use model::{Node, Split, Tree};

use super::goal::Goal;
use super::grower::{Grown, GrownNode};
use crate::fit::bins::Bins;

/// A tree of the forest.
pub(super) struct Stand {
    /// One for each score.
    pub(super) trees: Vec<Tree>,
    /// Of each feature, what its splits gained together, and how many there are.
    pub(super) gains: Vec<(f64, u64)>,
}

impl Stand {
    pub(super) fn of(grown: &Grown, bins: &Bins, goal: &Goal) -> Self {
        let mut gains = vec![(0.0, 0); bins.0.len()];
        for node in &grown.nodes {
            if let GrownNode::Split(branch) = node {
                let (gain, splits) = &mut gains[branch.feature];
                *gain += branch.gain;
                *splits += 1;
            }
        }
        Self {
            trees: (0..goal.scores())
                .map(|score| tree(grown, bins, score))
                .collect(),
            gains,
        }
    }

    /// What it takes in a file.
    pub(super) fn bytes(&self) -> usize {
        self.trees.iter().map(Tree::bytes).sum()
    }

    pub(super) fn leaves(&self) -> usize {
        let nodes = self.trees.iter().flat_map(|tree| &tree.nodes);
        nodes.filter(|node| matches!(node, Node::Leaf(_))).count()
    }
}

/// Of one score. A branch whose leaves all say the same of it is a leaf: most classes are in few places.
fn tree(grown: &Grown, bins: &Bins, score: usize) -> Tree {
    // What all leaves below a node say. Branches stand behind their split.
    let mut said: Vec<Option<f64>> = vec![None; grown.nodes.len()];
    for (place, node) in grown.nodes.iter().enumerate().rev() {
        said[place] = match node {
            GrownNode::Leaf(answer) => Some(grown.answers[answer + score]),
            GrownNode::Split(branch) => {
                let (left, right) = (said[place + 1], said[branch.right]);
                left.filter(|left| right.is_some_and(|right| left.to_bits() == right.to_bits()))
            }
        };
    }
    let mut nodes: Vec<Node> = Vec::new();
    // What is still to be walked, and the split whose right branch it is.
    let mut open = vec![(0, None)];
    while let Some((place, parent)) = open.pop() {
        let here = nodes.len();
        if let Some(Node::Split(split)) = parent.and_then(|parent: usize| nodes.get_mut(parent)) {
            split.right = here as u32;
        }
        match (said[place], &grown.nodes[place]) {
            (None, GrownNode::Split(branch)) => {
                nodes.push(Node::Split(Split {
                    input: branch.feature as u32,
                    test: bins.0[branch.feature].test(branch.cut),
                    missing_left: branch.missing_left,
                    right: 0,
                }));
                open.push((branch.right, Some(here)));
                open.push((place + 1, None));
            }
            (said, _) => nodes.push(Node::Leaf(said.unwrap_or_default())),
        }
    }
    Tree { nodes }
}
