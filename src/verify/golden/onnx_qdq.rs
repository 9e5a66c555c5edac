//! Checks onnx_qdq.csv: QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear.

use super::affine::{
    compare_floats, compare_integers, floats, found, integer_type, integers, words,
};
use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use hwmodel::SimdLevel;
use hwmodel::affine::onnx::{DynamicQuantise, dynamic_quantize_linear};
use hwmodel::affine::quantise::QuantiseRule;
use hwmodel::affine::{AffineTensor, Granularity, Quantisation};
use std::path::Path;

/// Recomputes every value of a file in the layout of onnx_qdq.csv at every SIMD level of this CPU: with the rules of ONNX
/// Runtime, of real numbers and of the reference evaluator.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_onnx_qdq(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?, &SimdLevel::available())
}

pub(super) fn check(file: &BlockFile, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), levels);
    for case in file.cases()? {
        checker.case();
        match case.text("op")? {
            "QuantizeLinear" => quantise(&case, &mut checker)?,
            "DequantizeLinear" => dequantise(&case, &mut checker)?,
            "DynamicQuantizeLinear" => dynamic(&case, &mut checker)?,
            other => return Err(case.line.error(format!("unknown operator `{other}`"))),
        }
    }
    checker.finish(file, &[])
}

/// Shape and granularity of a case, with its scales and zero points.
fn quantisation(
    case: &Case<'_>,
    scale: &Line<'_>,
    zero_point: &Line<'_>,
) -> Result<([usize; 2], Quantisation), GoldenError> {
    let shape = [case.value("rows")?, case.value("cols")?];
    let granularity = match case.text("granularity")? {
        "tensor" => Granularity::Tensor,
        "axis" => Granularity::Axis { axis: 0 },
        "block" => Granularity::Block { axis: 1, size: case.value("block")? },
        other => return Err(case.line.error(format!("unknown granularity `{other}`"))),
    };
    let quantisation = Quantisation::new(granularity, floats(scale)?, integers(zero_point)?);
    Ok((shape, found(scale, quantisation)?))
}

fn quantise(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let [scale, zp, x, y, y_exact, y_reference] =
        case.named(["scale", "zp", "x", "y", "y_exact", "y_reference"])?;
    let format = integer_type(&case.line, case.text("type")?)?;
    let (shape, quantisation) = quantisation(case, scale, zp)?;
    let values = floats(x)?;
    for simd in checker.levels() {
        for (rule, line) in [
            (QuantiseRule::OnnxRuntime, y),
            (QuantiseRule::Exact, y_exact),
            (QuantiseRule::ReferenceEvaluator, y_reference),
        ] {
            let quantisation = quantisation.clone();
            let words = AffineTensor::quantise(simd, rule, &values, &shape, format, quantisation);
            let words = found(x, words)?.into_words().data().to_i32();
            compare_integers(checker, line, &format!("{rule} word ({simd})"), &words)?;
        }
    }
    Ok(())
}

fn dequantise(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let [scale, zp, q, y, y_reference] = case.named(["scale", "zp", "q", "y", "y_reference"])?;
    let format = integer_type(&case.line, case.text("type")?)?;
    let (shape, quantisation) = quantisation(case, scale, zp)?;
    let tensor = found(q, AffineTensor::new(words(q, &shape, format)?, quantisation))?;
    for simd in checker.levels() {
        let values = tensor.dequantise(simd);
        compare_floats(checker, y, &format!("value ({simd})"), &values)?;
        compare_floats(checker, y_reference, &format!("reference value ({simd})"), &values)?;
    }
    Ok(())
}

fn dynamic(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let [x, scale, zp, y, of_reference @ ..] =
        case.named(["x", "scale", "zp", "y", "scale_reference", "zp_reference", "y_reference"])?;
    let values = floats(x)?;
    for simd in checker.levels() {
        for (rule, [scale, zp, y]) in [
            (DynamicQuantise::OnnxRuntime, [scale, zp, y]),
            (DynamicQuantise::ReferenceEvaluator, of_reference),
        ] {
            let tensor = dynamic_quantize_linear(simd, rule, &values, &[values.len()]);
            let tensor = found(x, tensor)?;
            compare_floats(checker, scale, "scale", tensor.quantisation().scales())?;
            compare_integers(checker, zp, "zero point", tensor.quantisation().zero_points())?;
            let words = tensor.into_words().data().to_i32();
            compare_integers(checker, y, &format!("word ({simd})"), &words)?;
        }
    }
    Ok(())
}
