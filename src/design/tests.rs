//! Replays against rows costed one by one, as a run does it.

use super::*;
use crate::files::trace::{AccumulatorSource, GemmRow, UpdateCost};
use crate::train::weight_update::update_cost;
use hwmodel::counters::Counters;
use hwmodel::machine::Machine;
use hwmodel::number::accumulator::{AccumulatorBits, InnerBits};
use hwmodel::product::{ByOperand, GemmKind, GemmShape};
use hwmodel::random::{below, generator};
use hwmodel::{Accumulator, AccumulatorWidth, Format, Overflow};

/// Counters of a row as `train::accounting` makes them.
fn account(row: &GemmRow, machine: &Machine) -> Counters {
    let work = match row.accumulator_source {
        AccumulatorSource::Run => {
            let AccumulatorBits { outer, inner } = row.accumulator;
            row.gemm().work(outer).unwrap().with_inner(inner).unwrap()
        }
        AccumulatorSource::Machine => machine.work(&row.gemm(), None).unwrap(),
    };
    let mut sum = Counters::default();
    for &nonzero in &row.micro_batch_nonzero_macs {
        let work = work.with_nonzero_macs(nonzero).unwrap();
        let mut counters = Counters::default();
        counters.add_gemm(&work, &machine.cost(&work));
        if row.kind == GemmKind::Forward {
            counters.add_cost(&machine.vector_cost(row.vector_operations, 0));
        }
        sum += counters;
    }
    if row.reconfigurations > 0 {
        sum.add_cost(&machine.reconfiguration_cost());
    }
    sum
}

fn rows(count: u64, machine: &Machine) -> Vec<GemmRow> {
    let mut random = generator(7, &[]);
    let mut draw = |n: u32| u64::from(below(&mut random, n));
    let mut rows = Vec::new();
    for step in 0..count {
        for layer in 0..3 {
            let shape = GemmShape { m: 40 + layer * 100, n: 8 << layer, k: 27 + layer };
            let micro_batches = 1 + step % 2;
            let groups = 1 + layer % 2;
            let wl = 2 + draw(6) as u32;
            let signed = layer != 1;
            let format = if signed { Format::new(wl, 3) } else { Format::unsigned(wl, 3) };
            let format = format.unwrap();
            for kind in [GemmKind::Forward, GemmKind::GradWeight] {
                let forward = kind == GemmKind::Forward;
                let macs = shape.macs().unwrap() * groups;
                let nonzero: Vec<u64> = (0..micro_batches).map(|_| draw(macs as u32 + 1)).collect();
                let mut row = GemmRow {
                    step,
                    layer: format!("layer{layer}"),
                    kind,
                    formats: forward.then_some(ByOperand {
                        input: format,
                        weight: format,
                        output: format,
                    }),
                    accumulator: AccumulatorBits {
                        outer: 20,
                        inner: (layer == 2).then_some(InnerBits { bits: 14, terms: 4 }),
                    },
                    accumulator_source: if layer == 2 {
                        AccumulatorSource::Run
                    } else {
                        AccumulatorSource::Machine
                    },
                    shape,
                    groups,
                    elements: ByOperand {
                        input: shape.m * 3,
                        weight: shape.k * shape.n,
                        output: shape.m * shape.n,
                    },
                    micro_batch_nonzero_macs: nonzero,
                    vector_operations: if forward { 999 * layer } else { 0 },
                    reconfigurations: if forward { draw(2) } else { 0 },
                    ..GemmRow::default()
                };
                row.counters = account(&row, machine);
                if !forward {
                    row.update = update_cost(machine, 8 * draw(5000), 131 * draw(5000));
                }
                rows.push(row);
            }
        }
    }
    rows
}

#[test]
fn a_replay_is_the_run_on_every_machine_to_the_last_bit() {
    for name in Machine::names() {
        let own = Machine::builtin(name).unwrap();
        let rows = rows(40, &own);
        let mut recording = Recording::default();
        rows.iter().for_each(|row| recording.push(row).unwrap());
        let replayed = replay(&recording, &own, None).unwrap();
        for (layer, counted) in replayed.layers.iter().zip(recording.counted()) {
            assert_eq!(layer.counters, *counted, "{name}");
        }
        let updates: Vec<UpdateCost> = replayed.layers.iter().map(|layer| layer.update).collect();
        assert_eq!(updates, recording.updates(), "{name}");
        assert!(replayed.update.energy_pj > 0.0, "{name}");
        // On another machine: as if the run had been there.
        let other = Machine::builtin("tpu-like-256x256").unwrap();
        let replayed = replay(&recording, &other, None).unwrap();
        let mut expected = vec![(Counters::default(), UpdateCost::default()); 3];
        for row in &rows {
            let (counters, update) = &mut expected[row.layer[5..].parse::<usize>().unwrap()];
            *counters += account(row, &other);
            *update += update_cost(&other, row.update.operations, row.update.dram_bits);
        }
        for (layer, expected) in replayed.layers.iter().zip(expected) {
            assert_eq!((layer.counters, layer.update), expected, "{name}");
        }
    }
}

#[test]
fn machines_that_skip_zeros_or_charge_them_are_exact_too() {
    let toml = Machine::builtin_toml("edge-16x16").unwrap();
    for changed in [
        toml.replace("zero_gating = true", "zero_skip_limit = 4"),
        toml.replace("zero_gating = true", "zero_gating = false"),
        toml.replace("energy_pj = 0", "energy_pj = 12.3"),
    ] {
        assert_ne!(changed, toml);
        let tables = hwmodel::energy::EnergyTables::builtin().unwrap();
        let machine = Machine::from_toml(&changed, "x", &tables).unwrap();
        let mut recording = Recording::default();
        rows(20, &machine).iter().for_each(|row| recording.push(row).unwrap());
        let replayed = replay(&recording, &machine, None).unwrap();
        let layers: Vec<_> = replayed.layers.iter().map(|layer| layer.counters).collect();
        assert_eq!(layers, recording.counted());
        assert_eq!(recording.steps(), 20);
        assert_eq!(recording.steps_left_out(), 0);
    }
}

#[test]
fn a_narrower_accumulator_costs_less_and_is_told() {
    let machine = Machine::builtin("edge-16x16").unwrap();
    let mut recording = Recording::default();
    rows(4, &machine).iter().for_each(|row| recording.push(row).unwrap());
    let own = replay(&recording, &machine, None).unwrap();
    let narrow = replay(
        &recording,
        &machine,
        Some(Accumulator::new(AccumulatorWidth::bits(8).unwrap(), Overflow::Saturate)),
    )
    .unwrap();
    assert!(narrow.total.energy.accumulator_pj < own.total.energy.accumulator_pj);
    assert_eq!(narrow.total.cycles, own.total.cycles);
    assert_eq!(narrow.narrower_rows, 12);
    assert!(narrow.area.unwrap().pe_transistors < own.area.unwrap().pe_transistors);
}

#[test]
fn rows_that_contradict_themselves_are_refused() {
    let machine = Machine::builtin("edge-16x16").unwrap();
    let row = rows(1, &machine).remove(0);
    let error = |row: GemmRow| Recording::default().push(&row).unwrap_err().to_string();
    let mut more = row.clone();
    more.counters.macs += 1;
    assert!(error(more).contains("8641 MACs are not those of its shape in 1 micro-batches"));
    let mut none = row.clone();
    none.micro_batch_nonzero_macs.clear();
    assert!(error(none).contains("in 0 micro-batches"));
    let mut nonzero = row;
    nonzero.micro_batch_nonzero_macs[0] += 1;
    assert!(error(nonzero).contains("do not add up"));
}
