//! Types wide enough for the exact result of an operation on two fixed-point numbers.

use crate::number::format::{Format, FormatError};

/// A fixed-point type of any width, as the result of exact operations: signed or unsigned integers of `bits` bits in steps of
/// 2^-`fl`.
///
/// The types are those of ap_fixed and ac_fixed (C++ operators, see `golden/conventions`): wide enough for every operand, in
/// terms of the integer bits I = W - FL, where a sign is one of them. A narrow range is not made use of.
///
/// ```
/// use hwmodel::Format;
/// use hwmodel::number::exact_type::ExactType;
/// let (x, w) = (ExactType::from(Format::unsigned(8, 8)?), ExactType::from(Format::new(6, 4)?));
/// assert_eq!(x.product(w), ExactType { bits: 14, fl: 12, signed: true });
/// // u⟨8, 8⟩ needs a bit more as a signed number, and the sum one for its carry.
/// assert_eq!(x.sum(w), ExactType { bits: 11, fl: 8, signed: true });
/// assert_eq!(x.product(w).format()?, Format::new(14, 12)?);
/// # Ok::<(), hwmodel::FormatError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExactType {
    /// Width W in bits.
    pub bits: u32,
    /// Fractional length in bits.
    pub fl: i32,
    /// Two's complement; otherwise there are no negative values.
    pub signed: bool,
}

impl ExactType {
    /// Integer bits I = W - FL.
    pub fn integer_bits(self) -> i32 {
        self.bits.cast_signed() - self.fl
    }

    /// The type of every product: W1 + W2 bits, FL1 + FL2 of them after the point, signed if an operand is.
    #[must_use]
    pub fn product(self, other: Self) -> Self {
        Self {
            bits: self.bits + other.bits,
            fl: self.fl + other.fl,
            signed: self.signed || other.signed,
        }
    }

    /// The type of every sum: one integer bit more than the larger operand's, of which an unsigned one has another next to a signed
    /// one; signed if an operand is.
    #[must_use]
    pub fn sum(self, other: Self) -> Self {
        let signed = self.signed || other.signed;
        let integer = |of: Self| of.integer_bits() + i32::from(signed && !of.signed);
        let integer_bits = integer(self).max(integer(other)) + 1;
        let fl = self.fl.max(other.fl);
        Self { bits: (integer_bits + fl).cast_unsigned(), fl, signed }
    }

    /// The type of every difference: that of the sum, and signed.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        Self { signed: true, ..self.sum(other) }
    }

    /// The type of every negated value: one bit more, and signed.
    #[must_use]
    pub fn negation(self) -> Self {
        Self { bits: self.bits + 1, signed: true, ..self }
    }

    /// The type as the format of a tensor.
    ///
    /// # Errors
    /// If it has more than 32 bits or a fractional length beyond ±64.
    pub fn format(self) -> Result<Format, FormatError> {
        if self.signed {
            Format::new(self.bits, self.fl)
        } else {
            Format::unsigned(self.bits, self.fl)
        }
    }
}

impl From<Format> for ExactType {
    fn from(format: Format) -> Self {
        Self { bits: format.wl(), fl: format.fl(), signed: format.is_signed() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BitWidth, Word};

    /// Every pair of small types holds the results of all pairs of their ends.
    #[test]
    fn results_of_the_ends_fit() {
        let types = || {
            let widths = (1..=4).flat_map(|bits| (-2..=5).map(move |fl| (bits, fl)));
            widths.flat_map(|(bits, fl)| [false, true].map(|signed| ExactType { bits, fl, signed }))
        };
        let word = |of: ExactType| Word {
            width: BitWidth::new(of.bits).unwrap(),
            signed: of.signed,
            narrow: false,
        };
        let ends = |of: ExactType| [word(of).min(), word(of).max()];
        for a in types() {
            for x in ends(a) {
                assert!(word(a.negation()).contains(-x), "{a:?}");
            }
            for b in types() {
                let fl = a.fl.max(b.fl);
                for (x, y) in ends(a).into_iter().flat_map(|x| ends(b).map(|y| (x, y))) {
                    assert!(word(a.product(b)).contains(x * y), "{a:?} * {b:?}");
                    let (x, y) = (x << (fl - a.fl), y << (fl - b.fl));
                    assert!(word(a.sum(b)).contains(x + y), "{a:?} + {b:?}");
                    // Two unsigned operands: the difference of the sum's width has a sign bit.
                    assert!(word(a.difference(b)).contains(x - y), "{a:?} - {b:?}");
                }
            }
        }
    }

    #[test]
    fn wide_types_are_not_formats() {
        let of = |wl, fl| ExactType::from(Format::new(wl, fl).unwrap());
        assert_eq!(of(17, 0).product(of(16, 0)).format(), Err(FormatError::WordLength(33)));
        assert!(of(8, 40).product(of(8, 40)).format().is_err());
    }
}
