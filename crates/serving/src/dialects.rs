//! The shapes in which clients send inputs and are answered.

pub mod invocations;
pub mod native;

use domain::FieldError;
use domain::predictions::Route;
use model::Predictor;

use crate::request::Rows;
use crate::versions::Version;

pub use invocations::Invocations;
pub use native::Native;

/// One of these shapes.
pub trait Dialect {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// What is wrong with it, field by field.
    fn read(&self, predictor: &Predictor, body: &[u8]) -> Result<Rows, Vec<FieldError>>;

    /// The body of the answer.
    ///
    /// # Errors
    /// None with finite predictions.
    fn write(&self, predicted: &Predicted<'_>) -> serde_json::Result<Vec<u8>>;

    /// The inputs of a body that was read, as JSON, for the log. `None` leaves the request out of it.
    fn inputs(&self, body: &[u8]) -> Option<Vec<u8>>;
}

/// What a version made of a request.
#[derive(Clone, Copy, Debug)]
pub struct Predicted<'a> {
    /// One for each row, all finite.
    pub predictions: &'a [f64],
    pub version: &'a Version,
    pub route: Route,
    pub request_id: &'a str,
}
