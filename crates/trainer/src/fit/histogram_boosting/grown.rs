//! From a tree as it grew to the one that is served.

use model::{Node, Split, Tree};

use super::grower::{Grown, GrownNode};
use crate::fit::bins::{Column, MISSING};

impl<const W: usize> Grown<W> {
    pub(super) fn is_split(&self) -> bool {
        self.nodes.len() > 1
    }

    /// What the tree says of a training row, at the full step.
    pub(super) fn says(&self, columns: &[Column], row: u32) -> f64 {
        let mut place = 0;
        loop {
            match &self.nodes[place] {
                GrownNode::Leaf(value) => return *value,
                GrownNode::Split {
                    branch,
                    left,
                    right,
                } => {
                    let code = columns[branch.feature].codes[row as usize];
                    place = if branch.left.has(code) { *left } else { *right };
                }
            }
        }
    }

    /// With leaves that say so many times what they say.
    pub(super) fn tree(&self, columns: &[Column], step: f64) -> Tree {
        let mut nodes: Vec<Node> = Vec::with_capacity(self.nodes.len());
        // What is still to be walked, and the split whose right branch it is.
        let mut open = vec![(0, None)];
        while let Some((place, parent)) = open.pop() {
            let here = nodes.len();
            if let Some(Node::Split(split)) = parent.and_then(|parent: usize| nodes.get_mut(parent))
            {
                split.right = here as u32;
            }
            match &self.nodes[place] {
                GrownNode::Leaf(value) => nodes.push(Node::Leaf(value * step)),
                GrownNode::Split {
                    branch,
                    left,
                    right,
                } => {
                    let column = &columns[branch.feature];
                    let test = if column.is_categorical() {
                        column.among(|bin| branch.left.has(bin))
                    } else {
                        column.test(branch.cut)
                    };
                    nodes.push(Node::Split(Split {
                        input: branch.feature as u32,
                        test,
                        missing_left: branch.left.has(MISSING),
                        right: 0,
                    }));
                    open.push((*right, Some(here)));
                    open.push((*left, None));
                }
            }
        }
        Tree { nodes }
    }

    /// Adds what splits gain, and that they are there, to those of each feature.
    pub(super) fn count(&self, gains: &mut [(f64, u64)]) {
        for node in &self.nodes {
            if let GrownNode::Split { branch, .. } = node {
                let (gain, splits) = &mut gains[branch.feature];
                *gain += branch.gain;
                *splits += 1;
            }
        }
    }
}
