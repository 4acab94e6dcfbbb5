#[macro_use]
mod elements;

use std::fmt;
use std::sync::Arc;

pub(crate) use elements::{Number, Scalar};

/// What a model takes or gives under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub element: Element,
    /// `None` is a free dimension, such as the number of rows. An output of which the file does not say the shape has
    /// one free dimension here, and may have others when it comes.
    pub shape: Vec<Option<usize>>,
}

/// What a tensor consists of. Whole numbers of 8 and 16 bits are held as those of 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    F32,
    F64,
    I64,
    I32,
    Bool,
    Text,
}

impl fmt::Display for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::F32 => "float",
            Self::F64 => "double",
            Self::I64 => "int64",
            Self::I32 => "int32",
            Self::Bool => "bool",
            Self::Text => "string",
        })
    }
}

/// Elements in row-major order: as many as the product of the shape's dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Data,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    Bool(Vec<bool>),
    Text(Vec<Arc<str>>),
}

impl Data {
    pub fn element(&self) -> Element {
        match self {
            Self::F32(_) => Element::F32,
            Self::F64(_) => Element::F64,
            Self::I64(_) => Element::I64,
            Self::I32(_) => Element::I32,
            Self::Bool(_) => Element::Bool,
            Self::Text(_) => Element::Text,
        }
    }

    pub fn len(&self) -> usize {
        each!(self, |values| values.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Tensor {
    pub(crate) fn new<T: Scalar>(shape: Vec<usize>, values: Vec<T>) -> Self {
        Self {
            shape,
            data: T::data(values),
        }
    }

    /// A list.
    pub(crate) fn list<T: Scalar>(values: Vec<T>) -> Self {
        Self::new(vec![values.len()], values)
    }

    pub(crate) fn scalar<T: Scalar>(value: T) -> Self {
        Self::new(Vec::new(), vec![value])
    }

    pub(crate) fn rank(&self) -> usize {
        self.shape.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    pub(crate) fn element(&self) -> Element {
        self.data.element()
    }

    /// The elements, if they are of this type.
    pub(crate) fn values<T: Scalar>(&self) -> Option<&[T]> {
        T::values(&self.data)
    }

    /// As a table for the operators that take rows of features: how many rows, and how many features each. A list is one row.
    pub(crate) fn table(&self) -> Option<(usize, usize)> {
        match self.shape[..] {
            [features] => Some((1, features)),
            [rows, features] => Some((rows, features)),
            _ => None,
        }
    }
}
