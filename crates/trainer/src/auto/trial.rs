//! One algorithm, tried on some parts of the rows.

use std::time::{Duration, Instant};

use domain::models::{Candidate, Estimate, Metric};
use domain::training_runs::{Algorithm, Named, RunError, Stage};
use model::{Predictor, Value};

use crate::evaluate::loss;
use crate::failure::failure;
use crate::fit::Told;
use crate::learn::{Choice, Learned, Lesson};
use crate::profile::Moments;

/// Of a squared error: the interval takes squares of these, and sums them up.
const LARGEST: f64 = 1e140;
/// Of a normal distribution, within 95 %.
const INTERVAL: f64 = 1.96;

pub(super) struct Trial {
    pub(super) choice: Choice,
    /// Its place in the order of all: the lower, the simpler.
    pub(super) rank: usize,
    metric: Metric,
    folds: u32,
    /// What it said of each row that was held out, one part behind the other: a number, or a probability of each class.
    pub(super) said: Vec<f64>,
    /// Of each of these rows: of a regression the square of its error, of a classification its log loss.
    pub(super) losses: Vec<f64>,
    fitting: Duration,
    /// Rows that were learned from, all parts together.
    learned: usize,
    predicting: Duration,
    /// How many of these rows others were judged by as well: all of them, unless there was no time.
    pub(super) common: usize,
    /// Whether there was no time to try it further.
    pub(super) is_cut_short: bool,
    pub(super) is_finalist: bool,
    /// Why it went no further, unless others were better.
    pub(super) problem: Option<String>,
    pub(super) failure: Option<RunError>,
}

/// What the losses come to.
pub(super) fn value(metric: Metric, losses: &[f64]) -> f64 {
    let losses: Moments = losses.iter().copied().collect();
    of_mean(metric, losses.mean())
}

fn of_mean(metric: Metric, mean: f64) -> f64 {
    match metric {
        Metric::Rmse => mean.max(0.0).sqrt(),
        Metric::LogLoss => mean.max(0.0),
    }
}

/// What the rows come to, and the interval that it lies in for other rows like these, with a probability of 95 %. Rows that were
/// held out several times count once: `rows` is how many there are.
pub(super) fn estimate(metric: Metric, losses: &[f64], rows: usize) -> Option<Estimate> {
    if losses.is_empty() {
        return None;
    }
    let count = losses.len().min(rows).max(1) as f64;
    let losses: Moments = losses.iter().copied().collect();
    let reach = INTERVAL * losses.population_std() / count.sqrt();
    Some(Estimate {
        value: of_mean(metric, losses.mean()),
        low: of_mean(metric, losses.mean() - reach),
        high: of_mean(metric, losses.mean() + reach),
    })
}

impl Trial {
    pub(super) fn new(choice: Choice, lesson: &Lesson<'_>, rank: usize) -> Self {
        Self {
            choice,
            rank,
            metric: lesson.task().metric(),
            folds: 0,
            said: Vec::new(),
            losses: Vec::new(),
            fitting: Duration::ZERO,
            learned: 0,
            predicting: Duration::ZERO,
            common: usize::MAX,
            is_cut_short: false,
            is_finalist: false,
            problem: None,
            failure: None,
        }
    }

    pub(super) fn metric(&self) -> Metric {
        self.metric
    }

    pub(super) fn folds(&self) -> u32 {
        self.folds
    }

    /// Whether it grows a model step by step, which takes the longer the better it gets.
    pub(super) fn grows(&self) -> bool {
        matches!(
            self.choice.algorithm,
            Named::GradientBoosting | Named::HistogramBoosting
        )
    }

    /// Learns from the first rows, and is judged by the others.
    pub(super) fn run(
        &mut self,
        lesson: &Lesson<'_>,
        (train, held_out): (&[u32], &[u32]),
        until: Instant,
        progress: &mut dyn FnMut(f64),
    ) {
        let begun = Instant::now();
        let learned = lesson.learn(train, &self.choice, Some(until), &mut |stage, told| {
            if let (Stage::Train, Told::Progress(fraction)) = (stage, told) {
                progress(fraction);
            }
        });
        let judged = learned.and_then(|learned| {
            self.fitting += begun.elapsed();
            self.learned += train.len();
            self.judge(lesson, &learned, held_out)
        });
        match judged {
            Ok((said, losses)) => {
                self.said.extend(said);
                self.losses.extend(losses);
                self.folds += 1;
            }
            Err(failure) => {
                self.problem = Some(failure.message.clone());
                self.failure = Some(failure);
            }
        }
    }

    /// What it says of these rows, and their losses.
    fn judge(
        &mut self,
        lesson: &Lesson<'_>,
        learned: &Learned<'_>,
        held_out: &[u32],
    ) -> Result<(Vec<f64>, Vec<f64>), RunError> {
        let failed = |problem: String| {
            let fix = "Look for extreme values in the features and the target, and remove them.";
            failure("internal", problem, fix)
        };
        let predictor = Predictor::new(&learned.packaged.artifact);
        let mut values = vec![Value::Missing; predictor.len()];
        let width = predictor.width();
        let mut said = vec![0.0; held_out.len() * width];
        let mut losses = Vec::with_capacity(held_out.len());
        for (&row, predicted) in held_out.iter().zip(said.chunks_mut(width)) {
            learned.packaged.values(&learned.features, row, &mut values);
            let begun = Instant::now();
            let done = predictor.predict(&values, predicted);
            self.predicting += begun.elapsed();
            done.map_err(|error| failed(error.to_string()))?;
            let actual = lesson.target.values[row as usize];
            let loss = match self.metric {
                Metric::Rmse => (actual - predicted[0]).powi(2),
                Metric::LogLoss => loss(predicted[actual as usize]),
            };
            if loss > LARGEST {
                let row = row + 1;
                return Err(failed(format!(
                    "its prediction of row {row} is too large to compute with"
                )));
            }
            losses.push(loss);
        }
        Ok((said, losses))
    }

    /// The less the better; what failed comes last.
    pub(super) fn order(&self) -> f64 {
        if self.folds == 0 {
            f64::INFINITY
        } else {
            value(self.metric, self.compared())
        }
    }

    /// The losses that it is compared by.
    pub(super) fn compared(&self) -> &[f64] {
        &self.losses[..self.common.min(self.losses.len())]
    }

    /// Whether chance could make as much of a difference to a better one, which was judged by the same rows.
    pub(super) fn is_as_good_as(&self, better: &Self, rows: usize) -> bool {
        let pairs = self.compared().iter().zip(better.compared());
        let differences: Moments = pairs.map(|(own, other)| own - other).collect();
        let count = self.compared().len().min(rows).max(1) as f64;
        differences.mean() <= differences.population_std() / count.sqrt()
    }

    /// What takes longer to predict a row goes no further.
    pub(super) fn keep_to(&mut self, most: f64) {
        let micros = self.predict_micros();
        if self.folds > 0 && micros > most && self.problem.is_none() {
            self.problem = Some(format!(
                "it takes {micros:.1} µs to predict a row, more than the {most} µs that it may"
            ));
        }
    }

    /// It went as far as others did, and takes no longer to predict a row than it may.
    pub(super) fn can_be_taken(&self, most: f64) -> bool {
        self.folds > 0 && self.failure.is_none() && self.predict_micros() <= most
    }

    pub(super) fn told(&self, fold: usize, count: usize, rows: usize) -> Told {
        match (&self.problem, estimate(self.metric, &self.losses, rows)) {
            (None, Some(Estimate { value, low, high })) => Told::Info(format!(
                "fold {fold} of {count}: {} has {} {value:.6} ({low:.6} to {high:.6}), {:.1} s to fit, {:.1} µs a row",
                self.choice,
                match self.metric {
                    Metric::Rmse => "RMSE",
                    Metric::LogLoss => "log loss",
                },
                self.fit_seconds(),
                self.predict_micros()
            )),
            (problem, _) => Told::Warn(format!(
                "fold {fold} of {count}: {} failed: {}",
                self.choice,
                problem.as_deref().unwrap_or("there was nothing to predict")
            )),
        }
    }

    pub(super) fn fit_seconds(&self) -> f64 {
        self.fitting.as_secs_f64() / f64::from(self.folds.max(1))
    }

    /// How long it takes to learn from so many rows, going by what it took so far.
    pub(super) fn fit_of(&self, rows: usize) -> Duration {
        let each = self.fitting.as_secs_f64() / self.learned.max(1) as f64;
        Duration::from_secs_f64(each * rows as f64)
    }

    pub(super) fn predict_micros(&self) -> f64 {
        self.predicting.as_secs_f64() * 1e6 / self.losses.len().max(1) as f64
    }

    pub(super) fn candidate(&self, rows: usize) -> Candidate {
        Candidate {
            algorithm: Algorithm::from(self.choice.algorithm),
            params: self.choice.params.to_map(),
            folds: self.folds,
            metric: self.metric,
            estimate: estimate(self.metric, &self.losses, rows).filter(|_| self.folds > 0),
            fit_seconds: self.fit_seconds(),
            predict_micros: self.predict_micros(),
            problem: self.problem.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_narrows_with_the_rows() {
        let of = |count: usize, rows: usize| {
            let squares = (0..count).map(|row| if row % 2 == 0 { 1.0 } else { 9.0 });
            estimate(Metric::Rmse, &squares.collect::<Vec<f64>>(), rows).unwrap()
        };
        let (few, many) = (of(10, 10), of(1_000, 1_000));
        for Estimate { value, low, high } in [few, many] {
            assert!((value - 5.0_f64.sqrt()).abs() < 1e-12);
            assert!(low < value && value < high);
        }
        assert!(many.high - many.low < 0.2 * (few.high - few.low));
        let again = of(1_000, 10);
        assert!(
            (again.high - few.high).abs() < 1e-9,
            "the same rows, held out again"
        );
        assert_eq!(estimate(Metric::Rmse, &[], 10), None);
    }
}
