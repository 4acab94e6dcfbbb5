use domain::models::Signature;

use super::densities::Evidence;
use super::forest::Forest;
use super::linear::Terms;
use super::{PredictError, Value};
use crate::artifact::{Classifier, Link, Score};

/// A classifier prepared for speed: its scores, each prepared as a regressor is.
#[derive(Clone, Debug)]
pub(super) struct Scores {
    link: Link,
    classes: usize,
    kernels: Box<[Kernel]>,
}

#[derive(Clone, Debug)]
pub(super) enum Kernel {
    Linear(Terms),
    Forest(Forest),
    Densities(Evidence),
}

impl Scores {
    pub(super) fn new(classifier: &Classifier, signature: &Signature) -> Self {
        Self {
            link: classifier.link,
            classes: signature.output.classes.as_ref().map_or(0, Vec::len),
            kernels: classifier
                .scores
                .iter()
                .map(|score| match score {
                    Score::Linear(linear) => Kernel::Linear(Terms::new(linear)),
                    Score::Trees(trees) => Kernel::Forest(Forest::new(trees, &signature.inputs)),
                    Score::Densities(densities) => Kernel::Densities(Evidence::new(densities)),
                })
                .collect(),
        }
    }

    pub(super) fn link(&self) -> Link {
        self.link
    }

    /// One for each score.
    pub(super) fn kernels(&self) -> &[Kernel] {
        &self.kernels
    }

    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    /// As of a forest, over all scores.
    pub(super) fn steps_of_row(&self) -> usize {
        let steps = self.kernels.iter().map(|kernel| match kernel {
            Kernel::Forest(forest) => forest.steps_of_row(),
            Kernel::Linear(_) | Kernel::Densities(_) => 0,
        });
        steps.sum()
    }

    pub(super) fn predict(&self, row: &[Value], out: &mut [f64]) -> Result<(), PredictError> {
        if out.len() != self.classes {
            return Err(PredictError::WrongWidth {
                width: self.classes,
                room: out.len(),
            });
        }
        for (kernel, score) in self.kernels.iter().zip(&mut *out) {
            *score = match kernel {
                Kernel::Linear(terms) => terms.predict(row)?,
                Kernel::Forest(forest) => forest.predict(row)?,
                Kernel::Densities(evidence) => evidence.predict(row)?,
            };
        }
        link(self.link, out)
    }

    /// `out` has room for exactly these rows.
    pub(super) fn predict_batch<R: AsRef<[Value]>>(
        &self,
        rows: &[R],
        out: &mut [f64],
    ) -> Vec<Result<(), PredictError>> {
        let width = self.classes;
        let mut done = vec![Ok(()); rows.len()];
        for (place, kernel) in self.kernels.iter().enumerate() {
            match kernel {
                Kernel::Forest(forest) => {
                    forest.predict_batch(rows, (width, place), out, &mut done);
                }
                Kernel::Linear(terms) => {
                    each(rows, (width, place), out, &mut done, |row| {
                        terms.predict(row)
                    });
                }
                Kernel::Densities(evidence) => {
                    each(rows, (width, place), out, &mut done, |row| {
                        evidence.predict(row)
                    });
                }
            }
        }
        for (out, done) in out.chunks_mut(width).zip(&mut done) {
            *done = done.and_then(|()| link(self.link, out));
        }
        done
    }
}

/// Puts the score of each row to its place in `out`, which has `width` numbers for each: the one at `place`. Rows that have failed
/// already are passed over.
fn each<R: AsRef<[Value]>>(
    rows: &[R],
    (width, place): (usize, usize),
    out: &mut [f64],
    done: &mut [Result<(), PredictError>],
    predict: impl Fn(&[Value]) -> Result<f64, PredictError>,
) {
    for ((row, out), done) in rows.iter().zip(out.chunks_mut(width)).zip(done) {
        match (&*done, predict(row.as_ref())) {
            (Ok(()), Ok(score)) => out[place] = score,
            (Ok(()), Err(error)) => *done = Err(error),
            (Err(_), _) => {}
        }
    }
}

/// Turns the scores at the beginning of `out` into a probability for each class.
fn link(link: Link, out: &mut [f64]) -> Result<(), PredictError> {
    let scores = link.scores(out.len());
    if !out[..scores].iter().all(|score| score.is_finite()) {
        return Err(PredictError::NotFinite);
    }
    match link {
        Link::Logistic => {
            let score = out[0];
            // Each by itself: the smaller one would lose its digits as what the larger one leaves of 1.
            out[0] = logistic(-score);
            out[1] = logistic(score);
        }
        Link::Softmax => softmax(out),
        Link::Shares => shares(out),
        Link::OneVsRest => {
            let sum: f64 = out.iter().copied().map(logistic).sum();
            if sum > f64::MIN_POSITIVE {
                for score in out {
                    *score = logistic(*score) / sum;
                }
            } else {
                // So far out the odds are the probabilities.
                softmax(out);
            }
        }
    }
    Ok(())
}

fn logistic(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

/// Sums of trees are probabilities but for what rounding makes of them.
fn shares(out: &mut [f64]) {
    if let [first, second] = out {
        let share = first.clamp(0.0, 1.0);
        (*first, *second) = (1.0 - share, share);
        return;
    }
    let classes = out.len() as f64;
    let mut sum = 0.0;
    for share in &mut *out {
        *share = share.clamp(0.0, 1.0);
        sum += *share;
    }
    for share in out {
        *share = if sum > 0.0 {
            *share / sum
        } else {
            1.0 / classes
        };
    }
}

fn softmax(scores: &mut [f64]) {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in &mut *scores {
        *score = (*score - largest).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}

/// The place of the class with the highest probability, the first one where several have it.
#[inline]
#[must_use]
pub fn label(probabilities: &[f64]) -> usize {
    let mut best = 0;
    for (place, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[best] {
            best = place;
        }
    }
    best
}
