//! What gRPC carries, field for field as `messages.proto` beside this file has it. Written by hand: a compiler of
//! such files would have to be built wherever this is.

use std::collections::BTreeMap;

use prost::{Message, Oneof};

use super::datatype::Datatype;

#[derive(Clone, PartialEq, Message)]
pub struct ServerLiveRequest {}

#[derive(Clone, PartialEq, Message)]
pub struct ServerLiveResponse {
    #[prost(bool, tag = "1")]
    pub live: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct ServerReadyRequest {}

#[derive(Clone, PartialEq, Message)]
pub struct ServerReadyResponse {
    #[prost(bool, tag = "1")]
    pub ready: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct ModelReadyRequest {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub version: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ModelReadyResponse {
    #[prost(bool, tag = "1")]
    pub ready: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct ServerMetadataRequest {}

#[derive(Clone, PartialEq, Message)]
pub struct ServerMetadataResponse {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub version: String,
    #[prost(string, repeated, tag = "3")]
    pub extensions: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ModelMetadataRequest {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub version: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorMetadata {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub datatype: String,
    #[prost(int64, repeated, tag = "3")]
    pub shape: Vec<i64>,
    #[prost(btree_map = "string, message", tag = "4")]
    pub parameters: Parameters,
}

#[derive(Clone, PartialEq, Message)]
pub struct ModelMetadataResponse {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, repeated, tag = "2")]
    pub versions: Vec<String>,
    #[prost(string, tag = "3")]
    pub platform: String,
    #[prost(message, repeated, tag = "4")]
    pub inputs: Vec<TensorMetadata>,
    #[prost(message, repeated, tag = "5")]
    pub outputs: Vec<TensorMetadata>,
}

pub type Parameters = BTreeMap<String, InferParameter>;

#[derive(Clone, PartialEq, Message)]
pub struct InferParameter {
    #[prost(oneof = "ParameterChoice", tags = "1, 2, 3, 4, 5")]
    pub parameter_choice: Option<ParameterChoice>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum ParameterChoice {
    #[prost(bool, tag = "1")]
    BoolParam(bool),
    #[prost(int64, tag = "2")]
    Int64Param(i64),
    #[prost(string, tag = "3")]
    StringParam(String),
    #[prost(double, tag = "4")]
    DoubleParam(f64),
    #[prost(uint64, tag = "5")]
    Uint64Param(u64),
}

#[derive(Clone, PartialEq, Message)]
pub struct InferTensorContents {
    #[prost(bool, repeated, tag = "1")]
    pub bool_contents: Vec<bool>,
    #[prost(int32, repeated, tag = "2")]
    pub int_contents: Vec<i32>,
    #[prost(int64, repeated, tag = "3")]
    pub int64_contents: Vec<i64>,
    #[prost(uint32, repeated, tag = "4")]
    pub uint_contents: Vec<u32>,
    #[prost(uint64, repeated, tag = "5")]
    pub uint64_contents: Vec<u64>,
    #[prost(float, repeated, tag = "6")]
    pub fp32_contents: Vec<f32>,
    #[prost(double, repeated, tag = "7")]
    pub fp64_contents: Vec<f64>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub bytes_contents: Vec<Vec<u8>>,
}

impl InferTensorContents {
    /// The field for values of this datatype, and how many are in it. There is none for 16 bits of floating point.
    pub(super) fn field(&self, datatype: Datatype) -> Option<(&'static str, usize)> {
        match datatype {
            Datatype::Bool => Some(("bool_contents", self.bool_contents.len())),
            Datatype::Int8 | Datatype::Int16 | Datatype::Int32 => {
                Some(("int_contents", self.int_contents.len()))
            }
            Datatype::Int64 => Some(("int64_contents", self.int64_contents.len())),
            Datatype::Uint8 | Datatype::Uint16 | Datatype::Uint32 => {
                Some(("uint_contents", self.uint_contents.len()))
            }
            Datatype::Uint64 => Some(("uint64_contents", self.uint64_contents.len())),
            Datatype::Fp16 => None,
            Datatype::Fp32 => Some(("fp32_contents", self.fp32_contents.len())),
            Datatype::Fp64 => Some(("fp64_contents", self.fp64_contents.len())),
            Datatype::Bytes => Some(("bytes_contents", self.bytes_contents.len())),
        }
    }

    /// How many values are in all fields.
    pub(super) fn total(&self) -> usize {
        self.bool_contents.len()
            + self.int_contents.len()
            + self.int64_contents.len()
            + self.uint_contents.len()
            + self.uint64_contents.len()
            + self.fp32_contents.len()
            + self.fp64_contents.len()
            + self.bytes_contents.len()
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct InferInputTensor {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub datatype: String,
    #[prost(int64, repeated, tag = "3")]
    pub shape: Vec<i64>,
    #[prost(btree_map = "string, message", tag = "4")]
    pub parameters: Parameters,
    #[prost(message, optional, boxed, tag = "5")]
    pub contents: Option<Box<InferTensorContents>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct InferRequestedOutputTensor {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(btree_map = "string, message", tag = "2")]
    pub parameters: Parameters,
}

#[derive(Clone, PartialEq, Message)]
pub struct ModelInferRequest {
    #[prost(string, tag = "1")]
    pub model_name: String,
    #[prost(string, tag = "2")]
    pub model_version: String,
    #[prost(string, tag = "3")]
    pub id: String,
    #[prost(btree_map = "string, message", tag = "4")]
    pub parameters: Parameters,
    #[prost(message, repeated, tag = "5")]
    pub inputs: Vec<InferInputTensor>,
    #[prost(message, repeated, tag = "6")]
    pub outputs: Vec<InferRequestedOutputTensor>,
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub raw_input_contents: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct InferOutputTensor {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub datatype: String,
    #[prost(int64, repeated, tag = "3")]
    pub shape: Vec<i64>,
    #[prost(btree_map = "string, message", tag = "4")]
    pub parameters: Parameters,
    #[prost(message, optional, boxed, tag = "5")]
    pub contents: Option<Box<InferTensorContents>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ModelInferResponse {
    #[prost(string, tag = "1")]
    pub model_name: String,
    #[prost(string, tag = "2")]
    pub model_version: String,
    #[prost(string, tag = "3")]
    pub id: String,
    #[prost(btree_map = "string, message", tag = "4")]
    pub parameters: Parameters,
    #[prost(message, repeated, tag = "5")]
    pub outputs: Vec<InferOutputTensor>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub raw_output_contents: Vec<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    /// Message, name, number of every field, in a file's order.
    type Fields = Vec<(String, String, String)>;

    fn in_proto(text: &str) -> Fields {
        let mut fields = Fields::new();
        let mut within = Vec::new();
        for line in text.lines().map(str::trim) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["message", name, ..] if !line.ends_with("{}") => within.push(*name),
                ["oneof" | "service", ..] => within.push(within.last().copied().unwrap_or("")),
                ["}"] => {
                    within.pop();
                }
                [.., name, "=", number] if !line.starts_with("//") && !within.is_empty() => {
                    let number = number.trim_end_matches(';');
                    let message = within[within.len() - 1];
                    fields.push([message, name, number].map(str::to_owned).into());
                }
                _ => {}
            }
        }
        fields.sort();
        fields
    }

    fn in_rust(text: &str) -> Fields {
        let mut fields = Fields::new();
        let (mut message, mut tag) = ("", "");
        for line in text.lines().take_while(|line| *line != "#[cfg(test)]") {
            let line = line.trim();
            if let Some(rest) = line.strip_prefix("pub struct ") {
                message = rest.split(' ').next().unwrap();
            } else if let Some((_, rest)) = line.split_once("tag = \"") {
                tag = rest.split('"').next().unwrap();
            } else if let Some((name, _)) = line
                .strip_prefix("pub ")
                .and_then(|rest| rest.split_once(": "))
                && name != "parameter_choice"
            {
                fields.push([message, name, tag].map(str::to_owned).into());
            } else if let Some((name, _)) = line.split_once("Param(") {
                let name = format!("{}_param", name.to_lowercase());
                fields.push((message.to_owned(), name, tag.to_owned()));
            }
        }
        fields.sort();
        fields
    }

    #[test]
    fn the_document_beside_has_the_same_fields_under_the_same_numbers() {
        let documented = in_proto(include_str!("messages.proto"));
        assert_eq!(in_rust(include_str!("messages.rs")), documented);
        assert!(documented.len() > 40, "{documented:?}");
    }
}
