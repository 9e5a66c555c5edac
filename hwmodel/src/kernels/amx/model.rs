//! Software model of a tile unit, in plain Rust.

use super::super::SimdLevel;
use super::unit::{ROW_BYTES, ROWS, TileUnit};

/// A tile.
type Tile = [[u8; ROW_BYTES]; ROWS];

/// The model: eight tiles, zero at first.
pub(in super::super) struct Model {
    tiles: [Tile; 8],
    /// The SIMD level that its loops are compiled for.
    simd: SimdLevel,
}

impl TileUnit for Model {
    unsafe fn new() -> Self {
        Self { tiles: [[[0; ROW_BYTES]; ROWS]; 8], simd: SimdLevel::vectors() }
    }

    unsafe fn zero<const T: u8>(&mut self) {
        self.tiles[usize::from(T)] = [[0; ROW_BYTES]; ROWS];
    }

    unsafe fn load<const T: u8>(&mut self, base: *const u8, stride: usize) {
        for (index, row) in self.tiles[usize::from(T)].iter_mut().enumerate() {
            // SAFETY: the caller promises that these bytes can be read.
            *row = unsafe { base.add(index * stride).cast::<[u8; ROW_BYTES]>().read() };
        }
    }

    unsafe fn store<const T: u8>(&mut self, base: *mut u8, stride: usize) {
        for (index, row) in self.tiles[usize::from(T)].iter().enumerate() {
            // SAFETY: the caller promises that these bytes can be written.
            unsafe { base.add(index * stride).cast::<[u8; ROW_BYTES]>().write(*row) };
        }
    }

    unsafe fn multiply_add<
        const C: u8,
        const A: u8,
        const B: u8,
        const SIGNED_A: bool,
        const SIGNED_B: bool,
    >(
        &mut self,
    ) {
        let (a, b) = (self.tiles[usize::from(A)], self.tiles[usize::from(B)]);
        let c = &mut self.tiles[usize::from(C)];
        self.simd.run(
            #[inline(always)]
            || products(c, &a, &b, SIGNED_A, SIGNED_B),
        );
    }
}

/// A byte with or without sign.
#[inline(always)]
fn widened(byte: u8, signed: bool) -> i32 {
    if signed { i32::from(byte.cast_signed()) } else { i32::from(byte) }
}

/// C += A·B.
#[inline(always)]
fn products(c: &mut Tile, a: &Tile, b: &Tile, signed_a: bool, signed_b: bool) {
    // The bytes of B by group of four k, byte in the group, and column.
    let b: [[[i32; ROWS]; 4]; ROWS] = std::array::from_fn(|k| {
        std::array::from_fn(|e| std::array::from_fn(|n| widened(b[k][4 * n + e], signed_b)))
    });
    for (c, a) in c.iter_mut().zip(a) {
        let lanes = c.as_chunks_mut::<4>().0;
        let mut sums: [i32; ROWS] = std::array::from_fn(|n| i32::from_le_bytes(lanes[n]));
        for (a, b) in a.as_chunks::<4>().0.iter().zip(&b) {
            for (&a, b) in a.iter().zip(b) {
                let a = widened(a, signed_a);
                for (sum, &b) in sums.iter_mut().zip(b) {
                    *sum = sum.wrapping_add(a.wrapping_mul(b));
                }
            }
        }
        for (lane, sum) in lanes.iter_mut().zip(sums) {
            *lane = sum.to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C after one product of tiles that are `a` and `b` in every byte, from `start` in every lane.
    fn product<const SIGNED_A: bool, const SIGNED_B: bool>(a: u8, b: u8, start: i32) -> i32 {
        // SAFETY: the model needs no instructions, and every tile is read from and written to arrays.
        unsafe {
            let mut unit = Model::new();
            let (a, b) = ([[a; ROW_BYTES]; ROWS], [[b; ROW_BYTES]; ROWS]);
            let mut c = [[start; ROWS]; ROWS];
            unit.load::<0>(c.as_ptr().cast(), ROW_BYTES);
            unit.load::<1>(a.as_ptr().cast(), ROW_BYTES);
            unit.load::<2>(b.as_ptr().cast(), ROW_BYTES);
            unit.multiply_add::<0, 1, 2, SIGNED_A, SIGNED_B>();
            unit.store::<0>(c.as_mut_ptr().cast(), ROW_BYTES);
            assert!(c.iter().flatten().all(|&sum| sum == c[0][0]));
            c[0][0]
        }
    }

    #[test]
    fn extremes_of_the_four_products() {
        // Sixty-four terms a sum; 0x80 is -128 or 128 and 0xff is -1 or 255.
        assert_eq!(product::<true, true>(0x80, 0x80, 0), 64 * 16_384);
        assert_eq!(product::<true, true>(0x80, 0x7f, 5), 5 - 64 * 16_256);
        assert_eq!(product::<true, true>(0xff, 0xff, 0), 64);
        assert_eq!(product::<true, false>(0x80, 0xff, 0), 64 * -32_640);
        assert_eq!(product::<true, false>(0x7f, 0x80, 0), 64 * 16_256);
        assert_eq!(product::<false, true>(0xff, 0x80, 0), 64 * -32_640);
        assert_eq!(product::<false, true>(0x80, 0x7f, 0), 64 * 16_256);
        assert_eq!(product::<false, false>(0xff, 0xff, 0), 64 * 65_025);
        assert_eq!(product::<false, false>(0x80, 0xff, -1), 64 * 32_640 - 1);
    }

    #[test]
    fn sums_wrap() {
        assert_eq!(product::<true, true>(0xff, 0xff, i32::MAX), i32::MIN + 63);
        assert_eq!(product::<true, true>(0xff, 0x01, i32::MIN), i32::MAX - 63);
        assert_eq!(product::<false, false>(0xff, 0xff, i32::MAX), i32::MIN + 64 * 65_025 - 1);
    }

    #[test]
    fn every_byte_meets_its_partner() {
        // One byte of A and one of B that is not zero: C[m, n] is their product if k and e agree.
        // SAFETY: the model needs no instructions.
        let mut unit = unsafe { Model::new() };
        for (m, k, e) in [(0, 0, 0), (3, 7, 2), (15, 15, 3), (9, 1, 1)] {
            for n in [0, 6, 15] {
                let (mut a, mut b) = ([[0u8; ROW_BYTES]; ROWS], [[0u8; ROW_BYTES]; ROWS]);
                let mut c = [[0i32; ROWS]; ROWS];
                a[m][4 * k + e] = 3;
                b[k][4 * n + e] = 250;
                // SAFETY: as above.
                unsafe {
                    unit.zero::<7>();
                    unit.load::<5>(a.as_ptr().cast(), ROW_BYTES);
                    unit.load::<6>(b.as_ptr().cast(), ROW_BYTES);
                    unit.multiply_add::<7, 5, 6, true, false>();
                    unit.store::<7>(c.as_mut_ptr().cast(), ROW_BYTES);
                }
                let mut expected = [[0; ROWS]; ROWS];
                expected[m][n] = 750;
                assert_eq!(c, expected);
            }
        }
    }

    #[test]
    fn rows_are_a_stride_apart() {
        let source: Vec<u8> = (0..ROWS * 100).map(|i| (i % 251) as u8).collect();
        let mut target = vec![7u8; 15 * 80 + ROW_BYTES];
        // SAFETY: 15·100 + 64 bytes are there to read, and 15·80 + 64 to write.
        unsafe {
            let mut unit = Model::new();
            unit.load::<4>(source.as_ptr(), 100);
            unit.store::<4>(target.as_mut_ptr(), 80);
        }
        for row in 0..ROWS {
            assert_eq!(target[row * 80..][..64], source[row * 100..][..64]);
            assert!(target[row * 80 + 64..].iter().take(16).all(|&byte| byte == 7));
        }
    }
}
