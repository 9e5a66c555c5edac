//! Checks tflite_ops.csv: TFLite models of one operator, run by three kernel sets.

use super::layout::elements;
use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use hwmodel::affine::requantise::{Multiplier, Scales};
use hwmodel::affine::tflite::{
    Activation, AddMultipliers, BiasType, KernelSet, Layer, LayerOperator, Output, PoolPadding,
    add, average_pool, multiply, quantize,
};
use hwmodel::affine::{AffineTensor, Quantisation};
use hwmodel::{FixedTensor, Format, SimdLevel};
use std::path::Path;

/// Recomputes every operator of a file in the layout of tflite_ops.csv, at every SIMD level of this CPU.
///
/// Everything is [`hwmodel::affine::tflite`]'s: `acc` by [`Layer::sums`], `multiplier` and `shift` by [`Layer::multipliers`],
/// [`AddMultipliers`] or [`Multiplier::new`], and `y_ref`, `y_opt` and `y_xnn` by the operators with that [`KernelSet`].
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_tflite_ops(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?, &SimdLevel::available())
}

pub(super) fn check(file: &BlockFile, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), levels);
    let mut outputs = 0;
    for case in file.cases()? {
        checker.case();
        outputs += match case.text("op")? {
            "FC" | "CONV" | "DEPTHWISE" => check_layer(&mut checker, &case)?,
            "ADD" | "MUL" => check_pair(&mut checker, &case)?,
            "QUANTIZE" | "QUANTIZE16" => check_quantize(&mut checker, &case)?,
            "AVERAGE_POOL" => check_pool(&mut checker, &case)?,
            other => return Err(case.line.error(format!("unknown operator `{other}`"))),
        };
    }
    checker.announced(file, "n_outputs", outputs);
    checker.finish(file, &[])
}

/// Compares the results of the three kernel sets at every level; returns the number of results.
fn compare_sets<E: ToString>(
    checker: &mut Checker,
    case: &Case<'_>,
    lines: [&Line<'_>; 3],
    run: impl Fn(SimdLevel, KernelSet) -> Result<AffineTensor, E>,
) -> Result<u64, GoldenError> {
    let mut count = 0;
    for (line, kernels) in lines.into_iter().zip(KernelSet::ALL) {
        checker.row(line);
        for (index, simd) in checker.levels().into_iter().enumerate() {
            let found = run(simd, kernels).map_err(|error| case.line.error(error.to_string()))?;
            let found = found.words().data().to_i32();
            let expected: Vec<i32> = line.list(1, found.len(), "word")?;
            for (element, (&expected, &found)) in expected.iter().zip(&found).enumerate() {
                let what = format_args!("output {element} of {kernels} ({simd})");
                checker.equal(line, what, expected, found);
            }
            count += if index == 0 { found.len() as u64 } else { 0 };
        }
    }
    Ok(count)
}

/// Compares multipliers and shifts.
fn compare_multipliers(
    checker: &mut Checker,
    lines: [&Line<'_>; 2],
    found: &[Multiplier],
) -> Result<(), GoldenError> {
    let parts: [fn(&Multiplier) -> i32; 2] = [|m| m.multiplier(), |m| m.shift()];
    for (line, part) in lines.into_iter().zip(parts) {
        let expected: Vec<i32> = line.list(1, found.len(), "integer")?;
        for (index, (expected, found)) in expected.into_iter().zip(found).enumerate() {
            checker.equal(line, format_args!("{} {index}", line.tag()), expected, part(found));
        }
    }
    Ok(())
}

fn check_layer(checker: &mut Checker, case: &Case<'_>) -> Result<u64, GoldenError> {
    let [sx, zx, sw, sy, zy, x, w, b, acc, multiplier, shift, ref_, opt, xnn] = case.named([
        "sx",
        "zx",
        "sw",
        "sy",
        "zy",
        "x",
        "w",
        "b",
        "acc",
        "multiplier",
        "shift",
        "y_ref",
        "y_opt",
        "y_xnn",
    ])?;
    let size = |key| case.value::<usize>(key);
    let (rows, filters, channels) = (size("rows")?, size("O")?, size("C")?);
    let (kernel, image) = ([size("KH")?, size("KW")?], [size("H")?, size("W")?]);
    let valid = ([1, 1], [0, 0]);
    let (operator, inputs, weights, axis) = match case.text("op")? {
        "FC" => {
            let operator = LayerOperator::FullyConnected;
            (operator, vec![rows, channels], vec![filters, channels], 0)
        }
        op => {
            let (stride, padding) = valid;
            let inputs = vec![rows, image[0], image[1], channels];
            match op {
                "CONV" => {
                    let weights = vec![filters, kernel[0], kernel[1], channels];
                    (LayerOperator::Convolution { stride, padding }, inputs, weights, 0)
                }
                _ => {
                    let weights = vec![1, kernel[0], kernel[1], channels];
                    (LayerOperator::Depthwise { stride, padding }, inputs, weights, 3)
                }
            }
        }
    };
    let format = integer_type(case, "type")?;
    let x = tensor(x, &inputs, format, scale(sx)?, zero_point(zx)?)?;
    let scales = sw.rest(1, |line, index| line.float32(index, "scale"))?;
    let quantisation = match case.text("per_channel")? {
        "0" => Quantisation::new(hwmodel::affine::Granularity::Tensor, scales, Vec::new()),
        "1" => Quantisation::per_axis(axis, scales, Vec::new()),
        other => return Err(case.line.error(format!("per_channel={other} is neither 0 nor 1"))),
    };
    let quantisation = quantisation.map_err(|error| sw.error(error.to_string()))?;
    let weights = affine(w, &weights, integer(case, 8)?, quantisation)?;
    let layer = Layer {
        operator,
        weights: &weights,
        bias: &b.list::<i64>(1, filters, "bias")?,
        bias_type: match case.text("bias")? {
            "int32" => BiasType::Int32,
            "int64" => BiasType::Int64,
            other => return Err(case.line.error(format!("unknown type of a bias `{other}`"))),
        },
        output: Output {
            format,
            scale: scale(sy)?,
            zero_point: zero_point(zy)?,
            activation: case.value::<Activation>("activation")?,
        },
    };
    let wrong = |error: &dyn std::fmt::Display| case.line.error(error.to_string());
    checker.row(acc);
    for simd in checker.levels() {
        let sums = layer.sums(simd, &x).map_err(|error| wrong(&error))?;
        let expected: Vec<i64> = acc.list(1, sums.len(), "sum")?;
        for (index, (expected, found)) in expected.into_iter().zip(sums).enumerate() {
            checker.equal(acc, format_args!("sum {index} ({simd})"), expected, found);
        }
    }
    let multipliers = layer.multipliers(&x).map_err(|error| wrong(&error))?;
    compare_multipliers(checker, [multiplier, shift], &multipliers)?;
    compare_sets(checker, case, [ref_, opt, xnn], |simd, kernels| layer.run(simd, kernels, &x))
}

fn check_pair(checker: &mut Checker, case: &Case<'_>) -> Result<u64, GoldenError> {
    let [sa, za, sb, zb, sc, zc, a, b, multiplier, shift, ref_, opt, xnn] = case.named([
        "sa",
        "za",
        "sb",
        "zb",
        "sc",
        "zc",
        "a",
        "b",
        "multiplier",
        "shift",
        "y_ref",
        "y_opt",
        "y_xnn",
    ])?;
    let format = integer_type(case, "type")?;
    let (scale_a, scale_b) = (scale(sa)?, scale(sb)?);
    let elements = a.fields().len() - 1;
    let a = tensor(a, &[elements], format, scale_a, zero_point(za)?)?;
    let b = tensor(b, &[elements], format, scale_b, zero_point(zb)?)?;
    let activation = Activation::None;
    let output = Output { format, scale: scale(sc)?, zero_point: zero_point(zc)?, activation };
    let lines = [ref_, opt, xnn];
    if case.text("op")? == "ADD" {
        let multipliers = AddMultipliers::new(scale_a, scale_b, &output)
            .map_err(|error| case.line.error(error.to_string()))?;
        compare_multipliers(checker, [multiplier, shift], &multipliers.multipliers)?;
        return compare_sets(checker, case, lines, |simd, kernels| {
            add(simd, kernels, &a, &b, &output)
        });
    }
    let factor = Scales { input: scale_a, weight: scale_b, output: output.scale }.float32();
    let factor = factor.and_then(|factor| Multiplier::new(factor.into()));
    let factor = factor.map_err(|error| case.line.error(error.to_string()))?;
    compare_multipliers(checker, [multiplier, shift], &[factor])?;
    compare_sets(checker, case, lines, |simd, kernels| multiply(simd, kernels, &a, &b, &output))
}

fn check_quantize(checker: &mut Checker, case: &Case<'_>) -> Result<u64, GoldenError> {
    let [sx, zx, sy, zy, x, multiplier, shift, ref_, opt, xnn] = case.named([
        "sx",
        "zx",
        "sy",
        "zy",
        "x",
        "multiplier",
        "shift",
        "y_ref",
        "y_opt",
        "y_xnn",
    ])?;
    let (from, to) = (integer_type(case, "from")?, integer_type(case, "to")?);
    let input = scale(sx)?;
    let x = tensor(x, &[x.fields().len() - 1], from, input, zero_point(zx)?)?;
    let activation = Activation::None;
    let output = Output { format: to, scale: scale(sy)?, zero_point: zero_point(zy)?, activation };
    let factor = Multiplier::new(f64::from(input) / f64::from(output.scale))
        .map_err(|error| case.line.error(error.to_string()))?;
    compare_multipliers(checker, [multiplier, shift], &[factor])?;
    compare_sets(checker, case, [ref_, opt, xnn], |simd, kernels| {
        quantize(simd, kernels, &x, &output)
    })
}

/// The scale and zero point of input and result are the same, and not in the file.
fn check_pool(checker: &mut Checker, case: &Case<'_>) -> Result<u64, GoldenError> {
    let [x, ref_, opt, xnn] = case.named(["x", "y_ref", "y_opt", "y_xnn"])?;
    let size = |key| case.value::<usize>(key);
    let shape = [1, size("H")?, size("W")?, size("C")?];
    let kernel = [size("KH")?, size("KW")?];
    let x = tensor(x, &shape, integer_type(case, "type")?, 1.0, 0)?;
    compare_sets(checker, case, [ref_, opt, xnn], |_, _| {
        average_pool(&x, kernel, [1, 1], PoolPadding::Same, Activation::None)
    })
}

/// `int8` or `int16` after `key=`.
fn integer_type(case: &Case<'_>, key: &str) -> Result<Format, GoldenError> {
    match case.text(key)? {
        "int8" => integer(case, 8),
        "int16" => integer(case, 16),
        other => Err(case.line.error(format!("unknown type `{other}`: int8 or int16"))),
    }
}

fn integer(case: &Case<'_>, bits: u32) -> Result<Format, GoldenError> {
    Format::new(bits, 0).map_err(|error| case.line.error(error.to_string()))
}

/// The only float32 of a line.
fn scale(line: &Line<'_>) -> Result<f32, GoldenError> {
    line.expect_fields(2)?;
    line.float32(1, "scale")
}

/// The only integer of a line.
fn zero_point(line: &Line<'_>) -> Result<i32, GoldenError> {
    line.expect_fields(2)?;
    line.value(1, "zero point")
}

fn tensor(
    line: &Line<'_>,
    shape: &[usize],
    format: Format,
    scale: f32,
    zero_point: i32,
) -> Result<AffineTensor, GoldenError> {
    let quantisation = Quantisation::per_tensor(scale, zero_point);
    let quantisation = quantisation.map_err(|error| line.error(error.to_string()))?;
    affine(line, shape, format, quantisation)
}

fn affine(
    line: &Line<'_>,
    shape: &[usize],
    format: Format,
    quantisation: Quantisation,
) -> Result<AffineTensor, GoldenError> {
    let count = elements(shape).ok_or_else(|| line.error("the tensor is too large"))?;
    let raw: Vec<i32> = line.list(1, count, "word")?;
    let words = FixedTensor::from_raw(shape, format, &raw);
    let words = words.map_err(|error| line.error(error.to_string()))?;
    AffineTensor::new(words, quantisation).map_err(|error| line.error(error.to_string()))
}
