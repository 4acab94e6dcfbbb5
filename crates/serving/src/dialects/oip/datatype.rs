use super::data::Element;

pub use model::Datatype;

/// A datatype as binary data has it.
pub(super) trait InBytes {
    /// Bytes of an element; of text, those that tell its length.
    fn size(self) -> usize;

    /// The element in these bytes, which are as many as [`Self::size`] says.
    fn element(self, bytes: &[u8]) -> Element<'_>;
}

impl InBytes for Datatype {
    fn size(self) -> usize {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => 1,
            Self::Uint16 | Self::Int16 | Self::Fp16 => 2,
            Self::Uint32 | Self::Int32 | Self::Fp32 | Self::Bytes => 4,
            Self::Uint64 | Self::Int64 | Self::Fp64 => 8,
        }
    }

    fn element(self, bytes: &[u8]) -> Element<'_> {
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
}
