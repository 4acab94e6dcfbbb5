//! The artifact file, all integers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | the mark `VOLARYM\0` |
//! | 2 | format version: 1 for a linear model, 2 for one of trees, 3 for a classifier, 4 for an imported ONNX file, 6 for the exponential of a linear model, 7 for a classifier of densities or of shares, 8 for rows that are remembered, 9 for several of these that answer together, 10 for a model that another engine computes |
//! | 2 | of format version 11 alone, which is one of the others but of columns that are made of the inputs: the format version without that |
//! | 2 | of format version 5 alone, which is one of these with a background: the format version without it |
//! | 4 | length of the header |
//! | n | header: JSON with the algorithm, its parameters, the signature and, of a linear model, the kind of each transform |
//! | n | the body |
//! | n | of format version 5 alone: the background, see [`background`] |
//! | n | of format version 11 alone: how the columns are made, see [`prepared`] |
//! | 32 | SHA-256 of everything before |
//!
//! The body of a linear model is the count of its numbers (4 bytes) and the numbers as 64-bit floats: the intercept, then
//! each transform's. That of trees is in [`trees`]. The header of a classifier has its link and the kind of each score, and
//! the scores are bodies as these, one behind the other. So are the members of a blend, see [`blend`]. That of an imported model is in [`onnx`].
//! A model that another engine computes has none, see [`remote`].
//!
//! The same artifact always gives the same bytes, so the hash of the file names the model.

mod background;
mod blend;
mod classifier;
mod densities;
mod neighbours;
mod onnx;
mod prepared;
mod remote;
mod trees;

use domain::models::Signature;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use crate::artifact::{
    Artifact, ArtifactError, Body, Classifier, Linear, Link, Prepared, Score, Transform,
};

const MAGIC: &[u8; 8] = b"VOLARYM\0";
const CHECKSUM_BYTES: usize = 32;

/// The version of linear models: a release that knows no trees reads them still.
const LINEAR_VERSION: u16 = 1;
const TREES_VERSION: u16 = 2;
const CLASSIFIER_VERSION: u16 = 3;
const ONNX_VERSION: u16 = 4;
/// Of a model that can be explained: one of the others, and its background.
const BACKGROUND_VERSION: u16 = 5;

const EXPONENTIAL_VERSION: u16 = 6;
/// Of classifiers whose link is [`Link::Shares`], or whose scores are densities.
const SHARES_VERSION: u16 = 7;
/// Of models that remember rows.
const NEIGHBOURS_VERSION: u16 = 8;
/// Of models that answer together.
const BLEND_VERSION: u16 = 9;
/// Of a model of columns that are made of the inputs: one of the others, and how they are made.
const PREPARED_VERSION: u16 = 11;
/// Of models that another engine computes.
const REMOTE_VERSION: u16 = 10;

/// The newest version that [`encode`] writes and [`decode`] reads.
pub const FORMAT_VERSION: u16 = PREPARED_VERSION;

/// The largest artifact that is written or read: 68 MiB, the largest ONNX file and its header.
pub const MAX_BYTES: usize = 68 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinearHeader {
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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreesHeader {
    algorithm: String,
    params: Map<String, Json>,
    signature: Signature,
}

/// # Errors
/// An artifact that contradicts itself, or is larger than [`MAX_BYTES`], is not written.
pub fn encode(artifact: &Artifact) -> Result<Vec<u8>, ArtifactError> {
    artifact.check()?;
    let (algorithm, params, signature) = (
        artifact.algorithm.clone(),
        artifact.params.clone(),
        artifact.signature.clone(),
    );
    let mut content = Vec::new();
    let (columns, body) = match &artifact.body {
        Body::Prepared(prepared) => (Some(&prepared.columns), &*prepared.body),
        body => (None, body),
    };
    let (version, header) = match body {
        Body::Linear(linear) | Body::Exponential(linear) => {
            let transforms = write_linear(linear, &mut content);
            let header = LinearHeader {
                algorithm,
                params,
                signature,
                transforms,
            };
            let version = match body {
                Body::Exponential(_) => EXPONENTIAL_VERSION,
                _ => LINEAR_VERSION,
            };
            (version, serde_json::to_vec(&header))
        }
        Body::Trees(trees) => {
            trees::write(trees, &mut content);
            let header = TreesHeader {
                algorithm,
                params,
                signature,
            };
            (TREES_VERSION, serde_json::to_vec(&header))
        }
        Body::Classifier(classifier) => {
            let (link, scores) = classifier::write(classifier, &mut content);
            let header = classifier::Header {
                algorithm,
                params,
                signature,
                link,
                scores,
            };
            (classifier_version(classifier), serde_json::to_vec(&header))
        }
        Body::Onnx(onnx) => {
            let header = onnx::Header {
                algorithm,
                params,
                signature,
                wiring: onnx::write(onnx, &mut content),
            };
            (ONNX_VERSION, serde_json::to_vec(&header))
        }
        Body::Neighbours(remembered) => {
            let header = neighbours::Header {
                algorithm,
                params,
                signature,
                remembered: neighbours::write(remembered, &mut content),
            };
            (NEIGHBOURS_VERSION, serde_json::to_vec(&header))
        }
        Body::Remote(remote) => {
            let header = remote::Header {
                algorithm,
                params,
                signature,
                remote: remote.clone(),
            };
            (REMOTE_VERSION, serde_json::to_vec(&header))
        }
        Body::Blend(members) => {
            let header = blend::Header {
                algorithm,
                params,
                signature,
                members: blend::write(members, &mut content)?,
            };
            (BLEND_VERSION, serde_json::to_vec(&header))
        }
        Body::Prepared(_) => {
            return Err(ArtifactError::Inconsistent(
                "a body that is prepared is prepared itself".to_owned(),
            ));
        }
    };
    let header = header.map_err(|error| ArtifactError::Header(error.to_string()))?;

    let mut versions = version.to_le_bytes().to_vec();
    if let Some(background) = &artifact.background {
        versions.splice(..0, BACKGROUND_VERSION.to_le_bytes());
        background::write(background, &mut content);
    }
    if let Some(columns) = columns {
        versions.splice(..0, PREPARED_VERSION.to_le_bytes());
        prepared::write(columns, &mut content)?;
    }
    let size = MAGIC.len() + versions.len() + 4 + header.len() + content.len() + CHECKSUM_BYTES;
    if size > MAX_BYTES {
        return Err(ArtifactError::TooLarge {
            bytes: size,
            limit: MAX_BYTES,
        });
    }
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&versions);
    bytes.extend_from_slice(&(header.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&header);
    bytes.extend_from_slice(&content);
    bytes.extend_from_slice(&Sha256::digest(&bytes));
    Ok(bytes)
}

/// The lowest that can tell it, which the most releases read.
fn classifier_version(classifier: &Classifier) -> u16 {
    let is_densities = |score: &Score| matches!(score, Score::Densities(_));
    if classifier.link == Link::Shares || classifier.scores.iter().any(is_densities) {
        SHARES_VERSION
    } else {
        CLASSIFIER_VERSION
    }
}

/// Writes the numbers, and says what they are.
fn write_linear(linear: &Linear, out: &mut Vec<u8>) -> Vec<TransformKind> {
    let (numbers, transforms) = disassemble(linear);
    out.extend_from_slice(&(numbers.len() as u32).to_le_bytes());
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    transforms
}

/// A linear model as its numbers, and what they are.
fn disassemble(linear: &Linear) -> (Vec<f64>, Vec<TransformKind>) {
    let mut numbers = vec![linear.intercept];
    let mut kinds = Vec::with_capacity(linear.transforms.len());
    for transform in &linear.transforms {
        kinds.push(match transform {
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
    (numbers, kinds)
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

    let is_prepared = version == PREPARED_VERSION;
    let version = if is_prepared {
        u16::from_le_bytes(reader.array("in its body's version")?)
    } else {
        version
    };
    let has_background = version == BACKGROUND_VERSION;
    let version = if has_background {
        u16::from_le_bytes(reader.array("in its body's version")?)
    } else {
        version
    };
    if !(1..=FORMAT_VERSION).contains(&version)
        || [BACKGROUND_VERSION, PREPARED_VERSION].contains(&version)
    {
        return Err(ArtifactError::Inconsistent(format!(
            "its body has the format version {version}, which is none of a body"
        )));
    }
    let header_length = reader.length("in its header's length")?;
    let header = reader.take(header_length, "in its header")?;
    let mut artifact = match version {
        LINEAR_VERSION | EXPONENTIAL_VERSION => {
            let header: LinearHeader = parse(header)?;
            let linear = read_linear(header.transforms, &mut reader)?;
            Artifact {
                algorithm: header.algorithm,
                params: header.params,
                signature: header.signature,
                body: if version == EXPONENTIAL_VERSION {
                    Body::Exponential(linear)
                } else {
                    Body::Linear(linear)
                },
                background: None,
            }
        }
        TREES_VERSION => {
            let header: TreesHeader = parse(header)?;
            Artifact {
                algorithm: header.algorithm,
                params: header.params,
                signature: header.signature,
                body: Body::Trees(trees::read(&mut reader)?),
                background: None,
            }
        }
        CLASSIFIER_VERSION | SHARES_VERSION => {
            let header: classifier::Header = parse(header)?;
            Artifact {
                algorithm: header.algorithm,
                params: header.params,
                signature: header.signature,
                body: Body::Classifier(classifier::read(header.link, header.scores, &mut reader)?),
                background: None,
            }
        }
        NEIGHBOURS_VERSION => {
            let header: neighbours::Header = parse(header)?;
            Artifact {
                algorithm: header.algorithm,
                params: header.params,
                signature: header.signature,
                body: Body::Neighbours(neighbours::read(header.remembered, &mut reader)?),
                background: None,
            }
        }
        BLEND_VERSION => {
            let header: blend::Header = parse(header)?;
            Artifact {
                algorithm: header.algorithm,
                params: header.params,
                signature: header.signature,
                body: Body::Blend(blend::read(header.members, &mut reader)?),
                background: None,
            }
        }
        REMOTE_VERSION => {
            let header: remote::Header = parse(header)?;
            Artifact {
                algorithm: header.algorithm,
                params: header.params,
                signature: header.signature,
                body: Body::Remote(header.remote),
                background: None,
            }
        }
        _ => {
            let header: onnx::Header = parse(header)?;
            Artifact {
                algorithm: header.algorithm,
                params: header.params,
                signature: header.signature,
                body: Body::Onnx(onnx::read(header.wiring, &mut reader)?),
                background: None,
            }
        }
    };
    if has_background {
        artifact.background = Some(background::read(&artifact.body, &mut reader)?);
    }
    if is_prepared {
        artifact.body = Body::Prepared(Prepared {
            columns: prepared::read(&mut reader)?,
            body: Box::new(artifact.body),
        });
    }
    if reader.rest.len() != CHECKSUM_BYTES {
        return Err(ArtifactError::Inconsistent(
            "bytes stand between the body and the checksum".to_owned(),
        ));
    }
    artifact.check()?;
    Ok(artifact)
}

fn parse<'a, T: Deserialize<'a>>(header: &'a [u8]) -> Result<T, ArtifactError> {
    serde_json::from_slice(header).map_err(|error| ArtifactError::Header(error.to_string()))
}

fn read_linear(
    kinds: Vec<TransformKind>,
    reader: &mut Reader<'_>,
) -> Result<Linear, ArtifactError> {
    let count = reader.length("in its numbers")?;
    let numbers = reader.take(count.saturating_mul(8), "in its numbers")?;
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
    let mut transforms = Vec::with_capacity(kinds.len());
    for kind in kinds {
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
    Ok(Linear {
        intercept,
        transforms,
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
