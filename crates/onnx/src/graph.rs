//! A checked graph, and how it is run: nodes in order, their values in numbered slots that are emptied after their last use.

mod call;
mod fold;

use crate::error::{Fault, RunError, quoted, shortened};
use crate::tensor::Tensor;

pub(crate) use call::{Budget, Call};
pub(crate) use fold::{Draft, planned};

/// What a node computes.
pub(crate) trait Operator: Send + Sync {
    /// Takes the node's inputs from the call and gives its outputs to it.
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault>;
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Slot { slot: u32, last: bool },
    Constant(u32),
}

/// A node, ready to run.
pub(crate) struct Step {
    pub(crate) node: String,
    pub(crate) operator: &'static str,
    pub(crate) kernel: Box<dyn Operator>,
    /// `None` for an input that is left out.
    pub(crate) inputs: Box<[Option<Source>]>,
    /// `None` for an output that nobody wants.
    pub(crate) outputs: Box<[Option<u32>]>,
    /// The slots that nobody reads after this.
    pub(crate) frees: Box<[u32]>,
}

pub(crate) struct Plan {
    pub(crate) constants: Vec<Tensor>,
    pub(crate) steps: Vec<Step>,
    pub(crate) slots: usize,
    /// The slot of each of the model's inputs; `None` for one that nothing needs.
    pub(crate) inputs: Vec<Option<u32>>,
    pub(crate) outputs: Vec<Source>,
}

impl Plan {
    /// The inputs must be as many as the plan has, and their elements as many as their shapes say.
    pub(crate) fn run(&self, inputs: Vec<Tensor>, rows: usize) -> Result<Vec<Tensor>, RunError> {
        let budget = Budget::for_rows(rows);
        let mut values = Vec::with_capacity(self.slots);
        values.resize_with(self.slots, || None);
        for (tensor, slot) in inputs.into_iter().zip(&self.inputs) {
            if let Some(slot) = slot {
                budget.holds(tensor.len());
                values[*slot as usize] = Some(tensor);
            }
        }
        for step in &self.steps {
            let mut call = Call::new(step, &mut values, &self.constants, &budget);
            step.kernel
                .run(&mut call)
                .map_err(|fault| failed(step, fault))?;
            for &slot in &step.frees {
                if let Some(tensor) = values[slot as usize].take() {
                    budget.lets_go(tensor.len());
                }
            }
        }
        self.outputs
            .iter()
            .map(|output| {
                let tensor = match *output {
                    Source::Constant(place) => &self.constants[place as usize],
                    Source::Slot { slot, last: true } => {
                        return values[slot as usize].take().ok_or_else(no_output);
                    }
                    Source::Slot { slot, last: false } => {
                        values[slot as usize].as_ref().ok_or_else(no_output)?
                    }
                };
                let room = budget.room(tensor.len());
                room.map_err(|_| RunError::TooLarge)?;
                budget.holds(tensor.len());
                Ok(tensor.clone())
            })
            .collect()
    }
}

fn failed(step: &Step, fault: Fault) -> RunError {
    match fault {
        Fault::TooLarge => RunError::TooLarge,
        Fault::Because(problem) => RunError::Node {
            node: quoted(&step.node),
            operator: step.operator.to_owned(),
            problem: shortened(problem.into_owned()),
        },
    }
}

fn no_output() -> RunError {
    RunError::Node {
        node: quoted(""),
        operator: "output".to_owned(),
        problem: "was not computed".to_owned(),
    }
}
