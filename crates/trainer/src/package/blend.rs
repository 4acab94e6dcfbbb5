//! Several packaged models as one, which takes what any of them takes.

use std::collections::BTreeSet;

use domain::models::{DroppedColumn, Importance, InputField};
use model::{
    Artifact, Blend, BlendMember, Body, Classifier, Densities, Density, Linear, Node, Score, Test,
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
            let fields = &member.artifact.signature.inputs;
            let own = member.used.iter().copied().zip(fields);
            let wider = Wider {
                own: own
                    .map(|(place, field)| Own::new(place, field, &used, &inputs))
                    .collect(),
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

/// Of those that take the feature, what the one says that tells most categories apart: what stands in for a missing value is said
/// where it is the same for all of them.
fn input(members: &[(f64, Packaged)], place: usize) -> Option<InputField> {
    let fields = members.iter().filter_map(|(_, member)| {
        let slot = member.used.iter().position(|used| *used == place)?;
        member.artifact.signature.inputs.get(slot)
    });
    let told_apart = |field: &InputField| field.categories.as_ref().map_or(0, Vec::len);
    let widest = fields.clone().reduce(|widest, next| {
        if told_apart(next) > told_apart(widest) {
            next
        } else {
            widest
        }
    });
    let mut field = widest?.clone();
    if fields.into_iter().any(|other| other.impute != field.impute) {
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
    /// Of each input that the model takes, in its order.
    own: Vec<Own>,
    /// Those that any takes.
    inputs: &'a [InputField],
}

/// An input of a model among those of all.
struct Own {
    /// Its place.
    place: Option<usize>,
    /// Of each of its categories there, the model's own; none of those that the model does not tell apart. Nothing where they are the
    /// same.
    categories: Option<Vec<Option<usize>>>,
}

impl Own {
    fn new(feature: usize, field: &InputField, used: &[usize], inputs: &[InputField]) -> Self {
        let place = used.iter().position(|used| *used == feature);
        let all = place.and_then(|place| inputs.get(place)?.categories.as_ref());
        let categories = match (all, &field.categories) {
            (Some(all), Some(own)) if all != own => {
                let of = |name: &String| own.iter().position(|own| own == name);
                Some(all.iter().map(of).collect())
            }
            _ => None,
        };
        Self { place, categories }
    }

    /// Of each category, what the model has for its own, or for any that it does not tell apart.
    fn of_each<T: Copy>(&self, own: Vec<T>, other: T) -> Vec<T> {
        let Some(categories) = &self.categories else {
            return own;
        };
        let each = categories.iter();
        each.map(|place| {
            place
                .and_then(|place| own.get(place).copied())
                .unwrap_or(other)
        })
        .collect()
    }

    /// Where one of the model's own stands.
    fn category(&self, own: u32) -> u32 {
        let place = self.categories.as_ref().and_then(|categories| {
            let mut categories = categories.iter();
            categories.position(|place| *place == Some(own as usize))
        });
        place.map_or(own, |place| place as u32)
    }
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
        let mut each: Vec<Option<T>> = self.inputs.iter().map(|_| None).collect();
        for (known, own) in own.into_iter().zip(&self.own) {
            if let Some(slot) = own.place.and_then(|place| each.get_mut(place)) {
                *slot = Some(known);
            }
        }
        let pairs = each.into_iter().zip(self.inputs);
        pairs
            .map(|(known, input)| known.unwrap_or_else(|| nothing(input)))
            .collect()
    }

    fn linear(&self, linear: Linear) -> Linear {
        let transforms = linear.transforms.into_iter().zip(&self.own);
        let transforms = transforms.map(|(transform, own)| match transform {
            Transform::Categorical {
                impute,
                effects,
                other,
            } => Transform::Categorical {
                impute: own.category(impute),
                effects: own.of_each(effects, other),
                other,
            },
            numeric @ Transform::Numeric { .. } => numeric,
        });
        Linear {
            intercept: linear.intercept,
            transforms: self.each(transforms.collect(), |input| match &input.categories {
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
        let terms = densities.terms.into_iter().zip(&self.own);
        let terms = terms.map(|(term, own)| match term {
            Density::Categorical { terms, other } => Density::Categorical {
                terms: own.of_each(terms, other),
                other,
            },
            ranges @ Density::Ranges { .. } => ranges,
        });
        Densities {
            base: densities.base,
            terms: self.each(terms.collect(), |input| match &input.categories {
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
        for node in trees.trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
            let Node::Split(split) = node else {
                continue;
            };
            let own = self.own.get(split.input as usize)?;
            split.input = u32::try_from(own.place?).ok()?;
            if let (Test::Among { categories, other }, Some(all)) =
                (&mut split.test, &own.categories)
            {
                let goes_left = |place: &Option<usize>| match place {
                    Some(place) => categories.binary_search(&(*place as u32)).is_ok(),
                    None => *other,
                };
                let all = (0_u32..).zip(all);
                let left = all.filter(|(_, place)| goes_left(place));
                *categories = left.map(|(category, _)| category).collect();
            }
        }
        Some(trees)
    }
}
