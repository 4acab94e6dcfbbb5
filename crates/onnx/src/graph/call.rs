use std::cell::Cell;

use super::{Source, Step};
use crate::error::Fault;
use crate::shape;
use crate::tensor::{Data, Scalar, Tensor};

/// The room that a run has. An operator asks before it makes something, so that no file and no request can take all memory.
pub(crate) struct Budget {
    /// The most elements that are held at once.
    elements: usize,
    held: Cell<usize>,
    work: Cell<u64>,
}

/// Elements that a run may hold however few its rows are, for each row beyond that, and at most.
const ELEMENTS: usize = 1 << 20;
const ELEMENTS_PER_ROW: usize = 1 << 16;
const MOST_ELEMENTS: usize = 1 << 26;

/// Steps of reckoning, about a nanosecond each.
const WORK: u64 = 1 << 31;
const WORK_PER_ROW: u64 = 1 << 24;
const MOST_WORK: u64 = 1 << 35;

impl Budget {
    pub(crate) fn for_rows(rows: usize) -> Self {
        let elements = rows
            .saturating_mul(ELEMENTS_PER_ROW)
            .saturating_add(ELEMENTS)
            .min(MOST_ELEMENTS);
        let work = (rows as u64)
            .saturating_mul(WORK_PER_ROW)
            .saturating_add(WORK)
            .min(MOST_WORK);
        Self::of(elements, work)
    }

    pub(crate) fn of(elements: usize, work: u64) -> Self {
        Self {
            elements,
            held: Cell::new(0),
            work: Cell::new(work),
        }
    }

    /// Whether so many elements more may be made.
    pub(crate) fn room(&self, elements: usize) -> Result<(), Fault> {
        let total = self.held.get().saturating_add(elements);
        if total > self.elements {
            return Err(Fault::TooLarge);
        }
        self.work(elements as u64)
    }

    pub(crate) fn work(&self, steps: u64) -> Result<(), Fault> {
        let left = self.work.get().checked_sub(steps).ok_or(Fault::TooLarge)?;
        self.work.set(left);
        Ok(())
    }

    pub(crate) fn holds(&self, elements: usize) {
        self.held.set(self.held.get().saturating_add(elements));
    }

    pub(crate) fn lets_go(&self, elements: usize) {
        self.held.set(self.held.get().saturating_sub(elements));
    }
}

/// One node's turn: what it was given, and where its outputs go.
pub(crate) struct Call<'a> {
    step: &'a Step,
    values: &'a mut [Option<Tensor>],
    constants: &'a [Tensor],
    budget: &'a Budget,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        step: &'a Step,
        values: &'a mut [Option<Tensor>],
        constants: &'a [Tensor],
        budget: &'a Budget,
    ) -> Self {
        Self {
            step,
            values,
            constants,
            budget,
        }
    }

    /// How many inputs the node names, those left out among them.
    pub(crate) fn inputs(&self) -> usize {
        self.step.inputs.len()
    }

    /// How many outputs the node names.
    pub(crate) fn outputs(&self) -> usize {
        self.step.outputs.len()
    }

    pub(crate) fn wants(&self, output: usize) -> bool {
        matches!(self.step.outputs.get(output), Some(Some(_)))
    }

    pub(crate) fn get(&self, input: usize) -> Result<&Tensor, Fault> {
        self.optional(input)
            .ok_or_else(|| format!("lacks its input {input}").into())
    }

    /// An input that may be left out.
    pub(crate) fn optional(&self, input: usize) -> Option<&Tensor> {
        match self.step.inputs.get(input).copied().flatten()? {
            Source::Slot { slot, .. } => self.values.get(slot as usize)?.as_ref(),
            Source::Constant(place) => self.constants.get(place as usize),
        }
    }

    /// An input to keep: without a copy if nobody reads it afterwards.
    pub(crate) fn take(&mut self, input: usize) -> Result<Tensor, Fault> {
        if let Some(Some(Source::Slot { slot, last: true })) = self.step.inputs.get(input)
            && let Some(tensor) = self.values[*slot as usize].take()
        {
            self.budget.lets_go(tensor.len());
            return Ok(tensor);
        }
        let tensor = self.get(input)?;
        self.budget.room(tensor.len())?;
        Ok(tensor.clone())
    }

    /// The values of an input that must be of this type.
    pub(crate) fn values<T: Scalar>(&self, input: usize) -> Result<&[T], Fault> {
        let tensor = self.get(input)?;
        tensor.values().ok_or_else(|| {
            format!(
                "takes {} as input {input}, but got {}",
                T::ELEMENT,
                tensor.element()
            )
            .into()
        })
    }

    /// Whole numbers that say what to do, such as axes or a shape.
    pub(crate) fn numbers(&self, input: usize) -> Result<Vec<i64>, Fault> {
        match &self.get(input)?.data {
            Data::I64(values) => Ok(values.clone()),
            Data::I32(values) => Ok(values.iter().map(|&value| i64::from(value)).collect()),
            other => {
                Err(format!("takes int64 as input {input}, but got {}", other.element()).into())
            }
        }
    }

    /// As [`Self::numbers`], of an input that may be left out.
    pub(crate) fn optional_numbers(&self, input: usize) -> Result<Option<Vec<i64>>, Fault> {
        if self.optional(input).is_none() {
            return Ok(None);
        }
        self.numbers(input).map(Some)
    }

    /// One whole number that says what to do.
    pub(crate) fn number(&self, input: usize) -> Result<i64, Fault> {
        match self.numbers(input)?[..] {
            [number] => Ok(number),
            _ => Err(format!("takes one number as input {input}").into()),
        }
    }

    /// How many elements something of this shape has, once it is certain that there is room for it.
    pub(crate) fn room(&self, shape: &[usize]) -> Result<usize, Fault> {
        let count = shape::count(shape).ok_or(Fault::TooLarge)?;
        self.budget.room(count)?;
        if count == 0 {
            self.budget
                .work(shape::extent(shape).unwrap_or_default() as u64)?;
        }
        Ok(count)
    }

    /// Announces how much there is to reckon where that is more than a step for each element that is made.
    pub(crate) fn work(&self, factors: &[usize]) -> Result<(), Fault> {
        let steps = factors.iter().fold(1_u64, |product, &factor| {
            product.saturating_mul(factor as u64)
        });
        self.budget.work(steps)
    }

    /// Gives an output, for which there was [`Self::room`].
    pub(crate) fn give(&mut self, output: usize, tensor: Tensor) -> Result<(), Fault> {
        if shape::count(&tensor.shape) != Some(tensor.len()) {
            return Err("made something of another shape than it has elements".into());
        }
        if let Some(Some(slot)) = self.step.outputs.get(output) {
            self.budget.holds(tensor.len());
            self.values[*slot as usize] = Some(tensor);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_ends() {
        let budget = Budget::of(10, 100);
        assert_eq!(budget.room(10), Ok(()));
        budget.holds(8);
        assert_eq!(budget.room(2), Ok(()));
        assert_eq!(budget.room(3), Err(Fault::TooLarge));
        budget.lets_go(8);
        assert_eq!(budget.room(usize::MAX), Err(Fault::TooLarge));
        assert_eq!(budget.work(88), Ok(()));
        assert_eq!(budget.work(1), Err(Fault::TooLarge));
    }

    #[test]
    fn more_rows_get_more_room() {
        assert!(
            Budget::for_rows(1)
                .room(ELEMENTS + ELEMENTS_PER_ROW + 1)
                .is_err()
        );
        assert!(
            Budget::for_rows(100)
                .room(ELEMENTS + 100 * ELEMENTS_PER_ROW)
                .is_ok()
        );
        assert!(
            Budget::for_rows(usize::MAX)
                .room(MOST_ELEMENTS + 1)
                .is_err()
        );
    }
}
