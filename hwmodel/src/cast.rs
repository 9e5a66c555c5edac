//! Conversions between number types that can lose something, named by what they do to the value.
//!
//! A plain `as` does not say whether a loss is meant. Bits reinterpreted with another sign are `cast_signed` and
//! `cast_unsigned` of the standard library.

use num_traits::{AsPrimitive, NumCast, ToPrimitive};

/// `value` in a type that the caller knows to hold it; debug builds check that it does.
///
/// ```
/// assert_eq!(hwmodel::cast::exact::<u8>(200_u64), 200);
/// ```
#[inline(always)]
pub fn exact<T: NumCast + Copy + 'static>(value: impl AsPrimitive<T> + ToPrimitive) -> T {
    debug_assert!(<T as NumCast>::from(value).is_some(), "the value is outside the type");
    value.as_()
}

/// The lowest bits of an integer.
///
/// ```
/// assert_eq!(hwmodel::cast::low::<u8>(0x1234_u32), 0x34);
/// ```
#[inline(always)]
pub fn low<T: Copy + 'static>(value: impl AsPrimitive<T>) -> T {
    value.as_()
}

/// A float rounded toward zero; the nearest limit of the type for a value outside it, 0 for NaN.
///
/// ```
/// assert_eq!(hwmodel::cast::toward_zero::<u8>(3.9), 3);
/// assert_eq!(hwmodel::cast::toward_zero::<u8>(-1.0), 0);
/// ```
#[inline(always)]
pub fn toward_zero<T: Copy + 'static>(value: f64) -> T
where
    f64: AsPrimitive<T>,
{
    value.as_()
}

/// The nearest float32, ties to even.
///
/// ```
/// assert_eq!(hwmodel::cast::nearest_f32(0.1), 0.1_f32);
/// ```
#[inline(always)]
#[allow(clippy::cast_possible_truncation)]
pub const fn nearest_f32(value: f64) -> f32 {
    value as f32
}

/// A number of elements or an index of one, on machines with 64-bit addresses.
///
/// ```
/// assert_eq!(hwmodel::cast::index(7_u64), 7_usize);
/// ```
#[inline(always)]
#[allow(clippy::cast_possible_truncation)]
pub const fn index(value: u64) -> usize {
    const { assert!(usize::BITS == 64) };
    value as usize
}
