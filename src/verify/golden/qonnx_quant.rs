//! Checks qonnx_quant.csv: IntQuant, BipolarQuant, FloatQuant and MultiThreshold of QONNX.

use super::affine::{
    compare_floats, compare_integers, compare_numbers, float, floats, found, integers,
};
use super::{BlockFile, Case, Checker, GoldenError, Report};
use hwmodel::SimdLevel;
use hwmodel::affine::qonnx::{
    FloatQuant, IntQuant, MultiThreshold, QonnxRounding, QonnxScales, bipolar_quant,
};
use hwmodel::affine::{AffineError, Granularity};
use hwmodel::cast::toward_zero;
use std::path::Path;

/// Recomputes every value of a file in the layout of qonnx_quant.csv with [`hwmodel::affine::qonnx`]: values of IntQuant at
/// every SIMD level of this CPU, its integers in float32 and with real numbers, and the words that an executor keeps.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_qonnx_quant(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?, &SimdLevel::available())
}

pub(super) fn check(file: &BlockFile, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), levels);
    for case in file.cases()? {
        checker.case();
        match case.text("op")? {
            "IntQuant" => int_quant(&case, &mut checker)?,
            "BipolarQuant" => bipolar(&case, &mut checker)?,
            "FloatQuant" => float_quant(&case, &mut checker)?,
            "MultiThreshold" => multi_threshold(&case, &mut checker)?,
            other => return Err(case.line.error(format!("unknown operator `{other}`"))),
        }
    }
    checker.finish(file, &[])
}

/// The rounding mode of a case.
pub(super) fn rounding(case: &Case<'_>) -> Result<QonnxRounding, GoldenError> {
    case.text("mode")?.parse().map_err(|error: String| case.line.error(error))
}

/// `key=0` or `key=1`.
pub(super) fn flag(case: &Case<'_>, key: &str) -> Result<bool, GoldenError> {
    match case.value::<u8>(key)? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(case.line.error(format!("`{key}` is {other}, not 0 or 1"))),
    }
}

fn int_quant(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let [scale, x, q, q_exact, y] = case.named(["scale", "x", "q", "q_exact", "y"])?;
    let bits: u32 = case.value("bits")?;
    let (signed, narrow) = (flag(case, "signed")?, flag(case, "narrow")?);
    let quant = found(&case.line, IntQuant::new(bits, signed, narrow, rounding(case)?))?;
    let zero_point: f32 = case.value("zp")?;
    let channels: usize = case.value("channels")?;
    let (values, scales) = (floats(x)?, floats(scale)?);
    if channels == 0 || scales.len() != channels || !values.len().is_multiple_of(channels) {
        return Err(x.error("the values do not fill the channels"));
    }
    let shape = [channels, values.len() / channels];
    let zero_points = vec![zero_point; channels];
    let scales = QonnxScales::new(Granularity::Axis { axis: 0 }, scales, zero_points);
    let scales = found(scale, scales)?;
    let each = |integer: &dyn Fn(f32, f32) -> f64| -> Vec<f64> {
        let scale = |index: usize| scales.scales()[index / shape[1]];
        values.iter().enumerate().map(|(index, &x)| integer(x, scale(index))).collect()
    };
    let float32 = each(&|x, scale| quant.integer(x, scale, zero_point).into());
    compare_numbers(checker, q, "integer", &float32)?;
    let real = each(&|x, scale| quant.exact_integer(x, scale, zero_point) as f64);
    compare_numbers(checker, q_exact, "integer of real numbers", &real)?;
    for simd in checker.levels() {
        let result = found(x, quant.values(simd, &values, &shape, &scales))?;
        compare_floats(checker, y, &format!("value ({simd})"), &result)?;
        // From 24 bits on float32 may move an integer out of its word, and a fraction is not a word.
        if bits > 23 || zero_point.fract() != 0.0 {
            continue;
        }
        let words = match quant.words(simd, &values, &shape, &scales) {
            // The operator also takes a zero point that is not one of its integers.
            Err(AffineError::ZeroPoint { .. }) => continue,
            words => found(x, words)?.into_words().data().to_i32(),
        };
        let words: Vec<f64> = words.into_iter().map(f64::from).collect();
        compare_numbers(checker, q, &format!("word ({simd})"), &words)?;
    }
    Ok(())
}

fn bipolar(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let [scale, x, q, y] = case.named(["scale", "x", "q", "y"])?;
    let (scale, x) = (float(scale)?, floats(x)?);
    let signs: Vec<i32> = x.iter().map(|&x| toward_zero(bipolar_quant(x, 1.0).into())).collect();
    compare_integers(checker, q, "sign", &signs)?;
    let values: Vec<f32> = x.iter().map(|&x| bipolar_quant(x, scale)).collect();
    compare_floats(checker, y, "value", &values)
}

fn float_quant(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let [scale, max_val, x, y] = case.named(["scale", "max_val", "x", "y"])?;
    let has_inf = flag(case, "has_inf")?;
    let saturation = flag(case, "saturation")?;
    // Without saturation and infinity the result is NaN, whatever this says.
    flag(case, "has_nan")?;
    let quant = FloatQuant {
        exponent_bits: case.value("exponent")?,
        mantissa_bits: case.value("mantissa")?,
        bias: case.value("bias")?,
        max_val: float(max_val)?,
        has_inf,
        saturation,
        rounding: rounding(case)?,
    };
    let quant = found(&case.line, quant.checked())?;
    let scale = float(scale)?;
    let values: Vec<f32> = floats(x)?.into_iter().map(|x| quant.value(x, scale)).collect();
    compare_floats(checker, y, "value", &values)
}

fn multi_threshold(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let [t, x, y] = case.named(["t", "x", "y"])?;
    let (channels, steps): (usize, usize) = (case.value("channels")?, case.value("thresholds")?);
    let shared = flag(case, "shared")?;
    let rows = if shared { 1 } else { channels };
    let (thresholds, x) = (integers(t)?, integers(x)?);
    if rows.checked_mul(steps) != Some(thresholds.len()) {
        return Err(t.error(format!("{} thresholds, expected {rows} × {steps}", thresholds.len())));
    }
    let inner = x.len().checked_div(channels).unwrap_or(0);
    let (scale, bias): (f32, f32) = (case.value("out_scale")?, case.value("out_bias")?);
    let activation = found(t, MultiThreshold::new(thresholds.clone(), rows, scale, bias))?;
    let numbers: Vec<f64> =
        found(t, activation.values(&x, channels, inner))?.into_iter().map(f64::from).collect();
    compare_numbers(checker, y, "value of an integer", &numbers)?;
    let as_floats = |all: &[i32]| all.iter().map(|&all| all as f32).collect::<Vec<_>>();
    let activation = MultiThreshold::new(as_floats(&thresholds), rows, scale, bias);
    let values = found(t, found(t, activation)?.values(&as_floats(&x), channels, inner))?;
    let numbers: Vec<f64> = values.into_iter().map(f64::from).collect();
    compare_numbers(checker, y, "value", &numbers)
}
