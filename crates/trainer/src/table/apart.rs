//! The column that a split by group or time goes by.

use std::collections::HashMap;

use domain::datasets::ColumnType;
use domain::dates;
use domain::training_runs::RunError;
use xxhash_rust::xxh3::xxh3_64;

use super::{MISSING, NumberKey};
use crate::error::shorten;
use crate::failure::{failure, reserve};
use crate::read::{Cell, Number};

/// What the column says of each row of the table.
pub(crate) enum Apart {
    /// The same for rows that stay together; [`MISSING`] for those that have no value, which stay together too.
    Groups(Vec<u32>),
    /// The later, the larger; NaN for rows that have no value.
    Moments(Vec<f64>),
}

/// Longest value that an error shows.
const SHOWN_LENGTH: usize = 40;
const WHAT: &str = "the split's column";

pub(super) struct LoadApart {
    /// Of the column among those that are read.
    pub(super) position: usize,
    kind: ColumnType,
    values: Apart,
    /// Of a group's value, by its hash: two that share one would only stay together.
    places: HashMap<u64, u32>,
    /// The first value that is no date, and its row.
    wrong: Option<(u64, String)>,
}

impl LoadApart {
    pub(super) fn new(
        position: usize,
        kind: ColumnType,
        is_time: bool,
        rows: usize,
    ) -> Result<Self, RunError> {
        let values = if is_time {
            Apart::Moments(reserve(rows, WHAT)?)
        } else {
            Apart::Groups(reserve(rows, WHAT)?)
        };
        Ok(Self {
            position,
            kind,
            values,
            places: HashMap::new(),
            wrong: None,
        })
    }

    pub(super) fn add(&mut self, row: u64, cell: Cell<'_>) {
        match &mut self.values {
            Apart::Groups(groups) => {
                let next = self.places.len() as u32;
                groups.push(match key(self.kind, cell) {
                    None => MISSING,
                    Some(key) => *self.places.entry(key).or_insert(next),
                });
            }
            Apart::Moments(moments) => {
                let moment = moment(self.kind, cell);
                if let (None, Cell::Raw(text) | Cell::Text(text)) = (moment, cell)
                    && self.wrong.is_none()
                {
                    self.wrong = Some((row + 1, shorten(text, SHOWN_LENGTH)));
                }
                moments.push(moment.unwrap_or(f64::NAN));
            }
        }
    }

    /// # Errors
    /// A value of a time that is neither a number nor a date.
    pub(super) fn finish(self, name: &str) -> Result<Apart, RunError> {
        let is_boolean = self.kind == ColumnType::Boolean;
        let problem = match (&self.values, &self.wrong) {
            (Apart::Moments(_), _) if is_boolean => {
                format!("the split's column {name:?} is boolean")
            }
            (Apart::Moments(_), Some((row, text))) => {
                format!(
                    "the split's column {name:?} is no date in every row: row {row} has {text:?}"
                )
            }
            _ => return Ok(self.values),
        };
        Err(failure(
            "invalid_split",
            problem,
            "Choose a column of numbers or of dates such as 2026-01-31 or 2026-01-31T09:30:00Z, or write its values so and upload a new version.",
        ))
    }
}

fn moment(kind: ColumnType, cell: Cell<'_>) -> Option<f64> {
    match (kind, cell) {
        (ColumnType::String, Cell::Raw(text) | Cell::Text(text)) => dates::moment(text),
        _ => cell.number().map(Number::as_f64),
    }
}

/// The same for values that are equal, such as 1 and 1.0 in a column of numbers.
fn key(kind: ColumnType, cell: Cell<'_>) -> Option<u64> {
    match kind {
        ColumnType::Integer | ColumnType::Float => {
            cell.number().map(|number| match NumberKey::from(number) {
                NumberKey::Whole(whole) => whole.cast_unsigned(),
                NumberKey::Other(bits) => bits,
            })
        }
        ColumnType::Boolean => cell.boolean().map(u64::from),
        ColumnType::String => match cell {
            Cell::Raw(text) | Cell::Text(text) => Some(xxh3_64(text.as_bytes())),
            _ => None,
        },
    }
}
