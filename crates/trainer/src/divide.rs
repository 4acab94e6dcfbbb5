//! How the rows of a run are kept apart: those that are learned from, and those that judge what was learned.

use domain::training_runs::{RunError, SplitMethod, TrainingSpec};

use crate::failure::failure;
use crate::split::{
    RowSplit, fold, fold_groups, fold_stratified, fold_time, split, split_groups, split_stratified,
    split_time,
};
use crate::table::{Apart, MISSING, Table};
use crate::target::Target;

/// From here on it is told that whole groups can not meet the share that is asked for.
const OFF: f64 = 0.02;

pub(crate) struct Division<'t> {
    by: By<'t>,
    target: &'t Target,
    /// What groups and moments are values of.
    column: &'t str,
    share: f64,
    seed: u64,
}

/// Values are those of every row of the table.
enum By<'t> {
    Random,
    Class,
    Group(&'t [u32]),
    Time(&'t [f64]),
}

impl<'t> Division<'t> {
    pub(crate) fn new(
        spec: &'t TrainingSpec,
        table: &'t Table,
        target: &'t Target,
    ) -> Result<Self, RunError> {
        let method = spec.split.method.unwrap_or(SplitMethod::of(target.task()));
        let by = match (method, &table.apart) {
            (SplitMethod::Random, _) => By::Random,
            (SplitMethod::Stratified, _) => By::Class,
            (SplitMethod::Group, Some(Apart::Groups(groups))) => By::Group(groups),
            (SplitMethod::Time, Some(Apart::Moments(moments))) => By::Time(moments),
            (SplitMethod::Group | SplitMethod::Time, _) => {
                return Err(failure(
                    "invalid_split",
                    format!("a split by {} goes by a column", method.as_str()),
                    "Set split.column to it.",
                ));
            }
        };
        Ok(Self {
            by,
            target,
            column: spec.split.column.as_deref().unwrap_or_default(),
            share: spec.split.test_fraction,
            seed: spec.split.seed,
        })
    }

    /// Some of `rows` are held out.
    ///
    /// # Errors
    /// All of them belong together.
    pub(crate) fn hold_out(&self, rows: &[u32]) -> Result<RowSplit, RunError> {
        let (share, seed) = (self.share, self.seed);
        let split = match self.by {
            By::Random => split(rows.len() as u32, share, seed),
            By::Class => split_stratified(&self.classes(rows), share, seed),
            By::Group(groups) => split_groups(&of(groups, rows), share, seed),
            By::Time(moments) => split_time(&of(moments, rows), share),
        };
        if split.test.is_empty() {
            return Err(failure(
                "invalid_split",
                format!(
                    "{:?} is the same in all rows that have a target, so none can be held out",
                    self.column
                ),
                "Set split.column to one whose values differ, or split.method to random.",
            ));
        }
        Ok(split.of(rows))
    }

    /// `rows` in at most `count` folds, as they were held out. Those of a classification have the same share of each class, unless
    /// they go by a column, and those that could not learn of a class that others have are left out.
    pub(crate) fn folds(&self, rows: &[u32], count: usize) -> Vec<RowSplit> {
        self.folds_again(rows, count, 0)
    }

    /// The same, with other rows together each `time`, of which the first is 0. Time goes by but once: there are none after that.
    pub(crate) fn folds_again(&self, rows: &[u32], count: usize, time: u64) -> Vec<RowSplit> {
        let is_classification = self.target.classes.is_some();
        let seed = self.seed.wrapping_add(time);
        let folds = match self.by {
            By::Random | By::Class if is_classification => {
                fold_stratified(&self.classes(rows), count, seed)
            }
            By::Random | By::Class => fold(rows.len() as u32, count, seed),
            By::Group(groups) => fold_groups(&of(groups, rows), count, seed),
            By::Time(_) if time > 0 => Vec::new(),
            By::Time(moments) => fold_time(&of(moments, rows), count),
        };
        let mut folds: Vec<RowSplit> = folds.into_iter().map(|fold| fold.of(rows)).collect();
        if is_classification {
            let all = self.class_count(rows);
            folds.retain(|fold| self.class_count(&fold.train) == all);
        }
        folds
    }

    /// About `most` of these rows: drawn as rows are held out, or spread evenly over time.
    pub(crate) fn some(&self, rows: &[u32], most: usize) -> Vec<u32> {
        if rows.len() <= most {
            return rows.to_vec();
        }
        let share = most as f64 / rows.len() as f64;
        let is_classification = self.target.classes.is_some();
        let mut some = match self.by {
            By::Time(_) => {
                let step = rows.len().div_ceil(most.max(1));
                rows.iter().copied().step_by(step).collect()
            }
            By::Group(groups) => {
                split_groups(&of(groups, rows), share, self.seed)
                    .of(rows)
                    .test
            }
            By::Random | By::Class if is_classification => {
                split_stratified(&self.classes(rows), share, self.seed)
                    .of(rows)
                    .test
            }
            By::Random | By::Class => split(rows.len() as u32, share, self.seed).of(rows).test,
        };
        if is_classification {
            // Nobody can learn of a class that is in no row.
            let mut is_there = vec![false; self.target.classes.as_ref().map_or(0, Vec::len)];
            for class in self.classes(&some) {
                is_there[class as usize] = true;
            }
            for (&row, class) in rows.iter().zip(self.classes(rows)) {
                if !std::mem::replace(&mut is_there[class as usize], true) {
                    some.push(row);
                }
            }
            some.sort_unstable();
        }
        if some.is_empty() { rows.to_vec() } else { some }
    }

    fn classes(&self, rows: &[u32]) -> Vec<u32> {
        let class = |&row: &u32| self.target.values[row as usize] as u32;
        rows.iter().map(class).collect()
    }

    /// How many different ones the rows have.
    fn class_count(&self, rows: &[u32]) -> usize {
        let mut is_there = vec![false; self.target.classes.as_ref().map_or(0, Vec::len)];
        for class in self.classes(rows) {
            is_there[class as usize] = true;
        }
        is_there.into_iter().filter(|&is_there| is_there).count()
    }

    /// How it is done, in words.
    pub(crate) fn described(&self) -> String {
        let Self { column, seed, .. } = self;
        match self.by {
            By::Random => format!("at random with seed {seed}"),
            By::Class => format!("by class with seed {seed}"),
            By::Group(_) => format!("by {column:?}, equal ones together, with seed {seed}"),
            By::Time(_) => format!("by {column:?}, the newest held out"),
        }
    }

    /// What was otherwise than asked for.
    pub(crate) fn notes(&self, rows: &[u32], held_out: usize) -> Vec<String> {
        let column = self.column;
        let (without, so) = match self.by {
            By::Random | By::Class => return Vec::new(),
            By::Group(groups) => {
                let is_missing = |&&row: &&u32| groups[row as usize] == MISSING;
                (rows.iter().filter(is_missing).count(), "stay together")
            }
            By::Time(moments) => {
                let is_missing = |&&row: &&u32| moments[row as usize].is_nan();
                (rows.iter().filter(is_missing).count(), "are learned from")
            }
        };
        let mut notes = Vec::new();
        if without > 0 {
            notes.push(format!(
                "{without} rows have no value for {column:?}: they {so}"
            ));
        }
        let share = held_out as f64 / rows.len() as f64;
        if (share - self.share).abs() > OFF {
            notes.push(format!(
                "{:.0} % of the rows are held out, not {:.0} %: rows of the same {column:?} stay on one side",
                share * 100.0,
                self.share * 100.0
            ));
        }
        notes
    }
}

/// Those of `rows`.
fn of<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|&row| values[row as usize]).collect()
}
