//! Two numbers make one, element by element.

use super::{Plain, mismatch, takes};
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::read::{Entry, MANY, Node};
use crate::shape;
use crate::tensor::{Data, Number, Tensor};

/// Before version 7 the second input was stretched to the first in another way, which attributes said.
pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("Add", 7, (2, 2), (1, 1), |_| {
        Ok(Box::new(Plain(pairwise::<Plus>)))
    }),
    Entry::new("Sub", 7, (2, 2), (1, 1), |_| {
        Ok(Box::new(Plain(pairwise::<Minus>)))
    }),
    Entry::new("Mul", 7, (2, 2), (1, 1), |_| {
        Ok(Box::new(Plain(pairwise::<Times>)))
    }),
    Entry::new("Div", 7, (2, 2), (1, 1), |_| {
        Ok(Box::new(Plain(pairwise::<Over>)))
    }),
    Entry::new("Mod", 10, (2, 2), (1, 1), modulo),
    Entry::new("Pow", 7, (2, 2), (1, 1), |_| Ok(Box::new(Plain(power)))),
    Entry::new("Min", 8, (1, MANY), (1, 1), |_| {
        Ok(Box::new(Plain(all::<Lesser>)))
    }),
    Entry::new("Max", 8, (1, MANY), (1, 1), |_| {
        Ok(Box::new(Plain(all::<Greater>)))
    }),
    Entry::new("Sum", 8, (1, MANY), (1, 1), |_| {
        Ok(Box::new(Plain(all::<Plus>)))
    }),
    Entry::new("Mean", 8, (1, MANY), (1, 1), |_| Ok(Box::new(Plain(mean)))),
];

/// What two numbers make.
trait Pair {
    const DIVIDES: bool = false;

    fn of<T: Number>(left: T, right: T) -> T;
}

struct Plus;
struct Minus;
struct Times;
struct Over;
struct Lesser;
struct Greater;
/// The remainder with the sign of the divisor.
struct Modulo;
/// The remainder with the sign of the dividend.
struct Remainder;

impl Pair for Plus {
    fn of<T: Number>(left: T, right: T) -> T {
        left.plus(right)
    }
}

impl Pair for Minus {
    fn of<T: Number>(left: T, right: T) -> T {
        left.minus(right)
    }
}

impl Pair for Times {
    fn of<T: Number>(left: T, right: T) -> T {
        left.times(right)
    }
}

impl Pair for Over {
    const DIVIDES: bool = true;

    fn of<T: Number>(left: T, right: T) -> T {
        left.over(right)
    }
}

impl Pair for Lesser {
    fn of<T: Number>(left: T, right: T) -> T {
        left.lesser(right)
    }
}

impl Pair for Greater {
    fn of<T: Number>(left: T, right: T) -> T {
        left.greater(right)
    }
}

impl Pair for Modulo {
    const DIVIDES: bool = true;

    fn of<T: Number>(left: T, right: T) -> T {
        let remainder = left.remainder(right);
        let is_other_side = (remainder < T::ZERO) != (right < T::ZERO);
        if remainder != T::ZERO && is_other_side {
            remainder.plus(right)
        } else {
            remainder
        }
    }
}

impl Pair for Remainder {
    const DIVIDES: bool = true;

    fn of<T: Number>(left: T, right: T) -> T {
        left.remainder(right)
    }
}

fn combined<P: Pair>(call: &Call<'_>, left: &Tensor, right: &Tensor) -> Result<Tensor, Fault> {
    let shape = shape::stretched(&left.shape, &right.shape)?;
    call.room(&shape)?;
    let data = match (&left.data, &right.data) {
        (Data::F32(a), Data::F32(b)) => Data::F32(values::<P, _>(a, left, b, right, &shape)?),
        (Data::F64(a), Data::F64(b)) => Data::F64(values::<P, _>(a, left, b, right, &shape)?),
        (Data::I64(a), Data::I64(b)) => Data::I64(values::<P, _>(a, left, b, right, &shape)?),
        (Data::I32(a), Data::I32(b)) => Data::I32(values::<P, _>(a, left, b, right, &shape)?),
        _ => return Err(mismatch(left, right)),
    };
    Ok(Tensor { shape, data })
}

fn values<P: Pair, T: Number>(
    left: &[T],
    from_left: &Tensor,
    right: &[T],
    from_right: &Tensor,
    shape: &[usize],
) -> Result<Vec<T>, Fault> {
    if P::DIVIDES && T::WHOLE && right.contains(&T::ZERO) {
        return Err("divides a whole number by zero".into());
    }
    let (left, right) = ((left, &from_left.shape[..]), (right, &from_right.shape[..]));
    Ok(shape::paired(left, right, shape, |&left, &right| {
        P::of(left, right)
    }))
}

fn pairwise<P: Pair>(call: &mut Call<'_>) -> Result<(), Fault> {
    let made = combined::<P>(call, call.get(0)?, call.get(1)?)?;
    call.give(0, made)
}

/// One input after the other.
fn together<P: Pair>(call: &mut Call<'_>) -> Result<Tensor, Fault> {
    let mut made = call.take(0)?;
    if !matches!(
        made.data,
        Data::F32(_) | Data::F64(_) | Data::I64(_) | Data::I32(_)
    ) {
        return Err(takes("numbers", made.element()));
    }
    for input in 1..call.inputs() {
        made = combined::<P>(call, &made, call.get(input)?)?;
    }
    Ok(made)
}

fn all<P: Pair>(call: &mut Call<'_>) -> Result<(), Fault> {
    let made = together::<P>(call)?;
    call.give(0, made)
}

fn mean(call: &mut Call<'_>) -> Result<(), Fault> {
    let count = call.inputs() as f64;
    let mut made = together::<Plus>(call)?;
    match &mut made.data {
        Data::F32(values) => values.iter_mut().for_each(|value| *value /= count as f32),
        Data::F64(values) => values.iter_mut().for_each(|value| *value /= count),
        other => return Err(takes("float or double", other.element())),
    }
    call.give(0, made)
}

fn modulo(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    if node.flag("fmod", false)? {
        return Ok(Box::new(Plain(pairwise::<Remainder>)));
    }
    Ok(Box::new(Plain(|call| {
        let element = call.get(0)?.element();
        if matches!(call.get(0)?.data, Data::F32(_) | Data::F64(_)) {
            return Err(takes("whole numbers without fmod", element));
        }
        pairwise::<Modulo>(call)
    })))
}

/// The exponent may be of another type than the base.
fn power(call: &mut Call<'_>) -> Result<(), Fault> {
    let (base, exponent) = (call.get(0)?, call.get(1)?);
    let shape = shape::stretched(&base.shape, &exponent.shape)?;
    let count = call.room(&shape)?;
    call.work(&[count, 8])?;
    let data = if let (Data::F32(bases), Data::F32(exponents)) = (&base.data, &exponent.data) {
        Data::F32(powers(bases, base, exponents, exponent, &shape, raised))
    } else {
        let exponents = match &exponent.data {
            Data::F32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Data::F64(values) => values.clone(),
            Data::I64(values) => values.iter().map(|&value| value as f64).collect(),
            Data::I32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            other => return Err(takes("a number as exponent", other.element())),
        };
        same_numbers!(
            &base.data,
            |bases| powers(
                bases,
                base,
                &exponents,
                exponent,
                &shape,
                |base, exponent| { Number::from_f64(base.to_f64().powf(exponent)) }
            ),
            return Err(takes("a number as base", base.element()))
        )
    };
    call.give(0, Tensor { shape, data })
}

fn powers<T: Number, E: Copy>(
    bases: &[T],
    base: &Tensor,
    exponents: &[E],
    exponent: &Tensor,
    shape: &[usize],
    raise: impl Fn(T, E) -> T,
) -> Vec<T> {
    let bases = (bases, &base.shape[..]);
    let exponents = (exponents, &exponent.shape[..]);
    shape::paired(bases, exponents, shape, |&base, &exponent| {
        raise(base, exponent)
    })
}

/// Squares and cubes are common, and exact this way.
pub(crate) fn raised(base: f32, exponent: f32) -> f32 {
    match exponent {
        2.0 => base * base,
        3.0 => base * base * base,
        exponent => base.powf(exponent),
    }
}
