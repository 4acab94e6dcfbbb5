//! `auto`: tries algorithms on parts of the training rows and takes the best, by successive halving: all are tried on a first
//! part, and the better half of them goes on to the next ones. Of few rows the parts are cut anew, so that chance decides less;
//! of very many some are enough to choose by. Those that come to the end are tried together, too. The held-out rows of the run
//! have no say in it.

mod blend;
mod choices;
mod trial;

use std::time::{Duration, Instant};

use domain::models::Candidate;
use domain::training_runs::RunError;

use crate::failure::failure;
use crate::fit::Told;
use crate::learn::{Lesson, Plan};
use crate::split::RowSplit;
use blend::Blended;
use choices::choices;
use trial::{Trial, estimate, value};

/// Those that go on to the next part, at least.
const FEWEST: usize = 4;
/// How much longer a fit is expected to take than rows and time of the last one say.
const LONGER: f64 = 1.3;
/// What is tried takes no more of the time that is left.
const SHARE: f64 = 0.5;
/// Values of the rows that are chosen by, and how many rows they are at most and at least: of more rows some.
const MOST_VALUES: usize = 600_000;
const MOST_ROWS: usize = 60_000;
const FEWEST_ROWS: usize = 5_000;
/// What a simpler one may be worse by, as a share of the metric, if chance could make as much of a difference.
const NEAR: f64 = 0.003;
/// What several together must be better by, as a share of the metric.
const WORTH: f64 = 0.005;

/// What a choice has to keep to.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// When nothing more is tried.
    pub(crate) until: Instant,
    /// When what was chosen is to be fitted, and to have predicted the rows that are held out.
    pub(crate) ready: Instant,
    /// How many these are.
    pub(crate) held_out: usize,
    /// What a prediction may take.
    pub(crate) max_micros: Option<u32>,
}

pub(crate) struct Found {
    pub(crate) plan: Plan,
    /// The training rows that it is fitted to: as many as there is time for.
    pub(crate) rows: Vec<u32>,
    /// When it is to be fitted.
    pub(crate) until: Instant,
    /// What came of each that was tried, the one that was taken first.
    pub(crate) candidates: Vec<Candidate>,
}

/// The best of all. Nothing is begun that is expected to end after `bounds.until`, once something has been tried.
///
/// # Errors
/// Why the last one failed, when all did; which one is the quickest, when all take too long to predict.
pub(crate) fn choose(
    lesson: &Lesson<'_>,
    train: &[u32],
    bounds: Bounds,
    tell: &mut dyn FnMut(Told),
) -> Result<Found, RunError> {
    let some = sample(lesson, train, tell);
    let mut search = Search {
        trials: choices(lesson, &some)
            .into_iter()
            .enumerate()
            .map(|(rank, choice)| Trial::new(choice, lesson, rank))
            .collect(),
        actual: Vec::new(),
        rows: some.len(),
        lesson,
    };
    search.run(&some, bounds, tell)?;
    search.take(train, bounds, tell)
}

/// The rows that are chosen by.
fn sample(lesson: &Lesson<'_>, train: &[u32], tell: &mut dyn FnMut(Told)) -> Vec<u32> {
    let width = lesson
        .table
        .features
        .len()
        .max(lesson.target.classes.as_ref().map_or(1, Vec::len));
    let most = (MOST_VALUES / width.max(1)).clamp(FEWEST_ROWS, MOST_ROWS);
    if train.len() <= most {
        return train.to_vec();
    }
    let some = lesson.division.some(train, most);
    tell(Told::Info(format!(
        "comparing by {} of the {} training rows",
        some.len(),
        train.len()
    )));
    some
}

/// How often the rows are cut into how many parts: chance decides the more the fewer they are.
fn cuts(rows: usize) -> (usize, usize) {
    match rows {
        0..=300 => (3, 5),
        301..=2_000 => (2, 5),
        _ => (1, 3),
    }
}

struct Search<'l, 't> {
    trials: Vec<Trial>,
    /// Of the rows that were held out so far, one part behind the other.
    actual: Vec<f64>,
    /// How many different ones there are.
    rows: usize,
    lesson: &'l Lesson<'t>,
}

impl Search<'_, '_> {
    fn run(
        &mut self,
        rows: &[u32],
        Bounds {
            until, max_micros, ..
        }: Bounds,
        tell: &mut dyn FnMut(Told),
    ) -> Result<(), RunError> {
        let most = max_micros.map_or(f64::INFINITY, f64::from);
        let (times, count) = cuts(rows.len());
        let cut: Vec<Vec<RowSplit>> = (0..times)
            .map(|time| self.lesson.division.folds_again(rows, count, time as u64))
            .filter(|folds| !folds.is_empty())
            .collect();
        let Some(each) = cut.iter().map(Vec::len).max() else {
            return Err(failure(
                "too_few_rows",
                "the training rows can not be divided further: there is nothing to compare algorithms by",
                "Choose an algorithm, or add rows and upload the table as a new version.",
            ));
        };
        let total: usize = cut.iter().map(Vec::len).sum();
        let mut standing: Vec<usize> = (0..self.trials.len()).collect();
        let planned = planned(standing.len(), &cut, each);
        let (mut done, mut number) = (0_usize, 0);
        for folds in &cut {
            for (place, RowSplit { train, test }) in folds.iter().enumerate() {
                number += 1;
                for (turn, &trial) in standing.iter().enumerate() {
                    let is_first = self.trials.iter().all(|trial| trial.folds() == 0);
                    let expected = self.expected(trial, train.len());
                    let now = Instant::now();
                    let trial = &mut self.trials[trial];
                    if !is_first && now + expected > until {
                        trial.problem = Some("there was no time to try it further".to_owned());
                        trial.is_cut_short = true;
                        continue;
                    }
                    // The last one may take all that is left.
                    let left = until.saturating_duration_since(now);
                    let is_last = number == total && turn + 1 == standing.len();
                    let own = now + if is_last { left } else { left.mul_f64(SHARE) };
                    trial.run(self.lesson, (train, test), own, &mut |fraction| {
                        let fraction = (done as f64 + fraction) / planned.max(1) as f64;
                        tell(Told::Progress(fraction.min(1.0)));
                    });
                    done += 1;
                    tell(trial.told(number, total, self.rows));
                    trial.keep_to(most);
                }
                let held_out = test
                    .iter()
                    .map(|&row| self.lesson.target.values[row as usize]);
                self.actual.extend(held_out);
                standing.retain(|&place| self.trials[place].problem.is_none());
                // Of few rows a single part says little.
                if times == 1 || place + 1 == folds.len() {
                    standing.sort_by(|&a, &b| {
                        self.trials[a].order().total_cmp(&self.trials[b].order())
                    });
                    standing.truncate(better_half(standing.len()));
                    standing.sort_unstable();
                }
            }
        }
        Ok(())
    }

    /// How long the next fit of a trial will take, at least: as its last one, or as the quicker one before it in the order, several
    /// times as long if that is the same algorithm with less to do.
    fn expected(&self, place: usize, rows: usize) -> Duration {
        let own = &self.trials[place];
        if own.folds() > 0 {
            return own.fit_of(rows).mul_f64(LONGER);
        }
        match place.checked_sub(1).map(|before| &self.trials[before]) {
            Some(before) if before.folds() > 0 => {
                let last = before.fit_of(rows);
                let is_same = before.choice.algorithm == own.choice.algorithm;
                if is_same && own.grows() {
                    3 * last
                } else {
                    last
                }
            }
            _ => Duration::ZERO,
        }
    }

    /// The best that keeps to the bounds, alone or several together.
    fn take(
        mut self,
        train: &[u32],
        bounds: Bounds,
        tell: &mut dyn FnMut(Told),
    ) -> Result<Found, RunError> {
        let most = bounds.max_micros.map_or(f64::INFINITY, f64::from);
        let judged = self.trials.iter().filter(|trial| trial.folds() > 0);
        let fastest = judged.min_by(|a, b| a.predict_micros().total_cmp(&b.predict_micros()));
        let Some(fastest) = fastest else {
            // Something was tried, if nothing else then the first.
            let mut trials = self.trials.into_iter();
            return Err(trials
                .find_map(|trial| trial.failure)
                .unwrap_or_else(nothing_tried));
        };
        if fastest.predict_micros() > most {
            return Err(failure(
                "too_slow",
                format!(
                    "every algorithm takes longer than {most} µs to predict a row: the fastest is {} with {:.1} µs",
                    fastest.choice,
                    fastest.predict_micros()
                ),
                "Raise budget.max_predict_micros, or leave out features.",
            ));
        }
        for trial in &mut self.trials {
            trial.keep_to(most);
        }
        let now = Instant::now();
        let left = bounds.ready.saturating_duration_since(now).as_secs_f64();
        let refit = |trial: &Trial| trial.fit_of(train.len()).as_secs_f64() * LONGER;
        // As if one row came after the other, which they do not.
        let evaluation =
            |trial: &Trial| trial.predict_micros() * bounds.held_out as f64 / 1e6 * LONGER;

        let mut able: Vec<usize> = (0..self.trials.len())
            .filter(|&place| self.trials[place].can_be_taken(most))
            .collect();
        let in_time = |place: &usize| evaluation(&self.trials[*place]) <= left / 2.0;
        if able.iter().any(in_time) {
            able.retain(in_time);
        }
        let folds = able.iter().map(|&place| self.trials[place].folds()).max();
        let finalists: Vec<usize> = able
            .iter()
            .copied()
            .filter(|&place| {
                let trial = &self.trials[place];
                Some(trial.folds()) == folds || trial.is_cut_short
            })
            .collect();
        // What was cut short is compared by the rows that all of them were judged by.
        let common = finalists
            .iter()
            .map(|&place| self.trials[place].losses.len());
        let common = common.min().unwrap_or_default();
        for &place in &finalists {
            self.trials[place].common = common;
        }
        self.actual.truncate(common);
        self.sort(&finalists);
        let finalists: Vec<usize> = (0..finalists.len()).collect();
        let Some(taken) = self.simplest(&finalists) else {
            return Err(nothing_tried());
        };
        let allowed = |members: &[usize]| {
            let of = |what: &dyn Fn(&Trial) -> f64| -> f64 {
                members.iter().map(|&place| what(&self.trials[place])).sum()
            };
            of(&Trial::predict_micros) <= most && of(&refit) + of(&evaluation) <= left
        };
        let together = blend::search(&self.trials, &finalists, &self.actual, &allowed)
            .filter(|together| self.is_worth(together, taken));
        let metric = self.lesson.task().metric();
        let mut candidates = Vec::with_capacity(self.trials.len() + 1);
        let (plan, needs, judging) = if let Some(Blended { members, losses }) = together {
            let plan = self.blend_plan(&members);
            candidates.push(Candidate {
                algorithm: plan.algorithm(),
                params: plan.params(),
                folds: folds.unwrap_or_default(),
                metric,
                estimate: estimate(metric, &losses, self.rows),
                fit_seconds: self.sum(&members, Trial::fit_seconds),
                predict_micros: self.sum(&members, Trial::predict_micros),
                problem: None,
            });
            (
                plan,
                self.sum(&members, refit),
                self.sum(&members, evaluation),
            )
        } else {
            let trial = &self.trials[taken];
            candidates.push(trial.candidate(self.rows));
            let plan = Plan::One(trial.choice.clone());
            (plan, refit(trial), evaluation(trial))
        };
        let is_alone = matches!(plan, Plan::One(_));
        let others = self.trials.iter().enumerate();
        let others = others.filter(|(place, _)| !is_alone || *place != taken);
        candidates.extend(others.map(|(_, trial)| trial.candidate(self.rows)));
        let left = (left - judging).max(0.0);
        Ok(Found {
            rows: self.affordable(train, needs, left, tell),
            until: now + Duration::from_secs_f64(left),
            plan,
            candidates,
        })
    }

    /// Those at these places first, the best of them before the others.
    fn sort(&mut self, finalists: &[usize]) {
        for (place, trial) in self.trials.iter_mut().enumerate() {
            trial.is_finalist = finalists.contains(&place);
        }
        self.trials.sort_by(|a, b| {
            let finalist = b.is_finalist.cmp(&a.is_finalist);
            let failed = a.failure.is_some().cmp(&b.failure.is_some());
            let folds = if a.is_finalist {
                std::cmp::Ordering::Equal
            } else {
                b.folds().cmp(&a.folds())
            };
            let order = a.order().total_cmp(&b.order());
            finalist.then(failed).then(folds).then(order)
        });
    }

    fn sum(&self, members: &[(usize, f64)], what: impl Fn(&Trial) -> f64) -> f64 {
        let members = members.iter();
        members.map(|(place, _)| what(&self.trials[*place])).sum()
    }

    /// The simplest of those that are about as good as the best, as far as anybody can tell.
    fn simplest(&self, finalists: &[usize]) -> Option<usize> {
        let order = |place: usize| self.trials[place].order();
        let best = finalists
            .iter()
            .copied()
            .min_by(|&a, &b| order(a).total_cmp(&order(b)))?;
        let near = finalists.iter().copied().filter(|&place| {
            let trial = &self.trials[place];
            trial.order() <= order(best) * (1.0 + NEAR)
                && trial.is_as_good_as(&self.trials[best], self.rows)
        });
        // Not by the time that they took: clocks are not the same from run to run.
        near.min_by_key(|&place| self.trials[place].rank)
    }

    fn is_worth(&self, together: &Blended, alone: usize) -> bool {
        let metric = self.lesson.task().metric();
        let own = value(metric, &together.losses);
        own <= self.trials[alone].order() * (1.0 - WORTH)
    }

    fn blend_plan(&self, members: &[(usize, f64)]) -> Plan {
        let mut members: Vec<&(usize, f64)> = members.iter().collect();
        members.sort_by_key(|(place, _)| self.trials[*place].rank);
        Plan::Blend(
            members
                .into_iter()
                .map(|(place, weight)| (*weight, self.trials[*place].choice.clone()))
                .collect(),
        )
    }

    /// As many of the training rows as can be learned from in the time that is left.
    fn affordable(
        &self,
        train: &[u32],
        needs: f64,
        left: f64,
        tell: &mut dyn FnMut(Told),
    ) -> Vec<u32> {
        let most = (train.len() as f64 * left / needs.max(f64::MIN_POSITIVE)) as usize;
        if most >= train.len() {
            return train.to_vec();
        }
        let some = self.lesson.division.some(train, most.max(self.rows));
        tell(Told::Warn(format!(
            "there is time to learn from {} of the {} training rows: raise budget.seconds to learn from all of them",
            some.len(),
            train.len()
        )));
        some
    }
}

fn nothing_tried() -> RunError {
    failure(
        "out_of_time",
        "there was no time to try an algorithm to the end",
        "Raise budget.seconds, or choose an algorithm.",
    )
}

/// Trials of all parts together, about.
fn planned(trials: usize, cut: &[Vec<RowSplit>], each: usize) -> usize {
    let mut standing = trials;
    let mut sum = 0;
    for folds in cut {
        if cut.len() == 1 {
            for _ in 0..each {
                sum += standing;
                standing = better_half(standing);
            }
        } else {
            sum += standing * folds.len();
            standing = better_half(standing);
        }
    }
    sum
}

fn better_half(standing: usize) -> usize {
    standing.div_ceil(2).max(FEWEST).min(standing)
}

#[cfg(test)]
mod tests {
    use domain::models::Metric;

    use super::*;

    #[test]
    fn half_of_them_go_on_but_never_fewer_than_four() {
        assert_eq!(
            [12, 9, 8, 5, 4, 3, 0].map(better_half),
            [6, 5, 4, 4, 4, 3, 0]
        );
        let none: Vec<Vec<RowSplit>> = vec![Vec::new()];
        assert_eq!(planned(12, &none, 3), 12 + 6 + 4);
    }

    #[test]
    fn few_rows_are_cut_more_often() {
        let fits = |rows: usize| {
            let (times, count) = cuts(rows);
            times * count
        };
        assert_eq!([100, 1_000, 100_000].map(fits), [15, 10, 3]);
    }

    #[test]
    fn the_metric_of_losses() {
        assert!((value(Metric::Rmse, &[1.0, 9.0]) - 5.0_f64.sqrt()).abs() < 1e-12);
        assert!((value(Metric::LogLoss, &[1.0, 2.0]) - 1.5).abs() < 1e-12);
    }
}
