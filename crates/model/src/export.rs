//! A model as a standard ONNX file, with the preparation of its inputs, that predicts as [`crate::Predictor`] does.
//!
//! Each input of the signature is an input `[rows, 1]` of the graph: a text as a string, anything else as a double. NaN stands for a
//! missing number or boolean, the empty text for a missing text.

mod columns;
mod link;
mod neighbours;
mod terms;
mod trees;

use std::borrow::Cow;
use std::mem;

use domain::datasets::ColumnType;
use domain::models::InputField;
use onnx::{Data, Draft, Element, Field, Op, Origin, Tensor, Wire};

use crate::artifact::{Artifact, Blend, Body, Classifier, Density, Linear, Score};
use columns::Column;
use terms::Terms;

/// Stands in the file for a missing text.
const MISSING_TEXT: &str = "";

/// Why there is no ONNX file of a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotExportable {
    #[error("it takes no inputs, and a graph has some")]
    NoInputs,
    #[error(
        "the input {0:?} may be missing, which a file says with the empty text, and the empty text is one of its categories: replace it by another text in the table, and train again"
    )]
    EmptyText(String),
    #[error("the input {0:?} is a date or a time, and a graph has nothing that reads one")]
    Dated(String),
    #[error("another engine computes it: the file is there")]
    Remote,
}

impl Artifact {
    /// The file. The same artifact gives the same bytes; that of an imported model are the ones that were imported.
    ///
    /// # Errors
    /// Why there is none.
    pub fn to_onnx(&self) -> Result<Cow<'_, [u8]>, NotExportable> {
        if let Body::Onnx(onnx) = &self.body {
            return Ok(Cow::Borrowed(onnx.file()));
        }
        let inputs = &self.signature.inputs;
        if inputs.is_empty() {
            return Err(NotExportable::NoInputs);
        }
        if let Some(input) = inputs.iter().find(|input| input.format.is_some()) {
            return Err(NotExportable::Dated(input.name.clone()));
        }
        let is_ambiguous = |input: &&InputField| {
            let mut categories = input.categories.iter().flatten();
            input.nullable && categories.any(|category| category == MISSING_TEXT)
        };
        if let Some(input) = inputs.iter().find(is_ambiguous) {
            return Err(NotExportable::EmptyText(input.name.clone()));
        }
        let fields: Vec<Field> = inputs.iter().map(field).collect();
        let draft = Draft::new(&fields);
        let wires = draft.inputs();
        let columns = inputs.iter().zip(&wires);
        let mut graph = Graph {
            fields: inputs,
            columns: columns
                .map(|(field, wire)| Column::of(field, wire))
                .collect(),
            inputs: wires,
            draft,
        };
        let classes = self.signature.output.classes.as_deref();
        let answer = graph.body(&self.body, classes)?;
        match classes {
            None => {
                let draft = &mut graph.draft;
                draft.output(&answer, "prediction", Element::F64, Some(1));
            }
            Some(classes) => graph.classes(&answer, classes),
        }
        let origin = Origin {
            producer: "volary",
            version: env!("CARGO_PKG_VERSION"),
            facts: &[("volary.algorithm", self.algorithm.as_str())],
        };
        Ok(Cow::Owned(graph.draft.finish(&origin)))
    }
}

/// An input as the graph has it.
fn field(input: &InputField) -> Field {
    Field {
        name: input.name.clone(),
        element: match input.kind {
            ColumnType::Float | ColumnType::Integer | ColumnType::Boolean => Element::F64,
            ColumnType::String => Element::Text,
        },
        shape: vec![None, Some(1)],
    }
}

/// What is written, and what the body that is written takes.
struct Graph<'a> {
    draft: Draft,
    fields: &'a [InputField],
    inputs: Vec<Wire>,
    columns: Vec<Column>,
}

impl Graph<'_> {
    /// A number for each row, or the probabilities of the classes.
    fn body(&mut self, body: &Body, classes: Option<&[String]>) -> Result<Wire, NotExportable> {
        Ok(match body {
            Body::Linear(linear) => self.terms(Terms::linear(&[linear])),
            Body::Exponential(linear) => {
                let sum = self.terms(Terms::linear(&[linear]));
                self.draft.add(Op::new("Exp"), &[&sum])
            }
            Body::Trees(trees) => self.trees(&[trees]),
            Body::Classifier(classifier) => {
                let scores = self.scores(classifier);
                let classes = classes.map_or(0, <[String]>::len);
                self.link(classifier.link, &scores, classes)
            }
            Body::Neighbours(neighbours) => {
                let classes = classes.map_or(0, <[String]>::len);
                self.neighbours(neighbours, classes)
            }
            Body::Blend(blend) => self.blend(blend, classes)?,
            Body::Prepared(prepared) => {
                let made = self.made(prepared)?;
                let inputs = mem::replace(&mut self.columns, made);
                let answer = self.body(&prepared.body, classes)?;
                self.columns = inputs;
                answer
            }
            // An imported model is no part of another one.
            Body::Onnx(_) | Body::Remote(_) => return Err(NotExportable::Remote),
        })
    }

    /// `[rows, scores]`: those of one kind behind each other are computed together.
    fn scores(&mut self, classifier: &Classifier) -> Wire {
        let mut parts = Vec::new();
        for alike in classifier.scores.chunk_by(are_alike) {
            let (mut linear, mut trees, mut densities) = (Vec::new(), Vec::new(), Vec::new());
            for score in alike {
                match score {
                    Score::Linear(score) => linear.push(score),
                    Score::Trees(score) => trees.push(score),
                    Score::Densities(score) => densities.push(score),
                }
            }
            parts.push(if !linear.is_empty() {
                self.terms(Terms::linear(&linear))
            } else if !trees.is_empty() {
                self.trees(&trees)
            } else {
                self.terms(Terms::densities(&densities))
            });
        }
        self.beside(parts)
    }

    /// What its members say together: see [`Blend`].
    fn blend(&mut self, blend: &Blend, classes: Option<&[String]>) -> Result<Wire, NotExportable> {
        /// A class is never taken to be less likely than that.
        const LEAST: f64 = 1e-15;
        let mut sum: Option<Wire> = None;
        for member in &blend.members {
            let mut said = self.body(&member.body, classes)?;
            if classes.is_some() {
                let least = self.number(LEAST);
                let likely = self.draft.add(Op::new("Max"), &[&said, &least]);
                said = self.draft.add(Op::new("Log"), &[&likely]);
            }
            let weight = self.number(member.weight);
            let weighed = self.draft.add(Op::new("Mul"), &[&said, &weight]);
            sum = Some(match sum {
                None => weighed,
                Some(sum) => self.draft.add(Op::new("Add"), &[&sum, &weighed]),
            });
        }
        let sum = sum.unwrap_or_else(|| self.number(0.0));
        Ok(if classes.is_some() {
            self.draft.add(Op::new("Softmax").int("axis", 1), &[&sum])
        } else {
            sum
        })
    }

    /// Columns side by side.
    fn beside(&mut self, mut columns: Vec<Wire>) -> Wire {
        if columns.len() == 1 {
            columns.remove(0)
        } else {
            let columns: Vec<&Wire> = columns.iter().collect();
            self.draft.add(Op::new("Concat").int("axis", 1), &columns)
        }
    }

    fn number(&mut self, number: f64) -> Wire {
        self.numbers(&[], vec![number])
    }

    fn numbers(&mut self, shape: &[usize], numbers: Vec<f64>) -> Wire {
        self.draft.constant(&Tensor {
            shape: shape.to_vec(),
            data: Data::F64(numbers),
        })
    }

    fn wholes(&mut self, shape: &[usize], wholes: Vec<i64>) -> Wire {
        self.draft.constant(&Tensor {
            shape: shape.to_vec(),
            data: Data::I64(wholes),
        })
    }
}

fn are_alike(left: &Score, right: &Score) -> bool {
    match (left, right) {
        (Score::Linear(_), Score::Linear(_)) | (Score::Trees(_), Score::Trees(_)) => true,
        (Score::Densities(left), Score::Densities(right)) => {
            let cuts = |density: &Density| match density {
                Density::Ranges { cuts, .. } => Some(cuts.clone()),
                Density::Categorical { .. } => None,
            };
            let mut pairs = left.terms.iter().zip(&right.terms);
            pairs.all(|(left, right)| cuts(left) == cuts(right))
        }
        _ => false,
    }
}
