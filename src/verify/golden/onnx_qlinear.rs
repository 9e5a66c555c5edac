//! Checks onnx_qlinear.csv: integer products and element-wise operators of ONNX and ONNX Runtime.

use super::affine::{
    compare_integers, float, floats, found, integer, integer_type, integers, tensor, words,
    words_by_channel,
};
use super::layout::elements;
use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use hwmodel::affine::onnx::{
    AddRule, MulRule, Output, QLinearConv, qlinear_add, qlinear_conv, qlinear_global_average_pool,
    qlinear_mat_mul, qlinear_mul,
};
use hwmodel::affine::product::{Adder, IntegerSums, Window, Words, convolve, matmul};
use hwmodel::affine::requantise::RequantiseRule;
use hwmodel::affine::{AffineError, AffineTensor};
use hwmodel::array::MacArray;
use hwmodel::{Accumulator, FixedTensor, SimdLevel};
use std::path::Path;

/// Recomputes every value of a file in the layout of onnx_qlinear.csv on [`MacArray`] at every SIMD level of this CPU: sums, also
/// those of an x86 without VNNI, and words by the rules of ONNX Runtime, of real numbers and of the reference evaluator.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_onnx_qlinear(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?, &SimdLevel::available())
}

pub(super) fn check(file: &BlockFile, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), levels);
    for case in file.cases()? {
        checker.case();
        match case.text("op")? {
            "MatMulInteger" => mat_mul_integer(&case, &mut checker)?,
            "QLinearMatMul" => mat_mul(&case, &mut checker)?,
            "ConvInteger" => conv_integer(&case, &mut checker)?,
            "QLinearConv" => conv(&case, &mut checker)?,
            "QLinearAdd" => add(&case, &mut checker)?,
            "QLinearMul" => mul(&case, &mut checker)?,
            "QLinearGlobalAveragePool" => average_pool(&case, &mut checker)?,
            other => return Err(case.line.error(format!("unknown operator `{other}`"))),
        }
    }
    checker.finish(file, &[])
}

fn array(simd: SimdLevel) -> MacArray {
    MacArray { simd, accumulator: Accumulator::default() }
}

fn sums(
    line: &Line<'_>,
    result: Result<IntegerSums, AffineError>,
) -> Result<Vec<i32>, GoldenError> {
    Ok(found(line, result)?.sums().to_vec())
}

/// `[M, K]` and `[K, N]` words.
fn matrices(case: &Case<'_>, [a, b]: [&Line<'_>; 2]) -> Result<[FixedTensor; 2], GoldenError> {
    let [m, k, n] = [case.value("M")?, case.value("K")?, case.value("N")?];
    let formats = [integer_type(a, case.text("a")?)?, integer_type(b, case.text("b")?)?];
    Ok([words(a, &[m, k], formats[0])?, words(b, &[k, n], formats[1])?])
}

fn mat_mul_integer(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let [a, b, za, zb, y, y_reference, no_vnni] =
        case.named(["a", "b", "za", "zb", "y", "y_reference", "acc_no_vnni"])?;
    let [left, right] = matrices(case, [a, b])?;
    let (za, zb) = (integers(za)?, integers(zb)?);
    let (left, right) = (found(a, Words::new(&left, &za))?, found(b, Words::new(&right, &zb))?);
    let without = Adder::without_vnni(left.format(), right.format());
    for simd in checker.levels() {
        let exact = sums(a, matmul(&array(simd), Adder::Array, left, right))?;
        compare_integers(checker, y, &format!("sum ({simd})"), &exact)?;
        compare_integers(checker, y_reference, &format!("reference sum ({simd})"), &exact)?;
        let pairs = sums(a, matmul(&array(simd), without, left, right))?;
        compare_integers(checker, no_vnni, &format!("sum without VNNI ({simd})"), &pairs)?;
    }
    Ok(())
}

fn mat_mul(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let [a, b, za, zb, sa, sb, sy, zy, acc, y, y_exact, y_reference, y_no_vnni, acc_no_vnni] = case
        .named([
            "a",
            "b",
            "za",
            "zb",
            "sa",
            "sb",
            "sy",
            "zy",
            "acc",
            "y",
            "y_exact",
            "y_reference",
            "y_no_vnni",
            "acc_no_vnni",
        ])?;
    let [left, right] = matrices(case, [a, b])?;
    let format = left.format();
    let output = found(sy, Output::new(float(sy)?, integer(zy)?, format))?;
    let without = Adder::without_vnni(format, right.format());
    let left = tensor(a, left, 0, floats(sa)?, &integers(za)?)?;
    let right = tensor(b, right, 1, floats(sb)?, &integers(zb)?)?;
    let of = |tensor, axis| found(a, Words::of(tensor, axis));
    for simd in checker.levels() {
        for (adder, acc) in [(Adder::Array, acc), (without, acc_no_vnni)] {
            let found = sums(a, matmul(&array(simd), adder, of(&left, 0)?, of(&right, 1)?))?;
            compare_integers(checker, acc, &format!("sum ({simd})"), &found)?;
        }
        for (adder, rule, line) in results([y, y_exact, y_reference, y_no_vnni], without) {
            let result = qlinear_mat_mul(&array(simd), adder, rule, [&left, &right], &output);
            let words = found(&case.line, result)?.0.into_words().data().to_i32();
            compare_integers(checker, line, &format!("{rule} word ({simd})"), &words)?;
        }
    }
    Ok(())
}

/// The lines of results, with the adder and the rule that give them.
fn results<'a, 'b>(
    [y, y_exact, y_reference, y_no_vnni]: [&'a Line<'b>; 4],
    without_vnni: Adder,
) -> [(Adder, RequantiseRule, &'a Line<'b>); 4] {
    [
        (Adder::Array, RequantiseRule::Float32Factor, y),
        (Adder::Array, RequantiseRule::ExactFactor, y_exact),
        (Adder::Array, RequantiseRule::ReferenceEvaluator, y_reference),
        (without_vnni, RequantiseRule::Float32Factor, y_no_vnni),
    ]
}

/// A convolution of a case.
struct Layer {
    x: FixedTensor,
    w: FixedTensor,
    window: Window,
    depthwise: bool,
}

impl Layer {
    fn new(case: &Case<'_>, [x, w]: [&Line<'_>; 2]) -> Result<Self, GoldenError> {
        let size = |key: &str| case.value::<usize>(key);
        let [images, channels, filters] = [size("N")?, size("C")?, size("O")?];
        let groups = size("groups")?;
        let formats = [integer_type(x, case.text("x")?)?, integer_type(w, case.text("w")?)?];
        let of_group = channels.checked_div(groups).unwrap_or(0);
        let input = [images, size("H")?, size("W")?, channels];
        let weights = [filters, size("KH")?, size("KW")?, of_group];
        let window = Window {
            stride: [size("SH")?, size("SW")?],
            padding: [[size("PH")?; 2], [size("PW")?; 2]],
            dilation: [size("DH")?, size("DW")?],
            groups,
        };
        Ok(Self {
            x: words_by_channel(x, &input, formats[0])?,
            w: words_by_channel(w, &weights, formats[1])?,
            window,
            depthwise: window.is_depthwise(channels, filters),
        })
    }
}

/// `[n, pixels, channels]` as `[n, channels, pixels]`.
fn channels_first(values: &[i32], [images, channels]: [usize; 2]) -> Vec<i32> {
    let pixels = values.len().checked_div(images * channels).unwrap_or(0);
    let mut result = Vec::with_capacity(values.len());
    for image in values.chunks_exact((pixels * channels).max(1)) {
        for channel in 0..channels {
            result.extend(image.iter().skip(channel).step_by(channels));
        }
    }
    result
}

fn conv_integer(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let [x, w, zx, zw, y, y_reference] = case.named(["x", "w", "zx", "zw", "y", "y_reference"])?;
    let layer = Layer::new(case, [x, w])?;
    let (zx, zw) = (integers(zx)?, integers(zw)?);
    let input = found(x, Words::new(&layer.x, &zx))?;
    let weights = found(w, Words::new(&layer.w, &zw))?;
    let outer = [layer.x.shape()[0], layer.w.shape()[0]];
    for simd in checker.levels() {
        let result = convolve(&array(simd), Adder::Array, input, weights, layer.window);
        let sums = channels_first(&sums(&case.line, result)?, outer);
        compare_integers(checker, y, &format!("sum ({simd})"), &sums)?;
        compare_integers(checker, y_reference, &format!("reference sum ({simd})"), &sums)?;
    }
    Ok(())
}

fn conv(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let [x, w, zx, zw, bias, sx, sw, sy, zy, acc, y, y_exact, y_reference, y_no_vnni] = case
        .named([
            "x",
            "w",
            "zx",
            "zw",
            "bias",
            "sx",
            "sw",
            "sy",
            "zy",
            "acc",
            "y",
            "y_exact",
            "y_reference",
            "y_no_vnni",
        ])?;
    let Layer { x: input, w: weights, window, depthwise } = Layer::new(case, [x, w])?;
    let outer = [input.shape()[0], weights.shape()[0]];
    let without = match depthwise {
        true => Adder::Array,
        false => Adder::without_vnni(input.format(), weights.format()),
    };
    let output = found(sy, Output::new(float(sy)?, integer(zy)?, input.format()))?;
    let bias = integers(bias)?;
    let input = tensor(x, input, 3, floats(sx)?, &integers(zx)?)?;
    let weights = tensor(w, weights, 0, floats(sw)?, &integers(zw)?)?;
    let of = |tensor, axis| found(x, Words::of(tensor, axis));
    for simd in checker.levels() {
        let sums = convolve(&array(simd), Adder::Array, of(&input, 3)?, of(&weights, 0)?, window);
        let mut sums = found(&case.line, sums)?;
        if !bias.is_empty() {
            found(&case.line, sums.add_bias(&bias))?;
        }
        let sums = channels_first(sums.sums(), outer);
        compare_integers(checker, acc, &format!("sum ({simd})"), &sums)?;
        for (adder, rule, line) in results([y, y_exact, y_reference, y_no_vnni], without) {
            let layer = QLinearConv { weights: &weights, bias: &bias, window, adder, rule, output };
            let (result, _) = found(&case.line, qlinear_conv(&array(simd), &layer, &input))?;
            let words = channels_first(&result.into_words().data().to_i32(), outer);
            compare_integers(checker, line, &format!("{rule} word ({simd})"), &words)?;
        }
    }
    Ok(())
}

/// Both operands, the output, and the lines of both results of an element-wise operator.
type Pair<'a, 'b> = ([AffineTensor; 2], Output, [&'a Line<'b>; 2]);

fn pair<'a, 'b>(case: &'a Case<'b>) -> Result<Pair<'a, 'b>, GoldenError> {
    let [a, b, sa, za, sb, zb, sc, zc, y, y_exact] =
        case.named(["a", "b", "sa", "za", "sb", "zb", "sc", "zc", "y", "y_exact"])?;
    let format = integer_type(&case.line, case.text("type")?)?;
    let operand = |line: &Line<'_>, scale: &Line<'_>, zero_point: &Line<'_>| {
        let raw = integers(line)?;
        let words = words(line, &[raw.len()], format)?;
        tensor(line, words, 0, vec![float(scale)?], &[integer(zero_point)?])
    };
    let operands = [operand(a, sa, za)?, operand(b, sb, zb)?];
    let output = found(sc, Output::new(float(sc)?, integer(zc)?, format))?;
    Ok((operands, output, [y, y_exact]))
}

fn add(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let ([a, b], output, [y, y_exact]) = pair(case)?;
    for simd in checker.levels() {
        for (rule, line) in [(AddRule::OnnxRuntime, y), (AddRule::Exact, y_exact)] {
            let words = found(&case.line, qlinear_add(simd, rule, [&a, &b], &output))?;
            let words = words.into_words().data().to_i32();
            compare_integers(checker, line, &format!("{rule:?} word ({simd})"), &words)?;
        }
    }
    Ok(())
}

fn mul(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let ([a, b], output, [y, y_exact]) = pair(case)?;
    for simd in checker.levels() {
        for (rule, line) in [(MulRule::OnnxRuntime, y), (MulRule::Exact, y_exact)] {
            let words = found(&case.line, qlinear_mul(simd, rule, [&a, &b], &output))?;
            let words = words.into_words().data().to_i32();
            compare_integers(checker, line, &format!("{rule:?} word ({simd})"), &words)?;
        }
    }
    Ok(())
}

fn average_pool(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let [x, sx, zx, sy, zy, y, y_exact] =
        case.named(["x", "sx", "zx", "sy", "zy", "y", "y_exact"])?;
    let format = integer_type(&case.line, case.text("type")?)?;
    let shape = [1, case.value("H")?, case.value("W")?, case.value("C")?];
    if elements(&shape).is_none() {
        return Err(x.error("the tensor is too large"));
    }
    let output = found(sy, Output::new(float(sy)?, integer(zy)?, format))?;
    let x = tensor(x, words_by_channel(x, &shape, format)?, 3, vec![float(sx)?], &[integer(zx)?])?;
    for simd in checker.levels() {
        for (rule, line) in
            [(RequantiseRule::Float32Factor, y), (RequantiseRule::ExactFactor, y_exact)]
        {
            let words = qlinear_global_average_pool(simd, rule, &x, &output);
            let words = found(&case.line, words)?.into_words().data().to_i32();
            compare_integers(checker, line, &format!("{rule} word ({simd})"), &words)?;
        }
    }
    Ok(())
}
