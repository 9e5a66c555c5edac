//! The portable implementations, with the same bits: arrays of eight sums in plain Rust. Pointers obey the contract of
//! [`super::tile::tile`].

use super::tile::Vector;
use crate::cast::nearest_f32;

const LANES: usize = 8;

/// Eight float32 sums.
#[derive(Clone, Copy)]
pub(super) struct Float32([f32; LANES]);
/// Eight i32 sums of i16 products.
#[derive(Clone, Copy)]
pub(super) struct Int16([i32; LANES]);

impl Vector for Float32 {
    type Element = f32;
    type Sum = f32;
    type Operand = [f32; LANES];
    const LANES: usize = LANES;
    const GROUP: usize = 1;
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0.0; LANES])
    }
    #[inline(always)]
    unsafe fn load(b: *const f32) -> [f32; LANES] {
        // SAFETY: the caller promises a vector that can be read at the pointer.
        unsafe { b.cast::<[f32; LANES]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn splat(a: *const f32) -> [f32; LANES] {
        // SAFETY: the caller promises an element that can be read at the pointer.
        unsafe { [*a; LANES] }
    }
    #[inline(always)]
    unsafe fn multiply_add(mut self, a: [f32; LANES], b: [f32; LANES]) -> Self {
        for ((sum, a), b) in self.0.iter_mut().zip(a).zip(b) {
            *sum = fused_multiply_add(a, b, *sum);
        }
        self
    }
    #[inline(always)]
    unsafe fn store(self, c: *mut f32, accumulate: bool) {
        for (lane, sum) in self.0.into_iter().enumerate() {
            // SAFETY: the caller promises that a vector of sums can be read and written at the pointer.
            unsafe {
                let c = c.add(lane);
                *c = if accumulate { *c + sum } else { sum };
            }
        }
    }
}

impl Vector for Int16 {
    type Element = i16;
    type Sum = i32;
    type Operand = [[i16; 2]; LANES];
    const LANES: usize = LANES;
    const GROUP: usize = 2;
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0; LANES])
    }
    #[inline(always)]
    unsafe fn load(b: *const i16) -> Self::Operand {
        // SAFETY: the caller promises a vector that can be read at the pointer.
        unsafe { b.cast::<[[i16; 2]; LANES]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn splat(a: *const i16) -> Self::Operand {
        // SAFETY: the caller promises an element that can be read at the pointer.
        unsafe { [a.cast::<[i16; 2]>().read_unaligned(); LANES] }
    }
    #[inline(always)]
    unsafe fn multiply_add(mut self, a: Self::Operand, b: Self::Operand) -> Self {
        for ((sum, a), b) in self.0.iter_mut().zip(a).zip(b) {
            let products =
                (i32::from(a[0]) * i32::from(b[0])).wrapping_add(i32::from(a[1]) * i32::from(b[1]));
            *sum = sum.wrapping_add(products);
        }
        self
    }
    #[inline(always)]
    unsafe fn store(self, c: *mut i32, accumulate: bool) {
        for (lane, sum) in self.0.into_iter().enumerate() {
            // SAFETY: the caller promises that a vector of sums can be read and written at the pointer.
            unsafe {
                let c = c.add(lane);
                *c = if accumulate { (*c).wrapping_add(sum) } else { sum };
            }
        }
    }
}

/// a·b + c rounded once, as `f32::mul_add`, but without a call into the C library, so that loops over
/// it run in vectors.
///
/// The product is exact in f64. The sum is rounded to odd there, which keeps what the final rounding to
/// 24 bits needs to know of the dropped bits (Boldo and Melquiond 2008).
#[inline(always)]
fn fused_multiply_add(a: f32, b: f32, c: f32) -> f32 {
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + c;
    // The error of the sum, exactly (Knuth's TwoSum).
    let part = sum - product;
    let error = (product - (sum - part)) + (c - part);
    let bits = sum.to_bits();
    let inexact_and_even = error != 0.0 && bits & 1 == 0 && sum.is_finite();
    // One unit away from zero if the error has the sum's sign, else toward zero.
    let step = if (error > 0.0) == (sum > 0.0) { 1 } else { u64::MAX };
    nearest_f32(f64::from_bits(if inexact_and_even { bits.wrapping_add(step) } else { bits }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(a: f32, b: f32, c: f32) {
        let (got, expected) = (fused_multiply_add(a, b, c), a.mul_add(b, c));
        let equal = got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan());
        assert!(equal, "{a:e}·{b:e} + {c:e}: {got:e} is not {expected:e}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn one_rounding_for_any_bits(a: u32, b: u32, c: u32) {
            same(f32::from_bits(a), f32::from_bits(b), f32::from_bits(c));
        }

        /// A sum near a tie of the product's last places, where two roundings would differ from one.
        #[test]
        fn one_rounding_near_ties(a in 0u32..1 << 24, b in 0u32..1 << 24, c: i32, shift in -60i32..60) {
            let (a, b) = (a as f32, b as f32 * 2f32.powi(-24));
            same(a, b, c as f32 * 2f32.powi(shift));
            same(a, -b, c as f32 * 2f32.powi(shift));
        }
    }
}
