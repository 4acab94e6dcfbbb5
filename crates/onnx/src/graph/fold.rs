//! From nodes in order to a plan: what nothing needs is left out, what is the same for every run is computed once, and values
//! get slots.

use std::collections::{BTreeMap, HashMap};

use super::{Budget, Call, Plan, Source, Step};
use crate::error::{Fault, Refused, quoted, shortened};
use crate::tensor::Tensor;

/// A graph whose values are numbered, with every node behind those whose outputs it takes. The slots in its steps are the
/// values' numbers, and no step says what it frees.
pub(crate) struct Draft {
    pub(crate) steps: Vec<Step>,
    /// For each value its tensor, if the file has it.
    pub(crate) values: Vec<Option<Tensor>>,
    pub(crate) inputs: Vec<u32>,
    pub(crate) outputs: Vec<u32>,
}

/// What computing ahead may take, in elements and in steps of reckoning.
const AHEAD: usize = 1 << 24;
const WORK_AHEAD: u64 = 1 << 31;

pub(crate) fn planned(mut draft: Draft) -> Result<Plan, Refused> {
    keep_needed(&mut draft);
    compute_ahead(&mut draft)?;
    Ok(laid_out(draft))
}

/// Takes out steps and outputs that lead to none of the graph's outputs.
fn keep_needed(draft: &mut Draft) {
    let mut needed = vec![false; draft.values.len()];
    for &output in &draft.outputs {
        needed[output as usize] = true;
    }
    let mut kept = Vec::with_capacity(draft.steps.len());
    while let Some(mut step) = draft.steps.pop() {
        for output in &mut step.outputs {
            *output = output.filter(|&value| needed[value as usize]);
        }
        if step.outputs.iter().any(Option::is_some) {
            for value in read(&step) {
                needed[value as usize] = true;
            }
            kept.push(step);
        }
    }
    kept.reverse();
    draft.steps = kept;
}

/// The values that a step reads.
fn read(step: &Step) -> impl Iterator<Item = u32> + '_ {
    step.inputs.iter().filter_map(|input| match input {
        Some(Source::Slot { slot, .. }) => Some(*slot),
        Some(Source::Constant(_)) | None => None,
    })
}

/// Runs the steps that depend on no input of the model.
fn compute_ahead(draft: &mut Draft) -> Result<(), Refused> {
    let budget = Budget::of(AHEAD, WORK_AHEAD);
    let mut left = Vec::with_capacity(draft.steps.len());
    for step in draft.steps.drain(..) {
        let is_known = read(&step).all(|value| draft.values[value as usize].is_some());
        if !is_known {
            left.push(step);
            continue;
        }
        let mut call = Call::new(&step, &mut draft.values, &[], &budget);
        match step.kernel.run(&mut call) {
            Ok(()) => {}
            // Then the runs have to find room for it.
            Err(Fault::TooLarge) => {
                for output in step.outputs.iter().flatten() {
                    draft.values[*output as usize] = None;
                }
                left.push(step);
            }
            Err(Fault::Because(problem)) => {
                return Err(Refused::Node {
                    node: quoted(&step.node),
                    operator: step.operator.to_owned(),
                    problem: shortened(problem.into_owned()),
                });
            }
        }
    }
    draft.steps = left;
    Ok(())
}

/// Gives out slots, and takes them back after a value's last use.
fn laid_out(draft: Draft) -> Plan {
    let Draft {
        mut steps,
        mut values,
        inputs,
        outputs,
    } = draft;
    let mut last_use = HashMap::new();
    for (place, step) in steps.iter().enumerate() {
        for value in read(step) {
            last_use.insert(value, place);
        }
    }
    // The outputs are read after the last step.
    for &output in &outputs {
        last_use.insert(output, steps.len());
    }

    let mut constants = Vec::new();
    let mut places = HashMap::new();
    let mut slots = Slots::default();
    let inputs = inputs
        .iter()
        .map(|input| last_use.contains_key(input).then(|| slots.take(*input)))
        .collect();
    for (place, step) in steps.iter_mut().enumerate() {
        let mut uses = BTreeMap::new();
        for value in read(step) {
            *uses.entry(value).or_insert(0_usize) += 1;
        }
        for input in step.inputs.iter_mut().flatten() {
            let Source::Slot { slot: value, .. } = *input else {
                continue;
            };
            let constant = places.get(&value).copied().or_else(|| {
                let tensor = values[value as usize].take()?;
                constants.push(tensor);
                let constant = constants.len() as u32 - 1;
                places.insert(value, constant);
                Some(constant)
            });
            *input = if let Some(constant) = constant {
                Source::Constant(constant)
            } else {
                let ends = last_use.get(&value) == Some(&place);
                Source::Slot {
                    slot: slots.of(value),
                    last: ends && uses.get(&value) == Some(&1),
                }
            };
        }
        for output in step.outputs.iter_mut().flatten() {
            *output = slots.take(*output);
        }
        step.frees = uses
            .into_keys()
            .filter(|value| last_use.get(value) == Some(&place) && !places.contains_key(value))
            .map(|value| slots.give_back(value))
            .collect();
    }
    let outputs = outputs
        .iter()
        .enumerate()
        .map(|(place, &value)| {
            let constant = places.get(&value).copied().or_else(|| {
                constants.push(values[value as usize].take()?);
                let constant = constants.len() as u32 - 1;
                places.insert(value, constant);
                Some(constant)
            });
            match constant {
                Some(constant) => Source::Constant(constant),
                None => Source::Slot {
                    slot: slots.of(value),
                    last: !outputs[place + 1..].contains(&value),
                },
            }
        })
        .collect();
    Plan {
        constants,
        steps,
        slots: slots.count as usize,
        inputs,
        outputs,
    }
}

/// Which value is in which slot.
#[derive(Default)]
struct Slots {
    taken: HashMap<u32, u32>,
    free: Vec<u32>,
    count: u32,
}

impl Slots {
    fn take(&mut self, value: u32) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        self.taken.insert(value, slot);
        slot
    }

    /// The slot of a value that has one, as every value has that a node in front made.
    fn of(&self, value: u32) -> u32 {
        self.taken.get(&value).copied().unwrap_or_default()
    }

    fn give_back(&mut self, value: u32) -> u32 {
        let slot = self.of(value);
        self.taken.remove(&value);
        self.free.push(slot);
        slot
    }
}
