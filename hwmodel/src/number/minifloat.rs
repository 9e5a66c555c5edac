//! 1-e-m: small floating-point formats, and float32 → 1-e-m in one exact rounding.
//!
//! The formats are those that PEPPP trains with (papers/peppp.md section 2.2) in the conventions of
//! QPyTorch: no exponent is reserved for infinities or NaN, underflow is gradual, overflow saturates.
//! Values stay float32, of which every value of a 1-e-m format is one. What QPyTorch itself computes, whose
//! subnormal results are rounded twice, is [`qpytorch::float_quantize`](crate::number::qpytorch::float_quantize).

use crate::kernels::SimdLevel;
use crate::number::format::exp2;
use crate::number::quantise::{CHUNK, QuantiseCounts, with_words};
use crate::number::rounding::Rounding;
use crate::parallel;
use crate::random::RandomAddress;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

mod blocks;
mod scalar;

pub use scalar::quantise_with;

/// The most exponent bits of a [`Minifloat`]: those of float32.
pub const MAX_EXPONENT_BITS: u32 = 8;
/// The most mantissa bits of a [`Minifloat`]: one fewer than float32's, so that a bit is dropped.
pub const MAX_MANTISSA_BITS: u32 = 22;

/// A floating-point format with one sign bit, e = 1 to 8 exponent bits and m = 0 to 22 mantissa bits.
///
/// Exponents run from 2 - 2^(e-1) to 2^(e-1) (bias 2^(e-1) - 1, no exponent reserved), below are
/// subnormal numbers. This covers PEPPP's formats A (e 3 to 5, m 1 to 4) and B (e 6 to 8, m 7 to 11) and
/// all that QPyTorch handles. Of e = 8 the last binade, from 2^128 on, is beyond float32: results that
/// reach it are ±∞, with any fewer exponent bits they saturate.
///
/// ```
/// use hwmodel::number::minifloat::Minifloat;
/// let format: Minifloat = "1-5-2".parse()?;
/// assert_eq!(format, Minifloat::new(5, 2)?);
/// assert_eq!(format.bits(), 8);
/// assert_eq!((format.min_exponent(), format.max_exponent()), (-14, 16));
/// assert_eq!(format.max_value(), 114688.0);
/// assert_eq!(format.min_positive(), 2f64.powi(-16));
/// # Ok::<(), hwmodel::number::minifloat::MinifloatError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawMinifloat", into = "RawMinifloat")]
pub struct Minifloat {
    exponent_bits: u8,
    mantissa_bits: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMinifloat {
    exponent_bits: u32,
    mantissa_bits: u32,
}

/// Error of an invalid 1-e-m format, or of a NaN to be quantised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MinifloatError {
    /// The number of exponent bits is not 1 to 8.
    #[error("{0} exponent bits are impossible: use 1 to {MAX_EXPONENT_BITS}")]
    ExponentBits(u32),
    /// The number of mantissa bits is not 0 to 22.
    #[error("{0} mantissa bits are impossible: use 0 to {MAX_MANTISSA_BITS}")]
    MantissaBits(u32),
    /// A text is not of the form 1-e-m.
    #[error("`{0}` is no small float format: write 1-e-m, for example 1-5-2")]
    Text(String),
    /// A number to be quantised is NaN.
    #[error("element {index} is not a number (NaN), which no small float format here can hold")]
    NotANumber {
        /// Position of the first NaN.
        index: usize,
    },
}

impl Minifloat {
    /// Makes 1-`exponent_bits`-`mantissa_bits`.
    ///
    /// # Errors
    /// If the exponent has not 1 to 8 or the mantissa not 0 to 22 bits.
    #[expect(clippy::cast_possible_truncation, reason = "at most 22")]
    pub const fn new(exponent_bits: u32, mantissa_bits: u32) -> Result<Self, MinifloatError> {
        if exponent_bits == 0 || exponent_bits > MAX_EXPONENT_BITS {
            return Err(MinifloatError::ExponentBits(exponent_bits));
        }
        if mantissa_bits > MAX_MANTISSA_BITS {
            return Err(MinifloatError::MantissaBits(mantissa_bits));
        }
        Ok(Self { exponent_bits: exponent_bits as u8, mantissa_bits: mantissa_bits as u8 })
    }

    /// e: exponent bits.
    pub const fn exponent_bits(self) -> u32 {
        self.exponent_bits as u32
    }

    /// m: mantissa bits, without the implicit one.
    pub const fn mantissa_bits(self) -> u32 {
        self.mantissa_bits as u32
    }

    /// Bits of a stored value, 1 + e + m.
    pub const fn bits(self) -> u32 {
        1 + self.exponent_bits() + self.mantissa_bits()
    }

    /// The exponent of the smallest normal number, 2 - 2^(e-1).
    pub const fn min_exponent(self) -> i32 {
        2 - (1 << (self.exponent_bits - 1))
    }

    /// The largest exponent, 2^(e-1).
    pub const fn max_exponent(self) -> i32 {
        1 << (self.exponent_bits - 1)
    }

    /// The largest finite value: 2^(2^(e-1)) · (2 - 2^-m), for e = 8 half of that, which is the largest
    /// one in float32.
    pub fn max_value(self) -> f64 {
        let exponent = self.max_exponent().min(127);
        exp2(exponent) * (2.0 - exp2(-i32::from(self.mantissa_bits)))
    }

    /// The smallest positive normal value, 2^(2 - 2^(e-1)).
    pub fn min_normal(self) -> f64 {
        exp2(self.min_exponent())
    }

    /// The smallest positive value, the step of the subnormal numbers.
    pub fn min_positive(self) -> f64 {
        exp2(self.min_exponent() - i32::from(self.mantissa_bits))
    }
}

impl TryFrom<RawMinifloat> for Minifloat {
    type Error = MinifloatError;
    fn try_from(raw: RawMinifloat) -> Result<Self, MinifloatError> {
        Self::new(raw.exponent_bits, raw.mantissa_bits)
    }
}

impl From<Minifloat> for RawMinifloat {
    fn from(format: Minifloat) -> Self {
        Self { exponent_bits: format.exponent_bits(), mantissa_bits: format.mantissa_bits() }
    }
}

impl FromStr for Minifloat {
    type Err = MinifloatError;
    fn from_str(text: &str) -> Result<Self, MinifloatError> {
        let wrong = || MinifloatError::Text(text.to_owned());
        let (exponent, mantissa) =
            text.strip_prefix("1-").and_then(|rest| rest.split_once('-')).ok_or_else(wrong)?;
        let bits = |part: &str| part.parse::<u32>().map_err(|_| wrong());
        Self::new(bits(exponent)?, bits(mantissa)?)
    }
}

impl fmt::Display for Minifloat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("1-{}-{}", self.exponent_bits, self.mantissa_bits))
    }
}

impl fmt::Debug for Minifloat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Quantises `x` to `format`, computed exactly with one rounding: see [`quantise_with`].
///
/// Stochastic rounding takes r from the upper 24 bits of the element's 32-bit word at `address`. The
/// result depends neither on threads nor on the SIMD level, which only speeds up the random words.
///
/// # Errors
/// If an element is NaN.
pub fn quantise(
    simd: SimdLevel,
    x: &[f32],
    format: Minifloat,
    rounding: Rounding,
    address: RandomAddress,
) -> Result<(Vec<f32>, QuantiseCounts), MinifloatError> {
    let mut values = x.to_vec();
    let counts = quantise_in_place(simd, &mut values, format, rounding, address)?;
    Ok((values, counts))
}

/// [`quantise`] in place.
///
/// # Errors
/// If an element is NaN; the others are quantised nevertheless.
pub fn quantise_in_place(
    simd: SimdLevel,
    values: &mut [f32],
    format: Minifloat,
    rounding: Rounding,
    address: RandomAddress,
) -> Result<QuantiseCounts, MinifloatError> {
    let limits = parallel::sum(values.chunks_mut(CHUNK).enumerate(), |(chunk, values)| {
        with_words(simd, rounding, address, chunk * CHUNK, values.len(), |words| {
            blocks::quantise(values, words, format, rounding)
        })
    });
    if limits.not_a_number > 0 {
        let index = values.iter().position(|value| value.is_nan()).unwrap_or(0);
        return Err(MinifloatError::NotANumber { index });
    }
    Ok(QuantiseCounts::from_limits(values.len(), limits))
}

#[cfg(test)]
mod tests;
