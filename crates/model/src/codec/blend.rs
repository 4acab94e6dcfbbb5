//! What the header of a blend says, and the bodies of its members, one behind the other.

use domain::models::Signature;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::classifier::{self, LinkKind, ScoreKind};
use super::{Reader, TransformKind, read_linear, trees, write_linear};
use crate::artifact::{ArtifactError, Blend, BlendMember, Body};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) algorithm: String,
    pub(super) params: Map<String, Json>,
    pub(super) signature: Signature,
    pub(super) members: Vec<MemberHeader>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberHeader {
    weight: f64,
    body: MemberKind,
}

/// A member without its body.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum MemberKind {
    Linear {
        transforms: Vec<TransformKind>,
    },
    Exponential {
        transforms: Vec<TransformKind>,
    },
    Trees,
    Classifier {
        link: LinkKind,
        scores: Vec<ScoreKind>,
    },
}

/// # Errors
/// A member of a kind that can not be one.
pub(super) fn write(blend: &Blend, out: &mut Vec<u8>) -> Result<Vec<MemberHeader>, ArtifactError> {
    let members = blend.members.iter().map(|member| {
        let body = match &member.body {
            Body::Linear(linear) => MemberKind::Linear {
                transforms: write_linear(linear, out),
            },
            Body::Exponential(linear) => MemberKind::Exponential {
                transforms: write_linear(linear, out),
            },
            Body::Trees(body) => {
                trees::write(body, out);
                MemberKind::Trees
            }
            Body::Classifier(classifier) => {
                let (link, scores) = classifier::write(classifier, out);
                MemberKind::Classifier { link, scores }
            }
            _ => {
                return Err(ArtifactError::Inconsistent(
                    "a model that answers with others is of a kind that can not".to_owned(),
                ));
            }
        };
        Ok(MemberHeader {
            weight: member.weight,
            body,
        })
    });
    members.collect()
}

pub(super) fn read(
    members: Vec<MemberHeader>,
    reader: &mut Reader<'_>,
) -> Result<Blend, ArtifactError> {
    let members = members.into_iter().map(|member| {
        let body = match member.body {
            MemberKind::Linear { transforms } => Body::Linear(read_linear(transforms, reader)?),
            MemberKind::Exponential { transforms } => {
                Body::Exponential(read_linear(transforms, reader)?)
            }
            MemberKind::Trees => Body::Trees(trees::read(reader)?),
            MemberKind::Classifier { link, scores } => {
                Body::Classifier(classifier::read(link, scores, reader)?)
            }
        };
        Ok(BlendMember {
            weight: member.weight,
            body,
        })
    });
    let members: Result<_, ArtifactError> = members.collect();
    Ok(Blend { members: members? })
}
