//! One exponent for every block, from its largest magnitude.

use super::{
    BlockAxis, BlockFloatError, Blocks, MAX_WORD_LENGTH, MIN_WORD_LENGTH, check_finite, floor_log2,
};
use crate::cast::{exact, nearest_f32};
use crate::kernels::{self, Bounds, Limits, RawInteger, SimdLevel};
use crate::number::format::{Format, exp2};
use crate::number::quantise::{CHUNK, NotANumber, QuantiseCounts, round, with_words};
use crate::number::rounding::Rounding;
use crate::number::tensor::RawData;
use crate::parallel;
use crate::random::RandomAddress;
use crate::with_narrow;

/// A tensor of raw integers with one exponent a block.
///
/// An element is raw · 2^(E + 2 - WL) with E the exponent of its block, ⌊log2⌋ of the block's largest
/// magnitude. The range is symmetric, |raw| ≤ 2^(WL-1) - 1, so that the lowest integer of the word is
/// never used. A block of zeros has E = 0.
///
/// ```
/// use hwmodel::number::block_float::{BlockAxis, BlockFloatTensor};
/// use hwmodel::random::{RandomAddress, Role};
/// use hwmodel::{Rounding, SimdLevel};
/// let address = RandomAddress::new(1, 0, 0, Role::Weight);
/// let x = [5.0, -0.6, 0.1, 0.09];
/// let (tensor, _) = BlockFloatTensor::quantise(
///     SimdLevel::best(), &x, &[2, 2], 4, BlockAxis::Axis(0), Rounding::HalfUp, address,
/// )?;
/// assert_eq!(tensor.exponents(), [2, -4]);
/// assert_eq!(tensor.raw().to_i32(), [5, -1, 6, 6]);
/// assert_eq!(tensor.to_f32(), [5.0, -1.0, 0.09375, 0.09375]);
/// # Ok::<(), hwmodel::number::block_float::BlockFloatError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockFloatTensor {
    shape: Vec<usize>,
    wl: u32,
    blocks: Blocks,
    exponents: Vec<i32>,
    raw: RawData,
}

/// Quantises one number of a block with exponent `exponent`, the definition of
/// [`BlockFloatTensor::quantise`] for a given random number:
/// raw = round(x · 2^(WL - 2 - E)), saturated to ±(2^(WL-1) - 1).
///
/// [`Rounding::Stochastic`] is ⌊x · 2^(WL-2-E) + r⌋ with r the low 24 bits of `r24` divided by 2^24.
/// QPyTorch's nearest is [`Rounding::HalfUp`]. An infinite `x` saturates.
///
/// # Errors
/// If `wl` is not 2 to 32 bits or `x` is NaN.
pub fn quantise_with(
    x: f32,
    wl: u32,
    exponent: i32,
    rounding: Rounding,
    r24: u32,
) -> Result<i32, BlockFloatError> {
    let limit = limit(wl)?;
    if x.is_nan() {
        return Err(NotANumber { index: 0 }.into());
    }
    if x.is_infinite() {
        return Ok(if x > 0.0 { limit } else { -limit });
    }
    let fl = (wl as i32 - 2).saturating_sub(exponent).clamp(-1000, 1000);
    let raw = round(x.into(), fl, rounding, r24 & 0x00ff_ffff);
    Ok(exact::<i32>(raw.clamp((-limit).into(), limit.into())))
}

/// 2^(WL-1) - 1.
fn limit(wl: u32) -> Result<i32, BlockFloatError> {
    if !(MIN_WORD_LENGTH..=MAX_WORD_LENGTH).contains(&wl) {
        return Err(BlockFloatError::WordLength(wl));
    }
    Ok(exact::<i32>((1i64 << (wl - 1)) - 1))
}

impl BlockFloatTensor {
    /// Quantises `x` of `shape` (row-major) to words of `wl` bits: see [`quantise_with`].
    ///
    /// Stochastic rounding takes r from the upper 24 bits of the element's 32-bit word at `address`.
    /// The result depends neither on threads nor on the SIMD level. Saturated elements, which are those
    /// that round up to the next power of two, are counted.
    ///
    /// # Errors
    /// If `wl` is not 2 to 32 bits, `x` is not of `shape`, the axis does not exist, or an element is
    /// NaN or infinite.
    pub fn quantise(
        simd: SimdLevel,
        x: &[f32],
        shape: &[usize],
        wl: u32,
        axis: BlockAxis,
        rounding: Rounding,
        address: RandomAddress,
    ) -> Result<(Self, QuantiseCounts), BlockFloatError> {
        let limit = limit(wl)?;
        let blocks = Blocks::new(shape, axis, x.len())?;
        let largest = blocks.largest_magnitudes(x);
        check_finite(x, largest.iter().copied().max().unwrap_or(0))?;
        let exponent = |&bits: &u32| if bits == 0 { 0 } else { floor_log2(bits) };
        let exponents: Vec<i32> = largest.iter().map(exponent).collect();
        let mut raw = RawData::zeros(Format::new(wl, 0)?, x.len());
        let unit = Unit { simd, rounding, address, wl, limit: limit.into() };
        let limits = with_narrow!(&mut raw, out => unit.run(x, blocks, &exponents, out));
        let counts = QuantiseCounts::from_limits(x.len(), limits);
        Ok((Self { shape: shape.to_vec(), wl, blocks, exponents, raw }, counts))
    }

    /// Sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Word length in bits.
    pub fn wl(&self) -> u32 {
        self.wl
    }

    /// E of every block: one for a tensor, else one an index of the axis.
    pub fn exponents(&self) -> &[i32] {
        &self.exponents
    }

    /// The integers, row-major.
    pub fn raw(&self) -> &RawData {
        &self.raw
    }

    /// The values, which float32 holds exactly.
    pub fn to_f32(&self) -> Vec<f32> {
        let step = |index| exp2(self.exponents[self.blocks.of(index)] + 2 - self.wl as i32);
        with_narrow!(&self.raw, raw => {
            let values = raw.iter().enumerate();
            values.map(|(i, &raw)| nearest_f32(f64::from(raw) * step(i))).collect()
        })
    }
}

/// How elements are quantised.
struct Unit {
    simd: SimdLevel,
    rounding: Rounding,
    address: RandomAddress,
    wl: u32,
    limit: f64,
}

impl Unit {
    fn run<T: RawInteger>(
        &self,
        x: &[f32],
        blocks: Blocks,
        exponents: &[i32],
        out: &mut [T],
    ) -> Limits {
        let (min, max) = (-self.limit, self.limit);
        let bounds = Bounds { min, max, lowest: min, below: min, above: max };
        let chunks = x.chunks(CHUNK).zip(out.chunks_mut(CHUNK)).enumerate();
        parallel::sum(chunks, |(chunk, (x, out))| {
            let start = chunk * CHUNK;
            let (simd, rounding) = (self.simd, self.rounding);
            with_words(simd, rounding, self.address, start, x.len(), |words| {
                let mut total = Limits::default();
                let mut from = 0;
                while from < x.len() {
                    let index = start + from;
                    let to = (from + blocks.run - index % blocks.run).min(x.len());
                    let scale = exp2(self.wl as i32 - 2 - exponents[blocks.of(index)]);
                    let (x, words, out) = (&x[from..to], &words[from..to], &mut out[from..to]);
                    total += kernels::quantise(simd, x, words, rounding, scale, bounds, out);
                    from = to;
                }
                total
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Role;
    use proptest::prelude::*;
    use rand_core::Rng;

    const ADDRESS: RandomAddress = RandomAddress::new(1, 2, 3, Role::Weight);

    fn whole(x: &[f32], wl: u32, rounding: Rounding) -> (BlockFloatTensor, QuantiseCounts) {
        let simd = SimdLevel::best();
        let shape = [x.len()];
        BlockFloatTensor::quantise(simd, x, &shape, wl, BlockAxis::Tensor, rounding, ADDRESS)
            .unwrap()
    }

    #[test]
    fn ties_and_the_symmetric_range_by_hand() {
        // E = 1, step 2^(1+2-4) = ½: 3.75 is 7.5 steps, whose tie to 8 is cut to 7.
        let x = [3.75, -3.75, -3.9, 0.25, -0.25, 0.75, 0.2, 0.0];
        let (tensor, counts) = whole(&x, 4, Rounding::HalfUp);
        assert_eq!(tensor.exponents(), [1]);
        assert_eq!(tensor.raw().to_i32(), [7, -7, -7, 1, 0, 2, 0, 0]);
        assert_eq!((counts.saturated_high, counts.saturated_low), (1, 1));
        assert_eq!((counts.flushed_to_zero, counts.nonzero), (2, 5));
        assert_eq!((tensor.shape(), tensor.wl()), (&[8][..], 4));
    }

    #[test]
    fn zero_subnormal_and_largest_blocks() {
        let (tensor, _) = whole(&[0.0, -0.0], 8, Rounding::HalfUp);
        assert_eq!((tensor.exponents(), tensor.to_f32()), (&[0][..], vec![0.0, 0.0]));
        // Fewer bits than the word has: exact.
        let x = [f32::from_bits(5), -f32::from_bits(3)];
        let (tensor, _) = whole(&x, 8, Rounding::HalfUp);
        assert_eq!((tensor.exponents(), tensor.to_f32()), (&[-147][..], x.to_vec()));
        let (tensor, counts) = whole(&[f32::MAX, 1.0], 8, Rounding::HalfUp);
        assert_eq!((tensor.exponents(), tensor.raw().to_i32()), (&[127][..], vec![127, 0]));
        assert_eq!(counts.saturated_high, 1);
        assert_eq!(whole(&[], 8, Rounding::HalfUp).1, QuantiseCounts::default());
    }

    #[test]
    fn what_has_no_exponent_is_an_error() {
        let simd = SimdLevel::best();
        let error = |x: &[f32], wl| {
            let (axis, rounding) = (BlockAxis::Tensor, Rounding::HalfUp);
            BlockFloatTensor::quantise(simd, x, &[x.len()], wl, axis, rounding, ADDRESS)
                .unwrap_err()
        };
        assert_eq!(error(&[1.0], 1), BlockFloatError::WordLength(1));
        assert_eq!(error(&[1.0], 33).to_string(), "word length 33 is impossible: use 2 to 32 bits");
        let infinite = BlockFloatError::Infinite { index: 1 };
        assert_eq!(error(&[1.0, f32::NEG_INFINITY], 8), infinite);
        let nan = BlockFloatError::NotANumber(NotANumber { index: 2 });
        assert_eq!(error(&[1.0, f32::INFINITY, f32::NAN], 8), nan);
        assert!(quantise_with(f32::NAN, 8, 0, Rounding::Floor, 0).is_err());
        assert_eq!(quantise_with(f32::NEG_INFINITY, 8, 0, Rounding::Floor, 0), Ok(-127));
        assert_eq!(quantise_with(1.0, 8, i32::MIN, Rounding::Floor, 0), Ok(127));
        assert_eq!(quantise_with(1.0, 8, i32::MAX, Rounding::Floor, 0), Ok(0));
    }

    #[test]
    fn a_long_axis_continues_the_same_random_words() {
        let x: Vec<f32> = (0..3 * CHUNK).map(|i| (i as f32 * 0.7).sin() * 3.0).collect();
        let shape = [3, CHUNK / 2, 2];
        for axis in [BlockAxis::Tensor, BlockAxis::Axis(0), BlockAxis::Axis(2)] {
            let simd = SimdLevel::best();
            let rounding = Rounding::Stochastic;
            let (tensor, _) =
                BlockFloatTensor::quantise(simd, &x, &shape, 9, axis, rounding, ADDRESS).unwrap();
            let mut words = ADDRESS.at(0);
            for (i, &x) in x.iter().enumerate() {
                let exponent = tensor.exponents()[tensor.blocks.of(i)];
                let expected = quantise_with(x, 9, exponent, rounding, words.next_u32() >> 8);
                assert_eq!(
                    Ok(tensor.raw().get(i)),
                    expected.map(i64::from),
                    "{axis:?} element {i}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn every_level_and_mode_equals_the_scalar_definition(
            mantissas in proptest::collection::vec((any::<i32>(), 0i32..40), 24),
            scale in -110i32..90, wl in 2u32..=32, axis in 0usize..4, seed in any::<u64>(),
        ) {
            let x: Vec<f32> =
                mantissas.iter().map(|&(m, e)| (f64::from(m) * exp2(scale - e)) as f32).collect();
            let axis = if axis == 3 { BlockAxis::Tensor } else { BlockAxis::Axis(axis) };
            let address = RandomAddress { seed, ..ADDRESS };
            for rounding in Rounding::ALL {
                for simd in SimdLevel::testable() {
                    let (tensor, counts) = BlockFloatTensor::quantise(
                        simd, &x, &[2, 3, 4], wl, axis, rounding, address).unwrap();
                    let mut words = address.at(0);
                    let values = tensor.to_f32();
                    for (i, &x) in x.iter().enumerate() {
                        let exponent = tensor.exponents[tensor.blocks.of(i)];
                        let raw =
                            quantise_with(x, wl, exponent, rounding, words.next_u32() >> 8).unwrap();
                        prop_assert_eq!(tensor.raw.get(i), i64::from(raw), "{} {}", rounding, simd);
                        // Less than a step away, and float32 holds it exactly.
                        let step = exp2(exponent + 2 - wl as i32);
                        prop_assert!((f64::from(x) / step - f64::from(raw)).abs() <= 1.0);
                        prop_assert_eq!(f64::from(values[i]), f64::from(raw) * step);
                    }
                    prop_assert_eq!(counts.nonzero, tensor.raw.nonzero());
                }
            }
        }
    }
}
