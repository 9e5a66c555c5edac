//! A convolution in integers from float inputs to float results, with each step's counts.
//!
//! ```text
//! cargo run -p hwmodel --example requantised_convolution
//! ```
// Printing is what an example is for.
#![allow(clippy::print_stdout)]

use hwmodel::array::{Convolution2d, MacArray};
use hwmodel::number::quantise::quantise;
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Format, Overflow, Rounding, SimdLevel};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let simd = SimdLevel::best();
    let (input, weight, output) = (Format::new(8, 6)?, Format::new(6, 5)?, Format::new(8, 4)?);
    // One image of 8x8 pixels and 2 channels; 4 filters of 3x3; a bias for each.
    let wave = |count: usize, step: f32| -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    };
    let (x, w) = (wave(8 * 8 * 2, 0.7), wave(4 * 3 * 3 * 2, 1.3));

    // The address says which random numbers stochastic rounding takes; none here.
    let address = RandomAddress::new(1, 0, 0, Role::Output);
    let nearest = Rounding::NearestEven;
    let (raw, counts) = quantise(simd, &x, input, nearest, address)?;
    println!("input {input}: {} of {} words saturated", counts.saturated(), counts.elements);
    let x = FixedTensor::new(&[1, 8, 8, 2], input, raw)?;
    let (raw, counts) = quantise(simd, &w, weight, nearest, address)?;
    println!("weights {weight}: {} of {} words saturated", counts.saturated(), counts.elements);
    let w = FixedTensor::new(&[4, 3, 3, 2], weight, raw)?;
    let bias = FixedTensor::from_raw(&[4], Format::new(8, 4)?, &[4, -4, 8, 0])?;

    let accumulator = Accumulator::new(AccumulatorWidth::bits(16)?, Overflow::Saturate);
    let array = MacArray { simd, accumulator };
    let requantiser = Requantiser {
        simd,
        format: output,
        rounding: nearest,
        overflow: Overflow::Saturate,
        address,
    };
    let geometry = Convolution2d::square(3, 1, 1);
    let (raw, mac, requantised) =
        array.convolve_requantised(&x, &w, geometry, Some(&bias), &requantiser)?;
    println!(
        "{} MACs, {} with two operands that are not zero, {} overflows in 16 bits",
        mac.macs, mac.nonzero_macs, mac.accumulator_events
    );
    println!("output {output}: {} words saturated", requantised.counts.saturated());
    let y = FixedTensor::new(&[1, 8, 8, 4], output, raw)?;
    println!("first pixel, 4 channels: {:?}", &y.to_f32(simd)[..4]);
    Ok(())
}
