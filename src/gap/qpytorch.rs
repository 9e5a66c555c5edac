//! QPyTorch's quantiser of fixed point, on float32 as QPyTorch 0.3.0 computes it on a CPU.

use hwmodel::Format;

/// `fixed_point_quantize(x, wl, fl, clamp=True, symmetric=False, rounding="nearest")` as an integer
/// in units of 2^-FL; `None` for NaN.
///
/// The steps (golden/README.md), each rounded to float32 unless noted: a = x·2^FL; s = a + 0.5, which
/// loses bits of large and tiny a; q = nearest-even integer of s - 0.5 in float64; y = q·2^-FL; y
/// limited to [-2^(WL-FL-1), 2^(WL-FL-1) - 2^-FL] in float32, whose upper end is one step too large
/// for WL ≥ 26.
pub(super) fn quantise_nearest(x: f32, format: Format) -> Option<i64> {
    if x.is_nan() {
        return None;
    }
    let (scale, step) = (format.scale(), format.step());
    let scaled = (f64::from(x) * scale) as f32;
    let shifted = scaled + 0.5;
    let rounded = (f64::from(shifted) - 0.5).round_ties_even();
    let y = (rounded * step) as f32;
    let lowest = format.min_value() as f32;
    let highest = (-f64::from(lowest) - step) as f32;
    Some((f64::from(y.clamp(lowest, highest)) * scale) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantise(x: f32, wl: u32, fl: i32) -> Option<i64> {
        quantise_nearest(x, Format::new(wl, fl).unwrap())
    }

    #[test]
    fn known_deviations_from_exact_rounding() {
        // Ties go to the even integer.
        assert_eq!([0.5, 1.5, -2.5].map(|x| quantise(x, 8, 0)), [Some(0), Some(2), Some(-2)]);
        // 0.5 and one unit in the last place: the addition of 0.5 loses it upward, not downward.
        let above = f32::from_bits(0.5f32.to_bits() + 1);
        assert_eq!([above, -above].map(|x| quantise(x, 8, 0)), [Some(0), Some(-1)]);
        // Integers above 2^23 are changed.
        assert_eq!(quantise(8_388_609.0, 32, 0), Some(8_388_610));
        assert_eq!(quantise(16_777_215.0, 32, 0), Some(16_777_216));
        // From 26 bits on the upper end is 2^(WL-1).
        assert_eq!(quantise(f32::INFINITY, 25, 0), Some((1 << 24) - 1));
        assert_eq!(quantise(f32::INFINITY, 26, 0), Some(1 << 25));
        assert_eq!(quantise(f32::NAN, 8, 0), None);
    }

    /// Every nearest row of the golden file, whose results QPyTorch itself computed.
    #[test]
    fn qpytorch_agrees() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/quant_fixed.csv");
        let text = std::fs::read_to_string(path).unwrap();
        let mut compared = 0;
        for line in text.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            if cells[0] != "n" {
                continue;
            }
            let x = f32::from_bits(u32::from_str_radix(cells[3], 16).unwrap());
            let expected = cells[8].parse().ok();
            let (wl, fl) = (cells[1].parse().unwrap(), cells[2].parse().unwrap());
            assert_eq!(quantise(x, wl, fl), expected, "{line}");
            compared += 1;
        }
        assert!(compared > 2000, "{compared} rows");
    }
}
