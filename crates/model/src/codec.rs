//! The artifact file, all integers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | the mark `VOLARYM\0` |
//! | 2 | format version |
//! | 4 | length of the header |
//! | n | header: JSON with the algorithm, its parameters, the signature and the kind of each transform |
//! | 4 | count of the numbers |
//! | 8 each | the numbers, as 64-bit floats: the intercept, then each transform's |
//! | 32 | SHA-256 of everything before |
//!
//! The same artifact always gives the same bytes, so the hash of the file names the model.

use domain::models::Signature;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use crate::artifact::{Artifact, ArtifactError, Transform};

const MAGIC: &[u8; 8] = b"VOLARYM\0";
const CHECKSUM_BYTES: usize = 32;

/// The version that [`encode`] writes, and the newest that [`decode`] reads.
pub const FORMAT_VERSION: u16 = 1;

/// The largest artifact that is written or read: 64 MiB.
pub const MAX_BYTES: usize = 64 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    algorithm: String,
    params: Map<String, Json>,
    signature: Signature,
    transforms: Vec<TransformKind>,
}

/// A transform without its numbers, but with how many it has.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum TransformKind {
    Numeric,
    Categorical { impute: u32, effects: usize },
}

/// # Errors
/// An artifact that contradicts itself, or is larger than [`MAX_BYTES`], is not written.
pub fn encode(artifact: &Artifact) -> Result<Vec<u8>, ArtifactError> {
    artifact.check()?;
    let mut numbers = vec![artifact.intercept];
    let mut transforms = Vec::with_capacity(artifact.transforms.len());
    for transform in &artifact.transforms {
        transforms.push(match transform {
            Transform::Numeric {
                impute,
                mean,
                std,
                coefficient,
            } => {
                numbers.extend([impute, mean, std, coefficient]);
                TransformKind::Numeric
            }
            Transform::Categorical {
                impute,
                effects,
                other,
            } => {
                numbers.extend(effects);
                numbers.push(*other);
                TransformKind::Categorical {
                    impute: *impute,
                    effects: effects.len(),
                }
            }
        });
    }
    let header = Header {
        algorithm: artifact.algorithm.clone(),
        params: artifact.params.clone(),
        signature: artifact.signature.clone(),
        transforms,
    };
    let header =
        serde_json::to_vec(&header).map_err(|error| ArtifactError::Header(error.to_string()))?;

    let size = MAGIC.len() + 2 + 4 + header.len() + 4 + numbers.len() * 8 + CHECKSUM_BYTES;
    if size > MAX_BYTES {
        return Err(ArtifactError::TooLarge {
            bytes: size,
            limit: MAX_BYTES,
        });
    }
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&(header.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&header);
    bytes.extend_from_slice(&(numbers.len() as u32).to_le_bytes());
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend_from_slice(&Sha256::digest(&bytes));
    Ok(bytes)
}

/// # Errors
/// Anything but a whole, undamaged artifact of a known version whose parts fit each other.
pub fn decode(bytes: &[u8]) -> Result<Artifact, ArtifactError> {
    if bytes.len() > MAX_BYTES {
        return Err(ArtifactError::TooLarge {
            bytes: bytes.len(),
            limit: MAX_BYTES,
        });
    }
    let mut reader = Reader { rest: bytes };
    if reader.array::<8>("in its mark")? != *MAGIC {
        return Err(ArtifactError::WrongMagic);
    }
    let version = u16::from_le_bytes(reader.array("in its version")?);
    if version > FORMAT_VERSION || version == 0 {
        return Err(ArtifactError::NewerVersion {
            found: version,
            supported: FORMAT_VERSION,
        });
    }
    // Before anything is made of the content.
    let Some(content) = bytes.len().checked_sub(CHECKSUM_BYTES) else {
        return Err(ArtifactError::Truncated("it has no checksum"));
    };
    let (content, checksum) = bytes.split_at(content);
    if Sha256::digest(content)[..] != *checksum {
        return Err(ArtifactError::Checksum);
    }

    let header_length = reader.length("in its header's length")?;
    let header: Header = serde_json::from_slice(reader.take(header_length, "in its header")?)
        .map_err(|error| ArtifactError::Header(error.to_string()))?;
    let count = reader.length("in its numbers")?;
    let numbers = reader.take(count.saturating_mul(8), "in its numbers")?;
    if reader.rest.len() != CHECKSUM_BYTES {
        return Err(ArtifactError::Inconsistent(
            "bytes stand between the numbers and the checksum".to_owned(),
        ));
    }
    let artifact = assemble(header, numbers)?;
    artifact.check()?;
    Ok(artifact)
}

fn assemble(header: Header, numbers: &[u8]) -> Result<Artifact, ArtifactError> {
    let mut numbers = numbers
        .as_chunks::<8>()
        .0
        .iter()
        .map(|bytes| f64::from_le_bytes(*bytes));
    let mut next = || {
        numbers.next().ok_or_else(|| {
            ArtifactError::Inconsistent("it has fewer numbers than its header says".to_owned())
        })
    };
    let intercept = next()?;
    let mut transforms = Vec::with_capacity(header.transforms.len());
    for kind in header.transforms {
        transforms.push(match kind {
            TransformKind::Numeric => Transform::Numeric {
                impute: next()?,
                mean: next()?,
                std: next()?,
                coefficient: next()?,
            },
            TransformKind::Categorical { impute, effects } => {
                // One by one: the count is the file's word, so nothing is reserved on it.
                let mut values = Vec::new();
                for _ in 0..effects {
                    values.push(next()?);
                }
                Transform::Categorical {
                    impute,
                    effects: values,
                    other: next()?,
                }
            }
        });
    }
    if numbers.next().is_some() {
        return Err(ArtifactError::Inconsistent(
            "it has more numbers than its header says".to_owned(),
        ));
    }
    Ok(Artifact {
        algorithm: header.algorithm,
        params: header.params,
        signature: header.signature,
        transforms,
        intercept,
    })
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize, place: &'static str) -> Result<&'a [u8], ArtifactError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(ArtifactError::Truncated(place))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, place: &'static str) -> Result<[u8; N], ArtifactError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(ArtifactError::Truncated(place))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn length(&mut self, place: &'static str) -> Result<usize, ArtifactError> {
        Ok(u32::from_le_bytes(self.array(place)?) as usize)
    }
}
