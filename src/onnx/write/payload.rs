//! Elements of tensors as the bytes of `raw_data`.

use crate::tensor::{ElementType, Elements, Tensor, half};
use hwmodel::cast::{low, nearest_f32};

/// The elements of `tensor`, little-endian, those of fewer than 8 bits packed from the low bits on.
pub(super) fn bytes(tensor: &Tensor) -> Vec<u8> {
    match (tensor.elements(), tensor.element()) {
        (Elements::Float32(values), ElementType::Float16) => {
            values.iter().flat_map(|&value| half::float16_bits(value).to_le_bytes()).collect()
        }
        (Elements::Float32(values), ElementType::BFloat16) => {
            let bits = |value| half::nearest_bfloat16(value).to_bits() >> 16;
            values.iter().flat_map(|&value| low::<u16>(bits(value)).to_le_bytes()).collect()
        }
        (Elements::Float32(values), _) => {
            values.iter().flat_map(|value| value.to_le_bytes()).collect()
        }
        (Elements::Float64(values), ElementType::Float64) => {
            values.iter().flat_map(|value| value.to_le_bytes()).collect()
        }
        (Elements::Float64(values), _) => {
            values.iter().flat_map(|&value| nearest_f32(value).to_le_bytes()).collect()
        }
        (Elements::Integers(values), element) => integers(values, element.stored_bits()),
    }
}

/// The low `bits` bits of every integer.
fn integers(values: &[i64], bits: usize) -> Vec<u8> {
    if bits >= 8 {
        return values
            .iter()
            .flat_map(|value| value.to_le_bytes().into_iter().take(bits / 8))
            .collect();
    }
    let packed = values.chunks(8 / bits).map(|values| {
        let fields = values.iter().enumerate();
        fields.fold(0u8, |byte, (place, &value)| {
            byte | (low::<u8>(value) & ((1 << bits) - 1)) << (place * bits)
        })
    });
    packed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn bytes_are_little_endian_and_narrow_integers_packed() {
        let of = |element, values: &[i64]| {
            let elements = Elements::Integers(Arc::new(values.to_vec()));
            bytes(&Tensor::new(vec![values.len()], element, elements).unwrap())
        };
        assert_eq!(of(ElementType::Int16, &[-2, 258]), [0xfe, 0xff, 2, 1]);
        assert_eq!(of(ElementType::UInt8, &[255]), [255]);
        assert_eq!(of(ElementType::Int4, &[-8, 7, 3]), [0x78, 0x03]);
        assert_eq!(of(ElementType::Int2, &[0, -2, -1, 1, -1]), [0x78, 0x03]);
        let float = |element, value| {
            let elements = Elements::Float32(Arc::new(vec![value]));
            bytes(&Tensor::new(vec![1], element, elements).unwrap())
        };
        assert_eq!(float(ElementType::Float16, 1.0), [0, 0x3c]);
        assert_eq!(float(ElementType::BFloat16, 1.0), [0x80, 0x3f]);
        assert_eq!(float(ElementType::Float32, 1.0), [0, 0, 0x80, 0x3f]);
    }
}
