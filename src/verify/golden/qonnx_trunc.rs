//! Checks qonnx_trunc.csv: both versions of QONNX's Trunc.

use super::affine::{compare_floats, compare_numbers, float, floats, found, integers};
use super::qonnx_quant::{flag, rounding};
use super::{BlockFile, Case, Checker, GoldenError, Report};
use hwmodel::SimdLevel;
use hwmodel::affine::qonnx::{TruncV1, TruncV2};
use std::path::Path;

/// Recomputes every value of a file in the layout of qonnx_trunc.csv with [`TruncV1`] and [`TruncV2`].
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_qonnx_trunc(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?)
}

pub(super) fn check(file: &BlockFile) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), &[SimdLevel::PORTABLE]);
    for case in file.cases()? {
        checker.case();
        match case.text("op")? {
            "Trunc_v1" => {
                let [scale, int, x, q, y] = case.named(["scale", "int", "x", "q", "y"])?;
                let scale = float(scale)?;
                let bits = (case.value("in_bits")?, case.value("out_bits")?);
                let trunc = found(&case.line, TruncV1::new(bits.0, bits.1, rounding(&case)?))?;
                let integer = |x, zero_point| trunc.integer(x, scale, zero_point);
                let value = |x, zero_point| trunc.value(x, scale, zero_point);
                compare(&case, &mut checker, scale, [int, x, q, y], integer, value)?;
            }
            "Trunc_v2" => {
                let [scale, out_scale, int, x, q, y] =
                    case.named(["scale", "out_scale", "int", "x", "q", "y"])?;
                let (scale, out_scale) = (float(scale)?, float(out_scale)?);
                let word =
                    (case.value("out_bits")?, flag(&case, "signed")?, flag(&case, "narrow")?);
                let trunc = TruncV2::new(scale, out_scale, word, rounding(&case)?);
                let trunc = found(&case.line, trunc)?;
                let integer = |x, zero_point| trunc.integer(x, zero_point);
                let value = |x, zero_point| trunc.value(x, zero_point);
                compare(&case, &mut checker, scale, [int, x, q, y], integer, value)?;
            }
            other => return Err(case.line.error(format!("unknown operator `{other}`"))),
        }
    }
    checker.finish(file, &[])
}

fn compare(
    case: &Case<'_>,
    checker: &mut Checker,
    scale: f32,
    [int, x, q, y]: [&super::Line<'_>; 4],
    integer: impl Fn(f32, f32) -> f32,
    value: impl Fn(f32, f32) -> f32,
) -> Result<(), GoldenError> {
    let zero_point: f32 = case.value("zp")?;
    // The inputs are quantised values themselves.
    let inputs: Vec<f32> =
        integers(int)?.into_iter().map(|raw| (raw as f32 - zero_point) * scale).collect();
    compare_floats(checker, x, "input", &inputs)?;
    let x = floats(x)?;
    let found: Vec<f64> = x.iter().map(|&x| integer(x, zero_point).into()).collect();
    compare_numbers(checker, q, "integer", &found)?;
    let found: Vec<f32> = x.iter().map(|&x| value(x, zero_point)).collect();
    compare_floats(checker, y, "value", &found)
}
