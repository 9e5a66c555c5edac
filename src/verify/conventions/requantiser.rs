//! How a sum becomes a number in units of the output's last place.

use super::fraction::Fraction;
use hwmodel::Rounding;
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
    TfliteDouble,
    /// The same multiplier rounded once, half up.
    TfliteSingle,
    /// The same rounded twice, half up both times.
    TfliteTwiceUp,
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
    /// Nearest float32.
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
        Self::TfliteDouble,
        Self::TfliteSingle,
        Self::TfliteTwiceUp,
    ];

    /// The name in a convention.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shift => "shift",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::TfliteDouble => "tflite-double",
            Self::TfliteSingle => "tflite-single",
            Self::TfliteTwiceUp => "tflite-twice-up",
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
            Self::TfliteDouble | Self::TfliteSingle | Self::TfliteTwiceUp => {
                multiplier(factor, exponent)
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
                if self == Self::TfliteSingle {
                    return own(Fraction::new(sum * multiplier, 31 - shift), Rounding::HalfUp);
                }
                let (left, right) = (shift.clamp(0, 31), (-shift).max(0));
                let high = Rounding::HalfUp.shift_right(wrap32(sum << left) * multiplier, 31, 0);
                let last = match self {
                    Self::TfliteDouble => Rounding::NearestAway,
                    _ => Rounding::HalfUp,
                };
                own(Fraction::new(high, right), last)
            }
        }
    }
}

/// TFLite's `QuantizeMultiplier`: f · 2^shift with f in [½, 1) as a 31-bit integer, rounded half away from zero.
fn multiplier(factor: f64, exponent: i32) -> Factor {
    let (mantissa, shift) = libm::frexp(factor);
    let shift = i64::from(shift) + i64::from(exponent);
    let scaled = Fraction::of_float(mantissa * f64::from(1u32 << 31)).round(Rounding::NearestAway);
    let (multiplier, shift) =
        if scaled == 1 << 31 { (1 << 30, shift + 1) } else { (scaled, shift) };
    if shift < -31 {
        return Factor::Integer { multiplier: 0, shift: 0 };
    }
    Factor::Integer { multiplier, shift }
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
