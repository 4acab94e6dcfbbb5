//! Reading a table in one pass, in bounded memory, value by value.

mod cell;
mod csv;
mod parquet;

use std::path::Path;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use domain::datasets::{ColumnType, DataFormat};

pub use cell::{Cell, Kinds, Number, is_missing, parse_boolean, parse_number};

pub use domain::datasets::{MAX_COLUMN_NAME as MAX_NAME_CHARS, MAX_COLUMNS};

use crate::DataError;

/// A value of more bytes than this is refused.
pub const MAX_CELL_BYTES: usize = 1 << 20;

/// A row of more bytes than this is refused.
pub const MAX_ROW_BYTES: usize = 32 << 20;

/// What a file says about its columns before its first row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub names: Vec<String>,
    /// What the file itself says about the types; a CSV file says nothing.
    pub types: Option<Vec<ColumnType>>,
}

/// Takes the values of a table: all columns of a row, or many rows of a column, after each other. Within a column
/// the rows come in their order.
pub trait CellSink {
    /// `row` counts from 0; `position` is the place of the column in the `columns` given to [`scan`].
    fn cell(&mut self, position: usize, row: u64, cell: Cell<'_>);
}

/// Reads and checks the names of the columns.
///
/// # Errors
/// A file that is no table, or whose columns are unnamed, named twice, too many or of types that cannot be used.
pub fn header(path: &Path, format: DataFormat) -> Result<Header, DataError> {
    match format {
        DataFormat::Csv => csv::header(path),
        DataFormat::Parquet => parquet::header(path),
    }
}

/// Reads the whole file and hands every value of `columns` (places in the file, ascending) to `sink`. Gives the
/// number of rows. `progress` gets the share of the file that was read.
///
/// # Errors
/// The first thing in the file that is wrong, with its place, also when it stands in another column.
pub fn scan<S: CellSink>(
    path: &Path,
    format: DataFormat,
    columns: &[usize],
    sink: &mut S,
    progress: &mut dyn FnMut(f64),
) -> Result<u64, DataError> {
    let rows = match format {
        DataFormat::Csv => csv::scan(path, columns, sink, progress)?,
        DataFormat::Parquet => parquet::scan(path, columns, sink, progress)?,
    };
    if rows == 0 {
        return Err(DataError::new(
            "the table has a header but no rows: add rows",
        ));
    }
    Ok(rows)
}

/// Which rows are read of a table that is too large for all of them: of every so many runs of rows the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thin {
    /// Rows of a run.
    pub(crate) run: u64,
    pub(crate) every: u64,
}

impl Thin {
    /// Where among the rows that are read this one stands.
    pub(crate) fn place(self, row: u64) -> Option<u64> {
        let (run, within) = (row / self.run, row % self.run);
        run.is_multiple_of(self.every)
            .then_some(run / self.every * self.run + within)
    }

    /// The row that stands at this place among those that are read.
    pub(crate) fn row(self, place: u64) -> u64 {
        place / self.run * self.every * self.run + place % self.run
    }

    /// How many of so many rows are read.
    pub(crate) fn of(self, rows: u64) -> u64 {
        let period = self.run * self.every;
        rows / period * self.run + (rows % period).min(self.run)
    }
}

/// As [`scan`], of a Parquet file, with some of the rows: they are counted as if there were no others.
pub(crate) fn scan_some<S: CellSink>(
    path: &Path,
    columns: &[usize],
    thin: Thin,
    sink: &mut S,
    progress: &mut dyn FnMut(f64),
) -> Result<u64, DataError> {
    parquet::scan_some(path, columns, thin, sink, progress)
}

/// A table in batches of rows, each column as an array of its own type.
pub(crate) struct Batches(Source);

enum Source {
    Csv(Box<csv::Batches>),
    Parquet(Box<parquet::Batches>),
}

impl Batches {
    /// `columns` are places in the file, ascending. `types` are what a profile of the file found in them: a CSV file itself does
    /// not say.
    pub(crate) fn open(
        path: &Path,
        format: DataFormat,
        columns: &[usize],
        types: &[ColumnType],
    ) -> Result<Self, DataError> {
        Ok(Self(match format {
            DataFormat::Csv => Source::Csv(Box::new(csv::Batches::open(path, columns, types)?)),
            DataFormat::Parquet => {
                Source::Parquet(Box::new(parquet::Batches::open(path, columns)?))
            }
        }))
    }

    /// Of every batch, column by column; any value may be missing.
    pub(crate) fn schema(&self) -> &SchemaRef {
        match &self.0 {
            Source::Csv(batches) => batches.schema(),
            Source::Parquet(batches) => batches.schema(),
        }
    }

    /// `None` after the last one.
    pub(crate) fn next_batch(&mut self) -> Result<Option<RecordBatch>, DataError> {
        match &mut self.0 {
            Source::Csv(batches) => batches.next_batch(),
            Source::Parquet(batches) => batches.next_batch(),
        }
    }
}

/// Hands out the values of one column of a batch.
///
/// # Errors
/// What is wrong, and with which row of the batch, counted from 0.
pub(crate) fn cells(
    array: &ArrayRef,
    emit: &mut impl FnMut(usize, Cell<'_>),
) -> Result<(), (usize, DataError)> {
    parquet::cells(array, emit)
}

/// Names without the spaces around them, or what is wrong with one.
fn check_names(names: Vec<String>) -> Result<Vec<String>, DataError> {
    let mut seen = std::collections::HashMap::new();
    let mut checked = Vec::with_capacity(names.len());
    for (index, name) in names.into_iter().enumerate() {
        let name = name.trim().to_owned();
        let place = index + 1;
        if name.is_empty() {
            return Err(DataError::new(format!(
                "column {place} of {} has no name in the header: name it, or write the file without its row numbers",
                checked.len().max(place)
            )));
        }
        if name.chars().count() > MAX_NAME_CHARS {
            return Err(DataError::new(format!(
                "the name of column {place} is longer than {MAX_NAME_CHARS} characters: is the first line a header?"
            ))
            .column(&name));
        }
        if name.contains('\0') {
            return Err(DataError::new(format!(
                "the name of column {place} has a NUL byte: rename the column"
            ))
            .column(&name));
        }
        if let Some(first) = seen.insert(name.clone(), place) {
            return Err(DataError::new(format!(
                "columns {first} and {place} have the same name: rename one"
            ))
            .column(&name));
        }
        checked.push(name);
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_that_are_read_are_counted_as_if_there_were_no_others(
            run in 1_u64..9,
            every in 1_u64..9,
            rows in 0_u64..300,
        ) {
            let thin = Thin { run, every };
            let read: Vec<u64> = (0..rows).filter(|row| thin.place(*row).is_some()).collect();
            prop_assert_eq!(read.len() as u64, thin.of(rows));
            for (place, row) in (0..).zip(read) {
                prop_assert_eq!(thin.place(row), Some(place));
                prop_assert_eq!(thin.row(place), row);
            }
        }
    }
}
