//! What is true of two elements, and what follows from it.

use super::{Plain, mismatch, takes};
use crate::error::Fault;
use crate::graph::Call;
use crate::read::Entry;
use crate::shape::{self, Walk};
use crate::tensor::{Data, Scalar, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("Equal", 7, (2, 2), (1, 1), |_| Ok(Box::new(Plain(equal)))),
    Entry::new("Less", 7, (2, 2), (1, 1), |_| {
        Ok(Box::new(Plain(ordered::<Less>)))
    }),
    Entry::new("LessOrEqual", 12, (2, 2), (1, 1), |_| {
        Ok(Box::new(Plain(ordered::<LessOrEqual>)))
    }),
    Entry::new("Greater", 7, (2, 2), (1, 1), |_| {
        Ok(Box::new(Plain(ordered::<Greater>)))
    }),
    Entry::new("GreaterOrEqual", 12, (2, 2), (1, 1), |_| {
        Ok(Box::new(Plain(ordered::<GreaterOrEqual>)))
    }),
    Entry::new("And", 7, (2, 2), (1, 1), |_| {
        Ok(Box::new(Plain(|call| {
            logical(call, |left, right| left & right)
        })))
    }),
    Entry::new("Or", 7, (2, 2), (1, 1), |_| {
        Ok(Box::new(Plain(|call| {
            logical(call, |left, right| left | right)
        })))
    }),
    Entry::new("Xor", 7, (2, 2), (1, 1), |_| {
        Ok(Box::new(Plain(|call| {
            logical(call, |left, right| left ^ right)
        })))
    }),
    Entry::new("Where", 9, (3, 3), (1, 1), |_| Ok(Box::new(Plain(choose)))),
];

trait Order {
    fn holds<T: PartialOrd>(left: &T, right: &T) -> bool;
}

struct Less;
struct LessOrEqual;
struct Greater;
struct GreaterOrEqual;

impl Order for Less {
    fn holds<T: PartialOrd>(left: &T, right: &T) -> bool {
        left < right
    }
}

impl Order for LessOrEqual {
    fn holds<T: PartialOrd>(left: &T, right: &T) -> bool {
        left <= right
    }
}

impl Order for Greater {
    fn holds<T: PartialOrd>(left: &T, right: &T) -> bool {
        left > right
    }
}

impl Order for GreaterOrEqual {
    fn holds<T: PartialOrd>(left: &T, right: &T) -> bool {
        left >= right
    }
}

/// Whether something holds for each pair of elements of one type.
fn held<T>(
    left: &[T],
    from_left: &Tensor,
    right: &[T],
    from_right: &Tensor,
    shape: &[usize],
    holds: impl FnMut(&T, &T) -> bool,
) -> Vec<bool> {
    let (left, right) = ((left, &from_left.shape[..]), (right, &from_right.shape[..]));
    shape::paired(left, right, shape, holds)
}

fn equal(call: &mut Call<'_>) -> Result<(), Fault> {
    let (left, right) = (call.get(0)?, call.get(1)?);
    let shape = shape::stretched(&left.shape, &right.shape)?;
    call.room(&shape)?;
    let found = match (&left.data, &right.data) {
        (Data::F32(a), Data::F32(b)) => held(a, left, b, right, &shape, PartialEq::eq),
        (Data::F64(a), Data::F64(b)) => held(a, left, b, right, &shape, PartialEq::eq),
        (Data::I64(a), Data::I64(b)) => held(a, left, b, right, &shape, PartialEq::eq),
        (Data::I32(a), Data::I32(b)) => held(a, left, b, right, &shape, PartialEq::eq),
        (Data::Bool(a), Data::Bool(b)) => held(a, left, b, right, &shape, PartialEq::eq),
        (Data::Text(a), Data::Text(b)) => held(a, left, b, right, &shape, PartialEq::eq),
        _ => return Err(mismatch(left, right)),
    };
    call.give(0, Tensor::new(shape, found))
}

fn ordered<O: Order>(call: &mut Call<'_>) -> Result<(), Fault> {
    let (left, right) = (call.get(0)?, call.get(1)?);
    let shape = shape::stretched(&left.shape, &right.shape)?;
    call.room(&shape)?;
    let found = match (&left.data, &right.data) {
        (Data::F32(a), Data::F32(b)) => held(a, left, b, right, &shape, O::holds),
        (Data::F64(a), Data::F64(b)) => held(a, left, b, right, &shape, O::holds),
        (Data::I64(a), Data::I64(b)) => held(a, left, b, right, &shape, O::holds),
        (Data::I32(a), Data::I32(b)) => held(a, left, b, right, &shape, O::holds),
        _ => return Err(mismatch(left, right)),
    };
    call.give(0, Tensor::new(shape, found))
}

fn logical(call: &mut Call<'_>, combine: fn(bool, bool) -> bool) -> Result<(), Fault> {
    let (left, right) = (call.get(0)?, call.get(1)?);
    let shape = shape::stretched(&left.shape, &right.shape)?;
    call.room(&shape)?;
    let (Data::Bool(a), Data::Bool(b)) = (&left.data, &right.data) else {
        return Err(mismatch(left, right));
    };
    let found = held(a, left, b, right, &shape, |&left, &right| {
        combine(left, right)
    });
    call.give(0, Tensor::new(shape, found))
}

fn choose(call: &mut Call<'_>) -> Result<(), Fault> {
    fn chosen<T: Clone>(
        [which, yes, no]: [&Tensor; 3],
        conditions: &[bool],
        yeses: &[T],
        noes: &[T],
        shape: &[usize],
    ) -> Vec<T> {
        let strides = [which, yes, no].map(|tensor| shape::stretched_strides(&tensor.shape, shape));
        let [which, yes, no] = &strides;
        let walk = Walk::new(shape, [which, yes, no]);
        let mut values = Vec::with_capacity(shape::product(shape));
        let steps = walk.steps;
        walk.runs(|[which, yes, no]| {
            values.extend((0..walk.inner).map(|place| {
                if conditions[which + place * steps[0]] {
                    yeses[yes + place * steps[1]].clone()
                } else {
                    noes[no + place * steps[2]].clone()
                }
            }));
        });
        values
    }
    let tensors = [call.get(0)?, call.get(1)?, call.get(2)?];
    let [which, yes, no] = tensors;
    let Data::Bool(conditions) = &which.data else {
        return Err(takes("bool as its condition", which.element()));
    };
    let shape = shape::stretched(&which.shape, &shape::stretched(&yes.shape, &no.shape)?)?;
    call.room(&shape)?;
    fn same_type<'a, T: Scalar>(yes: &'a Tensor, no: &'a Tensor) -> Result<&'a [T], Fault> {
        no.values().ok_or_else(|| mismatch(yes, no))
    }
    let data = same!(&yes.data, |yeses| chosen(
        tensors,
        conditions,
        yeses,
        same_type(yes, no)?,
        &shape
    ));
    call.give(0, Tensor { shape, data })
}
