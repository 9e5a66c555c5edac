//! The papers' bit-weighted cost is the machine model with `exact` MACs and free memory.
//!
//! papers/adapt.md section 8: costs_train = Σ (ops·sp·WL + ops·32). With a table whose multiplication costs the
//! geometric mean of the word lengths (WL if they are equal) and whose memories and additions cost next
//! to nothing, the energy of the products in pJ is that cost: `exact` multiplies at the words' own width, zero
//! gating is the factor sp, and the backward pass, which the papers count as one product, costs 32.

use hwmodel::energy::{EnergyTable, EnergyTables};
use hwmodel::machine::Machine;
use hwmodel::product::{ByOperand, GemmKind, GemmShape, GemmWork};
use hwsim::train::paper_cost::{CostAccumulator, CostOptions, LayerCost, LayerStep};

const TABLE: &str = "\
component,format,width_bits,capacity_bytes,access_bits,node_nm,energy_pj,energy_pj_min,energy_pj_max,area_um2,leakage_mw,source,checked
mult,int,8,,,45,8,,,,,papers,yes
mult,int,32,,,45,32,,,,,papers,yes
mult,fp,32,,,45,32,,,,,papers,yes
add,int,32,,,45,1e-12,,,,,papers,yes
add,fp,32,,,45,1e-12,,,,,papers,yes
sram,,,1,1,45,1e-12,,,,,papers,yes
sram,,,2,1,45,1e-12,,,,,papers,yes
";

fn machine() -> Machine {
    let mut tables = EnergyTables::default();
    tables.insert(EnergyTable::from_csv(TABLE, "bit-weighted").unwrap());
    let edge = Machine::builtin_toml("edge-16x16").unwrap();
    let text = edge
        .replace("\"horowitz-2014\"", "\"bit-weighted\"")
        .replace("dram = \"dram\"", "dram_pj_per_bit = 0");
    Machine::from_toml(&text, "free-memory", &tables).unwrap()
}

/// The layers' shapes: rows of weights as an output channel each.
const LAYERS: [GemmShape; 3] = [
    GemmShape { m: 1024, n: 64, k: 363 },
    GemmShape { m: 16, n: 192, k: 1600 },
    GemmShape { m: 1, n: 10, k: 256 },
];

#[test]
fn the_bit_weighted_cost_is_the_energy_of_exact_macs_with_free_memory() {
    let machine = machine();
    let options = CostOptions {
        accumulation: 1,
        batch: 128,
        epochs: 1.0,
        interval: 1,
        largest_resolution: 150,
        baseline_batch: 128,
        target_accuracy: 0.5,
    };
    let costs = LAYERS
        .map(|shape| LayerCost { operations: shape.macs().unwrap(), elements: shape.n * shape.k });
    let mut run = CostAccumulator::new(options, &costs).unwrap();
    run.validation(1.0);
    let (mut training_pj, mut float32_pj) = (0.0, 0.0);
    for step in 0..25u32 {
        let mut records = Vec::new();
        for (layer, &shape) in (0u32..).zip(&LAYERS) {
            let word_length = 1 + (7 * step + 11 * layer) % 32;
            // Every eighth of the weights is a whole number of them.
            let eighths = u64::from(1 + (step + layer) % 8);
            let nonzero = shape.n * shape.k * eighths / 8;
            records.push(LayerStep { word_length, nonzero, switch: None });
            let bits = ByOperand { input: word_length, weight: word_length, output: word_length };
            let forward = GemmWork::fixed(GemmKind::Forward, shape, bits, 80).unwrap();
            let forward = forward.with_nonzero_macs(shape.m * nonzero).unwrap();
            let backward = GemmWork::float32(GemmKind::GradInput, shape).unwrap();
            training_pj += machine.cost(&forward).energy.total_pj();
            training_pj += machine.cost(&backward).energy.total_pj();
            float32_pj += 2.0 * machine.cost(&backward).energy.total_pj();
        }
        run.step(&records).unwrap();
    }
    let summary = run.summary().unwrap();
    let papers = summary.costs_forward + summary.costs_backward;
    assert!((training_pj / papers - 1.0).abs() < 1e-9, "{training_pj} {papers}");
    assert!((float32_pj / summary.costs_float32 - 1.0).abs() < 1e-9);
    assert!((float32_pj / training_pj / summary.su1_paper - 1.0).abs() < 1e-9);
}

#[test]
fn real_memory_and_real_multipliers_cost_more_than_the_papers_count() {
    // What the abstraction leaves out, on the same product of 8-bit words: DRAM and SRAM are most of it.
    let edge = Machine::builtin("edge-16x16").unwrap();
    let bits = ByOperand { input: 8, weight: 8, output: 8 };
    let energy = |bits| {
        let work = GemmWork::fixed(GemmKind::Forward, LAYERS[2], bits, 32).unwrap();
        edge.cost(&work).energy
    };
    let at_8 = energy(bits);
    assert!(at_8.sram_pj + at_8.dram_pj > at_8.mac_pj + at_8.accumulator_pj);
    // From 8 to 16 bits the papers' cost doubles; a multiplier's grows almost fourfold, traffic twofold.
    let at_16 = energy(bits.map(|bits| 2 * bits));
    assert!(at_16.mac_pj / at_8.mac_pj > 3.9 && at_16.mac_pj / at_8.mac_pj < 4.0);
    assert!((at_16.dram_pj / at_8.dram_pj - 2.0).abs() < 1e-9);
}
