//! How a classifier did on the rows that training did not see.

use serde::{Deserialize, Serialize};

use super::Estimate;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassEvaluation {
    /// In the signature's order; `confusion` and `per_class` follow it.
    pub classes: Vec<String>,
    /// Of each class, how many of its held-out rows were given each label.
    pub confusion: Vec<Vec<u64>>,
    pub per_class: Vec<ClassMetrics>,
    /// Of two classes for the second one; of more for each against all others, at most 8 with the most held-out rows.
    pub curves: Vec<ClassCurves>,
    /// Of two classes, from the highest threshold to the lowest: what comes of giving the second class as the label where its
    /// probability is at least so high.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
    /// Of the log loss, from held-out rows drawn anew.
    pub log_loss: Estimate,
}

/// How a class is told from all others. Labels are those of the highest probability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassMetrics {
    /// Held-out rows of the class.
    pub rows: u64,
    /// Share of the rows labelled so that are of the class. None when none are labelled so.
    pub precision: Option<f64>,
    /// Share of the class's rows that are labelled so. None when there are none.
    pub recall: Option<f64>,
    pub f1: Option<f64>,
    /// Probability that a row of the class is given a higher probability for it than a row of another class.
    pub roc_auc: Option<f64>,
}

/// A class against all others, at every threshold of its probability.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassCurves {
    pub class: String,
    /// Share of the other rows that are taken for the class, and share of the class's rows found: from (0, 0) to (1, 1), at
    /// most 101 points. Empty when the held-out rows are all of the class, or none is.
    pub roc: Vec<CurvePoint>,
    /// Share of the class's rows found, and share of the class among those taken for it; at most 101 points.
    pub precision_recall: Vec<CurvePoint>,
    /// At most 10 bins of the probability, without empty ones.
    pub calibration: Vec<Calibration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CurvePoint {
    pub x: f64,
    pub y: f64,
}

/// Rows that were given about the same probability of a class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Calibration {
    /// The mean of what they were given.
    pub predicted: f64,
    /// Share of them that are of the class: the same, in a model that is calibrated.
    pub actual: f64,
    pub rows: u64,
}

/// What comes of a threshold for the second of two classes, in held-out rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Threshold {
    pub threshold: f64,
    pub true_positives: u64,
    pub false_positives: u64,
    pub true_negatives: u64,
    pub false_negatives: u64,
}

impl Threshold {
    /// None when nothing is taken for the class.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        share(self.true_positives, self.false_positives)
    }

    /// None when nothing is of the class.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        share(self.true_positives, self.false_negatives)
    }

    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        let wrong = self.false_positives + self.false_negatives;
        let right = 2 * self.true_positives;
        share(right, wrong)
    }

    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        let right = self.true_positives + self.true_negatives;
        share(right, self.false_positives + self.false_negatives)
    }

    /// What the wrong labels cost together, when each kind costs so much.
    #[must_use]
    pub fn cost(&self, false_positive: f64, false_negative: f64) -> f64 {
        self.false_positives as f64 * false_positive + self.false_negatives as f64 * false_negative
    }
}

/// Of both together; None when there are none.
fn share(part: u64, rest: u64) -> Option<f64> {
    let all = part + rest;
    (all > 0).then(|| part as f64 / all as f64)
}
