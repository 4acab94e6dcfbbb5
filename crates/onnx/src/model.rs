use std::fmt;
use std::sync::Arc;

use crate::error::{Refused, RunError};
use crate::graph::Plan;
use crate::tensor::{Field, Tensor};
use crate::{read, shape};

/// A model from an ONNX file, checked and planned. A clone shares it.
#[derive(Clone)]
pub struct Model {
    content: Arc<Content>,
}

pub(crate) struct Content {
    pub(crate) producer: Option<String>,
    pub(crate) opsets: Vec<(String, i64)>,
    pub(crate) classes: Option<Vec<String>>,
    pub(crate) inputs: Vec<Field>,
    pub(crate) outputs: Vec<Field>,
    pub(crate) plan: Plan,
}

impl Model {
    /// The most bytes that a file may have.
    pub const MAX_BYTES: usize = read::MAX_BYTES;

    /// Takes the bytes of an ONNX file.
    ///
    /// # Errors
    /// Everything that could make a later [`Self::run`] fail for a reason other than its inputs, as far as the file tells.
    pub fn read(bytes: &[u8]) -> Result<Self, Refused> {
        let content = Arc::new(read::read(bytes)?);
        Ok(Self { content })
    }

    /// What the model takes, in the order that [`Self::run`] takes it in.
    pub fn inputs(&self) -> &[Field] {
        &self.content.inputs
    }

    /// What the model gives. Where the file says a sequence of maps from class to probability, as scikit-learn's exporter does
    /// with its ZipMap, it is a tensor `[rows, classes]` with the classes in the order of [`Self::classes`].
    pub fn outputs(&self) -> &[Field] {
        &self.content.outputs
    }

    /// What wrote the file, with its version.
    pub fn producer(&self) -> Option<&str> {
        self.content.producer.as_deref()
    }

    /// The sets of operators that the file declares, with their versions. The standard's own is `ai.onnx`.
    pub fn opsets(&self) -> &[(String, i64)] {
        &self.content.opsets
    }

    /// Of a classifier, what it tells apart, if the file says it.
    pub fn classes(&self) -> Option<&[String]> {
        self.content.classes.as_deref()
    }

    /// Computes the outputs for the inputs, a tensor for each of [`Self::inputs`] in their order. Dimensions that are free may be
    /// anything, but inputs whose first dimension is free have equally many rows.
    ///
    /// # Errors
    /// Inputs that do not fit the model, and what a node could not compute of them.
    pub fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
        let rows = self.check(&inputs)?;
        self.content.plan.run(inputs, rows)
    }

    /// How many rows the inputs have, which must fit the fields.
    fn check(&self, inputs: &[Tensor]) -> Result<usize, RunError> {
        let fields = &self.content.inputs;
        if inputs.len() != fields.len() {
            return Err(RunError::InputCount {
                expected: fields.len(),
                got: inputs.len(),
            });
        }
        let mut rows = None;
        for (field, tensor) in fields.iter().zip(inputs) {
            check_input(field, tensor)?;
            if let (Some(None), Some(&found)) = (field.shape.first(), tensor.shape.first()) {
                let expected = *rows.get_or_insert(found);
                if found != expected {
                    let problem = format!(
                        "has {found} rows, and an input before it {expected}: send equally many of each"
                    );
                    return Err(of_input(field, problem));
                }
            }
        }
        Ok(rows.unwrap_or(1))
    }
}

fn check_input(field: &Field, tensor: &Tensor) -> Result<(), RunError> {
    let got = tensor.data.element();
    if got != field.element {
        return Err(RunError::InputElement {
            input: field.name.clone(),
            expected: field.element,
            got,
        });
    }
    let fits = field.shape.len() == tensor.shape.len()
        && field
            .shape
            .iter()
            .zip(&tensor.shape)
            .all(|(expected, got)| expected.is_none_or(|expected| expected == *got));
    if !fits {
        let problem = format!(
            "has the shape {}, but got {:?}",
            shown(&field.shape),
            tensor.shape
        );
        return Err(of_input(field, problem));
    }
    if shape::count(&tensor.shape) != Some(tensor.data.len()) {
        let problem = format!(
            "has {} elements, which do not make up the shape {:?}",
            tensor.data.len(),
            tensor.shape
        );
        return Err(of_input(field, problem));
    }
    Ok(())
}

fn of_input(field: &Field, problem: String) -> RunError {
    RunError::Input {
        input: field.name.clone(),
        problem,
    }
}

/// As the shape of a tensor is shown, with `_` for what is free.
fn shown(shape: &[Option<usize>]) -> String {
    let lengths = shape
        .iter()
        .map(|length| length.map_or_else(|| "_".to_owned(), |length| length.to_string()))
        .collect::<Vec<_>>();
    format!("[{}]", lengths.join(", "))
}

impl fmt::Debug for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Model")
            .field("producer", &self.content.producer)
            .field("inputs", &self.content.inputs)
            .field("outputs", &self.content.outputs)
            .field("classes", &self.content.classes)
            .finish_non_exhaustive()
    }
}
