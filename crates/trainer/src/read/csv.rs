mod batches;
mod quotes;
mod records;

use std::path::Path;

pub(in crate::read) use self::batches::Batches;
use self::records::{Record, Records};
use super::{Cell, CellSink, Header, MAX_CELL_BYTES, check_names, is_missing};
use crate::DataError;

pub(super) fn header(path: &Path) -> Result<Header, DataError> {
    Ok(Header {
        names: read_header(&mut Records::open(path)?)?,
        types: None,
    })
}

pub(super) fn scan<S: CellSink>(
    path: &Path,
    columns: &[usize],
    sink: &mut S,
    progress: &mut dyn FnMut(f64),
) -> Result<u64, DataError> {
    let mut records = Records::open(path)?;
    let names = read_header(&mut records)?;
    records.names.clone_from(&names);
    let mut row = 0;
    let mut reported = 0;
    while let Some(record) = records.next()? {
        let text = check(&record, &names).map_err(|error| error.row(row + 1).line(record.line))?;
        for (position, &column) in columns.iter().enumerate() {
            let (from, to) = record.bounds(column);
            // The whole record is UTF-8, and fields end where ASCII delimiters stood: `check` saw to it.
            let value = text.get(from..to).unwrap_or_default();
            sink.cell(
                position,
                row,
                if is_missing(value) {
                    Cell::Missing
                } else {
                    Cell::Raw(value)
                },
            );
        }
        row += 1;
        let megabytes = records.bytes_read() >> 20;
        if megabytes != reported {
            reported = megabytes;
            progress(records.fraction());
        }
    }
    progress(1.0);
    Ok(row)
}

fn read_header(records: &mut Records) -> Result<Vec<String>, DataError> {
    let Some(record) = records.next()? else {
        return Err(DataError::new(
            "the file is empty: it needs a header line and rows",
        ));
    };
    let mut names = Vec::with_capacity(record.len());
    for index in 0..record.len() {
        let name = std::str::from_utf8(record.field(index)).map_err(|_| {
            DataError::new(format!(
                "the name of column {} is not UTF-8: save the file as UTF-8",
                index + 1
            ))
            .line(record.line)
        })?;
        names.push(name.to_owned());
    }
    check_names(names)
}

/// The text of a record that is whole and of the right length.
#[inline]
fn check<'a>(record: &Record<'a>, names: &[String]) -> Result<&'a str, DataError> {
    if record.len() != names.len() {
        return Err(ragged(record, names));
    }
    let Ok(text) = std::str::from_utf8(record.bytes) else {
        return Err(not_utf8(record, names));
    };
    if record.bytes.len() > MAX_CELL_BYTES || record.bytes.contains(&0) || !text.is_ascii() {
        check_fields(record, names, text)?;
    }
    Ok(text)
}

/// Looks for what only a few records have, field by field.
fn check_fields(record: &Record<'_>, names: &[String], text: &str) -> Result<(), DataError> {
    for (column, name) in names.iter().enumerate() {
        let (from, to) = record.bounds(column);
        if to - from > MAX_CELL_BYTES {
            return Err(too_large().column(name));
        }
        let Some(value) = text.get(from..to) else {
            return Err(not_utf8(record, names));
        };
        if value.contains('\0') {
            return Err(DataError::new("the value has a NUL byte: remove it")
                .column(name)
                .value(value));
        }
    }
    Ok(())
}

fn too_large() -> DataError {
    DataError::new(format!(
        "the value is larger than {} MiB: shorten it, or close the quote that it begins with",
        MAX_CELL_BYTES >> 20
    ))
}

fn not_utf8(record: &Record<'_>, names: &[String]) -> DataError {
    let error = DataError::new("the value is not UTF-8: save the file as UTF-8");
    let bad = (0..record.len()).find(|&column| std::str::from_utf8(record.field(column)).is_err());
    match bad.and_then(|column| Some((column, names.get(column)?))) {
        Some((column, name)) => error
            .column(name)
            .value(&String::from_utf8_lossy(record.field(column))),
        None => error,
    }
}

fn ragged(record: &Record<'_>, names: &[String]) -> DataError {
    let (got, expected) = (record.len(), names.len());
    let problem = format!("the row has {got} values, but the header names {expected} columns");
    if got < expected {
        let last = String::from_utf8_lossy(record.field(got - 1)).into_owned();
        DataError::new(format!(
            "{problem}: add the missing values, or quote a value that has a line break in it"
        ))
        .column(&names[got])
        .value(&last)
    } else {
        let extra = String::from_utf8_lossy(record.field(expected)).into_owned();
        DataError::new(format!(
            "{problem}: remove the extra values, or quote a value that has a delimiter in it"
        ))
        .column(&names[expected - 1])
        .value(&extra)
    }
}
