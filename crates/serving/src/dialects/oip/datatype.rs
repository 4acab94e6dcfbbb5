use domain::datasets::ColumnType;

use super::data::Element;

/// Of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    const ALL: [Self; 13] = [
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

    pub(super) fn from_text(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|datatype| datatype.as_str() == text)
    }

    /// The one that holds every value of the input.
    pub fn of(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Integer => Self::Int64,
            ColumnType::Float => Self::Fp64,
            ColumnType::Boolean => Self::Bool,
            ColumnType::String => Self::Bytes,
        }
    }

    /// Whether an input of this kind may come in it.
    pub(super) fn suits(self, kind: ColumnType) -> bool {
        match kind {
            ColumnType::Boolean => self == Self::Bool,
            ColumnType::String => self == Self::Bytes,
            ColumnType::Integer | ColumnType::Float => !matches!(self, Self::Bool | Self::Bytes),
        }
    }

    /// Bytes of an element as binary data; of text, those that tell its length.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => 1,
            Self::Uint16 | Self::Int16 | Self::Fp16 => 2,
            Self::Uint32 | Self::Int32 | Self::Fp32 | Self::Bytes => 4,
            Self::Uint64 | Self::Int64 | Self::Fp64 => 8,
        }
    }

    /// The least and the largest whole number; `None` for what holds no whole numbers alone.
    pub(super) fn whole_range(self) -> Option<(i128, i128)> {
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
    pub(super) fn largest(self) -> f64 {
        match self {
            Self::Fp16 => 65504.0,
            Self::Fp32 => f32::MAX.into(),
            _ => f64::MAX,
        }
    }

    /// The element in these bytes, which are as many as [`Self::size`] says.
    pub(super) fn element(self, bytes: &[u8]) -> Element<'_> {
        match self {
            Self::Bool => match bytes {
                [0] => Element::Boolean(false),
                [1] => Element::Boolean(true),
                _ => Element::Whole(u8::from_le_bytes(first(bytes)).into()),
            },
            Self::Uint8 => Element::Whole(u8::from_le_bytes(first(bytes)).into()),
            Self::Uint16 => Element::Whole(u16::from_le_bytes(first(bytes)).into()),
            Self::Uint32 | Self::Bytes => Element::Whole(u32::from_le_bytes(first(bytes)).into()),
            Self::Uint64 => Element::Whole(u64::from_le_bytes(first(bytes)).into()),
            Self::Int8 => Element::Whole(i8::from_le_bytes(first(bytes)).into()),
            Self::Int16 => Element::Whole(i16::from_le_bytes(first(bytes)).into()),
            Self::Int32 => Element::Whole(i32::from_le_bytes(first(bytes)).into()),
            Self::Int64 => Element::Whole(i64::from_le_bytes(first(bytes)).into()),
            Self::Fp16 => Element::Float(half(u16::from_le_bytes(first(bytes)))),
            Self::Fp32 => Element::Float(f32::from_le_bytes(first(bytes)).into()),
            Self::Fp64 => Element::Float(f64::from_le_bytes(first(bytes))),
        }
    }
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

/// IEEE 754 binary16: a sign, 5 bits of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction > 0.0 => f64::NAN,
        31 => f64::INFINITY,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    sign * magnitude
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_as_the_standard_has_it() {
        for (bits, number) in [
            (0x0000, 0.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x03ff, 6.097_555_160_522_461e-5),
            (0x0400, 6.103_515_625e-5),
            (0x3555, 0.333_251_953_125),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits).to_bits(), f64::to_bits(number), "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan() && half(0x7c01).is_nan());
    }

    #[test]
    fn every_datatype_is_known_by_its_name() {
        for datatype in Datatype::ALL {
            assert_eq!(Datatype::from_text(datatype.as_str()), Some(datatype));
        }
        for unknown in ["", "FP", "fp64", "BF16", "STRING", "FP640"] {
            assert_eq!(Datatype::from_text(unknown), None);
        }
    }
}
