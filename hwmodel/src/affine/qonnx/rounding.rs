//! The rounding modes of QONNX, in the float32 operations of its functions.

use crate::Rounding;

/// A rounding mode of QONNX (`rounding_mode` of Quant, IntQuant, FloatQuant and Trunc).
///
/// The modes are those of [`Rounding`], with names of their own: `HALF_UP` is nearest-away and `UP` is away-from-zero. Two of
/// them add or subtract ½ in float32, which rounds: `HALF_UP` makes 0.49999997 a 1 and moves odd integers above 2^23.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QonnxRounding(Rounding);

impl QonnxRounding {
    /// Every mode.
    pub const ALL: [Self; 7] = [
        Self(Rounding::NearestEven),
        Self(Rounding::Ceiling),
        Self(Rounding::Floor),
        Self(Rounding::AwayFromZero),
        Self(Rounding::TowardZero),
        Self(Rounding::NearestAway),
        Self(Rounding::NearestZero),
    ];

    /// One of [`QonnxRounding::ALL`].
    pub(super) const fn of(mode: Rounding) -> Self {
        Self(mode)
    }

    /// The mode on real numbers.
    pub fn exact(self) -> Rounding {
        self.0
    }

    /// y rounded as `qonnx` 1.0.0 (`custom_op/general/quant.py`) rounds it, with the sign of zero that numpy gives it.
    ///
    /// | mode | operation |
    /// |---|---|
    /// | ROUND, HALF_EVEN | half_even(y) |
    /// | CEIL, FLOOR | ⌈y⌉, ⌊y⌋ |
    /// | UP | sign(y) · ⌈\|y\|⌉ |
    /// | DOWN | y without its fraction |
    /// | HALF_UP | sign(y) · ⌊f32(\|y\| + 0.5)⌋ |
    /// | HALF_DOWN | sign(y) · ⌈f32(\|y\| - 0.5)⌉ |
    ///
    /// ```
    /// use hwmodel::affine::qonnx::QonnxRounding;
    /// let half_up: QonnxRounding = "HALF_UP".parse().unwrap();
    /// assert_eq!([0.5, -0.5, 0.49999997].map(|y| half_up.float32(y)), [1.0, -1.0, 1.0]);
    /// assert_eq!(half_up.float32(8388609.0), 8388610.0);
    /// ```
    #[inline(always)]
    pub fn float32(self, y: f32) -> f32 {
        match self.0 {
            Rounding::Ceiling => y.ceil(),
            Rounding::Floor => y.floor(),
            Rounding::AwayFromZero => sign(y) * y.abs().ceil(),
            Rounding::TowardZero => y.trunc(),
            Rounding::NearestAway => sign(y) * (y.abs() + 0.5).floor(),
            Rounding::NearestZero => sign(y) * (y.abs() - 0.5).ceil(),
            _ => y.round_ties_even(),
        }
    }
}

/// Evaluates `$body` with the constant `$mode`, so that its loops are compiled once for every mode.
macro_rules! with_qonnx_rounding {
    ($value:expr, $mode:ident => $body:expr) => {
        $crate::affine::qonnx::rounding::with_qonnx_rounding!(@ $value, $mode => $body;
            Ceiling Floor AwayFromZero TowardZero NearestAway NearestZero NearestEven)
    };
    (@ $value:expr, $mode:ident => $body:expr; $($other:ident)* ) => {
        match $value.exact() {
            $($crate::Rounding::$other => {
                const $mode: $crate::affine::qonnx::QonnxRounding =
                    $crate::affine::qonnx::QonnxRounding::of($crate::Rounding::$other);
                $body
            })*
            _ => unreachable!("QONNX has seven modes"),
        }
    };
}
pub(super) use with_qonnx_rounding;

/// numpy's sign: +0 for -0.
#[inline(always)]
fn sign(y: f32) -> f32 {
    if y > 0.0 {
        1.0
    } else if y < 0.0 {
        -1.0
    } else if y == 0.0 {
        0.0
    } else {
        y
    }
}

impl std::str::FromStr for QonnxRounding {
    type Err = String;
    /// The names of QONNX, upper or lower case, and `ROUND_TO_ZERO` for DOWN.
    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.to_uppercase();
        let names = ["ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"];
        let name = match upper.as_str() {
            "ROUND_TO_ZERO" => "DOWN",
            other => other,
        };
        if !names.contains(&name) {
            return Err(format!("unknown rounding mode `{text}`: use one of {}", names.join(", ")));
        }
        name.parse().map(Self)
    }
}

impl std::fmt::Display for QonnxRounding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self.0 {
            Rounding::Ceiling => "CEIL",
            Rounding::Floor => "FLOOR",
            Rounding::AwayFromZero => "UP",
            Rounding::TowardZero => "DOWN",
            Rounding::NearestAway => "HALF_UP",
            Rounding::NearestZero => "HALF_DOWN",
            _ => "ROUND",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for mode in QonnxRounding::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
            assert_eq!(mode.to_string().to_lowercase().parse(), Ok(mode));
        }
        assert_eq!("HALF_EVEN".parse(), Ok(QonnxRounding(Rounding::NearestEven)));
        // A mode that QONNX lacks, and one of another tool.
        for text in ["half-down", "AP_RND", "STOCHASTIC", ""] {
            assert!(text.parse::<QonnxRounding>().unwrap_err().contains("ROUND, HALF_EVEN"));
        }
    }

    #[test]
    fn small_values_are_rounded_as_real_numbers() {
        for quarters in -40i16..=40 {
            let y = f32::from(quarters) / 4.0;
            for mode in QonnxRounding::ALL {
                let exact = mode.exact().shift_right(quarters.into(), 2, 0);
                assert_eq!(mode.float32(y), exact as f32, "{mode} {y}");
            }
        }
    }

    #[test]
    fn float32_additions_of_one_half() {
        let [up, down] =
            ["HALF_UP", "HALF_DOWN"].map(|name| name.parse::<QonnxRounding>().unwrap());
        assert_eq!([0.49999997, -0.49999997].map(|y| up.float32(y)), [1.0, -1.0]);
        assert_eq!([0.50000006, -0.50000006].map(|y| down.float32(y)), [1.0, -1.0]);
        assert_eq!(up.float32(8_388_611.0), 8_388_612.0);
        assert_eq!(up.exact().shift_right(8_388_611, 0, 0), 8_388_611);
    }

    #[test]
    fn signs_of_zero() {
        let bits = |name: &str, y: f32| name.parse::<QonnxRounding>().unwrap().float32(y).to_bits();
        let (plus, minus) = (0f32.to_bits(), (-0f32).to_bits());
        for name in ["ROUND", "CEIL", "DOWN"] {
            assert_eq!(bits(name, -0.25), minus, "{name}");
        }
        for name in ["UP", "HALF_UP"] {
            assert_eq!(bits(name, -0.0), plus, "{name}");
        }
        assert_eq!(bits("HALF_UP", -0.25), minus);
        let found = [0.25, -0.25, 0.0, -0.0, 0.5, -0.5].map(|y| bits("HALF_DOWN", y));
        assert_eq!(found, [minus, plus, minus, minus, plus, minus]);
    }

    #[test]
    fn no_mode_hides_a_nan() {
        for mode in QonnxRounding::ALL {
            assert!(mode.float32(f32::NAN).is_nan());
            assert_eq!(mode.float32(f32::INFINITY), f32::INFINITY);
            assert_eq!(mode.float32(f32::NEG_INFINITY), f32::NEG_INFINITY);
        }
    }
}
