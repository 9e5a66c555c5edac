//! min(max(x, 0), 6) of integers or floats, the activation of MobileNetV2 (Sandler et al. 2018).
//!
//! On raw integers of one format it keeps the format: the upper bound is the largest integer that does
//! not stand for more than 6, or none where the format ends below 6. The backward pass reads the stored
//! output: the gradient passes where 0 < y < 6, so a word that its format cut below 6 passes it, as in
//! ReLU.

use crate::network::vector::length::{LengthError, check_length};
use hwmodel::{Format, RawData, SimdLevel, with_raw};
use num_traits::{AsPrimitive, Zero};
use rayon::prelude::*;

/// The bound as a float.
pub const BOUND: f32 = 6.0;

/// Elements a thread handles at a time.
const CHUNK: usize = 1 << 16;

/// The largest raw integer of `format` that stands for at most 6: ⌊6 · 2^FL⌋; `None` if all stand for
/// less.
pub fn raw_bound(format: Format) -> Option<i32> {
    const SIX: i64 = 6;
    let bound = match format.fl() {
        fl @ 0..=32 => SIX << fl,
        fl @ -3..0 => SIX >> -fl,
        ..0 => 0,
        _ => i64::MAX,
    };
    i32::try_from(bound).ok().filter(|&bound| bound <= format.max_raw())
}

/// x cut to 0 and `bound`; a NaN stays, so that it is not hidden.
#[inline(always)]
fn clamped<T: Copy + PartialOrd + Zero>(x: T, bound: T) -> T {
    let x = if x <= T::zero() { T::zero() } else { x };
    if x > bound { bound } else { x }
}

/// x ← min(max(x, 0), `bound`).
pub fn relu6_in_place<T>(simd: SimdLevel, x: &mut [T], bound: T)
where
    T: Copy + PartialOrd + Zero + Send + Sync,
{
    x.par_chunks_mut(CHUNK).for_each(|x| {
        simd.run(
            #[inline(always)]
            || x.iter_mut().for_each(|x| *x = clamped(*x, bound)),
        );
    });
}

/// [`relu6_in_place`] of raw integers of `format`.
pub fn relu6_raw(simd: SimdLevel, format: Format, x: &mut RawData) {
    let bound = raw_bound(format).unwrap_or(format.max_raw());
    // The bound is a number of the format, which the container holds.
    with_raw!(x, x => relu6_in_place(simd, x, bound.as_()));
}

/// gradient ← gradient where 0 < output, and output < `bound` if there is one; else 0.
///
/// # Errors
/// If the lengths differ.
pub fn relu6_backward<T>(
    simd: SimdLevel,
    output: &[T],
    bound: Option<T>,
    gradient: &mut [f32],
) -> Result<(), LengthError>
where
    T: Copy + PartialOrd + Zero + Send + Sync,
{
    check_length("gradient of ReLU6", gradient.len(), output.len())?;
    output.par_chunks(CHUNK).zip(gradient.par_chunks_mut(CHUNK)).for_each(|(output, gradient)| {
        simd.run(
            #[inline(always)]
            || {
                for (&output, gradient) in output.iter().zip(gradient) {
                    let inside = output > T::zero() && bound.is_none_or(|bound| output < bound);
                    *gradient = if inside { *gradient } else { 0.0 };
                }
            },
        );
    });
    Ok(())
}

/// [`relu6_backward`] with the output as raw integers of `format`.
///
/// # Errors
/// If the lengths differ.
pub fn relu6_backward_raw(
    simd: SimdLevel,
    format: Format,
    output: &RawData,
    gradient: &mut [f32],
) -> Result<(), LengthError> {
    let bound = raw_bound(format);
    with_raw!(output, output => {
        relu6_backward(simd, output, bound.map(AsPrimitive::as_), gradient)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(wl: u32, fl: i32) -> Format {
        Format::new(wl, fl).unwrap()
    }

    #[test]
    fn the_bound_is_the_largest_integer_that_is_at_most_six() {
        let bound = |wl, fl| raw_bound(format(wl, fl));
        assert_eq!(bound(8, 4), Some(96));
        assert_eq!((bound(8, 0), bound(4, 0)), (Some(6), Some(6)));
        // 6/4 and 6/8 are cut to 1 and 0.
        assert_eq!((bound(8, -2), bound(8, -3), bound(8, -64)), (Some(1), Some(0), Some(0)));
        // ⟨8, 5⟩ ends at 127/32 < 6, ⟨32, 28⟩ just holds 6 · 2^28, ⟨32, 29⟩ does not.
        assert_eq!((bound(8, 5), bound(32, 28), bound(32, 29)), (None, Some(6 << 28), None));
        assert_eq!((bound(32, 40), bound(32, 64)), (None, None));
        // Seven values of three bits: 6 is beyond ⟨3, 0⟩.
        assert_eq!(bound(3, 0), None);
    }

    #[test]
    fn every_raw_integer_of_eight_bits() {
        let simd = SimdLevel::best();
        let all: Vec<i8> = (i8::MIN..=i8::MAX).collect();
        for (fl, bound) in [(4, 96), (5, 127), (0, 6), (-3, 0)] {
            let mut data = RawData::I8(all.clone());
            relu6_raw(simd, format(8, fl), &mut data);
            let want: Vec<i8> = all.iter().map(|&x| x.clamp(0, bound)).collect();
            assert_eq!(data, RawData::I8(want.clone()), "FL {fl}");
            let mut gradient = vec![-2.5f32; 256];
            relu6_backward_raw(simd, format(8, fl), &data, &mut gradient).unwrap();
            for (&gradient, &y) in gradient.iter().zip(&want) {
                // ⟨8, 5⟩ cannot reach 6: its largest word passes the gradient.
                let passes = y > 0 && (y < bound || fl == 5);
                assert_eq!(gradient, if passes { -2.5 } else { 0.0 }, "FL {fl}, y = {y}");
            }
        }
    }

    #[test]
    fn floats_are_cut_at_six_and_keep_nan() {
        let mut x = [-1.0f32, 0.0, 5.5, 6.0, 7.0, f32::INFINITY, f32::NAN];
        relu6_in_place(SimdLevel::best(), &mut x, BOUND);
        assert_eq!(x[..6], [0.0, 0.0, 5.5, 6.0, 6.0, 6.0]);
        assert!(x[6].is_nan());
        let mut gradient = [1.0f32; 6];
        relu6_backward(SimdLevel::best(), &x[..6], Some(BOUND), &mut gradient).unwrap();
        assert_eq!(gradient, [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        assert!(relu6_backward(SimdLevel::best(), &x, Some(BOUND), &mut [0.0]).is_err());
    }
}
