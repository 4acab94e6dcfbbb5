//! The protocol as gRPC carries it: messages of Protocol Buffers.

use std::borrow::Cow;

use domain::FieldError;
use domain::datasets::MAX_COLUMNS;
use model::Predictor;
use prost::{DecodeError, Message};

use super::Asked;
use super::messages::{
    InferInputTensor, InferOutputTensor, InferTensorContents, ModelInferRequest,
    ModelInferResponse, ParameterChoice, Parameters,
};
use super::outputs::{Output, Outputs};
use super::tensors::{Batch, Sizes, Tensor, Values, at};
use crate::dialects::{Dialect, Predicted, Written};
use crate::predictions::Predictions;
use crate::request::Rows;

/// A request to the deployment or model of this name.
#[derive(Clone, Debug)]
pub struct Protobuf {
    pub name: String,
}

/// Who is to answer a `ModelInferRequest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressee {
    pub name: String,
    /// Empty for what is live.
    pub version: String,
}

impl Addressee {
    /// # Errors
    /// It is no such message, or has more tensors than a model may have inputs.
    pub fn of(message: &[u8]) -> Result<Self, FieldError> {
        let head = Head::decode(message).map_err(|error| malformed(&error))?;
        for (pointer, tensors) in [("/inputs", head.inputs), ("/outputs", head.outputs)] {
            if tensors.len() > MAX_COLUMNS {
                let expected = format!("at most {MAX_COLUMNS} tensors");
                let error = FieldError::new(pointer, "out_of_range", expected);
                return Err(error.got(tensors.len().to_string()));
            }
        }
        Ok(Self {
            name: head.model_name,
            version: head.model_version,
        })
    }
}

/// As much of a [`ModelInferRequest`] as is read before it is known who is to answer. Of the tensors nothing is kept but
/// how many there are: an empty one takes two bytes of the message, and far more once it is read.
#[derive(Clone, PartialEq, Message)]
struct Head {
    #[prost(string, tag = "1")]
    model_name: String,
    #[prost(string, tag = "2")]
    model_version: String,
    #[prost(message, repeated, tag = "5")]
    inputs: Vec<Nothing>,
    #[prost(message, repeated, tag = "6")]
    outputs: Vec<Nothing>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Nothing {}

impl Dialect for Protobuf {
    type Asked = Asked;

    fn read(&self, predictor: &Predictor, body: &[u8]) -> Result<(Rows, Asked), Vec<FieldError>> {
        rows(predictor, body).map_err(|error| vec![error])
    }

    fn write(&self, asked: &Asked, predicted: &Predicted<'_>) -> serde_json::Result<Written> {
        let predictions = predicted.predictions;
        // The message has the bytes of all its outputs, or of none.
        let is_binary = asked.outputs.iter().any(|(_, is_binary)| is_binary);
        let mut raw_output_contents = Vec::new();
        let mut outputs = Vec::with_capacity(2);
        for (output, _) in asked.outputs.iter() {
            if is_binary {
                let mut bytes = Vec::new();
                output.write_binary(&predictions, &mut bytes);
                raw_output_contents.push(bytes);
            }
            let shape = output.shape(&predictions);
            outputs.push(InferOutputTensor {
                name: output.name().to_owned(),
                datatype: output.datatype().as_str().to_owned(),
                shape: shape.iter().map(|size| size as i64).collect(),
                parameters: Parameters::new(),
                contents: (!is_binary).then(|| Box::new(contents(output, &predictions))),
            });
        }
        let response = ModelInferResponse {
            model_name: self.name.clone(),
            model_version: predicted.version.number.to_string(),
            id: asked.id.clone().unwrap_or_default(),
            parameters: Parameters::new(),
            outputs,
            raw_output_contents,
        };
        Ok(Written {
            body: response.encode_to_vec(),
            json_length: None,
        })
    }

    fn inputs(&self, predictor: &Predictor, body: &[u8]) -> Option<Vec<u8>> {
        let request = ModelInferRequest::decode(body).ok()?;
        let tensors = request.tensors().ok()?;
        let batch = Batch::of(predictor, &tensors, &[]).ok()?;
        batch.for_log(predictor)
    }
}

fn contents(output: Output, predictions: &Predictions<'_>) -> InferTensorContents {
    match output {
        Output::Prediction | Output::Probabilities => InferTensorContents {
            fp64_contents: predictions.numbers().to_vec(),
            ..InferTensorContents::default()
        },
        Output::Label => InferTensorContents {
            bytes_contents: predictions
                .labels()
                .map(|label| label.as_bytes().to_vec())
                .collect(),
            ..InferTensorContents::default()
        },
    }
}

fn rows(predictor: &Predictor, body: &[u8]) -> Result<(Rows, Asked), FieldError> {
    let request = ModelInferRequest::decode(body).map_err(|error| malformed(&error))?;
    let asked = request.asked(predictor)?;
    let tensors = request.tensors()?;
    let batch = Batch::of(predictor, &tensors, &[])?;
    Ok((batch.rows(predictor)?, asked))
}

fn malformed(error: &DecodeError) -> FieldError {
    let expected = "a message of the type that the call takes";
    FieldError::new("", "malformed_protobuf", expected).got(error.to_string())
}

impl ModelInferRequest {
    fn asked(&self, predictor: &Predictor) -> Result<Asked, FieldError> {
        let mut outputs = Outputs::default();
        for output in &self.outputs {
            let is_classified = output.parameters.contains_key("classification");
            let binary = boolean(&output.parameters, "binary_data");
            outputs.add(Cow::Borrowed(&output.name), is_classified, binary);
        }
        let of_all = boolean(&self.parameters, "binary_data_output");
        let as_it_came = !self.raw_input_contents.is_empty();
        Ok(Asked {
            id: Some(self.id.clone()),
            outputs: outputs.chosen(predictor, of_all.unwrap_or(as_it_came))?,
        })
    }

    fn tensors(&self) -> Result<Vec<Tensor<'_>>, FieldError> {
        let raw = &self.raw_input_contents;
        if !raw.is_empty() && raw.len() != self.inputs.len() {
            let expected = format!("one for each of the {} inputs, or none", self.inputs.len());
            let error = FieldError::new("/raw_input_contents", "out_of_range", expected);
            return Err(error.got(raw.len().to_string()));
        }
        let inputs = self.inputs.iter().enumerate();
        inputs
            .map(|(place, input)| input.tensor(raw.get(place).map(Vec::as_slice)))
            .collect()
    }
}

impl InferInputTensor {
    fn tensor<'a>(&'a self, raw: Option<&'a [u8]>) -> Result<Tensor<'a>, FieldError> {
        let contents = self.contents.as_deref();
        let values = match raw {
            _ if self.parameters.contains_key("shared_memory_region") => Values::Shared,
            Some(raw) => Values::Raw(raw),
            None => Values::Contents(contents),
        };
        let tensor = Tensor {
            name: Cow::Borrowed(&self.name),
            shape: Sizes::Numbers(&self.shape),
            datatype: Cow::Borrowed(&self.datatype),
            values,
        };
        if raw.is_some() && contents.is_some() {
            let expected = "nothing beside raw_input_contents";
            return Err(at(&tensor, "/contents", "invalid", expected));
        }
        Ok(tensor)
    }
}

/// A parameter of another type says nothing.
fn boolean(parameters: &Parameters, name: &str) -> Option<bool> {
    match parameters.get(name)?.parameter_choice {
        Some(ParameterChoice::BoolParam(value)) => Some(value),
        _ => None,
    }
}
