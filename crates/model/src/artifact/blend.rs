use domain::models::Signature;

use super::{ArtifactError, Body, Link, Score, Trees, check_body, inconsistent, task};

/// Most models of a [`Blend`].
pub const MAX_MEMBERS: usize = 8;

/// Models of the same inputs that answer together. What numbers they predict is averaged; of classes it is the logarithms of their
/// probabilities, which are then scaled to a sum of 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Blend {
    pub members: Vec<BlendMember>,
}

/// One of the models, and what it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct BlendMember {
    /// Above 0; together they are 1.
    pub weight: f64,
    /// A weighted sum, its exponential, trees or a classifier.
    pub body: Body,
}

/// What rounding makes of a sum of 1.
const ROUNDING: f64 = 1e-9;

impl Blend {
    /// Whether what the members say adds up to what they say together: numbers that are sums, and the odds of two classes.
    pub(crate) fn adds_up(&self) -> bool {
        self.members.iter().all(|member| match &member.body {
            Body::Linear(_) | Body::Trees(_) => true,
            Body::Classifier(classifier) => classifier.link == Link::Logistic,
            _ => false,
        })
    }

    pub(super) fn check(&self, signature: &Signature) -> Result<(), ArtifactError> {
        let count = self.members.len();
        if !(2..=MAX_MEMBERS).contains(&count) {
            return inconsistent(format!(
                "{count} models that answer together: 2 to {MAX_MEMBERS} are taken"
            ));
        }
        let mut sum = 0.0;
        for BlendMember { weight, body } in &self.members {
            if !weight.is_finite() || *weight <= 0.0 {
                return inconsistent(format!("a model counts {weight}: it must be above 0"));
            }
            sum += weight;
            let can_be_member = matches!(
                body,
                Body::Linear(_) | Body::Exponential(_) | Body::Trees(_) | Body::Classifier(_)
            );
            if !can_be_member {
                return inconsistent(
                    "a model that answers with others is of a kind that can not".to_owned(),
                );
            }
            if task(body) != signature.output.task {
                return inconsistent("models of two tasks answer together".to_owned());
            }
            check_body(body, signature)?;
        }
        if (sum - 1.0).abs() > ROUNDING {
            return inconsistent(format!("what its models count adds up to {sum}, not to 1"));
        }
        Trees::check_size(self.trees(), &signature.inputs)
    }

    fn trees(&self) -> impl Iterator<Item = &Trees> {
        self.members.iter().flat_map(|member| match &member.body {
            Body::Trees(trees) => vec![trees],
            Body::Classifier(classifier) => {
                let scores = classifier.scores.iter();
                let trees = scores.filter_map(|score| match score {
                    Score::Trees(trees) => Some(trees),
                    _ => None,
                });
                trees.collect()
            }
            _ => Vec::new(),
        })
    }
}
