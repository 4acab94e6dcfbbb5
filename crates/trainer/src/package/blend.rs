//! Several packaged models as one, which takes what any of them takes.

use std::collections::BTreeSet;

use domain::models::{DroppedColumn, Importance, InputField};
use model::{
    Artifact, Blend, BlendMember, Body, Classifier, Densities, Density, Linear, Node, Score,
    Transform, Trees,
};

use super::Packaged;

/// Of models that were made of the same features, with what each counts. None where one of them is of a kind that can not answer
/// with others.
pub(crate) fn blend(members: Vec<(f64, Packaged)>) -> Option<Packaged> {
    let used: BTreeSet<usize> = members
        .iter()
        .flat_map(|(_, member)| member.used.iter().copied())
        .collect();
    let used: Vec<usize> = used.into_iter().collect();
    let inputs: Option<Vec<InputField>> =
        used.iter().map(|&place| input(&members, place)).collect();
    let inputs = inputs?;
    let dropped = dropped(&members);
    let importances = importances(&members);
    let (_, first) = members.first()?;
    let mut artifact = Artifact {
        algorithm: first.artifact.algorithm.clone(),
        params: first.artifact.params.clone(),
        signature: first.artifact.signature.clone(),
        body: Body::Blend(Blend {
            members: Vec::new(),
        }),
        background: None,
    };
    let bodies: Option<Vec<BlendMember>> = members
        .into_iter()
        .map(|(weight, member)| {
            let wider = Wider {
                own: member.used,
                used: &used,
                inputs: &inputs,
            };
            let body = wider.body(member.artifact.body)?;
            Some(BlendMember { weight, body })
        })
        .collect();
    artifact.body = Body::Blend(Blend { members: bodies? });
    artifact.signature.inputs = inputs;
    Some(Packaged {
        artifact,
        sources: None,
        weighed: used.len(),
        used,
        intercept: 0.0,
        coefficients: Vec::new(),
        importances,
        dropped,
    })
}

/// Bytes that the trees of a model take in a file.
pub(crate) fn bytes(body: &Body) -> usize {
    let of = |trees: &Trees| trees.trees.iter().map(model::Tree::bytes).sum::<usize>();
    match body {
        Body::Trees(trees) => of(trees),
        Body::Classifier(classifier) => {
            let scores = classifier.scores.iter();
            let bytes = scores.map(|score| match score {
                Score::Trees(trees) => of(trees),
                _ => 0,
            });
            bytes.sum()
        }
        _ => 0,
    }
}

/// Of those that take the feature: what stands in for a missing value is said where it is the same for all of them.
fn input(members: &[(f64, Packaged)], place: usize) -> Option<InputField> {
    let mut fields = members.iter().filter_map(|(_, member)| {
        let slot = member.used.iter().position(|used| *used == place)?;
        member.artifact.signature.inputs.get(slot)
    });
    let mut field = fields.next()?.clone();
    if fields.any(|other| other.impute != field.impute) {
        field.impute = None;
    }
    Some(field)
}

/// What none of them takes.
fn dropped(members: &[(f64, Packaged)]) -> Vec<DroppedColumn> {
    let Some(((_, first), others)) = members.split_first() else {
        return Vec::new();
    };
    let is_dropped = |column: &&DroppedColumn| {
        others.iter().all(|(_, other)| {
            let mut columns = other.dropped.iter();
            columns.any(|other| other.column == column.column)
        })
    };
    first.dropped.iter().filter(is_dropped).cloned().collect()
}

/// Of those that are trees, each as much as it counts.
fn importances(members: &[(f64, Packaged)]) -> Vec<Importance> {
    let mut all: Vec<Importance> = Vec::new();
    let trees = members
        .iter()
        .filter(|(_, member)| !member.importances.is_empty());
    let whole: f64 = trees.clone().map(|(weight, _)| weight).sum();
    for (weight, member) in trees {
        for importance in &member.importances {
            let share = importance.gain * weight / whole;
            match all
                .iter_mut()
                .find(|known| known.feature == importance.feature)
            {
                Some(known) => {
                    known.gain += share;
                    known.splits += importance.splits;
                }
                None => all.push(Importance {
                    gain: share,
                    ..importance.clone()
                }),
            }
        }
    }
    all.sort_by(|a, b| {
        b.gain
            .total_cmp(&a.gain)
            .then_with(|| a.feature.cmp(&b.feature))
    });
    all
}

/// From a model's own inputs to those of all.
struct Wider<'a> {
    /// Places of the features that the model takes, in its order.
    own: Vec<usize>,
    /// Those that any takes.
    used: &'a [usize],
    inputs: &'a [InputField],
}

impl Wider<'_> {
    fn body(&self, body: Body) -> Option<Body> {
        Some(match body {
            Body::Linear(linear) => Body::Linear(self.linear(linear)),
            Body::Exponential(linear) => Body::Exponential(self.linear(linear)),
            Body::Trees(trees) => Body::Trees(self.trees(trees)?),
            Body::Classifier(Classifier { link, scores }) => {
                let scores = scores.into_iter().map(|score| {
                    Some(match score {
                        Score::Linear(linear) => Score::Linear(self.linear(linear)),
                        Score::Trees(trees) => Score::Trees(self.trees(trees)?),
                        Score::Densities(densities) => Score::Densities(self.densities(densities)),
                    })
                });
                let scores: Option<Vec<Score>> = scores.collect();
                Body::Classifier(Classifier {
                    link,
                    scores: scores?,
                })
            }
            _ => return None,
        })
    }

    /// Of each input of all, what the model has for it, or what says nothing.
    fn each<T>(&self, own: Vec<T>, nothing: impl Fn(&InputField) -> T) -> Vec<T> {
        let mut own: Vec<Option<T>> = own.into_iter().map(Some).collect();
        let pairs = self.used.iter().zip(self.inputs);
        let each = pairs.map(|(place, input)| {
            let slot = self.own.iter().position(|used| used == place);
            let known = slot.and_then(|slot| own.get_mut(slot)?.take());
            known.unwrap_or_else(|| nothing(input))
        });
        each.collect()
    }

    fn linear(&self, linear: Linear) -> Linear {
        Linear {
            intercept: linear.intercept,
            transforms: self.each(linear.transforms, |input| match &input.categories {
                None => Transform::Numeric {
                    impute: 0.0,
                    mean: 0.0,
                    std: 1.0,
                    coefficient: 0.0,
                },
                Some(categories) => Transform::Categorical {
                    impute: 0,
                    effects: vec![0.0; categories.len()],
                    other: 0.0,
                },
            }),
        }
    }

    fn densities(&self, densities: Densities) -> Densities {
        Densities {
            base: densities.base,
            terms: self.each(densities.terms, |input| match &input.categories {
                None => Density::Ranges {
                    cuts: Vec::new(),
                    terms: vec![0.0],
                },
                Some(categories) => Density::Categorical {
                    terms: vec![0.0; categories.len()],
                    other: 0.0,
                },
            }),
        }
    }

    fn trees(&self, mut trees: Trees) -> Option<Trees> {
        let places: Option<Vec<u32>> = self
            .own
            .iter()
            .map(|place| {
                let slot = self.used.iter().position(|used| used == place)?;
                u32::try_from(slot).ok()
            })
            .collect();
        let places = places?;
        for node in trees.trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
            if let Node::Split(split) = node {
                split.input = *places.get(split.input as usize)?;
            }
        }
        Some(trees)
    }
}
