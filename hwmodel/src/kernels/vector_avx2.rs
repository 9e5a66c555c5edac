//! Vectors of 256 bits. Every function requires AVX2 and FMA, which the callers enable; pointers obey
//! the contract of [`super::tile::tile`].

use super::tile::Vector;
use std::arch::x86_64::*;

/// Eight float32 sums.
#[derive(Clone, Copy)]
pub(super) struct Float32(__m256);
/// Eight i32 sums of i16 products.
#[derive(Clone, Copy)]
pub(super) struct Int16(__m256i);

impl Vector for Float32 {
    type Element = f32;
    type Sum = f32;
    type Operand = __m256;
    const LANES: usize = 8;
    const GROUP: usize = 1;
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: registers only, and the caller has the instructions.
        unsafe { Self(_mm256_setzero_ps()) }
    }
    #[inline(always)]
    unsafe fn load(b: *const f32) -> __m256 {
        // SAFETY: the caller promises a vector that can be read at the pointer.
        unsafe { _mm256_loadu_ps(b) }
    }
    #[inline(always)]
    unsafe fn splat(a: *const f32) -> __m256 {
        // SAFETY: the caller promises an element that can be read at the pointer.
        unsafe { _mm256_set1_ps(*a) }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, a: __m256, b: __m256) -> Self {
        // SAFETY: registers only, and the caller has the instructions.
        unsafe { Self(_mm256_fmadd_ps(a, b, self.0)) }
    }
    #[inline(always)]
    unsafe fn store(self, c: *mut f32, accumulate: bool) {
        // SAFETY: the caller promises that a vector of sums can be read and written at the pointer.
        unsafe {
            let sum = if accumulate { _mm256_add_ps(_mm256_loadu_ps(c), self.0) } else { self.0 };
            _mm256_storeu_ps(c, sum);
        }
    }
}

impl Vector for Int16 {
    type Element = i16;
    type Sum = i32;
    type Operand = __m256i;
    const LANES: usize = 8;
    const GROUP: usize = 2;
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: registers only, and the caller has the instructions.
        unsafe { Self(_mm256_setzero_si256()) }
    }
    #[inline(always)]
    unsafe fn load(b: *const i16) -> __m256i {
        // SAFETY: the caller promises a vector that can be read at the pointer.
        unsafe { _mm256_loadu_si256(b.cast()) }
    }
    #[inline(always)]
    unsafe fn splat(a: *const i16) -> __m256i {
        // SAFETY: the caller promises an element that can be read at the pointer.
        unsafe { _mm256_set1_epi32(a.cast::<i32>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, a: __m256i, b: __m256i) -> Self {
        // SAFETY: registers only, and the caller has the instructions.
        unsafe { Self(_mm256_add_epi32(self.0, _mm256_madd_epi16(a, b))) }
    }
    #[inline(always)]
    unsafe fn store(self, c: *mut i32, accumulate: bool) {
        // SAFETY: the caller promises that a vector of sums can be read and written at the pointer.
        unsafe {
            let old = if accumulate {
                _mm256_loadu_si256(c.cast_const().cast())
            } else {
                _mm256_setzero_si256()
            };
            _mm256_storeu_si256(c.cast(), _mm256_add_epi32(old, self.0));
        }
    }
}
