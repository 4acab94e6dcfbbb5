//! From perpetual's trees to the ones that are served.

use domain::training_runs::RunError;
use model::{Node, Split, Test, Tree, Trees};
use perpetual::PerpetualBooster;

use crate::failure::failure;
use crate::fit::TreesFit;
use crate::fit::order::Order;

/// perpetual's own, in the unit of what they learned, whose mean and standard deviation were taken out.
pub(super) fn read(
    booster: &PerpetualBooster,
    (mean, std): (f64, f64),
    orders: &[Option<Order>],
) -> Result<TreesFit, RunError> {
    let mut gains = vec![(0.0, 0); orders.len()];
    let trees = booster
        .trees
        .iter()
        .map(|tree| read_tree(tree, orders, std, &mut gains))
        .collect::<Option<Vec<Tree>>>()
        .ok_or_else(|| {
            failure(
                "internal",
                "the boosting library made a tree that does not hang together",
                "Choose another algorithm, such as ridge, and report the bug with the table if you can.",
            )
        })?;
    let trees = Trees {
        base: booster.base_score * std + mean,
        trees,
    };
    Ok(TreesFit { trees, gains })
}

fn read_tree(
    tree: &perpetual::tree::core::Tree,
    orders: &[Option<Order>],
    std: f64,
    gains: &mut [(f64, u64)],
) -> Option<Tree> {
    let mut nodes: Vec<Node> = Vec::with_capacity(tree.nodes.len());
    // What is still to be walked: its number, and the split whose right branch it is.
    let mut open = vec![(0, None)];
    while let Some((number, parent)) = open.pop() {
        if nodes.len() >= tree.nodes.len() {
            return None;
        }
        let place = nodes.len() as u32;
        if let Some(Node::Split(split)) = parent.and_then(|parent: usize| nodes.get_mut(parent)) {
            split.right = place;
        }
        let node = tree.nodes.get(&number)?;
        if node.is_leaf {
            nodes.push(Node::Leaf(f64::from(node.weight_value) * std));
            continue;
        }
        let missing_left = node.missing_node == node.left_child;
        if !missing_left && node.missing_node != node.right_child {
            return None;
        }
        let order = orders.get(node.split_feature)?;
        let (gain, splits) = gains.get_mut(node.split_feature)?;
        *gain += f64::from(node.split_gain.max(0.0));
        *splits += 1;
        nodes.push(Node::Split(Split {
            input: node.split_feature as u32,
            test: test(node.split_value, order.as_ref()),
            missing_left,
            right: 0,
        }));
        open.push((node.right_child, Some(place as usize)));
        open.push((node.left_child, None));
    }
    Some(Tree { nodes })
}

fn test(threshold: f64, order: Option<&Order>) -> Test {
    match order {
        None => Test::Below(threshold),
        Some(order) => {
            let (categories, other) = order.below(threshold);
            Test::Among { categories, other }
        }
    }
}
