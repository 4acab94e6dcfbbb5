//! From rows of a table to a model of them.

mod plan;

use std::fmt;
use std::time::Instant;

use domain::models::{OutputField, Task};
use domain::training_runs::{
    Algorithm, ColumnPreprocessing, Encode, Named, Params, Preprocessing, RunError, Stage,
};

use crate::divide::Division;
use crate::failure::failure;
use crate::features::{Features, Rules};
use crate::fit::{self, Fits, Fitted, LinearFit, Rows, Told};
use crate::package::{Packaged, package};
use crate::prepare::{self, Prepared};
use crate::profile::Moments;
use crate::stream::Stream;
use crate::table::Table;
use crate::target::Target;

pub(crate) use plan::Plan;

/// A training row's category is encoded by what the rows of the other parts say of the target.
const TARGET_FOLDS: usize = 5;

/// What there is to learn, whatever learns it.
pub(crate) struct Lesson<'t> {
    pub(crate) table: &'t Table,
    pub(crate) target: &'t Target,
    pub(crate) target_name: &'t str,
    /// The rows that have a target.
    pub(crate) usable: &'t [u32],
    pub(crate) memory_mb: u32,
    /// Where the table has more rows than are in memory.
    pub(crate) stream: Option<&'t Stream>,
    pub(crate) preprocessing: &'t Preprocessing,
    /// How its rows are kept apart.
    pub(crate) division: &'t Division<'t>,
}

/// An algorithm and what it is run with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) algorithm: Named,
    pub(crate) params: Params,
}

impl fmt::Display for Choice {
    /// Such as `ridge with penalty 0.01`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Algorithm::from(self.algorithm).as_str())?;
        for (place, (name, value)) in self.params.to_map().iter().enumerate() {
            let before = if place == 0 { " with" } else { "," };
            write!(f, "{before} {name} {value}")?;
        }
        Ok(())
    }
}

pub(crate) struct Learned<'t> {
    pub(crate) features: Features<'t>,
    pub(crate) packaged: Packaged,
    /// Of a regression, the mean of the target over the rows that were learned from.
    pub(crate) mean: f64,
}

impl<'t> Lesson<'t> {
    /// Learns from the rows `train` alone. An algorithm that grows a model step by step takes no further step after `until`.
    ///
    /// # Errors
    /// Why there is no model, and what to do about it.
    pub(crate) fn learn(
        &self,
        train: &[u32],
        choice: &Choice,
        until: Option<Instant>,
        tell: &mut dyn FnMut(Stage, Told),
    ) -> Result<Learned<'t>, RunError> {
        let scale = match &self.target.classes {
            None => self.scale(train)?,
            Some(classes) => {
                self.check_classes(classes, train)?;
                (0.0, 1.0)
            }
        };
        let rules = Rules::of(choice.algorithm);
        let features = Features::fit(self.prepared(train)?, train, rules, &mut |fraction| {
            tell(Stage::Encode, Told::Progress(fraction));
        });
        for dropped in &features.dropped {
            let message = format!("dropped column {:?}: {}", dropped.column, dropped.reason);
            tell(Stage::Encode, Told::Warn(message));
        }
        if features.features.is_empty() {
            return Err(failure(
                "invalid_features",
                "no feature is of use: each is constant, missing or an identifier",
                "Choose features that differ from row to row and repeat among rows.",
            ));
        }
        let message = format!(
            "encoded {} columns as {} numbers",
            features.features.len(),
            features.encoded.len()
        );
        tell(Stage::Encode, Told::Info(message));

        tell(Stage::Train, Told::Info(format!("fitting {choice}")));
        let rows = Rows {
            features: &features,
            target: &self.target.values,
            classes: self.target.classes.as_ref().map(Vec::len),
            scale,
            train,
            memory_mb: self.memory_mb,
            stream: self.stream,
            until,
        };
        let algorithm = fit::algorithm(choice.algorithm, &choice.params);
        let fitted = algorithm.fit(&rows, &mut |told| tell(Stage::Train, told))?;
        let linear: &[LinearFit] = match &fitted {
            Fitted::Linear(fit) | Fitted::Exponential(fit) => std::slice::from_ref(fit),
            Fitted::Classes(_, Fits::Linear(fits)) => fits,
            Fitted::Trees(_)
            | Fitted::Neighbours(_)
            | Fitted::Classes(_, Fits::Trees(_) | Fits::Densities(_)) => &[],
        };
        if let Some(fit) = linear.first() {
            for (column, others) in &fit.collinear {
                let name = &features.encoded[*column].name;
                let message = format!("dropped {name:?}: collinear with {}", others.join(", "));
                tell(Stage::Train, Told::Warn(message));
            }
        }
        let mut packaged = package(&features, fitted, self.output(), self.usable);
        if packaged.used.is_empty() {
            return Err(failure(
                "invalid_features",
                "no feature is of use",
                "Choose other features.",
            ));
        }
        let artifact = &mut packaged.artifact;
        Algorithm::from(choice.algorithm)
            .as_str()
            .clone_into(&mut artifact.algorithm);
        artifact.params = choice.params.to_map();
        Ok(Learned {
            features,
            packaged,
            mean: scale.0,
        })
    }

    fn prepared(&self, train: &[u32]) -> Result<Prepared<'t>, RunError> {
        let is_coded = |asked: &ColumnPreprocessing| asked.encode == Some(Encode::Target);
        let folds = if self.preprocessing.values().any(is_coded) {
            self.division.folds(train, TARGET_FOLDS)
        } else {
            Vec::new()
        };
        let rows = prepare::Rows {
            train,
            target: self.target,
            folds: &folds,
        };
        Prepared::fit(self.table, self.preprocessing, &rows)
    }

    fn output(&self) -> OutputField {
        match &self.target.classes {
            None => OutputField::regression(self.target_name),
            Some(classes) => OutputField::classification(self.target_name, classes.clone()),
        }
    }

    pub(crate) fn task(&self) -> Task {
        self.target.task()
    }

    /// Nobody can learn of a class that is in no row. A stratified split has each in one; one at random may not.
    fn check_classes(&self, classes: &[String], train: &[u32]) -> Result<(), RunError> {
        let mut is_there = vec![false; classes.len()];
        for &row in train {
            is_there[self.target.values[row as usize] as usize] = true;
        }
        let Some(absent) = is_there.iter().position(|is_there| !is_there) else {
            return Ok(());
        };
        Err(failure(
            "invalid_target",
            format!(
                "the class {:?} of the target {:?} is in no training row: the split held all of its rows out",
                classes[absent], self.target_name
            ),
            "Set split.method to stratified, which leaves some of every class to learn from, or add rows of the class.",
        ))
    }

    /// Mean and standard deviation of the target over these rows.
    fn scale(&self, train: &[u32]) -> Result<(f64, f64), RunError> {
        let name = self.target_name;
        let moments: Moments = train
            .iter()
            .map(|&row| self.target.values[row as usize])
            .collect();
        let (mean, std) = (moments.mean(), moments.population_std());
        if !mean.is_finite() || !std.is_finite() {
            return Err(failure(
                "invalid_target",
                format!("the values of the target {name:?} are too large to compute with"),
                "Give the target in a larger unit, and upload the table as a new version.",
            ));
        }
        if std <= 1e-13 * mean.abs() {
            return Err(failure(
                "invalid_target",
                format!(
                    "the target {name:?} is {} in every training row: there is nothing to learn",
                    moments.min()
                ),
                "Choose a column whose values differ.",
            ));
        }
        Ok((mean, std))
    }
}
