//! Accumulator → word with a multiplier, shift and offset per channel.

use super::channel_scale::ChannelScale;
use hwmodel::gemm::Sums;
use hwmodel::quantise::QuantiseCounts;
use hwmodel::{FixedTensor, Format, RawData, Rounding, SimdLevel, with_raw};
use num_traits::AsPrimitive;
use rayon::prelude::*;

/// Elements a thread handles at a time, rounded down to whole rows.
const CHUNK: usize = 1 << 12;

/// The requantisation of a folded batch norm, with ReLU if it follows.
///
/// raw = saturate(round((acc · M + b) · 2^-s)) with a [`ChannelScale`] per channel, and max(raw, 0) if it
/// rectifies. Counts are those of the value before ReLU, as if the steps were separate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRequantiser {
    format: Format,
    rounding: Rounding,
    rectifies: bool,
    channels: Vec<ChannelScale>,
    narrow: Option<Narrow>,
}

/// The channels where 64 bits hold the product of a 32-bit accumulator and the offset.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Narrow {
    multipliers: Vec<i32>,
    offsets: Vec<i64>,
    shifts: Vec<u8>,
}

impl Narrow {
    /// |acc · M| ≤ 2^62; with |b| ≤ 2^61 their sum is inside i64.
    fn of(channels: &[ChannelScale]) -> Option<Self> {
        let fits = |channel: &ChannelScale| {
            (1..=62).contains(&channel.shift()) && channel.offset().unsigned_abs() <= 1 << 61
        };
        channels.iter().all(fits).then(|| Self {
            multipliers: channels.iter().map(|channel| channel.multiplier().to_bits()).collect(),
            offsets: channels.iter().map(|channel| channel.offset() as i64).collect(),
            shifts: channels.iter().map(|channel| channel.shift() as u8).collect(),
        })
    }
}

/// An accumulator or word that the loops read.
trait Accumulator: Copy + Sync + Into<i128> + AsPrimitive<i32> {}
impl<T: Copy + Sync + Into<i128> + AsPrimitive<i32>> Accumulator for T {}

impl ChannelRequantiser {
    /// A requantiser to `format` for as many channels as there are scales; the rounding must not be
    /// stochastic.
    pub fn new(
        format: Format,
        rounding: Rounding,
        rectifies: bool,
        channels: Vec<ChannelScale>,
    ) -> Self {
        let narrow = Narrow::of(&channels);
        Self { format, rounding, rectifies, channels, narrow }
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

    /// Requantises accumulators `[rows, channels]`.
    ///
    /// # Panics
    /// If they are not whole rows.
    pub fn sums(&self, simd: SimdLevel, sums: &Sums) -> (RawData, QuantiseCounts) {
        match sums {
            Sums::I32(sums) => self.all(simd, sums),
            Sums::I64(sums) => self.all(simd, sums),
            Sums::I128(sums) => self.all(simd, sums),
        }
    }

    /// Requantises words whose last axis is the channels; a batch norm that follows no product.
    ///
    /// # Panics
    /// If they are not whole rows.
    pub fn words(&self, simd: SimdLevel, x: &FixedTensor) -> (RawData, QuantiseCounts) {
        with_raw!(x.data(), raw => self.all(simd, raw))
    }

    fn all<S: Accumulator>(&self, simd: SimdLevel, values: &[S]) -> (RawData, QuantiseCounts) {
        let columns = self.channels.len();
        assert!(columns > 0 && values.len().is_multiple_of(columns), "whole rows of channels");
        let mut data = RawData::zeros(self.format, values.len());
        let counts = with_raw!(&mut data, out => self.chunks(simd, values, out));
        (data, counts)
    }

    fn chunks<S: Accumulator, T: Copy + Send + 'static>(
        &self,
        simd: SimdLevel,
        values: &[S],
        out: &mut [T],
    ) -> QuantiseCounts
    where
        i64: AsPrimitive<T>,
    {
        let columns = self.channels.len();
        let chunk = (CHUNK / columns).max(1) * columns;
        values
            .par_chunks(chunk)
            .zip(out.par_chunks_mut(chunk))
            .map(|(values, out)| {
                let mut counts = QuantiseCounts::default();
                simd.run(
                    #[inline(always)]
                    || {
                        let rows = values.chunks_exact(columns);
                        for (values, out) in rows.zip(out.chunks_exact_mut(columns)) {
                            self.row(values, out, &mut counts);
                        }
                    },
                );
                counts
            })
            .reduce(QuantiseCounts::default, |a, b| a + b)
    }

    #[inline(always)]
    fn row<S: Accumulator, T: Copy + 'static>(
        &self,
        values: &[S],
        out: &mut [T],
        counts: &mut QuantiseCounts,
    ) where
        i64: AsPrimitive<T>,
    {
        let short = |&value: &S| -> bool {
            let low: i32 = value.as_();
            i128::from(low) == value.into()
        };
        match &self.narrow {
            Some(narrow) if values.iter().all(short) => match self.rounding {
                Rounding::NearestEven => self.narrow_row(values, narrow, out, counts, nearest_even),
                rounding => self.narrow_row(
                    values,
                    narrow,
                    out,
                    counts,
                    #[inline(always)]
                    |product, shift| rounding.shift_right(product.into(), shift, 0) as i64,
                ),
            },
            _ => {
                for ((&value, channel), out) in values.iter().zip(&self.channels).zip(out) {
                    let product = channel.product(value.into());
                    let rounded = self.rounding.shift_right(product, channel.shift(), 0);
                    // Beyond i64 only sign and size matter, and both are kept.
                    let rounded = rounded.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
                    *out = self.fit(rounded, product != 0, counts).as_();
                }
            }
        }
    }

    #[inline(always)]
    fn narrow_row<S: Accumulator, T: Copy + 'static>(
        &self,
        values: &[S],
        narrow: &Narrow,
        out: &mut [T],
        counts: &mut QuantiseCounts,
        round: impl Fn(i64, u32) -> i64,
    ) where
        i64: AsPrimitive<T>,
    {
        let scales = narrow.multipliers.iter().zip(&narrow.offsets).zip(&narrow.shifts);
        for ((value, ((&multiplier, &offset), &shift)), out) in values.iter().zip(scales).zip(out) {
            let value: i32 = value.as_();
            let product = i64::from(value) * i64::from(multiplier) + offset;
            let rounded = round(product, shift.into());
            *out = self.fit(rounded, product != 0, counts).as_();
        }
    }

    /// Saturates and rectifies one value, and counts.
    #[inline(always)]
    fn fit(&self, rounded: i64, nonzero: bool, counts: &mut QuantiseCounts) -> i64 {
        let (min, max) = (i64::from(self.format.min_raw()), i64::from(self.format.max_raw()));
        let raw = rounded.clamp(min, max);
        counts.elements += 1;
        counts.saturated_high += u64::from(rounded > max);
        counts.saturated_low += u64::from(rounded < min);
        counts.flushed_to_zero += u64::from(nonzero && raw == 0);
        counts.nonzero += u64::from(raw != 0);
        if self.rectifies { raw.max(0) } else { raw }
    }
}

/// product · 2^-shift to nearest, ties to even; 1 ≤ shift ≤ 62.
#[inline(always)]
fn nearest_even(product: i64, shift: u32) -> i64 {
    let floor = product >> shift;
    let rest = product & ((1 << shift) - 1);
    floor + i64::from(rest + (floor & 1) > 1 << (shift - 1))
}
