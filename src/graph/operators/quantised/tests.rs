use crate::graph::testing::Case;
use crate::graph::{Scale, Scaled, Value};
use crate::onnx::model::ElementType;

const QONNX: &str = "qonnx.custom_op.general";
const MICROSOFT: &str = "com.microsoft";

fn scaled(case: &Case) -> Scaled {
    match &case.run().expect("the case is valid")[0] {
        Value::Scaled(value) => value.clone(),
        other => panic!("{other:?} is not quantised"),
    }
}

fn quant(x: &[f64], scale: f64, zero: f64, bits: f64) -> Case {
    let case = Case::new("Quant").domain(QONNX, 1);
    case.reals(&[x.len()], x).reals(&[], &[scale]).reals(&[], &[zero]).reals(&[], &[bits])
}

#[test]
fn quant_rounds_in_every_mode() {
    let x = [-2.5, -1.5, -0.4, 0.5, 1.5, 2.6];
    let rounded = |mode: &str| {
        scaled(&quant(&x, 1.0, 0.0, 4.0).text("rounding_mode", mode)).integers.to_vec()
    };
    assert_eq!(rounded("ROUND"), [-2, -2, 0, 0, 2, 3]);
    assert_eq!(rounded("half_even"), [-2, -2, 0, 0, 2, 3]);
    assert_eq!(rounded("CEIL"), [-2, -1, 0, 1, 2, 3]);
    assert_eq!(rounded("FLOOR"), [-3, -2, -1, 0, 1, 2]);
    assert_eq!(rounded("UP"), [-3, -2, -1, 1, 2, 3]);
    assert_eq!(rounded("DOWN"), [-2, -1, 0, 0, 1, 2]);
    assert_eq!(rounded("HALF_UP"), [-3, -2, 0, 1, 2, 3]);
    assert_eq!(rounded("HALF_DOWN"), [-2, -1, 0, 0, 1, 3]);
    let wrong = quant(&x, 1.0, 0.0, 4.0).text("rounding_mode", "NEAREST").run();
    assert!(wrong.unwrap_err().to_string().contains("HALF_EVEN"));
}

#[test]
fn quant_clips_to_its_bits() {
    let ends = |case: Case| {
        let found = scaled(&case);
        (found.integers.to_vec(), found.range)
    };
    let x = [-100.0, 100.0];
    // Of constants the range is their own.
    assert_eq!(ends(quant(&x, 0.5, 0.0, 4.0)), (vec![-8, 7], (-8, 7)));
    assert_eq!(ends(quant(&x, 0.5, 0.0, 4.0).int("narrow", 1)).0, [-7, 7]);
    let unsigned = quant(&x, 0.5, 0.0, 4.0).int("signed", 0);
    assert_eq!(ends(unsigned).0, [0, 15]);
    let unsigned = quant(&x, 0.5, 0.0, 4.0).int("signed", 0).int("narrow", 1);
    assert_eq!(ends(unsigned).0, [0, 14]);
    assert_eq!(ends(quant(&[-0.1, 0.0], 0.5, 0.0, 1.0)).0, [-1, 1], "1 bit is a sign");
    let late = quant(&[0.0], 0.5, 0.0, 4.0).run_late().unwrap();
    assert!(matches!(&late[0], Value::Scaled(value) if value.range == (-8, 7)));
    let shifted = scaled(&quant(&[1.0], 0.5, 3.0, 8.0));
    assert_eq!((shifted.integers[0], shifted.wide()), (5, vec![1.0]));
}

#[test]
fn quant_has_scales_of_channels_and_widths_of_its_own() {
    let x = [1.0, 2.0, 3.0, 4.0];
    let case = |scales: &[f64], shape: &[usize]| {
        Case::new("IntQuant")
            .domain("onnx.brevitas", 1)
            .reals(&[2, 2], &x)
            .reals(shape, scales)
            .reals(&[1], &[0.0])
            .reals(&[2, 1], &[8.0, 3.0])
    };
    let found = scaled(&case(&[1.0, 0.5], &[2, 1]));
    assert_eq!((found.scale.axis, found.integers.to_vec()), (Some(0), vec![1, 2, 3, 3]));
    // Scales along both axes: a real result.
    let both = case(&[1.0, 0.5, 0.25, 2.0], &[2, 2]);
    assert!(matches!(&both.run().unwrap()[0], Value::Real(_)));
    assert_eq!(both.numbers(), [1.0, 2.0, 0.75, 4.0]);
    assert!(case(&[1.0; 3], &[3, 1]).run().is_err());
    let bad = |scale: f64, bits: f64| quant(&[1.0], scale, 0.0, bits).run().unwrap_err();
    assert!(bad(f64::INFINITY, 8.0).to_string().contains("finite"));
    assert!(bad(0.0, 8.0).to_string().contains("above 0"));
    assert!(bad(1.0, 0.5).to_string().contains("0.5 bits"));
    assert!(bad(1.0, 64.0).to_string().contains("64 bits"));
    // A zero point with a fraction: a real result.
    assert_eq!(quant(&[1.0], 0.5, 0.25, 8.0).numbers(), [0.875]);
}

#[test]
fn bipolar_quant_counts_zero_as_positive() {
    let case = Case::new("BipolarQuant").domain("finn.custom_op.general", 1);
    let case = case.reals(&[3], &[-0.5, -0.0, 2.0]).reals(&[], &[0.25]);
    assert_eq!(
        (scaled(&case).integers.to_vec(), case.numbers()),
        (vec![-1, 1, 1], vec![-0.25, 0.25, 0.25])
    );
}

#[test]
fn trunc_divides_by_a_power_of_two() {
    let x = [0.25 * 37.0, -0.25 * 37.0];
    let case = |version: i64| {
        let case = Case::new("Trunc").domain(QONNX, version).reals(&[2], &x);
        case.reals(&[], &[0.25]).reals(&[], &[0.0]).reals(&[], &[8.0])
    };
    let first = case(1).reals(&[], &[4.0]);
    assert_eq!(
        (scaled(&first).integers.to_vec(), first.numbers()),
        (vec![2, -3], vec![0.5, -0.75])
    );
    let second = case(2).reals(&[], &[4.0]).reals(&[], &[2.0]);
    assert_eq!(
        (scaled(&second).integers.to_vec(), second.numbers()),
        (vec![1, -2], vec![4.0, -8.0])
    );
}

#[test]
fn thresholds_become_integers_of_a_scale() {
    let case = |scale: f32, bias: f32| {
        Case::new("MultiThreshold")
            .domain("finn.custom_op.general", 1)
            .float("out_scale", scale)
            .float("out_bias", bias)
            .reals(&[1, 2, 2], &[0.0, 1.0, 2.0, 3.0])
            .reals(&[2, 2], &[1.0, 2.0, 2.0, 2.5])
    };
    let signs = scaled(&case(2.0, -1.0));
    assert_eq!((signs.integers.to_vec(), signs.range), (vec![-1, 1, 1, 3], (-1, 3)));
    let halves = scaled(&case(0.25, 0.125));
    assert_eq!((halves.integers.to_vec(), halves.scale.scales[0]), (vec![1, 3, 3, 5], 0.125));
    assert_eq!(case(0.3, 0.1).numbers()[0], f64::from(0.1f32));
    let last = case(1.0, 0.0).text("data_layout", "NHWC");
    assert_eq!(last.numbers(), [0.0, 0.0, 2.0, 2.0]);
}

#[test]
fn float_quant_rounds_to_small_floats() {
    let case = Case::new("FloatQuant").domain("onnx.brevitas", 1).reals(&[2], &[1.0625, 1000.0]);
    let case = [1.0, 4.0, 3.0, 7.0, 448.0].iter().fold(case, |case, &x| case.reals(&[], &[x]));
    assert_eq!(case.numbers(), [1.0, 448.0]);
}

#[test]
fn quantize_linear_rounds_before_it_adds_the_zero_point() {
    let x = [-1.25, -0.25, 0.25, 0.75, 1e9, -1e9];
    let case = Case::new("QuantizeLinear").reals(&[6], &x).reals(&[], &[0.5]);
    let case = case.integers(&[], ElementType::Int4, &[1]);
    assert_eq!(case.numbers(), [-1.0, 1.0, 1.0, 3.0, 7.0, -8.0]);
    let channels =
        Case::new("QuantizeLinear").int("axis", -1).reals(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    assert_eq!(channels.reals(&[2], &[1.0, 2.0]).numbers(), [1.0, 1.0, 3.0, 2.0]);
    let blocks =
        Case::new("QuantizeLinear").int("axis", 1).int("block_size", 2).int("output_dtype", 5);
    let blocks = blocks.reals(&[1, 3], &[2.0, 4.0, 4.0]).reals(&[1, 2], &[2.0, 0.5]);
    assert_eq!(blocks.numbers(), [1.0, 2.0, 8.0]);
    let infinite = Case::new("QuantizeLinear").reals(&[1], &[1.0]).reals(&[], &[f64::INFINITY]);
    assert!(infinite.run().unwrap_err().to_string().contains("finite"));
}

#[test]
fn quantised_tensors_are_requantised_from_their_integers() {
    let case = Case::new("QuantizeLinear")
        .scaled(&[1, 2], &[10, 11], (0, 255), Scale::per_tensor(0.25, 1))
        .reals(&[], &[0.5])
        .integers(&[], ElementType::UInt8, &[5]);
    assert_eq!(case.numbers(), [9.0, 10.0]);
    assert_eq!(case.narrow().numbers(), [9.0, 10.0]);
}

#[test]
fn dequantize_linear_keeps_integers() {
    let case = || Case::new("DequantizeLinear").integers(&[2], ElementType::Int8, &[-3, 4]);
    let found = scaled(&case().reals(&[], &[0.5]).integers(&[], ElementType::Int8, &[1]));
    assert_eq!((found.wide(), found.range), (vec![-2.0, 1.5], (-3, 4)));
    let late = case().reals(&[], &[0.5]).run_late().unwrap();
    assert!(matches!(&late[0], Value::Scaled(value) if value.range == (-128, 127)));
    let blocks = case().int("axis", 0).int("block_size", 1).reals(&[2], &[1.0, 2.0]);
    assert_eq!(blocks.numbers(), [-3.0, 8.0]);
    assert!(case().reals(&[3], &[1.0; 3]).int("axis", 0).run().is_err());
    assert!(case().reals(&[], &[-1.0]).run().is_err());
}

#[test]
fn dynamic_quantisation_takes_the_range_of_the_tensor() {
    let case = |x: &[f64]| Case::new("DynamicQuantizeLinear").outputs(3).reals(&[x.len()], x);
    let found = case(&[-1.0, 0.0, 1.55]).run().unwrap();
    assert_eq!(found[0].wide()[..], [0.0, 100.0, 255.0]);
    assert_eq!(found[1].wide()[0], f64::from(2.55f32 / 255.0));
    assert_eq!(found[2].wide()[..], [100.0]);
    assert_eq!(case(&[0.0]).run().unwrap()[1].wide()[..], [1.0]);
    assert!(case(&[f64::NAN]).run().is_err());
}

/// Tensor, scale and zero point of 8 unsigned bits.
fn bytes(case: Case, shape: &[usize], values: &[i64], scale: f64, zero: i64) -> Case {
    let case = case.integers(shape, ElementType::UInt8, values).reals(&[], &[scale]);
    case.integers(&[], ElementType::UInt8, &[zero])
}

#[test]
fn operators_between_quantisers() {
    let conv = bytes(Case::new("QLinearConv").ints("pads", &[1, 0]), &[1, 1, 2], &[5, 9], 0.5, 4);
    let conv = conv
        .integers(&[2, 1, 2], ElementType::Int8, &[1, 2, -1, 3])
        .reals(&[2], &[1.0, 2.0])
        .integers(&[2], ElementType::Int8, &[0, 0])
        .reals(&[], &[0.5])
        .integers(&[], ElementType::UInt8, &[10])
        .integers(&[2], ElementType::Int32, &[1, -1]);
    // Sums 0·1 + 1·2 + 1, 1·1 + 5·2 + 1, and 1·3 - 1, -1·1 + 5·3 - 1, times 1 and 2.
    assert_eq!(conv.numbers(), [13.0, 22.0, 14.0, 36.0]);
    let pool = Case::new("QLinearGlobalAveragePool").domain(MICROSOFT, 1).int("channels_last", 1);
    let pool = bytes(pool, &[1, 2, 1, 2], &[1, 10, 4, 20], 1.0, 0).reals(&[], &[0.5]);
    assert_eq!(pool.integers(&[], ElementType::UInt8, &[0]).numbers(), [5.0, 30.0]);
    let gemm = Case::new("QGemm").domain(MICROSOFT, 1).int("transB", 1).float("alpha", 2.0);
    let gemm = bytes(gemm, &[1, 2], &[3, 4], 0.5, 2)
        .integers(&[1, 2], ElementType::Int8, &[3, -1])
        .reals(&[], &[1.0])
        .integers(&[], ElementType::Int8, &[0]);
    assert_eq!(gemm.numbers(), [1.0], "without an output scale it is a float");
}

#[test]
fn channels_behind_the_spatial_axes() {
    let case = Case::new("Conv").domain("qonnx.custom_op.channels_last", 1);
    // [1, 2, 2] and weights [o, k, c].
    let case = case
        .reals(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0])
        .reals(&[1, 2, 2], &[1.0, 10.0, 100.0, 1000.0]);
    let found = case.run().unwrap();
    assert_eq!((found[0].shape(), &found[0].wide()[..]), (&[1, 1, 1][..], &[4321.0][..]));
    let pool = Case::new("MaxPool").domain("qonnx.custom_op.channels_last", 1);
    let pool = pool.ints("kernel_shape", &[2]).reals(&[1, 2, 2], &[1.0, 4.0, 3.0, 2.0]);
    assert_eq!(pool.numbers(), [3.0, 4.0]);
}
