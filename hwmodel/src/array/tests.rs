//! The array against its definition in i128, over shapes, formats, accumulators, levels and threads.

use super::*;
use crate::number::format::Format;
use crate::number::overflow::Overflow;
use crate::number::requantise::Requantiser;
use crate::number::rounding::Rounding;
use crate::random::{self, RandomAddress, Role};
use proptest::prelude::*;

/// A tensor of random raw integers; `sparse` of 4 are zero, and extremes are common.
pub(super) fn random_tensor(shape: &[usize], wl: u32, seed: u64, sparse: u32) -> FixedTensor {
    let format = Format::new(wl, 3).unwrap();
    let mut generator = random::generator(seed, &[]);
    let raw: Vec<i64> = (0..shape.iter().product())
        .map(|_| {
            if random::below(&mut generator, 4) < sparse {
                return 0;
            }
            match random::below(&mut generator, 8) {
                0 => format.min_raw(),
                1 => format.max_raw(),
                _ => {
                    let any = i64::from(random::below(&mut generator, u32::MAX)) - (1 << 31);
                    any >> (32 - wl)
                }
            }
        })
        .collect();
    FixedTensor::from_raw(shape, format, &raw).unwrap()
}

/// The definition, one addition at a time: sums, events and non-zero MACs.
fn reference(
    a: &[i32],
    b: &[i32],
    (m, k, n): (usize, usize, usize),
    accumulator: Accumulator,
) -> (Vec<i128>, u64, u64) {
    let (mut sums, mut events, mut nonzero) = (Vec::new(), 0, 0);
    for row in 0..m {
        for column in 0..n {
            let mut sum = 0i128;
            for term in 0..k {
                let (x, y) = (a[row * k + term], b[term * n + column]);
                sum += i128::from(x) * i128::from(y);
                nonzero += u64::from(x != 0 && y != 0);
                if let AccumulatorWidth::Bits(bits) = accumulator.width {
                    let (fitted, outside) = accumulator.overflow.apply(sum, bits);
                    sum = fitted;
                    events += u64::from(outside);
                }
            }
            sums.push(sum);
        }
    }
    (sums, events, nonzero)
}

fn check(product: &Product, expected: &(Vec<i128>, u64, u64), what: &str) {
    let got: Vec<i128> = (0..product.sums.len()).map(|i| product.sums.get(i)).collect();
    assert_eq!(got, expected.0, "{what}");
    assert_eq!(product.report.accumulator_events, expected.1, "events, {what}");
    assert_eq!(product.report.nonzero_macs, expected.2, "non-zero MACs, {what}");
}

pub(super) fn any_accumulator() -> impl Strategy<Value = Accumulator> {
    let width = prop_oneof![
        Just(AccumulatorWidth::Exact),
        (1u32..=64).prop_map(|bits| AccumulatorWidth::bits(bits).unwrap()),
    ];
    let overflow = prop_oneof![Just(Overflow::Wrap), Just(Overflow::Saturate)];
    (width, overflow).prop_map(|(width, overflow)| Accumulator::new(width, overflow))
}

proptest! {
    #[test]
    fn products_equal_the_contract(
        m in 0usize..70, k in 0usize..40, n in 0usize..70, wl_a in 1u32..=32, wl_b in 1u32..=32,
        sparse in 0u32..4, seed: u64, accumulator in any_accumulator(),
    ) {
        let a = random_tensor(&[m, k], wl_a, seed, sparse);
        let b = random_tensor(&[k, n], wl_b, !seed, sparse);
        let expected = reference(&a.data().to_i32(), &b.data().to_i32(), (m, k, n), accumulator);
        let transposed: Vec<i64> =
            (0..n * k).map(|i| b.data().get(i % k.max(1) * n + i / k.max(1))).collect();
        let w = FixedTensor::from_raw(&[n, k], b.format(), &transposed).unwrap();
        for simd in SimdLevel::testable() {
            let array = MacArray { simd, accumulator };
            check(&array.matmul(&a, &b).unwrap(), &expected, &format!("{simd} matmul"));
            check(&array.linear(&a, &w).unwrap(), &expected, &format!("{simd} linear"));
        }
        let array = MacArray { simd: SimdLevel::PORTABLE, accumulator };
        let mut events = 0;
        for (index, sum) in expected.0.iter().enumerate() {
            let states = array.step_output(&a, &b, index / n, index % n).unwrap();
            prop_assert_eq!(states.len(), k);
            prop_assert_eq!(states.last().map_or(0, |state| state.sum), *sum);
            events += states.iter().map(|state| u64::from(state.event)).sum::<u64>();
        }
        prop_assert_eq!(events, expected.1);
    }

    #[test]
    fn sums_from_initial_values_equal_the_definition(
        m in 1usize..5, k in 1usize..30, n in 1usize..5, wl in 1u32..=32, sparse in 0u32..4, seed: u64,
        accumulator in any_accumulator(), each: bool, k_tile in 1usize..12,
    ) {
        let a = random_tensor(&[m, k], wl, seed, sparse);
        let b = random_tensor(&[k, n], wl, !seed, sparse);
        let mut generator = random::generator(seed, &[1]);
        let initial: Vec<i64> = (0..if each { m * n } else { n })
            .map(|_| {
                let word = (i64::from(random::below(&mut generator, u32::MAX)) - (1 << 31)) << random::below(&mut generator, 32);
                let wrapped = accumulator.width.fit(Overflow::Wrap, i128::from(word));
                i64::try_from(wrapped.0).unwrap()
            })
            .collect();
        let k_tile = std::num::NonZeroUsize::new(k_tile).unwrap();
        for simd in SimdLevel::testable() {
            let array = MacArray { simd, accumulator };
            let product = array.matmul_from(&a, &b, &initial).unwrap();
            let mut events = 0;
            for row in 0..m {
                let states = array.row_states(&a, &b, &initial, row, k_tile).unwrap();
                for (column, states) in states.iter().enumerate() {
                    let mut sum = i128::from(initial[(row * n + column) % initial.len()]);
                    let (mut first, mut overflows) = (None, 0);
                    for term in 0..k {
                        let of = |x: &FixedTensor, at| i128::from(x.data().get(at));
                        sum += of(&a, row * k + term) * of(&b, term * n + column);
                        let (held, outside) = accumulator.width.fit(accumulator.overflow, sum);
                        sum = held;
                        overflows += u64::from(outside);
                        if outside {
                            first.get_or_insert(term);
                        }
                        if (term + 1) % k_tile == 0 {
                            prop_assert_eq!(states.tiles[term / k_tile].sum, sum);
                        }
                    }
                    prop_assert_eq!(product.sums().get(row * n + column), sum);
                    prop_assert_eq!((states.sum(), states.events()), (sum, overflows));
                    prop_assert_eq!(states.first_overflow, first);
                    prop_assert_eq!(states.tiles.len(), k.div_ceil(k_tile.get()));
                    prop_assert_eq!(states.tiles.iter().map(|tile| tile.terms).sum::<usize>(), k);
                    events += overflows;
                }
            }
            prop_assert_eq!(product.report().accumulator_events, events);
        }
    }

    #[test]
    fn long_sums_of_wide_words_equal_the_contract(
        m in 1usize..4, k in prop_oneof![500usize..1100, 60_000usize..65_536], n in 1usize..4,
        wl_a in 17u32..=32, wl_b in 17u32..=32, seed: u64,
    ) {
        let accumulator = Accumulator::new(AccumulatorWidth::Exact, Overflow::Wrap);
        let a = random_tensor(&[m, k], wl_a, seed, 0);
        let b = random_tensor(&[k, n], wl_b, !seed, 0);
        let expected = reference(&a.data().to_i32(), &b.data().to_i32(), (m, k, n), accumulator);
        for simd in SimdLevel::testable() {
            let array = MacArray { simd, accumulator };
            check(&array.matmul(&a, &b).unwrap(), &expected, &format!("{simd}"));
        }
    }

    #[test]
    fn convolutions_equal_their_patches(
        batch in 1usize..4, h in 1usize..9, w in 1usize..9, channels in 1usize..5, out in 1usize..6,
        kernel in [1usize..5, 1usize..5], stride in [1usize..4, 1usize..4],
        (padding, dilation) in ([[0usize..3, 0usize..3], [0usize..3, 0usize..3]], [1usize..3, 1usize..4]),
        groups in 1usize..3, wl in 1u32..=32, seed: u64,
        accumulator in any_accumulator(),
    ) {
        let geometry = Convolution2d { kernel, stride, padding, dilation, groups };
        let [[top, _], [left, _]] = padding;
        let x = random_tensor(&[batch, h, w, channels * groups], wl, seed, 1);
        let weights =
            random_tensor(&[out * groups, kernel[0], kernel[1], channels], wl, !seed, 1);
        let Some([oh, ow]) = geometry.output_size([h, w]) else {
            let array = MacArray { simd: SimdLevel::best(), accumulator };
            prop_assert!(array.convolve(&x, &weights, geometry).is_err());
            return Ok(());
        };
        let k = kernel[0] * kernel[1] * channels;
        let total = out * groups;
        let mut sums = vec![0; batch * oh * ow * total];
        let (mut events, mut nonzero) = (0, 0);
        for group in 0..groups {
            let mut patches = Vec::new();
            for pixel in 0..batch * oh * ow {
                let (image, y, x0) = (pixel / (oh * ow), pixel / ow % oh, pixel % ow);
                for term in 0..k {
                    let (ky, kx, c) =
                        (term / (kernel[1] * channels), term / channels % kernel[1], term % channels);
                    let iy = y * stride[0] + ky * dilation[0];
                    let ix = x0 * stride[1] + kx * dilation[1];
                    let inside = iy >= top && ix >= left && iy - top < h && ix - left < w;
                    patches.push(if inside {
                        let (iy, ix) = (iy - top, ix - left);
                        let at = ((image * h + iy) * w + ix) * channels * groups;
                        x.data().get(at + group * channels + c) as i32
                    } else { 0 });
                }
            }
            let right: Vec<i32> = (0..k * out)
                .map(|i| weights.data().get((group * out + i % out) * k + i / out) as i32).collect();
            let part = reference(&patches, &right, (batch * oh * ow, k, out), accumulator);
            for (i, sum) in part.0.iter().enumerate() {
                sums[i / out * total + group * out + i % out] = *sum;
            }
            events += part.1;
            nonzero += part.2;
        }
        for simd in SimdLevel::testable() {
            let array = MacArray { simd, accumulator };
            let product = array.convolve(&x, &weights, geometry).unwrap();
            check(&product, &(sums.clone(), events, nonzero), &format!("{simd}"));
        }
    }
}

proptest! {
    #[test]
    fn requantising_on_the_way_gives_the_same_bits(
        batch in 1usize..20, size in 1usize..9, channels in 1usize..9, out in 1usize..40,
        kernel in 1usize..4, wl in 1u32..=20, with_bias: bool, bias_fl in -3i32..12, fl in -4i32..8,
        rounding_index in 0usize..6, wrap: bool, seed: u64, accumulator in any_accumulator(),
    ) {
        let geometry = Convolution2d::square(kernel, 1, kernel / 2);
        let x = random_tensor(&[batch, size, size, channels], wl, seed, 1);
        let w = random_tensor(&[out, kernel, kernel, channels], wl, !seed, 1);
        let bias = random_tensor(&[out], wl, seed ^ 5, 1);
        let bias =
            FixedTensor::new(&[out], Format::new(wl, bias_fl).unwrap(), bias.into_data()).unwrap();
        let bias = with_bias.then_some(&bias);
        for simd in SimdLevel::testable() {
            let requantiser = Requantiser {
                simd,
                format: Format::new(wl.min(12), fl).unwrap(),
                rounding: Rounding::ALL[rounding_index],
                overflow: if wrap { Overflow::Wrap } else { Overflow::Saturate },
                address: RandomAddress::new(seed, 1, 2, Role::Output),
            };
            let array = MacArray { simd, accumulator };
            let product = array.convolve(&x, &w, geometry).unwrap();
            let (data, report) = requantiser.product(&product, bias).unwrap();
            let got = array.convolve_requantised(&x, &w, geometry, bias, &requantiser).unwrap();
            prop_assert_eq!(got, (data, product.report, report));
        }
    }
}

#[test]
fn long_sums_cross_blocks_of_k() {
    let accumulator = Accumulator::default();
    for (wl, k) in [(8, 2500), (16, 1100), (12, 1025), (24, 700), (32, 513)] {
        let a = random_tensor(&[53, k], wl, 5, 0);
        let b = random_tensor(&[k, 37], wl, 6, 0);
        let expected = reference(&a.data().to_i32(), &b.data().to_i32(), (53, k, 37), accumulator);
        for simd in SimdLevel::testable() {
            let product = MacArray { simd, accumulator }.matmul(&a, &b).unwrap();
            check(&product, &expected, &format!("{simd} wl {wl}"));
        }
    }
}

/// Words that are all the lowest integer: the largest sums that there are.
#[test]
fn the_largest_sums_of_all() {
    let accumulator = Accumulator::new(AccumulatorWidth::Exact, Overflow::Wrap);
    for (wl, k) in [(16, 40_000), (24, 65_535), (32, 2), (32, 65_535)] {
        let format = Format::new(wl, 0).unwrap();
        let words = vec![format.min_raw(); k];
        let a = FixedTensor::from_raw(&[1, k], format, &words).unwrap();
        let b = FixedTensor::from_raw(&[k, 1], format, &words).unwrap();
        for simd in SimdLevel::testable() {
            let product = MacArray { simd, accumulator }.matmul(&a, &b).unwrap();
            assert_eq!(product.sums.get(0), (k as i128) << (2 * wl - 2), "{simd}, {wl} bits");
        }
    }
}

#[test]
fn threads_do_not_matter() {
    let accumulator = Accumulator::new(AccumulatorWidth::bits(15).unwrap(), Overflow::Saturate);
    let x = random_tensor(&[9, 7, 7, 6], 8, 1, 1);
    let w = random_tensor(&[11, 3, 3, 6], 8, 2, 1);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let array = MacArray { simd: SimdLevel::best(), accumulator };
        pool.install(|| array.convolve(&x, &w, Convolution2d::square(3, 1, 1)).unwrap())
    };
    let one = run(1);
    assert!(one.report.accumulator_events > 0 && one.report.stepped_outputs > 0);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
}

#[test]
fn the_bound_clears_what_cannot_overflow() {
    let a = FixedTensor::from_raw(&[1, 4], Format::new(8, 0).unwrap(), &[1, -1, 1, 1]).unwrap();
    let b = FixedTensor::from_raw(&[4, 1], Format::new(8, 0).unwrap(), &[30, 30, 30, 30]).unwrap();
    let array = |bits| MacArray {
        simd: SimdLevel::best(),
        accumulator: Accumulator::new(AccumulatorWidth::bits(bits).unwrap(), Overflow::Saturate),
    };
    // ‖a‖₁·max|b| = 120 needs 8 bits; 7 bits hold 63, and the sums 30, 0, 30, 60 stay inside.
    assert_eq!(array(8).matmul(&a, &b).unwrap().report.stepped_outputs, 0);
    let stepped = array(7).matmul(&a, &b).unwrap();
    assert_eq!((stepped.report.stepped_outputs, stepped.report.accumulator_events), (1, 0));
    assert_eq!(stepped.sums.get(0), 60);
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let array = MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() };
    let a = random_tensor(&[2, 3], 8, 1, 0);
    assert!(array.matmul(&a, &a).is_err());
    assert!(array.linear(&a, &random_tensor(&[2, 4], 8, 1, 0)).is_err());
    assert!(array.step_output(&a, &a, 0, 0).is_err());
    let error = array.step_output(&a, &random_tensor(&[3, 4], 8, 1, 0), 1, 4).unwrap_err();
    assert_eq!(error.to_string(), "a product of [2, 4] outputs has no output [1, 4]");
    let x = random_tensor(&[1, 4, 4, 3], 8, 1, 0);
    let w = random_tensor(&[2, 3, 3, 2], 8, 1, 0);
    let error = array.convolve(&x, &w, Convolution2d::square(3, 1, 0)).unwrap_err();
    assert!(error.to_string().contains("input channels"), "{error}");
}

#[test]
fn tiles_observe_the_same_additions() {
    let accumulator = Accumulator::new(AccumulatorWidth::bits(9).unwrap(), Overflow::Wrap);
    let array = MacArray { simd: SimdLevel::best(), accumulator };
    let (a, b) = (random_tensor(&[3, 23], 6, 1, 0), random_tensor(&[23, 2], 6, 2, 0));
    let product = array.matmul(&a, &b).unwrap();
    let mut events = 0;
    for (row, column) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)] {
        let tiles = array.tile_output(&a, &b, (row, column), 5.try_into().unwrap()).unwrap();
        assert_eq!(tiles.iter().map(|tile| tile.terms).collect::<Vec<_>>(), [5, 5, 5, 5, 3]);
        assert_eq!(tiles[4].sum, product.sums.get(row * 2 + column));
        let steps = array.step_output(&a, &b, row, column).unwrap();
        assert_eq!(tiles[1].sum, steps[9].sum);
        events += tiles.iter().map(|tile| tile.events).sum::<u64>();
    }
    assert!(events > 0);
    assert_eq!(events, product.report.accumulator_events);
}

#[test]
fn initial_sums_are_checked() {
    let a = random_tensor(&[2, 3], 8, 1, 0);
    let b = random_tensor(&[3, 2], 8, 2, 0);
    let accumulator = Accumulator::new(AccumulatorWidth::bits(8).unwrap(), Overflow::Wrap);
    let array = MacArray { simd: SimdLevel::PORTABLE, accumulator };
    let refused = |initial: &[i64]| array.matmul_from(&a, &b, initial).unwrap_err().to_string();
    let expected = "3 initial sums do not fit a product of [2, 2] outputs: give one an output, 4, or one a column, 2";
    assert_eq!(refused(&[0; 3]), expected);
    let expected = "initial sum 128 at element 1 does not fit an accumulator of 8 bits";
    assert_eq!(refused(&[-128, 128]), expected);
    assert!(array.row_states(&a, &b, &[], 2, std::num::NonZeroUsize::MIN).is_err());
}
