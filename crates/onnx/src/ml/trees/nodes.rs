//! Trees as the operators for classes and targets have them: a list for each property of a node.

use std::collections::HashMap;
use std::ops::Range;

use super::grove::{Grove, Node as TreeNode, Test, Weight};
use crate::error::Refused;
use crate::read::Node;
use crate::tensor::{Data, Number};

/// Under which names a kind of operator has its weights.
pub(super) struct Names {
    pub(super) ids: &'static str,
    pub(super) trees: &'static str,
    pub(super) nodes: &'static str,
    pub(super) weights: &'static str,
}

pub(super) const CLASSES: Names = Names {
    ids: "class_ids",
    trees: "class_treeids",
    nodes: "class_nodeids",
    weights: "class_weights",
};

pub(super) const TARGETS: Names = Names {
    ids: "target_ids",
    trees: "target_treeids",
    nodes: "target_nodeids",
    weights: "target_weights",
};

/// Numbers in a list, or in a tensor that may be in double precision.
pub(super) fn numbers<T: Number>(node: &Node<'_>, name: &str) -> Result<Vec<T>, Refused> {
    if let Some(values) = node.floats(name)?
        && !values.is_empty()
    {
        return Ok(values
            .iter()
            .map(|&value| T::from_f64(value.into()))
            .collect());
    }
    let tensor = node.tensor(&format!("{name}_as_tensor"))?;
    match tensor.map(|tensor| tensor.data) {
        None => Ok(Vec::new()),
        Some(Data::F32(values)) => Ok(values
            .into_iter()
            .map(|value| T::from_f64(value.into()))
            .collect()),
        Some(Data::F64(values)) => Ok(values.into_iter().map(T::from_f64).collect()),
        Some(_) => Err(node.refuse(format!("has a tensor `{name}` that is not float or double"))),
    }
}

/// Whether any of the lists is in double precision.
pub(super) fn is_double(node: &Node<'_>, names: &Names) -> Result<bool, Refused> {
    for name in ["nodes_values", "base_values", names.weights] {
        let tensor = node.tensor(&format!("{name}_as_tensor"))?;
        if tensor.is_some_and(|tensor| matches!(tensor.data, Data::F64(_))) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn test(mode: &str) -> Option<Test> {
    Some(match mode {
        "BRANCH_LEQ" => Test::AtMost,
        "BRANCH_LT" => Test::Below,
        "BRANCH_GTE" => Test::AtLeast,
        "BRANCH_GT" => Test::Above,
        "BRANCH_EQ" => Test::Equal,
        "BRANCH_NEQ" => Test::Unequal,
        _ => return None,
    })
}

/// A tree's nodes, which lie behind each other.
struct Tree {
    places: Range<usize>,
    /// Where the node of an id is, if the ids are not simply counted.
    ids: Option<HashMap<i64, usize>>,
}

impl Tree {
    fn place(&self, id: i64) -> Option<u32> {
        let place = match &self.ids {
            Some(ids) => *ids.get(&id)?,
            None => self.places.start + usize::try_from(id).ok()?,
        };
        if !self.places.contains(&place) {
            return None;
        }
        u32::try_from(place).ok()
    }
}

pub(super) fn grove<T: Number>(
    node: &Node<'_>,
    names: &Names,
    targets: usize,
) -> Result<Grove<T>, Refused> {
    let list = |name: &str| node.ints(name).map(Option::unwrap_or_default);
    let tree_ids = list("nodes_treeids")?;
    let ids = list("nodes_nodeids")?;
    let features = list("nodes_featureids")?;
    let yes = list("nodes_truenodeids")?;
    let no = list("nodes_falsenodeids")?;
    let missing = list("nodes_missing_value_tracks_true")?;
    let modes = node.texts("nodes_modes")?.unwrap_or_default();
    let values = numbers::<T>(node, "nodes_values")?;
    let count = ids.len();
    let same = [
        tree_ids.len(),
        features.len(),
        yes.len(),
        no.len(),
        modes.len(),
        values.len(),
    ];
    if same.iter().any(|&length| length != count) || count == 0 || missing.len() > count {
        return Err(node.refuse("has lists of nodes that are not equally long"));
    }

    let (trees, by_id) = trees(node, tree_ids, ids)?;
    let mut nodes = Vec::with_capacity(count);
    let mut roots = Vec::with_capacity(trees.len());
    for tree in &trees {
        roots.push(tree.places.start as u32);
        for place in tree.places.clone() {
            if modes[place] == "LEAF" {
                nodes.push(TreeNode::leaf(values[place]));
                continue;
            }
            let Some(test) = test(modes[place]) else {
                return Err(node.refuse("has a tree with an unknown kind of node"));
            };
            let ways = tree.place(yes[place]).zip(tree.place(no[place]));
            let missing_too = missing.get(place) == Some(&1);
            let split = ways.and_then(|ways| {
                TreeNode::split(test, features[place], values[place], missing_too, ways)
            });
            nodes.push(split.ok_or_else(|| {
                node.refuse(format!(
                    "has a tree whose node {} leads to nodes or features that are not there",
                    ids[place]
                ))
            })?);
        }
    }
    let weights = weights(node, names, &trees, &by_id, &mut nodes)?;
    Grove::new(roots, nodes, weights, targets).map_err(|problem| node.refuse(problem))
}

/// The trees in order, and which of them has an id.
fn trees(
    node: &Node<'_>,
    tree_ids: &[i64],
    ids: &[i64],
) -> Result<(Vec<Tree>, HashMap<i64, usize>), Refused> {
    let mut trees = Vec::new();
    let mut by_id = HashMap::new();
    let mut start = 0;
    for run in tree_ids.chunk_by(|left, right| left == right) {
        let places = start..start + run.len();
        start = places.end;
        if by_id.insert(run[0], trees.len()).is_some() {
            return Err(node.refuse(format!(
                "has the nodes of tree {} in several places",
                run[0]
            )));
        }
        let own = &ids[places.clone()];
        let counted = own.iter().zip(0..).all(|(&id, place)| id == place);
        let ids = if counted {
            None
        } else {
            let ids = own.iter().copied().zip(places.clone());
            let ids = ids.collect::<HashMap<_, _>>();
            if ids.len() != own.len() {
                return Err(node.refuse(format!("has a node of tree {} twice", run[0])));
            }
            Some(ids)
        };
        trees.push(Tree { places, ids });
    }
    Ok((trees, by_id))
}

/// The weights leaf by leaf. Those of a node that is no leaf are passed over, as onnxruntime does: old exporters wrote some.
fn weights<T: Number>(
    node: &Node<'_>,
    names: &Names,
    trees: &[Tree],
    by_id: &HashMap<i64, usize>,
    nodes: &mut [TreeNode<T>],
) -> Result<Vec<Weight<T>>, Refused> {
    let list = |name: &str| node.ints(name).map(Option::unwrap_or_default);
    let (targets, tree_ids, ids) = (list(names.ids)?, list(names.trees)?, list(names.nodes)?);
    let values = numbers::<T>(node, names.weights)?;
    if [tree_ids.len(), ids.len(), values.len()] != [targets.len(); 3] {
        return Err(node.refuse("has lists of weights that are not equally long"));
    }
    let mut leaves = Vec::with_capacity(targets.len());
    for (tree, id) in tree_ids.iter().zip(ids) {
        let leaf = by_id.get(tree).and_then(|&tree| trees[tree].place(*id));
        let leaf = leaf.ok_or_else(|| {
            node.refuse(format!(
                "has a weight for node {id} of tree {tree}, which is not there"
            ))
        })?;
        if nodes[leaf as usize].is_leaf() {
            nodes[leaf as usize].no += 1;
        }
        leaves.push(leaf as usize);
    }
    let mut start = 0;
    for node in nodes.iter_mut().filter(|node| node.is_leaf()) {
        node.yes = start;
        start += node.no;
        node.no = 0;
    }
    let mut weights = vec![
        Weight {
            target: 0,
            value: T::ZERO
        };
        start as usize
    ];
    for (place, leaf) in leaves.into_iter().enumerate() {
        let leaf = &mut nodes[leaf];
        if !leaf.is_leaf() {
            continue;
        }
        let target = u32::try_from(targets[place]);
        let target = target.map_err(|_| node.refuse("has a weight for a target below 0"))?;
        if leaf.no == 0 {
            leaf.value = values[place];
        }
        weights[(leaf.yes + leaf.no) as usize] = Weight {
            target,
            value: values[place],
        };
        leaf.no += 1;
    }
    Ok(weights)
}
