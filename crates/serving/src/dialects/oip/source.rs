//! Where a tensor's values are, once it is known that they are as many as its shape says.

use domain::FieldError;
use serde_json::value::RawValue;

use super::datatype::{Datatype, InBytes as _};
use super::messages::InferTensorContents;
use super::tensors::{Shape, Tensor, Values, at};

pub(super) enum Source<'a> {
    Json(&'a RawValue),
    Binary(&'a [u8]),
    Contents(&'a InferTensorContents),
}

impl Values<'_> {
    /// The tensor's member that holds them.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Json { .. } => "/data",
            Self::Contents(_) => "/contents",
            Self::Raw(_) => "/raw_input_contents",
            Self::Shared => "/parameters",
        }
    }
}

impl<'a> Source<'a> {
    /// Takes the tensor's part of the binary data, if that is where its values are.
    pub(super) fn of(
        tensor: &Tensor<'a>,
        shape: Shape,
        datatype: Datatype,
        binary: &mut &'a [u8],
    ) -> Result<Self, FieldError> {
        let member = tensor.values.member();
        match tensor.values {
            Values::Json {
                data: Some(data),
                binary_data_size: None,
            } => in_json(tensor, shape, data),
            Values::Json {
                data: None,
                binary_data_size: Some(size),
            } => {
                let pointer = "/parameters/binary_data_size";
                let taken = usize::try_from(size).ok();
                let taken = taken.and_then(|size| binary.split_at_checked(size));
                let Some((data, rest)) = taken else {
                    let expected = format!(
                        "at most the {} bytes that are left after the JSON, whose length the header \
                         Inference-Header-Content-Length tells",
                        binary.len()
                    );
                    let error = at(tensor, pointer, "out_of_range", expected);
                    return Err(error.got(size.to_string()));
                };
                *binary = rest;
                in_bytes(tensor, pointer, shape, datatype, data)
            }
            Values::Json {
                data: None,
                binary_data_size: None,
            } => Err(at(
                tensor,
                member,
                "missing",
                "an array of values, or the parameter binary_data_size",
            )),
            Values::Json { .. } => {
                let expected = "nothing beside the parameter binary_data_size";
                Err(at(tensor, member, "invalid", expected))
            }
            Values::Contents(Some(contents)) => in_contents(tensor, shape, datatype, contents),
            Values::Contents(None) => {
                let expected = "values, here or in raw_input_contents";
                Err(at(tensor, member, "missing", expected))
            }
            Values::Raw(data) => in_bytes(tensor, member, shape, datatype, data),
            Values::Shared => {
                let expected = "data in the request: this server shares no memory with its clients";
                Err(at(tensor, member, "unknown_field", expected))
            }
        }
    }
}

fn in_json<'a>(
    tensor: &Tensor<'a>,
    shape: Shape,
    data: &'a RawValue,
) -> Result<Source<'a>, FieldError> {
    // An element and what parts it from the next one are two characters at least.
    if data.get().len() / 2 < shape.elements() {
        let got = format!("{} characters of JSON", data.get().len());
        return Err(at(tensor, "/data", "invalid", shape.expected()).got(got));
    }
    Ok(Source::Json(data))
}

/// `pointer` is what says how many bytes there are.
fn in_bytes<'a>(
    tensor: &Tensor<'a>,
    pointer: &str,
    shape: Shape,
    datatype: Datatype,
    data: &'a [u8],
) -> Result<Source<'a>, FieldError> {
    let least = shape.elements().saturating_mul(datatype.size());
    let is_text = datatype == Datatype::Bytes;
    if data.len() < least || (!is_text && data.len() > least) {
        let bound = if is_text { "at least " } else { "" };
        let expected = format!("{bound}{least}, as shape and datatype say");
        let error = at(tensor, pointer, "out_of_range", expected);
        return Err(error.got(data.len().to_string()));
    }
    Ok(Source::Binary(data))
}

fn in_contents<'a>(
    tensor: &Tensor<'a>,
    shape: Shape,
    datatype: Datatype,
    contents: &'a InferTensorContents,
) -> Result<Source<'a>, FieldError> {
    let refused = |expected: String| at(tensor, "/contents", "invalid", expected);
    let name = datatype.as_str();
    let Some((field, count)) = contents.field(datatype) else {
        return Err(refused(format!(
            "raw_input_contents, which alone can hold {name}"
        )));
    };
    let (elements, total) = (shape.elements(), contents.total());
    if count != elements || total != count {
        let expected = format!("{elements} values in {field}, as shape and {name} say");
        let others = total - count;
        let got = format!("{count} there and {others} elsewhere");
        return Err(refused(expected).got(got));
    }
    Ok(Source::Contents(contents))
}
