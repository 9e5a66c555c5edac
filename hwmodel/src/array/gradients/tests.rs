//! The backward products against their definition in i128, one addition at a time.

use super::super::tests::{any_accumulator, random_tensor};
use super::*;
use crate::kernels::SimdLevel;
use crate::number::accumulator::{Accumulator, AccumulatorWidth};
use crate::number::format::Format;
use crate::number::overflow::Overflow;
use proptest::prelude::*;

/// An accumulator of the definition.
#[derive(Clone, Copy, Default)]
struct Sum {
    value: i128,
    events: u64,
    nonzero: u64,
}

impl Sum {
    fn add(&mut self, a: i32, b: i32, accumulator: Accumulator) {
        self.value += i128::from(a) * i128::from(b);
        self.nonzero += u64::from(a != 0 && b != 0);
        if let AccumulatorWidth::Bits(bits) = accumulator.width {
            let (fitted, outside) = accumulator.overflow.apply(self.value, bits);
            self.value = fitted;
            self.events += u64::from(outside);
        }
    }
}

/// Input pixel that tap `tap` of output `index` reads along `axis`.
fn source(geometry: Convolution2d, axis: usize, index: usize, tap: usize) -> Option<usize> {
    let place = index * geometry.stride[axis] + tap * geometry.dilation[axis];
    place.checked_sub(geometry.padding[axis][0])
}

/// Shapes of a case.
#[derive(Debug, Clone, Copy)]
struct Case {
    input: [usize; 4],
    output: [usize; 4],
    channels: usize,
    filters: usize,
    geometry: Convolution2d,
}

/// dX by its definition: each input element sums over all taps and filters that read it.
fn grad_input(case: Case, dy: &[i32], w: &[i32], accumulator: Accumulator) -> Vec<Sum> {
    let Case { input: [n, h, width, c], output: [_, oh, ow, o], channels, filters, geometry } =
        case;
    let [kh, kw] = geometry.kernel;
    let mut sums = Vec::new();
    for (image, y, x, channel) in places([n, h, width, c]) {
        let (group, within) = (channel / channels, channel % channels);
        let mut sum = Sum::default();
        // Mirrored: the last tap first.
        for (ky, kx) in (0..kh).rev().flat_map(|ky| (0..kw).rev().map(move |kx| (ky, kx))) {
            let reads = |axis, out: usize, tap, at| source(geometry, axis, out, tap) == Some(at);
            let row = (0..oh).find(|&row| reads(0, row, ky, y));
            let column = (0..ow).find(|&column| reads(1, column, kx, x));
            for filter in group * filters..(group + 1) * filters {
                let gradient = match (row, column) {
                    (Some(row), Some(column)) => {
                        dy[((image * oh + row) * ow + column) * o + filter]
                    }
                    _ => 0,
                };
                let weight = w[((filter * kh + ky) * kw + kx) * channels + within];
                sum.add(gradient, weight, accumulator);
            }
        }
        sums.push(sum);
    }
    sums
}

/// dW by its definition: each weight sums over the output pixels.
fn grad_weight(case: Case, dy: &[i32], x: &[i32], accumulator: Accumulator) -> Vec<Sum> {
    let Case { input: [n, h, width, c], output: [_, oh, ow, o], channels, filters, geometry } =
        case;
    let mut sums = Vec::new();
    for (filter, ky, kx, channel) in places([o, geometry.kernel[0], geometry.kernel[1], channels]) {
        let mut sum = Sum::default();
        for (image, row, column, _) in places([n, oh, ow, 1]) {
            let y = source(geometry, 0, row, ky).filter(|&y| y < h);
            let column_of = source(geometry, 1, column, kx).filter(|&x| x < width);
            let value = match (y, column_of) {
                (Some(y), Some(at)) => {
                    x[((image * h + y) * width + at) * c + filter / filters * channels + channel]
                }
                _ => 0,
            };
            sum.add(dy[((image * oh + row) * ow + column) * o + filter], value, accumulator);
        }
        sums.push(sum);
    }
    sums
}

fn places([a, b, c, d]: [usize; 4]) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    (0..a * b * c * d).map(move |i| (i / (b * c * d), i / (c * d) % b, i / d % c, i % d))
}

fn check(product: &Product, expected: &[Sum], what: &str) {
    let sums: Vec<i128> = (0..product.sums.len()).map(|i| product.sums.get(i)).collect();
    assert_eq!(sums, expected.iter().map(|sum| sum.value).collect::<Vec<_>>(), "{what}");
    let events: u64 = expected.iter().map(|sum| sum.events).sum();
    assert_eq!(product.report.accumulator_events, events, "events, {what}");
    let nonzero: u64 = expected.iter().map(|sum| sum.nonzero).sum();
    assert_eq!(product.report.nonzero_macs, nonzero, "non-zero MACs, {what}");
    let largest = sums.iter().map(|sum| sum.unsigned_abs()).max().unwrap_or(0);
    assert!(largest <= product.bound, "bound, {what}");
}

proptest! {
    #[test]
    fn backward_products_equal_their_definition(
        n in 1usize..4, h in 1usize..8, width in 1usize..8, channels in 1usize..4, filters in 1usize..5,
        kernel in [1usize..5, 1usize..5], stride in [1usize..4, 1usize..4],
        padding in [[0usize..5, 0usize..5], [0usize..3, 0usize..3]], dilation in [1usize..3, 1usize..4],
        groups in 1usize..4, wl in [1u32..=32, 1u32..=32, 1u32..=32],
        seed: u64, accumulator in any_accumulator(),
    ) {
        let geometry = Convolution2d { kernel, stride, padding, dilation, groups };
        let Some([oh, ow]) = geometry.output_size([h, width]) else { return Ok(()) };
        let (c, o) = (channels * groups, filters * groups);
        let (input, output) = ([n, h, width, c], [n, oh, ow, o]);
        let case = Case { input, output, channels, filters, geometry };
        let x = random_tensor(&input, wl[0], seed, 1);
        let w = random_tensor(&[o, kernel[0], kernel[1], channels], wl[1], !seed, 1);
        let dy = random_tensor(&output, wl[2], seed ^ 3, 2);
        let [x_raw, w_raw, dy_raw] = [&x, &w, &dy].map(|tensor| tensor.data().to_i32());
        let dx = grad_input(case, &dy_raw, &w_raw, accumulator);
        let dw = grad_weight(case, &dy_raw, &x_raw, accumulator);
        for simd in SimdLevel::testable() {
            let array = MacArray { simd, accumulator };
            let product = array.convolve_grad_input(&dy, &w, input, geometry).unwrap();
            prop_assert_eq!((product.rows, product.columns), (n * h * width, c));
            prop_assert_eq!(product.terms, kernel[0] * kernel[1] * filters);
            check(&product, &dx, &format!("{simd} grad-input"));
            let product = array.convolve_grad_weight(&dy, &x, geometry).unwrap();
            prop_assert_eq!((product.rows, product.columns), (o, kernel[0] * kernel[1] * channels));
            prop_assert_eq!(product.terms, n * oh * ow);
            check(&product, &dw, &format!("{simd} grad-weight"));
        }
    }
}

#[test]
fn many_pixels_equal_their_definition() {
    let geometries = [
        (Convolution2d::square(3, 1, 1), [5, 30, 31, 4]),
        (Convolution2d { groups: 2, ..Convolution2d::square(2, 1, 0) }, [7, 27, 26, 4]),
        (Convolution2d { stride: [2, 1], ..Convolution2d::square(5, 1, 2) }, [6, 63, 23, 2]),
    ];
    // Words that fit bytes, mixed and 16-bit lanes, and the first that do not; an accumulator that
    // the bound proves safe, and one that it does not.
    for (wl, bits) in
        [([8, 8], 40), ([3, 7], 32), ([8, 9], 40), ([10, 9], 64), ([20, 8], 64), ([8, 8], 16)]
    {
        for (index, (geometry, input)) in geometries.into_iter().enumerate() {
            let [n, h, width, c] = input;
            let [oh, ow] = geometry.output_size([h, width]).unwrap();
            let (channels, filters) = (c / geometry.groups, 3);
            let output = [n, oh, ow, filters * geometry.groups];
            assert!(by_pixels::pays(n * oh * ow, filters, channels));
            let accumulator =
                Accumulator::new(AccumulatorWidth::bits(bits).unwrap(), Overflow::Saturate);
            let x = random_tensor(&input, wl[0], 5 + index as u64, 1);
            let dy = random_tensor(&output, wl[1], 9 + index as u64, 2);
            let case = Case { input, output, channels, filters, geometry };
            let expected = grad_weight(case, &dy.data().to_i32(), &x.data().to_i32(), accumulator);
            for simd in SimdLevel::testable() {
                let array = MacArray { simd, accumulator };
                let product = array.convolve_grad_weight(&dy, &x, geometry).unwrap();
                check(&product, &expected, &format!("{simd}, {wl:?}, {geometry:?}"));
                let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
                let again = pool.install(|| array.convolve_grad_weight(&dy, &x, geometry));
                assert_eq!(again.unwrap(), product);
            }
        }
    }
}

#[test]
fn sums_at_the_edge_of_32_bits_are_exact() {
    // 2^17 pixels of 127 · 128: nearly 2^31.
    let shape = [2, 256, 256, 1];
    let format = Format::new(8, 0).unwrap();
    let of =
        |value: i32| FixedTensor::from_raw(&shape, format, &vec![value; 2 * 256 * 256]).unwrap();
    for (x, dy) in [(127, -128), (-128, 127), (127, 127), (-127, -127)] {
        for simd in SimdLevel::testable() {
            let array = MacArray { simd, accumulator: Accumulator::default() };
            let geometry = Convolution2d::square(1, 1, 0);
            let product = array.convolve_grad_weight(&of(dy), &of(x), geometry).unwrap();
            let expected = i128::from(x * dy) * 131_072;
            assert_eq!(product.sums.get(0), expected, "{simd}");
            assert!(matches!(product.sums, Sums::I32(_)), "{simd}");
        }
    }
}

#[test]
fn nothing_to_sum_is_no_error() {
    let array = MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() };
    let geometry = Convolution2d::square(1, 1, 0);
    let x = random_tensor(&[1, 80, 80, 2], 8, 1, 0);
    let none = random_tensor(&[1, 80, 80, 0], 8, 1, 0);
    for (dy, x) in [(&none, &x), (&x, &none)] {
        let product = array.convolve_grad_weight(dy, x, geometry).unwrap();
        assert_eq!((product.sums.len(), product.report.macs), (0, 0));
    }
}

#[test]
fn threads_do_not_matter() {
    let width = AccumulatorWidth::bits(15).unwrap();
    let array = MacArray {
        simd: SimdLevel::best(),
        accumulator: Accumulator::new(width, Overflow::Saturate),
    };
    let geometry = Convolution2d { groups: 2, ..Convolution2d::square(3, 2, 1) };
    let x = random_tensor(&[9, 8, 8, 6], 8, 1, 1);
    let w = random_tensor(&[10, 3, 3, 3], 8, 2, 1);
    let dy = random_tensor(&[9, 4, 4, 10], 8, 3, 1);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let dx = array.convolve_grad_input(&dy, &w, [9, 8, 8, 6], geometry).unwrap();
            (dx, array.convolve_grad_weight(&dy, &x, geometry).unwrap())
        })
    };
    let one = run(1);
    assert!(one.0.report.accumulator_events > 0 && one.1.report.accumulator_events > 0);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
}

#[test]
fn gradients_of_another_shape_are_errors() {
    let array = MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() };
    let geometry = Convolution2d::square(3, 1, 1);
    let x = random_tensor(&[1, 4, 4, 3], 8, 1, 0);
    let w = random_tensor(&[2, 3, 3, 3], 8, 1, 0);
    let dy = random_tensor(&[1, 3, 4, 2], 8, 1, 0);
    let error = array.convolve_grad_input(&dy, &w, [1, 4, 4, 3], geometry).unwrap_err();
    assert!(error.to_string().contains("shape of the output"), "{error}");
    assert!(array.convolve_grad_weight(&dy, &x, geometry).is_err());
    assert!(array.convolve_grad_weight(&random_tensor(&[4], 8, 1, 0), &x, geometry).is_err());
    let ungrouped = Convolution2d { groups: 0, ..geometry };
    assert!(array.convolve_grad_weight(&dy, &x, ungrouped).is_err());
}
