//! ONNX files of tabular and vector models: read, checked and run. No I/O, no async, and loading runs no code.
//!
//! [`Model::read`] decodes a file, refuses what it can not answer for, and plans; [`Model::run`] takes a tensor for each
//! of [`Model::inputs`] and gives one for each of [`Model::outputs`], with a row of the table for each index of their
//! first dimension. Numbers are computed as onnxruntime computes them, in the type that the file says. [`Draft`] writes files.

#[macro_use]
mod tensor;

mod error;
mod graph;
mod ml;
mod model;
mod ops;
mod proto;
mod read;
mod shape;
mod texts;
mod write;

pub use error::{Refused, RunError};
pub use model::Model;
pub use tensor::{Data, Element, Field, Tensor};
pub use texts::texts;
pub use write::{Draft, Op, Origin, Wire};
