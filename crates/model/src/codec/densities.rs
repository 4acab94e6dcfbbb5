//! The body of a score of densities: its base, and of each input one byte for the kind of its density, a count (4 bytes) and
//! numbers: of ranges the count of their cuts, the cuts and one term more than there are cuts; of categories their count, the term
//! of each and that of any other.

use super::Reader;
use crate::artifact::{ArtifactError, Densities, Density};

const RANGES: u8 = 0;
const CATEGORICAL: u8 = 1;

/// Says how many inputs there are.
pub(super) fn write(densities: &Densities, out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&densities.base.to_le_bytes());
    for density in &densities.terms {
        match density {
            Density::Ranges { cuts, terms } => {
                numbers(RANGES, cuts.len(), cuts.iter().chain(terms), out);
            }
            Density::Categorical { terms, other } => {
                numbers(CATEGORICAL, terms.len(), terms.iter().chain([other]), out);
            }
        }
    }
    densities.terms.len()
}

/// A file of the largest size has room for fewer than 2^32 of anything.
fn numbers<'n>(kind: u8, count: usize, numbers: impl Iterator<Item = &'n f64>, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&(count as u32).to_le_bytes());
    out.extend(numbers.flat_map(|number| number.to_le_bytes()));
}

/// Counts are the file's word: nothing is reserved on them.
pub(super) fn read(inputs: usize, reader: &mut Reader<'_>) -> Result<Densities, ArtifactError> {
    let place = "in its densities";
    let number = |reader: &mut Reader<'_>| reader.array(place).map(f64::from_le_bytes);
    let list = |reader: &mut Reader<'_>, count: usize| -> Result<Vec<f64>, ArtifactError> {
        let (bytes, _) = reader
            .take(count.saturating_mul(8), place)?
            .as_chunks::<8>();
        Ok(bytes.iter().copied().map(f64::from_le_bytes).collect())
    };
    let base = number(reader)?;
    let mut terms = Vec::new();
    for _ in 0..inputs {
        let [kind] = reader.array(place)?;
        let count = reader.length(place)?;
        terms.push(match kind {
            RANGES => Density::Ranges {
                cuts: list(reader, count)?,
                terms: list(reader, count.saturating_add(1))?,
            },
            CATEGORICAL => Density::Categorical {
                terms: list(reader, count)?,
                other: number(reader)?,
            },
            unknown => {
                return Err(ArtifactError::Inconsistent(format!(
                    "a density is of the unknown kind {unknown}"
                )));
            }
        });
    }
    Ok(Densities { base, terms })
}
