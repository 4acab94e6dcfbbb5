//! The body of a model of trees: the base, the count of trees, and for each tree the count of its nodes and the nodes.
//!
//! | node | bytes |
//! |---|---|
//! | leaf | 1: 0; 8: its value |
//! | split of a number | 1: 1, plus 4 when a missing value goes left; 4: input; 4: right branch; 8: threshold |
//! | split of a category | 1: 2, plus 4 when a missing value goes left, plus 8 when an unknown category does; 4: input; 4: right branch; 4: count; 4 each: the categories that go left |

use super::Reader;
use crate::artifact::{ArtifactError, Node, Split, Test, Tree, Trees};

const LEAF: u8 = 0;
const BELOW: u8 = 1;
const AMONG: u8 = 2;
const KIND: u8 = 3;
const MISSING_LEFT: u8 = 4;
const OTHER_LEFT: u8 = 8;

pub(super) fn write(trees: &Trees, out: &mut Vec<u8>) {
    out.extend_from_slice(&trees.base.to_le_bytes());
    count(out, trees.trees.len());
    for tree in &trees.trees {
        count(out, tree.nodes.len());
        for node in &tree.nodes {
            match node {
                Node::Leaf(value) => {
                    out.push(LEAF);
                    out.extend_from_slice(&value.to_le_bytes());
                }
                Node::Split(split) => write_split(split, out),
            }
        }
    }
}

impl Tree {
    /// What it takes in a file, together with what explanations need of it.
    pub fn bytes(&self) -> usize {
        const ROWS: usize = 4;
        let nodes = self.nodes.iter().map(|node| match node {
            Node::Leaf(_) => 1 + 8,
            Node::Split(split) => {
                1 + 4
                    + 4
                    + match &split.test {
                        Test::Below(_) => 8,
                        Test::Among { categories, .. } => 4 + 4 * categories.len(),
                    }
            }
        });
        4 + nodes.map(|node| node + ROWS).sum::<usize>()
    }
}

fn write_split(split: &Split, out: &mut Vec<u8>) {
    let (kind, other) = match &split.test {
        Test::Below(_) => (BELOW, false),
        Test::Among { other, .. } => (AMONG, *other),
    };
    let missing = if split.missing_left { MISSING_LEFT } else { 0 };
    let other = if other { OTHER_LEFT } else { 0 };
    out.push(kind | missing | other);
    out.extend_from_slice(&split.input.to_le_bytes());
    out.extend_from_slice(&split.right.to_le_bytes());
    match &split.test {
        Test::Below(threshold) => out.extend_from_slice(&threshold.to_le_bytes()),
        Test::Among { categories, .. } => {
            count(out, categories.len());
            out.extend(
                categories
                    .iter()
                    .flat_map(|category| category.to_le_bytes()),
            );
        }
    }
}

/// A file of [`super::MAX_BYTES`] has room for fewer than 2^32 of anything.
fn count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u32).to_le_bytes());
}

/// Counts are the file's word: nothing is reserved on them, and what they promise is read piece by piece.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Trees, ArtifactError> {
    let base = f64::from_le_bytes(reader.array("in its base")?);
    let mut trees = Vec::new();
    for _ in 0..reader.length("in its trees")? {
        let mut nodes = Vec::new();
        for _ in 0..reader.length("in a tree")? {
            nodes.push(read_node(reader)?);
        }
        trees.push(Tree { nodes });
    }
    Ok(Trees { base, trees })
}

fn read_node(reader: &mut Reader<'_>) -> Result<Node, ArtifactError> {
    let [flags] = reader.array("in a node")?;
    if flags == LEAF {
        let value = reader.array("in a leaf")?;
        return Ok(Node::Leaf(f64::from_le_bytes(value)));
    }
    let allowed = match flags & KIND {
        BELOW => MISSING_LEFT,
        AMONG => MISSING_LEFT | OTHER_LEFT,
        _ => 0,
    };
    if allowed == 0 || flags & !KIND & !allowed != 0 {
        return Err(ArtifactError::Inconsistent(format!(
            "a node is of the unknown kind {flags}"
        )));
    }
    let input = u32::from_le_bytes(reader.array("in a split")?);
    let right = u32::from_le_bytes(reader.array("in a split")?);
    let test = if flags & KIND == BELOW {
        Test::Below(f64::from_le_bytes(reader.array("in a threshold")?))
    } else {
        let count = reader.length("in a split's categories")?;
        let (categories, _) = reader
            .take(count.saturating_mul(4), "in a split's categories")?
            .as_chunks::<4>();
        Test::Among {
            categories: categories.iter().copied().map(u32::from_le_bytes).collect(),
            other: flags & OTHER_LEFT != 0,
        }
    };
    Ok(Node::Split(Split {
        input,
        test,
        missing_left: flags & MISSING_LEFT != 0,
        right,
    }))
}
