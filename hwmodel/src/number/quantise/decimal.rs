//! Decimal text → fixed, without a binary float in between: 0.1 is a tenth, not the float next to it.

use super::natural::Natural;
use super::{CHUNK, NotANumber, QuantiseCounts, Quantiser};
use crate::cast::exact;
use crate::kernels::StoredInteger;
use crate::number::format::Format;
use crate::number::rounding::Rounding;
use crate::number::tensor::RawData;
use crate::with_raw;
use std::str::FromStr;

/// Fraction digits that are kept; of the rest only whether any is above 0 matters. A multiple of 2^-88, the finest
/// boundary of any mode (FL = 64 and 24 random bits), has fewer.
const FRACTION_DIGITS: i64 = 96;
/// 10^40 is beyond every word: the largest is below 2^31 · 2^64.
const INTEGER_DIGITS: i64 = 40;
/// Bits below the last place that decide on rounding: 24 of a random number.
const GUARD_BITS: u32 = 24;

/// A number as it was written, exactly: an integer, a decimal with or without an exponent, an infinity, or not a number.
///
/// ```
/// use hwmodel::number::quantise::Decimal;
/// use hwmodel::{Format, Rounding};
/// let format = Format::new(8, 4)?;
/// // Half a step is a tie; anything above it is not.
/// let tie: Decimal = "0.03125".parse()?;
/// let above: Decimal = "0.0312500001".parse()?;
/// assert_eq!(tie.quantise(format, Rounding::NearestEven, 0)?, 0);
/// assert_eq!(above.quantise(format, Rounding::NearestEven, 0)?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    value: Magnitude,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Magnitude {
    NotANumber,
    /// Infinite, or beyond every word.
    Beyond,
    /// `digits` · 10^-`fraction`, and something below its last digit if there is a `rest`.
    Finite {
        digits: Vec<u8>,
        fraction: u32,
        rest: bool,
    },
}

/// Error of a text that is not a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a number: write decimals, as in -0.5 or 1e-3")]
pub struct DecimalError(String);

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let wrong = || DecimalError(text.chars().take(40).collect());
        let (negative, magnitude) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let value = match magnitude.to_ascii_lowercase().as_str() {
            "inf" | "infinity" => Magnitude::Beyond,
            "nan" => Magnitude::NotANumber,
            _ => finite(magnitude).ok_or_else(wrong)?,
        };
        Ok(Self { negative, value })
    }
}

/// Reads `12.5e-3`.
fn finite(text: &str) -> Option<Magnitude> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let sign_and_digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(sign_and_digits) {
        return None;
    }
    // An exponent beyond i64 is as good as the largest.
    let most = i64::MAX / 4;
    let exponent = sign_and_digits.parse::<i64>().unwrap_or(most).min(most)
        * if exponent.starts_with('-') { -1 } else { 1 };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: Vec<u8> = whole.bytes().chain(part.bytes()).collect();
    if all.is_empty() || !all.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = all.iter().take_while(|&&digit| digit == b'0').count();
    let significant = &all[zeros..];
    if significant.is_empty() {
        return Some(Magnitude::Finite { digits: Vec::new(), fraction: 0, rest: false });
    }
    // The value is 0.SIGNIFICANT · 10^point.
    let point = exponent.saturating_add(whole.len() as i64 - zeros as i64);
    if point > INTEGER_DIGITS {
        return Some(Magnitude::Beyond);
    }
    // Digits before the last one kept; none if the value is below it.
    let kept =
        exact::<usize>(point.saturating_add(FRACTION_DIGITS).clamp(0, significant.len() as i64));
    let (digits, rest) = significant.split_at(kept);
    let mut digits: Vec<u8> = digits.iter().map(|digit| digit - b'0').collect();
    let rest = rest.iter().any(|&digit| digit != b'0');
    let mut fraction = kept as i64 - point;
    if kept == 0 {
        fraction = 0;
    }
    // 1e3 has no fraction digits but zeros before the point.
    while fraction < 0 {
        digits.push(0);
        fraction += 1;
    }
    Some(Magnitude::Finite { digits, fraction: exact::<u32>(fraction), rest })
}

impl Decimal {
    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        matches!(&self.value, Magnitude::Finite { digits, rest: false, .. } if digits.iter().all(|&digit| digit == 0))
    }

    /// round(x · 2^FL) before the limits of the word, with `r24` as in [`quantise_with`](super::quantise_with); what no word
    /// can hold is ±2^100.
    ///
    /// # Errors
    /// If it is not a number.
    pub fn round(&self, format: Format, rounding: Rounding, r24: u32) -> Result<i128, NotANumber> {
        const BEYOND: i128 = 1 << 100;
        let signed = |magnitude: i128| if self.negative { -magnitude } else { magnitude };
        let (digits, fraction, rest) = match &self.value {
            Magnitude::NotANumber => return Err(NotANumber { index: 0 }),
            Magnitude::Beyond => return Ok(signed(BEYOND)),
            Magnitude::Finite { digits, fraction, rest } => (digits, *fraction, *rest),
        };
        // |x| · 2^(FL + guard) = digits · 2^(FL + guard - fraction) / 5^fraction.
        let mut natural = Natural::from_digits(digits);
        let shift = i64::from(format.fl()) + i64::from(GUARD_BITS) - i64::from(fraction);
        if shift > 0 {
            natural.shift_left(exact::<u32>(shift));
        }
        let mut rest = natural.divide_by_power_of_five(fraction) || rest;
        if shift < 0 {
            rest |= natural.shift_right(exact::<u32>(shift.unsigned_abs()));
        }
        let Some(fine) = natural.to_u128().filter(|&fine| fine < 1 << 100) else {
            return Ok(signed(BEYOND));
        };
        // In units of 2^-25: the last bit is a sticky bit for everything below the guard bits.
        let fine = signed((fine as i128) << 1 | i128::from(rest));
        Ok(match rounding {
            Rounding::Stochastic => {
                let floor = fine >> 1;
                (floor + i128::from(r24 & 0x00ff_ffff)) >> GUARD_BITS
            }
            _ => rounding.shift_right(fine, GUARD_BITS + 1, 0),
        })
    }

    /// raw = saturate(round(x · 2^FL)), computed exactly; see [`quantise_with`](super::quantise_with).
    ///
    /// # Errors
    /// If it is not a number.
    pub fn quantise(
        &self,
        format: Format,
        rounding: Rounding,
        r24: u32,
    ) -> Result<i64, NotANumber> {
        let rounded = self.round(format, rounding, r24)?;
        Ok(exact::<i64>(rounded.clamp(format.min_raw().into(), format.max_raw().into())))
    }
}

/// [`Quantiser::slice`] of decimals: the same counts, and the same random numbers for the same address. Beyond 2^100 units of the
/// last place a wrap takes the low bits of 2^100.
///
/// # Errors
/// If an element is not a number.
pub fn quantise_decimals(
    quantiser: &Quantiser,
    x: &[Decimal],
) -> Result<(RawData, QuantiseCounts), NotANumber> {
    let Quantiser { simd, format, rounding, overflow, address } = *quantiser;
    let word = format.word();
    let mut data = RawData::zeros(format, x.len());
    let mut counts = QuantiseCounts::default();
    let mut words = [0; CHUNK];
    for (chunk, x) in x.chunks(CHUNK).enumerate() {
        let start = chunk * CHUNK;
        if rounding == Rounding::Stochastic {
            address.words(simd, start as u64, &mut words[..x.len()]);
            counts.random_bits += x.len() as u64 * address.source.bits_for_float();
        }
        for (position, (x, random)) in x.iter().zip(words).enumerate() {
            let index = start + position;
            let not_a_number = |_| NotANumber { index };
            let rounded = x.round(format, rounding, random >> 8).map_err(not_a_number)?;
            let floor = x.round(format, Rounding::Floor, 0).map_err(not_a_number)?;
            let (raw, outside) = overflow.apply_rounded(rounded, floor, word);
            counts.elements += 1;
            counts.saturated_high += u64::from(outside && rounded > word.max());
            counts.saturated_low += u64::from(outside && rounded < word.min());
            counts.flushed_to_zero += u64::from(raw == 0 && !x.is_zero());
            counts.nonzero += u64::from(raw != 0);
            with_raw!(&mut data, out => out[index] = StoredInteger::from_i64(exact::<i64>(raw)));
        }
    }
    Ok((data, counts))
}

#[cfg(test)]
mod tests {
    use super::super::quantise_with;
    use super::*;
    use crate::kernels::SimdLevel;
    use crate::number::overflow::Overflow;
    use crate::random::RandomAddress;
    use crate::random::Role;
    use proptest::prelude::*;

    fn raw(text: &str, (wl, fl): (u32, i32), rounding: Rounding) -> i64 {
        let format = Format::new(wl, fl).unwrap();
        text.parse::<Decimal>().unwrap().quantise(format, rounding, 0).unwrap()
    }

    #[test]
    fn ties_are_told_from_what_is_next_to_them() {
        use Rounding::*;
        let even = |text| raw(text, (8, 4), NearestEven);
        // 0.03125 is half a step of 1/16.
        assert_eq!(["0.03125", "0.0312500001", "0.0312499999"].map(even), [0, 1, 0]);
        assert_eq!(["0.09375", "0.09374999999999999999999"].map(even), [2, 1]);
        // No float64 is between these.
        assert_eq!(even("0.03125000000000000000000000000000000000000000000000000001"), 1);
        let long = format!("0.03125{}1", "0".repeat(5000));
        assert_eq!([raw(&long, (8, 4), NearestEven), raw(&long, (8, 4), Floor)], [1, 0]);
        let negative = format!("-{long}");
        assert_eq!(
            [NearestEven, HalfUp, Floor, TowardZero].map(|mode| raw(&negative, (8, 4), mode)),
            [-1, -1, -1, 0]
        );
        assert_eq!(raw("-1e-5000", (8, 4), Floor), -1);
        assert_eq!(raw("1e-5000", (8, 4), Floor), 0);
        // 0.1 · 2^4 is exactly 1.6, and 0.1 · 10 exactly 1.
        assert_eq!(raw("0.1", (32, 28), Floor), 26_843_545);
    }

    #[test]
    fn every_way_to_write_a_number() {
        let floor = |text| raw(text, (16, 4), Rounding::Floor);
        assert_eq!(
            ["1", "+1.", ".5", "0.5e0", "5E-1", "1e+1", "-00.50", "1e1"].map(floor),
            [16, 16, 8, 8, 8, 160, -8, 160]
        );
        assert_eq!(["0", "-0", "0e99999999999999999999", "0.000"].map(floor), [0; 4]);
        assert_eq!(
            ["inf", "-Infinity", "1e400", "-1e99999999999999999999"].map(floor),
            [32767, -32768, 32767, -32768]
        );
        assert_eq!(raw("1e-99999999999999999999", (16, 4), Rounding::NearestEven), 0);
        for text in [
            "", "-", ".", "e5", "1e", "1e+", "1 ", "0x10", "1_000", "--1", "1.2.3", "1e1.5", "½",
            "é",
        ] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
        let nan: Decimal = "NaN".parse().unwrap();
        assert!(nan.quantise(Format::new(8, 4).unwrap(), Rounding::Floor, 0).is_err());
        assert!("-0.0e5".parse::<Decimal>().unwrap().is_zero());
        assert!(!"1e-5000".parse::<Decimal>().unwrap().is_zero());
    }

    #[test]
    fn extreme_formats() {
        // 5 · 2^64, and one less.
        assert_eq!(raw("92233720368547758080", (32, -64), Rounding::Floor), 5);
        assert_eq!(raw("92233720368547758079", (32, -64), Rounding::Floor), 4);
        assert_eq!(raw("1e39", (32, -64), Rounding::Floor), i64::from(i32::MAX));
        assert_eq!(
            raw("5.421010862427522170037264004349708557128906250e-20", (32, 64), Rounding::Floor),
            1
        );
        assert_eq!(
            raw("5.421010862427522170037264004349708557128906249e-20", (32, 64), Rounding::Floor),
            0
        );
    }

    #[test]
    fn counts_and_random_numbers_are_those_of_floats() {
        let x: Vec<f32> = (0..CHUNK as i32 + 900).map(|i| (i - 2000) as f32 / 128.0).collect();
        let decimals: Vec<Decimal> = x.iter().map(|x| x.to_string().parse().unwrap()).collect();
        let format = Format::new(8, 4).unwrap();
        let address = RandomAddress::new(5, 1, 2, Role::Activation);
        let simd = SimdLevel::best();
        let quantiser =
            |rounding, overflow| Quantiser { simd, format, rounding, overflow, address };
        for rounding in Rounding::ALL {
            for overflow in Overflow::PLAIN {
                let to = quantiser(rounding, overflow);
                let found = quantise_decimals(&to, &decimals).unwrap();
                assert_eq!(found, to.slice(&x).unwrap(), "{rounding} {overflow}");
            }
        }
        let mut decimals = decimals;
        decimals[CHUNK + 1] = "nan".parse().unwrap();
        let to = quantiser(Rounding::Floor, Overflow::Saturate);
        let result = quantise_decimals(&to, &decimals);
        assert_eq!(result.unwrap_err(), NotANumber { index: CHUNK + 1 });
    }

    proptest! {
        /// Every float has an exact decimal, and both definitions agree on it.
        #[test]
        fn floats_written_out_give_what_the_float_gives(
            bits in any::<u32>(), wl in 1u32..=32, fl in -64i32..=64, r24 in 0u32..1 << 24,
        ) {
            let x = f32::from_bits(bits);
            prop_assume!(x.is_finite());
            let format = Format::new(wl, fl).unwrap();
            // All digits of the value, which a float32 has at most 149 of after the point.
            let decimal: Decimal = format!("{x:.160}").parse().unwrap();
            for rounding in Rounding::ALL {
                let expected = quantise_with(x, format, rounding, r24).unwrap();
                prop_assert_eq!(decimal.quantise(format, rounding, r24).unwrap(), expected, "{} {}", x, rounding);
            }
        }

        #[test]
        fn fractions_equal_integers(
            n in -1_000_000_000i64..1_000_000_000, digits in 0u32..12, fl in -20i32..=30,
        ) {
            // x = n / 10^digits, so that ⌊x · 2^fl⌋ is a division of integers.
            let format = Format::new(32, fl).unwrap();
            let decimal: Decimal = format!("{n}e-{digits}").parse().unwrap();
            let (mut numerator, mut denominator) = (i128::from(n), 10i128.pow(digits));
            if fl >= 0 { numerator <<= fl } else { denominator <<= -fl }
            let floor = numerator.div_euclid(denominator);
            let twice = 2 * numerator.rem_euclid(denominator);
            let up = twice > denominator || twice == denominator && floor % 2 != 0;
            let limit = |raw: i128| raw.clamp(i32::MIN.into(), i32::MAX.into()) as i64;
            prop_assert_eq!(decimal.quantise(format, Rounding::Floor, 0).unwrap(), limit(floor));
            let nearest = limit(floor + i128::from(up));
            prop_assert_eq!(decimal.quantise(format, Rounding::NearestEven, 0).unwrap(), nearest);
        }
    }
}
