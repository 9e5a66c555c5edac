//! Cycles, traffic and energy of one convolution on the shipped machines, by word length.
//!
//! ```text
//! cargo run -p hwmodel --example layer_cost
//! ```
// Printing is what an example is for.
#![allow(clippy::print_stdout)]

use hwmodel::AccumulatorWidth;
use hwmodel::machine::Machine;
use hwmodel::product::{ByOperand, GemmKind, GemmShape, GemmWork};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    // ResNet-20's second stage at batch 64: 16x16 pixels, 32 filters of 3x3 over 32 channels.
    let shape = GemmShape { m: 64 * 16 * 16, n: 32, k: 3 * 3 * 32 };
    println!("M x N x K = {} x {} x {}", shape.m, shape.n, shape.k);
    println!(
        "{:<24} {:>2} {:>12} {:>10} {:>14} {:>9}",
        "machine", "WL", "cycles", "used %", "DRAM bits", "energy uJ"
    );
    for name in Machine::names() {
        let machine = Machine::builtin(name)?;
        for wl in [4, 8, 16] {
            let bits = ByOperand { input: wl, weight: wl, output: wl };
            let accumulator = AccumulatorWidth::provable_bits(wl, wl, shape.k);
            // Each input pixel is read by up to nine windows and moved once.
            let elements = ByOperand {
                input: 64 * 16 * 16 * 32,
                weight: shape.k * shape.n,
                output: shape.m * shape.n,
            };
            let work = GemmWork::fixed(GemmKind::Forward, shape, bits, accumulator)?
                .with_elements(elements)?;
            let cost = machine.cost(&work);
            let used = machine.utilisation(&work, &cost).unwrap_or(0.0);
            println!(
                "{name:<24} {wl:>2} {:>12} {:>10.1} {:>14} {:>9.1}",
                cost.cycles.total(),
                100.0 * used,
                cost.traffic.dram_total_bits(),
                cost.energy.total_pj() * 1e-6
            );
        }
    }
    Ok(())
}
