//! Several that answer together: one after the other is added, each as often as it makes what they say together better
//! (Caruana and others, 2004).

use domain::models::Metric;
use domain::training_runs::Named;

use super::trial::Trial;
use crate::evaluate::loss;

/// Times that one is added.
const STEPS: usize = 24;
/// Of what they count together, the least that one may count.
const LEAST: f64 = 0.08;
/// How many there are at most.
const MOST: usize = 4;
/// A class is never taken to be less likely than that, as in [`model::Blend`].
const POSSIBLE: f64 = 1e-15;

pub(super) struct Blended {
    /// Places of the trials, with what each counts.
    pub(super) members: Vec<(usize, f64)>,
    pub(super) losses: Vec<f64>,
}

/// The best of these trials together, all of them judged by the rows of `actual`. `allowed` says whether these may be members of one.
pub(super) fn search(
    trials: &[Trial],
    among: &[usize],
    actual: &[f64],
    allowed: &dyn Fn(&[usize]) -> bool,
) -> Option<Blended> {
    let said: Vec<Said> = among
        .iter()
        .filter(|&&place| can_be_member(trials[place].choice.algorithm))
        .filter_map(|&place| Said::of(place, &trials[place], actual))
        .collect();
    let first = said
        .iter()
        .position(|one| allowed(&[one.place]))
        .filter(|_| said.len() > 1)?;
    let best = said.iter().enumerate().skip(first);
    let best = best.filter(|(_, one)| allowed(&[one.place]));
    let (start, _) = best.min_by(|(_, a), (_, b)| a.mean.total_cmp(&b.mean))?;
    let mut counts = vec![0_usize; said.len()];
    counts[start] = 1;
    let mut best_counts = counts.clone();
    let mut best_mean = said[start].mean;
    for _ in 1..STEPS {
        let steps = (0..said.len()).filter_map(|place| {
            let mut next = counts.clone();
            next[place] += 1;
            let members: Vec<usize> = of(&next).map(|place| said[place].place).collect();
            (members.len() <= MOST && allowed(&members)).then(|| {
                let mean = mean(&losses(&said, &weights(&next), actual));
                (next, mean)
            })
        });
        let (next, mean) = steps.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        counts = next;
        if mean < best_mean {
            best_mean = mean;
            best_counts.clone_from(&counts);
        }
    }
    let mut weights = weights(&best_counts);
    for weight in &mut weights {
        if *weight < LEAST {
            *weight = 0.0;
        }
    }
    let sum: f64 = weights.iter().sum();
    for weight in &mut weights {
        *weight /= sum;
    }
    let losses = losses(&said, &weights, actual);
    let members: Vec<(usize, f64)> = said
        .iter()
        .zip(&weights)
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(one, weight)| (one.place, *weight))
        .collect();
    (members.len() > 1).then_some(Blended { members, losses })
}

/// Of those that an artifact holds several of.
fn can_be_member(algorithm: Named) -> bool {
    matches!(
        algorithm,
        Named::LinearRegression
            | Named::Ridge
            | Named::Lasso
            | Named::ElasticNet
            | Named::Poisson
            | Named::Gamma
            | Named::Tweedie
            | Named::LogisticRegression
            | Named::NaiveBayes
            | Named::DecisionTree
            | Named::RandomForest
            | Named::GradientBoosting
            | Named::HistogramBoosting
    )
}

/// What a trial said of the rows.
struct Said {
    place: usize,
    /// Numbers, or the logarithms of probabilities.
    terms: Vec<f64>,
    /// How many of these a row has; none of a regression.
    classes: Option<usize>,
    mean: f64,
}

impl Said {
    fn of(place: usize, trial: &Trial, actual: &[f64]) -> Option<Self> {
        let losses = trial.compared();
        if losses.len() != actual.len() || actual.is_empty() {
            return None;
        }
        let classes = match trial.metric() {
            Metric::Rmse => None,
            Metric::LogLoss => Some(trial.said.len() / trial.losses.len().max(1)),
        };
        let said = &trial.said[..actual.len() * classes.unwrap_or(1)];
        let terms = match classes {
            None => said.to_vec(),
            Some(_) => said.iter().map(|share| share.max(POSSIBLE).ln()).collect(),
        };
        Some(Self {
            place,
            terms,
            classes,
            mean: mean(losses),
        })
    }
}

fn mean(losses: &[f64]) -> f64 {
    losses.iter().sum::<f64>() / losses.len().max(1) as f64
}

/// Those that count.
fn of(counts: &[usize]) -> impl Iterator<Item = usize> {
    let counts = counts.iter().enumerate();
    counts
        .filter(|(_, count)| **count > 0)
        .map(|(place, _)| place)
}

fn weights(counts: &[usize]) -> Vec<f64> {
    let all = counts.iter().sum::<usize>().max(1) as f64;
    counts.iter().map(|count| *count as f64 / all).collect()
}

fn losses(said: &[Said], weights: &[f64], actual: &[f64]) -> Vec<f64> {
    let members: Vec<(&Said, f64)> = said
        .iter()
        .zip(weights.iter().copied())
        .filter(|(_, weight)| *weight > 0.0)
        .collect();
    let Some(classes) = said.first().map(|one| one.classes) else {
        return Vec::new();
    };
    let sum = |place: usize| -> f64 {
        let terms = members.iter();
        terms.map(|(one, weight)| weight * one.terms[place]).sum()
    };
    let Some(classes) = classes else {
        let rows = actual.iter().enumerate();
        return rows
            .map(|(row, actual)| (actual - sum(row)).powi(2))
            .collect();
    };
    let mut sums = vec![0.0; classes];
    let rows = actual.iter().enumerate();
    rows.map(|(row, &class)| {
        for (place, total) in sums.iter_mut().enumerate() {
            *total = sum(row * classes + place);
        }
        let largest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let all: f64 = sums.iter().map(|sum| (sum - largest).exp()).sum();
        loss((sums[class as usize] - largest).exp() / all)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(place: usize, terms: &[f64], classes: Option<usize>) -> Said {
        Said {
            place,
            terms: terms.to_vec(),
            classes,
            mean: 0.0,
        }
    }

    #[test]
    fn errors_that_go_both_ways_cancel_out() {
        let both = [said(0, &[1.0, 3.0], None), said(1, &[3.0, 5.0], None)];
        let actual = [2.0, 4.0];
        let are = |found: Vec<f64>, expected: &[f64]| {
            let mut pairs = found.iter().zip(expected);
            assert!(pairs.all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        };
        are(losses(&both, &[0.5, 0.5], &actual), &[0.0, 0.0]);
        are(losses(&both, &[1.0, 0.0], &actual), &[1.0, 1.0]);
        are(weights(&[3, 0, 1]), &[0.75, 0.0, 0.25]);
    }

    #[test]
    fn logarithms_of_probabilities_are_averaged_and_scaled() {
        let logs = |shares: [f64; 2]| shares.map(f64::ln);
        let both = [
            said(0, &logs([0.9, 0.1]), Some(2)),
            said(1, &logs([0.5, 0.5]), Some(2)),
        ];
        let [loss] = losses(&both, &[0.5, 0.5], &[0.0])[..] else {
            panic!("one row has one loss")
        };
        // The odds are the square root of 9.
        assert!((loss + 0.75_f64.ln()).abs() < 1e-12, "{loss}");
    }
}
