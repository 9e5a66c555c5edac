//! ADD.

use super::operand::{Operand, is_int8, words_of_pairs};
use super::{KernelSet, Output, TfliteError};
use crate::SimdLevel;
use crate::affine::requantise::{DoubleRounding, Multiplier, RealRule, shifted};
use crate::affine::{AffineError, AffineTensor, WordRange};
use crate::cast::toward_zero;
use crate::number::rounding::modes::HalfUp;

/// The multipliers of ADD in the sets `ref` and `opt`, and of int16 in all of them: of the first operand, the second and the sum.
///
/// top = 2·max(sa, sb); m_a = sa / top, m_b = sb / top, m_sum = top / (2^left · sc) in float64, left = 20 for int8, 15 for int16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddMultipliers {
    /// Of the first operand, the second operand and their sum.
    pub multipliers: [Multiplier; 3],
    /// Bits by which the operands are shifted to the left first.
    pub left: u32,
}

impl AddMultipliers {
    /// The multipliers of operands with these scales and of a result.
    ///
    /// # Errors
    /// If the factor of the sum is 2^30 or more.
    pub fn new(a: f32, b: f32, output: &Output) -> Result<Self, AffineError> {
        let [a, b, sum] = [a, b, output.scale].map(f64::from);
        let left = if is_int8(output.format) { 20 } else { 15 };
        let top = 2.0 * a.max(b);
        let factors = [a / top, b / top, top / (f64::from(1u32 << left) * sum)];
        let [a, b, sum] = factors.map(DoubleRounding::of_real);
        Ok(Self { multipliers: [a?, b?, sum?], left })
    }

    #[inline(always)]
    fn word(&self, a: i32, b: i32, range: WordRange) -> i32 {
        let [of_a, of_b, of_sum] = self.multipliers;
        let a = DoubleRounding::scaled(i64::from(a) << self.left, of_a);
        let b = DoubleRounding::scaled(i64::from(b) << self.left, of_b);
        range.limit(DoubleRounding::scaled(a + b, of_sum) + i64::from(range.zero_point))
    }
}

/// XNNPACK's two integer multipliers with a common shift h: one rounding, ties toward +∞.
///
/// r = f32(s / sc) of each operand, h = 20 - ⌊log2 max(ra, rb)⌋, multipliers half_even(r · 2^h) of at most 21 bits.
#[derive(Debug, Clone, Copy)]
struct CommonShift {
    a: i64,
    b: i64,
    shift: u32,
}

impl CommonShift {
    fn new(a: f32, b: f32, output: f32) -> Result<Self, TfliteError> {
        let ratios = [a / output, b / output];
        let ratio = ratios[0].max(ratios[1]);
        let (_, exponent) = libm::frexp(ratio.into());
        // The larger multiplier is at least 2^20.
        let shift = u32::try_from(21 - exponent).ok().filter(|&shift| shift <= 62);
        let Some(shift) = shift.filter(|_| ratio.is_finite()) else {
            let range = "ratios whose larger one is 2^-42 up to but not including 2^21";
            return Err(TfliteError::Ratio { ratio, operator: "ADD", range });
        };
        let multiplier = |ratio: f32| {
            toward_zero::<i64>(libm::ldexp(ratio.into(), shift.cast_signed()).round_ties_even())
        };
        Ok(Self { a: multiplier(ratios[0]), b: multiplier(ratios[1]), shift })
    }

    #[inline(always)]
    fn word(&self, a: i32, b: i32, range: WordRange) -> i32 {
        let sum = i64::from(a) * self.a + i64::from(b) * self.b;
        range.limit(shifted::<HalfUp>(sum, self.shift) + i64::from(range.zero_point))
    }
}

/// The sum of two tensors of one shape and type.
///
/// `ref` and `opt`, and every set for int16, requantise (a - za)·2^left and (b - zb)·2^left by double_rounding, add, and
/// requantise the sum ([`AddMultipliers`]). `xnn` has two multipliers of up to 21 bits with a common shift for int8
/// (common_shift): h = 20 - ⌊log2 max(ra, rb)⌋ with r = f32(s / sc), word = half_up(((a - za)·half_even(ra·2^h) +
/// (b - zb)·half_even(rb·2^h)) / 2^h) + zc, limited.
///
/// # Errors
/// If the tensors do not have one type, shape and a scale each, a zero point of int16 is not 0, or the scales are too far apart
/// for the multipliers.
pub fn add(
    simd: SimdLevel,
    kernels: KernelSet,
    a: &AffineTensor,
    b: &AffineTensor,
    output: &Output,
) -> Result<AffineTensor, TfliteError> {
    let (left, right) = operands("ADD", a, b, output)?;
    let range = output.range()?;
    let (both, format) = ([&left, &right], output.format);
    let data = if kernels == KernelSet::Xnnpack && is_int8(format) {
        let rule = CommonShift::new(left.scale, right.scale, output.scale)?;
        words_of_pairs(
            simd,
            both,
            format,
            #[inline(always)]
            |a, b| rule.word(a, b, range),
        )
    } else {
        let rule = AddMultipliers::new(left.scale, right.scale, output)?;
        words_of_pairs(
            simd,
            both,
            format,
            #[inline(always)]
            |a, b| rule.word(a, b, range),
        )
    };
    output.tensor(a.shape(), data)
}

/// Two operands of one type and shape, and of the type of the result.
pub(super) fn operands(
    operator: &'static str,
    a: &AffineTensor,
    b: &AffineTensor,
    output: &Output,
) -> Result<(Operand, Operand), TfliteError> {
    let [left, right] = [a, b].map(|tensor| tensor.words().format());
    for other in [right, output.format] {
        if other != left {
            return Err(TfliteError::Types { operator, left, right: other });
        }
    }
    if a.shape() != b.shape() {
        let (given, needed) = (b.words().len(), a.words().len());
        let why = "the operands have one shape";
        return Err(
            AffineError::Count { what: "words of the second operand", given, needed, why }.into()
        );
    }
    Ok((Operand::new(a, "the first operand")?, Operand::new(b, "the second operand")?))
}
