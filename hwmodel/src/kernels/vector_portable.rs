//! The portable twins: arrays of eight sums in plain Rust. Pointers obey the contract of
//! [`super::tile::tile`].

use super::tile::Vector;

const LANES: usize = 8;

/// Eight float32 sums.
#[derive(Clone, Copy)]
pub(super) struct Float32([f32; LANES]);
/// Eight i32 sums of i16 products.
#[derive(Clone, Copy)]
pub(super) struct Int16([i32; LANES]);
/// Eight i64 sums of i32 products.
#[derive(Clone, Copy)]
pub(super) struct Int32([i64; LANES]);

// SAFETY (all three): see the head of this file.
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
        unsafe { b.cast::<[f32; LANES]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn splat(a: *const f32) -> [f32; LANES] {
        unsafe { [*a; LANES] }
    }
    #[inline(always)]
    unsafe fn multiply_add(mut self, a: [f32; LANES], b: [f32; LANES]) -> Self {
        for ((sum, a), b) in self.0.iter_mut().zip(a).zip(b) {
            *sum = a.mul_add(b, *sum);
        }
        self
    }
    #[inline(always)]
    unsafe fn store(self, c: *mut f32, accumulate: bool) {
        for (lane, sum) in self.0.into_iter().enumerate() {
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
        unsafe { b.cast::<[[i16; 2]; LANES]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn splat(a: *const i16) -> Self::Operand {
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
            unsafe {
                let c = c.add(lane);
                *c = if accumulate { (*c).wrapping_add(sum) } else { sum };
            }
        }
    }
}

impl Vector for Int32 {
    type Element = i64;
    type Sum = i64;
    type Operand = [i64; LANES];
    const LANES: usize = LANES;
    const GROUP: usize = 1;
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0; LANES])
    }
    #[inline(always)]
    unsafe fn load(b: *const i64) -> [i64; LANES] {
        unsafe { b.cast::<[i64; LANES]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn splat(a: *const i64) -> [i64; LANES] {
        unsafe { [*a; LANES] }
    }
    #[inline(always)]
    unsafe fn multiply_add(mut self, a: [i64; LANES], b: [i64; LANES]) -> Self {
        for ((sum, a), b) in self.0.iter_mut().zip(a).zip(b) {
            *sum = sum.wrapping_add(a.wrapping_mul(b));
        }
        self
    }
    #[inline(always)]
    unsafe fn store(self, c: *mut i64, accumulate: bool) {
        for (lane, sum) in self.0.into_iter().enumerate() {
            unsafe {
                let c = c.add(lane);
                *c = if accumulate { (*c).wrapping_add(sum) } else { sum };
            }
        }
    }
}
