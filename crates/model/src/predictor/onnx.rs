//! Rows through the graph of an imported model.

use std::fmt;
use std::sync::Arc;

use ::onnx::{Data, Element, Model, RunError, Tensor};
use domain::datasets::ColumnType;
use domain::dates;
use domain::models::{InputField, Signature};

use super::{Kernel, OTHER, PredictError, Predictor, Value, finite};
use crate::artifact::{Answer, OTHER_TEXT, Onnx};

/// Rows that go through the graph at once, which bounds what they take in memory.
const AT_ONCE: usize = 1024;

/// Makes a graph's inputs of rows.
#[derive(Clone)]
pub struct Feed {
    model: Model,
    inputs: Box<[Input]>,
    /// Values in a row.
    width: usize,
}

/// One input of the graph.
#[derive(Clone)]
struct Input {
    element: Element,
    /// `[rows, columns]`, else `[rows]`.
    is_matrix: bool,
    columns: Box<[Column]>,
}

/// One input of the signature.
#[derive(Clone)]
struct Column {
    is_boolean: bool,
    /// Its categories.
    texts: Box<[Arc<str>]>,
}

/// Why a graph gave nothing for rows.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FeedError {
    #[error(transparent)]
    Row(#[from] PredictError),
    #[error("{0}")]
    Run(RunError),
}

impl Feed {
    /// For inputs that are wired so: see [`crate::Wiring::columns`].
    #[must_use]
    pub fn new(model: &Model, columns: &[usize], inputs: &[InputField]) -> Self {
        let mut rest = inputs.iter();
        let graph = model.inputs().iter().zip(columns);
        let graph = graph.map(|(field, &columns)| Input {
            element: field.element,
            is_matrix: field.shape.len() > 1,
            columns: rest.by_ref().take(columns).map(Column::of).collect(),
        });
        Self {
            inputs: graph.collect(),
            model: model.clone(),
            width: inputs.len(),
        }
    }

    /// What the graph gives for these rows: its outputs, in their order.
    ///
    /// # Errors
    /// A row that does not fit the inputs, or that the graph can not compute.
    pub fn run<R: AsRef<[Value]>>(&self, rows: &[R]) -> Result<Vec<Tensor>, FeedError> {
        let expected = self.width;
        if let Some(row) = rows.iter().find(|row| row.as_ref().len() != expected) {
            let got = row.as_ref().len();
            return Err(PredictError::WrongLength { expected, got }.into());
        }
        let mut tensors = Vec::with_capacity(self.inputs.len());
        let mut first = 0;
        for input in &self.inputs {
            tensors.push(input.tensor(rows, first)?);
            first += input.columns.len();
        }
        self.model.run(tensors).map_err(FeedError::Run)
    }
}

impl Input {
    /// Its columns begin at `first`.
    fn tensor<R: AsRef<[Value]>>(&self, rows: &[R], first: usize) -> Result<Tensor, PredictError> {
        let columns = &self.columns;
        let data = match self.element {
            Element::F32 => Data::F32(cells(rows, first, columns, |column, value| {
                column.number(value).map(|number| number as f32)
            })?),
            Element::F64 => Data::F64(cells(rows, first, columns, Column::number)?),
            Element::I64 => Data::I64(cells(rows, first, columns, |column, value| {
                column.given(value).map(|number| number as i64)
            })?),
            Element::I32 => Data::I32(cells(rows, first, columns, |column, value| {
                column.given(value).map(|number| number as i32)
            })?),
            Element::Bool => Data::Bool(cells(rows, first, columns, |column, value| {
                column.given(value).map(|number| number > 0.0)
            })?),
            Element::Text => {
                let (empty, other) = (Arc::from(""), Arc::from(OTHER_TEXT));
                Data::Text(cells(rows, first, columns, |column, value| match value {
                    Value::Missing => Some(Arc::clone(&empty)),
                    Value::Category(OTHER) => Some(Arc::clone(&other)),
                    Value::Category(index) => column.texts.get(index as usize).cloned(),
                    Value::Number(_) => None,
                })?)
            }
        };
        let mut shape = vec![rows.len()];
        if self.is_matrix {
            shape.push(columns.len());
        }
        Ok(Tensor { shape, data })
    }
}

/// Row by row, what `cell` makes of the values in these columns, the first of which stands at `first`.
fn cells<R: AsRef<[Value]>, T>(
    rows: &[R],
    first: usize,
    columns: &[Column],
    cell: impl Fn(&Column, Value) -> Option<T>,
) -> Result<Vec<T>, PredictError> {
    let mut cells = Vec::with_capacity(rows.len() * columns.len());
    for row in rows {
        let values = row.as_ref().iter().skip(first);
        for (place, (column, &value)) in columns.iter().zip(values).enumerate() {
            let slot = first + place;
            cells.push(cell(column, value).ok_or(PredictError::WrongKind { slot })?);
        }
    }
    Ok(cells)
}

impl Column {
    fn of(input: &InputField) -> Self {
        let texts = match input.kind {
            ColumnType::String => input.categories.as_deref().unwrap_or_default(),
            _ => &[],
        };
        Self {
            is_boolean: input.kind == ColumnType::Boolean,
            texts: texts.iter().map(|text| Arc::from(text.as_str())).collect(),
        }
    }

    /// The number that a value is; NaN for a missing one.
    fn number(&self, value: Value) -> Option<f64> {
        match value {
            Value::Missing => Some(f64::NAN),
            Value::Number(number) if !self.is_boolean => Some(number),
            Value::Category(index @ (0 | 1)) if self.is_boolean => Some(f64::from(index)),
            Value::Number(_) | Value::Category(_) => None,
        }
    }

    /// The number that a value is, which is not missing.
    fn given(&self, value: Value) -> Option<f64> {
        self.number(value).filter(|number| !number.is_nan())
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Feed")
            .field("width", &self.width)
            .finish_non_exhaustive()
    }
}

/// An imported model, prepared for rows.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    feed: Feed,
    answer: Answer,
    together: bool,
    /// Numbers in a prediction.
    width: usize,
    takes: Box<[Takes]>,
}

/// What an input takes of the values of its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Takes {
    All,
    /// Numbers up to what 32 bits hold.
    SmallFloats,
    SmallWholes,
    /// Texts that the signature names.
    Categories,
}

impl Graph {
    pub(super) fn new(onnx: &Onnx, signature: &Signature) -> Self {
        let (model, wiring) = (onnx.model(), onnx.wiring());
        let fields = model.inputs().iter().zip(&wiring.columns);
        let mut takes: Vec<_> = fields
            .flat_map(|(field, &columns)| {
                let takes = match field.element {
                    Element::F32 => Takes::SmallFloats,
                    Element::I32 => Takes::SmallWholes,
                    Element::F64 | Element::I64 | Element::Bool | Element::Text => Takes::All,
                };
                std::iter::repeat_n(takes, columns)
            })
            .collect();
        for &place in &wiring.closed {
            if let Some(takes) = takes.get_mut(place) {
                *takes = Takes::Categories;
            }
        }
        Self {
            feed: Feed::new(model, &wiring.columns, &signature.inputs),
            answer: wiring.answer,
            together: wiring.together,
            width: signature.output.classes.as_ref().map_or(1, Vec::len),
            takes: takes.into(),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn predict(&self, row: &[Value], out: &mut [f64]) -> Result<(), PredictError> {
        let (width, room) = (self.width, out.len());
        if width != room {
            return Err(PredictError::WrongWidth { width, room });
        }
        self.compute(&[row], out)?;
        all_finite(out)
    }

    /// `out` has room for exactly these rows.
    pub(super) fn predict_batch<R: AsRef<[Value]>>(
        &self,
        rows: &[R],
        out: &mut [f64],
    ) -> Vec<Result<(), PredictError>> {
        let mut done = Vec::with_capacity(rows.len());
        let outs = out.chunks_mut(AT_ONCE * self.width);
        for (rows, out) in rows.chunks(AT_ONCE).zip(outs) {
            if self.together && rows.len() > 1 && self.compute(rows, out).is_ok() {
                done.extend(out.chunks(self.width).map(all_finite));
                continue;
            }
            // One row that the graph can not compute fails alone.
            let outs = out.chunks_mut(self.width);
            done.extend(
                rows.iter()
                    .zip(outs)
                    .map(|(row, out)| self.predict(row.as_ref(), out)),
            );
        }
        done
    }

    /// `out` has room for exactly these rows.
    fn compute<R: AsRef<[Value]>>(&self, rows: &[R], out: &mut [f64]) -> Result<(), PredictError> {
        let outputs = self.feed.run(rows).map_err(|error| match error {
            FeedError::Row(error) => error,
            FeedError::Run(_) => PredictError::NotComputed,
        })?;
        let answer = outputs.get(self.answer.output());
        let answer = answer.ok_or(PredictError::NotComputed)?;
        match self.answer {
            Answer::Number { .. } | Answer::Probabilities { .. } => copy(&answer.data, out),
            Answer::Probability { .. } => {
                let mut second = vec![0.0; rows.len()];
                copy(&answer.data, &mut second)?;
                for (out, second) in out.chunks_mut(2).zip(second) {
                    out.copy_from_slice(&[1.0 - second, second]);
                }
                Ok(())
            }
        }
    }
}

/// Whether all that a prediction consists of are finite numbers.
fn all_finite(numbers: &[f64]) -> Result<(), PredictError> {
    numbers
        .iter()
        .try_for_each(|number| finite(*number).map(drop))
}

/// The numbers of a tensor, if there are as many as there is room for.
fn copy(data: &Data, out: &mut [f64]) -> Result<(), PredictError> {
    fn all<T: Copy>(
        from: &[T],
        out: &mut [f64],
        to: impl Fn(T) -> f64,
    ) -> Result<(), PredictError> {
        if from.len() != out.len() {
            return Err(PredictError::NotComputed);
        }
        for (out, from) in out.iter_mut().zip(from) {
            *out = to(*from);
        }
        Ok(())
    }
    match data {
        Data::F32(numbers) => all(numbers, out, f64::from),
        Data::F64(numbers) => all(numbers, out, |number| number),
        Data::I64(numbers) => all(numbers, out, |number| number as f64),
        Data::I32(numbers) => all(numbers, out, f64::from),
        Data::Bool(_) | Data::Text(_) => Err(PredictError::NotComputed),
    }
}

impl Predictor {
    /// Whether an input takes this value of its kind: an imported graph may have no room for a number as large, and no answer
    /// for a text that it does not know.
    #[inline]
    pub fn takes(&self, slot: usize, value: Value) -> bool {
        let graph = match &self.kernel {
            Kernel::Graph(graph) => graph,
            Kernel::Remote(elsewhere) => return elsewhere.takes(slot, value),
            Kernel::Prepared(_) => {
                return !matches!(value, Value::Number(number) if number.is_nan());
            }
            _ => return true,
        };
        match (graph.takes.get(slot), value) {
            (Some(Takes::SmallFloats), Value::Number(number)) => {
                number.abs() <= f64::from(f32::MAX)
            }
            (Some(Takes::SmallWholes), Value::Number(number)) => {
                (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number)
            }
            (Some(Takes::Categories), Value::Category(index)) => index != OTHER,
            _ => true,
        }
    }

    /// Why an input does not take this value: the code of a [`domain::FieldError`], and what would have been right.
    pub fn refusal(&self, slot: usize, value: Value) -> Option<(&'static str, String)> {
        const SHOWN: usize = 20;
        if self.takes(slot, value) {
            return None;
        }
        let input = self.signature.inputs.get(slot)?;
        if let Kernel::Remote(elsewhere) = &self.kernel {
            return Some(elsewhere.refusal(slot, input.kind));
        }
        if input.format.is_some() {
            return Some(("invalid", dates::EXPECTED.to_owned()));
        }
        let expected = match (value, input.kind) {
            (Value::Category(_), _) => {
                let categories = input.categories.as_deref().unwrap_or_default();
                let shown = categories.iter().take(SHOWN);
                let shown: Vec<_> = shown.map(|category| format!("{category:?}")).collect();
                let more = match categories.len().saturating_sub(SHOWN) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                return Some(("invalid", format!("one of {}{more}", shown.join(", "))));
            }
            (_, ColumnType::Integer) => "a whole number that fits 32 bits",
            _ => "a number that fits 32 bits, so at most 3.4e38",
        };
        Some(("out_of_range", expected.to_owned()))
    }
}
