//! Float sums whose order is fixed, so that they do not depend on the number of threads.

use hwmodel::SimdLevel;
use hwmodel::float32::Values;
use rayon::prelude::*;

/// Elements of one partial sum.
pub(crate) const CHUNK: usize = 1 << 14;
const LANES: usize = 8;

/// Σ `term`(value) in float64: lanes inside chunks, chunks in ascending order.
pub(crate) fn ordered_sum<T, F>(values: &[T], term: F) -> f64
where
    T: Copy + Sync,
    F: Fn(T) -> f64 + Sync,
{
    if values.len() <= CHUNK {
        return chunk_sum(values, &term);
    }
    let partial: Vec<f64> = values.par_chunks(CHUNK).map(|chunk| chunk_sum(chunk, &term)).collect();
    partial.iter().sum()
}

/// Σ|value| and Σ value² in float64 of an operand of the float unit, in the order of [`ordered_sum`].
pub(crate) fn norm_sums(simd: SimdLevel, values: Values<'_>) -> [f64; 2] {
    let chunks = values.len().div_ceil(CHUNK);
    let partial: Vec<[f64; 2]> = (0..chunks)
        .into_par_iter()
        .map_init(
            || vec![0.0; CHUNK],
            |buffer, chunk| {
                let start = chunk * CHUNK;
                let length = CHUNK.min(values.len() - start);
                let values = values.read(simd, start, &mut buffer[..length]);
                [chunk_sum(values, &|x| f64::from(x.abs())), chunk_sum(values, &square)]
            },
        )
        .collect();
    [0, 1].map(|which| partial.iter().map(|sums| sums[which]).sum())
}

/// Σ value² in float64.
pub(crate) fn sum_of_squares(values: &[f32]) -> f64 {
    ordered_sum(values, square)
}

/// x² in float64, exact for a float32 x.
pub(crate) fn square(x: f32) -> f64 {
    f64::from(x) * f64::from(x)
}

/// One chunk, in eight interleaved lanes that are added in ascending order.
pub(crate) fn chunk_sum<T: Copy, F: Fn(T) -> f64>(values: &[T], term: &F) -> f64 {
    let (whole, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for group in whole {
        for (lane, value) in lanes.iter_mut().zip(group) {
            *lane += term(*value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += term(*value);
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::{FixedTensor, Format};

    #[test]
    fn sums_of_integers_are_exact_at_every_tail() {
        for n in [0, 1, 7, 8, 9, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5] {
            let values: Vec<f32> = (0..n).map(|i| (i % 100) as f32).collect();
            let expected: u64 = (0..n as u64).map(|i| (i % 100) * (i % 100)).sum();
            assert_eq!(sum_of_squares(&values), expected as f64, "{n}");
        }
    }

    #[test]
    fn norms_of_an_operand_are_the_sums_of_its_values() {
        let format = Format::new(8, 3).unwrap();
        for n in [0, 5, CHUNK, 2 * CHUNK + 9] {
            let raw: Vec<i32> = (0..n as i32).map(|i| i * 7 % 256 - 128).collect();
            let tensor = FixedTensor::from_raw(&[n], format, &raw).unwrap();
            let simd = SimdLevel::best();
            let values = tensor.to_f32(simd);
            let expected = [ordered_sum(&values, |x| f64::from(x.abs())), sum_of_squares(&values)];
            assert_eq!(norm_sums(simd, Values::Fixed(&tensor)), expected);
            assert_eq!(norm_sums(simd, Values::Float(&values)), expected);
        }
    }

    #[test]
    fn the_sum_is_the_same_for_any_number_of_threads() {
        let values: Vec<f32> = (0..5 * CHUNK).map(|i| (i as f32).sin()).collect();
        let sum_with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| sum_of_squares(&values)).to_bits()
        };
        assert_eq!(sum_with(1), sum_with(3));
    }
}
