use crate::graph::testing::Case;
use crate::graph::{Place, Scale, Value};
use crate::onnx::model::ElementType;

/// A convolution, with its definition.
struct Convolution<'a> {
    input: &'a [usize],
    filters: usize,
    kernel: &'a [usize],
    groups: usize,
    stride: usize,
    dilation: usize,
    /// Of every axis.
    before: usize,
    after: usize,
}

const CASES: &[Convolution<'static>] = &[
    Convolution {
        input: &[2, 4, 7],
        filters: 6,
        kernel: &[3],
        groups: 2,
        stride: 2,
        dilation: 1,
        before: 1,
        after: 0,
    },
    Convolution {
        input: &[1, 3, 9],
        filters: 3,
        kernel: &[2],
        groups: 3,
        stride: 1,
        dilation: 3,
        before: 0,
        after: 2,
    },
    Convolution {
        input: &[2, 3, 5, 6],
        filters: 2,
        kernel: &[3, 2],
        groups: 1,
        stride: 1,
        dilation: 1,
        before: 1,
        after: 1,
    },
    Convolution {
        input: &[1, 4, 6, 5],
        filters: 4,
        kernel: &[2, 3],
        groups: 4,
        stride: 2,
        dilation: 1,
        before: 0,
        after: 1,
    },
    Convolution {
        input: &[1, 2, 7, 7],
        filters: 4,
        kernel: &[3, 3],
        groups: 2,
        stride: 1,
        dilation: 2,
        before: 2,
        after: 1,
    },
    Convolution {
        input: &[1, 2, 4, 3, 5],
        filters: 2,
        kernel: &[2, 2, 2],
        groups: 1,
        stride: 2,
        dilation: 1,
        before: 1,
        after: 1,
    },
];

fn words(count: usize, step: i64, low: i64, high: i64) -> Vec<i64> {
    (0..count as i64).map(|i| low + (i * step + i * i).rem_euclid(high - low + 1)).collect()
}

/// The index of `place` in a tensor of `shape`; `None` outside.
fn index(place: &[i64], shape: &[usize]) -> Option<usize> {
    place.iter().zip(shape).try_fold(0, |index, (&at, &size)| {
        let at = usize::try_from(at).ok().filter(|&at| at < size)?;
        Some(index * size + at)
    })
}

/// Every index of `shape` in row-major order.
fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<i64>> + '_ {
    (0..shape.iter().product()).map(move |mut rest: usize| {
        let mut found = vec![0; shape.len()];
        for (at, &size) in found.iter_mut().zip(shape).rev() {
            *at = (rest % size) as i64;
            rest /= size;
        }
        found
    })
}

impl Convolution<'_> {
    fn weights(&self) -> Vec<usize> {
        [&[self.filters, self.input[1] / self.groups], self.kernel].concat()
    }

    fn output(&self) -> Vec<usize> {
        let axis = |(&size, &kernel): (&usize, &usize)| {
            let reach = self.dilation * (kernel - 1) + 1;
            (size + self.before + self.after - reach) / self.stride + 1
        };
        let sizes = self.input[2..].iter().zip(self.kernel).map(axis);
        [self.input[0], self.filters].into_iter().chain(sizes).collect()
    }

    /// The sum of every output by its definition.
    fn sums(&self, x: &[i64], w: &[i64]) -> Vec<f64> {
        let (channels, per_group) = (self.input[1] / self.groups, self.filters / self.groups);
        let (output, weights) = (self.output(), self.weights());
        let sum = |place: Vec<i64>| {
            let group = place[1] / per_group as i64;
            let terms = indices(&weights[1..]).map(|term| {
                let mut from = vec![place[0], group * channels as i64 + term[0]];
                from.extend(place[2..].iter().zip(&term[1..]).map(|(at, tap)| {
                    at * self.stride as i64 + tap * self.dilation as i64 - self.before as i64
                }));
                let weight = [&place[1..2], &term[..]].concat();
                let weight = w[index(&weight, &weights).expect("a weight")];
                index(&from, self.input).map_or(0, |from| x[from] * weight)
            });
            terms.sum::<i64>() as f64
        };
        indices(&output).map(sum).collect()
    }

    fn attributes(&self, case: Case) -> Case {
        let axes = self.kernel.len();
        let pads = [vec![self.before as i64; axes], vec![self.after as i64; axes]].concat();
        case.int("group", self.groups as i64)
            .ints("strides", &vec![self.stride as i64; axes])
            .ints("dilations", &vec![self.dilation as i64; axes])
            .ints("pads", &pads)
    }
}

#[test]
fn convolutions_are_their_definition_in_integers_and_in_floats() {
    for case in CASES {
        let (input, weights) = (case.input, case.weights());
        let x = words(input.iter().product(), 7, 0, 15);
        let w = words(weights.iter().product(), 5, -8, 7);
        let differences: Vec<i64> = x.iter().map(|x| x - 3).collect();
        let sums = case.sums(&differences, &w);
        // Padding is the real 0, hence the zero point.
        let quantised = case
            .attributes(Case::new("Conv"))
            .scaled(input, &x, (0, 15), Scale::per_tensor(0.5, 3))
            .scaled(&weights, &w, (-8, 7), Scale::per_tensor(0.25, 0));
        let output = &quantised.run().unwrap()[0];
        let Value::Scaled(output) = output else { panic!("{output:?} is not quantised") };
        let found: Vec<f64> = output.integers.iter().map(|&q| q as f64).collect();
        assert_eq!((&output.shape, &found), (&case.output(), &sums));
        assert!(output.integers.iter().all(|q| (output.range.0..=output.range.1).contains(q)));
        assert_eq!(output.scale, Scale::per_tensor(0.125, 0));
        assert_eq!(quantised.place().unwrap(), Place::Array);

        let real = |values: &[i64]| values.iter().map(|&x| x as f64).collect::<Vec<_>>();
        let floats = |new: Case| {
            let (x, w) = (real(&differences), real(&w));
            case.attributes(new).reals(input, &x).reals(&weights, &w).numbers()
        };
        assert_eq!(floats(Case::new("Conv")), sums, "float64");
        assert_eq!(floats(Case::new("Conv").narrow()), sums, "float32");
        let integers = case
            .attributes(Case::new("ConvInteger"))
            .integers(input, ElementType::UInt8, &x)
            .integers(&weights, ElementType::Int8, &w)
            .integers(&[], ElementType::UInt8, &[3]);
        assert_eq!(integers.numbers(), sums, "ConvInteger");
    }
}

#[test]
fn scales_of_channels_and_a_bias_on_the_grid_stay_integers() {
    let of_channels = Scale { axis: Some(0), scales: vec![0.5, 0.25], zero_points: vec![0, 0] };
    let case =
        || {
            Case::new("Conv")
                .scaled(&[1, 1, 2], &[3, 5], (0, 15), Scale::per_tensor(0.5, 1))
                .scaled(&[2, 1, 1], &[2, -3], (-8, 7), of_channels.clone())
        };
    let bias = Scale { axis: Some(0), scales: vec![0.25, 0.125], zero_points: vec![0, 0] };
    let output = case().scaled(&[2], &[10, 20], (0, 20), bias).run().unwrap();
    let Value::Scaled(output) = &output[0] else { panic!("quantised") };
    assert_eq!(output.integers.to_vec(), [14, 18, 14, 8]);
    assert_eq!((output.scale.axis, &output.scale.scales), (Some(1), &vec![0.25, 0.125]));
    // Floats on the grid are integers, too; others make the result real.
    let output = case().reals(&[2], &[2.5, 2.5]).run().unwrap();
    assert!(
        matches!(&output[0], Value::Scaled(output) if output.integers.to_vec() == [14, 18, 14, 8])
    );
    let output = case().reals(&[2], &[0.1, 0.0]).run().unwrap();
    assert!(matches!(&output[0], Value::Real(_)));
    assert_eq!(output[0].wide()[..], [1.1, 2.1, -0.75, -1.5]);
    assert!(case().reals(&[3], &[0.0; 3]).run().is_err());
}

#[test]
fn sums_of_long_words_are_exact() {
    let count = 40_000;
    let x = vec![32_767; count];
    let w = vec![-32_768; count];
    let scale = Scale::per_tensor(1.0, 0);
    let range = (-32_768, 32_767);
    let case = Case::new("MatMul").scaled(&[1, count], &x, range, scale.clone()).scaled(
        &[count, 1],
        &w,
        range,
        scale,
    );
    let Value::Scaled(output) = &case.run().unwrap()[0] else { panic!("quantised") };
    assert_eq!(output.integers[0], -32_767 * 32_768 * 40_000);
    // int32 wraps, as in ONNX.
    let bytes = vec![255; count];
    let case = Case::new("MatMulInteger")
        .integers(&[1, count], ElementType::UInt8, &bytes)
        .integers(&[count, 1], ElementType::UInt8, &bytes);
    assert_eq!(case.numbers(), [-1_693_967_296.0]);
}

#[test]
fn transposed_convolutions() {
    // 1-D, stride 2, kernel 3: every element adds its kernel.
    let case = |new: Case| new.ints("strides", &[2]).reals(&[1, 1, 2], &[1.0, 10.0]);
    let kernel = |case: Case| case.reals(&[1, 1, 3], &[1.0, 2.0, 3.0]);
    let new = || Case::new("ConvTranspose");
    assert_eq!(kernel(case(new())).numbers(), [1.0, 2.0, 13.0, 20.0, 30.0]);
    assert_eq!(kernel(case(new().narrow())).numbers(), [1.0, 2.0, 13.0, 20.0, 30.0]);
    let padded = new().ints("pads", &[1, 0]).ints("output_padding", &[1]);
    assert_eq!(kernel(case(padded)).numbers(), [2.0, 13.0, 20.0, 30.0, 0.0]);
    let shaped = new().ints("output_shape", &[4]).text("auto_pad", "SAME_UPPER");
    assert_eq!(kernel(case(shaped)).numbers(), [1.0, 2.0, 13.0, 20.0]);
    let lower = new().text("auto_pad", "SAME_LOWER");
    assert_eq!(kernel(case(lower)).numbers(), [2.0, 13.0, 20.0, 30.0]);
    let wide = new().ints("pads", &[3, 3]);
    assert!(kernel(case(wide)).run().is_err(), "nothing is left");
    let quantised = new()
        .ints("strides", &[2])
        .int("group", 2)
        .scaled(&[1, 2, 2], &[4, 5, 6, 7], (0, 7), Scale::per_tensor(0.5, 4))
        .scaled(&[2, 1, 2], &[1, 2, 3, -1], (-8, 7), Scale::per_tensor(2.0, 0));
    let Value::Scaled(output) = &quantised.run().unwrap()[0] else { panic!("quantised") };
    assert_eq!(output.integers.to_vec(), [0, 0, 1, 2, 6, -2, 9, -3]);
}

#[test]
fn gemm_and_fused_products() {
    let gemm = |case: Case| case.reals(&[2, 1], &[1.0, 2.0]).reals(&[2, 2], &[1.0, 3.0, 2.0, 4.0]);
    let new = || Case::new("Gemm").int("transA", 1).int("transB", 1);
    assert_eq!(gemm(new()).numbers(), [7.0, 10.0]);
    let scaled = gemm(new().float("alpha", 0.5).float("beta", 2.0)).reals(&[1], &[1.0]);
    assert_eq!(scaled.numbers(), [5.5, 7.0]);
    assert!(gemm(new()).reals(&[3], &[0.0; 3]).run().is_err());
    let fused = Case::new("FusedMatMul").domain("com.microsoft", 1).int("transB", 1);
    let fused = fused.float("alpha", 2.0).reals(&[1, 2], &[1.0, 2.0]);
    assert_eq!(fused.reals(&[1, 2], &[3.0, 4.0]).numbers(), [22.0]);
    let dynamic = Case::new("DynamicQuantizeMatMul").domain("com.microsoft", 1);
    let dynamic =
        dynamic.reals(&[1, 2], &[255.0, 10.0]).integers(&[2, 1], ElementType::Int8, &[2, -1]);
    assert_eq!(dynamic.reals(&[], &[0.5]).numbers(), [250.0]);
}

#[test]
fn impossible_attributes_are_found_when_the_operator_is_made() {
    let weights = |case: Case| case.reals(&[1, 1, 4], &[0.0; 4]).reals(&[1, 1, 2], &[0.0; 2]);
    let refused = |case: Case| weights(case).run().unwrap_err().to_string();
    assert!(refused(Case::new("Conv").ints("strides", &[0])).contains("at least 1"));
    assert!(refused(Case::new("Conv").text("auto_pad", "SAME")).contains("SAME_UPPER"));
    assert!(refused(Case::new("Conv").int("group", 0)).contains("at least 1"));
    assert!(refused(Case::new("Conv").ints("kernel_shape", &[3])).contains("kernel_shape"));
    assert!(refused(Case::new("Conv").ints("pads", &[1])).contains("2 numbers"));
    assert!(refused(Case::new("Conv").int("group", 3)).contains("groups"));
    assert!(refused(Case::new("Conv").ints("pads", &[-1, 0])).contains("pads"));
}
