//! What the training rows are to a model, behind the body and in its order: of a weighted sum and of densities 8 bytes for each input, of trees 4
//! bytes for each node. How many there are the body says.

use super::Reader;
use crate::artifact::{ArtifactError, Background, Body, Reference, Sum};

const PLACE: &str = "in its background";

pub(super) fn write(background: &Background, out: &mut Vec<u8>) {
    for reference in &background.scores {
        match reference {
            Reference::Means(means) => {
                out.extend(means.iter().flat_map(|mean| mean.to_le_bytes()));
            }
            Reference::Covers(trees) => {
                out.extend(trees.iter().flatten().flat_map(|rows| rows.to_le_bytes()));
            }
        }
    }
}

fn means(count: usize, reader: &mut Reader<'_>) -> Result<Reference, ArtifactError> {
    let bytes = reader.take(count * 8, PLACE)?;
    let means = bytes.as_chunks::<8>().0.iter();
    Ok(Reference::Means(
        means.map(|mean| f64::from_le_bytes(*mean)).collect(),
    ))
}

pub(super) fn read(body: &Body, reader: &mut Reader<'_>) -> Result<Background, ArtifactError> {
    let scores = body.sums().into_iter().map(|sum| {
        Ok(match sum {
            Sum::Linear(linear) => means(linear.transforms.len(), reader)?,
            Sum::Densities(densities) => means(densities.terms.len(), reader)?,
            Sum::Trees(trees) => {
                let mut covers = Vec::with_capacity(trees.trees.len());
                for tree in &trees.trees {
                    let bytes = reader.take(tree.nodes.len() * 4, PLACE)?;
                    let rows = bytes.as_chunks::<4>().0.iter();
                    covers.push(rows.map(|rows| u32::from_le_bytes(*rows)).collect());
                }
                Reference::Covers(covers)
            }
        })
    });
    let scores: Result<_, ArtifactError> = scores.collect();
    Ok(Background { scores: scores? })
}
