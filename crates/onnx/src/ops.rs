//! The operators of the standard's own set.

mod activation;
mod arithmetic;
mod arrange;
mod cast;
mod compare;
mod constant;
mod gather;
mod join;
mod linear;
mod normalize;
mod order;
mod reduce;
mod scalar;
mod softmax;

use crate::error::Fault;
use crate::graph::{Call, Operator};
use crate::read::Entry;
use crate::tensor::{Element, Tensor};

pub(crate) use arithmetic::raised;
pub(crate) use constant::constant;
pub(crate) use linear::{dot, product_transposed};

const TABLES: [&[Entry]; 14] = [
    activation::OPERATORS,
    arithmetic::OPERATORS,
    arrange::OPERATORS,
    cast::OPERATORS,
    compare::OPERATORS,
    constant::OPERATORS,
    gather::OPERATORS,
    join::OPERATORS,
    linear::OPERATORS,
    normalize::OPERATORS,
    order::OPERATORS,
    reduce::OPERATORS,
    scalar::OPERATORS,
    softmax::OPERATORS,
];

pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    let mut entries = TABLES.into_iter().flatten();
    entries.find(|entry| entry.name == name)
}

/// An operator without attributes.
pub(crate) struct Plain(pub(crate) fn(&mut Call<'_>) -> Result<(), Fault>);

impl Operator for Plain {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        (self.0)(call)
    }
}

/// An input is of a type that the operator does not take.
pub(crate) fn takes(expected: &str, got: Element) -> Fault {
    format!("takes {expected}, but got {got}").into()
}

pub(crate) fn mismatch(left: &Tensor, right: &Tensor) -> Fault {
    let (left, right) = (left.element(), right.element());
    if left == right {
        format!("does not take {left}").into()
    } else {
        format!("takes inputs of one type, but got {left} and {right}: cast one of them").into()
    }
}
