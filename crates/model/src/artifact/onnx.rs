use std::fmt;
use std::sync::Arc;

use ::onnx::{Element, Field, Model, Refused};
use domain::datasets::ColumnType;
use domain::models::{InputField, Signature, Task};
use domain::training_runs::MAX_CLASSES;
use serde::{Deserialize, Serialize};

use super::{ArtifactError, inconsistent};

/// Stands in a graph's input for every text that the signature does not name. It holds what nobody types.
pub(crate) const OTHER_TEXT: &str = "\u{1a}another text\u{1a}";

/// A model of an ONNX file, and how rows become its inputs and its outputs predictions.
#[derive(Clone)]
pub struct Onnx {
    file: Arc<[u8]>,
    model: Model,
    wiring: Wiring,
}

/// How a signature and a graph meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wiring {
    /// How many of the signature's inputs each input of the graph takes, one behind the other.
    pub columns: Vec<usize>,
    pub answer: Answer,
    /// Whether rows that go through the graph at once come out as each does alone.
    pub together: bool,
    /// Places of the inputs that take no other text than their categories.
    pub closed: Vec<usize>,
}

/// Which of the graph's outputs is the prediction, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// A number for each row.
    Number { output: usize },
    /// For each row the probability of every class.
    Probabilities { output: usize },
    /// For each row the probability of the second of two classes.
    Probability { output: usize },
}

impl Answer {
    #[must_use]
    pub fn task(self) -> Task {
        match self {
            Self::Number { .. } => Task::Regression,
            Self::Probabilities { .. } | Self::Probability { .. } => Task::Classification,
        }
    }

    /// Its place among the graph's outputs.
    #[must_use]
    pub fn output(self) -> usize {
        let (Self::Number { output }
        | Self::Probabilities { output }
        | Self::Probability { output }) = self;
        output
    }
}

/// Whether an input of this kind can be an input of a graph that consists of such elements.
#[must_use]
pub fn suits(element: Element, kind: ColumnType) -> bool {
    match element {
        Element::F32 | Element::F64 => kind != ColumnType::String,
        Element::I64 | Element::I32 => matches!(kind, ColumnType::Integer | ColumnType::Boolean),
        Element::Bool => kind == ColumnType::Boolean,
        Element::Text => kind == ColumnType::String,
    }
}

/// Whether such elements can say that a value is missing: NaN does, and the empty text.
#[must_use]
pub fn can_be_missing(element: Element) -> bool {
    matches!(element, Element::F32 | Element::F64 | Element::Text)
}

impl Onnx {
    /// # Errors
    /// What is wrong with the file.
    pub fn read(file: impl Into<Arc<[u8]>>, wiring: Wiring) -> Result<Self, Refused> {
        let file = file.into();
        let model = Model::read(&file)?;
        Ok(Self {
            file,
            model,
            wiring,
        })
    }

    /// With what was read of this very file.
    #[must_use]
    pub fn of(file: Arc<[u8]>, model: Model, wiring: Wiring) -> Self {
        Self {
            file,
            model,
            wiring,
        }
    }

    /// As it was sent.
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    pub fn wiring(&self) -> &Wiring {
        &self.wiring
    }

    pub(super) fn check(&self, signature: &Signature) -> Result<(), ArtifactError> {
        let (fields, columns) = (self.model.inputs(), &self.wiring.columns);
        if fields.len() != columns.len() {
            return inconsistent(format!(
                "the graph has {} inputs, but {} are wired",
                fields.len(),
                columns.len()
            ));
        }
        let mut rest = signature.inputs.as_slice();
        for (field, &columns) in fields.iter().zip(columns) {
            let Some((inputs, after)) = rest.split_at_checked(columns) else {
                return inconsistent(format!("the graph's input {:?} lacks columns", field.name));
            };
            if !has_room(field, columns) {
                return inconsistent(format!(
                    "the graph's input {:?} does not take {columns} columns",
                    field.name
                ));
            }
            for input in inputs {
                check_input(field, input)?;
            }
            rest = after;
        }
        if let Some(input) = rest.first() {
            return inconsistent(format!("input {:?} is not wired", input.name));
        }
        let is_text = |place: &usize| {
            let input = signature.inputs.get(*place);
            input.is_some_and(|input| input.kind == ColumnType::String)
        };
        if !self.wiring.closed.iter().all(is_text) {
            return inconsistent("an input that is no text is closed to others".to_owned());
        }
        self.check_answer(signature)
    }

    fn check_answer(&self, signature: &Signature) -> Result<(), ArtifactError> {
        let answer = self.wiring.answer;
        if answer.output() >= self.model.outputs().len() {
            return inconsistent("its answer is none of the graph's outputs".to_owned());
        }
        if answer.task() == Task::Regression {
            return Ok(());
        }
        let classes = signature.output.classes.as_deref().unwrap_or_default();
        let is_pair = matches!(answer, Answer::Probability { .. });
        if !(2..=MAX_CLASSES).contains(&classes.len()) || (is_pair && classes.len() != 2) {
            return inconsistent(format!(
                "its answer can not be of {} classes",
                classes.len()
            ));
        }
        let mut sorted: Vec<_> = classes.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() < classes.len() {
            return inconsistent("a class stands twice".to_owned());
        }
        Ok(())
    }
}

/// Whether so many columns can be this input of a graph. The first dimension is the rows.
fn has_room(field: &Field, columns: usize) -> bool {
    match *field.shape.as_slice() {
        [_] => columns == 1,
        [_, width] => columns > 0 && width.is_none_or(|width| width == columns),
        _ => false,
    }
}

fn check_input(field: &Field, input: &InputField) -> Result<(), ArtifactError> {
    let (name, kind) = (&input.name, input.kind.as_str());
    if !suits(field.element, input.kind) {
        return inconsistent(format!(
            "input {name:?} is {kind}, but its graph takes {}",
            field.element
        ));
    }
    if input.nullable && !can_be_missing(field.element) {
        return inconsistent(format!(
            "input {name:?} may be missing, which {} can not say",
            field.element
        ));
    }
    let categories = input.categories.as_deref().unwrap_or_default();
    if categories.iter().any(|category| category == OTHER_TEXT) {
        return inconsistent(format!("input {name:?} has a category that is reserved"));
    }
    Ok(())
}

impl fmt::Debug for Onnx {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Onnx")
            .field("bytes", &self.file.len())
            .field("wiring", &self.wiring)
            .finish_non_exhaustive()
    }
}

/// The file says all of the model.
impl PartialEq for Onnx {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file && self.wiring == other.wiring
    }
}
