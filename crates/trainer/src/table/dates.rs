//! A text column that is read as dates.

use domain::datasets::TextFormat;
use domain::dates;
use domain::training_runs::RunError;

use super::Values;
use crate::error::shorten;
use crate::failure::{failure, reserve};
use crate::read::Cell;

/// Longest value that an error shows.
const SHOWN_LENGTH: usize = 40;

pub(super) struct LoadDates {
    moments: Vec<f64>,
    format: TextFormat,
    /// The first value that is no date, and its row.
    wrong: Option<(u64, String)>,
}

impl LoadDates {
    pub(super) fn new(rows: usize) -> Result<Self, RunError> {
        Ok(Self {
            moments: reserve(rows, "the table's columns")?,
            format: TextFormat::Date,
            wrong: None,
        })
    }

    pub(super) fn add(&mut self, row: u64, cell: Cell<'_>) {
        let (Cell::Raw(text) | Cell::Text(text)) = cell else {
            self.moments.push(f64::NAN);
            return;
        };
        let moment = dates::moment(text);
        match moment {
            Some(_) if dates::format(text) == TextFormat::Timestamp => {
                self.format = TextFormat::Timestamp;
            }
            None if self.wrong.is_none() => {
                self.wrong = Some((row + 1, shorten(text, SHOWN_LENGTH)));
            }
            _ => {}
        }
        self.moments.push(moment.unwrap_or(f64::NAN));
    }

    /// # Errors
    /// A value that is no date.
    pub(super) fn finish(self, name: &str) -> Result<(Values, TextFormat), RunError> {
        match self.wrong {
            None => Ok((Values::Numbers(self.moments), self.format)),
            Some((row, text)) => Err(failure(
                "invalid_features",
                format!("column {name:?} is no date in every row: row {row} has {text:?}"),
                "Write its values as 2026-01-31 or 2026-01-31T09:30:00Z and upload a new version, or set date_parts of the column to an empty list.",
            )),
        }
    }
}
