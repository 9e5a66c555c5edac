//! Laws that hold for every machine and product.

use super::super::*;
use crate::mac_style::{BitSerial, Composable, Dsp, Exact, Fixed, MacStyle, SerialOperand};
use crate::machine::{Array, Dataflow, Reuse};
use crate::product::{ByOperand, GemmKind, GemmShape};
use proptest::prelude::*;
use std::sync::OnceLock;

/// A dimension: small, at a fold's edge or large.
fn dimension() -> impl Strategy<Value = u64> {
    prop_oneof![1u64..40, 1u64..2000, 1u64..=1 << 20]
}

/// Bits of an SRAM: some hold few words, some all of them.
fn sram() -> impl Strategy<Value = u64> {
    prop_oneof![64u64..2000, 64u64..1 << 17, 64u64..1 << 30]
}

fn any_style() -> impl Strategy<Value = MacStyle> {
    let serial = prop::sample::select(vec![
        SerialOperand::Input,
        SerialOperand::Weight,
        SerialOperand::Both,
    ]);
    prop_oneof![
        Just(MacStyle::Exact(Exact)),
        (1u32..=32).prop_map(|native_bits| MacStyle::Fixed(Fixed { native_bits })),
        (1u32..=16, 0u32..=10).prop_map(|(brick_bits, log2)| {
            MacStyle::Composable(Composable { brick_bits, bricks: 1 << log2 })
        }),
        (serial, 1u32..=64, 1u32..=8, 1u32..=32).prop_map(
            |(serial, lanes, bits_per_cycle, parallel_bits)| {
                let both = serial == SerialOperand::Both;
                let parallel_bits = if both { 1 } else { parallel_bits };
                MacStyle::BitSerial(BitSerial { serial, lanes, bits_per_cycle, parallel_bits })
            }
        ),
        Just(MacStyle::Dsp(Dsp)),
    ]
}

/// A shipped machine on each of the two nodes, read once.
fn shipped(node: usize) -> &'static Machine {
    static MACHINES: [OnceLock<Machine>; 2] = [OnceLock::new(), OnceLock::new()];
    MACHINES[node]
        .get_or_init(|| Machine::builtin(["edge-16x16", "tpu-like-256x256"][node]).unwrap())
}

prop_compose! {
    fn any_machine()(
        array in (1u32..300, 1u32..300, any::<bool>(), any::<bool>()),
        flow in 0usize..3, style in any_style(), zero_skip_limit in 1u32..5,
        sram in prop::array::uniform3(sram()), double_buffered: bool, strip: bool,
        ports in prop::array::uniform3(1u64..10_000), dram_bandwidth in 1u64..10_000,
        float32_macs_per_cycle in 0.01f64..=1.0, node in 0usize..2,
    ) -> Machine {
        let mut machine = shipped(node).clone();
        let (rows, columns, overlap_load, overlap_drain) = array;
        machine.array = Array { overlap_load, overlap_drain, ..Array::new(rows, columns) };
        machine.dataflow = Dataflow::ALL[flow];
        machine.mac.style = style;
        machine.mac.zero_skip_limit = zero_skip_limit;
        machine.mac.float32_macs_per_cycle = float32_macs_per_cycle;
        let by = |[input, weight, output]: [u64; 3]| ByOperand { input, weight, output };
        machine.memory.sram_bits = by(sram);
        machine.memory.sram_bandwidth_bits_per_cycle = by(ports);
        machine.memory.dram_bandwidth_bits_per_cycle = dram_bandwidth;
        machine.memory.double_buffered = double_buffered;
        machine.memory.reuse = if strip { Reuse::Strip } else { Reuse::Whole };
        machine
    }
}

prop_compose! {
    fn any_work()(
        m in dimension(), n in dimension(), k in dimension(), groups in 1u64..4,
        bits in prop::array::uniform3(1u32..=32), accumulator in 1u32..=84, fixed: bool,
        unique in 1u64..=4, nonzero in 0u64..=4,
    ) -> GemmWork {
        let shape = GemmShape { m, n, k };
        let bits = ByOperand { input: bits[0], weight: bits[1], output: bits[2] };
        let work = if fixed {
            GemmWork::fixed(GemmKind::GradWeight, shape, bits, accumulator).unwrap()
        } else {
            GemmWork::float32(GemmKind::GradWeight, shape).unwrap()
        };
        let elements = ByOperand { input: (m * k).div_ceil(unique), ..work.elements() };
        let work = work.with_elements(elements).unwrap().with_groups(groups).unwrap();
        work.with_nonzero_macs((u128::from(work.macs()) * u128::from(nonzero) / 4) as u64).unwrap()
    }
}

/// MACs that the array must do in time.
fn timed_macs(machine: &Machine, work: &GemmWork) -> u64 {
    if machine.mac.zero_skip_limit > 1 { work.nonzero_macs() } else { work.macs() }
}

proptest! {
    #[test]
    fn no_product_beats_the_array_or_the_memory(machine in any_machine(), work in any_work()) {
        let cost = machine.cost(&work);
        let elements = u128::from(machine.array.processing_elements());
        let throughput = timing::throughput(machine.dataflow, &machine.mac, &work);
        let slots = cost.cycles.compute
            * elements * u128::from(throughput.terms) * u128::from(throughput.outputs);
        let macs = u128::from(timed_macs(&machine, &work));
        prop_assert!(slots >= macs * u128::from(throughput.cycles), "{slots} {macs}");
        let memory = machine.memory;
        let transfer = u128::from(memory.dram_bandwidth_bits_per_cycle);
        prop_assert!(cost.cycles.total() >= cost.traffic.dram_total_bits().div_ceil(transfer));
        let ports = cost.traffic.array_side_bits().zip(memory.sram_bandwidth_bits_per_cycle, |bits, port| {
            bits.div_ceil(u128::from(port))
        });
        prop_assert!(cost.cycles.total() >= ports.input.max(ports.weight).max(ports.output));
        let used = machine.utilisation(&work, &cost).unwrap();
        prop_assert!(used > 0.0, "{used}");
        prop_assert!(used <= 1.0 + 1e-9 || machine.mac.zero_skip_limit > 1, "{used}");
        for (name, pj) in crate::energy::Energy::COMPONENTS.iter().zip(cost.energy.values_pj()) {
            prop_assert!(pj.is_finite() && pj >= 0.0, "{name}: {pj}");
        }
    }

    #[test]
    fn every_unique_word_crosses_and_what_enters_an_sram_is_what_dram_sent(
        machine in any_machine(), work in any_work(),
    ) {
        let traffic = machine.cost(&work).traffic;
        let groups = u128::from(work.groups());
        let words = work.elements().zip(work.bits(), |n, bits| {
            groups * u128::from(n) * u128::from(bits)
        });
        prop_assert!(traffic.dram_read_bits.input >= words.input);
        prop_assert!(traffic.dram_read_bits.weight >= words.weight);
        prop_assert_eq!(traffic.dram_write_bits.output, words.output);
        prop_assert_eq!(traffic.sram_write_bits.input, traffic.dram_read_bits.input);
        prop_assert_eq!(traffic.sram_write_bits.weight, traffic.dram_read_bits.weight);
        // Whatever is written to the output's SRAM is read from it, as partial sum or result.
        prop_assert_eq!(traffic.sram_write_bits.output, traffic.sram_read_bits.output);
        let shape = work.shape();
        let all = |a, b, bits: u32| groups * u128::from(a) * u128::from(b) * u128::from(bits);
        prop_assert!(traffic.sram_read_bits.input >= all(shape.m, shape.k, work.bits().input));
        prop_assert!(traffic.sram_read_bits.weight >= all(shape.k, shape.n, work.bits().weight));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]

    #[test]
    fn more_bandwidth_sram_or_overlap_is_never_slower(
        machine in any_machine(), work in any_work(), more in 1u64..10_000,
    ) {
        let before = machine.cost(&work);
        let mut machines = vec![machine.clone(); 7];
        machines[0].memory.dram_bandwidth_bits_per_cycle += more;
        let ports = machine.memory.sram_bandwidth_bits_per_cycle;
        machines[1].memory.sram_bandwidth_bits_per_cycle = ports.map(|bits| bits + more);
        machines[2].memory.sram_bits = machine.memory.sram_bits.map(|bits| bits + more);
        machines[3].memory.sram_bits = machine.memory.sram_bits.map(|bits| bits * 1000);
        machines[4].memory.reuse = Reuse::Strip;
        machines[5].array.overlap_load = true;
        machines[6].array.overlap_drain = true;
        for machine in machines {
            let after = machine.cost(&work);
            prop_assert!(after.cycles.total() <= before.cycles.total());
            prop_assert!(after.traffic.dram_total_bits() <= before.traffic.dram_total_bits());
        }
    }

    #[test]
    fn shorter_words_never_move_more_take_longer_or_spend_more(
        machine in any_machine(), work in any_work(),
        bits in prop::array::uniform4(1u32..=31), which in 0usize..4,
    ) {
        let cost = |bits: [u32; 4]| {
            let words = ByOperand { input: bits[0], weight: bits[1], output: bits[2] };
            let same = GemmWork::fixed(work.kind(), work.shape(), words, bits[3]).unwrap();
            let same = same.with_elements(work.elements()).unwrap();
            let same = same.with_groups(work.groups()).unwrap();
            machine.cost(&same.with_nonzero_macs(work.nonzero_macs()).unwrap())
        };
        let mut longer = bits;
        longer[which] += 1;
        let (long, short) = (cost(longer), cost(bits));
        prop_assert!(short.traffic.dram_total_bits() <= long.traffic.dram_total_bits());
        prop_assert!(short.cycles.total() <= long.cycles.total());
        prop_assert!(
            short.energy.total_pj() <= long.energy.total_pj() * (1.0 + 1e-12),
            "{:?} {:?}", short, long
        );
    }
}

proptest! {
    #[test]
    fn groups_cost_what_they_cost_one_by_one(
        machine in any_machine(), work in any_work(), groups in 1u64..16,
    ) {
        let mut machine = machine;
        machine.mac.zero_skip_limit = 1;
        machine.array.overlap_load = false;
        machine.array.overlap_drain = false;
        let one = work.with_groups(1).unwrap();
        let (one, all) = (machine.cost(&one), machine.cost(&one.with_groups(groups).unwrap()));
        prop_assert_eq!(all.cycles.compute, u128::from(groups) * one.cycles.compute);
        prop_assert_eq!(all.traffic.dram_total_bits(), u128::from(groups) * one.traffic.dram_total_bits());
        prop_assert_eq!(
            all.traffic.array_side_bits().total(),
            u128::from(groups) * one.traffic.array_side_bits().total()
        );
        prop_assert!(all.cycles.total() <= u128::from(groups) * one.cycles.total());
        let energy = groups as f64 * (one.energy.total_pj() - one.energy.leakage_pj);
        prop_assert!((all.energy.total_pj() - all.energy.leakage_pj - energy).abs() <= 1e-9 * energy);
    }

    #[test]
    fn skipping_zeros_is_never_slower_and_fewer_non_zeros_never_cost_more(
        machine in any_machine(), work in any_work(),
    ) {
        let dense = work.with_nonzero_macs(work.macs()).unwrap();
        let (full, sparse) = (machine.cost(&dense), machine.cost(&work));
        prop_assert!(sparse.cycles.total() <= full.cycles.total());
        prop_assert!(sparse.energy.total_pj() <= full.energy.total_pj());
        let mut patient = machine.clone();
        patient.mac.zero_skip_limit = 1;
        prop_assert!(machine.cost(&work).cycles.total() <= patient.cost(&work).cycles.total());
    }
}
