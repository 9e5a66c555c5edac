//! Columns of an operand transposed into lanes.

use crate::kernels::{RawInteger, STEP_LANES, SimdLevel};

/// Terms packed at a time, so that what is written stays in the cache.
const TERMS: usize = 128;
/// 16-bit words in 64 bits.
const QUAD: usize = 4;

/// Transposes `columns` of a `[n, k]` operand into `lanes`, `[k, 64]`; lanes beyond them keep their contents.
pub(super) fn pack_lanes<B: RawInteger>(
    simd: SimdLevel,
    by_column: &[B],
    k: usize,
    columns: &[usize],
    lanes: &mut [B],
) {
    let columns = &columns[..columns.len().min(STEP_LANES)];
    simd.run(
        #[inline(always)]
        || {
            for (part, lanes) in lanes.chunks_mut(TERMS * STEP_LANES).enumerate() {
                let terms = lanes.len() / STEP_LANES;
                let source = |column: usize| &by_column[column * k + part * TERMS..][..terms];
                let mut done = 0;
                if size_of::<B>() == size_of::<u16>() && terms == TERMS {
                    let rows = bytemuck::cast_slice_mut::<B, u16>(lanes);
                    for columns in columns.chunks_exact(QUAD) {
                        let source = |of: usize| bytemuck::cast_slice(source(columns[of]));
                        transpose([source(0), source(1), source(2), source(3)], done, rows);
                        done += QUAD;
                    }
                }
                let rows = lanes.as_chunks_mut::<STEP_LANES>().0;
                for (lane, &column) in columns.iter().enumerate().skip(done) {
                    let row = rows.iter_mut().zip(source(column));
                    row.for_each(|(row, &value)| row[lane] = value);
                }
            }
        },
    );
}

/// Writes [`TERMS`] terms of four columns to four lanes from `lane` on, sixteen words at a time in 64-bit integers.
#[inline(always)]
fn transpose(columns: [&[u16]; QUAD], lane: usize, lanes: &mut [u16]) {
    const EVEN: u64 = 0x0000_ffff_0000_ffff;
    const LOW: u64 = 0x0000_0000_ffff_ffff;
    let mut words = [[0u64; TERMS / QUAD]; QUAD];
    for (words, column) in words.iter_mut().zip(columns) {
        for (word, terms) in words.iter_mut().zip(column.as_chunks::<QUAD>().0) {
            *word = u64::from_le(bytemuck::cast(*terms));
        }
    }
    let [a, b, c, d] = words;
    let mut terms = [[0u64; TERMS / QUAD]; QUAD];
    for i in 0..TERMS / QUAD {
        let pair = |x: u64, y: u64| (x & EVEN | (y & EVEN) << 16, x >> 16 & EVEN | y & !EVEN);
        let ((ab_even, ab_odd), (cd_even, cd_odd)) = (pair(a[i], b[i]), pair(c[i], d[i]));
        terms[0][i] = ab_even & LOW | cd_even << 32;
        terms[1][i] = ab_odd & LOW | cd_odd << 32;
        terms[2][i] = ab_even >> 32 | cd_even & !LOW;
        terms[3][i] = ab_odd >> 32 | cd_odd & !LOW;
    }
    for (row, lanes) in lanes.as_chunks_mut::<STEP_LANES>().0.iter_mut().enumerate() {
        let word: [u16; QUAD] = bytemuck::cast(terms[row % QUAD][row / QUAD].to_le());
        lanes[lane..lane + QUAD].copy_from_slice(&word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<B: RawInteger + std::fmt::Debug>() {
        let number = |index: usize| B::from_i32((index * 37 % 251) as i32 - 125);
        for simd in SimdLevel::testable() {
            for (k, n, wanted) in [(1, 1, 1), (32, 5, 4), (70, 9, 7), (64, 100, 64), (33, 80, 63)] {
                let by_column: Vec<B> = (0..k * n).map(number).collect();
                let columns: Vec<usize> = (0..wanted).map(|lane| lane * 11 % n).collect();
                let untouched = B::from_i32(77);
                let mut lanes = vec![untouched; k * STEP_LANES];
                pack_lanes(simd, &by_column, k, &columns, &mut lanes);
                for (term, lanes) in lanes.chunks_exact(STEP_LANES).enumerate() {
                    for (lane, &value) in lanes.iter().enumerate() {
                        let column = columns.get(lane);
                        let expected =
                            column.map_or(untouched, |column| by_column[column * k + term]);
                        assert_eq!(value, expected, "{simd}, k {k}, term {term}, lane {lane}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_lane_is_its_column() {
        check::<i16>();
        check::<i32>();
    }
}
