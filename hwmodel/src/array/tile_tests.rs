//! Products by the software model of the tile unit, against exact sums and the portable level.

use super::tests::{any_accumulator, random_tensor};
use super::*;
use crate::number::format::Format;
use crate::number::overflow::Overflow;
use crate::number::requantise::Requantiser;
use crate::number::rounding::Rounding;
use crate::{SimdError, random};
use proptest::prelude::*;
use random::{RandomAddress, Role};

const EXACT: Accumulator = Accumulator::new(AccumulatorWidth::Exact, Overflow::Saturate);

fn model() -> SimdLevel {
    SimdLevel::named("amx-model").expect("there on every CPU")
}

/// Row lengths around tiles, panels and blocks of k.
fn any_length() -> impl Strategy<Value = usize> {
    prop_oneof![
        0usize..140,
        prop_oneof![Just(0usize), Just(1), Just(16), Just(17), Just(31), Just(33), Just(61)],
        Just(64usize),
        Just(97),
    ]
}

fn any_terms() -> impl Strategy<Value = usize> {
    prop_oneof![0usize..140, Just(511usize), Just(512), Just(513), Just(577), Just(1031)]
}

/// Σ_k A[m, k]·B[k, n] in 128 bits.
fn exact(a: &FixedTensor, b: &FixedTensor) -> Vec<i128> {
    let ([m, k], n) = ([a.shape()[0], a.shape()[1]], b.shape()[1]);
    let (a, b) = (a.data().to_i32(), b.data().to_i32());
    let term = |row: usize, column: usize, term: usize| {
        i128::from(a[row * k + term]) * i128::from(b[term * n + column])
    };
    (0..m * n).map(|at| (0..k).map(|index| term(at / n, at % n, index)).sum()).collect()
}

fn sums(product: &Product) -> Vec<i128> {
    (0..product.sums.len()).map(|index| product.sums.get(index)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn bytes_equal_the_portable_level(
        m in any_length(), k in any_terms(), n in any_length(), wl_a in 1u32..=8, wl_b in 1u32..=8,
        sparse in 0u32..4, seed: u64, accumulator in any_accumulator(),
    ) {
        let a = random_tensor(&[m, k], wl_a, seed, sparse);
        let b = random_tensor(&[k, n], wl_b, !seed, sparse);
        let [got, expected] = [model(), SimdLevel::PORTABLE]
            .map(|simd| MacArray { simd, accumulator }.matmul(&a, &b).unwrap());
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn wide_words_equal_the_portable_level(
        m in any_length(), k in any_terms(), n in any_length(), wl_a in 1u32..=32,
        wl_b in 9u32..=32, sparse in 0u32..4, seed: u64, accumulator in any_accumulator(),
    ) {
        let a = random_tensor(&[m, k], wl_a, seed, sparse);
        let b = random_tensor(&[k, n], wl_b, !seed, sparse);
        let [got, expected] = [model(), SimdLevel::PORTABLE]
            .map(|simd| MacArray { simd, accumulator }.matmul(&a, &b).unwrap());
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn convolutions_with_bias_equal_the_portable_level(
        batch in 1usize..12, size in 1usize..10, channels in 1usize..40, out in 1usize..70,
        kernel in 1usize..4, wl in 1u32..=32, with_bias: bool, groups in 1usize..3, seed: u64,
        accumulator in any_accumulator(),
    ) {
        let mut geometry = Convolution2d::square(kernel, 1, kernel / 2);
        geometry.groups = groups;
        let x = random_tensor(&[batch, size, size, channels * groups], wl, seed, 1);
        let w = random_tensor(&[out * groups, kernel, kernel, channels], wl, !seed, 1);
        let bias = random_tensor(&[out * groups], wl, seed ^ 5, 1);
        let bias = with_bias.then_some(&bias);
        let [got, expected] = [model(), SimdLevel::PORTABLE].map(|simd| {
            let requantiser = Requantiser {
                simd,
                format: Format::new(wl.min(12), 1).unwrap(),
                rounding: Rounding::Stochastic,
                overflow: Overflow::Saturate,
                address: RandomAddress::new(seed, 1, 2, Role::Output),
            };
            let array = MacArray { simd, accumulator };
            let product = array.convolve(&x, &w, geometry).unwrap();
            let used = array.convolve_requantised(&x, &w, geometry, bias, &requantiser).unwrap();
            (product, used)
        });
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn words_of_every_length_have_exact_sums(
        wl_a in 9u32..=32, wl_b in 9u32..=32, m in 1usize..40, k in any_terms(), n in 1usize..40,
        seed: u64,
    ) {
        let a = random_tensor(&[m, k], wl_a, seed, 0);
        let b = random_tensor(&[k, n], wl_b, !seed, 0);
        let product = MacArray { simd: model(), accumulator: EXACT }.matmul(&a, &b).unwrap();
        prop_assert_eq!(sums(&product), exact(&a, &b));
    }
}

/// All pairs of word lengths, with operands that are the lowest or the highest integers throughout, over more
/// terms than limb products can be summed in 32 bits.
#[test]
fn the_extremes_of_every_word_length() {
    const TERMS: usize = 8192 + 65;
    for wl_a in 1..=32 {
        let wl_b = 33 - wl_a;
        for (wl_a, wl_b) in [(wl_a, wl_b), (wl_a, wl_a), (wl_a, 32)] {
            let [a, b] = [wl_a, wl_b].map(|wl| Format::new(wl, 0).unwrap());
            for [x, y] in [
                [a.min_raw(), b.min_raw()],
                [a.max_raw(), b.max_raw()],
                [a.min_raw(), b.max_raw()],
                [a.max_raw(), b.min_raw()],
                [-1, b.max_raw()],
            ] {
                let left = FixedTensor::from_raw(&[1, TERMS], a, &[x; TERMS]).unwrap();
                let right = FixedTensor::from_raw(&[TERMS, 1], b, &[y; TERMS]).unwrap();
                let array = MacArray { simd: model(), accumulator: EXACT };
                let product = array.matmul(&left, &right).unwrap();
                let expected = i128::from(x) * i128::from(y) * TERMS as i128;
                assert_eq!(sums(&product), [expected], "{wl_a} and {wl_b} bits: {x} and {y}");
            }
        }
    }
}

/// Bytes that are 255 below the highest one make the largest sums of limbs without a sign.
#[test]
fn limbs_of_255_over_the_longest_sum() {
    const TERMS: usize = 3 * 8192 + 511;
    for (wl, value) in [(16, 0x00ff), (16, 0x7fff), (24, 0x00_ffff), (32, 0x00ff_ffff), (32, -1)] {
        let format = Format::new(wl, 0).unwrap();
        let value = if value < 0 { i32::MAX } else { value };
        let a = FixedTensor::from_raw(&[1, TERMS], format, &[value; TERMS]).unwrap();
        let b = FixedTensor::from_raw(&[TERMS, 1], format, &[value; TERMS]).unwrap();
        for simd in [model(), SimdLevel::best()] {
            let product = MacArray { simd, accumulator: EXACT }.matmul(&a, &b).unwrap();
            let expected = i128::from(value) * i128::from(value) * TERMS as i128;
            assert_eq!(sums(&product), [expected], "{value} at {simd}");
        }
    }
}

#[test]
fn many_rows_and_blocks_of_k_equal_the_portable_level() {
    for (wl, [m, k, n]) in [(8u8, [211, 3000, 70]), (16, [131, 2600, 53]), (24, [70, 2100, 19])] {
        let a = random_tensor(&[m, k], wl.into(), 1, 0);
        let b = random_tensor(&[k, n], wl.into(), 2, 0);
        let bits = AccumulatorWidth::bits(u32::from(2 * wl + 3)).unwrap();
        let narrow = Accumulator::new(bits, Overflow::Saturate);
        for accumulator in [EXACT, narrow] {
            let [got, expected] = [model(), SimdLevel::PORTABLE]
                .map(|simd| MacArray { simd, accumulator }.matmul(&a, &b).unwrap());
            assert_eq!(got, expected, "{wl} bits");
        }
    }
}

#[test]
fn threads_do_not_matter_to_tiles() {
    for wl in [8, 16] {
        let a = random_tensor(&[301, 700], wl, 3, 1);
        let b = random_tensor(&[700, 40], wl, 4, 1);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let array = MacArray { simd: model(), accumulator: EXACT };
            pool.install(|| array.matmul(&a, &b).unwrap())
        };
        assert_eq!(run(1), run(3));
    }
}

#[test]
fn a_level_that_is_not_there_is_a_typed_error() {
    match SimdLevel::named("amx") {
        Ok(level) => assert_eq!(SimdLevel::best(), level),
        Err(error) => {
            let SimdError::Missing(name, levels) = error else { panic!("{error}") };
            assert_eq!(name, "amx");
            assert!(levels.contains("portable"), "{levels}");
        }
    }
}
