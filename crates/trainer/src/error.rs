use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a table cannot be used: where in the file, what stands there, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataError {
    /// Data row, counted from 1; the header is not counted.
    pub row: Option<u64>,
    /// Line of the file that the row begins on, counted from 1. CSV only.
    pub line: Option<u64>,
    pub column: Option<String>,
    /// What stands there, shortened.
    pub value: Option<String>,
    /// What is wrong, and the fix.
    pub problem: String,
}

impl DataError {
    pub fn new(problem: impl Into<String>) -> Self {
        Self {
            row: None,
            line: None,
            column: None,
            value: None,
            problem: problem.into(),
        }
    }

    #[must_use]
    pub fn row(mut self, row: u64) -> Self {
        self.row = Some(row);
        self
    }

    #[must_use]
    pub fn line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    #[must_use]
    pub fn column(mut self, column: &str) -> Self {
        self.column = Some(shorten(column, 80));
        self
    }

    #[must_use]
    pub fn value(mut self, value: &str) -> Self {
        self.value = Some(shorten(value, 80));
        self
    }

    /// A file that cannot be read. Its path stays out: nobody outside knows where files lie.
    #[must_use]
    pub fn io(error: &std::io::Error) -> Self {
        Self::new(format!("the file cannot be read: {}", error.kind()))
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = Vec::new();
        match (self.row, self.line) {
            (Some(row), Some(line)) => place.push(format!("row {row} (line {line})")),
            (Some(row), None) => place.push(format!("row {row}")),
            (None, Some(line)) => place.push(format!("line {line}")),
            (None, None) => {}
        }
        if let Some(column) = &self.column {
            place.push(format!("column {column:?}"));
        }
        if let Some(value) = &self.value {
            place.push(format!("value {value:?}"));
        }
        if !place.is_empty() {
            write!(f, "{}: ", place.join(", "))?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for DataError {}

/// At most `limit` characters, with `…` in place of the rest.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit - 1).chain(['…']).collect(),
    }
}
