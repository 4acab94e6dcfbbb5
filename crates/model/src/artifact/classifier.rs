use std::collections::HashSet;

use domain::models::{InputField, Signature};
use domain::training_runs::MAX_CLASSES;

use super::{ArtifactError, Densities, Linear, Trees, inconsistent};

/// Scores of a row, and how they become a probability for each class.
#[derive(Clone, Debug, PartialEq)]
pub struct Classifier {
    pub link: Link,
    /// As many as the link takes. Each takes all inputs.
    pub scores: Vec<Score>,
}

/// From scores to probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Of two classes, one score: the logarithm of the second one's odds.
    Logistic,
    /// A score for each class, in their order, which together say how the classes compare.
    Softmax,
    /// A score for each class, in their order: the logarithm of its odds against all others. Their probabilities are scaled to a
    /// sum of 1.
    OneVsRest,
    /// Of two classes, one score: the second one's probability. Of more a score for each class, in their order: its probability.
    Shares,
}

/// What one score is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Score {
    Linear(Linear),
    Trees(Trees),
    Densities(Densities),
}

impl Link {
    /// How many scores it takes for so many classes.
    pub(crate) fn scores(self, classes: usize) -> usize {
        match self {
            Self::Logistic => 1,
            Self::Shares if classes == 2 => 1,
            Self::Softmax | Self::OneVsRest | Self::Shares => classes,
        }
    }
}

impl Classifier {
    pub(super) fn check(&self, signature: &Signature) -> Result<(), ArtifactError> {
        let classes = signature.output.classes.as_deref().unwrap_or_default();
        let count = classes.len();
        if count < 2 {
            return inconsistent(format!(
                "{count} classes: a classifier tells at least 2 apart"
            ));
        }
        if count > MAX_CLASSES {
            return inconsistent(format!("{count} classes: at most {MAX_CLASSES} are taken"));
        }
        if classes.iter().collect::<HashSet<_>>().len() != count {
            return inconsistent("a class stands twice".to_owned());
        }
        if self.link == Link::Logistic && count != 2 {
            return inconsistent(format!(
                "a logistic link tells 2 classes apart, not {count}"
            ));
        }
        let scores = self.link.scores(count);
        if self.scores.len() != scores {
            return inconsistent(format!(
                "{} scores, but {scores} are needed for {count} classes",
                self.scores.len()
            ));
        }
        let trees = self.scores.iter().filter_map(|score| match score {
            Score::Trees(trees) => Some(trees),
            Score::Linear(_) | Score::Densities(_) => None,
        });
        Trees::check_size(trees, &signature.inputs)?;
        self.scores
            .iter()
            .try_for_each(|score| score.check(&signature.inputs))
    }
}

impl Score {
    fn check(&self, inputs: &[InputField]) -> Result<(), ArtifactError> {
        match self {
            Self::Linear(linear) => linear.check(inputs),
            Self::Trees(trees) => trees.check(inputs),
            Self::Densities(densities) => densities.check(inputs),
        }
    }
}
