//! What each input of a row adds to what the model says of it.

use domain::predictions::Scale;

use super::classifier;
use super::densities::Evidence;
use super::forest::{Covers, Forest};
use super::linear::{Terms, offset};
use super::{Kernel, PredictError, Predictor, Value};
use crate::artifact::{Artifact, Linear, Link, Reference, Sum};

/// Of one score, or of a regression's prediction. `base` and the contributions add up to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What the model says of the training rows on average. Of a weighted sum whose artifact has no background: what it says where
    /// each number is the training rows' mean, and each category the one that the others are measured against.
    pub base: f64,
    /// Of each input, in the signature's order.
    pub contributions: Vec<f64>,
}

/// Why a model says nothing of what its inputs add.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotExplainable {
    #[error(
        "it was trained before versions kept what explanations need, or is too large to keep it: train it again"
    )]
    NoBackground,
    #[error("its trees are too many or too deep to be explained while somebody waits")]
    TooLarge,
    #[error("only models that were trained here can be explained")]
    Foreign,
    #[error(
        "it compares whole rows with those that it remembers, and no input has a share of its own"
    )]
    Compared,
    #[error("it is several models that answer together, and what they say does not add up")]
    Blended,
}

/// Multiplications and additions that a request may take: a few seconds.
const MOST_STEPS: u64 = 2_000_000_000;
/// What each contribution counts beside those, so that an answer has no more than a million.
const TOLD: u64 = 2_000;

/// What explanations need besides the kernel.
#[derive(Clone, Debug)]
pub(super) struct Explainer {
    /// One for each score.
    measures: Box<[Measure]>,
    /// Rows that a request may have.
    most_rows: usize,
}

#[derive(Clone, Debug)]
enum Measure {
    Terms {
        base: f64,
        /// What is taken off each term: its mean, and what its transform takes off.
        means: Box<[f64]>,
    },
    Covers(Covers),
}

/// The kernel of one score.
enum Part<'a> {
    Linear(&'a Terms),
    Forest(&'a Forest),
    Densities(&'a Evidence),
}

impl Kernel {
    /// In the scores' order.
    fn parts(&self) -> Vec<Part<'_>> {
        match self {
            Self::Linear(terms) | Self::Exponential(terms) => vec![Part::Linear(terms)],
            Self::Forest(forest) => vec![Part::Forest(forest)],
            // The members of a blend explain themselves, and so does what is prepared.
            Self::Graph(_)
            | Self::Blend(_)
            | Self::Prepared(_)
            | Self::Remote(_)
            | Self::Neighbours(_) => Vec::new(),
            Self::Classifier(scores) => {
                let parts = scores.kernels().iter().map(|kernel| match kernel {
                    classifier::Kernel::Linear(terms) => Part::Linear(terms),
                    classifier::Kernel::Forest(forest) => Part::Forest(forest),
                    classifier::Kernel::Densities(evidence) => Part::Densities(evidence),
                });
                parts.collect()
            }
        }
    }
}

impl Explainer {
    pub(super) fn new(artifact: &Artifact, kernel: &Kernel) -> Result<Self, NotExplainable> {
        let references = artifact
            .background
            .as_ref()
            .map_or(&[][..], |background| background.scores.as_slice());
        let mut measures = Vec::new();
        let mut cost = 0;
        let sums = artifact.body.sums().into_iter().zip(kernel.parts());
        for (place, (sum, part)) in sums.enumerate() {
            let measure = match (sum, part, references.get(place)) {
                (Sum::Linear(linear), _, Some(Reference::Means(means))) => {
                    Measure::terms(linear, means)
                }
                (Sum::Linear(linear), _, _) => {
                    Measure::terms(linear, &vec![0.0; linear.transforms.len()])
                }
                (Sum::Densities(densities), _, Some(Reference::Means(means))) => Measure::Terms {
                    base: densities.base + means.iter().sum::<f64>(),
                    means: means.clone().into_boxed_slice(),
                },
                (Sum::Trees(_), Part::Forest(forest), Some(Reference::Covers(covers))) => {
                    let covers = Covers::new(forest, covers);
                    Measure::Covers(covers.ok_or(NotExplainable::TooLarge)?)
                }
                _ => return Err(NotExplainable::NoBackground),
            };
            cost += artifact.signature.inputs.len() as u64 * TOLD;
            if let Measure::Covers(covers) = &measure {
                cost += covers.cost;
            }
            measures.push(measure);
        }
        if let Kernel::Neighbours(_) = kernel {
            return Err(NotExplainable::Compared);
        }
        if measures.is_empty() {
            return Err(NotExplainable::Foreign);
        }
        let most_rows = MOST_STEPS.checked_div(cost).unwrap_or(MOST_STEPS);
        if most_rows == 0 {
            return Err(NotExplainable::TooLarge);
        }
        Ok(Self {
            measures: measures.into_boxed_slice(),
            most_rows: usize::try_from(most_rows).unwrap_or(usize::MAX),
        })
    }
}

impl Measure {
    fn terms(linear: &Linear, means: &[f64]) -> Self {
        let transforms = linear.transforms.iter().zip(means);
        Self::Terms {
            base: linear.intercept + means.iter().sum::<f64>(),
            means: transforms
                .map(|(transform, mean)| mean + offset(transform))
                .collect(),
        }
    }

    fn explain(&self, part: &Part<'_>, row: &[Value]) -> Result<Explanation, PredictError> {
        let (base, contributions) = match (self, part) {
            (Self::Terms { base, means }, Part::Linear(terms)) => {
                let pairs = terms.terms(row)?.zip(means);
                let contributions: Result<Vec<f64>, PredictError> =
                    pairs.map(|(term, mean)| Ok(term? - mean)).collect();
                (*base, contributions?)
            }
            (Self::Terms { base, means }, Part::Densities(evidence)) => {
                let pairs = evidence.terms(row)?.zip(means);
                let contributions: Result<Vec<f64>, PredictError> =
                    pairs.map(|(term, mean)| Ok(term? - mean)).collect();
                (*base, contributions?)
            }
            (Self::Covers(covers), Part::Forest(forest)) => {
                let mut contributions = vec![0.0; row.len()];
                covers.explain(forest, row, &mut contributions)?;
                (covers.base, contributions)
            }
            // Both were made of the same artifact.
            _ => return Err(NotExplainable::NoBackground.into()),
        };
        let explanation = Explanation {
            base,
            contributions,
        };
        if explanation.is_finite() {
            Ok(explanation)
        } else {
            Err(PredictError::NotFinite)
        }
    }
}

impl Explanation {
    fn is_finite(&self) -> bool {
        self.base.is_finite() && self.contributions.iter().all(|part| part.is_finite())
    }
}

impl Predictor {
    /// What each input adds to what the model says of a row: of a regression one explanation, of a classifier one for each score.
    /// [`Self::scale`] says what they add up to, and [`Self::explained_class`] what each of them is about.
    ///
    /// Of a weighted sum a contribution is what the input's term is above the mean of the training rows. Of trees it is its Shapley
    /// value, when an input that does not play is averaged over as the training rows went at each split.
    ///
    /// # Errors
    /// As [`Self::predict`], and for a model that can not be explained.
    pub fn explain(&self, row: &[Value]) -> Result<Vec<Explanation>, PredictError> {
        if let Kernel::Blend(blend) = &self.kernel {
            return blend.explain(row);
        }
        if let Kernel::Prepared(prepared) = &self.kernel {
            return prepared.explain(row);
        }
        let explainer = self.explainer.as_ref().map_err(|why| *why)?;
        let parts = self.kernel.parts();
        let pairs = explainer.measures.iter().zip(&parts);
        pairs
            .map(|(measure, part)| measure.explain(part, row))
            .collect()
    }

    /// How many rows may be explained for somebody who waits: it may take a second or more for each.
    ///
    /// # Errors
    /// Why none can be.
    pub fn explainable_rows(&self) -> Result<usize, NotExplainable> {
        if let Kernel::Blend(blend) = &self.kernel {
            return blend.explainable_rows();
        }
        if let Kernel::Prepared(prepared) = &self.kernel {
            return prepared.model.explainable_rows();
        }
        match &self.explainer {
            Ok(explainer) => Ok(explainer.most_rows),
            Err(why) => Err(*why),
        }
    }

    /// What an explanation adds up to.
    pub fn scale(&self) -> Scale {
        match &self.kernel {
            Kernel::Linear(_) | Kernel::Forest(_) | Kernel::Graph(_) | Kernel::Remote(_) => {
                Scale::Prediction
            }
            Kernel::Exponential(_) => Scale::LogPrediction,
            Kernel::Blend(blend) => blend.scale(),
            Kernel::Prepared(prepared) => prepared.model.scale(),
            Kernel::Neighbours(_) if self.classes().is_some() => Scale::Probability,
            Kernel::Neighbours(_) => Scale::Prediction,
            Kernel::Classifier(scores) => match scores.link() {
                Link::Logistic | Link::OneVsRest => Scale::LogOdds,
                Link::Softmax => Scale::Score,
                Link::Shares => Scale::Probability,
            },
        }
    }

    /// The class that the explanation at this place is about; none of a regression.
    pub fn explained_class(&self, place: usize) -> Option<&str> {
        if let Kernel::Prepared(prepared) = &self.kernel {
            return prepared.model.explained_class(place);
        }
        let classes = self.classes()?;
        let place = match &self.kernel {
            // Of two classes that have one score, it is the second one's.
            Kernel::Classifier(scores) if scores.kernels().len() == 1 => 1,
            // Of more it says nothing.
            Kernel::Blend(_) => 1,
            _ => place,
        };
        classes.get(place).map(String::as_str)
    }
}
