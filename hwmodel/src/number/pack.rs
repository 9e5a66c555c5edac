//! Bit-packed memory images: words of WL bits without gaps, as SRAM and DRAM hold them.
//!
//! Element i occupies bits i·WL to i·WL + WL - 1; bit b of the image is bit b mod 8 (the lowest first)
//! of byte ⌊b / 8⌋. The last byte is filled up with zeros.

use crate::kernels::StoredInteger;
use crate::number::format::Format;
use crate::number::tensor::RawData;
use crate::with_raw;
use bitvec::prelude::*;

/// Error of a memory image whose size does not match its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{elements} words of {wl} bits need {needed} bytes, the memory image has {given}")]
pub struct ImageSize {
    /// Words expected.
    pub elements: usize,
    /// Word length in bits.
    pub wl: u32,
    /// Bytes needed.
    pub needed: usize,
    /// Bytes given.
    pub given: usize,
}

/// Size of the image of `elements` words of `wl` bits, in bytes.
pub fn image_bytes(elements: usize, wl: u32) -> usize {
    (elements * wl as usize).div_ceil(8)
}

/// Packs raw integers of `format` into a memory image.
///
/// ```
/// use hwmodel::{Format, RawData};
/// use hwmodel::number::pack;
/// let format = Format::new(4, 0)?;
/// let image = pack::pack(&RawData::I8(vec![1, -1, 7]), format);
/// assert_eq!(image, [0xf1, 0x07]);
/// assert_eq!(pack::unpack(&image, format, 3)?, RawData::I8(vec![1, -1, 7]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pack(data: &RawData, format: Format) -> Vec<u8> {
    let wl = format.wl() as usize;
    let mut image = vec![0u8; image_bytes(data.len(), format.wl())];
    let bits = image.view_bits_mut::<Lsb0>();
    with_raw!(data, raw => for (word, &value) in bits.chunks_mut(wl).zip(raw) {
        let low = value.to_i64().cast_unsigned() & (u64::MAX >> (64 - wl));
        word.store_le(low);
    });
    image
}

/// Unpacks `elements` raw integers of `format` from a memory image.
///
/// # Errors
/// If the image does not have the size of that many words.
pub fn unpack(image: &[u8], format: Format, elements: usize) -> Result<RawData, ImageSize> {
    let needed = image_bytes(elements, format.wl());
    if image.len() != needed {
        return Err(ImageSize { elements, wl: format.wl(), needed, given: image.len() });
    }
    let wl = format.wl() as usize;
    let mut data = RawData::zeros(format, elements);
    let bits = image.view_bits::<Lsb0>();
    with_raw!(&mut data, raw => for (word, value) in bits.chunks(wl).zip(raw) {
        let low: u64 = word.load_le();
        let high = low << (64 - wl);
        let raw = if format.is_signed() {
            high.cast_signed() >> (64 - wl)
        } else {
            (high >> (64 - wl)).cast_signed()
        };
        *value = StoredInteger::from_i64(raw);
    });
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn images_equal_shift_and_mask(
            raw in proptest::collection::vec(any::<i32>(), 0..40), wl in 1u32..=32, signed: bool,
        ) {
            let format = if signed { Format::new(wl, 0) } else { Format::unsigned(wl, 0) }.unwrap();
            let word = |raw: i32| {
                if signed { i64::from(raw >> (32 - wl)) } else { i64::from(raw as u32 >> (32 - wl)) }
            };
            let raw: Vec<i64> = raw.into_iter().map(word).collect();
            let tensor = crate::FixedTensor::from_raw(&[raw.len()], format, &raw).unwrap();
            let mut expected = vec![0u8; (raw.len() * wl as usize).div_ceil(8)];
            for (i, raw) in raw.iter().enumerate() {
                for bit in 0..wl as usize {
                    let at = i * wl as usize + bit;
                    expected[at / 8] |= ((raw >> bit & 1) as u8) << (at % 8);
                }
            }
            let image = pack(tensor.data(), format);
            prop_assert_eq!(&image, &expected);
            prop_assert_eq!(&unpack(&image, format, raw.len()).unwrap(), tensor.data());
        }
    }

    #[test]
    fn a_short_image_is_an_error() {
        let error = unpack(&[0; 3], Format::new(12, 0).unwrap(), 3).unwrap_err();
        assert_eq!(error.to_string(), "3 words of 12 bits need 5 bytes, the memory image has 3");
    }
}
