//! `block_quantize`.

use super::{Draws, QpytorchError, elements, round_bits};
use crate::number::block_float::{BlockAxis, Blocks};

/// QPyTorch's `block_quantize(x, wl, dim, rounding)` on float32; `axis` is `dim`, [`BlockAxis::Tensor`]
/// its -1.
///
/// With E the exponent of the block's largest magnitude, x + 6·2^E is rounded to float32, r (23 - WL random bits,
/// half of the step for nearest) is added to its bits, the lower ones are cut off and 6·2^E is
/// subtracted. Results of magnitude 2^(E+1) are cut to the largest one below. A block with NaN or ±∞
/// becomes NaN. Where 6·2^E overflows, from magnitudes of 2^126 on, every element becomes minus the
/// largest one: the sign is that of the NaN which ∞ - ∞ gives on x86.
///
/// ```
/// use hwmodel::number::block_float::BlockAxis;
/// use hwmodel::number::qpytorch::{Draws, block_quantize};
/// let y = block_quantize(&[1.5, 0.25, -0.25], &[3], 3, BlockAxis::Tensor, Draws::Nearest)?;
/// assert_eq!(y, [1.5, 0.5, 0.0]);
/// # Ok::<(), hwmodel::number::qpytorch::QpytorchError>(())
/// ```
///
/// # Errors
/// If `wl` is not 1 to 22 bits, `x` is not of `shape`, the axis does not exist, or the random integers are
/// not one an element and below 2^(23-wl).
pub fn block_quantize(
    x: &[f32],
    shape: &[usize],
    wl: u32,
    axis: BlockAxis,
    draws: Draws<'_>,
) -> Result<Vec<f32>, QpytorchError> {
    if !(1..=22).contains(&wl) {
        return Err(QpytorchError::WordLength(wl));
    }
    let blocks = Blocks::new(shape, axis, x.len())?;
    let exponents: Vec<u32> =
        blocks.largest_magnitudes(x).iter().map(|bits| bits & 0x7f80_0000).collect();
    let dropped = 23 - wl;
    elements(x, draws, (dropped, 1 << (dropped - 1)), |index, x, r| {
        quantise(x, exponents[blocks.of(index)], wl, r)
    })
}

/// One element of a block whose exponent field is `exponent`, at its place in the word.
fn quantise(x: f32, exponent: u32, wl: u32, r: u32) -> f32 {
    let base = f32::from_bits(exponent) * 6.0;
    let y = f32::from_bits(round_bits(x + base, wl, r)) - base;
    if y.to_bits() & 0x7f80_0000 <= exponent {
        return y;
    }
    // Mantissa bits dropped: a word has WL - 2 bits besides sign and leading one.
    let left_out = 25 - wl;
    let mantissa = if left_out <= 23 { 0x007f_ffff >> left_out << left_out } else { 0 };
    // Rust does not specify the sign of a new NaN.
    let sign = if y.is_nan() { 0x8000_0000 } else { y.to_bits() & 0x8000_0000 };
    f32::from_bits(sign | exponent | mantissa)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(x: &[f32], wl: u32) -> Vec<f32> {
        block_quantize(x, &[x.len()], wl, BlockAxis::Tensor, Draws::Nearest).unwrap()
    }

    #[test]
    fn stated_values() {
        // Step 2^(0+2-4) = ¼: ties toward +∞, results of ±2 cut to ±7 steps.
        let x = [1.99, -1.99, 0.125, -0.125, 0.375];
        assert_eq!(nearest(&x, 4), [1.75, -1.75, 0.25, 0.0, 0.5]);
        assert_eq!(nearest(&[1.0, 0.4, -1.9], 1), [1.0, 0.0, -1.0]);
        let largest = 2f32.powi(126) * (2.0 - 2f32.powi(-6));
        assert_eq!(nearest(&[2f32.powi(126), 1.0], 8), [-largest, -largest]);
        assert!(nearest(&[f32::NAN, 1.0], 8).iter().all(|y| y.is_nan()));
        assert!(nearest(&[f32::NEG_INFINITY, 1.0], 8).iter().all(|y| y.is_nan()));
    }

    #[test]
    fn blocks_along_an_axis() {
        let x = [1.0, 100.0, 0.3, 70.0];
        let axis = BlockAxis::Axis(1);
        let y = block_quantize(&x, &[2, 2], 3, axis, Draws::Nearest).unwrap();
        // Steps ½ and 2^(6+2-3) = 32.
        assert_eq!(y, [1.0, 96.0, 0.5, 64.0]);
        let alone = block_quantize(&x, &[4], 3, BlockAxis::Axis(0), Draws::Nearest).unwrap();
        assert_eq!(alone, [1.0, 96.0, 0.25, 64.0]);
    }

    #[test]
    fn impossible_arguments() {
        for wl in [0, 23] {
            let result = block_quantize(&[1.0], &[1], wl, BlockAxis::Tensor, Draws::Nearest);
            assert_eq!(result, Err(QpytorchError::WordLength(wl)));
        }
        let result = block_quantize(&[1.0], &[2], 8, BlockAxis::Tensor, Draws::Nearest);
        assert!(matches!(result, Err(QpytorchError::Blocks(_))));
    }
}
