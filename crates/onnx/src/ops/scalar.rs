//! Functions of one number, element by element.

use super::{Plain, takes};
use crate::error::Fault;
use crate::graph::{Call, Operator};
use crate::read::Entry;
use crate::tensor::{Data, Number, Tensor};

/// A function of one number with a fraction, in either precision.
pub(super) struct Unary<S, D> {
    pub(super) single: S,
    pub(super) double: D,
    /// About how many nanoseconds a number takes.
    pub(super) work: usize,
}

impl<S, D> Operator for Unary<S, D>
where
    S: Fn(f32) -> f32 + Send + Sync,
    D: Fn(f64) -> f64 + Send + Sync,
{
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let mut tensor = call.take(0)?;
        call.work(&[tensor.len(), self.work])?;
        match &mut tensor.data {
            Data::F32(values) => values
                .iter_mut()
                .for_each(|value| *value = (self.single)(*value)),
            Data::F64(values) => values
                .iter_mut()
                .for_each(|value| *value = (self.double)(*value)),
            other => return Err(takes("float or double", other.element())),
        }
        call.give(0, tensor)
    }
}

/// A [`Unary`] of one formula, which may use parameters that are `f32` where it stands.
macro_rules! unary {
    ([$($parameter:ident),*] |$x:ident| $value:expr) => {{
        let single = move |$x: f32| -> f32 { $value };
        $(let $parameter = f64::from($parameter);)*
        let double = move |$x: f64| -> f64 { $value };
        let work = 8;
        Ok(Box::new($crate::ops::scalar::Unary { single, double, work }))
    }};
    (|$x:ident| $value:expr) => {
        unary!([] |$x| $value)
    };
}
pub(super) use unary;

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("Abs", 6, (1, 1), (1, 1), |_| {
        Ok(Box::new(Plain(numbers::<Absolute>)))
    }),
    Entry::new("Neg", 6, (1, 1), (1, 1), |_| {
        Ok(Box::new(Plain(numbers::<Negative>)))
    }),
    Entry::new("Sign", 9, (1, 1), (1, 1), |_| {
        Ok(Box::new(Plain(numbers::<Sign>)))
    }),
    Entry::new("Sqrt", 6, (1, 1), (1, 1), |_| unary!(|x| x.sqrt())),
    Entry::new("Reciprocal", 6, (1, 1), (1, 1), |_| unary!(|x| x.recip())),
    Entry::new("Exp", 6, (1, 1), (1, 1), |_| unary!(|x| x.exp())),
    Entry::new("Log", 6, (1, 1), (1, 1), |_| unary!(|x| x.ln())),
    Entry::new("Floor", 6, (1, 1), (1, 1), |_| unary!(|x| x.floor())),
    Entry::new("Ceil", 6, (1, 1), (1, 1), |_| unary!(|x| x.ceil())),
    Entry::new("Round", 11, (1, 1), (1, 1), |_| {
        unary!(|x| x.round_ties_even())
    }),
    Entry::new("Sin", 7, (1, 1), (1, 1), |_| unary!(|x| x.sin())),
    Entry::new("Cos", 7, (1, 1), (1, 1), |_| unary!(|x| x.cos())),
    Entry::new("Tanh", 6, (1, 1), (1, 1), |_| unary!(|x| x.tanh())),
    Entry::new("Erf", 9, (1, 1), (1, 1), |_| {
        Ok(Box::new(Unary {
            single: |x: f32| erf(f64::from(x)) as f32,
            double: erf,
            work: 200,
        }))
    }),
    Entry::new("IsNaN", 9, (1, 1), (1, 1), |_| Ok(Box::new(Plain(is_nan)))),
    Entry::new("IsInf", 10, (1, 1), (1, 1), |node| {
        let below = node.flag("detect_negative", true)?;
        let above = node.flag("detect_positive", true)?;
        Ok(Box::new(IsInfinite { below, above }))
    }),
    Entry::new("Not", 1, (1, 1), (1, 1), |_| Ok(Box::new(Plain(not)))),
];

trait Function {
    fn of<T: Number>(value: T) -> T;
}

struct Absolute;
struct Negative;
struct Sign;

impl Function for Absolute {
    fn of<T: Number>(value: T) -> T {
        value.absolute()
    }
}

impl Function for Negative {
    fn of<T: Number>(value: T) -> T {
        T::ZERO.minus(T::ONE).times(value)
    }
}

impl Function for Sign {
    fn of<T: Number>(value: T) -> T {
        if value > T::ZERO {
            T::ONE
        } else if value < T::ZERO {
            T::ZERO.minus(T::ONE)
        } else {
            T::ZERO
        }
    }
}

fn numbers<F: Function>(call: &mut Call<'_>) -> Result<(), Fault> {
    let tensor = call.take(0)?;
    let element = tensor.element();
    let data = same_numbers!(
        tensor.data,
        |values| values.into_iter().map(F::of).collect(),
        return Err(takes("a number", element))
    );
    let shape = tensor.shape;
    call.give(0, Tensor { shape, data })
}

fn is_nan(call: &mut Call<'_>) -> Result<(), Fault> {
    let tensor = call.get(0)?;
    call.room(&tensor.shape)?;
    let found = match &tensor.data {
        Data::F32(values) => values.iter().map(|value| value.is_nan()).collect(),
        Data::F64(values) => values
            .iter()
            .map(|value| value.is_nan())
            .collect::<Vec<_>>(),
        other => return Err(takes("float or double", other.element())),
    };
    let shape = tensor.shape.clone();
    call.give(0, Tensor::new(shape, found))
}

struct IsInfinite {
    below: bool,
    above: bool,
}

impl Operator for IsInfinite {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let tensor = call.get(0)?;
        call.room(&tensor.shape)?;
        let is =
            |value: f64| value.is_infinite() && if value < 0.0 { self.below } else { self.above };
        let found = match &tensor.data {
            Data::F32(values) => values.iter().map(|&value| is(value.into())).collect(),
            Data::F64(values) => values.iter().map(|&value| is(value)).collect::<Vec<_>>(),
            other => return Err(takes("float or double", other.element())),
        };
        let shape = tensor.shape.clone();
        call.give(0, Tensor::new(shape, found))
    }
}

fn not(call: &mut Call<'_>) -> Result<(), Fault> {
    let mut tensor = call.take(0)?;
    let Data::Bool(values) = &mut tensor.data else {
        return Err(takes("bool", tensor.element()));
    };
    for value in values {
        *value = !*value;
    }
    call.give(0, tensor)
}

/// The error function, by the series of which no terms cancel each other.
pub(super) fn erf(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    // From here on it differs from 1 by less than a double can say.
    if x.abs() > 6.0 {
        return x.signum();
    }
    let mut term = x;
    let mut sum = x;
    let mut odd = 1.0;
    while term.abs() > sum.abs() * f64::EPSILON / 4.0 {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_that_of_tables() {
        for (x, expected) in [
            (0.0, 0.0),
            (0.1, 0.112_462_916_018_284_9),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (-3.0, -0.999_977_909_503_001_4),
            (5.0, 0.999_999_999_998_462_5),
            (30.0, 1.0),
            (f64::NEG_INFINITY, -1.0),
        ] {
            assert!((erf(x) - expected).abs() < 1e-14, "{x}");
        }
        assert!(erf(f64::NAN).is_nan());
    }
}
