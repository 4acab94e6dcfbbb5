//! The Open Inference Protocol, version 2: tensors in, tensors out: one of numbers, or a classifier's labels and probabilities. Here as JSON, with the binary extension, and in
//! [`protobuf`] as gRPC has it.
//!
//! Members that the protocol does not name are passed over, since its clients send some of their own.

mod data;
mod datatype;
pub mod messages;
mod outputs;
pub mod protobuf;
mod source;
mod tensors;

use std::borrow::Cow;

use domain::FieldError;
use model::Predictor;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{Dialect, Predicted, Written};
use crate::predictions::Predictions;
use crate::request::Rows;
use outputs::{Chosen, Outputs, Shape};
use tensors::{Batch, Sizes, Tensor, Values};

pub use datatype::Datatype;
pub use outputs::Output;
pub use protobuf::Protobuf;

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
    outputs: Chosen,
}

impl Dialect for Oip {
    type Asked = Asked;

    fn read(&self, predictor: &Predictor, body: &[u8]) -> Result<(Rows, Asked), Vec<FieldError>> {
        self.rows(predictor, body).map_err(|error| vec![error])
    }

    fn write(&self, asked: &Asked, predicted: &Predicted<'_>) -> serde_json::Result<Written> {
        let predictions = predicted.predictions;
        let mut binary = Vec::new();
        let outputs = asked.outputs.map(|(output, is_binary)| {
            let begin = binary.len();
            if is_binary {
                output.write_binary(&predictions, &mut binary);
            }
            ResponseOutput {
                name: output.name(),
                datatype: output.datatype().as_str(),
                shape: output.shape(&predictions),
                parameters: is_binary.then(|| BinaryData {
                    binary_data_size: binary.len() - begin,
                }),
                data: (!is_binary).then_some(Data {
                    output,
                    predictions,
                }),
            }
        });
        let response = Response {
            model_name: &self.name,
            model_version: predicted.version.number.to_string(),
            id: asked.id.as_deref(),
            outputs,
        };
        let mut body = serde_json::to_vec(&response)?;
        let has_binary = asked.outputs.iter().any(|(_, is_binary)| is_binary);
        let json_length = has_binary.then_some(body.len());
        body.append(&mut binary);
        Ok(Written { body, json_length })
    }

    fn inputs(&self, predictor: &Predictor, body: &[u8]) -> Option<Vec<u8>> {
        let (json, binary) = self.split(body).ok()?;
        let request: Request<'_> = serde_json::from_slice(json).ok()?;
        let tensors = request.tensors();
        let batch = Batch::of(predictor, &tensors, binary).ok()?;
        batch.for_log(predictor)
    }
}

impl Oip {
    fn rows(&self, predictor: &Predictor, body: &[u8]) -> Result<(Rows, Asked), FieldError> {
        let (json, binary) = self.split(body)?;
        let request: Request<'_> =
            serde_json::from_slice(json).map_err(|error| malformed(&error))?;
        let asked = request.asked(predictor)?;
        let tensors = request.tensors();
        let batch = Batch::of(predictor, &tensors, binary)?;
        Ok((batch.rows(predictor)?, asked))
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
    inputs: Vec<Input<'a>>,
    #[serde(default)]
    outputs: Outputs,
}

impl Request<'_> {
    fn asked(&self, predictor: &Predictor) -> Result<Asked, FieldError> {
        let of_all = self.parameters.as_ref();
        let of_all = of_all.and_then(|parameters| parameters.binary_data_output);
        Ok(Asked {
            id: self.id.clone(),
            outputs: self.outputs.chosen(predictor, of_all.unwrap_or(false))?,
        })
    }

    fn tensors(&self) -> Vec<Tensor<'_>> {
        self.inputs.iter().map(Tensor::from).collect()
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

#[derive(Deserialize)]
struct Input<'a> {
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

impl<'a> From<&'a Input<'_>> for Tensor<'a> {
    fn from(input: &'a Input<'_>) -> Self {
        let parameters = input.parameters.as_ref();
        let is_shared = parameters.is_some_and(|given| given.shared_memory_region.is_some());
        let values = if is_shared {
            Values::Shared
        } else {
            Values::Json {
                data: input.data,
                binary_data_size: parameters.and_then(|given| given.binary_data_size),
            }
        };
        Self {
            name: Cow::Borrowed(&input.name),
            shape: Sizes::Json(input.shape),
            datatype: Cow::Borrowed(&input.datatype),
            values,
        }
    }
}

#[derive(Serialize)]
struct Response<'a> {
    model_name: &'a str,
    model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(serialize_with = "present")]
    outputs: [Option<ResponseOutput<'a>>; 2],
}

#[derive(Serialize)]
struct ResponseOutput<'a> {
    name: &'static str,
    datatype: &'static str,
    shape: Shape,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BinaryData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

fn present<T: Serialize, S: Serializer>(
    outputs: &[Option<T>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(outputs.iter().flatten())
}

/// In row-major order.
struct Data<'a> {
    output: Output,
    predictions: Predictions<'a>,
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.output {
            Output::Label => serializer.collect_seq(self.predictions.labels()),
            Output::Prediction | Output::Probabilities => {
                self.predictions.numbers().serialize(serializer)
            }
        }
    }
}

#[derive(Serialize)]
struct BinaryData {
    binary_data_size: usize,
}
