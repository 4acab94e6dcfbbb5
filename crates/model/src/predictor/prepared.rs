use domain::dates::DatePart;
use serde_json::Map;

use super::explain::Explanation;
use super::{OTHER, PredictError, Predictor, Value};
use crate::artifact::{Artifact, Prepared, PreparedColumn, Step};

/// A model that takes columns which are made of the inputs: how they are made, and the model.
#[derive(Clone, Debug)]
pub(super) struct PreparedModel {
    preparer: Preparer,
    pub(super) model: Predictor,
}

/// Makes the columns that a body takes of the inputs that the signature has.
#[derive(Clone, Debug)]
pub(super) struct Preparer {
    inputs: usize,
    columns: Box<[Prepare]>,
}

#[derive(Clone, Debug)]
struct Prepare {
    input: usize,
    make: Make,
}

#[derive(Clone, Debug)]
enum Make {
    Same,
    Number {
        missing: Option<f64>,
        logarithm: bool,
    },
    Category {
        missing: u32,
    },
    IsMissing,
    Lookup {
        numbers: Box<[f64]>,
        other: f64,
        missing: Option<f64>,
    },
    Date {
        part: DatePart,
        missing: Option<f64>,
    },
}

impl PreparedModel {
    pub(super) fn new(prepared: &Prepared, artifact: &Artifact) -> Self {
        let inner = Artifact {
            algorithm: String::new(),
            params: Map::new(),
            signature: prepared.inner(&artifact.signature),
            body: (*prepared.body).clone(),
            background: artifact.background.clone(),
        };
        Self {
            preparer: Preparer::new(prepared, artifact.signature.inputs.len()),
            model: Predictor::new(&inner),
        }
    }

    #[inline(never)]
    pub(super) fn predict(&self, row: &[Value], out: &mut [f64]) -> Result<(), PredictError> {
        self.model.predict(&self.preparer.prepare(row)?, out)
    }

    #[inline(never)]
    pub(super) fn number(&self, row: &[Value]) -> Result<f64, PredictError> {
        self.model.number(&self.preparer.prepare(row)?)
    }

    /// `out` has room for exactly these rows.
    pub(super) fn predict_batch<R: AsRef<[Value]>>(
        &self,
        rows: &[R],
        out: &mut [f64],
    ) -> Vec<Result<(), PredictError>> {
        let prepared: Vec<Result<Vec<Value>, PredictError>> = rows
            .iter()
            .map(|row| self.preparer.prepare(row.as_ref()))
            .collect();
        // In place of a row that does not fit stands one that does: its answer is not told.
        let rows: Vec<Vec<Value>> = prepared
            .iter()
            .map(|row| match row {
                Ok(row) => row.clone(),
                Err(_) => vec![Value::Missing; self.model.len()],
            })
            .collect();
        let done = self.model.predict_batch(&rows, out);
        prepared
            .into_iter()
            .zip(done)
            .map(|(prepared, done)| prepared.and(done))
            .collect()
    }

    /// What the columns add, summed up for each input.
    pub(super) fn explain(&self, row: &[Value]) -> Result<Vec<Explanation>, PredictError> {
        let explanations = self.model.explain(&self.preparer.prepare(row)?)?;
        let of_inputs = explanations.into_iter().map(|explanation| {
            let mut contributions = vec![0.0; self.preparer.inputs];
            let columns = self.preparer.columns.iter().zip(explanation.contributions);
            for (column, part) in columns {
                contributions[column.input] += part;
            }
            Explanation {
                base: explanation.base,
                contributions,
            }
        });
        Ok(of_inputs.collect())
    }
}

impl Preparer {
    pub(super) fn new(prepared: &Prepared, inputs: usize) -> Self {
        Self {
            inputs,
            columns: prepared.columns.iter().map(Prepare::new).collect(),
        }
    }

    /// # Errors
    /// A row that does not fit the inputs.
    pub(super) fn prepare(&self, row: &[Value]) -> Result<Vec<Value>, PredictError> {
        if row.len() != self.inputs {
            return Err(PredictError::WrongLength {
                expected: self.inputs,
                got: row.len(),
            });
        }
        let columns = self.columns.iter();
        columns.map(|column| column.of(row)).collect()
    }
}

impl Prepare {
    fn new(column: &PreparedColumn) -> Self {
        let make = match &column.step {
            Step::Same => Make::Same,
            Step::Number { missing, logarithm } => Make::Number {
                missing: *missing,
                logarithm: *logarithm,
            },
            Step::Category { missing } => Make::Category { missing: *missing },
            Step::IsMissing => Make::IsMissing,
            Step::Lookup {
                numbers,
                other,
                missing,
            } => Make::Lookup {
                numbers: numbers.clone().into_boxed_slice(),
                other: *other,
                missing: *missing,
            },
            Step::Date { part, missing } => Make::Date {
                part: *part,
                missing: *missing,
            },
        };
        Self {
            input: column.input as usize,
            make,
        }
    }

    fn of(&self, row: &[Value]) -> Result<Value, PredictError> {
        let value = row[self.input];
        Ok(match (&self.make, value) {
            (Make::Same, value) => value,
            (Make::IsMissing, value) => Value::Number(f64::from(value == Value::Missing)),
            (Make::Number { missing, logarithm }, Value::Number(_) | Value::Missing) => {
                let number = number(value, *missing);
                number.map_or(Value::Missing, |number| {
                    Value::Number(if *logarithm {
                        signed_log1p(number)
                    } else {
                        number
                    })
                })
            }
            (Make::Date { part, missing }, Value::Number(_) | Value::Missing) => {
                let moment = number(value, *missing);
                moment.map_or(Value::Missing, |moment| Value::Number(part.of(moment)))
            }
            (Make::Category { missing }, Value::Missing) => Value::Category(*missing),
            (Make::Category { .. }, Value::Category(_)) => value,
            (Make::Lookup { missing, .. }, Value::Missing) => {
                missing.map_or(Value::Missing, Value::Number)
            }
            (Make::Lookup { other, .. }, Value::Category(OTHER)) => Value::Number(*other),
            (Make::Lookup { numbers, .. }, Value::Category(category)) => {
                let number = numbers.get(category as usize);
                Value::Number(*number.ok_or(PredictError::WrongKind { slot: self.input })?)
            }
            _ => return Err(PredictError::WrongKind { slot: self.input }),
        })
    }
}

fn number(value: Value, missing: Option<f64>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(number),
        _ => missing,
    }
}

/// The logarithm of 1 and the number, of one below 0 that of its amount with the sign: so it takes any number.
#[inline]
#[must_use]
pub fn signed_log1p(number: f64) -> f64 {
    number.abs().ln_1p().copysign(number)
}
