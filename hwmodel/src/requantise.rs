//! Accumulator → fixed, and fixed → fixed: align, add the bias, shift with rounding, then overflow.

use crate::accumulator::AccumulatorWidth;
use crate::format::Format;
use crate::gemm::{Product, Sums};
use crate::kernels::{self, Limits, RawInteger, SimdLevel};
use crate::overflow::Overflow;
use crate::quantise::{CHUNK, QuantiseCounts, with_words};
use crate::random::RandomAddress;
use crate::rounding::Rounding;
use crate::tensor::{FixedTensor, RawData};
use crate::with_raw;
use num_traits::AsPrimitive;
use rayon::prelude::*;
use std::ops::Add;

/// Where requantised values go and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requantiser {
    /// Instructions that the simulation may use; never changes a result.
    pub simd: SimdLevel,
    /// Format of the result.
    pub format: Format,
    /// How dropped bits round.
    pub rounding: Rounding,
    /// What a value outside the format does.
    pub overflow: Overflow,
    /// Address of the random words of stochastic rounding. A word has 32 bits, 64 for shifts of
    /// more than 32 bits (two words, the low half first); its top `shift` bits are r.
    pub address: RandomAddress,
}

/// What requantising a product did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequantiseReport {
    /// Counts of the output quantiser.
    pub counts: QuantiseCounts,
    /// Bias additions that left the accumulator's range.
    pub accumulator_events: u64,
}

impl Requantiser {
    /// Requantises the accumulators of `product`, after adding `bias` (one value a column) aligned
    /// to their fractional length, in the accumulator.
    ///
    /// A bias with more fractional bits than the accumulator is rounded to nearest even first.
    /// The shift is FLa + FLb - FLo; a negative one (left) is exact before saturation.
    ///
    /// # Panics
    /// If the bias does not have one value a column.
    pub fn product(
        &self,
        product: &Product,
        bias: Option<&FixedTensor>,
    ) -> (RawData, RequantiseReport) {
        let columns = product.columns;
        let aligned: Vec<i128> = match bias {
            None => vec![0; columns],
            Some(bias) => {
                assert_eq!(bias.len(), columns, "one bias a column");
                let shift = product.fl - bias.format().fl();
                (0..columns).map(|i| align(bias.data().get(i).into(), shift)).collect()
            }
        };
        let shift = product.fl - self.format.fl();
        let mut data = RawData::zeros(self.format, product.sums.len());
        let mut report = RequantiseReport::default();
        let largest = aligned.iter().map(|b| b.unsigned_abs()).max().unwrap_or(0);
        let exact = product.accumulator.width == AccumulatorWidth::Exact || largest == 0;
        let plain = exact && largest < 1 << 62 && self.plain(0, shift);
        let limits = match (&product.sums, plain) {
            (Sums::I32(sums), true) => self.narrow_any(sums, &aligned, (0, shift), &mut data),
            (Sums::I64(sums), true) => self.narrow_any(sums, &aligned, (0, shift), &mut data),
            _ => {
                let (limits, events) = self.wide(
                    |index| {
                        let sum = product.sums.get(index) + aligned[index % columns];
                        match product.accumulator.width {
                            AccumulatorWidth::Exact => (sum, false),
                            AccumulatorWidth::Bits(bits) => {
                                product.accumulator.overflow.apply(sum, bits.into())
                            }
                        }
                    },
                    shift,
                    &mut data,
                );
                report.accumulator_events = events;
                limits
            }
        };
        report.counts = QuantiseCounts::from_limits(product.sums.len(), limits);
        (data, report)
    }

    /// Requantises a tensor from its format to this one.
    pub fn tensor(&self, x: &FixedTensor) -> (FixedTensor, QuantiseCounts) {
        let shift = x.format().fl() - self.format.fl();
        let mut data = RawData::zeros(self.format, x.len());
        let (left, right) = if shift < 0 { (-shift, 0) } else { (0, shift) };
        let limits = if left <= 30 && self.plain(left, right) {
            let bias = vec![0i128; CHUNK.min(x.len())];
            with_raw!(x.data(), raw => self.narrow_any(raw, &bias, (left, right), &mut data))
        } else {
            self.wide(|index| (x.data().get(index).into(), false), shift, &mut data).0
        };
        let counts = QuantiseCounts::from_limits(x.len(), limits);
        let tensor =
            FixedTensor::new(x.shape(), self.format, data).expect("same number of elements");
        (tensor, counts)
    }

    /// Whether the fast loops cover a right shift of `right` after a left shift of `left` bits.
    fn plain(&self, left: i32, right: i32) -> bool {
        let longest = if self.rounding == Rounding::Stochastic { 32 } else { 62 };
        self.overflow == Overflow::Saturate && left >= 0 && (0..=longest).contains(&right)
    }

    /// The fast loops: i64 arithmetic that cannot overflow.
    fn narrow_any<S: AsPrimitive<i64> + Sync>(
        &self,
        sums: &[S],
        bias: &[i128],
        shifts: (i32, i32),
        data: &mut RawData,
    ) -> Limits {
        // A short bias is repeated: the loops run over its length.
        let repeats = (256 / bias.len().max(1)).max(1);
        let bias: Vec<i64> =
            bias.iter().map(|&bias| bias as i64).collect::<Vec<_>>().repeat(repeats);
        with_raw!(data, out => self.narrow(sums, &bias, shifts, out))
    }

    fn narrow<S: AsPrimitive<i64> + Sync, T: RawInteger>(
        &self,
        sums: &[S],
        bias: &[i64],
        (left, right): (i32, i32),
        out: &mut [T],
    ) -> Limits {
        if bias.is_empty() {
            return Limits::default();
        }
        // Chunks hold whole rows, so that the bias starts anew in each.
        let chunk = (CHUNK / bias.len()).max(1) * bias.len();
        let (min, max) = (self.format.min_raw().into(), self.format.max_raw().into());
        sums.par_chunks(chunk)
            .zip(out.par_chunks_mut(chunk))
            .enumerate()
            .map(|(index, (sums, out))| {
                let mut limits = Limits::default();
                for (part, (sums, out)) in sums.chunks(CHUNK).zip(out.chunks_mut(CHUNK)).enumerate()
                {
                    let start = index * chunk + part * CHUNK;
                    let bias =
                        if bias.len() > CHUNK { &bias[part * CHUNK..][..sums.len()] } else { bias };
                    limits += with_words(
                        self.simd,
                        self.rounding,
                        self.address,
                        start,
                        sums.len(),
                        |words| {
                            kernels::requantise_narrow(
                                self.simd,
                                sums,
                                bias,
                                words,
                                self.rounding,
                                left as u32,
                                right as u32,
                                min,
                                max,
                                out,
                            )
                        },
                    );
                }
                limits
            })
            .reduce(Limits::default, Limits::add)
    }

    /// Every other case, in i128 by the scalar definitions. `value` gives an element and whether it
    /// overflowed on the way.
    fn wide(
        &self,
        value: impl Fn(usize) -> (i128, bool) + Sync,
        shift: i32,
        data: &mut RawData,
    ) -> (Limits, u64) {
        with_raw!(data, out => self.wide_typed(value, shift, out))
    }

    fn wide_typed<T: RawInteger>(
        &self,
        value: impl Fn(usize) -> (i128, bool) + Sync,
        shift: i32,
        out: &mut [T],
    ) -> (Limits, u64) {
        out.par_chunks_mut(CHUNK)
            .enumerate()
            .map(|(chunk, out)| {
                let start = chunk * CHUNK;
                let mut limits = Limits::default();
                let mut events = 0;
                let mut words = Words::new(self.rounding, self.address, start, shift);
                for (offset, out) in out.iter_mut().enumerate() {
                    let (value, outside) = value(start + offset);
                    events += u64::from(outside);
                    let rounded = shift_exactly(self.rounding, value, shift, words.next(shift));
                    let (raw, outside) = self.overflow.apply(rounded, self.format.wl());
                    limits.high += u64::from(outside && rounded > 0);
                    limits.low += u64::from(outside && rounded < 0);
                    limits.flushed += u64::from(value != 0 && raw == 0);
                    limits.nonzero += u64::from(raw != 0);
                    *out = T::from_i32(raw as i32);
                }
                (limits, events)
            })
            .reduce(
                || (Limits::default(), 0),
                |(mut a, x), (b, y)| {
                    a += b;
                    (a, x + y)
                },
            )
    }
}

/// The random words of a run of elements.
struct Words(Option<rand_pcg::Pcg32>);

impl Words {
    fn new(rounding: Rounding, address: RandomAddress, start: usize, shift: i32) -> Self {
        let words_each = if shift > 32 { 2 } else { 1 };
        let stochastic = rounding == Rounding::Stochastic;
        Self(stochastic.then(|| address.at(start as u64 * words_each)))
    }

    /// r of the next element in units of 2^-shift.
    fn next(&mut self, shift: i32) -> u64 {
        use rand_core::Rng;
        let Some(generator) = &mut self.0 else { return 0 };
        match shift {
            ..=0 => {
                generator.next_u32();
                0
            }
            1..=32 => u64::from(generator.next_u32()) >> (32 - shift),
            33..=63 => generator.next_u64() >> (64 - shift),
            _ => generator.next_u64(),
        }
    }
}

/// `value · 2^-shift` rounded, for any shift and any |value| < 2^127; results beyond 2^100 keep only
/// their sign and size, which every overflow policy but `wrap` ignores, and `wrap` sees zeros.
/// `random` is read by stochastic rounding only, as in [`Rounding::shift_right`].
pub fn shift_exactly(rounding: Rounding, value: i128, shift: i32, random: u64) -> i128 {
    if shift >= 127 {
        // |value| < 2^126 here: the result is 0 or the direction's first integer.
        return rounding.shift_right(value.signum(), 126, random);
    }
    if shift >= 0 {
        return rounding.shift_right(value, shift as u32, random);
    }
    let left = shift.unsigned_abs();
    let room = value.unsigned_abs().leading_zeros();
    if left + 1 < room {
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
mod tests {
    use super::*;
    use crate::accumulator::Accumulator;
    use crate::gemm::MacReport;
    use crate::random::Role;
    use proptest::prelude::*;
    use rand_core::Rng;

    const ADDRESS: RandomAddress = RandomAddress { seed: 1, step: 2, layer: 3, role: Role::Output };

    fn product(sums: Sums, columns: usize, fl: i32, accumulator: Accumulator) -> Product {
        Product {
            rows: sums.len() / columns,
            columns,
            terms: 1,
            fl,
            accumulator,
            bound: f64::INFINITY,
            sums,
            report: MacReport::default(),
        }
    }

    fn sums_of(wide: bool, values: &[i64]) -> Sums {
        if wide {
            Sums::I64(values.to_vec())
        } else {
            Sums::I32(values.iter().map(|&v| (v >> 32) as i32).collect())
        }
    }

    proptest! {
        #[test]
        fn products_equal_the_scalar_definition(
            values in proptest::collection::vec(any::<i64>().prop_map(|v| v >> 2 >> (v & 61)), 1..60),
            wide: bool, columns in 1usize..5, fl in -20i32..70, wl in 1u32..=32, flo in -20i32..64,
            bias_fl in 0i32..20, wrap: bool, seed: u64, with_bias: bool,
        ) {
            let columns = columns.min(values.len());
            let values = &values[..values.len() / columns * columns];
            let format = Format::new(wl, flo).unwrap();
            let overflow = if wrap { Overflow::Wrap } else { Overflow::Saturate };
            let product = product(sums_of(wide, values), columns, fl, Accumulator::default());
            let bias_raw: Vec<i32> = (0..columns as i32).map(|i| i * 7 - 9).collect();
            let bias = FixedTensor::from_raw(&[columns], Format::new(8, bias_fl).unwrap(), &bias_raw)
                .unwrap();
            let bias = with_bias.then_some(&bias);
            let shift = fl - flo;
            for rounding in Rounding::ALL {
                let address = RandomAddress { seed, ..ADDRESS };
                let mut generator = address.at(0);
                let mut saturated = 0;
                let expected: Vec<i32> = (0..values.len()).map(|i| {
                    let word = if shift > 32 { generator.next_u64() }
                        else { u64::from(generator.next_u32()) << 32 };
                    let mut value = product.sums.get(i);
                    if with_bias {
                        let raw = i128::from(bias_raw[i % columns]);
                        let up = fl - bias_fl;
                        value += if up >= 0 { raw << up }
                            else { Rounding::NearestEven.shift_right(raw, up.unsigned_abs(), 0) };
                    }
                    let rounded = if shift < -60 { value.signum() << 100 } else if shift <= 0 { value << -shift } else {
                        rounding.shift_right(value, shift as u32, (u128::from(word) >> (64 - shift.min(64))) as u64)
                    };
                    let (raw, outside) = overflow.apply(rounded, wl);
                    saturated += u64::from(outside);
                    raw as i32
                }).collect();
                for simd in SimdLevel::available() {
                    let unit = Requantiser { simd, format, rounding, overflow, address };
                    let (data, report) = unit.product(&product, bias);
                    prop_assert_eq!(&data.to_i32(), &expected, "{} {}", rounding, simd);
                    prop_assert_eq!(report.counts.saturated(), saturated);
                    prop_assert_eq!(report.counts.nonzero, data.nonzero());
                }
            }
        }

        #[test]
        fn tensors_equal_the_scalar_definition(
            raw in proptest::collection::vec(any::<i32>(), 0..50), wl in 1u32..=32,
            fl in -64i32..=64, wlo in 1u32..=32, flo in -64i32..=64, wrap: bool,
        ) {
            let raw: Vec<i32> = raw.iter().map(|raw| raw >> (32 - wl)).collect();
            let x = FixedTensor::from_raw(&[raw.len()], Format::new(wl, fl).unwrap(), &raw).unwrap();
            let overflow = if wrap { Overflow::Wrap } else { Overflow::Saturate };
            let format = Format::new(wlo, flo).unwrap();
            for rounding in [Rounding::NearestEven, Rounding::Floor, Rounding::TowardZero, Rounding::HalfUp] {
                let expected: Vec<i32> = raw.iter().map(|&raw| {
                    let raw = i128::from(raw);
                    let shift = fl - flo;
                    let rounded = if shift >= 0 { rounding.shift_right(raw, shift.min(100) as u32, 0) }
                        else if shift > -90 { raw << -shift } else { (raw.signum()) << 100 };
                    overflow.apply(rounded, wlo).0 as i32
                }).collect();
                for simd in SimdLevel::available() {
                    let unit = Requantiser { simd, format, rounding, overflow, address: ADDRESS };
                    let (out, counts) = unit.tensor(&x);
                    prop_assert_eq!(out.data().to_i32(), expected.clone());
                    prop_assert_eq!(counts.elements, raw.len() as u64);
                }
            }
        }
    }

    #[test]
    fn the_bias_is_added_in_the_accumulator() {
        let accumulator =
            Accumulator { width: AccumulatorWidth::Bits(8), overflow: Overflow::Saturate };
        let product = product(Sums::I64(vec![120, -120, 5]), 1, 4, accumulator);
        let bias = FixedTensor::from_raw(&[1], Format::new(8, 2).unwrap(), &[3]).unwrap();
        let unit = Requantiser {
            simd: SimdLevel::best(),
            format: Format::new(8, 4).unwrap(),
            rounding: Rounding::NearestEven,
            overflow: Overflow::Saturate,
            address: ADDRESS,
        };
        let (data, report) = unit.product(&product, Some(&bias));
        assert_eq!(data.to_i32(), [127, -108, 17]);
        assert_eq!(report.accumulator_events, 1);
        assert_eq!(report.counts.saturated(), 0);
    }
}
