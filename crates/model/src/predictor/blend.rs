use domain::predictions::Scale;

use super::explain::{Explanation, NotExplainable};
use super::{PredictError, Predictor, Value, finite};
use crate::artifact::{Artifact, Background, Blend};

/// Models that answer together, each prepared by itself.
#[derive(Clone, Debug)]
pub(super) struct Blended {
    members: Box<[(f64, Predictor)]>,
    /// 1 of a regression.
    width: usize,
    adds_up: bool,
}

/// A class is never taken to be less likely than that: it has a logarithm.
const LEAST: f64 = 1e-15;
/// Room for what a member says of so many classes, which takes no allocation.
const FEW: usize = 16;

impl Blended {
    pub(super) fn new(blend: &Blend, artifact: &Artifact) -> Self {
        let mut scores = artifact
            .background
            .iter()
            .flat_map(|background| background.scores.iter().cloned());
        let members = blend.members.iter().map(|member| {
            let own = scores.by_ref().take(member.body.sums().len()).collect();
            let artifact = Artifact {
                algorithm: String::new(),
                params: serde_json::Map::new(),
                signature: artifact.signature.clone(),
                body: member.body.clone(),
                background: artifact
                    .background
                    .as_ref()
                    .map(|_| Background { scores: own }),
            };
            (member.weight, Predictor::new(&artifact))
        });
        let members: Box<[(f64, Predictor)]> = members.collect();
        Self {
            width: members.first().map_or(1, |(_, first)| first.width()),
            members,
            adds_up: blend.adds_up(),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn gains_from_batches(&self) -> bool {
        let mut members = self.members.iter();
        members.any(|(_, member)| member.gains_from_batches())
    }

    pub(super) fn number(&self, row: &[Value]) -> Result<f64, PredictError> {
        let mut sum = 0.0;
        for (weight, member) in &self.members {
            sum += weight * member.number(row)?;
        }
        finite(sum)
    }

    pub(super) fn predict(&self, row: &[Value], out: &mut [f64]) -> Result<(), PredictError> {
        let (width, room) = (self.width, out.len());
        if room != width {
            return Err(PredictError::WrongWidth { width, room });
        }
        if let [number] = out {
            *number = self.number(row)?;
            return Ok(());
        }
        let (mut few, mut many);
        let said = if width <= FEW {
            few = [0.0; FEW];
            &mut few[..width]
        } else {
            many = vec![0.0; width];
            many.as_mut_slice()
        };
        out.fill(0.0);
        for (weight, member) in &self.members {
            member.predict(row, said)?;
            add(*weight, said, out);
        }
        scale(out);
        Ok(())
    }

    /// `out` has room for exactly these rows.
    pub(super) fn predict_batch<R: AsRef<[Value]>>(
        &self,
        rows: &[R],
        out: &mut [f64],
    ) -> Vec<Result<(), PredictError>> {
        let width = self.width;
        let mut done = vec![Ok(()); rows.len()];
        let mut said = vec![0.0; out.len()];
        out.fill(0.0);
        for (weight, member) in &self.members {
            let now = member.predict_batch(rows, &mut said);
            for (done, now) in done.iter_mut().zip(now) {
                *done = done.and(now);
            }
            if width == 1 {
                for (sum, said) in out.iter_mut().zip(&said) {
                    *sum += weight * said;
                }
            } else {
                for (sums, said) in out.chunks_mut(width).zip(said.chunks(width)) {
                    add(*weight, said, sums);
                }
            }
        }
        for (out, done) in out.chunks_mut(width).zip(&mut done) {
            if width > 1 {
                scale(out);
            } else {
                *done = done.and_then(|()| finite(out[0]).map(drop));
            }
        }
        done
    }

    /// The members' own, each as much as it counts.
    pub(super) fn explain(&self, row: &[Value]) -> Result<Vec<Explanation>, PredictError> {
        self.explainable_rows()?;
        let mut sum: Option<Explanation> = None;
        for (weight, member) in &self.members {
            for own in member.explain(row)? {
                let sum = sum.get_or_insert_with(|| Explanation {
                    base: 0.0,
                    contributions: vec![0.0; own.contributions.len()],
                });
                sum.base += weight * own.base;
                for (sum, part) in sum.contributions.iter_mut().zip(&own.contributions) {
                    *sum += weight * part;
                }
            }
        }
        Ok(sum.into_iter().collect())
    }

    pub(super) fn explainable_rows(&self) -> Result<usize, NotExplainable> {
        if !self.adds_up {
            return Err(NotExplainable::Blended);
        }
        let mut fewest = usize::MAX;
        for (_, member) in &self.members {
            fewest = fewest.min(member.explainable_rows()?);
        }
        match fewest / self.members.len().max(1) {
            0 => Err(NotExplainable::TooLarge),
            rows => Ok(rows),
        }
    }

    pub(super) fn scale(&self) -> Scale {
        if self.width == 1 {
            Scale::Prediction
        } else {
            Scale::LogOdds
        }
    }
}

/// The logarithms of what one member says of each class.
fn add(weight: f64, said: &[f64], sums: &mut [f64]) {
    for (sum, probability) in sums.iter_mut().zip(said) {
        *sum += weight * probability.max(LEAST).ln();
    }
}

/// Logarithms to probabilities.
fn scale(out: &mut [f64]) {
    let largest = out.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for number in &mut *out {
        *number = (*number - largest).exp();
        sum += *number;
    }
    for number in out {
        *number /= sum;
    }
}
