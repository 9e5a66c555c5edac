//! How a sum becomes a number in units of the output's last place.

use super::fraction::Fraction;
use hwmodel::Rounding;
use hwmodel::affine::requantise::{
    DoubleRounding, Multiplier, RealRule as _, SingleRounding, TwiceUp,
};
use hwmodel::cast::nearest_f32;

/// How a sum is scaled. The factor m is the value of the sum's last place over that of the output's: a power of two between
/// fixed-point formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requantiser {
    /// sum · m exactly: a shift where m is a power of two.
    Shift,
    /// f32(f32(sum) · f32(m)) of ONNX Runtime and XNNPACK.
    Float32,
    /// f64(sum · f32(m)) of the onnx package's reference evaluator.
    Float64,
    /// gemmlowp's and TFLite's integer multiplier, rounded twice: half up, then half away from zero.
    DoubleRounding,
    /// The same multiplier rounded once, half up.
    SingleRounding,
    /// The same rounded twice, half up both times.
    TwiceUp,
}

/// A scaled sum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scaled {
    /// The number that is rounded.
    pub(super) value: Fraction,
    /// The rounding that the requantiser brings; `None`: the convention's.
    pub(super) rounding: Option<Rounding>,
}

/// What a requantiser holds of a factor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Factor {
    /// mantissa · 2^exponent.
    Real(i128, i64),
    /// The nearest float32.
    Float32(f32),
    /// multiplier · 2^(shift - 31).
    Integer { multiplier: i128, shift: i64 },
}

impl Requantiser {
    /// Every requantiser.
    pub const ALL: [Self; 6] = [
        Self::Shift,
        Self::Float32,
        Self::Float64,
        Self::DoubleRounding,
        Self::SingleRounding,
        Self::TwiceUp,
    ];

    /// The name in a convention.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shift => "shift",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::DoubleRounding => DoubleRounding::RULE,
            Self::SingleRounding => SingleRounding::RULE,
            Self::TwiceUp => TwiceUp::RULE,
        }
    }

    /// What it holds of m = `factor` · 2^`exponent`, `factor` finite and above 0.
    pub(super) fn factor(self, factor: f64, exponent: i32) -> Factor {
        let real = Fraction::of_float(factor);
        match self {
            Self::Shift => {
                Factor::Real(real.numerator, i64::from(exponent) - i64::from(real.shift))
            }
            Self::Float32 | Self::Float64 => {
                Factor::Float32(nearest_f32(libm::ldexp(factor, exponent)))
            }
            Self::DoubleRounding | Self::SingleRounding | Self::TwiceUp => {
                // A factor of 2^30 or more is limited to the largest multiplier and shift.
                let real = libm::ldexp(factor, exponent).min(f64::MAX);
                let parts = Multiplier::limited(real).expect("finite and above 0");
                Factor::Integer {
                    multiplier: parts.multiplier().into(),
                    shift: parts.shift().into(),
                }
            }
        }
    }

    /// `sum` · m as this requantiser computes it.
    pub(super) fn scale(self, sum: i128, factor: Factor) -> Scaled {
        let own = |value, rounding| Scaled { value, rounding: Some(rounding) };
        match factor {
            Factor::Real(mantissa, exponent) => Scaled {
                value: Fraction::new(sum.saturating_mul(mantissa), -exponent),
                rounding: None,
            },
            Factor::Float32(m) => {
                let value = match self {
                    Self::Float32 => f64::from(float32(sum) * m),
                    _ => sum as f64 * f64::from(m),
                };
                Scaled { value: Fraction::of_float(value), rounding: None }
            }
            Factor::Integer { multiplier, shift } => {
                if self == Self::SingleRounding {
                    return own(Fraction::new(sum * multiplier, 31 - shift), Rounding::HalfUp);
                }
                let (left, right) = (shift.clamp(0, 31), (-shift).max(0));
                let high = Rounding::HalfUp.shift_right(wrap32(sum << left) * multiplier, 31, 0);
                let last = match self {
                    Self::DoubleRounding => Rounding::NearestAway,
                    _ => Rounding::HalfUp,
                };
                own(Fraction::new(high, right), last)
            }
        }
    }
}

/// The nearest float32 of an integer.
#[expect(clippy::cast_precision_loss, reason = "the rule rounds")]
fn float32(sum: i128) -> f32 {
    sum as f32
}

/// The low 32 bits in two's complement.
fn wrap32(value: i128) -> i128 {
    (value << 96) >> 96
}

impl std::str::FromStr for Requantiser {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|rule| rule.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|rule| rule.name()).collect();
            format!("unknown requantiser: use one of {}", names.join(", "))
        })
    }
}
