//! One sum on its way to an output word.

use super::convention::{Clip, Convention, ZeroPoint};
use super::error::ConventionError;
use super::fraction::Fraction;
use super::requantiser::Factor;
use hwmodel::{Format, Overflow};

/// What all conventions of a comparison have in common: the words of the outputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Output {
    /// Their format.
    pub format: Format,
    /// The raw integer that stands for 0.
    pub zero_point: i64,
    /// Value of an output's last place over that of a product's; `None`: of the two formats, a power of two.
    pub factor: Option<f64>,
}

/// What becomes of one sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// The sum in the accumulator, bias included.
    pub sum: i128,
    /// The sum in units of the output's last place, as it is rounded (limited and with the zero point, where these come
    /// first).
    pub value: Fraction,
    /// Added to the rounded value: the zero point, or 0 where it is in the value.
    pub added: i64,
    /// The integer it is rounded to, with the zero point.
    pub rounded: i128,
    /// The output word.
    pub word: i128,
    /// Whether the value is halfway between two integers.
    pub tie: bool,
    /// Whether the word's range limits it or makes it wrap.
    pub limited: bool,
}

/// A convention for sums of one fractional length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    convention: Convention,
    output: Output,
    factor: Factor,
}

impl Output {
    /// An output that can be.
    ///
    /// # Errors
    /// If the zero point is not one of the words, or the factor not a finite number above 0.
    pub fn checked(self) -> Result<Self, ConventionError> {
        let (least, most) = (self.format.min_raw(), self.format.max_raw());
        if !(least..=most).contains(&self.zero_point) {
            return Err(ConventionError::ZeroPoint {
                zero_point: self.zero_point,
                least,
                most,
                format: self.format.to_string(),
            });
        }
        match self.factor.filter(|factor| !(factor.is_normal() && *factor > 0.0)) {
            Some(factor) => Err(ConventionError::Factor(factor.to_string())),
            None => Ok(self),
        }
    }
}

impl Stage {
    /// `product_fl` is the fractional length of exact products, `sum_fl` that of the accumulator.
    pub(super) fn new(
        convention: Convention,
        output: Output,
        product_fl: i32,
        sum_fl: i32,
    ) -> Self {
        let (factor, exponent) = match output.factor {
            None => (1.0, output.format.fl() - sum_fl),
            Some(factor) => (factor, product_fl - sum_fl),
        };
        let factor = convention.requantiser.factor(factor, exponent);
        Self { convention, output, factor }
    }

    /// The output word of `sum`, and how it came about.
    pub(super) fn steps(&self, sum: i128) -> Steps {
        let Self { convention, output, factor } = self;
        let zero_point = output.zero_point;
        let scaled = convention.requantiser.scale(sum, *factor);
        let mut value = scaled.value;
        let after = match convention.zero_point {
            ZeroPoint::After => zero_point,
            ZeroPoint::Before => {
                value = value.plus(zero_point);
                0
            }
        };
        let tie = value.is_tie();
        let word = output.format.word();
        let (least, most) = (word.min() - i128::from(after), word.max() - i128::from(after));
        let mut limited = false;
        match (convention.clip, convention.overflow) {
            (Clip::After, _) => {}
            (Clip::Before, Overflow::Saturate) => (value, limited) = value.clamp(least, most),
            (Clip::Before, overflow) => {
                let whole = value.floor() + i128::from(after);
                let (kept, outside) = overflow.apply(whole, word);
                limited = outside;
                value = match outside && overflow.saturates() {
                    true => Fraction::new(kept - i128::from(after), 0),
                    false => value.moved(kept - whole),
                };
            }
            (Clip::Sum, _) => {
                let unit = 1i128 << value.shift;
                let (low, high) = (least.checked_mul(unit), (most + 1).checked_mul(unit));
                if let (Some(low), Some(high)) = (low, high) {
                    let inside = value.numerator.clamp(low, high - 1);
                    limited = inside != value.numerator;
                    value.numerator = inside;
                }
            }
        }
        let rounded = value.round(scaled.rounding.unwrap_or(convention.rounding));
        let last = match convention.clip {
            Clip::Sum => Overflow::Wrap,
            _ => convention.overflow,
        };
        let rounded = rounded + i128::from(after);
        let floor = value.floor() + i128::from(after);
        let (word, outside) = last.apply_rounded(rounded, floor, word);
        Steps { sum, value, added: after, rounded, word, tie, limited: limited | outside }
    }
}

#[cfg(test)]
mod tests;
