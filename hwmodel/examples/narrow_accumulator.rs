//! A matrix product in accumulators of several widths: which sums change, and how many additions overflow.
//!
//! ```text
//! cargo run -p hwmodel --example narrow_accumulator
//! ```
// Printing is what an example is for.
#![allow(clippy::print_stdout)]

use hwmodel::array::MacArray;
use hwmodel::array::width;
use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Format, Overflow, SimdLevel};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let (m, k, n) = (4, 64, 3);
    let words = Format::new(8, 6)?;
    // Any raw integers of 8 bits; a quantiser would make them from floats.
    let raw = |count: usize, factor: usize| -> Vec<i32> {
        (0..count).map(|i| (i * factor % 251) as i32 - 125).collect()
    };
    let a = FixedTensor::from_raw(&[m, k], words, &raw(m * k, 37))?;
    let b = FixedTensor::from_raw(&[k, n], words, &raw(k * n, 101))?;

    let exact = MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() };
    let reference = exact.matmul(&a, &b)?;
    println!("{m} x {k} x {n} in words of {words}; sums have {} fractional bits", reference.fl());
    println!(
        "no words of this format overflow {} bits",
        width::any_words(words, words, None, k as u64)
    );

    println!("{:>4}  {:<9} {:>13} {:>16}", "bits", "overflow", "changed sums", "overflow events");
    for bits in [20, 16, 15, 14] {
        for overflow in [Overflow::Saturate, Overflow::Wrap] {
            let accumulator = Accumulator::new(AccumulatorWidth::bits(bits)?, overflow);
            let product = MacArray { accumulator, ..exact }.matmul(&a, &b)?;
            let changed =
                (0..m * n).filter(|&i| product.sums().get(i) != reference.sums().get(i)).count();
            let events = product.report().accumulator_events;
            println!("{bits:>4}  {overflow:<9} {changed:>13} {events:>16}");
        }
    }
    Ok(())
}
