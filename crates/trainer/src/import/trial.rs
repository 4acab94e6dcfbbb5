//! What a model makes of rows that were never in a table: typical ones, zeros, and ones in which a value is missing.

use domain::FieldError;
use domain::datasets::ColumnType;
use domain::models::{InputField, OutputField, Task};
use model::{OTHER, PredictError, Predictor, Value, can_be_missing};
use onnx::{Element, Model};

use super::columns::Columns;
use super::{NotImported, Row, of_file};

/// Of rows that go through one by one, at most so many are tried for missing values: a large graph takes its time.
const MOST_APART: usize = 200;
/// How far what should be probabilities may be off.
const TOLERANCE: f64 = 1e-3;

pub(super) struct Trial<'p> {
    apart: &'p Predictor,
    together: &'p Predictor,
    typical: Row,
    /// Typical rows that have an answer, and their answers.
    answers: Vec<(Row, Vec<f64>)>,
    goes_together: bool,
}

/// A row of the inputs' examples.
pub(super) fn typical(inputs: &[InputField]) -> Row {
    let value = |input: &InputField| {
        let example = input.example.as_ref();
        match input.kind {
            ColumnType::Float | ColumnType::Integer => {
                Value::Number(example.and_then(serde_json::Value::as_f64).unwrap_or(0.0))
            }
            ColumnType::Boolean => Predictor::boolean(
                example
                    .and_then(serde_json::Value::as_bool)
                    .unwrap_or(false),
            ),
            ColumnType::String => {
                let text = example.and_then(serde_json::Value::as_str);
                let categories = input.categories.as_deref().unwrap_or_default();
                let place = categories
                    .iter()
                    .position(|category| Some(category.as_str()) == text);
                Value::Category(place.unwrap_or(0) as u32)
            }
        }
    };
    inputs.iter().map(value).collect()
}

/// The same number, or its truth, everywhere; of texts the last one.
fn constant(inputs: &[InputField], number: f64) -> Row {
    let value = |input: &InputField| match input.kind {
        ColumnType::Float | ColumnType::Integer => Value::Number(number),
        ColumnType::Boolean => Predictor::boolean(number > 0.0),
        ColumnType::String => {
            let categories = input.categories.as_ref().map_or(0, Vec::len);
            Value::Category(categories.saturating_sub(1) as u32)
        }
    };
    inputs.iter().map(value).collect()
}

impl<'p> Trial<'p> {
    /// `apart` and `together` are the model with its rows going through one by one and at once.
    pub(super) fn new(
        model: &Model,
        apart: &'p Predictor,
        together: &'p Predictor,
        typical: Row,
    ) -> Self {
        let inputs = &apart.signature().inputs;
        let rows = [
            typical.clone(),
            constant(inputs, 0.0),
            constant(inputs, 1.0),
        ];
        let answers: Vec<(Row, Vec<f64>)> = rows
            .into_iter()
            .filter_map(|row| {
                let answer = predict(apart, &row).ok()?;
                Some((row, answer))
            })
            .collect();
        let mut trial = Self {
            apart,
            together,
            typical,
            answers,
            goes_together: false,
        };
        let is_free = model
            .inputs()
            .iter()
            .all(|field| field.shape.first() == Some(&None));
        trial.goes_together = is_free && trial.is_same_together();
        trial
    }

    /// Whether rows may go through the model at once.
    pub(super) fn together(&self) -> bool {
        self.goes_together
    }

    /// Rows of which each has an answer alone, twice over, so that there are several.
    fn is_same_together(&self) -> bool {
        let answers: Vec<_> = self.answers.iter().chain(&self.answers).collect();
        let rows: Vec<&Row> = answers.iter().map(|(row, _)| row).collect();
        let width = self.together.width();
        let mut out = vec![0.0; rows.len() * width];
        let done = self.together.predict_batch(&rows, &mut out);
        let same = |((_, apart), together): (&&(Row, Vec<f64>), &[f64])| {
            apart
                .iter()
                .zip(together)
                .all(|(a, b)| a.to_bits() == b.to_bits())
        };
        done.iter().all(Result::is_ok) && answers.iter().zip(out.chunks(width)).all(same)
    }

    /// Whether what the model says of typical rows is what its signature says.
    pub(super) fn check_typical(
        &self,
        output: &OutputField,
        title: &str,
    ) -> Result<(), NotImported> {
        if let Err(error) = predict(self.apart, &self.typical) {
            let expected =
                format!("a model that answers for a row of its inputs' examples: {error}");
            return Err(of_file("invalid", expected));
        }
        if output.task == Task::Regression {
            return Ok(());
        }
        for (_, numbers) in &self.answers {
            let sum: f64 = numbers.iter().sum();
            let within = -TOLERANCE..=1.0 + TOLERANCE;
            if !numbers.iter().all(|number| within.contains(number))
                || (sum - 1.0).abs() > TOLERANCE
            {
                let shown: Vec<_> = numbers.iter().take(5).map(f64::to_string).collect();
                let expected = format!(
                    "probabilities: the output {title:?} gives {}; export with probabilities instead of scores",
                    shown.join(", ")
                );
                return Err(of_file("unsupported", expected));
            }
        }
        Ok(())
    }

    /// Of each input, whether it may be missing: as was said, else whether the model has an answer then.
    pub(super) fn nullable(&self, columns: &Columns) -> Result<Vec<bool>, NotImported> {
        let mut nullable = vec![false; columns.inputs.len()];
        let mut slots = Vec::new();
        let mut errors = Vec::new();
        for (slot, asked) in columns.asked.iter().enumerate() {
            // Of the empty text it is only known what it means where the model knows it.
            let categories = columns.inputs[slot].categories.as_deref();
            let knows_empty = categories.is_some_and(|texts| texts.iter().any(String::is_empty));
            let may_be_missing = asked.element != Element::Text || knows_empty;
            match (asked.nullable, can_be_missing(asked.element)) {
                (Some(true), false) => {
                    let expected = format!(
                        "false, since the file takes {} there, which has no way to say that a value is missing",
                        asked.element
                    );
                    errors.push(FieldError::new(
                        asked.pointer("nullable"),
                        "invalid",
                        expected,
                    ));
                }
                (Some(true), true) => slots.push(slot),
                (None, true) if may_be_missing => slots.push(slot),
                _ => {}
            }
        }
        if !self.goes_together {
            let is_asked = |slot: &usize| columns.asked[*slot].nullable == Some(true);
            slots.sort_by_key(|slot| !is_asked(slot));
            slots.truncate(MOST_APART);
        }
        for (slot, is_answered) in self.answers_with(&slots, Value::Missing) {
            nullable[slot] = is_answered;
            let asked = &columns.asked[slot];
            if asked.nullable == Some(true) && !is_answered {
                let expected = "false, since the model has no answer where the value is missing";
                errors.push(FieldError::new(
                    asked.pointer("nullable"),
                    "invalid",
                    expected,
                ));
            }
        }
        if errors.is_empty() {
            Ok(nullable)
        } else {
            Err(NotImported::Refused(errors))
        }
    }

    /// The texts for which the model has no answer when they are none of its categories.
    pub(super) fn closed(&self, inputs: &[InputField]) -> Vec<usize> {
        let texts: Vec<usize> = (0..inputs.len())
            .filter(|&slot| inputs[slot].kind == ColumnType::String)
            .collect();
        self.answers_with(&texts, Value::Category(OTHER))
            .filter(|(_, is_answered)| !is_answered)
            .map(|(slot, _)| slot)
            .collect()
    }

    /// Whether there is an answer for the typical row with the value in each of these places by itself.
    fn answers_with(&self, slots: &[usize], value: Value) -> impl Iterator<Item = (usize, bool)> {
        /// Rows that are held at once.
        const AT_ONCE: usize = 256;

        let predictor = if self.goes_together {
            self.together
        } else {
            self.apart
        };
        let width = predictor.width();
        let mut answered = Vec::with_capacity(slots.len());
        for slots in slots.chunks(AT_ONCE) {
            let rows: Vec<Row> = slots
                .iter()
                .map(|&slot| {
                    let mut row = self.typical.clone();
                    row[slot] = value;
                    row
                })
                .collect();
            let mut out = vec![0.0; rows.len() * width];
            let done = predictor.predict_batch(&rows, &mut out);
            answered.extend(slots.iter().copied().zip(done.iter().map(Result::is_ok)));
        }
        answered.into_iter()
    }
}

fn predict(predictor: &Predictor, row: &[Value]) -> Result<Vec<f64>, PredictError> {
    let mut out = vec![0.0; predictor.width()];
    predictor.predict(row, &mut out)?;
    Ok(out)
}
