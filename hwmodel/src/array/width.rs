//! Required accumulator width: for given values, for any input, and for any words of the formats.

pub mod a2q;
mod norm_bound;

pub use norm_bound::{NormBound, NormLimit, channel_range, l1_norm};

use crate::BitWidth;
use crate::array::requantise::check_bias;
use crate::array::{Convolution2d, MacArray, ShapeError};
use crate::kernels::SimdLevel;
use crate::number::accumulator::{Accumulator, AccumulatorWidth, InnerAccumulator};
use crate::number::format::Format;
use crate::number::overflow::Overflow;
use crate::number::requantise::align;
use crate::number::tensor::FixedTensor;
use crate::parallel;
use std::num::NonZeroU32;

/// Bits of the smallest two's complement word that holds `lowest` and `highest`.
///
/// ```
/// use hwmodel::array::width;
/// assert_eq!(width::of_range(-128, 127), 8);
/// assert_eq!(width::of_range(-128, 128), 9);
/// ```
pub fn of_range(lowest: i128, highest: i128) -> u32 {
    let of = |value: i128| 129 - (value ^ (value >> 127)).leading_zeros();
    of(lowest).max(of(highest))
}

/// Accumulator width in which no sum over k of words of `input` times the weights `[o, …]` of an output can overflow, for any
/// words, nor the addition of the bias `[o]` at the end. No smaller accumulator is safe for every input ([`channel_range`]).
pub fn any_input(input: Format, weights: &FixedTensor, bias: Option<&FixedTensor>) -> u32 {
    let filters = weights.shape().first().copied().unwrap_or(0);
    let terms = weights.len() / filters.max(1);
    let fl = input.fl() + weights.format().fl();
    (0..filters).fold(1, |bits, filter| {
        let weights = (0..terms).map(|term| weights.data().get(filter * terms + term));
        let (lowest, highest) = channel_range(input, weights);
        let bias = bias.map_or(0, |b| align(b.data().get(filter).into(), fl - b.format().fl()));
        let (low, high) = (lowest.min(lowest + bias), highest.max(highest + bias));
        bits.max(of_range(low, high))
    })
}

/// Accumulator width in which no sum of `terms` products of words of `input` and `weight` can overflow, nor the addition of a word
/// of `bias` at the end. At most
/// [`AccumulatorWidth::provable_bits`](crate::AccumulatorWidth::provable_bits) where there is no bias.
pub fn any_words(input: Format, weight: Format, bias: Option<Format>, terms: u64) -> u32 {
    let corner = |a: i64, b: i64| i128::from(a) * i128::from(b);
    let products = [
        corner(input.min_raw(), weight.min_raw()),
        corner(input.min_raw(), weight.max_raw()),
        corner(input.max_raw(), weight.min_raw()),
        corner(input.max_raw(), weight.max_raw()),
    ];
    let extreme = |f: fn(i128, i128) -> i128| products.into_iter().fold(0, f);
    let terms = i128::from(terms);
    let (mut lowest, mut highest) = (terms * extreme(i128::min), terms * extreme(i128::max));
    if let Some(bias) = bias {
        let shift = input.fl() + weight.fl() - bias.fl();
        lowest += align(bias.min_raw().into(), shift).min(0);
        highest += align(bias.max_raw().into(), shift).max(0);
    }
    of_range(lowest, highest)
}

/// Bits of the smallest accumulator that no partial sum of X `[n, h, w, c]` convolved with W
/// `[o, kh, kw, c / groups]` leaves, nor the bias `[o]` added at the end; `None` if it takes more than 64.
///
/// # Errors
/// If the shapes do not fit, or the bias does not have one value a filter.
pub fn on_data(
    simd: SimdLevel,
    x: &FixedTensor,
    weights: &FixedTensor,
    bias: Option<&FixedTensor>,
    geometry: Convolution2d,
) -> Result<Option<u32>, ShapeError> {
    let run = |accumulator| MacArray { simd, accumulator }.convolve(x, weights, geometry);
    let product = run(Accumulator::default())?;
    check_bias(bias, product.columns)?;
    let aligned: Option<Vec<i128>> = bias.map(|bias| {
        let shift = product.fl - bias.format().fl();
        (0..bias.len()).map(|i| align(bias.data().get(i).into(), shift)).collect()
    });
    let of_sum = |index: usize| {
        let sum = product.sums.get(index);
        let biased = aligned.as_ref().map_or(sum, |bias| sum + bias[index % bias.len()]);
        of_range(sum.min(biased), sum.max(biased))
    };
    const CHUNK: usize = 1 << 14;
    let count = product.sums.len();
    let chunks = (0..count).step_by(CHUNK);
    let largest =
        parallel::map(chunks, |start| (start..count.min(start + CHUNK)).map(of_sum).max());
    let sums = largest.into_iter().flatten().max().unwrap_or(1);
    let provable = any_input(x.format(), weights, bias);
    // A partial sum may be larger than every whole sum, so the search begins at the width of the whole sums.
    for bits in sums..=64 {
        let width = AccumulatorWidth::Bits(BitWidth::new(bits).unwrap_or(BitWidth::MOST));
        let accumulator = Accumulator::new(width, Overflow::Saturate);
        if bits >= provable || run(accumulator)?.report.accumulator_events == 0 {
            return Ok(Some(bits));
        }
    }
    Ok(None)
}

/// Inner accumulator width in which no block of `terms` consecutive products of words of `input` and the weights `[o, …]` can
/// overflow, for any words.
pub fn any_input_blocks(input: Format, weights: &FixedTensor, terms: NonZeroU32) -> u32 {
    let (least, most) = (i128::from(input.min_raw()), i128::from(input.max_raw()));
    let filters = weights.shape().first().copied().unwrap_or(0);
    let length = weights.len() / filters.max(1);
    let mut bits = 1;
    for filter in 0..filters {
        for first in (0..length).step_by(terms.get() as usize) {
            let block = first..length.min(first + terms.get() as usize);
            let (mut lowest, mut highest) = (0i128, 0i128);
            for term in block {
                let weight = i128::from(weights.data().get(filter * length + term));
                lowest += (weight * least).min(weight * most);
                highest += (weight * least).max(weight * most);
            }
            bits = bits.max(of_range(lowest, highest));
        }
    }
    bits
}

/// Bits of the smallest inner and outer accumulators that X convolved with W leaves nowhere, if blocks of `terms` products are
/// summed in the inner one; the bias is added last in the outer one. `None` if it takes more than 64.
///
/// # Errors
/// As [`on_data`].
pub fn on_data_blocks(
    simd: SimdLevel,
    x: &FixedTensor,
    weights: &FixedTensor,
    bias: Option<&FixedTensor>,
    geometry: Convolution2d,
    terms: NonZeroU32,
) -> Result<[Option<u32>; 2], ShapeError> {
    let bits = |bits: u32| AccumulatorWidth::Bits(BitWidth::new(bits).unwrap_or(BitWidth::MOST));
    let overflow = Overflow::Saturate;
    let free = |accumulator: Accumulator| {
        let array = MacArray { simd, accumulator };
        let product = array.convolve_biased(x, weights, geometry, bias)?;
        Ok(product.report().accumulator_events == 0)
    };
    let inner = |width| {
        let inner = InnerAccumulator { terms, width, overflow };
        Accumulator { inner: Some(inner), ..Accumulator::default() }
    };
    // Sums that leave no width leave no wider one, so that halving finds the least.
    let least = |most: u32, fits: &dyn Fn(u32) -> Result<bool, ShapeError>| {
        if most > 64 && !fits(64)? {
            return Ok(None);
        }
        let (mut low, mut high) = (1, most.min(64));
        while low < high {
            let middle = (low + high) / 2;
            if fits(middle)? { high = middle } else { low = middle + 1 }
        }
        Ok(Some(low))
    };
    let of_blocks = any_input_blocks(x.format(), weights, terms);
    let of_sums = any_input(x.format(), weights, bias);
    Ok([
        least(of_blocks, &|width| free(inner(bits(width))))?,
        least(of_sums, &|width| {
            free(Accumulator { width: bits(width), overflow, ..inner(AccumulatorWidth::Exact) })
        })?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_need_their_own_widths() {
        let x = FixedTensor::from_raw(&[1, 1, 1, 4], format(4, 0), &[7, 7, -8, -8]).unwrap();
        let w = FixedTensor::from_raw(&[1, 1, 1, 4], format(4, 0), &[7, 7, 7, 6]).unwrap();
        let geometry = Convolution2d::square(1, 1, 0);
        let two = NonZeroU32::new(2).unwrap();
        // Blocks of 98 and -104, whose sum is -6; the bias leads to -110.
        let found = on_data_blocks(SimdLevel::best(), &x, &w, None, geometry, two).unwrap();
        assert_eq!(found, [Some(8), Some(8)]);
        let bias = FixedTensor::from_raw(&[1], format(9, 0), &[-130]).unwrap();
        let found = on_data_blocks(SimdLevel::best(), &x, &w, Some(&bias), geometry, two).unwrap();
        assert_eq!(found, [Some(8), Some(9)]);
        // Any input: a block of 7·-8·2 = -112, the whole of -216.
        assert_eq!(any_input_blocks(format(4, 0), &w, two), 8);
        assert_eq!(any_input_blocks(format(4, 0), &w, NonZeroU32::MIN), 7);
        assert_eq!(any_input(format(4, 0), &w, None), 9);
        // A block that is as long as the sum needs what the sum does.
        let all = NonZeroU32::new(4).unwrap();
        let [inner, _] = on_data_blocks(SimdLevel::best(), &x, &w, None, geometry, all).unwrap();
        assert_eq!(inner, on_data(SimdLevel::best(), &x, &w, None, geometry).unwrap());
    }

    fn format(wl: u32, fl: i32) -> Format {
        Format::new(wl, fl).unwrap()
    }

    #[test]
    fn ranges_are_held_exactly() {
        for (lowest, highest, bits) in [
            (0, 0, 1),
            (-1, 0, 1),
            (0, 1, 2),
            (-2, 1, 2),
            (-3, 1, 3),
            (0, 127, 8),
            (0, 128, 9),
            (-129, 0, 9),
        ] {
            assert_eq!(of_range(lowest, highest), bits, "{lowest} {highest}");
        }
        assert_eq!(of_range(i128::MIN, 0), 128);
    }

    #[test]
    fn hand_worked_bounds() {
        // 64 products of at most 2^14: 2^20, which needs 22 bits; 65 still fit them.
        assert_eq!(any_words(format(8, 0), format(8, 0), None, 64), 22);
        assert_eq!(any_words(format(8, 0), format(8, 0), None, 65), 22);
        // 31 products of at most 2^14 stay below 2^19, and a bias of -128·2^0 below that.
        assert_eq!(any_words(format(8, 0), format(8, 0), Some(format(8, 0)), 31), 20);
        // One-bit words are -1 and 0: products are 0 and 1.
        assert_eq!(any_words(format(1, 0), format(1, 0), None, 3), 3);
        for terms in 1..70 {
            for (a, b) in [(1, 1), (1, 5), (2, 2), (8, 8), (3, 32)] {
                let tight = any_words(format(a, 0), format(b, 0), None, terms);
                assert!(
                    tight <= crate::AccumulatorWidth::provable_bits(a, b, terms),
                    "{a} {b} {terms}"
                );
            }
        }
        // Weights 1 and -2 of inputs -8 … 7: from -8 - 14 to 7 + 16.
        let weights = FixedTensor::from_raw(&[1, 1, 1, 2], format(4, 0), &[1, -2]).unwrap();
        assert_eq!(any_input(format(4, 0), &weights, None), 6);
        // With a bias of 8 the highest sum is 31, with 9 it is 32.
        let bias = |raw| FixedTensor::from_raw(&[1], format(8, 0), &[raw]).unwrap();
        assert_eq!(any_input(format(4, 0), &weights, Some(&bias(8))), 6);
        assert_eq!(any_input(format(4, 0), &weights, Some(&bias(9))), 7);
    }
}
