//! The three products against the definition in float64 and another library.

use super::*;
use crate::FixedTensor;
use crate::number::format::Format;
use crate::random::{generator, uniform_f32};
use nalgebra::DMatrix;
use proptest::prelude::*;

fn random(length: usize, seed: u64) -> Vec<f32> {
    let mut generator = generator(seed, &[1]);
    (0..length).map(|_| uniform_f32(&mut generator) * 2.0 - 1.0).collect()
}

/// Every (input index, weight index, output index) of a convolution.
fn for_each_product(shapes: &Shapes, mut f: impl FnMut(usize, usize, usize)) {
    let [n, h, w, c] = shapes.input;
    let [o, kh, kw, size] = shapes.weights;
    let [oh, ow] = shapes.output;
    let Convolution2d { stride, padding: [[top, _], [left, _]], dilation, groups, .. } =
        shapes.geometry;
    for image in 0..n {
        for (y, x, out) in itertools(oh, ow, o) {
            for (ky, kx, channel) in itertools(kh, kw, size) {
                let (iy, ix) = (y * stride[0] + ky * dilation[0], x * stride[1] + kx * dilation[1]);
                if iy < top || ix < left {
                    continue;
                }
                let (iy, ix) = (iy - top, ix - left);
                if iy >= h || ix >= w {
                    continue;
                }
                let group = out / (o / groups);
                f(
                    ((image * h + iy) * w + ix) * c + group * size + channel,
                    ((out * kh + ky) * kw + kx) * size + channel,
                    ((image * oh + y) * ow + x) * o + out,
                );
            }
        }
    }
}

fn itertools(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a * b * c).map(move |i| (i / (b * c), i / c % b, i % c))
}

fn close(got: &[f32], expected: &[f64], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-3f64, |a, b| a.max(b.abs()));
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(*got) - expected).abs();
        assert!(error < 2e-6 * largest, "{what} {index}: {got} is not {expected}");
    }
}

proptest! {
    #[test]
    fn all_three_products_equal_the_definition(
        batch in 1usize..5, h in 1usize..10, w in 1usize..10, channels in 1usize..20,
        out in 1usize..40, kernel in [1usize..4, 1usize..4], stride in [1usize..4, 1usize..3],
        padding in [[0usize..3, 0usize..3], [0usize..3, 0usize..3]],
        dilation in [1usize..3, 1usize..4], groups in 1usize..3, seed: u64,
    ) {
        let geometry = Convolution2d { kernel, stride, padding, dilation, groups };
        prop_assume!(geometry.output_size([h, w]).is_some());
        let input = [batch, h, w, channels * groups];
        let weights = [out * groups, kernel[0], kernel[1], channels];
        let shapes = Shapes::new(&input, &weights, geometry).unwrap();
        let x = random(input.iter().product(), seed);
        let filters = random(weights.iter().product(), !seed);
        let dy = random(shapes.output().iter().product(), seed ^ 99);
        let (mut y64, mut dx64, mut dw64) =
            (vec![0f64; dy.len()], vec![0f64; x.len()], vec![0f64; filters.len()]);
        for_each_product(&shapes, |i, j, o| {
            y64[o] += f64::from(x[i]) * f64::from(filters[j]);
            dx64[i] += f64::from(dy[o]) * f64::from(filters[j]);
            dw64[j] += f64::from(dy[o]) * f64::from(x[i]);
        });
        let run = |simd| (
            forward(simd, &shapes, Values::Float(&x), Values::Float(&filters)).unwrap(),
            grad_input(simd, &shapes, Values::Float(&filters), &dy).unwrap(),
            grad_weight(simd, &shapes, Values::Float(&x), &dy).unwrap(),
        );
        let portable = run(SimdLevel::PORTABLE);
        close(&portable.0, &y64, "forward");
        close(&portable.1, &dx64, "grad input");
        close(&portable.2, &dw64, "grad weight");
        for simd in SimdLevel::testable() {
            prop_assert!(run(simd) == portable, "{} differs", simd);
        }
    }
}

/// `nalgebra` knows nothing of this code.
#[test]
fn another_library_agrees() {
    let (m, k, n) = (70, 700, 50);
    let (a, b) = (random(m * k, 1), random(n * k, 2));
    let shapes = Shapes::new(&[m, 1, 1, k], &[n, 1, 1, k], Convolution2d::square(1, 1, 0)).unwrap();
    let got = forward(SimdLevel::best(), &shapes, Values::Float(&a), Values::Float(&b)).unwrap();
    let product = DMatrix::from_row_slice(m, k, &a) * DMatrix::from_row_slice(n, k, &b).transpose();
    let expected: Vec<f64> = product.row_iter().flatten().map(|&x| f64::from(x)).collect();
    close(&got, &expected, "nalgebra");
}

#[test]
fn fixed_operands_are_their_values() {
    let format = Format::new(12, 5).unwrap();
    let raw: Vec<i32> = (0..2 * 5 * 5 * 3).map(|i| i * 13 % 2000 - 1000).collect();
    let x = FixedTensor::from_raw(&[2, 5, 5, 3], format, &raw).unwrap();
    let float = x.to_f32(SimdLevel::best());
    let w = random(4 * 9 * 3, 5);
    let shapes = Shapes::new(x.shape(), &[4, 3, 3, 3], Convolution2d::square(3, 1, 1)).unwrap();
    let simd = SimdLevel::best();
    assert_eq!(
        forward(simd, &shapes, Values::Fixed(&x), Values::Float(&w)),
        forward(simd, &shapes, Values::Float(&float), Values::Float(&w))
    );
    let dy = random(2 * 5 * 5 * 4, 6);
    assert_eq!(
        grad_weight(simd, &shapes, Values::Fixed(&x), &dy),
        grad_weight(simd, &shapes, Values::Float(&float), &dy)
    );
}

#[test]
fn operands_of_another_size_are_errors() {
    let shapes = Shapes::new(&[1, 1, 1, 3], &[2, 1, 1, 3], Convolution2d::square(1, 1, 0)).unwrap();
    let simd = SimdLevel::best();
    let error = |result: Result<Vec<f32>, ShapeError>| result.unwrap_err().to_string();
    let four = Values::Float(&[0.0; 4]);
    let three = Values::Float(&[0.0; 3]);
    let six = Values::Float(&[0.0; 6]);
    let expected = "the input of shape [1, 1, 1, 3] cannot have 4 elements";
    assert_eq!(error(forward(simd, &shapes, four, six)), expected);
    let expected = "the weights of shape [2, 1, 1, 3] cannot have 3 elements";
    assert_eq!(error(grad_input(simd, &shapes, three, &[0.0; 2])), expected);
    let expected = "the output gradient of shape [1, 1, 1, 2] cannot have 5 elements";
    assert_eq!(error(grad_weight(simd, &shapes, three, &[0.0; 5])), expected);
}
