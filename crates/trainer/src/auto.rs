//! `auto`: tries algorithms on parts of the training rows and takes the best, by successive halving. All are tried on a first
//! part, the better half on a second one, and the best two on the last. The held-out rows of the run have no say in it.

use std::time::{Duration, Instant};

use domain::models::{Candidate, Estimate, Metric, Task};
use domain::training_runs::{Algorithm, Named, RunError, Stage};
use model::{Predictor, Value};
use serde_json::{Map, Value as Json, json};

use crate::evaluate::loss;
use crate::failure::failure;
use crate::fit::Told;
use crate::learn::{Choice, Learned, Lesson};
use crate::profile::Moments;
use crate::split::RowSplit;

/// Of which each is held out once; fewer where the training rows do not make so many.
const FOLDS: usize = 3;
/// Those that go on to the next fold, at least.
const FEWEST: usize = 2;
/// How much longer a fit is expected to take with all training rows, or on another fold.
const LONGER: f64 = 1.5;
/// Of a squared error: the interval takes squares of these, and sums them up.
const LARGEST: f64 = 1e140;
/// Of a normal distribution, within 95 %.
const INTERVAL: f64 = 1.96;

/// From the quickest to the slowest.
fn choices(task: Task) -> Vec<Choice> {
    let choice = |algorithm: Named, params: Json| {
        let params: Option<Map<String, Json>> = params.as_object().cloned();
        let params = Algorithm::from(algorithm).checked(params.as_ref()).ok()?;
        Some(Choice { algorithm, params })
    };
    let all = [
        choice(Named::LinearRegression, json!({})),
        choice(Named::Ridge, json!({})),
        choice(Named::Lasso, json!({})),
        choice(Named::LogisticRegression, json!({})),
        choice(Named::LogisticRegression, json!({"penalty": 0.03})),
        choice(Named::GradientBoosting, json!({"budget": 0.5})),
        choice(Named::GradientBoosting, json!({"budget": 1.0})),
    ];
    let all = all.into_iter().flatten();
    all.filter(|choice| Algorithm::from(choice.algorithm).serves(task))
        .collect()
}

struct Trial {
    choice: Choice,
    folds: u32,
    metric: Metric,
    /// Of each row: of a regression the square of its error, of a classification its log loss.
    losses: Moments,
    fitting: Duration,
    predicting: Duration,
    /// Why it went no further, unless others were better.
    problem: Option<String>,
    failure: Option<RunError>,
}

/// What the rows come to, and the interval that it lies in for other rows like these, with a probability of 95 %.
fn estimate(metric: Metric, losses: Moments) -> Option<Estimate> {
    if losses.count() == 0 {
        return None;
    }
    let reach = INTERVAL * losses.population_std() / (losses.count() as f64).sqrt();
    let of = |mean: f64| match metric {
        Metric::Rmse => mean.max(0.0).sqrt(),
        Metric::LogLoss => mean.max(0.0),
    };
    Some(Estimate {
        value: of(losses.mean()),
        low: of(losses.mean() - reach),
        high: of(losses.mean() + reach),
    })
}

/// The best of all, and what came of each, best first. Nothing is begun that is expected to end after `until`, once something
/// has been tried.
///
/// # Errors
/// Why the last one failed, when all did.
pub(crate) fn choose(
    lesson: &Lesson<'_>,
    train: &[u32],
    until: Instant,
    tell: &mut dyn FnMut(Told),
) -> Result<(Choice, Vec<Candidate>), RunError> {
    let task = lesson.task();
    let mut trials: Vec<Trial> = choices(task)
        .into_iter()
        .map(|choice| Trial::new(choice, task.metric()))
        .collect();
    let folds = lesson.division.folds(train, FOLDS);
    let count = folds.len();
    if count == 0 {
        return Err(failure(
            "too_few_rows",
            "the training rows can not be divided further: there is nothing to compare algorithms by",
            "Choose an algorithm, or add rows and upload the table as a new version.",
        ));
    }
    let (planned, _) = (0..count).fold((0, trials.len()), |(sum, standing), _| {
        (sum + standing, better_half(standing))
    });
    let mut standing: Vec<usize> = (0..trials.len()).collect();
    let mut done = 0_usize;
    for (fold, RowSplit { train, test }) in folds.into_iter().enumerate() {
        for &place in &standing {
            let is_first = trials.iter().all(|trial| trial.folds == 0);
            let expected = expected(&trials, place);
            let trial = &mut trials[place];
            if !is_first && Instant::now() + expected > until {
                trial.problem = Some("there was no time to try it further".to_owned());
                continue;
            }
            trial.run(lesson, &train, &test, until, &mut |fraction| {
                tell(Told::Progress((done as f64 + fraction) / planned as f64));
            });
            done += 1;
            tell(trial.told(fold + 1, count));
        }
        standing.retain(|&place| trials[place].problem.is_none());
        standing.sort_by(|&a, &b| trials[a].order().total_cmp(&trials[b].order()));
        standing.truncate(better_half(standing.len()));
        standing.sort_unstable();
    }
    trials.sort_by(|a, b| {
        let failed = a.failure.is_some().cmp(&b.failure.is_some());
        let folds = b.folds.cmp(&a.folds);
        failed.then(folds).then(a.order().total_cmp(&b.order()))
    });
    let candidates = trials.iter().map(Trial::candidate).collect();
    // Something was tried, if nothing else then the first.
    match trials.swap_remove(0) {
        Trial {
            failure: Some(failure),
            ..
        } => Err(failure),
        best => Ok((best.choice, candidates)),
    }
}

fn better_half(standing: usize) -> usize {
    standing.div_ceil(2).max(FEWEST)
}

/// How long the next fit of a trial will take, at least: as its last one, or as the quicker one before it in the order, several
/// times as long if that is the same algorithm with less to do.
fn expected(trials: &[Trial], place: usize) -> Duration {
    let own = &trials[place];
    if own.folds > 0 {
        return (own.fitting / own.folds).mul_f64(LONGER);
    }
    match place.checked_sub(1).map(|before| &trials[before]) {
        Some(before) if before.folds > 0 => {
            let last = before.fitting / before.folds;
            let is_same = before.choice.algorithm == own.choice.algorithm;
            if is_same { 3 * last } else { last }
        }
        _ => Duration::ZERO,
    }
}

impl Trial {
    fn new(choice: Choice, metric: Metric) -> Self {
        Self {
            choice,
            folds: 0,
            metric,
            losses: Moments::default(),
            fitting: Duration::ZERO,
            predicting: Duration::ZERO,
            problem: None,
            failure: None,
        }
    }

    fn run(
        &mut self,
        lesson: &Lesson<'_>,
        train: &[u32],
        held_out: &[u32],
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
            self.judge(lesson, &learned, held_out)
        });
        match judged {
            Ok(losses) => {
                self.losses = losses;
                self.folds += 1;
            }
            Err(failure) => {
                self.problem = Some(failure.message.clone());
                self.failure = Some(failure);
            }
        }
    }

    /// With the losses of these rows added to what there are.
    fn judge(
        &mut self,
        lesson: &Lesson<'_>,
        learned: &Learned<'_>,
        held_out: &[u32],
    ) -> Result<Moments, RunError> {
        let failed = |problem: String| {
            let fix = "Look for extreme values in the features and the target, and remove them.";
            failure("internal", problem, fix)
        };
        let predictor = Predictor::new(&learned.packaged.artifact);
        let mut values = vec![Value::Missing; predictor.len()];
        let mut predicted = vec![0.0; predictor.width()];
        let mut losses = self.losses;
        for &row in held_out {
            learned.packaged.values(&learned.features, row, &mut values);
            let begun = Instant::now();
            let done = predictor.predict(&values, &mut predicted);
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
            losses.add(loss);
        }
        Ok(losses)
    }

    /// None before it has got through a fold.
    fn judged(&self) -> Option<Estimate> {
        estimate(self.metric, self.losses).filter(|_| self.folds > 0)
    }

    /// The less the better; what failed comes last.
    fn order(&self) -> f64 {
        self.judged()
            .map_or(f64::INFINITY, |estimate| estimate.value)
    }

    fn told(&self, fold: usize, count: usize) -> Told {
        match (&self.problem, self.judged()) {
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

    fn fit_seconds(&self) -> f64 {
        self.fitting.as_secs_f64() / f64::from(self.folds.max(1))
    }

    fn predict_micros(&self) -> f64 {
        self.predicting.as_secs_f64() * 1e6 / self.losses.count().max(1) as f64
    }

    fn candidate(&self) -> Candidate {
        Candidate {
            algorithm: self.choice.algorithm.into(),
            params: self.choice.params.to_map(),
            folds: self.folds,
            metric: self.metric,
            estimate: self.judged(),
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
        let of = |count: usize| {
            let squares = (0..count).map(|row| if row % 2 == 0 { 1.0 } else { 9.0 });
            estimate(Metric::Rmse, squares.collect()).unwrap()
        };
        let (few, many) = (of(10), of(1_000));
        for Estimate { value, low, high } in [few, many] {
            assert!((value - 5.0_f64.sqrt()).abs() < 1e-12);
            assert!(low < value && value < high);
        }
        assert!(many.high - many.low < 0.2 * (few.high - few.low));
        assert_eq!(estimate(Metric::Rmse, Moments::default()), None);
    }
}
