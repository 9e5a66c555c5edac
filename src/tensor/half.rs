//! 16-bit floats as bits.

/// The value of the binary16 with these bits.
pub fn float16(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (u32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        // Subnormal: fraction · 2^-24.
        0 => sign * fraction * f32::from_bits((127 - 24) << 23),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1024.0 + fraction) * f32::from_bits((exponent + 127 - 25) << 23),
    }
}

/// The value of the bfloat16 with these bits.
pub fn bfloat16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The bfloat16 nearest to `value`, ties to even, as a float32.
pub fn nearest_bfloat16(value: f32) -> f32 {
    if !value.is_finite() {
        return value;
    }
    let bits = value.to_bits();
    let odd = bits >> 16 & 1;
    f32::from_bits((bits + 0x7fff + odd) & 0xffff_0000)
}

/// The bits of the binary16 nearest to `value`, ties to even; exact for what [`float16`] gives.
pub fn float16_bits(value: f32) -> u16 {
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    let magnitude = value.abs();
    if value.is_nan() {
        return sign | 0x7e00;
    }
    // From 65520 on the nearest is infinity.
    if magnitude >= 65520.0 {
        return sign | 0x7c00;
    }
    let exponent = (magnitude.to_bits() >> 23).cast_signed() - 127;
    let low = exponent.max(-14);
    // One unit in the last place is 2^(low - 10).
    let unit = f32::from_bits((low - 10 + 127).cast_unsigned() << 23);
    let units = hwmodel::cast::toward_zero::<u16>(f64::from((magnitude / unit).round_ties_even()));
    if low > exponent || magnitude == 0.0 {
        return sign | units;
    }
    // 1024 units are the hidden bit; 2048 carry into the exponent.
    let biased = hwmodel::cast::exact::<u16>(low + 15 - 1);
    sign | ((biased << 10) + units)
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
}
