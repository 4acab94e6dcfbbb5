//! Numbers brought to a common mean and spread.

use super::{mismatch, takes};
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::read::{Entry, Node};
use crate::shape;
use crate::tensor::{Data, Number, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("BatchNormalization", 7, (5, 5), (1, 5), batch),
    Entry::new("LayerNormalization", 17, (2, 3), (1, 3), |node| {
        Ok(Box::new(Layer {
            axis: node.int_or("axis", -1)?,
            epsilon: node.float_or("epsilon", 1e-5)?.into(),
        }))
    }),
    Entry::new("InstanceNormalization", 6, (3, 3), (1, 1), |node| {
        let epsilon = node.float_or("epsilon", 1e-5)?.into();
        Ok(Box::new(Instance { epsilon }))
    }),
];

fn batch(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    let trains = node.flag("training_mode", false)?
        || (1..node.outputs()).any(|output| node.has_output(output));
    if trains || !node.flag("spatial", true)? {
        return Err(node.refuse("normalises as in training: export the model for inference"));
    }
    let epsilon = node.float_or("epsilon", 1e-5)?;
    Ok(Box::new(Batch { epsilon }))
}

struct Batch {
    epsilon: f32,
}

impl Operator for Batch {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let rank = call.get(0)?.rank();
        if rank == 0 {
            return Err("takes rows, but got one number".into());
        }
        let mut tensor = call.take(0)?;
        let (outer, channels, inner) = if rank == 1 {
            (tensor.len(), 1, 1)
        } else {
            shape::around(&tensor.shape, 1)
        };
        if tensor.len() == 0 {
            return call.give(0, tensor);
        }
        let size = (outer, channels, inner);
        match &mut tensor.data {
            Data::F32(values) => self.normalized(call, values, size, f32::sqrt)?,
            Data::F64(values) => self.normalized(call, values, size, f64::sqrt)?,
            other => return Err(takes("float or double", other.element())),
        }
        call.give(0, tensor)
    }
}

impl Batch {
    fn normalized<T: Number>(
        &self,
        call: &Call<'_>,
        values: &mut [T],
        (_, channels, inner): (usize, usize, usize),
        root: impl Fn(T) -> T,
    ) -> Result<(), Fault> {
        let parameter = |input: usize| {
            let values = call.values::<T>(input)?;
            if values.len() == channels {
                Ok(values)
            } else {
                Err(Fault::from("has not one parameter for each channel"))
            }
        };
        let (scale, bias) = (parameter(1)?, parameter(2)?);
        let (mean, variance) = (parameter(3)?, parameter(4)?);
        let epsilon = T::from_f64(self.epsilon.into());
        for (place, run) in values.chunks_exact_mut(inner).enumerate() {
            let channel = place % channels;
            let factor = scale[channel].over(root(variance[channel].plus(epsilon)));
            let offset = bias[channel].minus(mean[channel].times(factor));
            for value in run {
                *value = value.times(factor).plus(offset);
            }
        }
        Ok(())
    }
}

struct Layer {
    axis: i64,
    epsilon: f64,
}

impl Operator for Layer {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let mut tensor = call.take(0)?;
        let axis = shape::axis(self.axis, tensor.rank())?;
        let length = shape::product(&tensor.shape[axis..]);
        let mut shape = tensor.shape.clone();
        shape[axis..].fill(1);
        let count = call.room(&shape)?;
        let mut means = Vec::with_capacity(count);
        let mut inverses = Vec::with_capacity(count);
        if length > 0 {
            let within = tensor.shape[axis..].to_vec();
            match &mut tensor.data {
                Data::F32(values) => {
                    self.each(values, length, &mut means, &mut inverses);
                    scaled(call, values, &within)?;
                }
                Data::F64(values) => {
                    self.each(values, length, &mut means, &mut inverses);
                    scaled(call, values, &within)?;
                }
                other => return Err(takes("float or double", other.element())),
            }
        }
        for (output, numbers) in [(1, means), (2, inverses)] {
            if call.wants(output) {
                let numbers = numbers
                    .iter()
                    .map(|&number| number as f32)
                    .collect::<Vec<_>>();
                call.give(output, Tensor::new(shape.clone(), numbers))?;
            }
        }
        call.give(0, tensor)
    }
}

impl Layer {
    fn each<T: Number>(
        &self,
        values: &mut [T],
        length: usize,
        means: &mut Vec<f64>,
        inverses: &mut Vec<f64>,
    ) {
        for run in values.chunks_exact_mut(length) {
            let (mean, inverse) = spread(run, self.epsilon);
            for value in run {
                *value = T::from_f64((value.to_f64() - mean) * inverse);
            }
            means.push(mean);
            inverses.push(inverse);
        }
    }
}

/// The mean, and what brings the spread around it to one.
fn spread<T: Number>(values: &[T], epsilon: f64) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|value| value.to_f64()).sum::<f64>() / count;
    let squares = values.iter().map(|value| (value.to_f64() - mean).powi(2));
    let variance = squares.sum::<f64>() / count;
    (mean, (variance + epsilon).sqrt().recip())
}

/// Each run multiplied by the second input, and the third added.
fn scaled<T: Number>(call: &Call<'_>, values: &mut [T], within: &[usize]) -> Result<(), Fault> {
    let length = shape::product(within);
    let stretched = |input: usize, default: T| -> Result<Vec<T>, Fault> {
        let Some(parameter) = call.optional(input) else {
            return Ok(vec![default; length]);
        };
        if shape::stretched(within, &parameter.shape)? != within {
            return Err("has parameters of more dimensions than are normalised".into());
        }
        let Some(parameters) = parameter.values::<T>() else {
            return Err(mismatch(call.get(1)?, parameter));
        };
        let strides = shape::stretched_strides(&parameter.shape, within);
        Ok(shape::gathered(parameters, within, &strides))
    };
    call.room(within)?;
    let (scale, bias) = (stretched(1, T::ONE)?, stretched(2, T::ZERO)?);
    for run in values.chunks_exact_mut(length) {
        for (value, (&scale, &bias)) in run.iter_mut().zip(scale.iter().zip(&bias)) {
            *value = value.times(scale).plus(bias);
        }
    }
    Ok(())
}

struct Instance {
    epsilon: f64,
}

impl Operator for Instance {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let mut tensor = call.take(0)?;
        if tensor.rank() < 3 {
            return Err(
                "takes rows, channels and what is in them, but got fewer dimensions".into(),
            );
        }
        let (_, channels, inner) = shape::around(&tensor.shape, 1);
        if tensor.len() > 0 {
            match &mut tensor.data {
                Data::F32(values) => self.each(call, values, channels, inner)?,
                Data::F64(values) => self.each(call, values, channels, inner)?,
                other => return Err(takes("float or double", other.element())),
            }
        }
        call.give(0, tensor)
    }
}

impl Instance {
    fn each<T: Number>(
        &self,
        call: &Call<'_>,
        values: &mut [T],
        channels: usize,
        inner: usize,
    ) -> Result<(), Fault> {
        let (scale, bias) = (call.values::<T>(1)?, call.values::<T>(2)?);
        if scale.len() != channels || bias.len() != channels {
            return Err("has not one parameter for each channel".into());
        }
        for (place, run) in values.chunks_exact_mut(inner).enumerate() {
            let channel = place % channels;
            let (mean, inverse) = spread(run, self.epsilon);
            let factor = scale[channel].to_f64() * inverse;
            let offset = bias[channel].to_f64();
            for value in run {
                *value = T::from_f64((value.to_f64() - mean) * factor + offset);
            }
        }
        Ok(())
    }
}
