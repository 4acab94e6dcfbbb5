use domain::models::{DroppedColumn, Importance};
use model::{Node, Trees};

use super::{Survey, input};
use crate::features::Features;
use crate::fit::TreesFit;

/// The model takes the features that a split asks for.
pub(super) fn survey(features: &Features<'_>, fits: &[TreesFit], usable: &[u32]) -> Survey {
    let gained = |place: usize| {
        let of_each = fits.iter().map(|fit| fit.gains[place]);
        of_each.fold((0.0, 0), |(gain, splits), (more, others)| {
            (gain + more, splits + others)
        })
    };
    let total: f64 = fits
        .iter()
        .flat_map(|fit| &fit.gains)
        .map(|(gain, _)| gain)
        .sum();
    let mut dropped = features.dropped.clone();
    let mut importances = Vec::new();
    let mut inputs = Vec::new();
    let mut used = Vec::new();
    for (place, feature) in features.features.iter().enumerate() {
        let (gain, splits) = gained(place);
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
        inputs.push(input(feature, usable, false));
        used.push(place);
    }
    importances.sort_by(|a, b| {
        b.gain
            .total_cmp(&a.gain)
            .then_with(|| a.feature.cmp(&b.feature))
    });
    Survey {
        inputs,
        weighed: used.len(),
        used,
        intercept: match fits {
            [fit] => fit.trees.base,
            _ => 0.0,
        },
        coefficients: Vec::new(),
        importances,
        dropped,
    }
}

/// With the features' places among the inputs. A split asks for none but the used ones.
pub(super) fn body(fit: TreesFit, used: &[usize]) -> Trees {
    let TreesFit { mut trees, gains } = fit;
    let mut places = vec![0; gains.len()];
    for (input, &place) in (0_u32..).zip(used) {
        places[place] = input;
    }
    for node in trees.trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
        if let Node::Split(split) = node {
            split.input = places[split.input as usize];
        }
    }
    trees
}
