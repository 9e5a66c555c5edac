//! Float → fixed: raw = limit(round(x · 2^FL)), exactly.

use crate::cast::exact;
use crate::kernels::{self, Limits, RawInteger, SimdLevel, StoredInteger};
use crate::number::format::{Container, Format};
use crate::number::overflow::Overflow;
use crate::number::rounding::Rounding;
use crate::number::tensor::RawData;
use crate::parallel;
use crate::random::RandomAddress;
use crate::with_raw;
use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign};

mod decimal;
mod natural;
mod scalar;

pub use decimal::{Decimal, DecimalError, quantise_decimals};
pub(crate) use scalar::round;
pub use scalar::{Cast, Converted, quantise_with};

/// Counts of a quantiser or requantiser over a tensor, in elements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuantiseCounts {
    /// Elements that crossed the quantiser.
    pub elements: u64,
    /// Elements above the range (saturated to its top, or wrapped).
    pub saturated_high: u64,
    /// Elements below the range.
    pub saturated_low: u64,
    /// Elements that were not zero and became zero.
    pub flushed_to_zero: u64,
    /// Elements whose result is not zero.
    pub nonzero: u64,
    /// Random bits that stochastic rounding drew, for every element alike.
    #[serde(default)]
    pub random_bits: u64,
}

impl AddAssign for QuantiseCounts {
    fn add_assign(&mut self, other: Self) {
        self.elements += other.elements;
        self.saturated_high += other.saturated_high;
        self.saturated_low += other.saturated_low;
        self.flushed_to_zero += other.flushed_to_zero;
        self.nonzero += other.nonzero;
        self.random_bits += other.random_bits;
    }
}

impl Add for QuantiseCounts {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl QuantiseCounts {
    /// Elements outside the range, at either end.
    pub fn saturated(&self) -> u64 {
        self.saturated_high + self.saturated_low
    }

    pub(crate) fn from_limits(elements: usize, limits: Limits) -> Self {
        Self {
            elements: elements as u64,
            saturated_high: limits.high,
            saturated_low: limits.low,
            flushed_to_zero: limits.flushed,
            nonzero: limits.nonzero,
            random_bits: limits.random_bits,
        }
    }
}

/// Error of a NaN, which no fixed-point number represents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("element {index} is not a number (NaN), which no fixed-point format can hold")]
pub struct NotANumber {
    /// Position of the first NaN.
    pub index: usize,
}

/// Elements quantised at a time, which stay in the first-level cache; a jump of the generator is paid
/// once for each.
pub(crate) const CHUNK: usize = 1 << 12;

/// Float → fixed: raw = limit(round(x · 2^FL)), computed exactly, by the definition of [`Cast`].
///
/// Stochastic rounding is ⌊x·2^FL + r⌋ with r the random number of the element at `address`: with the
/// default source the upper 24 bits of a 32-bit word, divided by 2^24, otherwise as
/// [`RandomSource`](crate::random::RandomSource) says. ±∞ saturates. The result does not depend on
/// threads or SIMD level.
///
/// ```
/// use hwmodel::number::quantise::Quantiser;
/// use hwmodel::random::{RandomAddress, Role};
/// use hwmodel::{Format, Overflow, Rounding, SimdLevel};
/// let quantiser = Quantiser {
///     simd: SimdLevel::best(),
///     format: Format::unsigned(8, 4)?,
///     rounding: Rounding::NearestEven,
///     overflow: Overflow::Saturate,
///     address: RandomAddress::new(1, 0, 0, Role::Weight),
/// };
/// let (data, counts) = quantiser.slice(&[0.5, 15.9375, 16.0, -1.0])?;
/// assert_eq!(data.to_i32(), [8, 255, 255, 0]);
/// assert_eq!((counts.saturated_high, counts.saturated_low), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantiser {
    /// Instructions that the simulation may use; never changes a result.
    pub simd: SimdLevel,
    /// Format of the result.
    pub format: Format,
    /// Rounding mode.
    pub rounding: Rounding,
    /// Overflow mode of a rounded value outside the format.
    pub overflow: Overflow,
    /// Address of the random numbers of stochastic rounding.
    pub address: RandomAddress,
}

impl Quantiser {
    /// Quantises `x`.
    ///
    /// # Errors
    /// If an element is NaN.
    pub fn slice(&self, x: &[f32]) -> Result<(RawData, QuantiseCounts), NotANumber> {
        let mut data = RawData::zeros(self.format, x.len());
        let counts = self.fill(x, &mut data)?;
        Ok((data, counts))
    }

    /// [`Quantiser::slice`] into a buffer that is reused when its container and length fit.
    ///
    /// # Errors
    /// If an element is NaN.
    pub fn slice_into(&self, x: &[f32], data: &mut RawData) -> Result<QuantiseCounts, NotANumber> {
        data.reuse_for(self.format, x.len());
        self.fill(x, data)
    }

    /// [`Quantiser::slice`] of values that `produce(start, values)` computes piece by piece, so that the float tensor
    /// never exists as a whole: it sets the elements from `start` on. Pieces are whole multiples of `unit`
    /// elements, and so is `length`.
    ///
    /// # Errors
    /// If an element is NaN.
    ///
    /// # Panics
    /// If `unit` is 0 or does not divide `length`.
    pub fn produced(
        &self,
        (length, unit): (usize, usize),
        produce: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Result<(RawData, QuantiseCounts), NotANumber> {
        assert!(unit > 0 && length.is_multiple_of(unit), "{length} elements in units of {unit}");
        let mut data = RawData::zeros(self.format, length);
        let chunk = (CHUNK / unit).max(1) * unit;
        let limits = with_raw!(&mut data, out => parallel::share(
            out.chunks_mut(chunk).enumerate(),
            || vec![0.0; chunk],
            |values, (index, out)| {
                let start = index * chunk;
                let values = &mut values[..out.len()];
                produce(start, values);
                let mut limits = Limits::default();
                let parts = values.chunks(CHUNK).zip(out.chunks_mut(CHUNK)).enumerate();
                for (part, (x, out)) in parts {
                    limits += Words::quantise(self, x, start + part * CHUNK, out);
                }
                limits
            },
        ));
        if limits.not_a_number > 0 {
            let mut values = vec![0.0; chunk];
            let index = (0..length).step_by(chunk).find_map(|start| {
                let values = &mut values[..chunk.min(length - start)];
                produce(start, values);
                values.iter().position(|x| x.is_nan()).map(|at| start + at)
            });
            return Err(NotANumber { index: index.unwrap_or(0) });
        }
        Ok((data, QuantiseCounts::from_limits(length, limits)))
    }

    fn fill(&self, x: &[f32], data: &mut RawData) -> Result<QuantiseCounts, NotANumber> {
        let limits = with_raw!(data, out => {
            let chunks = x.chunks(CHUNK).zip(out.chunks_mut(CHUNK)).enumerate();
            parallel::sum(chunks, |(chunk, (x, out))| Words::quantise(self, x, chunk * CHUNK, out))
        });
        if limits.not_a_number > 0 {
            let index = x.iter().position(|x| x.is_nan()).unwrap_or(0);
            return Err(NotANumber { index });
        }
        Ok(QuantiseCounts::from_limits(x.len(), limits))
    }

    /// The conversion of one number.
    pub fn cast(&self) -> Cast {
        let Self { format, rounding, overflow, .. } = *self;
        Cast { fl: format.fl(), word: format.word(), rounding, overflow }
    }

    /// At most [`CHUNK`] elements, the first of which is element `start`, in the vector loops where the mode is one of theirs.
    fn narrow<T: RawInteger>(&self, x: &[f32], start: usize, out: &mut [T]) -> Limits {
        let Self { simd, format, rounding, overflow, address } = *self;
        let Some(bounds) = overflow.bounds(format) else { return self.one_by_one(x, start, out) };
        with_words(simd, rounding, address, start, x.len(), |words| {
            kernels::quantise(simd, x, words, rounding, format.scale(), bounds, out)
        })
    }

    /// [`Quantiser::narrow`] by the definition.
    fn one_by_one<T: StoredInteger>(&self, x: &[f32], start: usize, out: &mut [T]) -> Limits {
        let Self { simd, rounding, address, .. } = *self;
        let cast = self.cast();
        with_words(simd, rounding, address, start, x.len(), |words| {
            let mut limits = Limits::default();
            for ((&x, word), out) in x.iter().zip(words).zip(out) {
                let Ok(converted) = cast.of_float(x.into(), word >> 8) else {
                    limits.not_a_number += 1;
                    continue;
                };
                let raw = exact::<i64>(converted.raw);
                limits.high += u64::from(converted.outside && x > 0.0);
                limits.low += u64::from(converted.outside && x < 0.0);
                limits.flushed += u64::from(x != 0.0 && raw == 0);
                limits.nonzero += u64::from(raw != 0);
                *out = T::from_i64(raw);
            }
            limits
        })
    }
}

/// A container of results, and how they are computed.
trait Words: StoredInteger {
    /// At most [`CHUNK`] elements, the first of which is element `start`.
    fn quantise(quantiser: &Quantiser, x: &[f32], start: usize, out: &mut [Self]) -> Limits;
}

macro_rules! words {
    ($function:ident: $($type:ty),*) => { $(impl Words for $type {
        fn quantise(quantiser: &Quantiser, x: &[f32], start: usize, out: &mut [Self]) -> Limits {
            quantiser.$function(x, start, out)
        }
    })* };
}
words!(narrow: i8, i16, i32);
words!(one_by_one: i64);

/// Quantises `x` to `format` with saturation: [`Quantiser::slice`].
///
/// # Errors
/// If an element is NaN.
pub fn quantise(
    simd: SimdLevel,
    x: &[f32],
    format: Format,
    rounding: Rounding,
    address: RandomAddress,
) -> Result<(RawData, QuantiseCounts), NotANumber> {
    saturating(simd, format, rounding, address).slice(x)
}

/// [`quantise`] into a buffer that is reused when its container and length fit.
///
/// # Errors
/// If an element is NaN.
pub fn quantise_into(
    simd: SimdLevel,
    x: &[f32],
    format: Format,
    rounding: Rounding,
    address: RandomAddress,
    data: &mut RawData,
) -> Result<QuantiseCounts, NotANumber> {
    saturating(simd, format, rounding, address).slice_into(x, data)
}

/// [`quantise`] of values that are computed piece by piece: [`Quantiser::produced`].
///
/// # Errors
/// If an element is NaN.
///
/// # Panics
/// If `unit` is 0 or does not divide `length`.
pub fn quantise_produced(
    simd: SimdLevel,
    (length, unit): (usize, usize),
    format: Format,
    rounding: Rounding,
    address: RandomAddress,
    produce: impl Fn(usize, &mut [f32]) + Sync,
) -> Result<(RawData, QuantiseCounts), NotANumber> {
    saturating(simd, format, rounding, address).produced((length, unit), produce)
}

const fn saturating(
    simd: SimdLevel,
    format: Format,
    rounding: Rounding,
    address: RandomAddress,
) -> Quantiser {
    Quantiser { simd, format, rounding, overflow: Overflow::Saturate, address }
}

/// Calls `f` with `length` random words of `address` from element `start` on, and counts the bits that
/// floats draw; without stochastic rounding the words are zeros.
pub(crate) fn with_words(
    simd: SimdLevel,
    rounding: Rounding,
    address: RandomAddress,
    start: usize,
    length: usize,
    f: impl FnOnce(&[u32]) -> Limits,
) -> Limits {
    static ZEROS: [u32; CHUNK] = [0; CHUNK];
    if rounding != Rounding::Stochastic {
        return Limits { random_bits: 0, ..f(&ZEROS[..length]) };
    }
    let mut words = [0u32; CHUNK];
    let words = &mut words[..length];
    address.words(simd, start as u64, words);
    let random_bits = length as u64 * address.source.bits_for_float();
    Limits { random_bits, ..f(words) }
}

impl RawData {
    /// Makes `self` hold `length` elements of `format`'s container, keeping its memory if it can.
    pub(crate) fn reuse_for(&mut self, format: Format, length: usize) {
        match (format.container(), &mut *self) {
            (Container::I8, Self::I8(data)) => data.resize(length, 0),
            (Container::I16, Self::I16(data)) => data.resize(length, 0),
            (Container::I32, Self::I32(data)) => data.resize(length, 0),
            (Container::I64, Self::I64(data)) => data.resize(length, 0),
            _ => *self = Self::zeros(format, length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Role;
    use proptest::prelude::*;
    use rand_core::Rng;

    const ADDRESS: RandomAddress = RandomAddress::new(1, 2, 3, Role::Weight);

    /// The scalar definition with r from a random word.
    fn scalar(x: f32, format: Format, rounding: Rounding, word: u32) -> i64 {
        quantise_with(x, format, rounding, word >> 8).unwrap()
    }

    fn any_x() -> impl Strategy<Value = f32> {
        prop_oneof![
            any::<u32>().prop_map(f32::from_bits),
            (-1000i32..1000, 0u32..9).prop_map(|(n, bits)| n as f32 / (1u32 << bits) as f32),
            (-1i32..2).prop_map(|n| n as f32 * f32::MIN_POSITIVE / 4.0),
            (any::<i32>(), -40i32..40).prop_map(|(n, e)| n as f32 * 2f32.powi(e)),
        ]
    }

    proptest! {
        #[test]
        fn every_level_and_mode_equals_the_integers(
            x in proptest::collection::vec(any_x().prop_filter("numbers", |x| !x.is_nan()), 0..40),
            wl in 1u32..=32, fl in -64i32..=64, seed in any::<u64>(),
        ) {
            let format = Format::new(wl, fl).unwrap();
            let address = RandomAddress { seed, ..ADDRESS };
            for rounding in Rounding::ALL {
                let mut words = address.at(0);
                let expected: Vec<i64> =
                    x.iter().map(|&x| scalar(x, format, rounding, words.next_u32())).collect();
                for level in SimdLevel::testable() {
                    let (data, counts) = quantise(level, &x, format, rounding, address).unwrap();
                    prop_assert_eq!(&data.to_i64(), &expected, "{} {}", rounding, level);
                    let flushed = x.iter().zip(&expected).filter(|(x, raw)| **x != 0.0 && **raw == 0);
                    prop_assert_eq!(counts.flushed_to_zero, flushed.count() as u64);
                    prop_assert_eq!(counts.nonzero, data.nonzero());
                    prop_assert_eq!(counts.elements, x.len() as u64);
                }
            }
        }
    }

    #[test]
    fn saturation_is_counted_after_rounding() {
        let format = Format::new(4, 1).unwrap();
        // In halves: 7.4, 7.5 (tie to 8, beyond), -8.4 (to -8, inside), -8.6, ∞, -∞.
        let x = [3.7, 3.75, -4.2, -4.3, f32::INFINITY, f32::NEG_INFINITY];
        let (data, counts) =
            quantise(SimdLevel::best(), &x, format, Rounding::NearestEven, ADDRESS).unwrap();
        assert_eq!(data.to_i32(), [7, 7, -8, -8, 7, -8]);
        assert_eq!((counts.saturated_high, counts.saturated_low), (2, 2));
    }

    #[test]
    fn nan_is_an_error_that_says_where() {
        let x = [1.0, f32::NAN];
        let format = Format::new(8, 4).unwrap();
        for rounding in Rounding::ALL {
            let result = quantise(SimdLevel::best(), &x, format, rounding, ADDRESS);
            assert_eq!(result.unwrap_err(), NotANumber { index: 1 });
        }
    }

    #[test]
    fn chunks_continue_the_same_random_words() {
        let x: Vec<f32> = (0..3 * CHUNK + 5).map(|i| i as f32 * 0.37).collect();
        let format = Format::new(32, 0).unwrap();
        let (data, _) =
            quantise(SimdLevel::best(), &x, format, Rounding::Stochastic, ADDRESS).unwrap();
        let mut words = ADDRESS.at(0);
        for (index, &x) in x.iter().enumerate() {
            let expected = scalar(x, format, Rounding::Stochastic, words.next_u32());
            assert_eq!(data.get(index), expected, "element {index}");
        }
    }

    /// `fixed` rounds to nearest even and saturates: an oracle that no one here wrote.
    #[test]
    fn the_fixed_crate_agrees() {
        use fixed::types::{I8F8, I12F4, I16F16};
        let x: Vec<f32> = (-4000..4000).map(|i| i as f32 * 0.173 + 0.03125).collect();
        let raw = |wl, fl| {
            let format = Format::new(wl, fl).unwrap();
            quantise(SimdLevel::best(), &x, format, Rounding::NearestEven, ADDRESS).unwrap().0
        };
        let (a, b, c) = (raw(16, 8), raw(16, 4), raw(32, 16));
        for (index, &x) in x.iter().enumerate() {
            assert_eq!(a.get(index), i64::from(I8F8::saturating_from_num(x).to_bits()));
            assert_eq!(b.get(index), i64::from(I12F4::saturating_from_num(x).to_bits()));
            assert_eq!(c.get(index), i64::from(I16F16::saturating_from_num(x).to_bits()));
        }
    }
}
