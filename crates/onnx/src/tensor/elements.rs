//! The types that tensors consist of, for code that is the same for several of them.

use std::sync::Arc;

use crate::tensor::{Data, Element};

/// Does the same with the values of every type.
macro_rules! each {
    ($data:expr, |$values:ident| $body:expr) => {
        match $data {
            $crate::tensor::Data::F32($values) => $body,
            $crate::tensor::Data::F64($values) => $body,
            $crate::tensor::Data::I64($values) => $body,
            $crate::tensor::Data::I32($values) => $body,
            $crate::tensor::Data::Bool($values) => $body,
            $crate::tensor::Data::Text($values) => $body,
        }
    };
}

/// As [`each!`], of which values of the same type come.
macro_rules! same {
    ($data:expr, |$values:ident| $body:expr) => {
        match $data {
            $crate::tensor::Data::F32($values) => $crate::tensor::Data::F32($body),
            $crate::tensor::Data::F64($values) => $crate::tensor::Data::F64($body),
            $crate::tensor::Data::I64($values) => $crate::tensor::Data::I64($body),
            $crate::tensor::Data::I32($values) => $crate::tensor::Data::I32($body),
            $crate::tensor::Data::Bool($values) => $crate::tensor::Data::Bool($body),
            $crate::tensor::Data::Text($values) => $crate::tensor::Data::Text($body),
        }
    };
}

/// As [`same!`] for numbers; what else comes is the last argument.
macro_rules! same_numbers {
    ($data:expr, |$values:ident| $body:expr, $other:expr) => {
        match $data {
            $crate::tensor::Data::F32($values) => $crate::tensor::Data::F32($body),
            $crate::tensor::Data::F64($values) => $crate::tensor::Data::F64($body),
            $crate::tensor::Data::I64($values) => $crate::tensor::Data::I64($body),
            $crate::tensor::Data::I32($values) => $crate::tensor::Data::I32($body),
            _ => $other,
        }
    };
}

pub(crate) trait Scalar: Clone + Default + PartialEq + 'static {
    const ELEMENT: Element;

    fn values(data: &Data) -> Option<&[Self]>;

    fn data(values: Vec<Self>) -> Data;
}

macro_rules! scalar {
    ($type:ty, $variant:ident) => {
        impl Scalar for $type {
            const ELEMENT: Element = Element::$variant;

            fn values(data: &Data) -> Option<&[Self]> {
                match data {
                    Data::$variant(values) => Some(values),
                    _ => None,
                }
            }

            fn data(values: Vec<Self>) -> Data {
                Data::$variant(values)
            }
        }
    };
}

scalar!(f32, F32);
scalar!(f64, F64);
scalar!(i64, I64);
scalar!(i32, I32);
scalar!(bool, Bool);
scalar!(Arc<str>, Text);

/// What can be reckoned with. Whole numbers wrap around, as they do in onnxruntime.
pub(crate) trait Number: Scalar + Copy + PartialOrd {
    /// Whether these are whole numbers, which can not be divided by zero.
    const WHOLE: bool;
    const ZERO: Self;
    const ONE: Self;
    /// Below every other number.
    const LOWEST: Self;
    /// Above every other number.
    const HIGHEST: Self;

    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// Whole numbers must not be divided by zero: whoever divides looks for it first. The answer is then zero.
    fn over(self, other: Self) -> Self;
    /// The remainder with the sign of the dividend.
    fn remainder(self, other: Self) -> Self;
    fn absolute(self) -> Self;
    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;

    /// What is not a number is neither below nor above any, and stays.
    fn lesser(self, other: Self) -> Self {
        if self < other || self.is_nan() {
            self
        } else {
            other
        }
    }

    fn greater(self, other: Self) -> Self {
        if self > other || self.is_nan() {
            self
        } else {
            other
        }
    }

    #[expect(clippy::eq_op, reason = "this is what makes it not a number")]
    fn is_nan(self) -> bool {
        self != self
    }
}

macro_rules! float {
    ($type:ident) => {
        impl Number for $type {
            const WHOLE: bool = false;
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LOWEST: Self = Self::NEG_INFINITY;
            const HIGHEST: Self = Self::INFINITY;

            fn plus(self, other: Self) -> Self {
                self + other
            }

            fn minus(self, other: Self) -> Self {
                self - other
            }

            fn times(self, other: Self) -> Self {
                self * other
            }

            fn over(self, other: Self) -> Self {
                self / other
            }

            fn remainder(self, other: Self) -> Self {
                self % other
            }

            fn absolute(self) -> Self {
                self.abs()
            }

            fn from_f64(value: f64) -> Self {
                value as Self
            }

            fn to_f64(self) -> f64 {
                f64::from(self)
            }
        }
    };
}

macro_rules! whole {
    ($type:ident, $wide:expr) => {
        impl Number for $type {
            const WHOLE: bool = true;
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LOWEST: Self = Self::MIN;
            const HIGHEST: Self = Self::MAX;

            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            fn over(self, other: Self) -> Self {
                if other == 0 {
                    0
                } else {
                    self.wrapping_div(other)
                }
            }

            fn remainder(self, other: Self) -> Self {
                if other == 0 {
                    0
                } else {
                    self.wrapping_rem(other)
                }
            }

            fn absolute(self) -> Self {
                self.wrapping_abs()
            }

            fn from_f64(value: f64) -> Self {
                value as Self
            }

            fn to_f64(self) -> f64 {
                ($wide)(self)
            }
        }
    };
}

float!(f32);
float!(f64);
whole!(i64, |value| value as f64);
whole!(i32, f64::from);
