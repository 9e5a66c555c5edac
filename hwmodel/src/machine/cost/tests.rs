use super::*;
use crate::energy::{DramEnergy, EnergyModel, EnergyTable};
use crate::machine::Array;
use crate::timing::{GemmKind, GemmShape};
use proptest::prelude::*;

const BITS: ByOperand<u32> = ByOperand { input: 8, weight: 4, output: 8 };

fn edge() -> Machine {
    Machine::builtin("edge-16x16").unwrap()
}

fn work(m: u64, n: u64, k: u64) -> GemmWork {
    GemmWork::fixed(GemmKind::Forward, GemmShape { m, n, k }, BITS, 24).unwrap()
}

#[track_caller]
fn close(value: f64, expected: f64) {
    assert!((value / expected - 1.0).abs() < 1e-8, "{value} is not {expected}");
}

#[test]
fn a_small_product_costs_what_the_formulas_say() {
    let machine = edge();
    let cost = machine.cost(&work(32, 16, 10));
    // Two folds of 30 + 10 + 16 cycles; 7296 bits at 64 a cycle take 114.
    assert_eq!(cost.cycles, Cycles { compute: 112, stall: 2, ..Cycles::default() });
    let bits = |input, weight, output| ByOperand { input, weight, output };
    assert_eq!(cost.traffic.sram_read, bits(320 * 8, 2 * 160 * 4, 512 * 8));
    assert_eq!(cost.traffic.sram_write, bits(320 * 8, 160 * 4, 512 * 8));
    assert_eq!(cost.traffic.dram_read, bits(320 * 8, 160 * 4, 0));
    assert_eq!(cost.traffic.dram_write, bits(0, 0, 512 * 8));
    assert_eq!(cost.traffic.dram_total(), 7296);
    close(cost.energy.mac, 5120.0 * (0.163296876 - 0.0625));
    close(cost.energy.accumulator, 5120.0 * 0.075);
    let (kib_128, kib_64) = (38.0730788 / 64.0, 27.5945932 / 64.0);
    close(cost.energy.sram, (5120.0 + 1920.0) * kib_128 + 8192.0 * kib_64);
    close(cost.energy.dram, 7296.0 * 20.3125);
    assert_eq!((cost.energy.leakage, cost.energy.vector_unit), (0.0, 0.0));
    assert_eq!(cost.energy.reconfiguration, 0.0);
}

#[test]
fn without_double_buffering_transfer_and_compute_add() {
    let mut machine = edge();
    machine.memory.double_buffered = false;
    let cycles = machine.cost(&work(32, 16, 10)).cycles;
    assert_eq!(cycles, Cycles { compute: 112, stall: 114, ..Cycles::default() });
}

#[test]
fn an_operand_that_does_not_fit_is_fetched_once_per_fold_of_the_other() {
    let mut machine = edge();
    let (m, n, k) = (50, 40, 30);
    let fits = machine.cost(&work(m, n, k)).traffic;
    assert_eq!(fits.dram_read, ByOperand { input: 1500 * 8, weight: 1200 * 4, output: 0 });
    // Half of 2 · 12000 bits holds the input exactly; one bit less does not.
    machine.memory.sram_bits.input = 24_000;
    assert_eq!(machine.cost(&work(m, n, k)).traffic, fits);
    machine.memory.sram_bits.input = 23_998;
    machine.memory.sram_bits.weight = 2 * 4799;
    let streamed = machine.cost(&work(m, n, k)).traffic;
    assert_eq!(streamed.dram_read, ByOperand { input: 3 * 12_000, weight: 4 * 4_800, output: 0 });
    assert_eq!(streamed.sram_write.input, streamed.dram_read.input);
    assert_eq!(streamed.sram_read, fits.sram_read);
    machine.memory.double_buffered = false;
    assert_eq!(machine.cost(&work(m, n, k)).traffic, fits);
}

#[test]
fn unique_elements_of_a_convolution_are_what_dram_delivers() {
    let convolution =
        work(32, 16, 10).with_elements(ByOperand { input: 70, weight: 160, output: 512 }).unwrap();
    let traffic = edge().cost(&convolution).traffic;
    assert_eq!((traffic.dram_read.input, traffic.sram_write.input), (560, 560));
    assert_eq!(traffic.sram_read.input, 2560);
}

#[test]
fn a_narrow_sram_port_stalls_the_array() {
    let mut machine = edge();
    machine.memory.dram_bandwidth_bits_per_cycle = 1 << 20;
    machine.memory.sram_bandwidth_bits_per_cycle = 32;
    // Outputs are the most: 4096 bits at 32 a cycle.
    let cycles = machine.cost(&work(32, 16, 10)).cycles;
    assert_eq!(cycles, Cycles { compute: 112, stall: 16, ..Cycles::default() });
}

#[test]
fn zero_gating_saves_energy_but_no_cycles() {
    let sparse = work(32, 16, 10).with_nonzero_macs(1280).unwrap();
    let mut machine = edge();
    let gated = machine.cost(&sparse);
    machine.mac.zero_gating = false;
    let ungated = machine.cost(&sparse);
    assert_eq!(gated.cycles, ungated.cycles);
    close(ungated.energy.mac, 4.0 * gated.energy.mac);
    close(ungated.energy.accumulator, 4.0 * gated.energy.accumulator);
    assert_eq!(ungated, machine.cost(&work(32, 16, 10)));
}

#[test]
fn float32_streams_at_its_rate_and_costs_the_published_energies() {
    let shape = GemmShape { m: 32, n: 16, k: 10 };
    let cost = edge().cost(&GemmWork::float32(GemmKind::GradInput, shape).unwrap());
    assert_eq!(cost.cycles.compute, 2 * (30 + 40 + 16));
    close(cost.energy.mac, 5120.0 * 3.7);
    close(cost.energy.accumulator, 5120.0 * 0.9);
    assert_eq!(cost.traffic.dram_total(), (320 + 160 + 512) * 32);
}

#[test]
fn vector_work_takes_lanes_and_dram_bandwidth() {
    let mut machine = edge();
    let cost = machine.vector_cost(161, 6400);
    assert_eq!(cost.cycles, Cycles { vector: 11, stall: 89, ..Cycles::default() });
    close(cost.energy.vector_unit, 161.0 * 2.3);
    close(cost.energy.dram, 6400.0 * 20.3125);
    assert_eq!(cost.traffic.dram_total(), 6400);
    machine.memory.double_buffered = false;
    assert_eq!(machine.vector_cost(161, 6400).cycles.total(), 111);
    assert_eq!(machine.vector_cost(0, 0), Cost::default());
}

#[test]
fn reconfiguration_takes_its_latency_and_energy() {
    let mut machine = edge();
    machine.reconfiguration.energy_pj = 7.5;
    let cost = machine.reconfiguration_cost();
    assert_eq!(cost.cycles, Cycles { reconfigure: 64, ..Cycles::default() });
    assert_eq!(cost.energy.total(), 7.5);
}

#[test]
fn leakage_is_power_times_time() {
    let own = concat!(
        include_str!("../../../energy/horowitz-2014.csv"),
        "leakage,pe,,,,45,,,,,0.5,measured,yes\n"
    );
    let table = EnergyTable::from_csv(own, "own").unwrap();
    let mut machine = edge();
    machine.energy = EnergyModel::new(&table, 45, &DramEnergy::PicojoulesPerBit(0.0)).unwrap();
    // 256 · 0.5 mW for 114 cycles of 2 ns.
    close(machine.cost(&work(32, 16, 10)).energy.leakage, 128.0 * 114.0 * 2.0);
    close(machine.reconfiguration_cost().energy.leakage, 128.0 * 64.0 * 2.0);
}

#[test]
fn a_product_with_a_zero_dimension_costs_nothing() {
    for (m, n, k) in [(0, 5, 5), (5, 0, 5), (5, 5, 0), (0, 0, 0)] {
        assert_eq!(edge().cost(&work(m, n, k)), Cost::default());
    }
}

#[test]
fn the_largest_product_on_the_smallest_machine_does_not_overflow() {
    let mut machine = edge();
    machine.array = Array { rows: 1, columns: 1 };
    machine.memory.sram_bits = ByOperand { input: 64, weight: 64, output: 64 };
    machine.memory.sram_bandwidth_bits_per_cycle = 1;
    machine.memory.dram_bandwidth_bits_per_cycle = 1;
    machine.memory.double_buffered = false;
    let side = 1 << 20;
    let bits = ByOperand { input: 32, weight: 32, output: 32 };
    let shape = GemmShape { m: side, n: side, k: side };
    let work = GemmWork::fixed(GemmKind::Forward, shape, bits, 84).unwrap();
    let cost = machine.cost(&work);
    let cube = 1u128 << 60;
    assert_eq!(cost.traffic.dram_read.input, cube * 32);
    assert_eq!(cost.cycles.total(), cube * 32 + (2 * cube + (1 << 40)) * 32);
}

/// A dimension: small, at a fold's edge or large.
fn dimension() -> impl Strategy<Value = u64> {
    prop_oneof![1u64..40, 1u64..2000, 1u64..=1 << 20]
}

prop_compose! {
    fn any_machine()(
        rows in 1u32..300, columns in 1u32..300, double_buffered: bool,
        sram in prop::array::uniform3(64u64..1 << 30),
        sram_bandwidth in 1u64..10_000, dram_bandwidth in 1u64..10_000,
        float32_macs_per_cycle in 0.01f64..=1.0,
    ) -> Machine {
        let mut machine = edge();
        machine.array = Array { rows, columns };
        machine.mac.float32_macs_per_cycle = float32_macs_per_cycle;
        machine.memory.sram_bits = ByOperand { input: sram[0], weight: sram[1], output: sram[2] };
        machine.memory.sram_bandwidth_bits_per_cycle = sram_bandwidth;
        machine.memory.dram_bandwidth_bits_per_cycle = dram_bandwidth;
        machine.memory.double_buffered = double_buffered;
        machine
    }
}

prop_compose! {
    fn any_work()(
        m in dimension(), n in dimension(), k in dimension(),
        bits in prop::array::uniform3(1u32..=32), accumulator in 1u32..=84, fixed: bool,
    ) -> GemmWork {
        let shape = GemmShape { m, n, k };
        let bits = ByOperand { input: bits[0], weight: bits[1], output: bits[2] };
        if fixed {
            GemmWork::fixed(GemmKind::GradWeight, shape, bits, accumulator).unwrap()
        } else {
            GemmWork::float32(GemmKind::GradWeight, shape).unwrap()
        }
    }
}

proptest! {
    #[test]
    fn no_product_beats_the_array_or_the_memory(machine in any_machine(), work in any_work()) {
        let cost = machine.cost(&work);
        let elements = u128::from(machine.array.processing_elements());
        prop_assert!(cost.cycles.compute >= u128::from(work.macs()).div_ceil(elements));
        let memory = machine.memory;
        let transfer = u128::from(memory.dram_bandwidth_bits_per_cycle);
        prop_assert!(cost.cycles.total() >= cost.traffic.dram_total().div_ceil(transfer));
        let port = u128::from(memory.sram_bandwidth_bits_per_cycle);
        for bits in [cost.traffic.sram_read.input, cost.traffic.sram_read.weight] {
            prop_assert!(cost.cycles.total() >= bits.div_ceil(port));
        }
        let used = cost.cycles.utilisation(work.macs(), elements as u64).unwrap();
        prop_assert!(used > 0.0 && used <= 1.0, "{used}");
        for (name, pj) in crate::energy::Energy::COMPONENTS.iter().zip(cost.energy.values()) {
            prop_assert!(pj.is_finite() && pj >= 0.0, "{name}: {pj}");
        }
        let words = work.elements().zip(work.bits(), |n, bits| u128::from(n) * u128::from(bits));
        prop_assert!(cost.traffic.dram_read.input >= words.input);
        prop_assert!(cost.traffic.dram_read.weight >= words.weight);
        prop_assert_eq!(cost.traffic.dram_write.output, words.output);
    }

    #[test]
    fn more_bandwidth_or_sram_is_never_slower(
        machine in any_machine(), work in any_work(), more in 1u64..10_000,
    ) {
        let before = machine.cost(&work);
        let mut machines = vec![machine.clone(); 4];
        machines[0].memory.dram_bandwidth_bits_per_cycle += more;
        machines[1].memory.sram_bandwidth_bits_per_cycle += more;
        machines[2].memory.sram_bits = machine.memory.sram_bits.map(|bits| bits + more);
        machines[3].memory.sram_bits = machine.memory.sram_bits.map(|bits| bits * 1000);
        for machine in machines {
            let after = machine.cost(&work);
            prop_assert!(after.cycles.total() <= before.cycles.total());
            prop_assert!(after.traffic.dram_total() <= before.traffic.dram_total());
        }
    }

    #[test]
    fn shorter_words_never_move_more_or_take_longer(
        machine in any_machine(), m in dimension(), n in dimension(), k in dimension(),
        wl in 2u32..=32,
    ) {
        let cost = |wl| {
            let bits = ByOperand { input: wl, weight: wl, output: wl };
            let shape = GemmShape { m, n, k };
            machine.cost(&GemmWork::fixed(GemmKind::Forward, shape, bits, 32).unwrap())
        };
        let (long, short) = (cost(wl), cost(wl - 1));
        prop_assert!(short.traffic.dram_total() < long.traffic.dram_total());
        prop_assert!(short.cycles.total() <= long.cycles.total());
        prop_assert!(short.energy.total() < long.energy.total());
    }
}
