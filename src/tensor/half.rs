//! 16-bit floats: their bits, and rounding to them.

use super::ElementType;
use ::half::{bf16, f16};

/// The value of the binary16 with these bits.
pub fn float16(bits: u16) -> f32 {
    f16::from_bits(bits).to_f32()
}

/// The value of the bfloat16 with these bits.
pub fn bfloat16(bits: u16) -> f32 {
    bf16::from_bits(bits).to_f32()
}

/// The bfloat16 nearest to `value`, ties to even, as a float32.
pub fn nearest_bfloat16(value: f32) -> f32 {
    bf16::from_f32(value).to_f32()
}

/// The bits of the binary16 nearest to `value`, ties to even; exact for what [`float16`] gives.
pub fn float16_bits(value: f32) -> u16 {
    f16::from_f32(value).to_bits()
}

/// `value` rounded to a number of type `element`, ties to even; unchanged unless that is float16 or bfloat16.
///
/// ```
/// use hwsim::tensor::{ElementType, half::round_to};
/// assert_eq!(round_to(ElementType::Float16, 65520.0), f32::INFINITY);
/// assert_eq!(round_to(ElementType::BFloat16, 1.00390625), 1.0);
/// assert_eq!(round_to(ElementType::Float32, 0.1), 0.1);
/// ```
pub fn round_to(element: ElementType, value: f32) -> f32 {
    match element {
        ElementType::Float16 => float16(float16_bits(value)),
        ElementType::BFloat16 => nearest_bfloat16(value),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_binary16_are_read_and_written() {
        for bits in 0..=u16::MAX {
            let value = float16(bits);
            if value.is_nan() {
                assert_eq!(float16_bits(value) & 0x7c00, 0x7c00);
            } else {
                assert_eq!(float16_bits(value), bits, "{value}");
            }
        }
        assert_eq!(float16(0x3c00), 1.0);
        assert_eq!(float16(0xc000), -2.0);
        assert_eq!(float16(1), 2f32.powi(-24));
        assert_eq!(float16(0x7bff), 65504.0);
        assert_eq!(float16_bits(1.0 + 2f32.powi(-11)), 0x3c00, "a tie goes to even");
        assert_eq!(float16_bits(65519.0), 0x7bff);
        assert_eq!(float16_bits(65520.0), 0x7c00);
        assert_eq!(float16_bits(2f32.powi(-25)), 0);
        assert_eq!(bfloat16(0x3f80), 1.0);
        assert_eq!(nearest_bfloat16(1.0 + 2f32.powi(-8)), 1.0, "a tie goes to even");
        assert!(nearest_bfloat16(f32::NAN).is_nan());
    }

    #[test]
    fn rounding_keeps_signs_infinities_and_every_bfloat16() {
        for bits in 0..=u16::MAX {
            let value = bfloat16(bits);
            let same = nearest_bfloat16(value).to_bits() == value.to_bits();
            assert!(same || value.is_nan(), "{bits:#x}");
        }
        let half = |value| round_to(ElementType::Float16, value);
        assert_eq!(half(1.0 + 3.0 * 2f32.powi(-11)), 1.0 + 2f32.powi(-9));
        assert_eq!(half(1.5 * 2f32.powi(-25)), 2f32.powi(-24));
        assert_eq!(half(-0.0).to_bits(), (-0.0f32).to_bits());
        assert!(half(f32::NAN).is_nan());
        assert_eq!(nearest_bfloat16(f32::MAX), f32::INFINITY);
        assert_eq!(bfloat16(0xc040), -3.0);
    }
}
