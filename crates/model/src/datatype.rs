use domain::datasets::ColumnType;
use serde::{Deserialize, Serialize};

/// Of a tensor's elements, as the Open Inference Protocol names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Datatype {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp16,
    Fp32,
    Fp64,
    /// Text, in UTF-8.
    Bytes,
}

impl Datatype {
    pub const ALL: [Self; 13] = [
        Self::Bool,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Fp16,
        Self::Fp32,
        Self::Fp64,
        Self::Bytes,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp16 => "FP16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }

    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|datatype| datatype.as_str() == text)
    }

    /// The one that holds every value of the input.
    #[must_use]
    pub fn of(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Integer => Self::Int64,
            ColumnType::Float => Self::Fp64,
            ColumnType::Boolean => Self::Bool,
            ColumnType::String => Self::Bytes,
        }
    }

    /// The kind of input that it holds every value of.
    #[must_use]
    pub fn kind(self) -> ColumnType {
        match self {
            Self::Bool => ColumnType::Boolean,
            Self::Bytes => ColumnType::String,
            Self::Fp16 | Self::Fp32 | Self::Fp64 => ColumnType::Float,
            _ => ColumnType::Integer,
        }
    }

    /// Whether an input of this kind may come in it.
    #[must_use]
    pub fn suits(self, kind: ColumnType) -> bool {
        match kind {
            ColumnType::Boolean => self == Self::Bool,
            ColumnType::String => self == Self::Bytes,
            ColumnType::Integer | ColumnType::Float => !matches!(self, Self::Bool | Self::Bytes),
        }
    }

    /// The least and the largest whole number; `None` for what holds no whole numbers alone.
    #[must_use]
    pub fn whole_range(self) -> Option<(i128, i128)> {
        match self {
            Self::Uint8 => Some((0, u8::MAX.into())),
            Self::Uint16 => Some((0, u16::MAX.into())),
            Self::Uint32 => Some((0, u32::MAX.into())),
            Self::Uint64 => Some((0, u64::MAX.into())),
            Self::Int8 => Some((i8::MIN.into(), i8::MAX.into())),
            Self::Int16 => Some((i16::MIN.into(), i16::MAX.into())),
            Self::Int32 => Some((i32::MIN.into(), i32::MAX.into())),
            Self::Int64 => Some((i64::MIN.into(), i64::MAX.into())),
            Self::Bool | Self::Fp16 | Self::Fp32 | Self::Fp64 | Self::Bytes => None,
        }
    }

    /// The largest finite number of a floating-point datatype.
    #[must_use]
    pub fn largest(self) -> f64 {
        match self {
            Self::Fp16 => 65504.0,
            Self::Fp32 => f32::MAX.into(),
            _ => f64::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_datatype_is_known_by_its_name() {
        for datatype in Datatype::ALL {
            assert_eq!(Datatype::from_text(datatype.as_str()), Some(datatype));
            assert!(datatype.suits(datatype.kind()));
            let written = serde_json::to_string(&datatype).unwrap();
            assert_eq!(written, format!("\"{}\"", datatype.as_str()));
        }
        for unknown in ["", "FP", "fp64", "BF16", "STRING", "FP640"] {
            assert_eq!(Datatype::from_text(unknown), None);
        }
    }
}
