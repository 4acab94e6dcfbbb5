//! Trees as the operator TreeEnsemble of version 5 has them: splits and leaves in lists of their own.

use super::grove::{Aggregate, Grove, Node as TreeNode, Test, Weight};
use crate::error::Refused;
use crate::read::Node;
use crate::tensor::{Data, Number, Tensor};

/// The list of splits, in the precision that the trees have.
pub(super) fn is_double(node: &Node<'_>) -> Result<bool, Refused> {
    let splits = node.tensor("nodes_splits")?;
    match splits.map(|splits| splits.data) {
        Some(Data::F64(_)) => Ok(true),
        Some(Data::F32(_)) => Ok(false),
        _ => Err(node.refuse("has no splits in float or double")),
    }
}

pub(super) fn aggregate(node: &Node<'_>) -> Result<Aggregate, Refused> {
    match node.int_or("aggregate_function", 1)? {
        0 => Ok(Aggregate::Average),
        1 => Ok(Aggregate::Sum),
        2 => Ok(Aggregate::Min),
        3 => Ok(Aggregate::Max),
        _ => Err(node.refuse("has an unknown aggregate_function")),
    }
}

/// Members of sets are in one list, with what is not a number behind each set.
const MEMBER: i32 = 6;

fn test(mode: i32) -> Option<Test> {
    Some(match mode {
        0 => Test::AtMost,
        1 => Test::Below,
        2 => Test::AtLeast,
        3 => Test::Above,
        4 | MEMBER => Test::Equal,
        5 => Test::Unequal,
        _ => return None,
    })
}

pub(super) fn grove<T: Number>(node: &Node<'_>) -> Result<Grove<T>, Refused> {
    let list = |name: &str| node.ints(name).map(Option::unwrap_or_default);
    let values = |name: &str| -> Result<Vec<T>, Refused> {
        let tensor = node.tensor(name)?;
        let values = tensor.as_ref().map(|tensor| tensor.values::<T>());
        match values {
            None => Ok(Vec::new()),
            Some(Some(values)) => Ok(values.to_vec()),
            Some(None) => Err(node.refuse(format!("has `{name}` in another type than its splits"))),
        }
    };
    let splits = values("nodes_splits")?;
    let features = list("nodes_featureids")?;
    let (yes, no) = (list("nodes_truenodeids")?, list("nodes_falsenodeids")?);
    let (yes_leaf, no_leaf) = (list("nodes_trueleafs")?, list("nodes_falseleafs")?);
    let missing = list("nodes_missing_value_tracks_true")?;
    let modes = modes(node)?;
    let leaf_targets = list("leaf_targetids")?;
    let leaf_weights = values("leaf_weights")?;
    let members = values("membership_values")?;
    let count = splits.len();
    let lists = [
        features.len(),
        yes.len(),
        no.len(),
        yes_leaf.len(),
        no_leaf.len(),
        modes.len(),
    ];
    if lists.iter().any(|&length| length != count) || missing.len() > count {
        return Err(node.refuse("has lists of nodes that are not equally long"));
    }
    if leaf_targets.len() != leaf_weights.len() {
        return Err(node.refuse("has lists of leaves that are not equally long"));
    }
    let missing_place =
        || node.refuse("has a tree that leads to nodes or features that are not there");

    // First the splits, then the leaves, then what sets of several members become.
    let way = |id: i64, is_leaf: i64| -> Option<u32> {
        let id = usize::try_from(id).ok()?;
        let (place, end) = if is_leaf == 0 {
            (id, count)
        } else {
            (count.checked_add(id)?, count + leaf_weights.len())
        };
        u32::try_from(place).ok().filter(|_| place < end)
    };
    let mut nodes = Vec::with_capacity(count + leaf_weights.len());
    let mut more = Vec::new();
    let mut sets = members.split(|member| member.is_nan());
    for place in 0..count {
        let Some(test) = test(modes[place]) else {
            return Err(node.refuse("has a tree with an unknown kind of node"));
        };
        let yes = way(yes[place], yes_leaf[place]);
        let no = way(no[place], no_leaf[place]);
        let (yes, no) = yes.zip(no).ok_or_else(missing_place)?;
        let missing_too = missing.get(place) == Some(&1);
        let split = |threshold: T, no: u32| {
            TreeNode::split(test, features[place], threshold, missing_too, (yes, no))
                .ok_or_else(missing_place)
        };
        if modes[place] != MEMBER {
            nodes.push(split(splits[place], no)?);
            continue;
        }
        let Some((first, rest)) = sets.next().and_then(<[T]>::split_first) else {
            return Err(node.refuse("has a tree with a set without members"));
        };
        // The last member leads on to what is in no set, every other one to the next.
        let mut next = no;
        for &member in rest.iter().rev() {
            let place = count + leaf_weights.len() + more.len();
            more.push(split(member, next)?);
            next = u32::try_from(place).map_err(|_| missing_place())?;
        }
        nodes.push(split(*first, next)?);
    }
    let mut weights = Vec::with_capacity(leaf_weights.len());
    for (place, (&target, &value)) in leaf_targets.iter().zip(&leaf_weights).enumerate() {
        let mut leaf = TreeNode::leaf(value);
        (leaf.yes, leaf.no) = (place as u32, 1);
        nodes.push(leaf);
        let target = u32::try_from(target);
        let target = target.map_err(|_| node.refuse("has a weight for a target below 0"))?;
        weights.push(Weight { target, value });
    }
    nodes.append(&mut more);
    let roots = list("tree_roots")?.iter().map(|&root| way(root, 0));
    let roots = roots
        .collect::<Option<Vec<_>>>()
        .ok_or_else(missing_place)?;
    let targets = usize::try_from(node.int_or("n_targets", 1)?).unwrap_or_default();
    Grove::new(roots, nodes, weights, targets).map_err(|problem| node.refuse(problem))
}

fn modes(node: &Node<'_>) -> Result<Vec<i32>, Refused> {
    match node.tensor("nodes_modes")? {
        Some(Tensor {
            data: Data::I32(modes),
            ..
        }) => Ok(modes),
        _ => Err(node.refuse("has no modes of its nodes")),
    }
}
