//! What a classifier tells apart, as far as its graph says it.

use std::collections::HashMap;

use super::node::Node;
use crate::error::Refused;
use crate::proto::{GraphProto, NodeProto};
use crate::tensor::{Data, Tensor};

/// Operators that pass on labels or probabilities, class by class as they are.
const PASSING: [&str; 7] = [
    "Cast",
    "Flatten",
    "Identity",
    "Normalizer",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
];

/// How many nodes behind an output are looked at.
const STEPS: usize = 16;

/// `constants` are the file's tensors by their names.
pub(super) fn classes(
    graph: &GraphProto,
    constants: &HashMap<&str, Tensor>,
) -> Result<Option<Vec<String>>, Refused> {
    let mut makers = HashMap::new();
    for node in &graph.node {
        for output in &node.output {
            makers.insert(output.as_str(), node);
        }
    }
    let ends = graph
        .output
        .iter()
        .filter_map(|output| makers.get(output.name.as_str()).copied())
        .collect::<Vec<_>>();
    // Probabilities say the order of the classes, a label only that there are some.
    if let Some(classes) = ends.iter().find_map(|node| zipped(node)) {
        return Ok(Some(classes));
    }
    for end in ends {
        let mut node = end;
        for _ in 0..STEPS {
            if let Some(classes) = told_apart(node, constants, &makers)? {
                return Ok(Some(classes));
            }
            let before = node
                .input
                .first()
                .and_then(|name| makers.get(name.as_str()));
            match before.copied() {
                Some(before) if PASSING.contains(&node.op_type.as_str()) => node = before,
                _ => break,
            }
        }
    }
    Ok(None)
}

/// The classes of a ZipMap.
pub(super) fn zipped(node: &NodeProto) -> Option<Vec<String>> {
    if node.op_type != "ZipMap" {
        return None;
    }
    labels(node, "classlabels_int64s").ok().flatten()
}

fn told_apart(
    node: &NodeProto,
    constants: &HashMap<&str, Tensor>,
    makers: &HashMap<&str, &NodeProto>,
) -> Result<Option<Vec<String>>, Refused> {
    match node.op_type.as_str() {
        "LinearClassifier" | "SVMClassifier" => labels(node, "classlabels_ints"),
        "TreeEnsembleClassifier" | "ZipMap" => labels(node, "classlabels_int64s"),
        "ArrayFeatureExtractor" => Ok(picked(node, constants, makers)),
        _ => Ok(None),
    }
}

/// Labels in an attribute, as text.
fn labels(node: &NodeProto, ints: &str) -> Result<Option<Vec<String>>, Refused> {
    let node = Node::new(node, 1);
    if let Some(texts) = node.texts("classlabels_strings")?
        && !texts.is_empty()
    {
        return Ok(Some(texts.into_iter().map(str::to_owned).collect()));
    }
    let labels = node.ints(ints)?.filter(|labels| !labels.is_empty());
    Ok(labels.map(|labels| labels.iter().map(i64::to_string).collect()))
}

/// The list that the place of the greatest probability picks a label from.
fn picked(
    node: &NodeProto,
    constants: &HashMap<&str, Tensor>,
    makers: &HashMap<&str, &NodeProto>,
) -> Option<Vec<String>> {
    let [list, place] = &node.input[..] else {
        return None;
    };
    let mut maker = *makers.get(place.as_str())?;
    for _ in 0..STEPS {
        if maker.op_type == "ArgMax" {
            return match &constants.get(list.as_str())?.data {
                Data::Text(labels) => {
                    Some(labels.iter().map(|label| (**label).to_owned()).collect())
                }
                Data::I64(labels) => Some(labels.iter().map(i64::to_string).collect()),
                Data::I32(labels) => Some(labels.iter().map(i32::to_string).collect()),
                _ => None,
            };
        }
        if !PASSING.contains(&maker.op_type.as_str()) {
            return None;
        }
        maker = *makers.get(maker.input.first()?.as_str())?;
    }
    None
}
