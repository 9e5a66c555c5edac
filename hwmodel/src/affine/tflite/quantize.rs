//! QUANTIZE between integer types.

use super::operand::{Operand, each_pair, is_int8};
use super::{KernelSet, Output, TfliteError};
use crate::affine::requantise::{DoubleRounding, RealRule, Requantise, TwiceUp, shifted};
use crate::affine::{AffineTensor, WordRange};
use crate::cast::toward_zero;
use crate::number::rounding::modes::HalfUp;
use crate::{RawData, SimdLevel, with_narrow};

/// Elements of a run of the optimised kernel; those after the last whole run are rounded otherwise.
const RUN: usize = 16;

/// XNNPACK's multiplier with 8 fractional bits, half_even(f32(si / so) · 256).
#[derive(Debug, Clone, Copy)]
struct EightBits(i64);

impl EightBits {
    fn new(input: f32, output: f32) -> Result<Self, TfliteError> {
        let ratio = input / output;
        // Scales are positive, so that the ratio is no NaN.
        if ratio >= (1u32 << 30) as f32 {
            let range = "ratios below 2^30";
            return Err(TfliteError::Ratio { ratio, operator: "QUANTIZE", range });
        }
        Ok(Self(toward_zero((f64::from(ratio) * 256.0).round_ties_even())))
    }

    #[inline(always)]
    fn word(self, x: i32, range: WordRange) -> i32 {
        range.limit(shifted::<HalfUp>(i64::from(x) * self.0, 8) + i64::from(range.zero_point))
    }
}

/// A tensor with another scale, zero point or type.
///
/// `ref` requantises x - zero point by double_rounding with the factor f64(si / so). From int8 to int8, `opt` does so with
/// twice_up for whole runs of 16 elements and with double_rounding for those after them, and `xnn` has a multiplier of 8
/// fractional bits (eight_bits): half_up((x - zi)·half_even(f32(si / so)·256) / 2^8).
///
/// # Errors
/// If a type is neither int8 nor int16, the tensor has several scales, a zero point of int16 is not 0, or the quotient of the
/// scales is 2^30 or more.
pub fn quantize(
    simd: SimdLevel,
    kernels: KernelSet,
    x: &AffineTensor,
    output: &Output,
) -> Result<AffineTensor, TfliteError> {
    let operand = Operand::new(x, "the input")?;
    let range = output.range()?;
    let real = f64::from(operand.scale) / f64::from(output.scale);
    let words = &operand.words;
    let zero_point = operand.zero_point;
    let mut data = RawData::zeros(output.format, words.len());
    let bytes = is_int8(x.words().format()) && is_int8(output.format);
    if bytes && kernels == KernelSet::Xnnpack {
        let rule = EightBits::new(operand.scale, output.scale)?;
        with_narrow!(&mut data, out => each_pair(simd, words, words, out,
            #[inline(always)] |x, _| rule.word(x - zero_point, range)));
    } else {
        let in_runs = match kernels {
            KernelSet::Optimised if bytes => words.len() / RUN * RUN,
            _ => 0,
        };
        let (runs, rest) = words.split_at(in_runs);
        let (twice_up, double) = (TwiceUp::of_real(real)?, DoubleRounding::of_real(real)?);
        with_narrow!(&mut data, out => {
            let (out_runs, out_rest) = out.split_at_mut(in_runs);
            each_pair(simd, runs, runs, out_runs,
                #[inline(always)] |x, _| TwiceUp::word((x - zero_point).into(), twice_up, range));
            each_pair(simd, rest, rest, out_rest,
                #[inline(always)] |x, _| DoubleRounding::word((x - zero_point).into(), double, range));
        });
    }
    output.tensor(x.shape(), data)
}
