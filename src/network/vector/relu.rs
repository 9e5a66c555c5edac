//! max(x, 0) of integers or floats, also cut at an upper bound.
//!
//! On raw integers of one format it keeps the format and needs no quantiser. The backward pass reads
//! the stored output: where it is positive and below the bound the gradient passes, elsewhere it is zero.
//! The output has to be kept for the next layer anyway, so no separate mask is stored.

use crate::network::vector::length::{LengthError, check_length};
use hwmodel::{RawData, SimdLevel, with_raw};
use num_traits::{AsPrimitive, Zero};
use rayon::prelude::*;

/// Elements a thread handles at a time.
const CHUNK: usize = 1 << 16;

/// x, or 0 where it is not positive; a NaN stays, so that it is not hidden.
#[inline(always)]
fn rectified<T: Copy + PartialOrd + Zero>(x: T) -> T {
    if x <= T::zero() { T::zero() } else { x }
}

/// x ← max(x, 0), cut at `bound` if there is one.
pub fn relu_in_place<T>(simd: SimdLevel, x: &mut [T], bound: Option<T>)
where
    T: Copy + PartialOrd + Zero + Send + Sync,
{
    x.par_chunks_mut(CHUNK).for_each(|x| {
        simd.run(
            #[inline(always)]
            || match bound {
                None => x.iter_mut().for_each(|x| *x = rectified(*x)),
                Some(bound) => x.iter_mut().for_each(|x| {
                    let positive = rectified(*x);
                    *x = if positive > bound { bound } else { positive };
                }),
            },
        );
    });
}

/// [`relu_in_place`] of raw integers; the bound is one that their format has.
pub fn relu_raw(simd: SimdLevel, x: &mut RawData, bound: Option<i32>) {
    with_raw!(x, x => relu_in_place(simd, x, bound.map(AsPrimitive::as_)));
}

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
    bound: Option<i32>,
    gradient: &mut [f32],
) -> Result<(), LengthError> {
    with_raw!(output, output => {
        relu_backward(simd, output, bound.map(AsPrimitive::as_), gradient)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_raw_integer_of_eight_bits() {
        let simd = SimdLevel::best();
        let all: Vec<i8> = (i8::MIN..=i8::MAX).collect();
        for bound in [None, Some(96), Some(6), Some(0)] {
            let mut data = RawData::I8(all.clone());
            relu_raw(simd, &mut data, bound);
            let most = bound.map_or(i8::MAX, |bound| bound as i8);
            let want: Vec<i8> = all.iter().map(|&x| x.clamp(0, most)).collect();
            assert_eq!(data, RawData::I8(want.clone()), "{bound:?}");
            let mut gradient = vec![-2.5f32; 256];
            relu_backward_raw(simd, &data, bound, &mut gradient).unwrap();
            for (&gradient, &y) in gradient.iter().zip(&want) {
                let passes = y > 0 && bound.is_none_or(|bound| i32::from(y) < bound);
                assert_eq!(gradient, if passes { -2.5 } else { 0.0 }, "{bound:?}, y = {y}");
            }
        }
    }

    #[test]
    fn floats_lose_the_sign_of_zero_and_keep_nan() {
        let mut x = [-1.0f32, -0.0, f32::MIN_POSITIVE, f32::INFINITY, f32::NAN, f32::NEG_INFINITY];
        let mut cut = x;
        relu_in_place(SimdLevel::best(), &mut x, None);
        assert_eq!(x[..4], [0.0, 0.0, f32::MIN_POSITIVE, f32::INFINITY]);
        assert!(x[1].is_sign_positive() && x[4].is_nan());
        assert_eq!(x[5], 0.0);
        relu_in_place(SimdLevel::best(), &mut cut, Some(6.0));
        assert_eq!(cut[..4], [0.0, 0.0, f32::MIN_POSITIVE, 6.0]);
        assert!(cut[4].is_nan());
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
