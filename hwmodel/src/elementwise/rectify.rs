//! max(x, 0), also cut at an upper bound: ReLU and ReLU6 on raw integers or floats.
//!
//! On raw integers of one format it compares and selects: the format stays and nothing is rounded.

use crate::{Format, RawData, SimdLevel, with_raw};
use num_traits::{Zero, cast};
use rayon::prelude::*;

/// Elements a thread handles at a time.
const CHUNK: usize = 1 << 16;

/// x, or 0 where it is not positive; a NaN stays, so that it is not hidden.
#[inline(always)]
fn rectified<T: Copy + PartialOrd + Zero>(x: T) -> T {
    if x <= T::zero() { T::zero() } else { x }
}

/// x ← max(x, 0), cut at `bound` if there is one.
pub fn rectify<T>(simd: SimdLevel, x: &mut [T], bound: Option<T>)
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

/// [`rectify`] of raw integers. A bound of at least 0 beyond their container limits none of them.
///
/// ```
/// use hwmodel::elementwise::{largest_raw_at_most, rectify_raw};
/// use hwmodel::{Format, RawData, SimdLevel};
/// let mut x = RawData::I8(vec![-5, 5, 127]);
/// // ReLU6 in ⟨8, 4⟩: 6 is 96 steps of 1/16.
/// rectify_raw(SimdLevel::best(), &mut x, largest_raw_at_most(6, Format::new(8, 4)?));
/// assert_eq!(x, RawData::I8(vec![0, 5, 96]));
/// # Ok::<(), hwmodel::FormatError>(())
/// ```
pub fn rectify_raw(simd: SimdLevel, x: &mut RawData, bound: Option<i64>) {
    with_raw!(x, x => rectify(simd, x, bound.and_then(cast)));
}

/// The largest raw integer of `format` whose value is at most `value`: ⌊value · 2^FL⌋; `None` if all
/// values are smaller.
pub fn largest_raw_at_most(value: u16, format: Format) -> Option<i64> {
    let value = i64::from(value);
    let bound = match format.fl() {
        fl @ 0..=32 => value << fl,
        fl @ -16..0 => value >> -fl,
        ..0 => 0,
        _ if value == 0 => 0,
        _ => i64::MAX,
    };
    Some(bound).filter(|&bound| bound <= format.max_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(wl: u32, fl: i32) -> Format {
        Format::new(wl, fl).unwrap()
    }

    #[test]
    fn the_bound_is_the_largest_integer_that_is_at_most_six() {
        let bound = |wl, fl| largest_raw_at_most(6, format(wl, fl));
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
    fn other_bounds() {
        let bound = |value, wl, fl| largest_raw_at_most(value, format(wl, fl));
        assert_eq!((bound(0, 8, 64), bound(u16::MAX, 32, -15)), (Some(0), Some(1)));
        assert_eq!((bound(u16::MAX, 32, -16), bound(u16::MAX, 16, 0)), (Some(0), None));
    }

    #[test]
    fn every_raw_integer_of_eight_bits() {
        let all: Vec<i8> = (i8::MIN..=i8::MAX).collect();
        for bound in [None, Some(96), Some(6), Some(0), Some(200)] {
            let mut data = RawData::I8(all.clone());
            rectify_raw(SimdLevel::best(), &mut data, bound);
            let most = bound.map_or(127, |bound| bound.min(127));
            let want: Vec<i64> = all.iter().map(|&x| i64::from(x).clamp(0, most)).collect();
            assert_eq!(data.to_i64(), want, "{bound:?}");
        }
    }

    #[test]
    fn floats_lose_the_sign_of_zero_and_keep_nan() {
        let mut x = [-1.0f32, -0.0, f32::MIN_POSITIVE, f32::INFINITY, f32::NAN, f32::NEG_INFINITY];
        let mut cut = x;
        rectify(SimdLevel::best(), &mut x, None);
        assert_eq!(x[..4], [0.0, 0.0, f32::MIN_POSITIVE, f32::INFINITY]);
        assert!(x[1].is_sign_positive() && x[4].is_nan());
        assert_eq!(x[5], 0.0);
        rectify(SimdLevel::best(), &mut cut, Some(6.0));
        assert_eq!(cut[..4], [0.0, 0.0, f32::MIN_POSITIVE, 6.0]);
        assert!(cut[4].is_nan());
    }
}
