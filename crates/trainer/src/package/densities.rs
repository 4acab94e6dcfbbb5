use model::Densities;

use super::{Survey, input};
use crate::features::Features;
use crate::fit::DensitiesFit;

/// The model takes every feature. `imputes`: whether something stands in for a missing value.
pub(super) fn survey(features: &Features<'_>, usable: &[u32], imputes: bool) -> Survey {
    let inputs = features.features.iter();
    let inputs: Vec<_> = inputs
        .map(|feature| input(feature, usable, imputes))
        .collect();
    Survey {
        used: (0..inputs.len()).collect(),
        weighed: inputs.len(),
        inputs,
        intercept: 0.0,
        coefficients: Vec::new(),
        importances: Vec::new(),
        dropped: features.dropped.clone(),
    }
}

pub(super) fn body(fit: DensitiesFit) -> Densities {
    Densities {
        base: fit.base,
        terms: fit.densities,
    }
}
