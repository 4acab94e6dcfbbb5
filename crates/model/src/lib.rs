//! A trained model as data: the artifact file, and predictions from it. No I/O, no async, and loading runs no code.
//!
//! [`Artifact`] is what training makes; [`encode`] and [`decode`] turn it into the bytes of a file and back.
//! [`Predictor`] is an artifact prepared for speed: [`check_row`] turns a request's row into values in the
//! signature's order, [`Predictor::predict`] turns those into a number, or into a probability for each class.
//! [`Predictor::explain`] says what each of them adds to that.

mod artifact;
mod codec;
mod datatype;
mod export;
mod predictor;
mod row;

pub use artifact::{
    Answer, Artifact, ArtifactError, Axis, Background, Blend, BlendMember, Body, Classifier,
    Densities, Density, Linear, Link, MAX_MEMBERS, MAX_REMEMBERED, MAX_TREES, Neighbours, Node,
    Onnx, Prepared, PreparedColumn, Reference, Remote, RemoteAnswer, RemoteTensor, Score, Split,
    Step, Targets, Test, Transform, Tree, Trees, Weights, Wiring, can_be_missing, suits,
};
pub use codec::{FORMAT_VERSION, MAX_BYTES, decode, encode};
pub use datatype::Datatype;
pub use export::NotExportable;
pub use predictor::{
    Explanation, Feed, FeedError, Member, NotExplainable, OTHER, Observer, PredictError, Predictor,
    Value, label, signed_log1p,
};
pub use row::{check_row, check_value, input_names};
