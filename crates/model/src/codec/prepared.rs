//! Of format version 11, what stands behind everything else: the length of a list (4 bytes), the list as JSON, the count of its numbers
//! (4 bytes), and the numbers as 64-bit floats. The list has the columns that the body takes, each with its name, its input and what is
//! done; the numbers are those of its steps, one behind the other.

use domain::dates::DatePart;
use serde::{Deserialize, Serialize};

use super::{Reader, parse};
use crate::artifact::{ArtifactError, PreparedColumn, Step};

const PLACE: &str = "in its prepared columns";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnHeader {
    name: String,
    input: u32,
    step: StepKind,
}

/// A step without its numbers, but with how many it has.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum StepKind {
    Same,
    Number { imputes: bool, logarithm: bool },
    Category { missing: u32 },
    IsMissing,
    Lookup { categories: usize, imputes: bool },
    Date { part: DatePart, imputes: bool },
}

pub(super) fn write(columns: &[PreparedColumn], out: &mut Vec<u8>) -> Result<(), ArtifactError> {
    let mut numbers: Vec<f64> = Vec::new();
    let headers: Vec<ColumnHeader> = columns
        .iter()
        .map(|column| ColumnHeader {
            name: column.name.clone(),
            input: column.input,
            step: match &column.step {
                Step::Same => StepKind::Same,
                Step::Number { missing, logarithm } => {
                    numbers.extend(missing);
                    StepKind::Number {
                        imputes: missing.is_some(),
                        logarithm: *logarithm,
                    }
                }
                Step::Category { missing } => StepKind::Category { missing: *missing },
                Step::IsMissing => StepKind::IsMissing,
                Step::Lookup {
                    numbers: known,
                    other,
                    missing,
                } => {
                    numbers.extend(known);
                    numbers.push(*other);
                    numbers.extend(missing);
                    StepKind::Lookup {
                        categories: known.len(),
                        imputes: missing.is_some(),
                    }
                }
                Step::Date { part, missing } => {
                    numbers.extend(missing);
                    StepKind::Date {
                        part: *part,
                        imputes: missing.is_some(),
                    }
                }
            },
        })
        .collect();
    let headers =
        serde_json::to_vec(&headers).map_err(|error| ArtifactError::Header(error.to_string()))?;
    out.extend_from_slice(&(headers.len() as u32).to_le_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(&(numbers.len() as u32).to_le_bytes());
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    Ok(())
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<Vec<PreparedColumn>, ArtifactError> {
    let length = reader.length(PLACE)?;
    let headers: Vec<ColumnHeader> = parse(reader.take(length, PLACE)?)?;
    let count = reader.length(PLACE)?;
    let numbers = reader.take(count.saturating_mul(8), PLACE)?;
    let mut numbers = numbers
        .as_chunks::<8>()
        .0
        .iter()
        .map(|bytes| f64::from_le_bytes(*bytes));
    let mut next = || {
        numbers.next().ok_or_else(|| {
            ArtifactError::Inconsistent(
                "it has fewer numbers than its prepared columns say".to_owned(),
            )
        })
    };
    let mut columns = Vec::with_capacity(headers.len());
    for ColumnHeader { name, input, step } in headers {
        let step = match step {
            StepKind::Same => Step::Same,
            StepKind::Number { imputes, logarithm } => Step::Number {
                missing: if imputes { Some(next()?) } else { None },
                logarithm,
            },
            StepKind::Category { missing } => Step::Category { missing },
            StepKind::IsMissing => Step::IsMissing,
            StepKind::Lookup {
                categories,
                imputes,
            } => {
                // One by one: the count is the file's word, so nothing is reserved on it.
                let mut known = Vec::new();
                for _ in 0..categories {
                    known.push(next()?);
                }
                Step::Lookup {
                    numbers: known,
                    other: next()?,
                    missing: if imputes { Some(next()?) } else { None },
                }
            }
            StepKind::Date { part, imputes } => Step::Date {
                part,
                missing: if imputes { Some(next()?) } else { None },
            },
        };
        columns.push(PreparedColumn { name, input, step });
    }
    if numbers.next().is_some() {
        return Err(ArtifactError::Inconsistent(
            "it has more numbers than its prepared columns say".to_owned(),
        ));
    }
    Ok(columns)
}
