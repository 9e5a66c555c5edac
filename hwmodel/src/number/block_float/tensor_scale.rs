//! One ⟨WL, FL⟩ a tensor with FL from its extremes: dynamic fixed point, the quantiser of MuPPET.

use super::{BlockFloatError, check_finite, floor_log2};
use crate::kernels::SimdLevel;
use crate::number::format::{Format, MAX_FRACTIONAL_LENGTH};
use crate::number::quantise::{QuantiseCounts, quantise};
use crate::number::rounding::Rounding;
use crate::number::tensor::RawData;
use crate::parallel;
use crate::random::RandomAddress;

/// ⟨`wl`, FL⟩ whose range just holds the extremes of `x` (papers/muppet.md section 2.2).
///
/// FL = ⌊log2 min(|(2^(WL-1) - ½) / max x|, |(-2^(WL-1) - ½) / min x|)⌋ with the ratios in float32 as in
/// the authors' code, FL = 0 for a tensor of zeros or without elements. FL is limited to what
/// [`Format`] allows, ±64.
///
/// ```
/// use hwmodel::number::block_float::tensor_format;
/// assert_eq!(tensor_format(&[0.3, -1.25, 0.7], 8)?.fl(), 6);
/// assert_eq!(tensor_format(&[-1.0, 0.25], 8)?.fl(), 7);
/// # Ok::<(), hwmodel::number::block_float::BlockFloatError>(())
/// ```
///
/// # Errors
/// If `wl` is not 1 to 32 bits or an element is NaN or infinite.
pub fn tensor_format(x: &[f32], wl: u32) -> Result<Format, BlockFloatError> {
    let zero = Format::new(wl, 0)?;
    let Extremes { largest, min, max } = Extremes::of(x);
    check_finite(x, largest)?;
    if largest == 0 {
        return Ok(zero);
    }
    let half_range = (1u32 << (wl - 1)) as f32;
    // A zero extreme gives ∞, which the other one, being no zero, is never above.
    let ratio = ((half_range - 0.5) / max).abs().min(((-half_range - 0.5) / min).abs());
    let fl = if ratio.is_finite() { floor_log2(ratio.to_bits()) } else { MAX_FRACTIONAL_LENGTH };
    Ok(Format::new(wl, fl.clamp(-MAX_FRACTIONAL_LENGTH, MAX_FRACTIONAL_LENGTH))?)
}

/// The extremes of floats, and the bits of their largest magnitude, which tell what is not finite.
struct Extremes {
    largest: u32,
    min: f32,
    max: f32,
}

impl Extremes {
    const NONE: Self = Self { largest: 0, min: f32::INFINITY, max: f32::NEG_INFINITY };

    fn of(x: &[f32]) -> Self {
        parallel::map(x.chunks(1 << 14), Self::of_chunk).into_iter().fold(Self::NONE, Self::or)
    }

    /// Of NaN the extremes mean nothing.
    fn of_chunk(x: &[f32]) -> Self {
        let mut lanes = [Self::NONE; 16];
        for group in x.chunks(lanes.len()) {
            for (lane, &x) in lanes.iter_mut().zip(group) {
                lane.largest = lane.largest.max(x.to_bits() & 0x7fff_ffff);
                lane.min = if x < lane.min { x } else { lane.min };
                lane.max = if x > lane.max { x } else { lane.max };
            }
        }
        lanes.into_iter().fold(Self::NONE, Self::or)
    }

    fn or(self, other: Self) -> Self {
        Self {
            largest: self.largest.max(other.largest),
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}

/// Quantises `x` to `wl` bits with the FL of [`tensor_format`]: raw = saturate(round(x · 2^FL)).
///
/// Unlike the authors' code, which lets an extreme that rounds up leave the word by one, the result is
/// saturated (and counted). Nearest is nearest even there.
///
/// # Errors
/// As [`tensor_format`].
pub fn quantise_scaled(
    simd: SimdLevel,
    x: &[f32],
    wl: u32,
    rounding: Rounding,
    address: RandomAddress,
) -> Result<(RawData, Format, QuantiseCounts), BlockFloatError> {
    let format = tensor_format(x, wl)?;
    let (raw, counts) = quantise(simd, x, format, rounding, address)?;
    Ok((raw, format, counts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::quantise::NotANumber;
    use crate::random::Role;

    const ADDRESS: RandomAddress = RandomAddress::new(1, 2, 3, Role::Weight);

    fn nearest(x: &[f32], wl: u32) -> (i32, Vec<i32>) {
        let simd = SimdLevel::best();
        let (raw, format, _) =
            quantise_scaled(simd, x, wl, Rounding::NearestEven, ADDRESS).unwrap();
        assert_eq!(format.wl(), wl);
        (format.fl(), raw.to_i32())
    }

    /// papers/muppet.md section 8.1.
    #[test]
    fn worked_examples() {
        let x = [0.30, -1.25, 0.0125, 0.7, -0.004];
        assert_eq!(nearest(&x, 8), (6, vec![19, -80, 1, 45, 0]));
        assert_eq!(nearest(&x, 12), (10, vec![307, -1280, 13, 717, -4]));
        assert_eq!(nearest(&x, 16), (14, vec![4915, -20480, 205, 11469, -66]));
        assert_eq!(nearest(&[-1.0, 0.25], 8), (7, vec![-128, 32]));
        assert_eq!(nearest(&[1.0, -0.25], 8), (6, vec![64, -16]));
        assert_eq!(nearest(&[0.5, 0.02], 8), (7, vec![64, 3]));
        assert_eq!(nearest(&[-0.5, -0.02], 8), (8, vec![-128, -5]));
        assert_eq!(nearest(&[0.0, 0.0], 8), (0, vec![0, 0]));
        assert_eq!(nearest(&[127.6, 0.0], 8), (-1, vec![64, 0]));
        assert_eq!(nearest(&[-128.5, 0.0], 8), (0, vec![-128, 0]));
        assert_eq!(nearest(&[-128.6, 0.0], 8), (-1, vec![-64, 0]));
        assert_eq!(nearest(&[3e-5, -1.1e-4, 7e-6], 8), (20, vec![31, -115, 7]));
        assert_eq!(nearest(&[3e-5, -1.1e-4, 7e-6], 12), (24, vec![503, -1845, 117]));
        for (wl, fl) in [(8, 6), (12, 10), (14, 12), (16, 14)] {
            assert_eq!(tensor_format(&[1.0, -1.0], wl).unwrap().fl(), fl);
        }
    }

    #[test]
    fn an_extreme_that_rounds_up_saturates() {
        let (rounding, simd) = (Rounding::NearestEven, SimdLevel::best());
        let (raw, _, counts) = quantise_scaled(simd, &[127.5, 0.0], 8, rounding, ADDRESS).unwrap();
        assert_eq!((raw.to_i32(), counts.saturated_high), (vec![127, 0], 1));
    }

    #[test]
    fn scales_beyond_the_format_are_limited() {
        assert_eq!(tensor_format(&[1e-40], 8).unwrap().fl(), 64);
        assert_eq!(tensor_format(&[f32::MAX], 8).unwrap().fl(), -64);
        assert_eq!(tensor_format(&[f32::MAX], 1).unwrap().fl(), -64);
        assert_eq!(tensor_format(&[], 8).unwrap().fl(), 0);
    }

    #[test]
    fn every_word_length_holds_the_extremes() {
        for wl in 1..=32 {
            for x in [[0.7f32, -0.1], [0.1, -0.7], [3.0, -3.0], [1e-9, -1e9], [5.0, 0.0]] {
                let format = tensor_format(&x, wl).unwrap();
                let (low, high) = (f64::from(x[1]), f64::from(x[0]));
                // Half a step beyond the range at most, and no finer scale would do. A float32
                // cannot hold the half step of a word of more than 24 bits.
                let slack = if wl > 23 { 1.0 } else { 0.5 } * format.step();
                assert!(high <= format.max_value() + slack && low >= format.min_value() - slack);
                let finer = Format::new(wl, format.fl() + 1).unwrap();
                let half = 0.5 * finer.step();
                assert!(high >= finer.max_value() + half || low <= finer.min_value() - half);
            }
        }
    }

    #[test]
    fn what_has_no_scale_is_an_error() {
        assert!(matches!(tensor_format(&[1.0], 0), Err(BlockFloatError::Format(_))));
        assert!(matches!(tensor_format(&[1.0], 33), Err(BlockFloatError::Format(_))));
        let infinite = BlockFloatError::Infinite { index: 1 };
        assert_eq!(tensor_format(&[1.0, f32::INFINITY], 8), Err(infinite));
        let nan = BlockFloatError::NotANumber(NotANumber { index: 0 });
        assert_eq!(tensor_format(&[f32::NAN, 1.0], 8), Err(nan));
    }
}
