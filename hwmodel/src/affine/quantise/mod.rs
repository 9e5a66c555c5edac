//! Rules by which a float becomes a word of an affine tensor, one file each: an implementation of [`Quantise`] and a line in
//! [`QuantiseRule`].
//!
//! All of them divide by the scale and round to nearest, ties to even; they differ in the number that is rounded and in what
//! happens far outside the range. QONNX's operators, which have a rounding mode and whose results are floats, are in
//! [`qonnx`](super::qonnx).

mod exact;
mod onnx_runtime;
mod reference_evaluator;

pub use exact::Exact;
pub use onnx_runtime::OnnxRuntime;
pub use reference_evaluator::ReferenceEvaluator;

use super::WordRange;

/// A rule: how a float becomes a word.
pub trait Quantise {
    /// The name used in flags, files and tables.
    const NAME: &'static str;

    /// The word for `x`. The scale is finite and above 0.
    fn word(x: f32, scale: f32, range: WordRange) -> i32;
}

/// Evaluates `$body` with the type `$rule` of a [`QuantiseRule`], so that it is compiled once for every rule.
#[macro_export]
macro_rules! with_quantise_rule {
    (@ $value:expr, $rule:ident => $body:expr; $($variant:ident)*) => {
        match $value {
            $($crate::affine::quantise::QuantiseRule::$variant => {
                type $rule = $crate::affine::quantise::$variant;
                $body
            })*
        }
    };
    ($value:expr, $rule:ident => $body:expr) => {
        $crate::with_quantise_rule!(@ $value, $rule => $body; OnnxRuntime Exact ReferenceEvaluator)
    };
}

/// A rule by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuantiseRule {
    /// QuantizeLinear of ONNX Runtime.
    OnnxRuntime,
    /// The real quotient.
    Exact,
    /// QuantizeLinear of the reference evaluator of the onnx package.
    ReferenceEvaluator,
}

impl QuantiseRule {
    /// Every rule.
    pub const ALL: [Self; 3] = [Self::OnnxRuntime, Self::Exact, Self::ReferenceEvaluator];

    /// The name used in flags, files and tables.
    pub fn name(self) -> &'static str {
        with_quantise_rule!(self, R => R::NAME)
    }

    /// The word for `x`, the definition of [`AffineTensor::quantise`](super::AffineTensor::quantise).
    ///
    /// ```
    /// use hwmodel::affine::WordRange;
    /// use hwmodel::affine::quantise::QuantiseRule;
    /// let word = |rule: QuantiseRule, x| rule.word(x, 0.1, WordRange::uint8(3));
    /// // 0.25 / 0.1 is 2.5 in float32, but float32(0.1) is above 0.1.
    /// assert_eq!(word(QuantiseRule::OnnxRuntime, 0.25), 5);
    /// assert_eq!(word(QuantiseRule::Exact, 0.25), 5);
    /// assert_eq!(word(QuantiseRule::OnnxRuntime, f32::INFINITY), 255);
    /// assert_eq!(word(QuantiseRule::ReferenceEvaluator, f32::INFINITY), 0);
    /// ```
    pub fn word(self, x: f32, scale: f32, range: WordRange) -> i32 {
        with_quantise_rule!(self, R => R::word(x, scale, range))
    }
}

impl std::fmt::Display for QuantiseRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for QuantiseRule {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|rule| rule.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|rule| rule.name()).collect();
            format!("unknown quantiser `{text}`: use one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for rule in QuantiseRule::ALL {
            assert_eq!(rule.to_string().parse(), Ok(rule));
        }
        let error = "onnx".parse::<QuantiseRule>().unwrap_err();
        assert_eq!(
            error,
            "unknown quantiser `onnx`: use one of onnx-runtime, exact, onnx-reference"
        );
    }

    #[test]
    fn ties_and_both_ends_of_every_rule() {
        for rule in QuantiseRule::ALL {
            let words = |zero_point| {
                let range = WordRange::int8(zero_point);
                [-1.5f32, -0.5, -0.0, 0.5, 1.5, 2.5, 1000.0, -1000.0]
                    .map(|x| rule.word(x * 0.25, 0.25, range))
            };
            assert_eq!(words(0), [-2, 0, 0, 0, 2, 2, 127, -128], "{rule}");
            assert_eq!(words(1), [-1, 1, 1, 1, 3, 3, 127, -128], "{rule}");
            assert_eq!(words(127), [125, 127, 127, 127, 127, 127, 127, -128], "{rule}");
            assert_eq!(words(-128), [-128, -128, -128, -128, -126, -126, 127, -128], "{rule}");
        }
    }

    #[test]
    fn values_that_no_word_is_near() {
        let words = |x: f32, zero_point| {
            QuantiseRule::ALL.map(|rule| rule.word(x, 1.0, WordRange::int8(zero_point)))
        };
        assert_eq!(words(f32::NAN, 5), [-128, -128, -128]);
        assert_eq!(words(f32::NEG_INFINITY, 5), [-128, -128, -128]);
        assert_eq!(words(f32::INFINITY, 5), [127, 127, -128]);
        assert_eq!(words(3e38, 5), [127, 127, -128]);
        assert_eq!(words(2_147_483_520.0, 5), [127, 127, 127]);
        // numpy's int32 wraps when the zero point is added to the lowest integer.
        assert_eq!(words(f32::NEG_INFINITY, -5), [-128, -128, 127]);
    }

    #[test]
    fn subnormal_scales() {
        let least = f32::from_bits(1);
        let words = |x: f32, scale: f32| {
            QuantiseRule::ALL.map(|rule| rule.word(x, scale, WordRange::uint8(0)))
        };
        assert_eq!(words(3.0 * least, least), [3; 3]);
        assert_eq!(words(3.0 * least, 2.0 * least), [2; 3]);
        assert_eq!(words(1.0, least), [255, 255, 0]);
        assert_eq!(words(least, f32::MAX), [0; 3]);
    }

    #[test]
    fn the_division_in_float32_makes_and_breaks_ties() {
        // The quotients are below and above 2.5 by less than half of float32's last place.
        let words = |x: f32, scale: f32| {
            [QuantiseRule::OnnxRuntime, QuantiseRule::Exact]
                .map(|rule| rule.word(x, scale, WordRange::uint8(0)))
        };
        let mut differ = 0;
        for n in 1..2000u16 {
            let scale = f32::from(n) / 1009.0;
            for half in 0..20u8 {
                let [runtime, exact] = words((f32::from(half) + 0.5) * scale, scale);
                assert!((runtime - exact).abs() <= 1);
                differ += i32::from(runtime != exact);
            }
        }
        assert!(differ > 0);
    }
}
