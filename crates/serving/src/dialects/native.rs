//! Volary's own shape: `domain::predictions::PredictRequest` in, `PredictResponse` out.

use domain::FieldError;
use model::Predictor;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Dialect, Predicted, Written};
use crate::request::{self, Rows};

#[derive(Clone, Copy, Debug)]
pub struct Native;

impl Dialect for Native {
    type Asked = ();

    #[inline]
    fn read(&self, predictor: &Predictor, body: &[u8]) -> Result<(Rows, ()), Vec<FieldError>> {
        request::parse(predictor, body).map(|rows| (rows, ()))
    }

    /// Names and request ids are checked texts that need no escaping in JSON.
    fn write(&self, (): &(), predicted: &Predicted<'_>) -> serde_json::Result<Written> {
        let Predicted {
            predictions,
            version,
            route,
            request_id,
            ..
        } = *predicted;
        // Its last part is for the values of the answer's headers, which stand behind the body.
        let mut body = Vec::with_capacity(predictions.numbers().len() * 20 + 220 + 256);
        body.extend_from_slice(b"{\"predictions\":");
        serde_json::to_writer(&mut body, &predictions)?;
        body.extend_from_slice(b",\"model\":\"");
        body.extend_from_slice(version.model.as_str().as_bytes());
        body.extend_from_slice(b"\",\"version\":");
        serde_json::to_writer(&mut body, &version.number)?;
        body.extend_from_slice(b",\"route\":\"");
        body.extend_from_slice(route.as_str().as_bytes());
        body.extend_from_slice(b"\",\"request_id\":\"");
        body.extend_from_slice(request_id.as_bytes());
        body.extend_from_slice(b"\"}");
        Ok(Written {
            body,
            json_length: None,
        })
    }

    fn inputs(&self, _: &Predictor, body: &[u8]) -> Option<Vec<u8>> {
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow)]
            inputs: &'a RawValue,
        }
        let body: Body<'_> = serde_json::from_slice(body).ok()?;
        Some(body.inputs.get().as_bytes().to_vec())
    }
}
