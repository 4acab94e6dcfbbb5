use domain::models::{DroppedColumn, Importance};
use model::{Artifact, Node};

use super::{Packaged, input};
use crate::features::Features;
use crate::fit::TreesFit;

/// The model takes the features that a split asks for.
pub(super) fn package(
    features: &Features<'_>,
    fit: TreesFit,
    target: &str,
    usable: &[u32],
) -> Packaged {
    let TreesFit { mut trees, gains } = fit;
    let total: f64 = gains.iter().map(|(gain, _)| gain).sum();
    let mut dropped = features.dropped.clone();
    let mut importances = Vec::new();
    let mut inputs = Vec::new();
    let mut used = Vec::new();
    // Of each feature, its place among the inputs.
    let mut places = vec![0; gains.len()];
    for (place, (feature, &(gain, splits))) in features.features.iter().zip(&gains).enumerate() {
        if splits == 0 {
            dropped.push(DroppedColumn {
                column: feature.column.name.clone(),
                reason: "unused: no tree asks for it".to_owned(),
            });
            continue;
        }
        importances.push(Importance {
            feature: feature.column.name.clone(),
            gain: if total > 0.0 { gain / total } else { 0.0 },
            splits,
        });
        places[place] = inputs.len() as u32;
        inputs.push(input(feature, usable, false));
        used.push(place);
    }
    for node in trees.trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
        if let Node::Split(split) = node {
            split.input = places[split.input as usize];
        }
    }
    importances.sort_by(|a, b| {
        b.gain
            .total_cmp(&a.gain)
            .then_with(|| a.feature.cmp(&b.feature))
    });
    Packaged {
        intercept: trees.base,
        artifact: Artifact::trees(target, inputs, trees),
        used,
        coefficients: Vec::new(),
        importances,
        dropped,
    }
}
