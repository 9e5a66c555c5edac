//! max(x, 0) of integers or floats.
//!
//! On raw integers of one format it keeps the format and needs no quantiser. The backward pass reads
//! the stored output: where it is positive the gradient passes, elsewhere it is zero. The output has
//! to be kept for the next layer anyway, so no separate mask is stored.

use crate::network::vector::length::{LengthError, check_length};
use hwmodel::{RawData, SimdLevel, with_raw};
use num_traits::Zero;
use rayon::prelude::*;

/// Elements a thread handles at a time.
const CHUNK: usize = 1 << 16;

/// x, or 0 where it is not positive; a NaN stays, so that it is not hidden.
#[inline(always)]
fn rectified<T: Copy + PartialOrd + Zero>(x: T) -> T {
    if x <= T::zero() { T::zero() } else { x }
}

/// y = max(x, 0).
///
/// # Errors
/// If the lengths differ.
pub fn relu<T>(simd: SimdLevel, x: &[T], y: &mut [T]) -> Result<(), LengthError>
where
    T: Copy + PartialOrd + Zero + Send + Sync,
{
    check_length("output of ReLU", y.len(), x.len())?;
    x.par_chunks(CHUNK).zip(y.par_chunks_mut(CHUNK)).for_each(|(x, y)| {
        simd.run(
            #[inline(always)]
            || x.iter().zip(y).for_each(|(x, y)| *y = rectified(*x)),
        );
    });
    Ok(())
}

/// x ← max(x, 0).
pub fn relu_in_place<T: Copy + PartialOrd + Zero + Send>(simd: SimdLevel, x: &mut [T]) {
    x.par_chunks_mut(CHUNK).for_each(|x| {
        simd.run(
            #[inline(always)]
            || x.iter_mut().for_each(|x| *x = rectified(*x)),
        );
    });
}

/// [`relu_in_place`] of raw integers.
pub fn relu_raw(simd: SimdLevel, x: &mut RawData) {
    with_raw!(x, x => relu_in_place(simd, x));
}

/// gradient ← gradient where the layer's output is positive, else 0.
///
/// `output` is what the forward pass stored, in any element type.
///
/// # Errors
/// If the lengths differ.
pub fn relu_backward<T, G>(
    simd: SimdLevel,
    output: &[T],
    gradient: &mut [G],
) -> Result<(), LengthError>
where
    T: Copy + PartialOrd + Zero + Sync,
    G: Copy + Zero + Send,
{
    check_length("gradient of ReLU", gradient.len(), output.len())?;
    output.par_chunks(CHUNK).zip(gradient.par_chunks_mut(CHUNK)).for_each(|(output, gradient)| {
        simd.run(
            #[inline(always)]
            || {
                for (output, gradient) in output.iter().zip(gradient) {
                    *gradient = if *output > T::zero() { *gradient } else { G::zero() };
                }
            },
        );
    });
    Ok(())
}

/// [`relu_backward`] with the output as raw integers.
///
/// # Errors
/// If the lengths differ.
pub fn relu_backward_raw<G>(
    simd: SimdLevel,
    output: &RawData,
    gradient: &mut [G],
) -> Result<(), LengthError>
where
    G: Copy + Zero + Send,
{
    with_raw!(output, output => relu_backward(simd, output, gradient))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_raw_integer_of_eight_bits() {
        let all: Vec<i8> = (i8::MIN..=i8::MAX).collect();
        let mut data = RawData::I8(all.clone());
        relu_raw(SimdLevel::best(), &mut data);
        let want: Vec<i8> = all.iter().map(|&x| x.max(0)).collect();
        assert_eq!(data, RawData::I8(want.clone()));
        let mut gradient = vec![-2.5f32; 256];
        relu_backward_raw(SimdLevel::best(), &data, &mut gradient).unwrap();
        assert!(gradient.iter().zip(&all).all(|(&g, &x)| g == if x > 0 { -2.5 } else { 0.0 }));
        let mut y = vec![99; 256];
        relu(SimdLevel::best(), &all, &mut y).unwrap();
        assert_eq!(y, want);
    }

    #[test]
    fn floats_lose_the_sign_of_zero_and_keep_nan() {
        let mut x = [-1.0f32, -0.0, f32::MIN_POSITIVE, f32::INFINITY, f32::NAN, f32::NEG_INFINITY];
        relu_in_place(SimdLevel::best(), &mut x);
        assert_eq!(x[..4], [0.0, 0.0, f32::MIN_POSITIVE, f32::INFINITY]);
        assert!(x[1].is_sign_positive() && x[4].is_nan());
        assert_eq!(x[5], 0.0);
    }

    #[test]
    fn a_masked_gradient_is_zero_even_if_it_was_not_finite() {
        let mut gradient = [f32::NAN, f32::INFINITY, 3.0];
        relu_backward(SimdLevel::best(), &[0i16, 0, 1], &mut gradient).unwrap();
        assert_eq!(gradient, [0.0, 0.0, 3.0]);
    }

    #[test]
    fn wrong_lengths_are_errors() {
        assert!(relu(SimdLevel::best(), &[1i8], &mut []).is_err());
        assert!(relu_backward(SimdLevel::best(), &[1i8], &mut [1.0f32, 2.0]).is_err());
    }
}
