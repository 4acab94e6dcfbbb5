//! What networks bend sums with.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, SQRT_2};

use super::scalar::{Unary, erf, unary};
use super::{Plain, mismatch, takes};
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::read::{Entry, Node};
use crate::shape;
use crate::tensor::{Data, Number, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("Relu", 6, (1, 1), (1, 1), |_| Ok(Box::new(Plain(relu)))),
    Entry::new("LeakyRelu", 6, (1, 1), (1, 1), |node| {
        let alpha = node.float_or("alpha", 0.01)?;
        unary!([alpha] | x | if x < 0.0 { alpha * x } else { x })
    }),
    Entry::new("PRelu", 7, (2, 2), (1, 1), |_| Ok(Box::new(Plain(prelu)))),
    Entry::new("ThresholdedRelu", 10, (1, 1), (1, 1), |node| {
        let alpha = node.float_or("alpha", 1.0)?;
        unary!([alpha] | x | if x > alpha { x } else { 0.0 })
    }),
    Entry::new("Elu", 6, (1, 1), (1, 1), |node| {
        let alpha = node.float_or("alpha", 1.0)?;
        unary!([alpha] | x | if x < 0.0 { alpha * x.exp_m1() } else { x })
    }),
    Entry::new("Selu", 6, (1, 1), (1, 1), |node| {
        let alpha = node.float_or("alpha", 1.673_263_2)?;
        let gamma = node.float_or("gamma", 1.050_701)?;
        unary!([alpha, gamma] | x | gamma * if x < 0.0 { alpha * x.exp_m1() } else { x })
    }),
    Entry::new("Celu", 12, (1, 1), (1, 1), |node| {
        let alpha = node.float_or("alpha", 1.0)?;
        unary!(
            [alpha]
                | x
                | if x < 0.0 {
                    alpha * (x / alpha).exp_m1()
                } else {
                    x
                }
        )
    }),
    Entry::new("Gelu", 20, (1, 1), (1, 1), gelu),
    Entry::new("HardSigmoid", 6, (1, 1), (1, 1), |node| {
        let alpha = node.float_or("alpha", 0.2)?;
        let beta = node.float_or("beta", 0.5)?;
        unary!([alpha, beta] | x | (alpha * x + beta).clamp(0.0, 1.0))
    }),
    Entry::new("HardSwish", 14, (1, 1), (1, 1), |_| {
        unary!(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0))
    }),
    Entry::new("Mish", 18, (1, 1), (1, 1), |_| {
        unary!(|x| x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh())
    }),
    Entry::new("Softplus", 1, (1, 1), (1, 1), |_| {
        unary!(|x| x.max(0.0) + (-x.abs()).exp().ln_1p())
    }),
    Entry::new("Softsign", 1, (1, 1), (1, 1), |_| {
        unary!(|x| x / (1.0 + x.abs()))
    }),
    Entry::new("Sigmoid", 6, (1, 1), (1, 1), |_| {
        unary!(|x| {
            let part = (-x.abs()).exp();
            if x < 0.0 {
                part / (1.0 + part)
            } else {
                1.0 / (1.0 + part)
            }
        })
    }),
    Entry::new("Clip", 6, (1, 3), (1, 1), clip),
    Entry::new("Dropout", 7, (1, 3), (1, 2), |_| {
        Ok(Box::new(Plain(dropout)))
    }),
];

fn relu(call: &mut Call<'_>) -> Result<(), Fault> {
    fn positive<T: Number>(mut values: Vec<T>) -> Vec<T> {
        for value in &mut values {
            if *value < T::ZERO {
                *value = T::ZERO;
            }
        }
        values
    }
    let Tensor { shape, data } = call.take(0)?;
    let element = data.element();
    let data = same_numbers!(
        data,
        |values| positive(values),
        return Err(takes("a number", element))
    );
    call.give(0, Tensor { shape, data })
}

fn prelu(call: &mut Call<'_>) -> Result<(), Fault> {
    fn bent<T: Number>(x: T, slope: T) -> T {
        if x < T::ZERO { x.times(slope) } else { x }
    }
    let (x, slope) = (call.get(0)?, call.get(1)?);
    let shape = shape::stretched(&x.shape, &slope.shape)?;
    if shape != x.shape {
        return Err("has slopes of more dimensions than its input".into());
    }
    call.room(&shape)?;
    let data = match (&x.data, &slope.data) {
        (Data::F32(xs), Data::F32(slopes)) => Data::F32(shape::paired(
            (xs, &x.shape),
            (slopes, &slope.shape),
            &shape,
            |&x, &slope| bent(x, slope),
        )),
        (Data::F64(xs), Data::F64(slopes)) => Data::F64(shape::paired(
            (xs, &x.shape),
            (slopes, &slope.shape),
            &shape,
            |&x, &slope| bent(x, slope),
        )),
        _ => return Err(mismatch(x, slope)),
    };
    call.give(0, Tensor { shape, data })
}

fn gelu(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    fn exact(x: f64) -> f64 {
        0.5 * x * (1.0 + erf(x * FRAC_1_SQRT_2))
    }
    fn by_tanh(x: f64) -> f64 {
        let root = FRAC_2_SQRT_PI * SQRT_2 / 2.0;
        0.5 * x * (1.0 + (root * (x + 0.044_715 * x * x * x)).tanh())
    }
    match node.text("approximate")? {
        None | Some("none") => Ok(Box::new(Unary {
            single: |x: f32| exact(x.into()) as f32,
            double: exact,
            work: 200,
        })),
        Some("tanh") => Ok(Box::new(Unary {
            single: |x: f32| by_tanh(x.into()) as f32,
            double: by_tanh,
            work: 20,
        })),
        Some(_) => Err(node.refuse("has an unknown `approximate`: take none or tanh")),
    }
}

/// Until version 10 the limits are attributes, from 11 on inputs.
fn clip(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    if node.opset >= 11 {
        return Ok(Box::new(Plain(|call| {
            let element = call.get(0)?.element();
            match element {
                crate::Element::F32 => clip_between::<f32>(call),
                crate::Element::F64 => clip_between::<f64>(call),
                crate::Element::I64 => clip_between::<i64>(call),
                crate::Element::I32 => clip_between::<i32>(call),
                other => Err(takes("a number", other)),
            }
        })));
    }
    let least = node.float_or("min", f32::MIN)?;
    let most = node.float_or("max", f32::MAX)?;
    unary!(
        [least, most]
            | x
            | if x < least {
                least
            } else if x > most {
                most
            } else {
                x
            }
    )
}

fn clip_between<T: Number>(call: &mut Call<'_>) -> Result<(), Fault> {
    let limit = |input: usize, default: T| -> Result<T, Fault> {
        if call.optional(input).is_none() {
            return Ok(default);
        }
        match call.values::<T>(input)? {
            [limit] => Ok(*limit),
            _ => Err("has a limit that is not one number".into()),
        }
    };
    let (least, most) = (limit(1, T::LOWEST)?, limit(2, T::HIGHEST)?);
    let Tensor { shape, data } = call.take(0)?;
    let clipped = T::values(&data)
        .unwrap_or_default()
        .iter()
        .map(|&value| {
            let value = if value < least { least } else { value };
            if value > most { most } else { value }
        })
        .collect();
    call.give(0, Tensor::new::<T>(shape, clipped))
}

/// Outside of training nothing is dropped.
fn dropout(call: &mut Call<'_>) -> Result<(), Fault> {
    if let Some(training) = call.optional(2)
        && training.values::<bool>() != Some(&[false])
    {
        return Err("drops values as in training: export the model for inference".into());
    }
    let tensor = call.take(0)?;
    if call.wants(1) {
        let count = call.room(&tensor.shape)?;
        call.give(1, Tensor::new(tensor.shape.clone(), vec![true; count]))?;
    }
    call.give(0, tensor)
}
