//! Generalised linear models of which the logarithm of the prediction is a weighted sum of the encoded columns: Poisson, gamma and
//! what lies between.
//!
//! Minimised is the mean of half the deviance over the training rows + penalty / 2 * |w|², with the target divided by its mean and
//! every encoded column standardised, so that the penalty weighs each alike whatever its unit. The intercept is not part of it.
//! From a power of 1 to one of 2 that is convex, so Newton's steps, halved where they go too far, come to the minimum.

mod columns;
mod newton;
mod streamed;

use domain::training_runs::RunError;
use rayon::ThreadPoolBuilder;

use super::{Fit, Fitted, Rows, Told, threads};
use crate::failure::{failure, out_of_memory, reserve};
pub(super) use columns::Columns;
pub(super) use newton::Objective;
pub(super) use streamed::Streamed;

pub(super) struct GeneralisedLinear {
    pub(super) name: &'static str,
    /// How the variance grows with the mean, 1 to 2: 1 is Poisson, 2 is gamma.
    pub(super) power: f64,
    /// Above 0.
    pub(super) penalty: f64,
}

impl Fit for GeneralisedLinear {
    fn fit(&self, rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Fitted, RunError> {
        self.check_target(rows.target)?;
        if let Some(stream) = rows.stream {
            // Above 0, as below.
            let (mean, _) = rows.scale;
            let streamed = Streamed {
                stream,
                rows,
                divisor: mean,
                loss: Deviance { power: self.power },
                penalty: self.penalty,
                check: &|value| {
                    let range = self.refuses(value)?;
                    Some(self.refusal("", value, range))
                },
            };
            let found = streamed.minimum(tell)?;
            return Ok(Fitted::Exponential(found.fit(mean.ln())?));
        }
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads())
            .build()
            .map_err(|_| out_of_memory("the threads of the solver"))?;
        let columns = Columns::of(rows)?;
        // Above 0: no value is below it, and not all are the same.
        let (mean, _) = rows.scale;
        let mut target = reserve(rows.train.len(), "the target")?;
        target.extend(
            rows.train
                .iter()
                .map(|&row| rows.target[row as usize] / mean),
        );
        let objective = Objective {
            columns: &columns,
            target: &target,
            loss: Deviance { power: self.power },
            penalty: self.penalty,
            until: rows.until,
        };
        let (weights, rounds) = pool.install(|| objective.minimum())?;
        tell(Told::Info(format!(
            "fitted {} coefficients in {rounds} rounds",
            weights.len() - 1
        )));
        Ok(Fitted::Exponential(columns.fit(weights, mean.ln())?))
    }
}

impl GeneralisedLinear {
    /// Of all rows, so that a split does not decide whether there is a model.
    fn check_target(&self, target: &[f64]) -> Result<(), RunError> {
        let wrong = target.iter().enumerate();
        let mut wrong = wrong.filter_map(|(row, &value)| {
            self.refuses(value)
                .map(|range| (format!(" in row {}", row + 1), value, range))
        });
        match wrong.next() {
            None => Ok(()),
            Some((place, value, range)) => Err(self.refusal(&place, value, range)),
        }
    }

    /// The numbers that it takes, if this is none of them.
    fn refuses(&self, value: f64) -> Option<&'static str> {
        let is_gamma = self.power >= 2.0;
        let is_wrong = value < 0.0 || (is_gamma && value <= 0.0);
        is_wrong.then_some(if is_gamma { "above 0" } else { "from 0 up" })
    }

    fn refusal(&self, place: &str, value: f64, range: &str) -> RunError {
        failure(
            "invalid_target",
            format!(
                "the target is {value}{place}: {} predicts numbers {range}",
                self.name
            ),
            "Choose another algorithm, such as ridge or gradient_boosting, or correct the value and upload a new version.",
        )
    }
}

/// What a prediction costs, with its slopes by the prediction's score.
pub(super) trait Loss: Copy + Send + Sync {
    fn cost(self, actual: f64, score: f64) -> f64;

    /// The first and the second.
    fn slopes(self, actual: f64, score: f64) -> (f64, f64);
}

/// Half of what a prediction is off by, but for what does not depend on the prediction; with its slopes by the prediction's logarithm.
#[derive(Clone, Copy)]
struct Deviance {
    power: f64,
}

impl Loss for Deviance {
    fn cost(self, actual: f64, score: f64) -> f64 {
        let power = self.power;
        if power <= 1.0 {
            score.exp() - actual * score
        } else if power >= 2.0 {
            score + actual * (-score).exp()
        } else {
            ((2.0 - power) * score).exp() / (2.0 - power)
                + actual * ((1.0 - power) * score).exp() / (power - 1.0)
        }
    }

    fn slopes(self, actual: f64, score: f64) -> (f64, f64) {
        let power = self.power;
        let up = ((2.0 - power) * score).exp();
        let down = actual * ((1.0 - power) * score).exp();
        (up - down, (2.0 - power) * up + (power - 1.0) * down)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn slopes_are_those_of_the_cost(
            power in prop_oneof![Just(1.0), 1.01..1.99f64, Just(2.0)],
            actual in 0.0..9.0f64,
            score in -3.0..3.0f64,
        ) {
            let deviance = Deviance { power };
            let step = 1e-5;
            let (slope, bend) = deviance.slopes(actual, score);
            let cost = |by: f64| deviance.cost(actual, score + by);
            let rise = (cost(step) - cost(-step)) / (2.0 * step);
            prop_assert!((slope - rise).abs() < 1e-4 * (1.0 + slope.abs() + bend.abs()), "{slope} {rise}");
            let turn = (deviance.slopes(actual, score + step).0 - deviance.slopes(actual, score - step).0) / (2.0 * step);
            prop_assert!((bend - turn).abs() < 1e-4 * (1.0 + bend.abs()), "{bend} {turn}");
            prop_assert!(bend >= 0.0);
            // Nothing is better than the actual value.
            if actual > 0.0 {
                prop_assert!(deviance.slopes(actual, actual.ln()).0.abs() < 1e-9 * (1.0 + actual));
            }
        }
    }
}
