//! Elements of tensors from the fields of their messages, or from bytes.
//!
//! `onnx.proto` gives a tensor either `raw_data` (little-endian, types of fewer than 8 bits packed from the low bits on) or
//! the list of its type: `float_data`, `double_data`, `int64_data`, `uint64_data` (uint32 too), or `int32_data` for all
//! others, where 16-bit floats are their bits and types of fewer than 8 bits are packed as in `raw_data`, a byte a number.

use super::{ElementType, Elements};
use crate::onnx::proto;
use crate::tensor::half;
use std::sync::Arc;

/// `count` elements of type `element` from the fields of `message`.
///
/// # Errors
/// Why they cannot be had, in words.
pub(super) fn of_message(
    element: ElementType,
    count: usize,
    message: &proto::Tensor,
) -> Result<Elements, String> {
    if !message.raw_data.is_empty() {
        return of_bytes(element, count, &message.raw_data);
    }
    let length = |found: usize, wanted: usize| match found == wanted {
        true => Ok(()),
        false => Err(format!("it has {found} elements, but its shape needs {wanted}")),
    };
    match element {
        ElementType::Float32 => {
            length(message.float_data.len(), count)?;
            Ok(Elements::Float32(Arc::new(message.float_data.clone())))
        }
        ElementType::Float64 => {
            length(message.double_data.len(), count)?;
            Ok(Elements::Float64(Arc::new(message.double_data.clone())))
        }
        ElementType::Int64 => {
            length(message.int64_data.len(), count)?;
            integers(element, message.int64_data.iter().map(|&value| Some(value)))
        }
        ElementType::UInt32 | ElementType::UInt64 => {
            length(message.uint64_data.len(), count)?;
            integers(element, message.uint64_data.iter().map(|&value| i64::try_from(value).ok()))
        }
        ElementType::Float16 | ElementType::BFloat16 => {
            length(message.int32_data.len(), count)?;
            let bits = message.int32_data.iter().map(|&bits| hwmodel::cast::low(bits));
            Ok(floats(element, bits))
        }
        ElementType::Int2 | ElementType::UInt2 | ElementType::Int4 | ElementType::UInt4 => {
            let bytes: Vec<u8> =
                message.int32_data.iter().map(|&byte| hwmodel::cast::low(byte)).collect();
            of_bytes(element, count, &bytes)
        }
        _ => {
            length(message.int32_data.len(), count)?;
            integers(element, message.int32_data.iter().map(|&value| Some(i64::from(value))))
        }
    }
}

/// `count` elements of type `element` from `bytes`, which are those of `raw_data` or of another file.
///
/// # Errors
/// Why they cannot be had, in words.
pub(super) fn of_bytes(
    element: ElementType,
    count: usize,
    bytes: &[u8],
) -> Result<Elements, String> {
    let needed = size(element, count).ok_or("its size is beyond 64 bits")?;
    if bytes.len() != needed {
        let found = bytes.len();
        return Err(format!("it has {found} bytes, but its shape needs {needed} ({element})"));
    }
    match element {
        ElementType::Float32 => {
            Ok(Elements::Float32(Arc::new(words(bytes).map(f32::from_le_bytes).collect())))
        }
        ElementType::Float64 => {
            Ok(Elements::Float64(Arc::new(words(bytes).map(f64::from_le_bytes).collect())))
        }
        ElementType::Float16 | ElementType::BFloat16 => {
            Ok(floats(element, words(bytes).map(u16::from_le_bytes)))
        }
        ElementType::Int64 => integers(element, words(bytes).map(|b| Some(i64::from_le_bytes(b)))),
        ElementType::UInt64 => {
            integers(element, words(bytes).map(|b| i64::try_from(u64::from_le_bytes(b)).ok()))
        }
        ElementType::Int32 => {
            integers(element, words(bytes).map(|b| Some(i32::from_le_bytes(b).into())))
        }
        ElementType::UInt32 => {
            integers(element, words(bytes).map(|b| Some(u32::from_le_bytes(b).into())))
        }
        ElementType::Int16 => {
            integers(element, words(bytes).map(|b| Some(i16::from_le_bytes(b).into())))
        }
        ElementType::UInt16 => {
            integers(element, words(bytes).map(|b| Some(u16::from_le_bytes(b).into())))
        }
        ElementType::Int8 => {
            integers(element, bytes.iter().map(|b| Some(i64::from(b.cast_signed()))))
        }
        ElementType::UInt8 => integers(element, bytes.iter().map(|&b| Some(i64::from(b)))),
        ElementType::Bool => integers(element, bytes.iter().map(|&b| Some(i64::from(b != 0)))),
        ElementType::Int4 => integers(element, packed(bytes, count, 4, true)),
        ElementType::UInt4 => integers(element, packed(bytes, count, 4, false)),
        ElementType::Int2 => integers(element, packed(bytes, count, 2, true)),
        ElementType::UInt2 => integers(element, packed(bytes, count, 2, false)),
    }
}

/// Bytes of `count` elements; `None` if that is too much for a number.
pub(super) fn size(element: ElementType, count: usize) -> Option<usize> {
    count.checked_mul(element.stored_bits()).map(|bits| bits.div_ceil(8))
}

/// Chunks of N bytes.
fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.as_chunks::<N>().0.iter().copied()
}

fn floats(element: ElementType, bits: impl Iterator<Item = u16>) -> Elements {
    let value = if element == ElementType::BFloat16 { half::bfloat16 } else { half::float16 };
    Elements::Float32(Arc::new(bits.map(value).collect()))
}

/// `count` integers of `bits` bits, the first in the lowest bits of the first byte.
fn packed(
    bytes: &[u8],
    count: usize,
    bits: usize,
    signed: bool,
) -> impl Iterator<Item = Option<i64>> + '_ {
    let each = 8 / bits;
    (0..count).map(move |index| {
        let field =
            i64::from(*bytes.get(index / each)? >> (bits * (index % each))) & ((1 << bits) - 1);
        let negative = signed && field >= 1 << (bits - 1);
        Some(if negative { field - (1 << bits) } else { field })
    })
}

/// Integers in the range of `element`.
fn integers(
    element: ElementType,
    values: impl Iterator<Item = Option<i64>>,
) -> Result<Elements, String> {
    let (low, high) = element.integer_range().unwrap_or((i64::MIN, i64::MAX));
    let within = |value: Option<i64>| value.filter(|value| (low..=high).contains(value));
    let values = values.map(within).collect::<Option<Vec<i64>>>();
    let values =
        values.ok_or_else(|| format!("it has an integer outside {low} to {high} ({element})"))?;
    Ok(Elements::Integers(Arc::new(values)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integers_of(elements: Elements) -> Vec<i64> {
        match elements {
            Elements::Integers(values) => values.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    fn of_int32(element: ElementType, count: usize, data: &[i32]) -> Result<Elements, String> {
        let message = proto::Tensor { int32_data: data.to_vec(), ..proto::Tensor::default() };
        of_message(element, count, &message)
    }

    #[test]
    fn narrow_integers_are_packed_from_the_low_bits_in_either_field() {
        // -8, 7, 3 and -1 as int4, and the fields of the same bytes as the other types.
        let (bytes, data) = ([0x78, 0xf3], [0x78, 0xf3]);
        let cases = [
            (ElementType::Int4, 3, vec![-8, 7, 3]),
            (ElementType::Int4, 4, vec![-8, 7, 3, -1]),
            (ElementType::UInt4, 4, vec![8, 7, 3, 15]),
            (ElementType::Int2, 7, vec![0, -2, -1, 1, -1, 0, -1]),
            (ElementType::UInt2, 8, vec![0, 2, 3, 1, 3, 0, 3, 3]),
        ];
        for (element, count, expected) in cases {
            let raw = of_bytes(element, count, &bytes).unwrap();
            assert_eq!(integers_of(raw), expected, "{element}");
            assert_eq!(
                integers_of(of_int32(element, count, &data).unwrap()),
                expected,
                "{element}"
            );
        }
        assert!(of_bytes(ElementType::Int4, 5, &bytes).is_err());
        assert!(of_bytes(ElementType::UInt2, 4, &bytes).is_err(), "a byte too many");
    }

    #[test]
    fn every_type_is_read_from_bytes() {
        let bytes: Vec<u8> = (0..8).map(|index| 0xf8 | index).collect();
        let cases = [
            (ElementType::Int8, vec![-8, -7, -6, -5, -4, -3, -2, -1]),
            (ElementType::UInt8, vec![248, 249, 250, 251, 252, 253, 254, 255]),
            (ElementType::Bool, vec![1; 8]),
            (ElementType::Int16, vec![-1544, -1030, -516, -2]),
            (ElementType::UInt16, vec![63992, 64506, 65020, 65534]),
            (ElementType::Int32, vec![-67_438_088, -66_052]),
            (ElementType::UInt32, vec![4_227_529_208, 4_294_901_244]),
            (ElementType::Int64, vec![i64::from_le_bytes(bytes.clone().try_into().unwrap())]),
        ];
        for (element, expected) in cases {
            let count = expected.len();
            assert_eq!(integers_of(of_bytes(element, count, &bytes).unwrap()), expected);
        }
        let error = of_bytes(ElementType::UInt64, 1, &bytes).unwrap_err();
        assert_eq!(error, "it has an integer outside 0 to 9223372036854775807 (uint64)");
        let doubles = of_bytes(ElementType::Float64, 1, &1.5f64.to_le_bytes()).unwrap();
        assert_eq!(doubles, Elements::Float64(Arc::new(vec![1.5])));
        let halves = of_bytes(ElementType::Float16, 2, &[0, 0x3c, 0, 0xc0]).unwrap();
        assert_eq!(halves, Elements::Float32(Arc::new(vec![1.0, -2.0])));
        let brains = of_int32(ElementType::BFloat16, 2, &[0x3f80, 0xc000]).unwrap();
        assert_eq!(brains, Elements::Float32(Arc::new(vec![1.0, -2.0])));
        for (element, _, _) in ElementType::ALL {
            assert!(of_bytes(element, 1 << 40, &bytes).is_err());
            assert!(of_bytes(element, 0, &[]).unwrap().is_empty());
        }
    }

    #[test]
    fn lists_have_the_length_of_the_shape_and_the_range_of_the_type() {
        let integers = of_int32(ElementType::Int8, 2, &[-128, 127]).unwrap();
        assert_eq!(integers_of(integers), [-128, 127]);
        let wide = of_int32(ElementType::UInt8, 1, &[256]).unwrap_err();
        assert_eq!(wide, "it has an integer outside 0 to 255 (uint8)");
        let short = of_int32(ElementType::Int32, 3, &[1, 2]).unwrap_err();
        assert_eq!(short, "it has 2 elements, but its shape needs 3");
        let message = proto::Tensor { uint64_data: vec![7, u64::MAX], ..proto::Tensor::default() };
        assert!(of_message(ElementType::UInt64, 2, &message).is_err());
        assert_eq!(
            of_bytes(ElementType::Float32, 2, &[0; 7]).unwrap_err(),
            "it has 7 bytes, but its shape needs 8 (float32)"
        );
    }
}
