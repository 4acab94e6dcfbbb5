//! Tables of features, and the labels of classes.

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::{Fault, Refused};
use crate::graph::Call;
use crate::ops::takes;
use crate::read::Node;
use crate::tensor::{Data, Tensor};

/// The first input as rows of features in single precision, as most operators of this set see them.
pub(super) fn singles<'a>(call: &'a Call<'_>) -> Result<(Cow<'a, [f32]>, usize, usize), Fault> {
    let tensor = call.get(0)?;
    let (rows, features) = table(tensor)?;
    let values = match &tensor.data {
        Data::F32(values) => Cow::Borrowed(&values[..]),
        Data::F64(values) => values.iter().map(|&value| value as f32).collect(),
        Data::I64(values) => values.iter().map(|&value| value as f32).collect(),
        Data::I32(values) => values.iter().map(|&value| value as f32).collect(),
        other => return Err(takes("numbers", other.element())),
    };
    Ok((values, rows, features))
}

pub(super) fn table(tensor: &Tensor) -> Result<(usize, usize), Fault> {
    tensor.table().ok_or_else(|| {
        format!(
            "takes rows of features, but got the shape {:?}",
            tensor.shape
        )
        .into()
    })
}

/// What classes are called.
#[derive(Debug)]
pub(super) enum Labels {
    Texts(Vec<Arc<str>>),
    Numbers(Vec<i64>),
}

impl Labels {
    /// The labels of a classifier, of which numbers are in the attribute `numbers`.
    pub(super) fn of(node: &Node<'_>, numbers: &str) -> Result<Self, Refused> {
        if let Some(texts) = node.texts("classlabels_strings")?
            && !texts.is_empty()
        {
            return Ok(Self::Texts(texts.into_iter().map(Arc::from).collect()));
        }
        match node.ints(numbers)? {
            Some(labels) if !labels.is_empty() => Ok(Self::Numbers(labels.to_vec())),
            _ => Err(node.refuse("does not say its classes")),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// A label for each row, given by its place among the labels.
    pub(super) fn chosen(&self, places: &[usize]) -> Data {
        match self {
            Self::Texts(texts) => Data::Text(
                places
                    .iter()
                    .map(|&place| texts.get(place).cloned().unwrap_or_default())
                    .collect(),
            ),
            Self::Numbers(numbers) => Data::I64(
                places
                    .iter()
                    .map(|&place| numbers.get(place).copied().unwrap_or_default())
                    .collect(),
            ),
        }
    }
}
