mod blend;
mod classifier;
mod densities;
mod explain;
mod forest;
mod linear;
mod member;
mod neighbours;
mod observe;
mod onnx;
mod prepared;
mod remote;

use std::collections::HashMap;

use domain::datasets::ColumnType;
use domain::dates;
use domain::models::Signature;

use crate::artifact::{Artifact, Body};
use blend::Blended;
use classifier::Scores;
use explain::Explainer;
use forest::Forest;
use linear::Terms;
use neighbours::Remembered;
use onnx::Graph;
use prepared::PreparedModel;
use remote::Elsewhere;

pub use classifier::label;
pub use explain::{Explanation, NotExplainable};
pub use member::Member;
pub use observe::Observer;
pub use onnx::{Feed, FeedError};
pub use prepared::signed_log1p;

/// The index of a category that the signature does not name.
pub const OTHER: u32 = u32::MAX;

/// One input's value, ready for [`Predictor::predict`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Missing,
    Number(f64),
    /// An index into the signature's categories, or [`OTHER`].
    Category(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PredictError {
    /// The model's own fault: its coefficients make something of this row that is no number.
    #[error(
        "the prediction is not a finite number: the inputs or the model's coefficients are too large"
    )]
    NotFinite,
    #[error("the row has {got} values, but the model takes {expected}")]
    WrongLength { expected: usize, got: usize },
    #[error("the value of input {slot} is of another kind than the input")]
    WrongKind { slot: usize },
    #[error("there is room for {room} numbers, but the model gives {width}")]
    WrongWidth { width: usize, room: usize },
    #[error("the graph of the imported model can not compute this row")]
    NotComputed,
    #[error("the model is computed by another engine")]
    Elsewhere,
    #[error("the model can not be explained: {0}")]
    NotExplainable(#[from] NotExplainable),
}

/// A model prepared for speed: a row takes no allocation and no recursion, unless it is imported.
#[derive(Clone, Debug)]
pub struct Predictor {
    signature: Signature,
    kernel: Kernel,
    explainer: Result<Explainer, NotExplainable>,
    members: Vec<Member>,
    slots: HashMap<String, usize>,
    categories: Vec<Categories>,
}

#[derive(Clone, Debug)]
enum Kernel {
    Linear(Terms),
    /// The logarithm of the prediction.
    Exponential(Terms),
    Forest(Forest),
    Classifier(Scores),
    Neighbours(Box<Remembered>),
    Graph(Graph),
    Remote(Elsewhere),
    Blend(Blended),
    Prepared(Box<PreparedModel>),
}

/// Few categories are found faster by comparing than by hashing.
#[derive(Clone, Debug)]
enum Categories {
    None,
    Few,
    Many(HashMap<String, u32>),
    /// None: the text is a date.
    Dates,
}

const FEW: usize = 12;
/// What a text that is no date is read as, to be refused.
const NO_DATE: f64 = f64::NAN;
/// So many steps through trees take some microseconds: about what it takes to hand a row to another thread.
const MANY_STEPS: usize = 1_000;
/// So many remembered values take as long, of which most are passed over.
const MANY_VALUES: usize = 50_000;

impl Predictor {
    /// The artifact must have passed [`Artifact::check`], as every decoded one has.
    #[must_use]
    pub fn new(artifact: &Artifact) -> Self {
        let kernel = match &artifact.body {
            Body::Linear(linear) => Kernel::Linear(Terms::new(linear)),
            Body::Exponential(linear) => Kernel::Exponential(Terms::new(linear)),
            Body::Trees(trees) => Kernel::Forest(Forest::new(trees, &artifact.signature.inputs)),
            Body::Classifier(classifier) => {
                Kernel::Classifier(Scores::new(classifier, &artifact.signature))
            }
            Body::Neighbours(neighbours) => {
                let remembered = Remembered::new(neighbours, &artifact.signature);
                Kernel::Neighbours(Box::new(remembered))
            }
            Body::Onnx(onnx) => Kernel::Graph(Graph::new(onnx, &artifact.signature)),
            Body::Remote(remote) => Kernel::Remote(Elsewhere::new(remote, &artifact.signature)),
            Body::Blend(blend) => Kernel::Blend(Blended::new(blend, artifact)),
            Body::Prepared(prepared) => {
                Kernel::Prepared(Box::new(PreparedModel::new(prepared, artifact)))
            }
        };
        let inputs = &artifact.signature.inputs;
        Self {
            explainer: Explainer::new(artifact, &kernel),
            kernel,
            members: inputs.iter().map(Member::new).collect(),
            slots: inputs
                .iter()
                .enumerate()
                .map(|(slot, input)| (input.name.clone(), slot))
                .collect(),
            categories: inputs
                .iter()
                .map(|input| match input.categories.as_deref() {
                    None if input.format.is_some() => Categories::Dates,
                    None => Categories::None,
                    Some(categories) if categories.len() <= FEW => Categories::Few,
                    Some(categories) => Categories::Many(
                        (0..)
                            .zip(categories)
                            .map(|(index, name)| (name.clone(), index))
                            .collect(),
                    ),
                })
                .collect(),
            signature: artifact.signature.clone(),
        }
    }

    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// How many inputs the model takes.
    pub fn len(&self) -> usize {
        self.signature.inputs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.signature.inputs.is_empty()
    }

    /// Where in a row the input of this name stands.
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.slots.get(name).copied()
    }

    /// As [`Self::slot`], looking at `expected` first: callers mostly send the inputs in the same order.
    #[inline]
    pub fn slot_near(&self, expected: usize, name: &str) -> Option<usize> {
        match self.signature.inputs.get(expected) {
            Some(input) if input.name == name => Some(expected),
            _ => self.slot(name),
        }
    }

    #[inline]
    pub fn member(&self, slot: usize) -> Option<&Member> {
        self.members.get(slot)
    }

    pub fn kind(&self, slot: usize) -> Option<ColumnType> {
        self.signature.inputs.get(slot).map(|input| input.kind)
    }

    /// Whether this input may be missing.
    pub fn nullable(&self, slot: usize) -> bool {
        self.signature
            .inputs
            .get(slot)
            .is_some_and(|input| input.nullable)
    }

    /// The value of a category's name: a name that training did not see is "other". Of an input of dates, the moment; one that is none
    /// [`Self::takes`] refuses.
    pub fn category(&self, slot: usize, name: &str) -> Value {
        let index = match self.categories.get(slot) {
            Some(Categories::Few) => self.signature.inputs[slot]
                .categories
                .as_deref()
                .and_then(|categories| categories.iter().position(|category| category == name))
                .map(|index| index as u32),
            Some(Categories::Many(indexes)) => indexes.get(name).copied(),
            Some(Categories::None) | None => None,
            Some(Categories::Dates) => {
                return Value::Number(dates::moment(name).unwrap_or(NO_DATE));
            }
        };
        Value::Category(index.unwrap_or(OTHER))
    }

    /// The value of a boolean input.
    #[must_use]
    pub fn boolean(value: bool) -> Value {
        Value::Category(u32::from(value))
    }

    /// How many numbers a prediction is: 1 of a regressor, of a classifier a probability for each class.
    #[inline]
    pub fn width(&self) -> usize {
        match &self.kernel {
            Kernel::Linear(_) | Kernel::Exponential(_) | Kernel::Forest(_) => 1,
            Kernel::Classifier(scores) => scores.classes(),
            Kernel::Neighbours(remembered) => remembered.width(),
            Kernel::Graph(graph) => graph.width(),
            Kernel::Remote(elsewhere) => elsewhere.width(),
            Kernel::Blend(blend) => blend.width(),
            Kernel::Prepared(prepared) => prepared.model.width(),
        }
    }

    /// Of a classifier, what it tells apart.
    pub fn classes(&self) -> Option<&[String]> {
        self.signature.output.classes.as_deref()
    }

    /// The prediction for one row, with its values in the signature's order: [`Self::width`] numbers, which fill `out`. Those of a
    /// classifier add up to 1.
    ///
    /// # Errors
    /// A result that is not finite, and a row that does not fit the model (which [`crate::check_row`] never makes). What is in
    /// `out` then means nothing.
    #[inline]
    pub fn predict(&self, row: &[Value], out: &mut [f64]) -> Result<(), PredictError> {
        if let Kernel::Classifier(scores) = &self.kernel {
            return scores.predict(row, out);
        }
        if let Kernel::Graph(graph) = &self.kernel {
            return graph.predict(row, out);
        }
        if let Kernel::Neighbours(remembered) = &self.kernel {
            return remembered.predict(row, out);
        }
        if let Kernel::Blend(blend) = &self.kernel {
            return blend.predict(row, out);
        }
        if let Kernel::Prepared(prepared) = &self.kernel {
            return prepared.predict(row, out);
        }
        let room = out.len();
        let [number] = out else {
            return Err(PredictError::WrongWidth { width: 1, room });
        };
        *number = self.number(row)?;
        Ok(())
    }

    /// What a regressor predicts for one row.
    ///
    /// # Errors
    /// As [`Self::predict`], and for a classifier.
    #[inline]
    pub fn number(&self, row: &[Value]) -> Result<f64, PredictError> {
        let sum = match &self.kernel {
            Kernel::Linear(terms) => terms.predict(row)?,
            Kernel::Exponential(terms) => terms.predict(row)?.exp(),
            Kernel::Forest(forest) => forest.predict(row)?,
            Kernel::Classifier(scores) => {
                let width = scores.classes();
                return Err(PredictError::WrongWidth { width, room: 1 });
            }
            Kernel::Graph(graph) => {
                let mut number = [0.0];
                graph.predict(row, &mut number)?;
                number[0]
            }
            Kernel::Neighbours(remembered) => {
                let mut number = [0.0];
                remembered.predict(row, &mut number)?;
                number[0]
            }
            Kernel::Remote(_) => return Err(PredictError::Elsewhere),
            Kernel::Blend(blend) if blend.width() == 1 => blend.number(row)?,
            Kernel::Blend(blend) => {
                let width = blend.width();
                return Err(PredictError::WrongWidth { width, room: 1 });
            }
            Kernel::Prepared(prepared) => return prepared.number(row),
        };
        finite(sum)
    }

    /// Whether many rows at once cost clearly less than the same rows one by one: what is handed to another thread takes
    /// some 10 µs for that alone.
    pub fn gains_from_batches(&self) -> bool {
        match &self.kernel {
            // Less than a microsecond for a row, and no less for the next one.
            Kernel::Linear(_) | Kernel::Exponential(_) | Kernel::Remote(_) => false,
            Kernel::Forest(forest) => forest.steps_of_row() >= MANY_STEPS,
            Kernel::Classifier(scores) => scores.steps_of_row() >= MANY_STEPS,
            Kernel::Neighbours(remembered) => remembered.steps_of_row() >= MANY_VALUES,
            Kernel::Graph(_) => true,
            Kernel::Blend(blend) => blend.gains_from_batches(),
            Kernel::Prepared(prepared) => prepared.model.gains_from_batches(),
        }
    }

    /// What [`Self::predict`] gives for each of many rows, bit for bit, one row behind the other in `out`, which has room for
    /// exactly these. Trees take them together, which is faster.
    pub fn predict_batch<R: AsRef<[Value]>>(
        &self,
        rows: &[R],
        out: &mut [f64],
    ) -> Vec<Result<(), PredictError>> {
        let width = self.width();
        let room = out.len();
        if room != rows.len() * width {
            let room = room.checked_div(rows.len()).unwrap_or(room);
            return vec![Err(PredictError::WrongWidth { width, room }); rows.len()];
        }
        match &self.kernel {
            Kernel::Linear(_) | Kernel::Exponential(_) | Kernel::Neighbours(_) => rows
                .iter()
                .zip(out.chunks_mut(width))
                .map(|(row, out)| self.predict(row.as_ref(), out))
                .collect(),
            Kernel::Forest(forest) => {
                let mut done = vec![Ok(()); rows.len()];
                forest.predict_batch(rows, (1, 0), out, &mut done);
                for (sum, done) in out.iter().zip(&mut done) {
                    *done = done.and_then(|()| finite(*sum).map(drop));
                }
                done
            }
            Kernel::Classifier(scores) => scores.predict_batch(rows, out),
            Kernel::Graph(graph) => graph.predict_batch(rows, out),
            Kernel::Remote(_) => vec![Err(PredictError::Elsewhere); rows.len()],
            Kernel::Blend(blend) => blend.predict_batch(rows, out),
            Kernel::Prepared(prepared) => prepared.predict_batch(rows, out),
        }
    }
}

#[inline]
fn finite(sum: f64) -> Result<f64, PredictError> {
    if sum.is_finite() {
        Ok(sum)
    } else {
        Err(PredictError::NotFinite)
    }
}
