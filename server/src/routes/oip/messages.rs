//! What the protocol's paths take and answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// What went wrong, in words.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct OipError {
    pub error: String,
}

/// What every operation may answer besides its own.
pub struct OipProblems;

impl IntoResponses for OipProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let body = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("OipError")))
            .build();
        let response = ResponseBuilder::new()
            .description("What went wrong; with 429 and 503, `Retry-After` says when to try again")
            .content("application/json", body)
            .build();
        BTreeMap::from([("default".to_owned(), RefOr::T(response))])
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ServerLive {
    pub live: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ServerReady {
    pub ready: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ModelReady {
    pub name: String,
    pub ready: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ServerMetadata {
    pub name: &'static str,
    pub version: &'static str,
    pub extensions: Vec<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ModelMetadata {
    /// As in the path.
    pub name: String,
    /// Every version of the model, oldest first.
    pub versions: Vec<String>,
    pub platform: &'static str,
    pub inputs: Vec<TensorMetadata>,
    pub outputs: Vec<TensorMetadata>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TensorMetadata {
    pub name: String,
    pub datatype: &'static str,
    /// -1 is the number of rows.
    pub shape: Vec<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<TensorParameters>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TensorParameters {
    /// The tensor may be left out, and a value of it be null (in binary data: NaN).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nullable: Option<bool>,
    /// Of a classifier's outputs: what the labels are, and what the probabilities are of, in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
}

/// A tensor for each input, or one matrix of all. Members that are not listed here are passed over.
#[derive(Debug, Deserialize, ToSchema)]
pub struct InferRequest {
    /// Comes back in the answer.
    pub id: Option<String>,
    /// `binary_data_output`: whether the output is to be binary data.
    pub parameters: Option<Map<String, Value>>,
    pub inputs: Vec<InferInput>,
    pub outputs: Option<Vec<InferOutput>>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct InferInput {
    /// An input's. Of a matrix, which has a column for each input in the signature's order: any other.
    pub name: String,
    /// `[rows]` or `[rows, 1]`; of a matrix `[rows, inputs]`.
    pub shape: Vec<u64>,
    /// BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64, or BYTES for text.
    pub datatype: String,
    /// `binary_data_size`: how many bytes of the binary data are this input's.
    pub parameters: Option<Map<String, Value>>,
    /// In row-major order, in one array or in arrays as the shape has them.
    pub data: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct InferOutput {
    /// `prediction`, or of a classifier `label` or `probabilities`.
    pub name: String,
    /// `binary_data`: whether this output is to be binary data.
    pub parameters: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct InferResponse {
    /// As in the path.
    pub model_name: String,
    /// The version that answered.
    pub model_version: String,
    pub id: Option<String>,
    pub outputs: Vec<OutputTensor>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct OutputTensor {
    /// `prediction`, or of a classifier `label` and `probabilities`.
    pub name: String,
    /// `[rows]`; of `probabilities` `[rows, classes]`.
    pub shape: Vec<u64>,
    /// FP64; of `label` BYTES.
    pub datatype: String,
    /// `binary_data_size`, if the output is binary data.
    pub parameters: Option<Map<String, Value>>,
    /// In row-major order: numbers, or texts.
    pub data: Option<Vec<Value>>,
}
