//! A trained model as data: the artifact file, and predictions from it. No I/O, no async, and loading runs no code.
//!
//! [`Artifact`] is what training makes; [`encode`] and [`decode`] turn it into the bytes of a file and back.
//! [`Predictor`] is an artifact prepared for speed: [`check_row`] turns a request's row into values in the
//! signature's order, [`Predictor::predict`] turns those into a number, or into a probability for each class.

mod artifact;
mod codec;
mod predictor;
mod row;

pub use artifact::{
    Artifact, ArtifactError, Body, Classifier, Linear, Link, Node, Score, Split, Test, Transform,
    Tree, Trees,
};
pub use codec::{FORMAT_VERSION, MAX_BYTES, decode, encode};
pub use predictor::{OTHER, PredictError, Predictor, Value, label};
pub use row::{check_row, check_value, input_names};
