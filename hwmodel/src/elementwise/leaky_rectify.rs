//! x, or a fraction of x where it is negative: LeakyReLU on raw integers.
//!
//! The circuit multiplies a negative word by an integer M and shifts the product to the right, the other words pass:
//!
//! ```text
//! α   = M · 2^-s                        0 ≤ α ≤ 1, s ≤ 16
//! raw = x ≥ 0 ? x : round(x · M · 2^-s)
//! ```
//!
//! The product of a word of WL bits has WL + 16 bits, at most 48. |raw| is at most |x|, so the format stays and nothing leaves
//! its range. Where M is 1 the multiplier is a shifter.

use crate::cast::exact;
use crate::kernels::RawInteger;
use crate::number::quantise::QuantiseCounts;
use crate::number::rounding::{Mode, Shifted};
use crate::random::RandomAddress;
use crate::{FixedTensor, Rounding, SimdLevel, TensorError, with_narrow, with_rounding};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Elements a thread handles at a time; a jump of the generator is paid once for each.
const CHUNK: usize = 1 << 14;

/// The factor α = M · 2^-s of negative words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "(u32, u32)", try_from = "(u32, u32)")]
pub struct Slope {
    multiplier: u32,
    shift: u32,
}

/// Error of a slope that the circuit cannot represent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a slope of {multiplier} · 2^-{shift}: use a shift of at most {longest} bits and a multiplier of at most 2^shift (a slope of 1)",
    longest = Slope::LONGEST_SHIFT
)]
pub struct SlopeError {
    /// The multiplier M.
    pub multiplier: u32,
    /// The shift s in bits.
    pub shift: u32,
}

impl From<Slope> for (u32, u32) {
    fn from(Slope { multiplier, shift }: Slope) -> Self {
        (multiplier, shift)
    }
}

impl TryFrom<(u32, u32)> for Slope {
    type Error = SlopeError;

    fn try_from((multiplier, shift): (u32, u32)) -> Result<Self, SlopeError> {
        Self::new(multiplier, shift)
    }
}

impl Slope {
    /// The longest shift in bits.
    pub const LONGEST_SHIFT: u32 = 16;

    /// M · 2^-s.
    ///
    /// # Errors
    /// If s is more than [`Slope::LONGEST_SHIFT`] or the slope is above 1.
    pub fn new(multiplier: u32, shift: u32) -> Result<Self, SlopeError> {
        let fits = shift <= Self::LONGEST_SHIFT && multiplier <= 1 << shift;
        fits.then_some(Self { multiplier, shift }).ok_or(SlopeError { multiplier, shift })
    }

    /// α as a float, exact.
    pub fn value(self) -> f32 {
        // At most 17 bits.
        self.multiplier as f32 / (1u32 << self.shift) as f32
    }

    /// The definition: x, or round(x · M · 2^-s) where x is negative. `random` is that of [`Rounding::shift_right`].
    ///
    /// ```
    /// use hwmodel::Rounding;
    /// use hwmodel::elementwise::Slope;
    /// let quarter = Slope::new(1, 2)?;
    /// assert_eq!(quarter.apply(-10, Rounding::NearestEven, 0), -2); // -2.5, a tie
    /// assert_eq!(quarter.apply(-10, Rounding::Floor, 0), -3);
    /// assert_eq!(quarter.apply(10, Rounding::Floor, 0), 10);
    /// # Ok::<(), hwmodel::elementwise::SlopeError>(())
    /// ```
    pub fn apply(self, x: i64, rounding: Rounding, random: u64) -> i64 {
        if x >= 0 {
            return x;
        }
        let product = i128::from(x) * i128::from(self.multiplier);
        exact::<i64>(rounding.shift_right(product, self.shift, random))
    }
}

/// [`Slope::apply`] of every element; element i takes number i of `address` where the rounding is stochastic.
///
/// Counted are results that are zero although the element is not, results that are not zero, and random bits. The bits do not
/// depend on the number of threads.
///
/// # Errors
/// None for a valid tensor.
pub fn leaky_rectify(
    x: FixedTensor,
    slope: Slope,
    simd: SimdLevel,
    rounding: Rounding,
    address: RandomAddress,
) -> Result<(FixedTensor, QuantiseCounts), TensorError> {
    let (shape, format) = (x.shape().to_vec(), x.format());
    if !format.is_signed() {
        // Every word passes.
        let counts = QuantiseCounts {
            elements: x.len() as u64,
            nonzero: x.data().nonzero(),
            random_bits: drawn(slope, rounding, address, x.len()),
            ..QuantiseCounts::default()
        };
        return Ok((x, counts));
    }
    let mut data = x.into_data();
    let counts = with_narrow!(&mut data, words => words
        .par_chunks_mut(CHUNK)
        .enumerate()
        .map(|(chunk, words)| simd.run(
            #[inline(always)]
            || with_rounding!(rounding, M => {
                apply_all::<M, _>(words, slope, rounding, address, chunk * CHUNK)
            }),
        ))
        .reduce(QuantiseCounts::default, |a, b| a + b));
    Ok((FixedTensor::new(&shape, format, data)?, counts))
}

/// Random bits of `elements` elements.
fn drawn(slope: Slope, rounding: Rounding, address: RandomAddress, elements: usize) -> u64 {
    let draws = rounding == Rounding::Stochastic && slope.shift > 0;
    let bits = if draws { address.source.bits_for_shift(slope.shift) } else { 0 };
    bits * elements as u64
}

/// The elements from `start` on.
#[inline(always)]
fn apply_all<M: Mode, T: RawInteger>(
    words: &mut [T],
    slope: Slope,
    rounding: Rounding,
    address: RandomAddress,
    start: usize,
) -> QuantiseCounts {
    let draws = rounding == Rounding::Stochastic && slope.shift > 0;
    let mut numbers = draws.then(|| address.numbers(start as u64, slope.shift));
    let (mut flushed, mut nonzero) = (0u64, 0u64);
    for word in &mut *words {
        // Below 2^16.
        let random = numbers.as_mut().map_or(0, |numbers| numbers.next()) as i64;
        let x: i64 = (*word).as_();
        let parts = Shifted::new(x * i64::from(slope.multiplier), slope.shift, random);
        let scaled = parts.floor() + i64::from(M::up(parts));
        let raw = if x < 0 { scaled } else { x };
        flushed += u64::from(x != 0 && raw == 0);
        nonzero += u64::from(raw != 0);
        *word = T::from_i32(exact::<i32>(raw));
    }
    QuantiseCounts {
        elements: words.len() as u64,
        flushed_to_zero: flushed,
        nonzero,
        random_bits: drawn(slope, rounding, address, words.len()),
        ..QuantiseCounts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;
    use crate::random::Role;

    const ADDRESS: RandomAddress = RandomAddress::new(3, 1, 4, Role::Output);

    fn tensor(wl: u32, raw: &[i32]) -> FixedTensor {
        FixedTensor::from_raw(&[raw.len()], Format::new(wl, 3).unwrap(), raw).unwrap()
    }

    #[test]
    fn every_mode_slope_and_container_is_the_definition() {
        let bytes: Vec<i32> = (-128..128).collect();
        let wide: Vec<i32> = [i32::MIN, i32::MIN + 1, -65_537, -3, -1, 0, 1, i32::MAX].into();
        let middle: Vec<i32> = wide.iter().map(|raw| raw >> 16).collect();
        for (multiplier, shift) in
            [(1, 0), (0, 0), (1, 3), (1, 16), (3, 4), (655, 16), (1 << 16, 16)]
        {
            let slope = Slope::new(multiplier, shift).unwrap();
            for (wl, raw) in [(8, &bytes), (16, &middle), (32, &wide)] {
                for rounding in Rounding::ALL {
                    let mut numbers = ADDRESS.numbers(0, shift.max(1));
                    let want: Vec<i64> = raw
                        .iter()
                        .map(|&x| {
                            slope.apply(
                                x.into(),
                                rounding,
                                if shift > 0 { numbers.next() } else { 0 },
                            )
                        })
                        .collect();
                    let (y, counts) =
                        leaky_rectify(tensor(wl, raw), slope, SimdLevel::best(), rounding, ADDRESS)
                            .unwrap();
                    assert_eq!(y.data().to_i64(), want, "{slope:?} {wl} {rounding}");
                    let flushed = raw.iter().zip(&want).filter(|(x, y)| **x != 0 && **y == 0);
                    assert_eq!(counts.flushed_to_zero, flushed.count() as u64);
                    assert_eq!(counts.nonzero, y.data().nonzero());
                    let draws = rounding == Rounding::Stochastic;
                    let bits = if draws { u64::from(shift) * raw.len() as u64 } else { 0 };
                    assert_eq!((counts.elements, counts.random_bits), (raw.len() as u64, bits));
                }
            }
        }
    }

    #[test]
    fn unsigned_words_pass() {
        for wl in [3, 8, 32] {
            let format = Format::unsigned(wl, 0).unwrap();
            let raw = [0, 1, format.max_raw()];
            let x = FixedTensor::from_raw(&[3], format, &raw).unwrap();
            let slope = Slope::new(1, 3).unwrap();
            for rounding in [Rounding::Floor, Rounding::Stochastic] {
                let (y, counts) =
                    leaky_rectify(x.clone(), slope, SimdLevel::best(), rounding, ADDRESS).unwrap();
                assert_eq!(y, x);
                let bits = if rounding == Rounding::Stochastic { 9 } else { 0 };
                assert_eq!((counts.nonzero, counts.random_bits), (2, bits));
            }
        }
    }

    #[test]
    fn chunks_continue_the_random_numbers() {
        let raw: Vec<i32> = (0..CHUNK as i32 + 100).map(|i| -(i % 128)).collect();
        let slope = Slope::new(1, 3).unwrap();
        let rounding = Rounding::Stochastic;
        let (y, _) =
            leaky_rectify(tensor(8, &raw), slope, SimdLevel::best(), rounding, ADDRESS).unwrap();
        let mut numbers = ADDRESS.numbers(0, 3);
        let want: Vec<i64> =
            raw.iter().map(|&x| slope.apply(x.into(), rounding, numbers.next())).collect();
        assert_eq!(y.data().to_i64(), want);
    }

    #[test]
    fn slopes_above_one_and_long_shifts_are_refused() {
        assert!(Slope::new(1 << 16, 16).is_ok());
        assert_eq!(Slope::new(1, 17), Err(SlopeError { multiplier: 1, shift: 17 }));
        insta::assert_snapshot!(Slope::new(5, 2).unwrap_err(), @"a slope of 5 · 2^-2: use a shift of at most 16 bits and a multiplier of at most 2^shift (a slope of 1)");
        assert_eq!(Slope::new(3, 4).unwrap().value(), 0.1875);
    }
}
