//! The MAC array: sums, events and non-zero MACs, addition by addition.

use crate::inputs::Inputs;
use crate::levels;
use hwmodel::array::{Convolution2d, MacArray, Product};
use hwmodel::number::accumulator::{AccumulatorEvents, BiasOrder};
use hwmodel::{Accumulator, FixedTensor, Format, SimdLevel};
use proptest::prelude::*;
use std::num::NonZeroUsize;

/// A product by the definition.
pub(crate) struct Expected {
    pub(crate) sums: Vec<i128>,
    events: AccumulatorEvents,
    nonzero: u64,
    fl: i32,
}

/// The accumulators' setting, the fractional length of the products, and a bias of each column that they begin with, with its
/// fractional length.
pub(crate) struct Circuit<'a> {
    pub(crate) accumulator: Accumulator,
    pub(crate) fl: i32,
    pub(crate) bias: Option<(&'a [i32], i32)>,
}

/// Σ_k left[m][k]·right[k][n] with k ascending.
pub(crate) fn product(
    (m, k, n): (usize, usize, usize),
    circuit: &Circuit<'_>,
    left: impl Fn(usize, usize) -> i32,
    right: impl Fn(usize, usize) -> i32,
) -> Expected {
    let Circuit { accumulator, fl, bias } = circuit;
    let mut expected = Expected {
        sums: Vec::with_capacity(m * n),
        events: AccumulatorEvents::default(),
        nonzero: 0,
        fl: accumulator.fl.unwrap_or(*fl),
    };
    for row in 0..m {
        for column in 0..n {
            let products: Vec<i128> = (0..k)
                .map(|term| i128::from(left(row, term)) * i128::from(right(term, column)))
                .collect();
            expected.nonzero += products.iter().filter(|&&product| product != 0).count() as u64;
            let start = bias.map(|(raw, fl)| (raw[column].into(), fl));
            let events = &mut expected.events;
            let sum = levels::accumulate(accumulator, *fl, &products, start, events);
            expected.sums.push(sum);
        }
    }
    expected
}

impl Expected {
    pub(crate) fn check(&self, product: &Product, what: &str) {
        let sums: Vec<i128> = (0..product.sums().len()).map(|i| product.sums().get(i)).collect();
        assert_eq!(sums, self.sums, "{what}");
        let report = product.report();
        assert_eq!(report.level_events, self.events, "events, {what}");
        assert_eq!(report.accumulator_events, self.events.total(), "events, {what}");
        assert_eq!(report.nonzero_macs, self.nonzero, "non-zero MACs, {what}");
        assert_eq!(product.fl(), self.fl, "{what}");
        let most = sums.iter().map(|sum| sum.unsigned_abs()).max().unwrap_or(0);
        assert!(most <= product.bound(), "bound, {what}");
    }
}

fn raws(inputs: &mut Inputs, wl: u32, length: usize) -> Vec<i32> {
    let sparse = inputs.between(0, 3);
    (0..length).map(|_| if inputs.between(0, 3) < sparse { 0 } else { inputs.raw(wl) }).collect()
}

fn tensor(inputs: &mut Inputs, shape: &[usize], wl: u32) -> FixedTensor {
    let raw = raws(inputs, wl, shape.iter().product());
    let fl = inputs.between(-64, 64);
    FixedTensor::from_raw(shape, Format::new(wl, fl).unwrap(), &raw).expect("in range")
}

/// A product A·B and the same as a linear layer, at every level; the number of MACs.
pub(crate) fn matrix_batch(seed: u64, (m, k, n): (usize, usize, usize)) -> u64 {
    let mut inputs = Inputs::new(seed);
    let [wl_a, wl_b] = [0; 2].map(|_| inputs.between(1, 32) as u32);
    let (a, b) = (tensor(&mut inputs, &[m, k], wl_a), tensor(&mut inputs, &[k, n], wl_b));
    let fl = a.format().fl() + b.format().fl();
    let accumulator = levels::accumulator(&mut inputs, wl_a + wl_b, fl);
    let (raw_a, raw_b) = (a.data().to_i32(), b.data().to_i32());
    let expect = |bias| {
        let circuit = Circuit { accumulator, fl, bias };
        product((m, k, n), &circuit, |i, j| raw_a[i * k + j], |i, j| raw_b[i * n + j])
    };
    let expected = expect(None);
    let bias_format = Format::new(16, (fl + inputs.between(-4, 4)).clamp(-64, 64)).unwrap();
    let raw_bias: Vec<i32> = (0..n).map(|_| inputs.raw(16) >> inputs.between(0, 15)).collect();
    let bias = FixedTensor::from_raw(&[n], bias_format, &raw_bias).expect("in range");
    let first = (accumulator.bias == BiasOrder::First && (fl - bias_format.fl()).abs() < 20)
        .then(|| expect(Some((&raw_bias, bias_format.fl()))));
    let transposed: Vec<i32> = (0..n)
        .flat_map(|column| (0..k).map(move |term| (term, column)))
        .map(|(term, column)| raw_b[term * n + column])
        .collect();
    let w = FixedTensor::from_raw(&[n, k], b.format(), &transposed).expect("in range");
    for simd in SimdLevel::testable() {
        let array = MacArray { simd, accumulator };
        let what = format!("{m}×{k}×{n}, {wl_a} and {wl_b} bits, {accumulator:?}, {simd}");
        expected.check(&array.matmul(&a, &b).expect("shapes fit"), &what);
        if let Some(first) = &first {
            first.check(&array.linear_biased(&a, &w, Some(&bias)).expect("shapes fit"), &what);
        }
        expected.check(&array.linear(&a, &w).expect("shapes fit"), &what);
    }
    if let Some(index) = (m * n > 0).then(|| inputs.size(0, m * n - 1)) {
        let array = MacArray { simd: SimdLevel::PORTABLE, accumulator };
        let tile = inputs.size(1, k + 2);
        let at = (index / n, index % n);
        tiles(&array, (&a, &b), (&raw_a, &raw_b), at, tile);
    }
    (m * k * n) as u64
}

/// One output at the end of each K-tile.
fn tiles(
    array: &MacArray,
    (a, b): (&FixedTensor, &FixedTensor),
    (raw_a, raw_b): (&[i32], &[i32]),
    (row, column): (usize, usize),
    tile: usize,
) {
    let ([_, k], [_, n]) = ([a.shape()[0], a.shape()[1]], [b.shape()[0], b.shape()[1]]);
    let tile = NonZeroUsize::new(tile).expect("at least 1");
    let states = array.tile_output(a, b, (row, column), tile).expect("there is such an output");
    assert_eq!(states.len(), k.div_ceil(tile.get()));
    let one_level = array.accumulator.is_one_level();
    let products: Vec<i128> = (0..k)
        .map(|term| i128::from(raw_a[row * k + term]) * i128::from(raw_b[term * n + column]))
        .collect();
    let mut all = 0;
    for (index, state) in states.iter().enumerate() {
        let terms = index * tile.get()..((index + 1) * tile.get()).min(k);
        assert_eq!(state.terms, terms.len());
        all += state.events;
        // In the middle of a product, other accumulators have open blocks and tiles.
        if one_level || terms.end == k {
            let mut events = AccumulatorEvents::default();
            let fl = a.format().fl() + b.format().fl();
            let products = &products[..terms.end];
            let sum = levels::accumulate(&array.accumulator, fl, products, None, &mut events);
            assert_eq!((state.sum, all), (sum, events.total()), "tile {index} of {tile}");
        }
    }
}

/// A convolution of any stride, padding, dilation and groups, at every level; the number of MACs.
pub(crate) fn convolution_batch(seed: u64) -> u64 {
    let mut inputs = Inputs::new(seed);
    let [wl_x, wl_w] = [0; 2].map(|_| inputs.between(1, 32) as u32);
    let [batch, h, w] = [inputs.size(1, 3), inputs.size(1, 9), inputs.size(1, 9)];
    let (channels, filters, groups) = (inputs.size(1, 5), inputs.size(1, 5), inputs.size(1, 3));
    let geometry = Convolution2d {
        kernel: [inputs.size(1, 4), inputs.size(1, 4)],
        stride: [inputs.size(1, 3), inputs.size(1, 3)],
        padding: [0; 2].map(|_| [inputs.size(0, 2), inputs.size(0, 2)]),
        dilation: [inputs.size(1, 3), inputs.size(1, 3)],
        groups,
    };
    let [kh, kw] = geometry.kernel;
    let x = tensor(&mut inputs, &[batch, h, w, channels * groups], wl_x);
    let weights = tensor(&mut inputs, &[filters * groups, kh, kw, channels], wl_w);
    let fl = x.format().fl() + weights.format().fl();
    let circuit =
        Circuit { accumulator: levels::accumulator(&mut inputs, wl_x + wl_w, fl), fl, bias: None };
    let accumulator = circuit.accumulator;
    let [[top, bottom], [left, right]] = geometry.padding;
    let (reach_h, reach_w) =
        (geometry.dilation[0] * (kh - 1) + 1, geometry.dilation[1] * (kw - 1) + 1);
    if reach_h > h + top + bottom || reach_w > w + left + right {
        let array = MacArray { simd: SimdLevel::best(), accumulator };
        assert!(array.convolve(&x, &weights, geometry).is_err());
        return 0;
    }
    let oh = (h + top + bottom - reach_h) / geometry.stride[0] + 1;
    let ow = (w + left + right - reach_w) / geometry.stride[1] + 1;
    let (raw_x, raw_w) = (x.data().to_i32(), weights.data().to_i32());
    let k = kh * kw * channels;
    let pixels = batch * oh * ow;
    let mut whole = Expected {
        sums: vec![0; pixels * filters * groups],
        events: AccumulatorEvents::default(),
        nonzero: 0,
        fl: accumulator.fl.unwrap_or(fl),
    };
    for group in 0..groups {
        let pixel_value = |pixel: usize, term: usize| {
            let (image, y, x) = (pixel / (oh * ow), pixel / ow % oh, pixel % ow);
            let (ky, kx, channel) = (term / (kw * channels), term / channels % kw, term % channels);
            let row = (y * geometry.stride[0] + ky * geometry.dilation[0]) as i64 - top as i64;
            let column = (x * geometry.stride[1] + kx * geometry.dilation[1]) as i64 - left as i64;
            if row < 0 || column < 0 || row >= h as i64 || column >= w as i64 {
                return 0;
            }
            let at = (image * h + row as usize) * w + column as usize;
            raw_x[at * channels * groups + group * channels + channel]
        };
        let weight = |term: usize, filter: usize| raw_w[(group * filters + filter) * k + term];
        let part = product((pixels, k, filters), &circuit, pixel_value, weight);
        for (i, sum) in part.sums.iter().enumerate() {
            whole.sums[i / filters * filters * groups + group * filters + i % filters] = *sum;
        }
        whole.events += part.events;
        whole.nonzero += part.nonzero;
    }
    for simd in SimdLevel::testable() {
        let array = MacArray { simd, accumulator };
        let product = array.convolve(&x, &weights, geometry).expect("shapes fit");
        let what = format!("{geometry:?}, {wl_x} and {wl_w} bits, {accumulator:?}, {simd}");
        whole.check(&product, &what);
    }
    (pixels * k * filters * groups) as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn products_equal_the_reference(seed: u64, m in 0usize..20, k in 0usize..70, n in 0usize..40) {
        matrix_batch(seed, (m, k, n));
    }

    #[test]
    fn convolutions_equal_the_reference(seed: u64) {
        convolution_batch(seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn threads_do_not_matter(seed: u64, threads in 1usize..6, k in 100usize..2100) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            matrix_batch(seed, (37, k, 19));
            convolution_batch(seed);
        });
    }
}
