//! The metrics of a classifier.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use domain::models::{ClassEvaluation, ClassMetrics, Estimate, Threshold};
use model::label;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::curves::{Ranking, curves};

/// Classes that have curves, of more than two.
const CURVES: usize = 8;
/// Between the thresholds of the table, of 1.
const STEPS: u32 = 20;
/// Draws of as many rows as there are, while they are as few as that; of more rows the normal distribution says the same.
const DRAWS: usize = 1_000;
const DRAWN_ROWS: usize = 20_000;
/// Of a normal distribution, within 95 %.
const INTERVAL: f64 = 1.96;
/// A probability counts as this one at least: one row that was thought impossible would make the loss infinite.
const LEAST: f64 = 1e-15;

/// The log loss of a row, by the probability of the class that it is of.
pub(crate) fn loss(probability: f64) -> f64 {
    -probability.max(LEAST).ln()
}

/// What a classifier said of rows, and what they are.
pub(super) struct Judged {
    /// The place of each row's class.
    pub(super) actual: Vec<usize>,
    /// A probability for each class, row by row.
    pub(super) predicted: Vec<f64>,
    /// Of each class in the training rows.
    pub(super) shares: Vec<f64>,
}

/// Under a class's curves, where it has them.
pub(super) struct Areas {
    roc: Option<f64>,
    pr: Option<f64>,
}

impl Judged {
    fn classes(&self) -> usize {
        self.shares.len()
    }

    fn rows(&self) -> impl Iterator<Item = (usize, &[f64])> {
        let predicted = self.predicted.chunks_exact(self.classes());
        self.actual.iter().copied().zip(predicted)
    }

    fn mean(&self, of_row: impl Fn(usize, &[f64]) -> f64) -> f64 {
        let sum: f64 = self
            .rows()
            .map(|(actual, predicted)| of_row(actual, predicted))
            .sum();
        sum / self.actual.len() as f64
    }

    /// Of each row its probability of the class, and whether it is of it.
    fn against_others(&self, class: usize) -> Vec<(f64, bool)> {
        self.rows()
            .map(|(actual, predicted)| (predicted[class], actual == class))
            .collect()
    }

    /// Of two classes the metric of the second one, of more the mean over those that have it.
    fn over_classes(&self, of_class: impl Fn(usize) -> Option<f64>) -> Option<f64> {
        if self.classes() == 2 {
            return of_class(1);
        }
        let each: Vec<f64> = (0..self.classes()).filter_map(of_class).collect();
        (!each.is_empty()).then(|| each.iter().sum::<f64>() / each.len() as f64)
    }

    /// Of each class against all others.
    pub(super) fn areas(&self) -> Vec<Areas> {
        (0..self.classes())
            .map(|class| {
                let ranking = Ranking::new(self.against_others(class));
                Areas {
                    roc: ranking.roc_auc(),
                    pr: ranking.pr_auc(),
                }
            })
            .collect()
    }

    /// What one would say without a model is the same of every row: the shares of the training rows.
    pub(super) fn metrics(&self, areas: &[Areas]) -> BTreeMap<String, f64> {
        let shares = self.shares.as_slice();
        let usual = label(shares);
        let confusion = self.confusion(label);
        let always = self.confusion(|_| usual);
        let held_out = |class: usize| confusion[class].iter().sum::<u64>() as f64;
        let share = |class: usize| held_out(class) / self.actual.len() as f64;
        // Of a class that no held-out row is of, nothing can be said.
        let f1 = |confusion: &[Vec<u64>], class: usize| {
            (held_out(class) > 0.0).then(|| of_class(confusion, class).f1.unwrap_or(0.0))
        };
        let metrics = [
            (
                "log_loss",
                Some(self.mean(|actual, predicted| loss(predicted[actual]))),
            ),
            (
                "accuracy",
                Some(self.mean(|actual, predicted| is(label(predicted) == actual))),
            ),
            ("brier", Some(self.mean(brier))),
            ("f1", self.over_classes(|class| f1(&confusion, class))),
            ("roc_auc", self.over_classes(|class| areas[class].roc)),
            ("pr_auc", self.over_classes(|class| areas[class].pr)),
            (
                "baseline_log_loss",
                Some(self.mean(|actual, _| loss(shares[actual]))),
            ),
            (
                "baseline_accuracy",
                Some(self.mean(|actual, _| is(usual == actual))),
            ),
            (
                "baseline_brier",
                Some(self.mean(|actual, _| brier(actual, shares))),
            ),
            ("baseline_f1", self.over_classes(|class| f1(&always, class))),
            (
                "baseline_roc_auc",
                self.over_classes(|class| areas[class].roc.map(|_| 0.5)),
            ),
            (
                "baseline_pr_auc",
                self.over_classes(|class| areas[class].pr.map(|_| share(class))),
            ),
        ];
        metrics
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }

    pub(super) fn evaluation(&self, classes: &[String], areas: &[Areas]) -> ClassEvaluation {
        let confusion = self.confusion(label);
        let mut per_class: Vec<ClassMetrics> = (0..classes.len())
            .map(|class| of_class(&confusion, class))
            .collect();
        for (metrics, areas) in per_class.iter_mut().zip(areas) {
            metrics.roc_auc = areas.roc;
        }
        let mut drawn: Vec<usize> = match classes.len() {
            2 => vec![1],
            count => (0..count).collect(),
        };
        drawn.sort_by_key(|&class| Reverse(per_class[class].rows));
        drawn.truncate(CURVES);
        drawn.sort_unstable();
        ClassEvaluation {
            classes: classes.to_vec(),
            curves: drawn
                .into_iter()
                .map(|class| curves(&classes[class], &self.against_others(class)))
                .collect(),
            thresholds: if classes.len() == 2 {
                thresholds(&self.against_others(1))
            } else {
                Vec::new()
            },
            log_loss: interval(
                &self
                    .rows()
                    .map(|(actual, predicted)| loss(predicted[actual]))
                    .collect::<Vec<f64>>(),
            ),
            confusion,
            per_class,
        }
    }

    /// Of each class, how many of its rows were given each label.
    fn confusion(&self, label: impl Fn(&[f64]) -> usize) -> Vec<Vec<u64>> {
        let mut counts = vec![vec![0; self.classes()]; self.classes()];
        for (actual, predicted) in self.rows() {
            counts[actual][label(predicted)] += 1;
        }
        counts
    }
}

fn is(right: bool) -> f64 {
    f64::from(u8::from(right))
}

/// The squared distance from certainty; of two classes, which lie equally far off, that of one.
fn brier(actual: usize, predicted: &[f64]) -> f64 {
    let squares = predicted
        .iter()
        .enumerate()
        .map(|(class, probability)| (probability - is(class == actual)).powi(2));
    let sum: f64 = squares.sum();
    if predicted.len() == 2 { sum / 2.0 } else { sum }
}

fn of_class(confusion: &[Vec<u64>], class: usize) -> ClassMetrics {
    let right = confusion[class][class];
    let rows: u64 = confusion[class].iter().sum();
    let labelled: u64 = confusion.iter().map(|labels| labels[class]).sum();
    let share = |part: u64, all: u64| (all > 0).then(|| part as f64 / all as f64);
    ClassMetrics {
        rows,
        precision: share(right, labelled),
        recall: share(right, rows),
        f1: share(2 * right, rows + labelled),
        roc_auc: None,
    }
}

fn thresholds(rows: &[(f64, bool)]) -> Vec<Threshold> {
    let count = |threshold: f64, is_taken: bool, is_own: bool| {
        let fits = |row: &&(f64, bool)| (row.0 >= threshold) == is_taken && row.1 == is_own;
        rows.iter().filter(fits).count() as u64
    };
    (1..STEPS)
        .rev()
        .map(|step| {
            let threshold = f64::from(step) / f64::from(STEPS);
            Threshold {
                threshold,
                true_positives: count(threshold, true, true),
                false_positives: count(threshold, true, false),
                true_negatives: count(threshold, false, false),
                false_negatives: count(threshold, false, true),
            }
        })
        .collect()
}

/// The mean, and the interval that it lies in for other rows like these, with a probability of 95 %. The same rows always give
/// the same interval.
fn interval(losses: &[f64]) -> Estimate {
    let count = losses.len();
    let value = losses.iter().sum::<f64>() / count as f64;
    if count > DRAWN_ROWS {
        let squares: f64 = losses.iter().map(|loss| (loss - value).powi(2)).sum();
        let reach = INTERVAL * (squares / count as f64).sqrt() / (count as f64).sqrt();
        return Estimate {
            value,
            low: (value - reach).max(0.0),
            high: value + reach,
        };
    }
    let mut random = ChaCha20Rng::from_seed([0; 32]);
    let mut means: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let drawn = (0..count).map(|_| {
                let place = (u128::from(random.next_u64()) * count as u128) >> 64;
                losses[place as usize]
            });
            drawn.sum::<f64>() / count as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    Estimate {
        value,
        low: means[DRAWS / 40],
        high: means[DRAWS - 1 - DRAWS / 40],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(rows: &[(usize, &[f64])], shares: &[f64]) -> Judged {
        Judged {
            actual: rows.iter().map(|(actual, _)| *actual).collect(),
            predicted: rows
                .iter()
                .flat_map(|(_, predicted)| predicted.iter().copied())
                .collect(),
            shares: shares.to_vec(),
        }
    }

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-12
    }

    #[test]
    fn two_classes_as_by_hand() {
        let rows: [(usize, &[f64]); 4] = [
            (1, &[0.1, 0.9]),
            (0, &[0.2, 0.8]),
            (1, &[0.3, 0.7]),
            (0, &[0.8, 0.2]),
        ];
        let judged = judged(&rows, &[0.75, 0.25]);
        let metrics = judged.metrics(&judged.areas());
        let ln = |product: f64| -product.ln() / 4.0;
        assert!(close(metrics["log_loss"], ln(0.9 * 0.2 * 0.7 * 0.8)));
        assert!(close(metrics["accuracy"], 0.75));
        assert!(close(metrics["brier"], (0.01 + 0.64 + 0.09 + 0.04) / 4.0));
        assert!(close(metrics["f1"], 0.8));
        assert!(close(metrics["roc_auc"], 0.75));
        assert!(close(
            metrics["baseline_log_loss"],
            ln(0.25 * 0.25 * 0.75 * 0.75)
        ));
        assert!(close(metrics["baseline_accuracy"], 0.5));
        assert!(close(metrics["baseline_f1"], 0.0));
        assert!(close(metrics["baseline_roc_auc"], 0.5));
        assert!(close(metrics["baseline_pr_auc"], 0.5));

        let evaluation = judged.evaluation(&["no".to_owned(), "yes".to_owned()], &judged.areas());
        assert_eq!(evaluation.confusion, [[1, 1], [0, 2]]);
        assert_eq!(evaluation.curves.len(), 1);
        assert_eq!(evaluation.curves[0].class, "yes");
        assert_eq!(evaluation.thresholds.len(), 19);
        let half = evaluation
            .thresholds
            .iter()
            .find(|row| close(row.threshold, 0.5));
        let half = half.unwrap();
        assert_eq!(
            [
                half.true_positives,
                half.false_positives,
                half.true_negatives,
                half.false_negatives
            ],
            [2, 1, 1, 0]
        );
        assert!(close(half.f1().unwrap(), 0.8));
        assert!(close(half.cost(3.0, 10.0), 3.0));
        let Estimate { value, low, high } = evaluation.log_loss;
        assert!(close(value, metrics["log_loss"]) && low < value && value < high);
    }

    #[test]
    fn of_more_classes_each_stands_against_the_others() {
        let rows: [(usize, &[f64]); 3] = [
            (0, &[0.6, 0.3, 0.1]),
            (1, &[0.5, 0.4, 0.1]),
            (2, &[0.1, 0.1, 0.8]),
        ];
        let judged = judged(&rows, &[0.4, 0.3, 0.3]);
        let metrics = judged.metrics(&judged.areas());
        assert!(close(metrics["roc_auc"], 1.0));
        assert!(close(metrics["accuracy"], 2.0 / 3.0));
        // 2/3 of the first class, 0 of the second, 1 of the third.
        assert!(close(metrics["f1"], (2.0 / 3.0 + 1.0) / 3.0));
        let first = 0.16 + 0.09 + 0.01;
        let second = 0.25 + 0.36 + 0.01;
        let third = 0.01 + 0.01 + 0.04;
        assert!(close(metrics["brier"], (first + second + third) / 3.0));
        let classes = ["a", "b", "c"].map(str::to_owned);
        let evaluation = judged.evaluation(&classes, &judged.areas());
        assert!(evaluation.thresholds.is_empty());
        assert_eq!(evaluation.curves.len(), 3);
        assert_eq!(evaluation.per_class[1].recall, Some(0.0));
        assert_eq!(evaluation.per_class[1].precision, None);
    }

    #[test]
    fn a_class_without_held_out_rows_says_nothing() {
        let rows: [(usize, &[f64]); 2] = [(0, &[0.9, 0.1]), (0, &[0.3, 0.7])];
        let metrics = |rows: &[(usize, &[f64])]| {
            let judged = judged(rows, &[0.5, 0.5]);
            judged.metrics(&judged.areas())
        };
        let one_sided = metrics(&rows);
        for name in ["roc_auc", "pr_auc", "f1", "baseline_roc_auc"] {
            assert_eq!(one_sided.get(name), None, "{name}");
        }
        assert!(one_sided["log_loss"].is_finite());
        let impossible: [(usize, &[f64]); 1] = [(1, &[1.0, 0.0])];
        assert!(metrics(&impossible)["log_loss"] < 35.0);
    }
}
