//! Nearest neighbours: nothing is fitted, the rows are remembered. How near a row is says the model: numbers as standardised, categories
//! by whether they are the same.

use domain::training_runs::RunError;
use model::{Axis, MAX_REMEMBERED, Neighbours, Targets, Weights};

use super::{Fit, Fitted, Rows, Told};
use crate::failure::{failure, reserve};
use crate::features::{Encoding, Feature};

pub(super) struct NearestNeighbours {
    pub(super) neighbors: u32,
    pub(super) weights: Weights,
}

impl Fit for NearestNeighbours {
    fn fit(&self, rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Fitted, RunError> {
        let features = &rows.features.features;
        let count = rows.train.len();
        let values = count.saturating_mul(features.len());
        if values > MAX_REMEMBERED {
            return Err(failure(
                "too_large",
                format!(
                    "k_nearest_neighbors remembers its training rows: {count} of them with {} columns are {values} values, and at most {MAX_REMEMBERED} are taken",
                    features.len()
                ),
                "Train on fewer rows or columns, or choose an algorithm that does not keep them, such as gradient_boosting.",
            ));
        }
        if self.neighbors as usize > count {
            return Err(failure(
                "invalid_params",
                format!(
                    "{} neighbours are asked for, but there are {count} training rows",
                    self.neighbors
                ),
                "Set params.neighbors to no more than the rows that are learned from.",
            ));
        }
        let mut remembered = reserve(values, "the rows that the model remembers")?;
        // Told a hundred times.
        let step = count.div_ceil(100).max(1);
        for (place, &row) in rows.train.iter().enumerate() {
            remembered.extend(features.iter().map(|feature| value(feature, row)));
            if place % step == 0 {
                tell(Told::Progress(place as f64 / count as f64));
            }
        }
        let targets = rows.train.iter().map(|&row| rows.target[row as usize]);
        Ok(Fitted::Neighbours(Neighbours {
            neighbors: self.neighbors,
            weights: self.weights,
            axes: features.iter().map(axis).collect(),
            rows: remembered,
            targets: match rows.classes {
                None => Targets::Numbers(targets.collect()),
                Some(_) => Targets::Classes(targets.map(|class| class as u32).collect()),
            },
        }))
    }
}

fn axis(feature: &Feature<'_>) -> Axis {
    match &feature.encoding {
        Encoding::Numeric(numeric) => Axis::Numeric {
            impute: numeric.impute,
            mean: numeric.mean,
            std: numeric.std,
        },
        Encoding::Categorical(categorical) => Axis::Categorical {
            impute: categorical.impute,
        },
    }
}

/// Where a row is on the feature's axis.
fn value(feature: &Feature<'_>, row: u32) -> f64 {
    let code = feature.code(row);
    match &feature.encoding {
        Encoding::Numeric(numeric) => numeric.encode(code),
        Encoding::Categorical(categorical) if code.is_nan() => f64::from(categorical.impute),
        Encoding::Categorical(_) => code,
    }
}
