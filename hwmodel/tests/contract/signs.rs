//! Products of signed, unsigned and narrow words of any widths.

use crate::inputs::Inputs;
use crate::reference;
use hwmodel::array::{Convolution2d, MacArray, Product, width};
use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Format, Overflow, SimdLevel};
use proptest::prelude::*;

/// A tensor of `format`, of which a part is zeros; `any` are all others, or the ends of the range.
fn tensor(inputs: &mut Inputs, shape: &[usize], format: Format) -> FixedTensor {
    let (sparse, ends) = (inputs.between(0, 3), inputs.flag());
    let mut word = || match inputs.between(0, 3) {
        kind if kind < sparse => 0,
        _ if ends => {
            if inputs.flag() {
                format.max_raw()
            } else {
                format.min_raw()
            }
        }
        _ => inputs.word(format),
    };
    let raw: Vec<i64> = (0..shape.iter().product()).map(|_| word()).collect();
    FixedTensor::from_raw(shape, format, &raw).expect("in range")
}

/// Exact, or about as wide as the sums.
fn accumulator(inputs: &mut Inputs, [a, b]: [Format; 2], terms: usize) -> Accumulator {
    let enough = width::any_words(a, b, None, terms as u64) as i32;
    let width = match inputs.between(0, 2) {
        0 => AccumulatorWidth::Exact,
        _ => AccumulatorWidth::bits((enough + inputs.between(-4, 1)).clamp(1, 64) as u32).unwrap(),
    };
    let overflow = if inputs.flag() { Overflow::Wrap } else { Overflow::Saturate };
    Accumulator { width, overflow, ..Accumulator::default() }
}

/// Sums and events of outputs whose factors are given, k ascending.
fn check(
    found: &Product,
    accumulator: Accumulator,
    outputs: usize,
    factors: impl Fn(usize) -> Vec<(i64, i64)>,
    what: &str,
) {
    let bits = match accumulator.width {
        AccumulatorWidth::Exact => None,
        AccumulatorWidth::Bits(bits) => Some(bits.get()),
    };
    let (mut events, mut nonzero) = (0, 0);
    for output in 0..outputs {
        let mut sum = 0;
        for (a, b) in factors(output) {
            let product = i128::from(a) * i128::from(b);
            nonzero += u64::from(product != 0);
            reference::add(&mut sum, product, (bits, accumulator.overflow), &mut events);
        }
        assert_eq!(found.sums().get(output), sum, "output {output}, {what}");
        assert!(sum.unsigned_abs() <= found.bound() || bits.is_some(), "bound, {what}");
    }
    assert_eq!(found.report().accumulator_events, events, "{what}");
    assert_eq!(found.report().nonzero_macs, nonzero, "{what}");
}

fn matrices(seed: u64, most: usize) {
    let mut inputs = Inputs::new(seed);
    let formats = [0; 2].map(|_| {
        let format = inputs.any_format(-3, 3);
        // Bytes are common.
        match inputs.between(0, 3) {
            0 => Format::unsigned(8, 2).unwrap(),
            1 => Format::new(8, 2).unwrap(),
            _ => format,
        }
    });
    let [m, k, n] = [inputs.size(1, most), inputs.size(0, 2 * most), inputs.size(1, most)];
    let a = tensor(&mut inputs, &[m, k], formats[0]);
    let b = tensor(&mut inputs, &[k, n], formats[1]);
    let transposed: Vec<i64> =
        (0..n * k).map(|i| b.data().get(i % k.max(1) * n + i / k.max(1))).collect();
    let w = FixedTensor::from_raw(&[n, k], formats[1], &transposed).unwrap();
    let accumulator = accumulator(&mut inputs, formats, k);
    let factors = |output: usize| {
        let (row, column) = (output / n, output % n);
        let factor = |term| (a.data().get(row * k + term), b.data().get(term * n + column));
        (0..k).map(factor).collect()
    };
    for simd in SimdLevel::testable() {
        let array = MacArray { simd, accumulator };
        let what = format!("{:?} [{m}, {k}, {n}] {accumulator:?} {simd}", formats);
        check(&array.matmul(&a, &b).unwrap(), accumulator, m * n, factors, &what);
        check(&array.linear(&a, &w).unwrap(), accumulator, m * n, factors, &what);
    }
}

fn convolutions(seed: u64) {
    let mut inputs = Inputs::new(seed);
    let formats = [0; 2].map(|_| inputs.any_format(-3, 3));
    let [h, w, channels, filters] = [0; 4].map(|_| inputs.size(1, 5));
    let groups = inputs.size(1, 3);
    let side = inputs.size(1, 3);
    let padding = inputs.size(0, 1);
    let geometry =
        Convolution2d::symmetric([side; 2], [inputs.size(1, 2), 1], [padding; 2], groups);
    if h + 2 * padding < side || w + 2 * padding < side {
        return;
    }
    let x = tensor(&mut inputs, &[2, h, w, channels * groups], formats[0]);
    let weights = tensor(&mut inputs, &[filters * groups, side, side, channels], formats[1]);
    let terms = side * side * channels;
    let accumulator = accumulator(&mut inputs, formats, terms);
    let [oh, ow] = [(h + 2 * padding - side) / geometry.stride[0] + 1, w + 2 * padding - side + 1];
    let columns = filters * groups;
    let factors = |output: usize| {
        let (pixel, filter) = (output / columns, output % columns);
        let (image, y, column) = (pixel / (oh * ow), pixel / ow % oh, pixel % ow);
        let mut all = Vec::new();
        for (ky, kx) in (0..side).flat_map(|ky| (0..side).map(move |kx| (ky, kx))) {
            let (iy, ix) = (y * geometry.stride[0] + ky, column + kx);
            let inside =
                (padding..h + padding).contains(&iy) && (padding..w + padding).contains(&ix);
            for channel in 0..channels {
                let x = if inside {
                    let pixel = (image * h + iy - padding) * w + ix - padding;
                    x.data().get(pixel * channels * groups + filter / filters * channels + channel)
                } else {
                    0
                };
                let at = ((filter * side + ky) * side + kx) * channels + channel;
                all.push((x, weights.data().get(at)));
            }
        }
        all
    };
    for simd in SimdLevel::testable() {
        let found = MacArray { simd, accumulator }.convolve(&x, &weights, geometry).unwrap();
        let what = format!("{formats:?} {geometry:?} {accumulator:?} {simd}");
        check(&found, accumulator, 2 * oh * ow * columns, factors, &what);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn matrices_equal_the_steps(seed: u64) {
        matrices(seed, 9);
    }

    #[test]
    fn convolutions_equal_the_steps(seed: u64) {
        convolutions(seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// Long enough for tiles and blocks of k.
    #[test]
    fn large_matrices_equal_the_steps(seed: u64) {
        matrices(seed, 40);
    }
}

/// Every pair of kinds of words of every pair of widths that a container or a digit ends at.
#[test]
fn the_ends_of_every_kind_of_word() {
    let kinds = |bits| {
        let (signed, unsigned) =
            (Format::new(bits, 0).unwrap(), Format::unsigned(bits, 0).unwrap());
        [signed, unsigned, signed.narrow(), unsigned.narrow()]
    };
    let widths = [1, 7, 8, 9, 15, 16, 17, 24, 31, 32];
    let formats: Vec<Format> = widths.into_iter().flat_map(kinds).collect();
    for &a in &formats {
        for &b in &formats {
            let ends = |of: Format| [of.min_raw(), of.max_raw()];
            let factors: Vec<(i64, i64)> =
                ends(a).into_iter().flat_map(|x| ends(b).map(|y| (x, y))).collect();
            let of = |format, raw: Vec<i64>, shape: [usize; 2]| {
                FixedTensor::from_raw(&shape, format, &raw).unwrap()
            };
            let (left, right): (Vec<i64>, Vec<i64>) = factors.iter().copied().unzip();
            let (left, right) = (of(a, left, [1, 4]), of(b, right, [4, 1]));
            let needed = width::any_words(a, b, None, 4);
            for width in [None, Some(needed), Some(needed - 1)] {
                let width = width.map_or(AccumulatorWidth::Exact, |bits| {
                    AccumulatorWidth::bits(bits.clamp(1, 64)).unwrap()
                });
                let accumulator = Accumulator { width, ..Accumulator::default() };
                let simd = SimdLevel::best();
                let found = MacArray { simd, accumulator }.matmul(&left, &right).unwrap();
                check(&found, accumulator, 1, |_| factors.clone(), &format!("{a} {b} {width:?}"));
            }
        }
    }
}

/// Sums of neighbouring products of unsigned and signed bytes beyond 16 bits, which x86 without VNNI saturates.
#[test]
fn bytes_whose_pairs_leave_sixteen_bits() {
    let (u8, s8) = (Format::unsigned(8, 0).unwrap(), Format::new(8, 0).unwrap());
    let a = FixedTensor::from_raw(&[1, 3], u8, &[210, 198, 234]).unwrap();
    let b = FixedTensor::from_raw(&[3, 1], s8, &[-81, -80, 127]).unwrap();
    for simd in SimdLevel::testable() {
        let array = MacArray { simd, accumulator: Accumulator::default() };
        assert_eq!(array.matmul(&a, &b).unwrap().sums().get(0), -3132);
        let (a, b) = (a.clone().reshaped(&[3, 1]).unwrap(), b.clone().reshaped(&[1, 3]).unwrap());
        assert_eq!(array.matmul(&b, &a).unwrap().sums().get(0), -3132);
    }
}
