//! From the scores of a model to what it answers: the post-transforms, in single precision as onnxruntime has them.

use crate::error::Refused;
use crate::read::Node;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
    Probit,
}

impl Transform {
    pub(super) fn of(node: &Node<'_>) -> Result<Self, Refused> {
        match node.text("post_transform")? {
            None | Some("NONE") => Ok(Self::None),
            Some("LOGISTIC") => Ok(Self::Logistic),
            Some("SOFTMAX") => Ok(Self::Softmax),
            Some("SOFTMAX_ZERO") => Ok(Self::SoftmaxZero),
            Some("PROBIT") => Ok(Self::Probit),
            Some(_) => Err(node.refuse("has an unknown post_transform")),
        }
    }

    /// Of the operator that says it by a number.
    pub(super) fn of_number(node: &Node<'_>) -> Result<Self, Refused> {
        match node.int_or("post_transform", 0)? {
            0 => Ok(Self::None),
            1 => Ok(Self::Softmax),
            2 => Ok(Self::Logistic),
            3 => Ok(Self::SoftmaxZero),
            4 => Ok(Self::Probit),
            _ => Err(node.refuse("has an unknown post_transform")),
        }
    }

    /// Of two scores or more.
    pub(super) fn apply(self, scores: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Logistic => scores
                .iter_mut()
                .for_each(|score| *score = logistic(*score)),
            Self::Softmax => softmax(scores),
            Self::SoftmaxZero => softmax_zero(scores),
            Self::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
        }
    }

    /// Of the one score of two classes, which becomes two as `second` says.
    pub(super) fn spread(self, score: f32, second: Second) -> [f32; 2] {
        match (self, second) {
            (Self::Probit, _) => [probit(score), 0.0],
            (_, Second::Rest) => [1.0 - score, score],
            (Self::Logistic, Second::Opposite) => [logistic(-score), logistic(score)],
            (_, Second::Opposite) => [-score, score],
            (_, Second::None) => [score, 0.0],
        }
    }
}

/// How the score of a second class follows from the one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// It does not.
    None,
    /// Both are one together, since no score is below zero.
    Rest,
    Opposite,
}

pub(super) fn logistic(score: f32) -> f32 {
    let above = 1.0 / (1.0 + (-score.abs()).exp());
    if score < 0.0 { 1.0 - above } else { above }
}

pub(super) fn probit(score: f32) -> f32 {
    std::f32::consts::SQRT_2 * inverse_erf(2.0 * score - 1.0)
}

/// The approximation by Winitzki, step by step as onnxruntime rounds it.
fn inverse_erf(x: f32) -> f32 {
    let sign = if x < 0.0 { -1.0 } else { 1.0 };
    let log = ((1.0 - x) * (1.0 + x)).ln();
    let first = 2.0 / (std::f32::consts::PI * 0.147) + 0.5 * log;
    let second = 1.0 / 0.147 * log;
    sign * (-first + (first * first - second).sqrt()).sqrt()
}

fn softmax(scores: &mut [f32]) {
    let greatest = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - greatest).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}

/// Scores of zero stay out of it.
fn softmax_zero(scores: &mut [f32]) {
    let greatest = scores.iter().copied().fold(f32::MIN, f32::max);
    let of_zero = (-greatest).exp();
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        if score.abs() > 0.000_000_1 {
            *score = (*score - greatest).exp();
            sum += *score;
        } else {
            *score *= of_zero;
        }
    }
    for score in scores {
        *score /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(left: &[f32], right: &[f32]) -> bool {
        left.len() == right.len()
            && left
                .iter()
                .zip(right)
                .all(|(left, right)| (left - right).abs() < 1e-6)
    }

    #[test]
    fn scores_become_probabilities() {
        let applied = |transform: Transform, scores: &[f32]| {
            let mut scores = scores.to_vec();
            transform.apply(&mut scores);
            scores
        };
        assert_eq!(applied(Transform::None, &[1.0, -2.0]), [1.0, -2.0]);
        assert!(near(
            &applied(Transform::Logistic, &[0.0, 2.0, -2.0]),
            &[0.5, 0.880797, 0.119203]
        ));
        assert!(near(
            &applied(Transform::Softmax, &[1.0, 2.0, 3.0]),
            &[0.09003057, 0.24472847, 0.66524096]
        ));
        assert!(near(
            &applied(Transform::SoftmaxZero, &[0.0, 1.0, 1.0]),
            &[0.0, 0.5, 0.5]
        ));
        // The quantiles of the normal distribution, about.
        let probits = applied(Transform::Probit, &[0.5, 0.841_344_7]);
        assert!(probits[0].abs() < 1e-3 && (probits[1] - 1.0).abs() < 5e-3);
    }

    #[test]
    fn one_score_becomes_two() {
        let spread = |second| Transform::None.spread(0.25, second);
        assert!(near(&spread(Second::Rest), &[0.75, 0.25]));
        assert!(near(&spread(Second::Opposite), &[-0.25, 0.25]));
        assert!(near(&spread(Second::None), &[0.25, 0.0]));
        assert!(near(
            &Transform::Logistic.spread(2.0, Second::Opposite),
            &[0.119203, 0.880797]
        ));
    }
}
