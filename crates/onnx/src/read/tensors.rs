//! Tensors and the types of values, as files have them.

use std::sync::Arc;

use super::limits::TENSOR_BYTES;
use crate::error::{Refused, quoted};
use crate::proto::{TensorProto, TypeProto, ValueInfoProto};
use crate::shape;
use crate::tensor::{Data, Element, Field, Tensor};

/// Numbers of the types in onnx.proto.
pub(crate) mod number {
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const UINT8: i32 = 2;
    pub(crate) const INT8: i32 = 3;
    pub(crate) const UINT16: i32 = 4;
    pub(crate) const INT16: i32 = 5;
    pub(crate) const INT32: i32 = 6;
    pub(crate) const INT64: i32 = 7;
    pub(crate) const STRING: i32 = 8;
    pub(crate) const BOOL: i32 = 9;
    pub(crate) const DOUBLE: i32 = 11;
}

const EXTERNAL: i32 = 1;

/// What a type is held as, if it is.
pub(crate) fn element(number: i32) -> Option<Element> {
    Some(match number {
        number::FLOAT => Element::F32,
        number::DOUBLE => Element::F64,
        number::INT64 => Element::I64,
        number::INT32 | number::INT16 | number::INT8 | number::UINT16 | number::UINT8 => {
            Element::I32
        }
        number::BOOL => Element::Bool,
        number::STRING => Element::Text,
        _ => return None,
    })
}

/// A type's name for a message.
pub(crate) fn type_name(number: i32) -> String {
    let name = match number {
        number::FLOAT => "float",
        number::UINT8 => "uint8",
        number::INT8 => "int8",
        number::UINT16 => "uint16",
        number::INT16 => "int16",
        number::INT32 => "int32",
        number::INT64 => "int64",
        number::STRING => "string",
        number::BOOL => "bool",
        10 => "float16",
        number::DOUBLE => "double",
        12 => "uint32",
        13 => "uint64",
        14 => "complex64",
        15 => "complex128",
        16 => "bfloat16",
        _ => return format!("type number {number}"),
    };
    name.to_owned()
}

/// # Errors
/// Data outside of the file, of a type that is not taken, or of another length than the dimensions say.
pub(crate) fn tensor(proto: &TensorProto) -> Result<Tensor, Refused> {
    if proto.data_location == EXTERNAL || !proto.external_data.is_empty() {
        return Err(Refused::ExternalData {
            tensor: quoted(&proto.name),
        });
    }
    let refuse = |problem: String| Refused::Tensor {
        tensor: quoted(&proto.name),
        problem,
    };
    let element = element(proto.data_type).ok_or_else(|| Refused::Type {
        value: format!("tensor {}", quoted(&proto.name)),
        found: type_name(proto.data_type),
    })?;
    let shape = proto
        .dims
        .iter()
        .map(|&length| usize::try_from(length).ok())
        .collect::<Option<Vec<_>>>();
    let count = shape.as_deref().and_then(shape::count);
    let (Some(shape), Some(count)) = (shape, count) else {
        let dims = &proto.dims[..proto.dims.len().min(shape::MAX_RANK)];
        return Err(refuse(format!(
            "claims the dimensions {dims:?}, which no tensor has"
        )));
    };
    // Some writers leave empty raw data beside the field that has the data.
    let data = match (&proto.raw_data, element) {
        (Some(raw), _) if !raw.is_empty() || is_bare(proto) => {
            raw_data(raw, proto.data_type).map_err(&refuse)?
        }
        (_, Element::F32) => Data::F32(proto.float_data.clone()),
        (_, Element::F64) => Data::F64(proto.double_data.clone()),
        (_, Element::I64) => Data::I64(proto.int64_data.clone()),
        (_, Element::I32) => Data::I32(proto.int32_data.clone()),
        (_, Element::Bool) => Data::Bool(proto.int32_data.iter().map(|&byte| byte != 0).collect()),
        (_, Element::Text) => Data::Text(
            proto
                .string_data
                .iter()
                .map(|bytes| Ok(Arc::from(std::str::from_utf8(bytes)?)))
                .collect::<Result<_, std::str::Utf8Error>>()
                .map_err(|_| refuse("has text that is not UTF-8".to_owned()))?,
        ),
    };
    if data.len() != count {
        let problem = format!(
            "claims the dimensions {shape:?}, but has {} elements",
            data.len()
        );
        return Err(refuse(problem));
    }
    Ok(Tensor { shape, data })
}

/// Whether a tensor has no data but raw data.
fn is_bare(proto: &TensorProto) -> bool {
    proto.float_data.is_empty()
        && proto.double_data.is_empty()
        && proto.int64_data.is_empty()
        && proto.int32_data.is_empty()
        && proto.string_data.is_empty()
}

/// Elements in little-endian order, one behind the other.
fn raw_data(raw: &[u8], data_type: i32) -> Result<Data, String> {
    fn each<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
        let (chunks, rest) = raw.as_chunks::<N>();
        if !rest.is_empty() {
            return Err(format!(
                "has {} bytes, which are not whole elements of {N}",
                raw.len()
            ));
        }
        Ok(chunks.iter().map(|&chunk| read(chunk)).collect())
    }
    Ok(match data_type {
        number::FLOAT => Data::F32(each(raw, f32::from_le_bytes)?),
        number::DOUBLE => Data::F64(each(raw, f64::from_le_bytes)?),
        number::INT64 => Data::I64(each(raw, i64::from_le_bytes)?),
        number::INT32 => Data::I32(each(raw, i32::from_le_bytes)?),
        number::INT16 => Data::I32(each(raw, |bytes| i32::from(i16::from_le_bytes(bytes)))?),
        number::UINT16 => Data::I32(each(raw, |bytes| i32::from(u16::from_le_bytes(bytes)))?),
        number::INT8 => Data::I32(each(raw, |bytes| i32::from(i8::from_le_bytes(bytes)))?),
        number::UINT8 => Data::I32(raw.iter().map(|&byte| i32::from(byte)).collect()),
        number::BOOL => Data::Bool(raw.iter().map(|&byte| byte != 0).collect()),
        _ => return Err("has raw data of a type that has none".to_owned()),
    })
}

/// How many bytes a tensor takes.
pub(super) fn bytes(tensor: &Tensor) -> usize {
    let fixed = |size: usize| tensor.len().saturating_mul(size);
    match &tensor.data {
        Data::F32(_) | Data::I32(_) => fixed(4),
        Data::F64(_) | Data::I64(_) => fixed(8),
        Data::Bool(_) => fixed(1),
        Data::Text(values) => values.iter().map(|value| value.len()).sum::<usize>() + fixed(32),
    }
}

/// Keeps account of what the initializers take together.
#[derive(Default)]
pub(super) struct Weight {
    bytes: usize,
}

impl Weight {
    pub(super) fn add(&mut self, tensor: &Tensor) -> Result<(), Refused> {
        self.bytes = self.bytes.saturating_add(bytes(tensor));
        if self.bytes > TENSOR_BYTES {
            return Err(Refused::TooLarge {
                what: "bytes in its tensors",
                found: self.bytes,
                limit: TENSOR_BYTES,
            });
        }
        Ok(())
    }
}

/// What a model takes or gives. `None` for a sequence, which only a ZipMap may give.
pub(super) fn field(proto: &ValueInfoProto, what: &str) -> Result<Option<Field>, Refused> {
    let value = || format!("{what} {}", quoted(&proto.name));
    let refused_type = |found: &str| Refused::Type {
        value: value(),
        found: found.to_owned(),
    };
    let Some(declared) = &proto.r#type else {
        return Err(refused_type("no type at all"));
    };
    let tensor = match declared {
        TypeProto {
            tensor_type: Some(tensor),
            ..
        } => tensor,
        TypeProto {
            sequence_type: Some(_),
            ..
        } => return Ok(None),
        TypeProto {
            map_type: Some(_), ..
        } => return Err(refused_type("map")),
        TypeProto {
            sparse_tensor_type: Some(_),
            ..
        } => return Err(refused_type("sparse tensor")),
        TypeProto {
            optional_type: Some(_),
            ..
        } => return Err(refused_type("optional")),
        _ => return Err(refused_type("no type at all")),
    };
    let element =
        element(tensor.elem_type).ok_or_else(|| refused_type(&type_name(tensor.elem_type)))?;
    let shape = match &tensor.shape {
        Some(shape) if shape.dim.len() > shape::MAX_RANK => {
            return Err(Refused::Value {
                value: value(),
                problem: format!("has {} dimensions: take at most 16", shape.dim.len()),
            });
        }
        // Exporters write 0 and -1 for a dimension that is free, too.
        Some(shape) => shape
            .dim
            .iter()
            .map(|length| {
                let length = usize::try_from(length.dim_value?).ok()?;
                (length > 0).then_some(length)
            })
            .collect(),
        None => vec![None],
    };
    Ok(Some(Field {
        name: proto.name.clone(),
        element,
        shape,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proto(data_type: i32, dims: &[i64]) -> TensorProto {
        TensorProto {
            dims: dims.to_vec(),
            data_type,
            name: "weights".to_owned(),
            ..TensorProto::default()
        }
    }

    #[test]
    fn data_is_raw_or_in_fields() {
        let mut raw = proto(number::FLOAT, &[2]);
        raw.raw_data = Some([1.5_f32.to_le_bytes(), (-2.0_f32).to_le_bytes()].concat());
        assert_eq!(tensor(&raw), Ok(Tensor::list(vec![1.5_f32, -2.0])));
        let mut fields = proto(number::FLOAT, &[2, 1]);
        fields.float_data = vec![1.5, -2.0];
        fields.raw_data = Some(Vec::new());
        assert_eq!(
            tensor(&fields),
            Ok(Tensor::new(vec![2, 1], vec![1.5_f32, -2.0]))
        );
        let mut small = proto(number::INT8, &[2]);
        small.raw_data = Some(vec![0xff, 1]);
        assert_eq!(tensor(&small), Ok(Tensor::list(vec![-1_i32, 1])));
        let mut text = proto(number::STRING, &[1]);
        text.string_data = vec!["Zürich".into()];
        assert_eq!(
            tensor(&text),
            Ok(Tensor::list(vec![Arc::<str>::from("Zürich")]))
        );
        assert_eq!(
            tensor(&proto(number::INT64, &[0])),
            Ok(Tensor::list(Vec::<i64>::new()))
        );
    }

    #[test]
    fn claims_are_checked() {
        let mut short = proto(number::FLOAT, &[3]);
        short.raw_data = Some(vec![0; 8]);
        for claim in [
            short.clone(),
            proto(number::FLOAT, &[1 << 40, 1 << 40]),
            proto(number::FLOAT, &[-1]),
            proto(number::FLOAT, &[i64::MAX]),
            proto(number::FLOAT, &[1; 30]),
            TensorProto {
                raw_data: Some(vec![0; 7]),
                ..short.clone()
            },
            TensorProto {
                data_type: number::STRING,
                ..short.clone()
            },
        ] {
            assert!(
                matches!(tensor(&claim), Err(Refused::Tensor { .. })),
                "{claim:?}"
            );
        }
        assert!(matches!(
            tensor(&proto(10, &[1])),
            Err(Refused::Type { .. })
        ));
    }

    #[test]
    fn data_outside_of_the_file_is_refused() {
        let mut outside = proto(number::FLOAT, &[1]);
        outside.data_location = EXTERNAL;
        let mut named = proto(number::FLOAT, &[1]);
        named.external_data = vec![Vec::new()];
        for proto in [outside, named] {
            assert_eq!(
                tensor(&proto),
                Err(Refused::ExternalData {
                    tensor: "`weights`".to_owned()
                })
            );
        }
    }
}
