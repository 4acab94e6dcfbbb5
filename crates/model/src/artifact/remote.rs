use domain::models::{InputField, RemoteEndpoint, Signature, Task};
use domain::training_runs::MAX_CLASSES;
use serde::{Deserialize, Serialize};

use super::{ArtifactError, inconsistent};
use crate::datatype::Datatype;

/// A model that another engine computes: where that is, and how rows become tensors and tensors predictions. It holds no
/// secret: what the engine asks for is not a part of the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    pub endpoint: RemoteEndpoint,
    /// In the order of the signature's inputs.
    pub tensors: Vec<RemoteTensor>,
    /// The name of the tensor that is the prediction.
    pub output: String,
    pub answer: RemoteAnswer,
}

/// A tensor that the engine takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteTensor {
    pub name: String,
    pub datatype: Datatype,
    /// How many of the signature's inputs it takes, one behind the other.
    pub columns: usize,
    /// `[rows, columns]`, else `[rows]`.
    pub is_matrix: bool,
}

/// How an output becomes a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoteAnswer {
    /// A number for each row.
    Number,
    /// For each row the probability of every class.
    Probabilities,
    /// For each row the probability of the second of two classes.
    Probability,
    /// For each row its class.
    Label,
}

impl RemoteAnswer {
    #[must_use]
    pub fn task(self) -> Task {
        match self {
            Self::Number => Task::Regression,
            Self::Probabilities | Self::Probability | Self::Label => Task::Classification,
        }
    }
}

impl Remote {
    /// The datatype of each of the signature's inputs.
    pub fn datatypes(&self) -> impl Iterator<Item = Datatype> {
        self.tensors
            .iter()
            .flat_map(|tensor| std::iter::repeat_n(tensor.datatype, tensor.columns))
    }

    pub(super) fn check(&self, signature: &Signature) -> Result<(), ArtifactError> {
        let inputs = &signature.inputs;
        let wired: usize = self
            .tensors
            .iter()
            .fold(0, |sum, tensor| sum.saturating_add(tensor.columns));
        if wired != inputs.len() {
            return inconsistent(format!("{} inputs, but {wired} are wired", inputs.len()));
        }
        for tensor in &self.tensors {
            if tensor.columns == 0 || (!tensor.is_matrix && tensor.columns > 1) {
                return inconsistent(format!(
                    "the tensor {:?} can not have {} columns",
                    tensor.name, tensor.columns
                ));
            }
        }
        for (input, datatype) in inputs.iter().zip(self.datatypes()) {
            check_input(input, datatype)?;
        }
        let classes = signature.output.classes.as_deref().unwrap_or_default();
        let is_pair = self.answer == RemoteAnswer::Probability;
        if self.answer.task() == Task::Classification
            && (!(2..=MAX_CLASSES).contains(&classes.len()) || (is_pair && classes.len() != 2))
        {
            return inconsistent(format!(
                "its answer can not be of {} classes",
                classes.len()
            ));
        }
        Ok(())
    }
}

fn check_input(input: &InputField, datatype: Datatype) -> Result<(), ArtifactError> {
    if datatype.suits(input.kind) {
        return Ok(());
    }
    inconsistent(format!(
        "input {:?} is {}, but its tensor is of {}",
        input.name,
        input.kind.as_str(),
        datatype.as_str()
    ))
}
