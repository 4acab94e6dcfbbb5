//! The shapes in which clients send inputs and are answered.

pub mod invocations;
pub mod native;
pub mod oip;

use domain::FieldError;
use domain::predictions::Route;
use model::Predictor;

use crate::predictions::Predictions;
use crate::request::Rows;
use crate::versions::Version;

pub use invocations::Invocations;
pub use native::Native;
pub use oip::{Oip, Protobuf};

/// One of these shapes.
pub trait Dialect {
    /// What a body asks of its answer, besides the predictions.
    type Asked: Send;

    /// Reads and checks a body.
    ///
    /// # Errors
    /// What is wrong with it, field by field.
    fn read(
        &self,
        predictor: &Predictor,
        body: &[u8],
    ) -> Result<(Rows, Self::Asked), Vec<FieldError>>;

    /// # Errors
    /// None with finite predictions.
    fn write(&self, asked: &Self::Asked, predicted: &Predicted<'_>) -> serde_json::Result<Written>;

    /// The inputs of a body that was read, as JSON, for the log. `None` leaves the request out of it.
    fn inputs(&self, predictor: &Predictor, body: &[u8]) -> Option<Vec<u8>>;
}

/// An answer in this shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub body: Vec<u8>,
    /// How many of its bytes are JSON, when binary data follows them.
    pub json_length: Option<usize>,
}

/// What a version made of a request.
#[derive(Clone, Copy, Debug)]
pub struct Predicted<'a> {
    pub predictions: Predictions<'a>,
    pub version: &'a Version,
    pub route: Route,
    pub request_id: &'a str,
}
