//! Accumulator → word with a multiplier, shift and offset per channel.

use super::channel_scale::ChannelScale;
use super::product_range::{ProductRange, ProductRanges};
use crate::array::Sums;
use crate::cast::exact;
use crate::number::quantise::QuantiseCounts;
use crate::number::rounding::{Mode, Shifted};
use crate::{
    FixedTensor, Format, Overflow, RawData, Rounding, SimdLevel, with_narrow, with_raw,
    with_rounding,
};
use num_traits::AsPrimitive;
use rayon::prelude::*;
use std::ops::AddAssign;

/// Elements a thread handles at a time, rounded down to whole rows.
const CHUNK: usize = 1 << 12;

/// The requantisation of a folded batch norm, with ReLU if it follows.
///
/// raw = saturate(round((fit(acc) · M + b) · 2^-s)) with a [`ChannelScale`] per channel, and max(raw, 0) if
/// it rectifies. fit brings an accumulator into its [`ProductRange`], if there are
/// ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRequantiser {
    format: Format,
    rounding: Rounding,
    rectifies: bool,
    channels: Vec<ChannelScale>,
    ranges: Option<ProductRanges>,
    narrow: Option<Narrow>,
}

/// Counts of a channel requantiser.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScaleReport {
    /// Counts of the results, before ReLU, as if the steps were separate.
    pub counts: QuantiseCounts,
    /// Accumulators outside the range of the product.
    pub outside: u64,
}

/// Error of an invalid channel requantiser, or of values that do not match it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChannelRequantiseError {
    /// The rounding mode is stochastic; a channel requantiser has no random numbers.
    #[error(
        "a requantiser per channel rounds deterministically: use a rounding other than stochastic"
    )]
    Stochastic,
    /// There is no channel.
    #[error("a requantiser per channel without channels: use at least 1")]
    NoChannels,
    /// Channels and ranges differ in number.
    #[error("{given} ranges for {channels} channels: use one a channel")]
    Ranges {
        /// Ranges given.
        given: usize,
        /// Channels.
        channels: usize,
    },
    /// The last row is not whole.
    #[error("{elements} values are no rows of {channels} channels")]
    Rows {
        /// Values given.
        elements: usize,
        /// Channels.
        channels: usize,
    },
}

impl AddAssign for ScaleReport {
    fn add_assign(&mut self, other: Self) {
        self.counts += other.counts;
        self.outside += other.outside;
    }
}

/// The channels where 64 bits hold the product of a 32-bit accumulator and the offset.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Narrow {
    /// Whether every range fits 32 bits, so that accumulators need no range check first.
    fits: bool,
    low: Vec<i32>,
    high: Vec<i32>,
    multipliers: Vec<i32>,
    offsets: Vec<i64>,
    shifts: Vec<u8>,
}

impl Narrow {
    /// |acc · M| ≤ 2^62; with |b| ≤ 2^61 their sum is inside i64.
    fn of(channels: &[ChannelScale], ranges: Option<&ProductRanges>) -> Option<Self> {
        let fits = |channel: &ChannelScale| {
            (1..=62).contains(&channel.shift()) && channel.offset().unsigned_abs() <= 1 << 61
        };
        let saturates = ranges.is_none_or(|ranges| {
            let zero = |range: &ProductRange| range.low() <= 0 && range.high() >= 0;
            ranges.overflow == Overflow::Saturate && ranges.channels.iter().all(zero)
        });
        if !saturates || !channels.iter().all(fits) {
            return None;
        }
        // An end beyond 32 bits limits no accumulator of 32 bits.
        let (least, most) = (i32::MIN.into(), i32::MAX.into());
        let end = |end: i128| exact::<i32>(end.clamp(least, most));
        let (low, high) = match ranges {
            None => (vec![i32::MIN; channels.len()], vec![i32::MAX; channels.len()]),
            Some(ranges) => {
                let all = ranges.channels.iter();
                all.map(|range| (end(range.low()), end(range.high()))).unzip()
            }
        };
        let inside = |range: &ProductRange| range.low() >= least && range.high() <= most;
        Some(Self {
            fits: ranges.is_some_and(|ranges| ranges.channels.iter().all(inside)),
            low,
            high,
            multipliers: channels.iter().map(|channel| channel.multiplier()).collect(),
            offsets: channels.iter().map(|channel| exact::<i64>(channel.offset())).collect(),
            shifts: channels.iter().map(|channel| exact::<u8>(channel.shift())).collect(),
        })
    }
}

/// An accumulator or word that the loops read.
trait Accumulator: Copy + Sync + Into<i128> {
    /// Whether 32 bits hold it.
    fn is_short(self) -> bool;
    /// Brought into `low..=high`, and whether it was outside.
    fn limited(self, low: i32, high: i32) -> (i32, bool);
}

macro_rules! accumulators {
    ($($type:ty, $wide:ty);*) => {$(
        impl Accumulator for $type {
            #[inline(always)]
            fn is_short(self) -> bool {
                let wide = <$wide>::from(self);
                i32::try_from(wide).is_ok()
            }

            #[inline(always)]
            fn limited(self, low: i32, high: i32) -> (i32, bool) {
                let wide = <$wide>::from(self);
                let fitted = wide.clamp(low.into(), high.into());
                (exact(fitted), fitted != wide)
            }
        }
    )*};
}
accumulators!(i8, i32; i16, i32; i32, i32; i64, i64; i128, i128);

impl ChannelRequantiser {
    /// A requantiser to `format` for as many channels as there are scales.
    ///
    /// ```
    /// use hwmodel::array::Sums;
    /// use hwmodel::elementwise::{ChannelRequantiser, fold};
    /// use hwmodel::{Format, Rounding, SimdLevel};
    /// // Two channels: acc / 4 + 1 and -acc / 2, in 4 bits.
    /// let scales = vec![fold(0.25, 1.0)?, fold(-0.5, 0.0)?];
    /// let unit = ChannelRequantiser::new(Format::new(4, 0)?, Rounding::NearestEven, false, scales)?;
    /// let (raw, report) = unit.sums(SimdLevel::best(), &Sums::I32(vec![10, 10, 100, 4]))?;
    /// assert_eq!(raw.to_i32(), [4, -5, 7, -2]); // 3.5 is a tie, 26 is above 7
    /// assert_eq!(report.counts.saturated_high, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the rounding is stochastic or there is no channel.
    pub fn new(
        format: Format,
        rounding: Rounding,
        rectifies: bool,
        channels: Vec<ChannelScale>,
    ) -> Result<Self, ChannelRequantiseError> {
        if rounding == Rounding::Stochastic {
            return Err(ChannelRequantiseError::Stochastic);
        }
        if channels.is_empty() {
            return Err(ChannelRequantiseError::NoChannels);
        }
        let narrow = Narrow::of(&channels, None);
        Ok(Self { format, rounding, rectifies, channels, ranges: None, narrow })
    }

    /// The same for accumulators of products with ranges.
    ///
    /// # Errors
    /// If there is not one range a channel.
    pub fn within(mut self, ranges: ProductRanges) -> Result<Self, ChannelRequantiseError> {
        let (given, channels) = (ranges.channels.len(), self.channels.len());
        if given != channels {
            return Err(ChannelRequantiseError::Ranges { given, channels });
        }
        self.narrow = Narrow::of(&self.channels, Some(&ranges));
        self.ranges = Some(ranges);
        Ok(self)
    }

    /// Format of the result.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether ReLU follows in the same step.
    pub fn rectifies(&self) -> bool {
        self.rectifies
    }

    /// Multiplier, shift and offset of every channel.
    pub fn channels(&self) -> &[ChannelScale] {
        &self.channels
    }

    /// The range of every channel's accumulator, if there are any.
    pub fn ranges(&self) -> Option<&ProductRanges> {
        self.ranges.as_ref()
    }

    /// Requantises accumulators `[rows, channels]`.
    ///
    /// # Errors
    /// If they are not whole rows.
    pub fn sums(
        &self,
        simd: SimdLevel,
        sums: &Sums,
    ) -> Result<(RawData, ScaleReport), ChannelRequantiseError> {
        match sums {
            Sums::I32(sums) => self.all(simd, sums),
            Sums::I64(sums) => self.all(simd, sums),
            Sums::I128(sums) => self.all(simd, sums),
        }
    }

    /// Requantises words whose last axis is the channels; a batch norm that follows no product.
    ///
    /// # Errors
    /// If they are not whole rows.
    pub fn words(
        &self,
        simd: SimdLevel,
        x: &FixedTensor,
    ) -> Result<(RawData, ScaleReport), ChannelRequantiseError> {
        with_raw!(x.data(), raw => self.all(simd, raw))
    }

    fn all<S: Accumulator>(
        &self,
        simd: SimdLevel,
        values: &[S],
    ) -> Result<(RawData, ScaleReport), ChannelRequantiseError> {
        let (elements, channels) = (values.len(), self.channels.len());
        if !elements.is_multiple_of(channels) {
            return Err(ChannelRequantiseError::Rows { elements, channels });
        }
        let mut data = RawData::zeros(self.format, values.len());
        let report = match &mut data {
            // Compiled for one kind of accumulators.
            RawData::I64(out) => {
                let wide: Vec<i128> = values.iter().map(|&value| value.into()).collect();
                self.chunks(simd, &wide, out)
            }
            data => with_narrow!(data, out => self.chunks(simd, values, out)),
        };
        Ok((data, report))
    }

    fn chunks<S: Accumulator, T: Copy + Send + 'static>(
        &self,
        simd: SimdLevel,
        values: &[S],
        out: &mut [T],
    ) -> ScaleReport
    where
        i64: AsPrimitive<T>,
    {
        let columns = self.channels.len();
        let chunk = (CHUNK / columns).max(1) * columns;
        values
            .par_chunks(chunk)
            .zip(out.par_chunks_mut(chunk))
            .map(|(values, out)| {
                let mut report = ScaleReport::default();
                simd.run(
                    #[inline(always)]
                    || {
                        let rows = values.chunks_exact(columns);
                        for (values, out) in rows.zip(out.chunks_exact_mut(columns)) {
                            self.row(values, out, &mut report);
                        }
                    },
                );
                report
            })
            .reduce(ScaleReport::default, |mut a, b| {
                a += b;
                a
            })
    }

    #[inline(always)]
    fn row<S: Accumulator, T: Copy + 'static>(
        &self,
        values: &[S],
        out: &mut [T],
        report: &mut ScaleReport,
    ) where
        i64: AsPrimitive<T>,
    {
        match &self.narrow {
            Some(narrow) if narrow.fits || values.iter().all(|value| value.is_short()) => {
                with_rounding!(self.rounding, M => {
                    self.narrow_row::<M, _, _>(values, narrow, out, report);
                });
            }
            _ => {
                for (index, (&value, out)) in values.iter().zip(out).enumerate() {
                    let (value, outside) = match &self.ranges {
                        None => (value.into(), false),
                        Some(ranges) => ranges.channels[index].fit(value.into(), ranges.overflow),
                    };
                    report.outside += u64::from(outside);
                    let channel = self.channels[index];
                    let product = channel.product(value);
                    let rounded = self.rounding.shift_right(product, channel.shift(), 0);
                    // Beyond i64 only sign and size matter, and both are kept.
                    let rounded = exact::<i64>(rounded.clamp(i64::MIN.into(), i64::MAX.into()));
                    *out = self.fit(rounded, product != 0, &mut report.counts).as_();
                }
            }
        }
    }

    #[inline(always)]
    fn narrow_row<M: Mode, S: Accumulator, T: Copy + 'static>(
        &self,
        values: &[S],
        narrow: &Narrow,
        out: &mut [T],
        report: &mut ScaleReport,
    ) where
        i64: AsPrimitive<T>,
    {
        let ranges = narrow.low.iter().zip(&narrow.high);
        let scales = narrow.multipliers.iter().zip(&narrow.offsets).zip(&narrow.shifts);
        let values = values.iter().zip(ranges).zip(scales);
        for (((value, (&low, &high)), ((&multiplier, &offset), &shift)), out) in values.zip(out) {
            let (value, outside) = value.limited(low, high);
            report.outside += u64::from(outside);
            let product = i64::from(value) * i64::from(multiplier) + offset;
            // Nothing here is rounded stochastically.
            let parts = Shifted::new(product, shift.into(), 0);
            let rounded = parts.floor() + i64::from(M::up(parts));
            *out = self.fit(rounded, product != 0, &mut report.counts).as_();
        }
    }

    /// Saturates and rectifies one value, and counts.
    #[inline(always)]
    fn fit(&self, rounded: i64, nonzero: bool, counts: &mut QuantiseCounts) -> i64 {
        let (min, max) = (self.format.min_raw(), self.format.max_raw());
        let raw = rounded.clamp(min, max);
        counts.elements += 1;
        counts.saturated_high += u64::from(rounded > max);
        counts.saturated_low += u64::from(rounded < min);
        counts.flushed_to_zero += u64::from(nonzero && raw == 0);
        counts.nonzero += u64::from(raw != 0);
        if self.rectifies { raw.max(0) } else { raw }
    }
}

#[cfg(test)]
mod tests;
