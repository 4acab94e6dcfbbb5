//! From one type to another.

use std::sync::Arc;

use super::Plain;
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::read::{self, Entry, Node, number};
use crate::tensor::{Data, Element, Number, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("Identity", 1, (1, 1), (1, 1), |_| {
        Ok(Box::new(Plain(identity)))
    }),
    Entry::new("Cast", 6, (1, 1), (1, 1), |node| {
        Ok(Box::new(Cast { to: target(node)? }))
    }),
    Entry::new("CastLike", 15, (2, 2), (1, 1), |_| {
        Ok(Box::new(Plain(like)))
    }),
];

fn identity(call: &mut Call<'_>) -> Result<(), Fault> {
    let tensor = call.take(0)?;
    call.give(0, tensor)
}

/// What is cast to: an element, and of the small whole numbers that are held as int32 the range that they wrap around in.
#[derive(Clone, Copy, Debug)]
struct Target {
    element: Element,
    small: Option<fn(i64) -> i32>,
}

fn target(node: &Node<'_>) -> Result<Target, Refused> {
    let Some(to) = node.int("to")? else {
        return Err(node.refuse("does not say what to cast to"));
    };
    let to = i32::try_from(to).unwrap_or_default();
    let Some(element) = read::element(to) else {
        return Err(node.refuse(format!(
            "casts to {}: take float, double, int64, int32, bool or string",
            read::type_name(to)
        )));
    };
    let small: Option<fn(i64) -> i32> = match to {
        number::INT8 => Some(|value| i32::from(value as i8)),
        number::UINT8 => Some(|value| i32::from(value as u8)),
        number::INT16 => Some(|value| i32::from(value as i16)),
        number::UINT16 => Some(|value| i32::from(value as u16)),
        _ => None,
    };
    Ok(Target { element, small })
}

struct Cast {
    to: Target,
}

impl Operator for Cast {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let Tensor { shape, data } = call.take(0)?;
        let mut data = cast(data, self.to.element)?;
        if let (Some(small), Data::I32(values)) = (self.to.small, &mut data) {
            for value in values {
                *value = small(i64::from(*value));
            }
        }
        call.give(0, Tensor { shape, data })
    }
}

fn like(call: &mut Call<'_>) -> Result<(), Fault> {
    let to = call.get(1)?.element();
    let Tensor { shape, data } = call.take(0)?;
    let data = cast(data, to)?;
    call.give(0, Tensor { shape, data })
}

/// As a cast in C: fractions are cut off. Text is read and written as onnxruntime does.
pub(super) fn cast(data: Data, to: Element) -> Result<Data, Fault> {
    if data.element() == to {
        return Ok(data);
    }
    Ok(match data {
        Data::F32(values) => numbers(&values, to, |value| general(value.into())),
        Data::F64(values) => numbers(&values, to, general),
        Data::I64(values) => wholes(values, to),
        Data::I32(values) => wholes(values.into_iter().map(i64::from), to),
        Data::Bool(values) => wholes(values.into_iter().map(i64::from), to),
        Data::Text(values) => match to {
            Element::F32 => Data::F32(read_each(&values, read_float)?),
            Element::F64 => Data::F64(read_each(&values, read_float)?),
            Element::I64 => Data::I64(read_each(&values, |text| text.parse().ok())?),
            Element::I32 => Data::I32(read_each(&values, |text| text.parse().ok())?),
            Element::Bool | Element::Text => {
                return Err("casts a string to bool, which nothing defines".into());
            }
        },
    })
}

fn numbers<T: Number>(values: &[T], to: Element, text: impl Fn(T) -> Arc<str>) -> Data {
    let values = values.iter().copied();
    let doubles = values.clone().map(Number::to_f64);
    match to {
        Element::F32 => Data::F32(doubles.map(|value| value as f32).collect()),
        Element::F64 => Data::F64(doubles.collect()),
        Element::I64 => Data::I64(doubles.map(|value| value as i64).collect()),
        Element::I32 => Data::I32(doubles.map(|value| value as i32).collect()),
        Element::Bool => Data::Bool(doubles.map(|value| value != 0.0).collect()),
        Element::Text => Data::Text(values.map(text).collect()),
    }
}

/// Whole numbers apart, since not every one has a double.
fn wholes(values: impl IntoIterator<Item = i64>, to: Element) -> Data {
    let values = values.into_iter();
    match to {
        Element::F32 => Data::F32(values.map(|value| value as f32).collect()),
        Element::F64 => Data::F64(values.map(|value| value as f64).collect()),
        Element::I64 => Data::I64(values.collect()),
        Element::I32 => Data::I32(values.map(|value| value as i32).collect()),
        Element::Bool => Data::Bool(values.map(|value| value != 0).collect()),
        Element::Text => Data::Text(values.map(|value| value.to_string().into()).collect()),
    }
}

fn read_each<T>(values: &[Arc<str>], read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Fault> {
    let values = values.iter().map(|text| read(text.trim()));
    values
        .collect::<Option<_>>()
        .ok_or_else(|| "casts a string to a number that it is not".into())
}

/// As strtod does for whole texts: names of what is not finite in any case.
fn read_float<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Significant digits of a number as text.
const DIGITS: i32 = 8;

/// A number as `%.8g` writes it in C, which is what onnxruntime does in either precision.
fn general(value: f64) -> Arc<str> {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "INF" } else { "-INF" }.into();
    }
    let written = format!("{value:.*e}", DIGITS as usize - 1);
    let Some((mantissa, exponent)) = written.split_once('e') else {
        return written.into();
    };
    let exponent = exponent.parse::<i32>().unwrap_or_default();
    let bare = |text: &str| -> String {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if !(-4..DIGITS).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", bare(mantissa), exponent.abs()).into();
    }
    let behind = (DIGITS - 1 - exponent) as usize;
    bare(&format!("{value:.behind$}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_cut_off() {
        let data = Data::F32(vec![1.9, -1.9, f32::NAN, 1e20]);
        assert_eq!(
            cast(data, Element::I64),
            Ok(Data::I64(vec![1, -1, 0, i64::MAX]))
        );
        let data = Data::F64(vec![0.0, -0.5]);
        assert_eq!(cast(data, Element::Bool), Ok(Data::Bool(vec![false, true])));
        let data = Data::Bool(vec![true, false]);
        assert_eq!(cast(data, Element::F32), Ok(Data::F32(vec![1.0, 0.0])));
    }

    #[test]
    fn text_is_read_and_written() {
        let text = |values: &[&str]| Data::Text(values.iter().map(|&text| text.into()).collect());
        assert_eq!(
            cast(text(&["1.5", " -2e3 ", "inf"]), Element::F64),
            Ok(Data::F64(vec![1.5, -2000.0, f64::INFINITY]))
        );
        assert!(cast(text(&["one"]), Element::F32).is_err());
        assert!(cast(text(&["1.5"]), Element::I64).is_err());
        assert_eq!(
            cast(Data::I64(vec![-7, 12]), Element::Text),
            Ok(text(&["-7", "12"]))
        );
        let numbers = vec![
            1.0,
            0.1,
            -0.5_f32.powi(22),
            12345678.0,
            1.25e10,
            f32::NAN,
            f32::NEG_INFINITY,
        ];
        assert_eq!(
            cast(Data::F32(numbers), Element::Text),
            Ok(text(&[
                "1",
                "0.1",
                "-2.3841858e-07",
                "12345678",
                "1.25e+10",
                "NaN",
                "-INF"
            ]))
        );
    }
}
