//! What is minimised: of each row, where its score is to go, and how fast that changes.

use rayon::prelude::*;

use super::sums::{Lanes, Unit};
use crate::fit::Rows;

/// Of each training row, what its score is to say.
pub(super) enum Objective {
    /// The target without its mean, in standard deviations: half the squared error.
    Squares(Vec<f64>),
    /// Whether it is of the second class: the log loss.
    Logistic { classes: Vec<u8>, share: f64 },
    /// Its class: the log loss, of a score for each.
    Softmax { classes: Vec<u8>, shares: Vec<f64> },
}

/// Rows that are worth a thread.
const CHUNK: usize = 1 << 12;

impl Objective {
    pub(super) fn of(rows: &Rows<'_>) -> Self {
        let values = rows.train.iter().map(|&row| rows.target[row as usize]);
        let Some(count) = rows.classes else {
            let (mean, std) = rows.scale;
            return Self::Squares(values.map(|value| (value - mean) / std).collect());
        };
        let classes: Vec<u8> = values.map(|place| place as u8).collect();
        let mut shares = vec![0.0; count];
        for &class in &classes {
            shares[usize::from(class)] += 1.0 / classes.len() as f64;
        }
        if count == 2 {
            let share = shares[1];
            Self::Logistic { classes, share }
        } else {
            Self::Softmax { classes, shares }
        }
    }

    /// How many scores a row has.
    pub(super) fn scores(&self) -> usize {
        match self {
            Self::Squares(_) | Self::Logistic { .. } => 1,
            Self::Softmax { shares, .. } => shares.len(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Squares(values) => values.len(),
            Self::Logistic { classes, .. } | Self::Softmax { classes, .. } => classes.len(),
        }
    }

    /// What each score starts from.
    pub(super) fn bases(&self) -> Vec<f64> {
        match self {
            Self::Squares(_) => vec![0.0],
            Self::Logistic { share, .. } => vec![(share / (1.0 - share)).ln()],
            Self::Softmax { shares, .. } => shares.iter().map(|share| share.ln()).collect(),
        }
    }

    /// Of several scores, the logarithm of the sum of their exponentials for each row; of one nothing. `scores` has those of all rows,
    /// one score behind the other.
    pub(super) fn levels(&self, scores: &[Vec<f64>]) -> Vec<f64> {
        let Self::Softmax { classes, .. } = self else {
            return Vec::new();
        };
        let mut levels = vec![0.0; classes.len()];
        let chunks = levels.par_chunks_mut(CHUNK).enumerate();
        chunks.for_each(|(place, levels)| {
            let begin = place * CHUNK;
            let of = |scores: &'_ Vec<f64>| scores[begin..begin + levels.len()].to_vec();
            let mut largest = vec![f64::NEG_INFINITY; levels.len()];
            let own: Vec<Vec<f64>> = scores.iter().map(of).collect();
            for scores in &own {
                for (largest, score) in largest.iter_mut().zip(scores) {
                    *largest = largest.max(*score);
                }
            }
            for scores in &own {
                for ((level, score), largest) in levels.iter_mut().zip(scores).zip(&largest) {
                    *level += (score - largest).exp();
                }
            }
            for (level, largest) in levels.iter_mut().zip(&largest) {
                *level = level.ln() + largest;
            }
        });
        levels
    }

    /// What every row adds to its bins, of the score at `place`.
    pub(super) fn values<const W: usize>(
        &self,
        place: usize,
        scores: &[f64],
        levels: &[f64],
        values: &mut [Lanes<W>],
    ) -> Unit {
        match self {
            Self::Squares(targets) => {
                let pairs = || scores.par_iter().zip(targets);
                let largest = pairs()
                    .with_min_len(CHUNK)
                    .map(|(score, target)| (score - target).abs())
                    .reduce(|| 0.0, f64::max);
                let unit = Unit::new::<W>(targets.len(), largest, 1.0);
                let rows = values.par_iter_mut().zip(pairs()).with_min_len(CHUNK);
                rows.for_each(|(value, (score, target))| {
                    *value = unit.row(score - target, 1.0);
                });
                unit
            }
            Self::Logistic { classes, .. } => {
                let unit = Unit::new::<W>(classes.len(), 1.0, 0.25);
                let rows = values.par_iter_mut().zip(scores).zip(classes);
                rows.with_min_len(CHUNK)
                    .for_each(|((value, score), class)| {
                        let share = 1.0 / (1.0 + (-score).exp());
                        let gradient = share - f64::from(*class);
                        *value = unit.row(gradient, share * (1.0 - share));
                    });
                unit
            }
            Self::Softmax { classes, shares } => {
                // The scores of a row can all be moved together: of so many, one moves a little less freely.
                let count = shares.len() as f64;
                let freedom = count / (count - 1.0);
                let unit = Unit::new::<W>(classes.len(), 1.0, 0.25 * freedom);
                let rows = values.par_iter_mut().zip(scores).zip(classes).zip(levels);
                rows.with_min_len(CHUNK)
                    .for_each(|(((value, score), class), level)| {
                        let share = (score - level).exp().min(1.0);
                        let own = f64::from(u8::from(usize::from(*class) == place));
                        *value = unit.row(share - own, freedom * share * (1.0 - share));
                    });
                unit
            }
        }
    }
}
