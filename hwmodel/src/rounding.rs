//! Rounding modes: how a value between two raw integers becomes one of them.

use serde::{Deserialize, Serialize};

/// A rounding mode.
///
/// | mode | result for a value v in units of the last place |
/// |---|---|
/// | stochastic | ⌊v + r⌋, r uniform in [0, 1): up with probability frac(v) |
/// | nearest-even | nearest integer, ties to the even one |
/// | nearest-away | nearest integer, ties away from zero |
/// | half-up | ⌊v + ½⌋: nearest integer, ties toward +∞ |
/// | floor | ⌊v⌋ |
/// | toward-zero | v without its fraction |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// ⌊v + r⌋ with r uniform in [0, 1).
    Stochastic,
    /// Nearest, ties to even.
    NearestEven,
    /// Nearest, ties away from zero.
    NearestAway,
    /// Nearest, ties toward +∞.
    HalfUp,
    /// Toward -∞.
    Floor,
    /// Toward zero.
    TowardZero,
}

impl Rounding {
    /// Every mode, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::Stochastic,
        Self::NearestEven,
        Self::NearestAway,
        Self::HalfUp,
        Self::Floor,
        Self::TowardZero,
    ];

    /// The name used in flags, files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stochastic => "stochastic",
            Self::NearestEven => "nearest-even",
            Self::NearestAway => "nearest-away",
            Self::HalfUp => "half-up",
            Self::Floor => "floor",
            Self::TowardZero => "toward-zero",
        }
    }

    /// `value · 2^-shift` rounded to an integer, exactly; the scalar definition of every mode.
    ///
    /// `shift` is 0 to 126 bits. `random` is read by [`Rounding::Stochastic`] only, and its low
    /// `shift` bits are the r of the definition in units of 2^-shift.
    ///
    /// ```
    /// use hwmodel::Rounding;
    /// assert_eq!(Rounding::NearestEven.shift_right(-5, 1, 0), -2);
    /// assert_eq!(Rounding::NearestAway.shift_right(-5, 1, 0), -3);
    /// assert_eq!(Rounding::HalfUp.shift_right(-5, 1, 0), -2);
    /// assert_eq!(Rounding::Stochastic.shift_right(-5, 1, 1), -2);
    /// ```
    #[inline]
    pub fn shift_right(self, value: i128, shift: u32, random: u64) -> i128 {
        debug_assert!(shift < 127);
        if shift == 0 {
            return value;
        }
        let floor = value >> shift;
        let unit = 1i128 << shift;
        let rest = value & (unit - 1);
        let half = unit >> 1;
        let up = match self {
            Self::Floor => false,
            Self::TowardZero => value < 0 && rest != 0,
            Self::HalfUp => rest >= half,
            Self::NearestAway => rest > half || (rest == half && value >= 0),
            Self::NearestEven => rest > half || (rest == half && floor & 1 == 1),
            Self::Stochastic => {
                let r = i128::from(random) & (unit - 1);
                // A random word has 64 bits; a longer shift takes them as its highest ones.
                let r = if shift > 64 { i128::from(random) << (shift - 64) } else { r };
                rest + r >= unit
            }
        };
        floor + i128::from(up)
    }
}

impl std::str::FromStr for Rounding {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|mode| mode.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|mode| mode.name()).collect();
            format!("unknown rounding mode `{text}`: use one of {}", names.join(", "))
        })
    }
}

impl std::fmt::Display for Rounding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row a value in quarters: stochastic with r = 0 and r = 3/4, then the other modes.
    #[test]
    fn every_mode_on_hand_worked_quarters() {
        use Rounding::*;
        let modes = [NearestEven, NearestAway, HalfUp, Floor, TowardZero];
        let rows: [(i128, [i128; 7]); 9] = [
            (-6, [-2, -1, -2, -2, -1, -2, -1]),
            (-5, [-2, -1, -1, -1, -1, -2, -1]),
            (-2, [-1, 0, 0, -1, 0, -1, 0]),
            (-1, [-1, 0, 0, 0, 0, -1, 0]),
            (0, [0, 0, 0, 0, 0, 0, 0]),
            (1, [0, 1, 0, 0, 0, 0, 0]),
            (2, [0, 1, 0, 1, 1, 0, 0]),
            (6, [1, 2, 2, 2, 2, 1, 1]),
            (7, [1, 2, 2, 2, 2, 1, 1]),
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
            assert_eq!(mode.name().parse(), Ok(mode));
        }
        assert!("nearest".parse::<Rounding>().unwrap_err().contains("nearest-even"));
    }
}
