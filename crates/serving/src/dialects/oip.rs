//! The Open Inference Protocol, version 2, with its binary extension: tensors in, one tensor out.
//!
//! Members that the protocol does not name are passed over, since its clients send some of their own.

mod data;
mod datatype;
mod tensors;

use std::borrow::Cow;
use std::fmt;

use domain::FieldError;
use model::{Predictor, Value};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Map;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{Dialect, Predicted, Written};
use crate::request::Rows;
use tensors::{Batch, Cell};

pub use datatype::Datatype;

/// The name of the one output, a number for each row.
pub const OUTPUT: &str = "prediction";

/// A request to the deployment or model of this name.
#[derive(Clone, Debug)]
pub struct Oip {
    pub name: String,
    /// How many bytes of the body are JSON, when binary data follows them.
    pub json_length: Option<usize>,
}

/// What a request wants of its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    id: Option<String>,
    binary: bool,
}

impl Dialect for Oip {
    type Asked = Asked;

    fn read(&self, predictor: &Predictor, body: &[u8]) -> Result<(Rows, Asked), Vec<FieldError>> {
        self.rows(predictor, body).map_err(|error| vec![error])
    }

    fn write(&self, asked: &Asked, predicted: &Predicted<'_>) -> serde_json::Result<Written> {
        let predictions = predicted.predictions;
        let response = Response {
            model_name: &self.name,
            model_version: predicted.version.number.to_string(),
            id: asked.id.as_deref(),
            outputs: [ResponseOutput {
                name: OUTPUT,
                datatype: Datatype::Fp64.as_str(),
                shape: [predictions.len()],
                parameters: asked.binary.then(|| BinaryData {
                    binary_data_size: size_of_val(predictions),
                }),
                data: (!asked.binary).then_some(predictions),
            }],
        };
        let mut body = serde_json::to_vec(&response)?;
        let json_length = asked.binary.then_some(body.len());
        if asked.binary {
            body.extend(predictions.iter().flat_map(|number| number.to_le_bytes()));
        }
        Ok(Written { body, json_length })
    }

    /// As rows, whatever the tensors were: the log has one shape.
    fn inputs(&self, predictor: &Predictor, body: &[u8]) -> Option<Vec<u8>> {
        let (json, binary) = self.split(body).ok()?;
        let request: Request<'_> = serde_json::from_slice(json).ok()?;
        let batch = Batch::of(predictor, &request.inputs, binary).ok()?;
        let mut rows = vec![Map::new(); batch.count];
        let inputs = &predictor.signature().inputs;
        let filled = batch.each(predictor, |row, slot, cell| {
            if let (Some(row), Some(input)) = (rows.get_mut(row), inputs.get(slot)) {
                row.insert(input.name.clone(), cell.into());
            }
        });
        filled.ok()?;
        serde_json::to_vec(&rows).ok()
    }
}

impl Oip {
    fn rows(&self, predictor: &Predictor, body: &[u8]) -> Result<(Rows, Asked), FieldError> {
        let (json, binary) = self.split(body)?;
        let request: Request<'_> =
            serde_json::from_slice(json).map_err(|error| malformed(&error))?;
        let asked = request.asked()?;
        let batch = Batch::of(predictor, &request.inputs, binary)?;
        let mut rows = Rows::missing(predictor.len(), batch.count);
        batch.each(predictor, |row, slot, cell| {
            let value = match cell {
                Cell::Missing => return,
                Cell::Number(number) => Value::Number(number),
                Cell::Boolean(value) => Predictor::boolean(value),
                Cell::Text(text) => predictor.category(slot, text),
            };
            rows.set(row, slot, value);
        })?;
        Ok((rows, asked))
    }

    /// The JSON of a body, and its binary data.
    fn split<'a>(&self, body: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), FieldError> {
        let Some(length) = self.json_length else {
            return Ok((body, &[]));
        };
        body.split_at_checked(length).ok_or_else(|| {
            let expected =
                format!("the {length} bytes of JSON that Inference-Header-Content-Length tells of");
            FieldError::new("", "out_of_range", expected).got(format!("{} bytes", body.len()))
        })
    }
}

fn malformed(error: &serde_json::Error) -> FieldError {
    let (code, expected) = match error.classify() {
        Category::Data => (
            "invalid",
            "a request such as {\"inputs\": [{\"name\": \"rooms\", \"shape\": [1], \"datatype\": \"FP64\", \"data\": [3]}]}",
        ),
        _ => (
            "malformed_json",
            "valid JSON, which has no NaN and no Infinity",
        ),
    };
    FieldError::new("", code, expected).got(error.to_string())
}

#[derive(Deserialize)]
struct Request<'a> {
    id: Option<String>,
    parameters: Option<Parameters>,
    #[serde(borrow)]
    inputs: Vec<Tensor<'a>>,
    #[serde(default)]
    outputs: Outputs,
}

impl Request<'_> {
    fn asked(&self) -> Result<Asked, FieldError> {
        let outputs = &self.outputs;
        if let Some(name) = &outputs.unknown {
            let expected = format!("no such output: the model gives {OUTPUT}");
            return Err(FieldError::new("/outputs", "unknown_field", expected).got(name));
        }
        if outputs.count > 1 {
            let expected = format!("the output {OUTPUT} once");
            return Err(FieldError::new("/outputs", "duplicate", expected));
        }
        if outputs.is_classified {
            let expected = "no parameter classification: this server does not have that extension";
            return Err(FieldError::new("/outputs", "unknown_field", expected));
        }
        let of_all = self.parameters.as_ref();
        let of_all = of_all.and_then(|parameters| parameters.binary_data_output);
        Ok(Asked {
            id: self.id.clone(),
            binary: outputs.binary.or(of_all).unwrap_or(false),
        })
    }
}

/// Those that mean something here, of whatever they are the parameters.
#[derive(Default, Deserialize)]
struct Parameters {
    binary_data_size: Option<u64>,
    binary_data: Option<bool>,
    binary_data_output: Option<bool>,
    shared_memory_region: Option<IgnoredAny>,
    classification: Option<IgnoredAny>,
}

/// An input as it was sent, its data not read yet.
#[derive(Deserialize)]
struct Tensor<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    shape: &'a RawValue,
    #[serde(borrow)]
    datatype: Cow<'a, str>,
    parameters: Option<Parameters>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The outputs that are asked for; none means all. However many are named, what is kept of them is this.
#[derive(Default)]
struct Outputs {
    count: usize,
    /// The first that there is not.
    unknown: Option<String>,
    is_classified: bool,
    binary: Option<bool>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    parameters: Option<Parameters>,
}

impl<'de> Deserialize<'de> for Outputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Outputs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of outputs")
            }

            fn visit_unit<E>(self) -> Result<Outputs, E> {
                Ok(Outputs::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Outputs, A::Error> {
                let mut outputs = Outputs::default();
                while let Some(output) = list.next_element::<Output<'de>>()? {
                    outputs.count += 1;
                    if output.name != OUTPUT && outputs.unknown.is_none() {
                        outputs.unknown = Some(output.name.into_owned());
                    }
                    let parameters = output.parameters.unwrap_or_default();
                    outputs.is_classified |= parameters.classification.is_some();
                    outputs.binary = outputs.binary.or(parameters.binary_data);
                }
                Ok(outputs)
            }
        }

        deserializer.deserialize_any(List)
    }
}

#[derive(Serialize)]
struct Response<'a> {
    model_name: &'a str,
    model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outputs: [ResponseOutput<'a>; 1],
}

#[derive(Serialize)]
struct ResponseOutput<'a> {
    name: &'static str,
    datatype: &'static str,
    shape: [usize; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BinaryData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a [f64]>,
}

#[derive(Serialize)]
struct BinaryData {
    binary_data_size: usize,
}
