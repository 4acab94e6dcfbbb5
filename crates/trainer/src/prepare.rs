//! From the columns of a table to those that are encoded: as a spec's `preprocessing` says, fitted on the training rows alone.

mod category;
mod date;
mod number;
mod target;

use std::borrow::Cow;

use domain::models::DroppedColumn;
use domain::training_runs::{ColumnPreprocessing, Preprocessing, Role, RunError};
use model::Step;

use crate::failure::failure;
use crate::features::Categorical;
use crate::split::RowSplit;
use crate::table::{Column, Table, Values};
use crate::target::Target;

/// A column of the table that something is learned from.
pub(crate) struct Source<'a> {
    pub(crate) column: &'a Column,
    /// Of a column of categories, which of them are kept.
    pub(crate) categorical: Option<Categorical>,
    pub(crate) words: Words,
}

/// What a signature says of an input, where it is not what it always says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    pub(crate) impute: Option<String>,
    pub(crate) unseen: Option<String>,
    pub(crate) transform: Option<String>,
    /// Whether a missing value is marked as one.
    pub(crate) is_marked: bool,
}

/// A column that is encoded.
pub(crate) struct Made<'a> {
    /// With the values of all rows of the table.
    pub(crate) column: Cow<'a, Column>,
    /// Place of what it is made of among the sources.
    pub(crate) source: usize,
    pub(crate) step: Step,
    /// Of categories that were chosen already.
    pub(crate) categorical: Option<Categorical>,
    /// Whether numbers are divided by their standard deviation.
    pub(crate) standardises: bool,
}

pub(crate) struct Prepared<'a> {
    pub(crate) sources: Vec<Source<'a>>,
    pub(crate) columns: Vec<Made<'a>>,
    /// Columns of the table of which nothing can be made.
    pub(crate) dropped: Vec<DroppedColumn>,
}

/// What preparing goes by, besides the table.
pub(crate) struct Rows<'a> {
    /// Those that are learned from.
    pub(crate) train: &'a [u32],
    pub(crate) target: &'a Target,
    /// The training rows in parts: what is made of a row's own part says nothing of its target.
    pub(crate) folds: &'a [RowSplit],
}

/// One column that was asked for, on its way.
struct Task<'a, 'r> {
    column: &'a Column,
    asked: &'r ColumnPreprocessing,
    rows: &'r Rows<'r>,
    source: usize,
}

/// What became of it, or why it is of no use.
type Outcome<'a> = Result<(Source<'a>, Vec<Made<'a>>), String>;

impl<'a> Prepared<'a> {
    /// Every column as it is.
    #[cfg(test)]
    pub(crate) fn same(table: &'a Table) -> Self {
        let mut prepared = Self {
            sources: Vec::new(),
            columns: Vec::new(),
            dropped: Vec::new(),
        };
        for column in &table.features {
            prepared.add_same(column);
        }
        prepared
    }

    /// # Errors
    /// What is asked for does not fit a column.
    pub(crate) fn fit(
        table: &'a Table,
        preprocessing: &Preprocessing,
        rows: &Rows<'_>,
    ) -> Result<Self, RunError> {
        let mut prepared = Self {
            sources: Vec::new(),
            columns: Vec::new(),
            dropped: Vec::new(),
        };
        for column in &table.features {
            let Some(asked) = preprocessing.get(&column.name) else {
                prepared.add_same(column);
                continue;
            };
            check(column, asked)?;
            let task = Task {
                column,
                asked,
                rows,
                source: prepared.sources.len(),
            };
            let made = match asked.role(column.kind) {
                Role::Number => task.number(),
                Role::Date => task.date(),
                Role::Category => task.category()?,
            };
            match made {
                Ok((source, columns)) => {
                    prepared.sources.push(source);
                    prepared.columns.extend(columns);
                }
                Err(reason) => prepared.dropped.push(DroppedColumn {
                    column: column.name.clone(),
                    reason,
                }),
            }
        }
        Ok(prepared)
    }

    fn add_same(&mut self, column: &'a Column) {
        self.columns.push(Made {
            column: Cow::Borrowed(column),
            source: self.sources.len(),
            step: Step::Same,
            categorical: None,
            standardises: true,
        });
        self.sources.push(Source {
            column,
            categorical: None,
            words: Words::default(),
        });
    }
}

/// The same table of what a column may be told that the request was checked by, now that the column is known for sure.
fn check(column: &Column, asked: &ColumnPreprocessing) -> Result<(), RunError> {
    let errors = asked.check_column(&column.name, column.kind);
    let Some(error) = errors.first() else {
        return Ok(());
    };
    Err(failure(
        "invalid_features",
        format!(
            "{}: expected {}, got {}",
            error.pointer,
            error.expected,
            error.got.as_deref().unwrap_or_default()
        ),
        "Correct preprocessing, or leave the column out of it.",
    ))
}

impl<'a> Task<'a, '_> {
    fn made(&self, column: Cow<'a, Column>, step: Step) -> Made<'a> {
        Made {
            column,
            source: self.source,
            step,
            categorical: None,
            standardises: true,
        }
    }

    /// A column of numbers that is made of this one; `what` is behind its name.
    fn numbers(&self, what: &str, numbers: Vec<f64>, step: Step) -> Made<'a> {
        let column = Column {
            name: format!("{} ({what})", self.column.name),
            kind: domain::datasets::ColumnType::Float,
            format: None,
            values: Values::Numbers(numbers),
        };
        self.made(Cow::Owned(column), step)
    }

    fn has_missing(&self) -> bool {
        (0..self.column.rows()).any(|row| self.column.is_missing(row))
    }

    /// The number that says whether the value is missing, where it was asked for and says anything.
    fn indicator(&self) -> Option<Made<'a>> {
        if !self.asked.has_indicator() || !self.has_missing() {
            return None;
        }
        let rows = 0..self.column.rows();
        let numbers = rows.map(|row| f64::from(self.column.is_missing(row)));
        Some(self.numbers("missing", numbers.collect(), Step::IsMissing))
    }
}
