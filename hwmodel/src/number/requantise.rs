//! Accumulator → fixed, and fixed → fixed: align, add the bias, shift with rounding, then overflow.

use crate::cast::exact;
use crate::kernels::{self, Limits, RawInteger, SimdLevel, StoredInteger};
use crate::number::accumulator::{Accumulator, AccumulatorWidth};
use crate::number::format::{Container, Format};
use crate::number::overflow::Overflow;
use crate::number::quantise::{CHUNK, Cast, Converted, QuantiseCounts, with_words};
use crate::number::rounding::Rounding;
use crate::number::tensor::{FixedTensor, RawData};
use crate::parallel;
use crate::random::RandomAddress;
use crate::{with_narrow, with_raw};
use num_traits::AsPrimitive;
use std::sync::atomic::{AtomicU64, Ordering};

/// Brings accumulators, or words of another format, to a format.
///
/// ```
/// use hwmodel::number::requantise::Requantiser;
/// use hwmodel::random::{RandomAddress, Role};
/// use hwmodel::{FixedTensor, Format, Overflow, Rounding, SimdLevel};
/// let requantiser = Requantiser {
///     simd: SimdLevel::best(),
///     format: Format::new(4, 0)?,
///     rounding: Rounding::NearestEven,
///     overflow: Overflow::Saturate,
///     address: RandomAddress::new(1, 0, 0, Role::Output),
/// };
/// // 2.5, -0.75 and 100 in eighths.
/// let x = FixedTensor::from_raw(&[3], Format::new(16, 3)?, &[20, -6, 800])?;
/// let (y, counts) = requantiser.tensor(&x);
/// assert_eq!(y.data().to_i32(), [2, -1, 7]);
/// assert_eq!(counts.saturated(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requantiser {
    /// Instructions that the simulation may use; never changes a result.
    pub simd: SimdLevel,
    /// Format of the result.
    pub format: Format,
    /// Rounding mode of the dropped bits.
    pub rounding: Rounding,
    /// Overflow mode of a value outside the format.
    pub overflow: Overflow,
    /// Address of the random numbers of stochastic rounding. With the default source a word has 32
    /// bits, 64 for shifts of more than 32 bits (two words, the low half first), and its top `shift`
    /// bits are r.
    pub address: RandomAddress,
}

/// Counts of requantising a product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequantiseReport {
    /// Counts of the output quantiser.
    pub counts: QuantiseCounts,
    /// Bias additions that overflowed the accumulator.
    pub accumulator_events: u64,
}

impl RequantiseReport {
    pub(crate) fn of_limits(elements: usize, limits: Limits) -> Self {
        Self { counts: QuantiseCounts::from_limits(elements, limits), accumulator_events: 0 }
    }
}

impl Requantiser {
    /// The fast output stage of a product whose sums have `fl` fractional bits and are at most `bound` in
    /// magnitude, if the bias cannot overflow the accumulator and the shift is one that it covers.
    ///
    /// # Panics
    /// If the bias does not have one value a column.
    pub(crate) fn stage(
        &self,
        accumulator: Accumulator,
        bound: u128,
        fl: i32,
        columns: usize,
        bias: Option<&FixedTensor>,
    ) -> Option<OutputStage<'_>> {
        let aligned = aligned(bias, fl, columns);
        let largest = aligned.iter().map(|b| b.unsigned_abs()).max().unwrap_or(0);
        let fits = match accumulator.width {
            AccumulatorWidth::Exact => true,
            AccumulatorWidth::Bits(bits) => {
                largest == 0 || bound.saturating_add(largest) <= bits.max().unsigned_abs()
            }
        };
        let shift = fl - self.format.fl();
        let (left, right) = if shift < 0 { (-shift, 0) } else { (0, shift) };
        // A left shift must not leave 64 bits; without one the sums fit them with the bias already.
        let inside = left == 0 || (left < 62 && bound.saturating_add(largest) < 1 << (62 - left));
        if !(fits && largest < 1 << 62 && inside) {
            return None;
        }
        let aligned: Vec<i128> = aligned.iter().map(|bias| bias << left).collect();
        OutputStage::new(self, &aligned, (left, right))
    }

    /// Requantises a tensor from its format to this one.
    pub fn tensor(&self, x: &FixedTensor) -> (FixedTensor, QuantiseCounts) {
        let shift = x.format().fl() - self.format.fl();
        let mut data = RawData::zeros(self.format, x.len());
        let (left, right) = if shift < 0 { (-shift, 0) } else { (0, shift) };
        let narrow = x.format().container() != Container::I64;
        let stage = OutputStage::new(self, &[0], (left, right));
        let limits = if let Some(stage) = stage.filter(|_| narrow && left <= 30) {
            with_narrow!(x.data(), raw => with_narrow!(&mut data, out => stage.all(raw, out)))
        } else {
            self.wide(|index| (x.data().get(index).into(), false), shift, &mut data).0
        };
        let counts = QuantiseCounts::from_limits(x.len(), limits);
        let tensor =
            FixedTensor::new(x.shape(), self.format, data).expect("same number of elements");
        (tensor, counts)
    }

    /// Random bits of `elements` elements at a right shift of `shift`.
    fn bits_drawn(&self, elements: usize, shift: i32) -> u64 {
        let stochastic = self.rounding == Rounding::Stochastic;
        let shift = shift.max(0).unsigned_abs();
        if stochastic { elements as u64 * self.address.source.bits_for_shift(shift) } else { 0 }
    }

    /// Every other case, in i128 by the scalar definitions. `value` gives an element and whether it
    /// overflowed on the way.
    pub(crate) fn wide(
        &self,
        value: impl Fn(usize) -> (i128, bool) + Sync,
        shift: i32,
        data: &mut RawData,
    ) -> (Limits, u64) {
        with_raw!(data, out => self.wide_typed(value, shift, out))
    }

    fn wide_typed<T: StoredInteger>(
        &self,
        value: impl Fn(usize) -> (i128, bool) + Sync,
        shift: i32,
        out: &mut [T],
    ) -> (Limits, u64) {
        let outside_accumulator = AtomicU64::new(0);
        let Self { format, rounding, overflow, .. } = *self;
        // The values are integers; so are the results, of which `shift` is the weight.
        let cast = Cast { fl: 0, word: format.word(), rounding, overflow };
        let limits = parallel::sum(out.chunks_mut(CHUNK).enumerate(), |(chunk, out)| {
            let start = chunk * CHUNK;
            let random_bits = self.bits_drawn(out.len(), shift);
            let mut limits = Limits { random_bits, ..Limits::default() };
            let mut events = 0;
            let stochastic = self.rounding == Rounding::Stochastic && shift > 0;
            let mut random =
                stochastic.then(|| self.address.numbers(start as u64, shift.unsigned_abs()));
            for (offset, out) in out.iter_mut().enumerate() {
                let (value, outside) = value(start + offset);
                events += u64::from(outside);
                let random = random.as_mut().map_or(0, |random| random.next());
                let Converted { raw, outside } = cast.of_raw(value, shift, random);
                limits.high += u64::from(outside && value > 0);
                limits.low += u64::from(outside && value < 0);
                limits.flushed += u64::from(value != 0 && raw == 0);
                limits.nonzero += u64::from(raw != 0);
                *out = T::from_i64(exact::<i64>(raw));
            }
            outside_accumulator.fetch_add(events, Ordering::Relaxed);
            limits
        });
        (limits, outside_accumulator.into_inner())
    }
}

/// The bias at the accumulator's fractional length, one value a column.
pub(crate) fn aligned(bias: Option<&FixedTensor>, fl: i32, columns: usize) -> Vec<i128> {
    let Some(bias) = bias else { return vec![0; columns] };
    assert_eq!(bias.len(), columns, "one bias a column");
    let shift = fl - bias.format().fl();
    (0..columns).map(|i| align(bias.data().get(i).into(), shift)).collect()
}

/// The fast loops: left shift, bias, right shift and saturation in i64 arithmetic that cannot overflow.
pub(crate) struct OutputStage<'a> {
    requantiser: &'a Requantiser,
    /// After the left shift. A short one is repeated: the loops run over its length.
    bias: Vec<i64>,
    left: u32,
    right: u32,
}

impl<'a> OutputStage<'a> {
    /// The loops for a right shift of `right` after a left shift of `left` bits, if they cover it: saturation, and random
    /// numbers of at most 32 bits.
    fn new(requantiser: &'a Requantiser, bias: &[i128], (left, right): (i32, i32)) -> Option<Self> {
        let Requantiser { format, overflow, .. } = *requantiser;
        if !overflow.saturates_to_ends() || format.container() == Container::I64 {
            return None;
        }
        let longest = if requantiser.rounding == Rounding::Stochastic { 32 } else { 62 };
        if left < 0 || !(0..=longest).contains(&right) {
            return None;
        }
        let repeats = (256 / bias.len().max(1)).max(1);
        let bias = bias.iter().map(|&bias| exact::<i64>(bias)).collect::<Vec<_>>().repeat(repeats);
        let (left, right) = (left.cast_unsigned(), right.cast_unsigned());
        Some(Self { requantiser, bias, left, right })
    }

    /// Elements of whole rows, about [`CHUNK`].
    fn unit(&self) -> usize {
        let row = self.bias.len();
        (CHUNK / row.max(1)).max(1) * row
    }

    /// Every sum, by all threads.
    pub(crate) fn all<S: AsPrimitive<i64> + Sync, T: RawInteger>(
        &self,
        sums: &[S],
        out: &mut [T],
    ) -> Limits {
        let unit = self.unit();
        if unit == 0 {
            return Limits::default();
        }
        parallel::sum(
            sums.chunks(unit).zip(out.chunks_mut(unit)).enumerate(),
            |(index, (sums, out))| self.narrow(sums, index * unit, out),
        )
    }

    /// The sums of whole rows, the first of which is element `start` of the product.
    pub(crate) fn narrow<S: AsPrimitive<i64>, T: RawInteger>(
        &self,
        sums: &[S],
        start: usize,
        out: &mut [T],
    ) -> Limits {
        let Requantiser { simd, format, rounding, overflow, address } = *self.requantiser;
        // Nothing is dropped, so that no mode needs random numbers.
        let rounding = if self.right == 0 { Rounding::Floor } else { rounding };
        let (min, max) = (format.min_raw(), format.max_raw());
        let unit = self.unit().max(1);
        let mut limits = Limits::default();
        for (row, (sums, out)) in sums.chunks(unit).zip(out.chunks_mut(unit)).enumerate() {
            for (part, (sums, out)) in sums.chunks(CHUNK).zip(out.chunks_mut(CHUNK)).enumerate() {
                let start = start + row * unit + part * CHUNK;
                let bias = match self.bias.len() > CHUNK {
                    true => &self.bias[part * CHUNK..][..sums.len()],
                    false => &self.bias[..],
                };
                let (left, right) = (self.left, self.right);
                let part = with_words(simd, rounding, address, start, sums.len(), |words| {
                    kernels::requantise_narrow(
                        simd, sums, bias, words, rounding, left, right, min, max, out,
                    )
                });
                overflow.make_symmetric(format, out);
                let random_bits = self.requantiser.bits_drawn(sums.len(), right as i32);
                limits += Limits { random_bits, ..part };
            }
        }
        limits
    }
}

/// `value · 2^-shift` rounded, for any shift and any |value| < 2^127; results beyond 2^100 keep only
/// their sign and size, which suffices: saturation needs no more, and the low bits that `wrap` keeps are zero.
/// `random` is read by stochastic rounding only, as in [`Rounding::shift_right`].
pub fn shift_exactly(rounding: Rounding, value: i128, shift: i32, random: u64) -> i128 {
    if shift >= 127 {
        if rounding == Rounding::Stochastic {
            // In units of 2^-64, of which r is a whole number, so that the floor of the value suffices.
            return ((value >> (shift - 64).min(127)) + i128::from(random)) >> 64;
        }
        // |value| < 2^126 here: the result is 0 or the direction's first integer.
        return rounding.shift_right(value.signum(), 126, random);
    }
    if shift >= 0 {
        return rounding.shift_right(value, shift.cast_unsigned(), random);
    }
    let left = shift.unsigned_abs();
    let free = value.unsigned_abs().leading_zeros();
    if left + 1 < free {
        return value << left;
    }
    // Beyond i128: at least 64 low bits are zero, so wrapping gives 0 and saturating an end.
    value.signum() << 100
}

/// A bias moved by `shift` = FLa + FLb - FLbias bits to the left (negative: to the right, nearest even),
/// as it is added in the accumulator.
pub fn align(raw: i128, shift: i32) -> i128 {
    if shift >= 0 {
        shift_exactly(Rounding::NearestEven, raw, -shift, 0)
    } else {
        Rounding::NearestEven.shift_right(raw, shift.unsigned_abs().min(126), 0)
    }
}

#[cfg(test)]
mod tests;
