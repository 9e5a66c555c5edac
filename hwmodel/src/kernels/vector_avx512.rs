//! Vectors of 512 bits. Every function requires AVX-512 F, BW, DQ, VL and VNNI, which the callers
//! enable; pointers obey the contract of [`super::tile::tile`].

use super::tile::Vector;
use std::arch::x86_64::*;

/// Sixteen float32 sums.
#[derive(Clone, Copy)]
pub(super) struct Float32(__m512);
/// Sixteen i32 sums of i16 products.
#[derive(Clone, Copy)]
pub(super) struct Int16(__m512i);
/// Sixteen i32 sums of u8 × i8 products.
#[derive(Clone, Copy)]
pub(super) struct Int8(__m512i);

impl Vector for Float32 {
    type Element = f32;
    type Sum = f32;
    type Operand = __m512;
    const LANES: usize = 16;
    const GROUP: usize = 1;
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: registers only, and the caller has the instructions.
        unsafe { Self(_mm512_setzero_ps()) }
    }
    #[inline(always)]
    unsafe fn load(b: *const f32) -> __m512 {
        // SAFETY: the caller promises a vector that can be read at the pointer.
        unsafe { _mm512_loadu_ps(b) }
    }
    #[inline(always)]
    unsafe fn splat(a: *const f32) -> __m512 {
        // SAFETY: the caller promises an element that can be read at the pointer.
        unsafe { _mm512_set1_ps(*a) }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, a: __m512, b: __m512) -> Self {
        // SAFETY: registers only, and the caller has the instructions.
        unsafe { Self(_mm512_fmadd_ps(a, b, self.0)) }
    }
    #[inline(always)]
    unsafe fn store(self, c: *mut f32, accumulate: bool) {
        // SAFETY: the caller promises that a vector of sums can be read and written at the pointer.
        unsafe {
            let sum = if accumulate { _mm512_add_ps(_mm512_loadu_ps(c), self.0) } else { self.0 };
            _mm512_storeu_ps(c, sum);
        }
    }
}

impl Vector for Int16 {
    type Element = i16;
    type Sum = i32;
    type Operand = __m512i;
    const LANES: usize = 16;
    const GROUP: usize = 2;
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: registers only, and the caller has the instructions.
        unsafe { Self(_mm512_setzero_si512()) }
    }
    #[inline(always)]
    unsafe fn load(b: *const i16) -> __m512i {
        // SAFETY: the caller promises a vector that can be read at the pointer.
        unsafe { _mm512_loadu_si512(b.cast()) }
    }
    #[inline(always)]
    unsafe fn splat(a: *const i16) -> __m512i {
        // SAFETY: the caller promises an element that can be read at the pointer.
        unsafe { _mm512_set1_epi32(a.cast::<i32>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, a: __m512i, b: __m512i) -> Self {
        // SAFETY: registers only, and the caller has the instructions.
        unsafe { Self(add_word_products(self.0, a, b)) }
    }
    #[inline(always)]
    unsafe fn store(self, c: *mut i32, accumulate: bool) {
        // SAFETY: the caller promises that a vector of sums can be read and written at the pointer.
        unsafe { store_i32(self.0, c, accumulate) }
    }
}

impl Vector for Int8 {
    type Element = i8;
    type Sum = i32;
    type Operand = __m512i;
    const LANES: usize = 16;
    const GROUP: usize = 4;
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: registers only, and the caller has the instructions.
        unsafe { Self(_mm512_setzero_si512()) }
    }
    #[inline(always)]
    unsafe fn load(b: *const i8) -> __m512i {
        // SAFETY: the caller promises a vector that can be read at the pointer.
        unsafe { _mm512_loadu_si512(b.cast()) }
    }
    #[inline(always)]
    unsafe fn splat(a: *const i8) -> __m512i {
        // SAFETY: the caller promises an element that can be read at the pointer.
        unsafe { _mm512_set1_epi32(a.cast::<i32>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, a: __m512i, b: __m512i) -> Self {
        // SAFETY: registers only, and the caller has the instructions.
        unsafe { Self(_mm512_dpbusd_epi32(self.0, a, b)) }
    }
    #[inline(always)]
    unsafe fn store(self, c: *mut i32, accumulate: bool) {
        // SAFETY: the caller promises that a vector of sums can be read and written at the pointer.
        unsafe { store_i32(self.0, c, accumulate) }
    }
}

#[inline(always)]
unsafe fn store_i32(sums: __m512i, c: *mut i32, accumulate: bool) {
    // SAFETY: see the head of this file.
    unsafe {
        let old = if accumulate {
            _mm512_loadu_si512(c.cast_const().cast())
        } else {
            _mm512_setzero_si512()
        };
        _mm512_storeu_si512(c.cast(), _mm512_add_epi32(old, sums));
    }
}

/// `_mm512_dpwssd_epi32` as one instruction: without knowing the CPU the compiler makes a product and an
/// addition of it, which take twice as long.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn add_word_products(mut sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: registers only, and the function has the instruction's feature.
    unsafe {
        std::arch::asm!(
            "vpdpwssd {sums}, {a}, {b}",
            sums = inout(zmm_reg) sums,
            a = in(zmm_reg) a,
            b = in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}
