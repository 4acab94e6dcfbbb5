//! The shapes in which clients send inputs and are answered.

pub mod explained;
pub mod invocations;
pub mod native;
pub mod oip;

use domain::predictions::Route;
use domain::{Error, FieldError};
use model::Predictor;

use crate::predictions::Predictions;
use crate::request::Rows;
use crate::versions::Version;

pub use explained::Explained;
pub use invocations::Invocations;
pub use native::Native;
pub use oip::{Oip, Protobuf};

/// One of these shapes.
pub trait Dialect {
    /// What a body asks of its answer, besides the predictions.
    type Asked: Send;

    /// Whether an answer takes longer than an async worker may be kept.
    const TAKES_TIME: bool = false;

    /// # Errors
    /// Why this model can not answer so many rows in this shape.
    fn check_model(&self, _: &Predictor, _rows: usize) -> Result<(), Error> {
        Ok(())
    }

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
    /// None with finite predictions, unless the shape has more than these.
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
    pub predictor: &'a Predictor,
    pub version: &'a Version,
    pub route: Route,
    pub request_id: &'a str,
}
