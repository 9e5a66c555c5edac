//! Rounding modes: how a value between two integers becomes one of them.
//!
//! Every mode is one file here, which decides by the [`Parts`] of a value whether it goes up from the integer below. All code
//! that rounds (shifts, divisions, floats, the vector loops) splits its values into parts and calls the mode.

mod away_from_zero;
mod ceiling;
mod floor;
mod half_down;
mod half_up;
mod nearest_away;
mod nearest_even;
mod nearest_odd;
mod nearest_zero;
mod parts;
mod stochastic;
mod toward_zero;

pub use parts::{Parts, Quotient, Shifted};

use crate::text_enum::text_enum;

/// The modes as types, for loops that are compiled once for each.
pub mod modes {
    pub use super::away_from_zero::AwayFromZero;
    pub use super::ceiling::Ceiling;
    pub use super::floor::Floor;
    pub use super::half_down::HalfDown;
    pub use super::half_up::HalfUp;
    pub use super::nearest_away::NearestAway;
    pub use super::nearest_even::NearestEven;
    pub use super::nearest_odd::NearestOdd;
    pub use super::nearest_zero::NearestZero;
    pub use super::stochastic::Stochastic;
    pub use super::toward_zero::TowardZero;
}

/// A rounding mode.
pub trait Mode {
    /// The name used in flags, files and tables.
    const NAME: &'static str;

    /// What ap_fixed, ac_fixed (`AP_`, `AC_`) and QONNX (no prefix) call it.
    const ALIASES: &'static [&'static str] = &[];

    /// Whether a value becomes ⌊v⌋ + 1 and not ⌊v⌋.
    fn up(value: impl Parts) -> bool;

    /// The rounded `value`, where a float operation gives it faster than its parts: exact up to 2^40 in
    /// magnitude, beyond that anything from there on with the same sign.
    #[inline(always)]
    fn float(_value: f64) -> Option<f64> {
        None
    }
}

/// Evaluates `$body` with the type `$mode` of a [`Rounding`], so that it is compiled once for every mode.
#[macro_export]
macro_rules! with_rounding {
    (@ $rounding:expr, $mode:ident => $body:expr; $($variant:ident)*) => {
        match $rounding {
            $($crate::Rounding::$variant => {
                type $mode = $crate::number::rounding::modes::$variant;
                $body
            })*
        }
    };
    ($rounding:expr, $mode:ident => $body:expr) => {
        $crate::with_rounding!(@ $rounding, $mode => $body;
            Stochastic NearestEven NearestAway NearestZero NearestOdd HalfUp HalfDown Floor Ceiling
            TowardZero AwayFromZero)
    };
}

/// A rounding mode.
///
/// | mode | result for a value v in units of the last place |
/// |---|---|
/// | stochastic | ⌊v + r⌋, r uniform in [0, 1): up with probability frac(v) |
/// | nearest-even | nearest integer, ties to the even one |
/// | nearest-away | nearest integer, ties away from zero |
/// | nearest-zero | nearest integer, ties toward zero |
/// | nearest-odd | nearest integer, ties to the odd one |
/// | half-up | ⌊v + ½⌋: nearest integer, ties toward +∞ |
/// | half-down | ⌈v - ½⌉: nearest integer, ties toward -∞ |
/// | floor | ⌊v⌋ |
/// | ceiling | ⌈v⌉ |
/// | toward-zero | v without its fraction |
/// | away-from-zero | ⌈v⌉ of a positive v, ⌊v⌋ of a negative one |
///
/// The names of ap_fixed, ac_fixed and QONNX are read too. The same word may mean different modes: QONNX's `HALF_UP` is
/// `nearest-away`, not `half-up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// ⌊v + r⌋ with r uniform in [0, 1).
    Stochastic,
    /// Nearest, ties to even.
    NearestEven,
    /// Nearest, ties away from zero.
    NearestAway,
    /// Nearest, ties toward zero.
    NearestZero,
    /// Nearest, ties to odd.
    NearestOdd,
    /// Nearest, ties toward +∞.
    HalfUp,
    /// Nearest, ties toward -∞.
    HalfDown,
    /// Toward -∞.
    Floor,
    /// Toward +∞.
    Ceiling,
    /// Toward zero.
    TowardZero,
    /// Away from zero.
    AwayFromZero,
}

impl Rounding {
    /// Every mode, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::Stochastic,
        Self::NearestEven,
        Self::NearestAway,
        Self::NearestZero,
        Self::NearestOdd,
        Self::HalfUp,
        Self::HalfDown,
        Self::Floor,
        Self::Ceiling,
        Self::TowardZero,
        Self::AwayFromZero,
    ];

    /// The names of [`Rounding::ALL`].
    pub const NAMES: [&'static str; 11] = {
        let mut names = [""; 11];
        let mut index = 0;
        while index < names.len() {
            names[index] = Self::ALL[index].name();
            index += 1;
        }
        names
    };

    /// The name used in flags, files and tables.
    pub const fn name(self) -> &'static str {
        with_rounding!(self, M => M::NAME)
    }

    /// What ap_fixed, ac_fixed (`AP_`, `AC_`) and QONNX (no prefix) call it.
    pub fn aliases(self) -> &'static [&'static str] {
        with_rounding!(self, M => M::ALIASES)
    }

    /// `value · 2^-shift` rounded to an integer, exactly.
    ///
    /// `shift` is 0 to 126 bits. `random` is read by [`Rounding::Stochastic`] only, and its low
    /// `shift` bits are the r of the definition in units of 2^-shift.
    ///
    /// ```
    /// use hwmodel::Rounding;
    /// assert_eq!(Rounding::NearestEven.shift_right(-5, 1, 0), -2);
    /// assert_eq!(Rounding::NearestAway.shift_right(-5, 1, 0), -3);
    /// assert_eq!(Rounding::HalfUp.shift_right(-5, 1, 0), -2);
    /// assert_eq!(Rounding::Ceiling.shift_right(-5, 1, 0), -2);
    /// assert_eq!(Rounding::Stochastic.shift_right(-5, 1, 1), -2);
    /// ```
    #[inline]
    pub fn shift_right(self, value: i128, shift: u32, random: u64) -> i128 {
        debug_assert!(shift < 127);
        // A random word has 64 bits; a longer shift takes them as its highest ones.
        let random = match shift {
            ..=64 => i128::from(random) & ((1 << shift) - 1),
            _ => i128::from(random) << (shift - 64),
        };
        let parts = Shifted::new(value, shift, random);
        let up = with_rounding!(self, M => M::up(parts));
        parts.floor() + i128::from(up)
    }
}

impl std::str::FromStr for Rounding {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let named = |mode: &Self| mode.name() == text || mode.aliases().contains(&text);
        Self::ALL.into_iter().find(named).ok_or_else(|| {
            format!("unknown rounding mode `{text}`: use one of {}", Self::NAMES.join(", "))
        })
    }
}

impl std::fmt::Display for Rounding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

text_enum!(Rounding, Rounding::NAMES);

#[cfg(test)]
mod tests {
    use super::*;

    /// One row a value in quarters: stochastic with r = 0 and r = 3/4, then the other modes.
    #[test]
    #[rustfmt::skip]
    fn every_mode_on_hand_worked_quarters() {
        use Rounding::*;
        let modes = [
            NearestEven, NearestAway, HalfUp, Floor, TowardZero, Ceiling,
            NearestZero, NearestOdd, HalfDown, AwayFromZero,
        ];
        let rows: [(i128, [i128; 12]); 9] = [
            (-6, [-2, -1, -2, -2, -1, -2, -1, -1, -1, -1, -2, -2]),
            (-5, [-2, -1, -1, -1, -1, -2, -1, -1, -1, -1, -1, -2]),
            (-2, [-1, 0, 0, -1, 0, -1, 0, 0, 0, -1, -1, -1]),
            (-1, [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, -1]),
            (0, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            (1, [0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
            (2, [0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1]),
            (6, [1, 2, 2, 2, 2, 1, 1, 2, 1, 1, 1, 2]),
            (7, [1, 2, 2, 2, 2, 1, 1, 2, 2, 2, 2, 2]),
        ];
        for (value, expected) in rows {
            assert_eq!(Stochastic.shift_right(value, 2, 0), expected[0], "{value} r=0");
            assert_eq!(Stochastic.shift_right(value, 2, 3), expected[1], "{value} r=3/4");
            for (mode, want) in modes.iter().zip(&expected[2..]) {
                assert_eq!(mode.shift_right(value, 2, 0), *want, "{value} {mode}");
            }
        }
    }

    #[test]
    fn names_round_trip() {
        for mode in Rounding::ALL {
            for name in mode.aliases().iter().chain([&mode.name()]) {
                assert_eq!(name.parse(), Ok(mode));
            }
        }
        assert!("nearest".parse::<Rounding>().unwrap_err().contains("nearest-even"));
    }
}
