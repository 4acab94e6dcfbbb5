//! What the header of a classifier says, and the bodies of its scores.

use domain::models::Signature;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{Reader, TransformKind, densities, read_linear, trees, write_linear};
use crate::artifact::{ArtifactError, Classifier, Link, Score};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) algorithm: String,
    pub(super) params: Map<String, Json>,
    pub(super) signature: Signature,
    pub(super) link: LinkKind,
    pub(super) scores: Vec<ScoreKind>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LinkKind {
    Logistic,
    Softmax,
    OneVsRest,
    Shares,
}

/// A score without its body.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ScoreKind {
    Linear { transforms: Vec<TransformKind> },
    Trees,
    Densities { inputs: usize },
}

pub(super) fn write(classifier: &Classifier, out: &mut Vec<u8>) -> (LinkKind, Vec<ScoreKind>) {
    let link = match classifier.link {
        Link::Logistic => LinkKind::Logistic,
        Link::Softmax => LinkKind::Softmax,
        Link::OneVsRest => LinkKind::OneVsRest,
        Link::Shares => LinkKind::Shares,
    };
    let scores = classifier.scores.iter().map(|score| match score {
        Score::Linear(linear) => ScoreKind::Linear {
            transforms: write_linear(linear, out),
        },
        Score::Trees(trees) => {
            trees::write(trees, out);
            ScoreKind::Trees
        }
        Score::Densities(score) => ScoreKind::Densities {
            inputs: densities::write(score, out),
        },
    });
    (link, scores.collect())
}

pub(super) fn read(
    link: LinkKind,
    kinds: Vec<ScoreKind>,
    reader: &mut Reader<'_>,
) -> Result<Classifier, ArtifactError> {
    let scores = kinds.into_iter().map(|kind| {
        Ok(match kind {
            ScoreKind::Linear { transforms } => Score::Linear(read_linear(transforms, reader)?),
            ScoreKind::Trees => Score::Trees(trees::read(reader)?),
            ScoreKind::Densities { inputs } => Score::Densities(densities::read(inputs, reader)?),
        })
    });
    let scores: Result<_, ArtifactError> = scores.collect();
    Ok(Classifier {
        link: match link {
            LinkKind::Logistic => Link::Logistic,
            LinkKind::Softmax => Link::Softmax,
            LinkKind::OneVsRest => Link::OneVsRest,
            LinkKind::Shares => Link::Shares,
        },
        scores: scores?,
    })
}
