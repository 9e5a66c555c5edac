//! Rules by which a sum of products becomes a word of an affine tensor.
//!
//! A sum of input times weight stands for `sum · input scale · weight scale`; the word for the same value is
//! `sum · (input · weight / output) + zero point`, rounded. Tools differ in how they hold the factor, where they round and where
//! the zero point is added: each rule is one file here, an implementation of [`Requantise`] and a line in [`RequantiseRule`].

mod double_rounding;
mod exact_factor;
mod float32_factor;
mod multiplier;
mod q15;
mod real;
mod real_rule;
mod reference_evaluator;
mod single_rounding;
mod twice_up;

pub use double_rounding::DoubleRounding;
pub use exact_factor::{ExactFactor, Ratio};
pub use float32_factor::Float32Factor;
pub use multiplier::Multiplier;
pub(super) use multiplier::shifted;
pub use q15::{Q15, Q15Factor};
pub use real::Real;
pub use real_rule::RealRule;
pub use reference_evaluator::ReferenceEvaluator;
pub use single_rounding::SingleRounding;
pub use twice_up::TwiceUp;

use super::{AffineError, WordRange};
use crate::affine::quantisation::stored;
use crate::parallel;
use crate::{Format, RawData, SimdLevel, with_raw};
use num_traits::{AsPrimitive, NumCast};
use std::fmt::Debug;

/// Sums a thread handles at a time, at least.
const CHUNK: usize = 1 << 13;

/// A rule: how the factor of a channel is held, and how it makes a sum a word.
pub trait Requantise {
    /// The name used in flags, files and tables.
    const NAME: &'static str;

    /// Other names: of the tools that compute so, and other spellings.
    const ALIASES: &'static [&'static str] = &[];

    /// What the circuit or kernel holds for each channel.
    type Factor: Copy + Send + Sync + Debug;

    /// The factor of sums of products of words with these scales.
    ///
    /// # Errors
    /// If the rule cannot hold such a factor.
    fn factor(scales: Scales) -> Result<Self::Factor, AffineError>;

    /// The longest words in bits, sign included, that the rule makes.
    const WORD_BITS: u32 = 32;

    /// The word of `sum` (bias included).
    fn word(sum: i64, factor: Self::Factor, range: WordRange) -> i32;
}

/// The scales of the words that are multiplied and of the result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scales {
    /// Of the left operand.
    pub input: f32,
    /// Of the right operand.
    pub weight: f32,
    /// Of the result.
    pub output: f32,
}

impl Scales {
    /// f32(f32(input · weight) / output), as ONNX Runtime and XNNPACK compute the factor.
    ///
    /// # Errors
    /// If a scale is not finite and above 0, or the factor is not.
    pub fn float32(self) -> Result<f32, AffineError> {
        let Self { input, weight, output } = self.checked()?;
        let factor = input * weight / output;
        match factor.is_finite() && factor > 0.0 {
            true => Ok(factor),
            false => Err(AffineError::Factor { factor, input, weight, output }),
        }
    }

    /// These scales, if each is finite and above 0.
    ///
    /// # Errors
    /// If one is not; its index is 0 for the input, 1 for the weight, 2 for the output.
    pub fn checked(self) -> Result<Self, AffineError> {
        check_scales(&[self.input, self.weight, self.output])?;
        Ok(self)
    }
}

/// Checks that every scale is finite and above 0.
pub(crate) fn check_scales(scales: &[f32]) -> Result<(), AffineError> {
    let wrong = |scale: &f32| !(scale.is_finite() && *scale > 0.0);
    match scales.iter().position(wrong) {
        Some(index) => Err(AffineError::Scale { index, scale: scales[index] }),
        None => Ok(()),
    }
}

/// Checks scales and their zero points, one for each; none mean `zero` everywhere.
pub(crate) fn zero_points_of<T: Clone>(
    scales: &[f32],
    zero_points: Vec<T>,
    zero: T,
) -> Result<Vec<T>, AffineError> {
    check_scales(scales)?;
    let zero_points = match zero_points.len() {
        0 => vec![zero; scales.len()],
        _ => zero_points,
    };
    if zero_points.len() != scales.len() {
        return Err(AffineError::Count {
            what: "zero points",
            given: zero_points.len(),
            needed: scales.len(),
            why: "one for each scale",
        });
    }
    Ok(zero_points)
}

/// Evaluates `$body` with the type `$rule` of a [`RequantiseRule`], so that it is compiled once for every rule.
#[macro_export]
macro_rules! with_requantise_rule {
    (@ $value:expr, $rule:ident => $body:expr; $($variant:ident)*) => {
        match $value {
            $($crate::affine::requantise::RequantiseRule::$variant => {
                type $rule = $crate::affine::requantise::$variant;
                $body
            })*
        }
    };
    ($value:expr, $rule:ident => $body:expr) => {
        $crate::with_requantise_rule!(@ $value, $rule => $body;
            Float32Factor ExactFactor ReferenceEvaluator DoubleRounding SingleRounding TwiceUp Q15 Real)
    };
}

/// A rule by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequantiseRule {
    /// The float32 factor of ONNX Runtime.
    Float32Factor,
    /// One rounding of the real number.
    ExactFactor,
    /// The reference evaluator of the onnx package.
    ReferenceEvaluator,
    /// TFLite, gemmlowp and CMSIS-NN: an integer multiplier, rounded twice.
    DoubleRounding,
    /// TFLite and CMSIS-NN built for single rounding.
    SingleRounding,
    /// ruy with AVX2: rounded twice, ties toward +∞.
    TwiceUp,
    /// TFLite's and CMSIS-NN's 64-bit accumulators with a 15-bit multiplier.
    Q15,
    /// LiteRT's reference fully connected layer: a float64 factor.
    Real,
}

impl RequantiseRule {
    /// Every rule.
    pub const ALL: [Self; 8] = [
        Self::Float32Factor,
        Self::ExactFactor,
        Self::ReferenceEvaluator,
        Self::DoubleRounding,
        Self::SingleRounding,
        Self::TwiceUp,
        Self::Q15,
        Self::Real,
    ];

    /// The name used in flags, files and tables.
    pub fn name(self) -> &'static str {
        with_requantise_rule!(self, R => R::NAME)
    }

    /// Other names: of the tools that compute so, and other spellings.
    pub fn aliases(self) -> &'static [&'static str] {
        with_requantise_rule!(self, R => R::ALIASES)
    }

    /// The words of `sums` (row-major, bias included), with scales for all columns or for each, in the container of `format`.
    ///
    /// ```
    /// use hwmodel::affine::WordRange;
    /// use hwmodel::affine::requantise::{RequantiseRule, Scales};
    /// use hwmodel::{Format, SimdLevel};
    /// let scales = [Scales { input: 0.5, weight: 0.25, output: 1.0 }];
    /// let range = WordRange::int8(3);
    /// let words = |rule: RequantiseRule| {
    ///     let format = Format::new(8, 0).unwrap();
    ///     rule.words(SimdLevel::best(), &[-12, 4, 12, 9000], &scales, range, format).unwrap().to_i32()
    /// };
    /// // -1.5, 0.5 and 1.5: to even before or after the zero point is added.
    /// assert_eq!(words(RequantiseRule::Float32Factor), [1, 3, 5, 127]);
    /// assert_eq!(words(RequantiseRule::ReferenceEvaluator), [2, 4, 4, 127]);
    /// ```
    ///
    /// # Errors
    /// If the scales do not fit the sums, or the rule cannot hold a factor.
    ///
    /// # Panics
    /// If a word of `range` does not fit the container of `format`.
    pub fn words<S: Copy + Sync + AsPrimitive<i64>>(
        self,
        simd: SimdLevel,
        sums: &[S],
        scales: &[Scales],
        range: WordRange,
        format: Format,
    ) -> Result<RawData, AffineError> {
        with_requantise_rule!(self, R => {
            let factors = scales.iter().map(|&scales| R::factor(scales)).collect::<Result<Vec<_>, _>>()?;
            words::<R, S>(simd, sums, &factors, range, format)
        })
    }
}

impl std::fmt::Display for RequantiseRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for RequantiseRule {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let named = |rule: &Self| rule.name() == text || rule.aliases().contains(&text);
        Self::ALL.into_iter().find(named).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|rule| rule.name()).collect();
            format!("unknown requantiser `{text}`: use one of {}", names.join(", "))
        })
    }
}

/// The words of `sums` (row-major) by rule `R`, with one factor for all columns or one for each.
///
/// # Errors
/// If there is no factor, the sums do not fill rows of one for each, or the words are too long for the rule.
///
/// # Panics
/// If a word of `range` does not fit the container of `format`.
pub fn words<R: Requantise, S: Copy + Sync + AsPrimitive<i64>>(
    simd: SimdLevel,
    sums: &[S],
    factors: &[R::Factor],
    range: WordRange,
    format: Format,
) -> Result<RawData, AffineError> {
    let columns = factors.len();
    if columns == 0 || !sums.len().is_multiple_of(columns) {
        return Err(AffineError::Count {
            what: "factors",
            given: columns,
            needed: 1,
            why: "one for all sums, or one for each column of whole rows",
        });
    }
    if format.wl() + if format.min_raw() == 0 { 1 } else { 0 } > R::WORD_BITS {
        return Err(AffineError::Word(format));
    }
    let mut data = RawData::zeros(format, sums.len());
    let chunk = CHUNK.next_multiple_of(columns);
    with_raw!(&mut data, out => {
        parallel::each(sums.chunks(chunk).zip(out.chunks_mut(chunk)), |(sums, out)| {
            simd.run(#[inline(always)] || rows::<R, S, _>(sums, factors, range, out));
        });
    });
    Ok(data)
}

/// Whole rows of sums.
#[inline(always)]
fn rows<R: Requantise, S: AsPrimitive<i64>, T: NumCast + Copy + 'static>(
    sums: &[S],
    factors: &[R::Factor],
    range: WordRange,
    out: &mut [T],
) where
    i32: AsPrimitive<T>,
{
    if let &[factor] = factors {
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = stored::<T>(R::word(sum.as_(), factor, range));
        }
        return;
    }
    let columns = factors.len();
    for (out, sums) in out.chunks_exact_mut(columns).zip(sums.chunks_exact(columns)) {
        for ((out, &sum), &factor) in out.iter_mut().zip(sums).zip(factors) {
            *out = stored::<T>(R::word(sum.as_(), factor, range));
        }
    }
}
