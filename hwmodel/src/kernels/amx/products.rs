//! Tile kernels on a tile unit, called by [`TileKernel`](super::super::TileKernel).
//!
//! A product of tiles takes 16 cycles and a load from the first cache 8, if its rows do not cross cache
//! lines; four sums at a time hide the latency of a product of about 50 cycles. Both shapes have four tiles of
//! sums and load at most five tiles for four products.

use super::unit::{ROW_BYTES, ROWS, TileUnit};

/// Consecutive k of a product of tiles.
pub(in super::super) const TERMS: usize = ROW_BYTES;
/// Columns of a tile of sums or of B.
const COLUMNS: usize = ROW_BYTES / size_of::<i32>();
/// Groups of four k in a tile of B.
const GROUPS: usize = ROWS;

/// 32 × 32 sums.
///
/// # Safety
/// The CPU must have the unit and the system must allow it. `a` must be readable for 4·`groups` bytes from
/// every `i·row_stride` with i < 32 on, `b` for 128·`groups` bytes, and `c` must be writable for 32 rows of
/// `c_stride` with 32 elements in each. `groups` must be a multiple of 16.
#[inline(always)]
pub(in super::super) unsafe fn square<U: TileUnit, const SIGNED_A: bool, const SIGNED_B: bool>(
    a: *const i8,
    (row_stride, _): (usize, usize),
    b: *const i8,
    groups: usize,
    c: *mut i32,
    c_stride: usize,
    accumulate: bool,
) {
    let (a, b) = (a.cast::<u8>(), b.cast::<u8>());
    let b_stride = 2 * ROW_BYTES;
    // SAFETY: every access stays inside what the caller promised.
    unsafe {
        let c_at = |i: usize, j: usize| c.add(i * ROWS * c_stride + j * COLUMNS).cast::<u8>();
        let c_stride = c_stride * size_of::<i32>();
        let mut unit = U::new();
        if accumulate {
            unit.load::<0>(c_at(0, 0), c_stride);
            unit.load::<1>(c_at(0, 1), c_stride);
            unit.load::<2>(c_at(1, 0), c_stride);
            unit.load::<3>(c_at(1, 1), c_stride);
        } else {
            unit.zero::<0>();
            unit.zero::<1>();
            unit.zero::<2>();
            unit.zero::<3>();
        }
        for step in 0..groups / GROUPS {
            let a = a.add(step * TERMS);
            let b = b.add(step * GROUPS * b_stride);
            unit.load::<4>(a, row_stride);
            unit.load::<6>(b, b_stride);
            unit.multiply_add::<0, 4, 6, SIGNED_A, SIGNED_B>();
            unit.load::<7>(b.add(ROW_BYTES), b_stride);
            unit.multiply_add::<1, 4, 7, SIGNED_A, SIGNED_B>();
            unit.load::<5>(a.add(ROWS * row_stride), row_stride);
            unit.multiply_add::<2, 5, 6, SIGNED_A, SIGNED_B>();
            unit.multiply_add::<3, 5, 7, SIGNED_A, SIGNED_B>();
        }
        unit.store::<0>(c_at(0, 0), c_stride);
        unit.store::<1>(c_at(0, 1), c_stride);
        unit.store::<2>(c_at(1, 0), c_stride);
        unit.store::<3>(c_at(1, 1), c_stride);
    }
}

/// 64 × 16 sums, for products of few columns.
///
/// # Safety
/// As for [`square`], with 64 rows of A and C, 64·`groups` bytes of B and 16 elements in a row of C.
#[inline(always)]
pub(in super::super) unsafe fn column<U: TileUnit, const SIGNED_A: bool, const SIGNED_B: bool>(
    a: *const i8,
    (row_stride, _): (usize, usize),
    b: *const i8,
    groups: usize,
    c: *mut i32,
    c_stride: usize,
    accumulate: bool,
) {
    let (a, b) = (a.cast::<u8>(), b.cast::<u8>());
    // SAFETY: every access stays inside what the caller promised.
    unsafe {
        let c_at = |i: usize| c.add(i * ROWS * c_stride).cast::<u8>();
        let c_stride = c_stride * size_of::<i32>();
        let mut unit = U::new();
        if accumulate {
            unit.load::<0>(c_at(0), c_stride);
            unit.load::<1>(c_at(1), c_stride);
            unit.load::<2>(c_at(2), c_stride);
            unit.load::<3>(c_at(3), c_stride);
        } else {
            unit.zero::<0>();
            unit.zero::<1>();
            unit.zero::<2>();
            unit.zero::<3>();
        }
        for step in 0..groups / GROUPS {
            let a_at = |i: usize| a.add(i * ROWS * row_stride + step * TERMS);
            unit.load::<7>(b.add(step * GROUPS * ROW_BYTES), ROW_BYTES);
            unit.load::<4>(a_at(0), row_stride);
            unit.multiply_add::<0, 4, 7, SIGNED_A, SIGNED_B>();
            unit.load::<5>(a_at(1), row_stride);
            unit.multiply_add::<1, 5, 7, SIGNED_A, SIGNED_B>();
            unit.load::<6>(a_at(2), row_stride);
            unit.multiply_add::<2, 6, 7, SIGNED_A, SIGNED_B>();
            unit.load::<4>(a_at(3), row_stride);
            unit.multiply_add::<3, 4, 7, SIGNED_A, SIGNED_B>();
        }
        unit.store::<0>(c_at(0), c_stride);
        unit.store::<1>(c_at(1), c_stride);
        unit.store::<2>(c_at(2), c_stride);
        unit.store::<3>(c_at(3), c_stride);
    }
}

#[cfg(test)]
mod tests {
    use crate::SimdLevel;
    use crate::kernels::limb_kernels;
    use crate::random;
    use proptest::prelude::*;

    /// A byte with or without sign.
    fn value(byte: i8, signed: bool) -> i32 {
        if signed { byte.into() } else { (byte as u8).into() }
    }

    proptest! {
        #[test]
        fn tiles_and_their_edges_equal_the_definition(
            wide: bool, signed_a: bool, signed_b: bool, steps in 0usize..4, rows in 0usize..=64,
            columns in 0usize..=32, spare in [0usize..70, 0usize..9], accumulate: bool, seed: u64,
        ) {
            let model = SimdLevel::named("amx-model").unwrap();
            for simd in SimdLevel::available().into_iter().chain([model]) {
                let Some(kernels) = limb_kernels(simd, if wide { 33 } else { 9 }) else { continue };
                let kernel = kernels[usize::from(signed_a)][usize::from(signed_b)];
                prop_assert_eq!(
                    (kernel.rows, kernel.columns), if wide { (32, 32) } else { (64, 16) });
                let (rows, columns) = (rows.min(kernel.rows), columns.min(kernel.columns));
                let k = steps * kernel.multiple;
                let (stride, c_stride) = (k + spare[0], columns + spare[1]);
                let mut generator = random::generator(seed, &[]);
                let mut bytes = |length: usize| -> Vec<i8> {
                    (0..length).map(|_| random::below(&mut generator, 256) as u8 as i8).collect()
                };
                let (a, b) = (bytes(kernel.rows * stride + k), bytes(k * kernel.columns));
                let start: Vec<i32> = bytes(rows * c_stride + columns)
                    .into_iter().map(|x| i32::from(x) << 24).collect();
                let mut c = start.clone();
                let _session = kernel.session();
                let (strides, shape) = ((stride, kernel.group), (rows, columns));
                kernel.run(&a, strides, &b, k, &mut c, c_stride, shape, accumulate);
                let mut expected = start;
                for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |x| (row, x))) {
                    let sum = &mut expected[row * c_stride + column];
                    if !accumulate {
                        *sum = 0;
                    }
                    for term in 0..k {
                        let (group, byte) = (term / 4, term % 4);
                        let x = value(a[row * stride + term], signed_a);
                        let y = b[(group * kernel.columns + column) * 4 + byte];
                        *sum = sum.wrapping_add(x * value(y, signed_b));
                    }
                }
                prop_assert_eq!(&c, &expected);
            }
        }
    }
}
