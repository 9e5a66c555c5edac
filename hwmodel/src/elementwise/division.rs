//! Division by a constant with a multiplier and a shift, exactly rounded.

use crate::cast::exact;
use crate::number::rounding::{Mode, Quotient};
use crate::{Rounding, with_rounding};

/// Division of integers by a constant d, as hardware without a divider does it.
///
/// For 0 ≤ n < 2^N the quotient is ⌊n/d⌋ = ⌊n · R · 2^-(N+l)⌋ with l = ⌈log2 d⌉ and
/// R = ⌈2^(N+l) / d⌉ < 2^(N+1) + 1 (Granlund and Montgomery 1994, theorem 4.2), and for negative n it is
/// -1 - ⌊(-n - 1)/d⌋. The remainder n - q·d then decides the rounding, so the result is the rounded
/// exact quotient, ties included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Division {
    divisor: u32,
    multiplier: u64,
    shift: u32,
}

/// Error of a divisor or word length outside the supported range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DivisionError {
    /// The divisor is 0 or too large.
    #[error("division by {0}: use a divisor of 1 to 2^32 - 1")]
    Divisor(usize),
    /// The words of a sum are too short or too long.
    #[error("sums of words of {0} bits, the sign included: use 1 to 32")]
    WordLength(u32),
}

impl Division {
    /// Division by `divisor` of sums of `divisor` two's complement words of `wl` bits; an unsigned word has one bit more as such
    /// ([`Format::signed_bits`](crate::Format::signed_bits)).
    ///
    /// # Errors
    /// If the divisor is 0 or 2^32 or more, or a word has not 1 to 32 bits.
    pub fn of_sums(divisor: usize, wl: u32) -> Result<Self, DivisionError> {
        let given = divisor;
        let divisor = u32::try_from(divisor).unwrap_or(0);
        if divisor == 0 {
            return Err(DivisionError::Divisor(given));
        }
        if !(1..=32).contains(&wl) {
            return Err(DivisionError::WordLength(wl));
        }
        let length = 32 - (divisor - 1).leading_zeros();
        // -d · 2^(WL-1) ≤ n < d · 2^(WL-1), so n or -n - 1 has N = WL - 1 + l bits, at most 63.
        let shift = wl - 1 + 2 * length;
        // Below 2^(N+1) + 1, and not 2^64 as the divisor is below 2^32.
        let multiplier = exact::<u64>((1u128 << shift).div_ceil(u128::from(divisor)));
        Ok(Self { divisor, multiplier, shift })
    }

    /// The divisor d.
    pub fn divisor(self) -> u32 {
        self.divisor
    }

    /// The multiplier R.
    pub fn multiplier(self) -> u64 {
        self.multiplier
    }

    /// The right shift N + l of the product in bits.
    pub fn shift(self) -> u32 {
        self.shift
    }

    /// sum / d rounded, where the sum is one of d words. Stochastic rounding has no numbers here and takes the floor.
    ///
    /// ```
    /// use hwmodel::Rounding;
    /// use hwmodel::elementwise::Division;
    /// let by_six = Division::of_sums(6, 8)?;
    /// assert_eq!(by_six.round(-22, Rounding::NearestEven), -4); // -3.67
    /// assert_eq!(by_six.round(15, Rounding::NearestEven), 2); // 2.5, a tie
    /// # Ok::<(), hwmodel::elementwise::DivisionError>(())
    /// ```
    pub fn round(self, sum: i64, rounding: Rounding) -> i64 {
        let quotient =
            |n: u64| exact::<i64>((u128::from(n) * u128::from(self.multiplier)) >> self.shift);
        let floor = if sum < 0 {
            -1 - quotient((!sum).cast_unsigned())
        } else {
            quotient(sum.cast_unsigned())
        };
        let divisor = i64::from(self.divisor);
        let quotient = Quotient { floor, remainder: sum - floor * divisor, divisor };
        let up = with_rounding!(rounding, M => M::up(quotient));
        floor + i64::from(up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// sum / d rounded, by comparing fractions.
    fn reference(sum: i64, divisor: u32, rounding: Rounding) -> i64 {
        let (sum, d) = (i128::from(sum), i128::from(divisor));
        let floor = sum.div_euclid(d);
        let rest = 2 * sum.rem_euclid(d);
        let up = match rounding {
            Rounding::NearestEven => rest > d || (rest == d && floor % 2 != 0),
            Rounding::NearestAway => rest > d || (rest == d && sum > 0),
            Rounding::HalfUp => rest >= d,
            Rounding::HalfDown => rest > d,
            Rounding::NearestZero => rest > d || (rest == d && sum < 0),
            Rounding::NearestOdd => rest > d || (rest == d && floor % 2 == 0),
            Rounding::AwayFromZero => rest > 0 && sum > 0,
            Rounding::TowardZero => rest > 0 && sum < 0,
            Rounding::Floor => false,
            Rounding::Ceiling => rest > 0,
            Rounding::Stochastic => unreachable!("not tested"),
        };
        (floor + i128::from(up)) as i64
    }

    #[test]
    fn every_sum_of_short_words() {
        for divisor in (1..=70).chain([127, 128, 129]) {
            let division = Division::of_sums(divisor as usize, 5).unwrap();
            let largest = 16 * i64::from(divisor);
            for sum in -largest..largest {
                for rounding in Rounding::ALL.into_iter().filter(|r| *r != Rounding::Stochastic) {
                    let expected = reference(sum, divisor, rounding);
                    assert_eq!(
                        division.round(sum, rounding),
                        expected,
                        "{sum}/{divisor} {rounding}"
                    );
                }
            }
        }
        assert_eq!(Division::of_sums(0, 8), Err(DivisionError::Divisor(0)));
        assert_eq!(Division::of_sums(3, 33), Err(DivisionError::WordLength(33)));
        assert_eq!(
            Division::of_sums(u32::MAX as usize, 32)
                .unwrap()
                .round(i64::from(u32::MAX) << 31, Rounding::Floor),
            1 << 31
        );
    }

    proptest! {
        #[test]
        fn sums_of_long_words(divisor in 1u32.., share in -1.0f64..=1.0, wl in 1u32..=32, near in -2i64..=2) {
            let division = Division::of_sums(divisor as usize, wl).unwrap();
            let largest = i64::from(divisor) << (wl - 1);
            // Near a multiple of half the divisor, where roundings change.
            let half = (i64::from(divisor) / 2).max(1);
            let sum = ((share * largest as f64) as i64 / half * half + near).clamp(-largest, largest - 1);
            for rounding in Rounding::ALL.into_iter().filter(|r| *r != Rounding::Stochastic) {
                prop_assert_eq!(division.round(sum, rounding), reference(sum, divisor, rounding));
            }
        }
    }
}
