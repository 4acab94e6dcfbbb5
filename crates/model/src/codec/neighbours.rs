//! The body of a model that remembers rows: of each axis its numbers, which are 3 of a number and none of a category; then the rows, 8
//! bytes a value; then what they were, 8 bytes of a number and 4 of a class.

use domain::models::Signature;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::Reader;
use crate::artifact::{ArtifactError, Axis, Neighbours, Targets, Weights};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) algorithm: String,
    pub(super) params: Map<String, Json>,
    pub(super) signature: Signature,
    pub(super) remembered: Remembered,
}

/// All but the numbers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remembered {
    neighbors: u32,
    weights: WeightsKind,
    axes: Vec<AxisKind>,
    targets: TargetsKind,
    rows: usize,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WeightsKind {
    Uniform,
    Distance,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TargetsKind {
    Numbers,
    Classes,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum AxisKind {
    Numeric,
    Categorical { impute: u32 },
}

pub(super) fn write(neighbours: &Neighbours, out: &mut Vec<u8>) -> Remembered {
    let mut put = |numbers: &[f64]| {
        out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    };
    let axes = neighbours.axes.iter().map(|axis| match axis {
        Axis::Numeric { impute, mean, std } => {
            put(&[*impute, *mean, *std]);
            AxisKind::Numeric
        }
        Axis::Categorical { impute } => AxisKind::Categorical { impute: *impute },
    });
    let axes = axes.collect();
    put(&neighbours.rows);
    let targets = match &neighbours.targets {
        Targets::Numbers(numbers) => {
            put(numbers);
            TargetsKind::Numbers
        }
        Targets::Classes(classes) => {
            out.extend(classes.iter().flat_map(|class| class.to_le_bytes()));
            TargetsKind::Classes
        }
    };
    Remembered {
        neighbors: neighbours.neighbors,
        weights: match neighbours.weights {
            Weights::Uniform => WeightsKind::Uniform,
            Weights::Distance => WeightsKind::Distance,
        },
        axes,
        targets,
        rows: neighbours.targets.len(),
    }
}

/// Counts are the file's word: nothing is reserved on them before the bytes are there.
pub(super) fn read(
    remembered: Remembered,
    reader: &mut Reader<'_>,
) -> Result<Neighbours, ArtifactError> {
    let place = "in its remembered rows";
    let numbers = |reader: &mut Reader<'_>, count: usize| -> Result<Vec<f64>, ArtifactError> {
        let (bytes, _) = reader
            .take(count.saturating_mul(8), place)?
            .as_chunks::<8>();
        Ok(bytes.iter().copied().map(f64::from_le_bytes).collect())
    };
    let axes = remembered.axes.iter().map(|axis| {
        Ok(match axis {
            AxisKind::Numeric => {
                let mut next = || reader.array(place).map(f64::from_le_bytes);
                Axis::Numeric {
                    impute: next()?,
                    mean: next()?,
                    std: next()?,
                }
            }
            AxisKind::Categorical { impute } => Axis::Categorical { impute: *impute },
        })
    });
    let axes: Result<Vec<Axis>, ArtifactError> = axes.collect();
    let axes = axes?;
    let rows = numbers(reader, remembered.rows.saturating_mul(axes.len()))?;
    let targets = match remembered.targets {
        TargetsKind::Numbers => Targets::Numbers(numbers(reader, remembered.rows)?),
        TargetsKind::Classes => {
            let (bytes, _) = reader
                .take(remembered.rows.saturating_mul(4), place)?
                .as_chunks::<4>();
            Targets::Classes(bytes.iter().copied().map(u32::from_le_bytes).collect())
        }
    };
    Ok(Neighbours {
        neighbors: remembered.neighbors,
        weights: match remembered.weights {
            WeightsKind::Uniform => Weights::Uniform,
            WeightsKind::Distance => Weights::Distance,
        },
        axes,
        rows,
        targets,
    })
}
