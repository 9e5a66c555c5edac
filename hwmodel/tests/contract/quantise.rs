//! Float → fixed.

use crate::inputs::Inputs;
use crate::reference::{self, Counts, Random};
use hwmodel::number::quantise::{
    NotANumber, QuantiseCounts, Quantiser, quantise, quantise_produced,
};
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{Format, Overflow, Rounding, SimdLevel};
use proptest::prelude::*;

/// One batch of `length` elements in one format and mode, at every level.
pub(crate) fn batch(seed: u64, length: usize) -> u64 {
    let mut inputs = Inputs::new(seed);
    let (format, address) = (inputs.any_format(-64, 64), inputs.address());
    let modes = (inputs.rounding(), inputs.any_overflow());
    let x: Vec<f32> = (0..length).map(|_| inputs.float(format)).collect();
    check(&x, format, modes, address);
    length as u64
}

pub(crate) fn same_counts(got: QuantiseCounts, expected: Counts, length: usize, bits: u64) {
    assert_eq!(got.elements, length as u64);
    let got_counts = Counts {
        high: got.saturated_high,
        low: got.saturated_low,
        flushed: got.flushed_to_zero,
        nonzero: got.nonzero,
    };
    assert_eq!(got_counts, expected);
    assert_eq!(got.random_bits, length as u64 * bits);
}

fn check(
    x: &[f32],
    format: Format,
    (rounding, overflow): (Rounding, Overflow),
    address: RandomAddress,
) {
    let stochastic = rounding == Rounding::Stochastic;
    let randoms = if stochastic { reference::randoms(address, None, x.len()) } else { Vec::new() };
    let random = |i: usize| if stochastic { randoms[i] } else { Random::ZERO };
    let mut counts = Counts::default();
    let modes = (rounding, overflow);
    let expected: Vec<i64> = (0..x.len())
        .map(|i| reference::quantise(x[i], format, modes, random(i), &mut counts))
        .collect();
    let bits = if stochastic { randoms.first().map_or(0, |random| random.bits) } else { 0 };
    for simd in SimdLevel::testable() {
        let quantiser = Quantiser { simd, format, rounding, overflow, address };
        let (data, got) = quantiser.slice(x).expect("only numbers");
        let data = data.to_i64();
        if let Some(i) = (0..x.len()).find(|&i| data[i] != expected[i]) {
            let (x, r) = (x[i], random(i));
            panic!(
                "{format} {rounding} {overflow} {simd} {}: element {i}, {x:e} with r {r:?} is {}, not {}",
                address.source, data[i], expected[i]
            );
        }
        same_counts(got, counts, x.len(), bits.into());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn batches_equal_the_reference(seed: u64, length in 0usize..300) {
        batch(seed, length);
    }

    /// Longer than a chunk, on any number of threads.
    #[test]
    fn chunks_and_threads_do_not_matter(seed: u64, length in 4000usize..14_000, threads in 1usize..6) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| batch(seed, length));
    }
}

/// Every mode in every format of a few lengths, on ties and their neighbours.
#[test]
fn every_word_length_and_mode() {
    for wl in 1..=32 {
        for fl in [-64, -33, -8, -1, 0, 1, 7, 16, 31, 32, 63, 64] {
            let mut inputs = Inputs::new(u64::from(wl) << 8 | (fl + 64) as u64);
            let (signed, unsigned) = (Format::new(wl, fl), Format::unsigned(wl, fl));
            for format in [signed.unwrap(), unsigned.unwrap()] {
                let x: Vec<f32> = (0..50).map(|_| inputs.float(format)).collect();
                for rounding in Rounding::ALL {
                    check(&x, format, (rounding, Overflow::Saturate), inputs.address());
                    let narrow = if inputs.flag() { format.narrow() } else { format };
                    check(&x, narrow, (rounding, inputs.any_overflow()), inputs.address());
                }
            }
        }
    }
}

/// Every float32 of 9 leading bits and 3 trailing ones: all exponents, signs, infinities, subnormals.
#[test]
fn a_grid_over_all_floats() {
    let x: Vec<f32> = (0u32..1 << 12)
        .flat_map(|top| [0, 1, 0x8_0000, 0xf_ffff].map(|low| f32::from_bits(top << 20 | low)))
        .filter(|x| !x.is_nan())
        .collect();
    for (wl, fl) in [(8, 4), (1, 0), (16, -20), (32, 64), (32, -64), (12, 40)] {
        let format = Format::new(wl, fl).unwrap();
        for rounding in Rounding::ALL {
            let address = RandomAddress::new(1, 2, 3, Role::Weight);
            check(&x, format, (rounding, Overflow::Saturate), address);
        }
    }
}

#[test]
fn the_first_nan_is_an_error() {
    let format = Format::new(8, 4).unwrap();
    for (length, index) in [(1, 0), (5000, 4999), (9000, 4096), (300, 17)] {
        for quiet in [0x7fc0_0000, 0xffc0_0001, 0x7f80_0001] {
            let mut x = vec![0.5; length];
            x[index] = f32::from_bits(quiet);
            x[length - 1] = f32::NAN;
            for simd in SimdLevel::testable() {
                for rounding in Rounding::ALL {
                    let address = RandomAddress::new(1, 2, 3, Role::Weight);
                    let error = quantise(simd, &x, format, rounding, address).unwrap_err();
                    assert_eq!(error, NotANumber { index });
                    let produce = |start: usize, out: &mut [f32]| {
                        out.copy_from_slice(&x[start..][..out.len()])
                    };
                    let size = (length, 1);
                    let produced =
                        quantise_produced(simd, size, format, rounding, address, produce);
                    assert_eq!(produced.unwrap_err(), NotANumber { index });
                }
            }
        }
    }
}
