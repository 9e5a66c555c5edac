//! The long mode: as many random cases as requested.

use crate::{mac, quantise, requantise};
use hwmodel::SimdLevel;
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Elements or rows of a batch, above a chunk of the quantisers now and then.
fn length(seed: u64) -> usize {
    [500, 2000, 4096, 5000][(seed % 4) as usize]
}

/// A kind of case, and one batch of it by seed, which gives the number of cases.
type Kind = (&'static str, fn(u64) -> u64);

const KINDS: [Kind; 5] = [
    ("quantised elements", |seed| quantise::batch(seed, length(seed))),
    ("requantised elements of tensors", |seed| requantise::tensor_batch(seed, length(seed))),
    ("requantised accumulators", |seed| requantise::product_batch(seed, length(seed) / 4)),
    ("MACs of matrix products", |seed| {
        let size =
            |shift: u32, most: u64| (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) % most;
        let (m, k, n) = (1 + size(60, 16), 1 + size(50, 200), 1 + size(40, 48));
        mac::matrix_batch(seed, (m as usize, k as usize, n as usize))
    }),
    ("MACs of convolutions", mac::convolution_batch),
];

/// One case is one quantised or requantised element, or one MAC, that equals the reference at every
/// level of the CPU.
#[test]
#[ignore = "minutes; the number of cases is HWSIM_LONG_CASES"]
#[allow(clippy::print_stdout, reason = "the log of a test")]
fn many_cases_equal_the_reference() {
    let wanted = match std::env::var("HWSIM_LONG_CASES") {
        Ok(text) => text.parse().expect("HWSIM_LONG_CASES is a whole number"),
        Err(_) => 100_000_000u64,
    };
    let levels: Vec<_> = SimdLevel::testable().iter().map(|level| level.name()).collect();
    println!("levels: {}", levels.join(", "));
    let mut total = 0;
    for (name, batch) in KINDS {
        let share = wanted.div_ceil(KINDS.len() as u64);
        let cases = AtomicU64::new(0);
        let mut batches = 0u64;
        while cases.load(Relaxed) < share {
            let round = 64;
            (batches..batches + round).into_par_iter().for_each(|seed| {
                cases.fetch_add(batch(seed), Relaxed);
            });
            batches += round;
        }
        let cases = cases.into_inner();
        println!("{name}: {cases} in {batches} batches, all equal");
        total += cases;
    }
    println!("total: {total} cases");
    assert!(total >= wanted);
}
