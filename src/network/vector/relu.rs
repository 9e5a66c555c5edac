//! The gradient of ReLU and ReLU6.
//!
//! It reads the stored output: where it is positive and below the bound the gradient passes, elsewhere it is zero. The
//! output has to be kept for the next layer anyway, so no separate mask is stored. A word that its format cut below the
//! bound passes the gradient, as in ReLU.

use hwmodel::elementwise::{LengthError, check_length};
use hwmodel::{RawData, SimdLevel, with_raw};
use num_traits::{Zero, cast};
use rayon::prelude::*;

/// Elements a thread handles at a time.
const CHUNK: usize = 1 << 16;

/// gradient ← gradient where the layer's output is positive, and below `bound` if there is one, else 0.
///
/// `output` is what the forward pass stored, in any element type.
///
/// # Errors
/// If the lengths differ.
pub fn relu_backward<T>(
    simd: SimdLevel,
    output: &[T],
    bound: Option<T>,
    gradient: &mut [f32],
) -> Result<(), LengthError>
where
    T: Copy + PartialOrd + Zero + Send + Sync,
{
    check_length("gradient of ReLU", gradient.len(), output.len())?;
    output.par_chunks(CHUNK).zip(gradient.par_chunks_mut(CHUNK)).for_each(|(output, gradient)| {
        simd.run(
            #[inline(always)]
            || {
                let pairs = output.iter().zip(gradient);
                match bound {
                    None => pairs.for_each(|(&output, gradient)| {
                        *gradient = if output > T::zero() { *gradient } else { 0.0 };
                    }),
                    Some(bound) => pairs.for_each(|(&output, gradient)| {
                        let inside = output > T::zero() && output < bound;
                        *gradient = if inside { *gradient } else { 0.0 };
                    }),
                }
            },
        );
    });
    Ok(())
}

/// [`relu_backward`] with the output, and the bound, as raw integers.
///
/// # Errors
/// If the lengths differ.
pub fn relu_backward_raw(
    simd: SimdLevel,
    output: &RawData,
    bound: Option<i64>,
    gradient: &mut [f32],
) -> Result<(), LengthError> {
    with_raw!(output, output => {
        relu_backward(simd, output, bound.and_then(cast), gradient)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_output_of_eight_bits() {
        let outputs: Vec<i8> = (0..=i8::MAX).collect();
        for bound in [None, Some(96), Some(6), Some(0)] {
            let mut gradient = vec![-2.5f32; outputs.len()];
            let data = RawData::I8(outputs.clone());
            relu_backward_raw(SimdLevel::best(), &data, bound, &mut gradient).unwrap();
            for (&gradient, &y) in gradient.iter().zip(&outputs) {
                let passes = y > 0 && bound.is_none_or(|bound| i64::from(y) < bound);
                assert_eq!(gradient, if passes { -2.5 } else { 0.0 }, "{bound:?}, y = {y}");
            }
        }
    }

    #[test]
    fn a_masked_gradient_is_zero_even_if_it_was_not_finite() {
        let mut gradient = [f32::NAN, f32::INFINITY, 3.0];
        relu_backward(SimdLevel::best(), &[0i16, 0, 1], None, &mut gradient).unwrap();
        assert_eq!(gradient, [0.0, 0.0, 3.0]);
        relu_backward(SimdLevel::best(), &[5.5f32, 6.0, 6.0], Some(6.0), &mut gradient).unwrap();
        assert_eq!(gradient, [0.0, 0.0, 0.0]);
    }

    #[test]
    fn wrong_lengths_are_errors() {
        assert!(relu_backward(SimdLevel::best(), &[1i8], None, &mut [1.0f32, 2.0]).is_err());
    }
}
