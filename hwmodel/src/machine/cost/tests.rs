mod properties;

use super::*;
use crate::energy::{DramEnergy, EnergyModel, EnergyTable};
use crate::machine::{Array, Dataflow, Reuse};
use crate::product::{ByOperand, GemmKind, GemmShape};

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
    assert_eq!(cost.traffic.sram_read_bits, bits(320 * 8, 2 * 160 * 4, 512 * 8));
    assert_eq!(cost.traffic.sram_write_bits, bits(320 * 8, 160 * 4, 512 * 8));
    assert_eq!(cost.traffic.dram_read_bits, bits(320 * 8, 160 * 4, 0));
    assert_eq!(cost.traffic.dram_write_bits, bits(0, 0, 512 * 8));
    assert_eq!(cost.traffic.dram_total_bits(), 7296);
    close(cost.energy.mac_pj, 5120.0 * (0.163296876 - 0.0625));
    close(cost.energy.accumulator_pj, 5120.0 * 0.075);
    let (kib_128, kib_64) = (38.0730788 / 64.0, 27.5945932 / 64.0);
    close(cost.energy.sram_pj, (5120.0 + 1920.0) * kib_128 + 8192.0 * kib_64);
    close(cost.energy.dram_pj, 7296.0 * 20.3125);
    assert_eq!((cost.energy.leakage_pj, cost.energy.vector_unit_pj), (0.0, 0.0));
    assert_eq!(cost.energy.reconfiguration_pj, 0.0);
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
    assert_eq!(fits.dram_read_bits, ByOperand { input: 1500 * 8, weight: 1200 * 4, output: 0 });
    // Half of 2 · 12000 bits holds the input exactly; one bit less does not.
    machine.memory.sram_bits.input = 24_000;
    assert_eq!(machine.cost(&work(m, n, k)).traffic, fits);
    machine.memory.sram_bits.input = 23_998;
    machine.memory.sram_bits.weight = 2 * 4799;
    let streamed = machine.cost(&work(m, n, k)).traffic;
    assert_eq!(
        streamed.dram_read_bits,
        ByOperand { input: 3 * 12_000, weight: 4 * 4_800, output: 0 }
    );
    assert_eq!(streamed.sram_write_bits.input, streamed.dram_read_bits.input);
    assert_eq!(streamed.sram_read_bits, fits.sram_read_bits);
    machine.memory.double_buffered = false;
    assert_eq!(machine.cost(&work(m, n, k)).traffic, fits);
}

#[test]
fn unique_elements_of_a_convolution_are_what_dram_delivers() {
    let convolution =
        work(32, 16, 10).with_elements(ByOperand { input: 70, weight: 160, output: 512 }).unwrap();
    let traffic = edge().cost(&convolution).traffic;
    assert_eq!((traffic.dram_read_bits.input, traffic.sram_write_bits.input), (560, 560));
    assert_eq!(traffic.sram_read_bits.input, 2560);
}

#[test]
fn a_narrow_sram_port_stalls_the_array() {
    let mut machine = edge();
    machine.memory.dram_bandwidth_bits_per_cycle = 1 << 20;
    machine.memory.sram_bandwidth_bits_per_cycle = ByOperand { input: 32, weight: 32, output: 32 };
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
    close(ungated.energy.mac_pj, 4.0 * gated.energy.mac_pj);
    close(ungated.energy.accumulator_pj, 4.0 * gated.energy.accumulator_pj);
    assert_eq!(ungated, machine.cost(&work(32, 16, 10)));
}

#[test]
fn float32_streams_at_its_rate_and_costs_the_published_energies() {
    let shape = GemmShape { m: 32, n: 16, k: 10 };
    let cost = edge().cost(&GemmWork::float32(GemmKind::GradInput, shape).unwrap());
    assert_eq!(cost.cycles.compute, 2 * (30 + 40 + 16));
    close(cost.energy.mac_pj, 5120.0 * 3.7);
    close(cost.energy.accumulator_pj, 5120.0 * 0.9);
    assert_eq!(cost.traffic.dram_total_bits(), (320 + 160 + 512) * 32);
}

#[test]
fn vector_work_takes_lanes_and_dram_bandwidth() {
    let mut machine = edge();
    let cost = machine.vector_cost(161, 6400);
    assert_eq!(cost.cycles, Cycles { vector: 11, stall: 89, ..Cycles::default() });
    close(cost.energy.vector_unit_pj, 161.0 * 2.3);
    close(cost.energy.dram_pj, 6400.0 * 20.3125);
    assert_eq!(cost.traffic.dram_total_bits(), 6400);
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
    assert_eq!(cost.energy.total_pj(), 7.5);
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
    close(machine.cost(&work(32, 16, 10)).energy.leakage_pj, 128.0 * 114.0 * 2.0);
    close(machine.reconfiguration_cost().energy.leakage_pj, 128.0 * 64.0 * 2.0);
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
    machine.array = Array::new(1, 1);
    machine.memory.sram_bits = ByOperand { input: 64, weight: 64, output: 64 };
    machine.memory.sram_bandwidth_bits_per_cycle = ByOperand { input: 1, weight: 1, output: 1 };
    machine.memory.dram_bandwidth_bits_per_cycle = 1;
    machine.memory.double_buffered = false;
    let side = 1 << 20;
    let bits = ByOperand { input: 32, weight: 32, output: 32 };
    let shape = GemmShape { m: side, n: side, k: side };
    let work = GemmWork::fixed(GemmKind::Forward, shape, bits, 84).unwrap();
    let cost = machine.cost(&work);
    let cube = 1u128 << 60;
    assert_eq!(cost.traffic.dram_read_bits.input, cube * 32);
    assert_eq!(cost.cycles.total(), cube * 32 + (2 * cube + (1 << 40)) * 32);
}

#[test]
fn weight_stationary_partial_sums_go_through_the_output_sram() {
    let mut machine = edge();
    machine.dataflow = Dataflow::WeightStationary;
    // K = 40 in 16 rows: three folds, two partial sums of 24 bits for each of 32 · 16 outputs.
    let cost = machine.cost(&work(32, 16, 40));
    assert_eq!(cost.cycles.compute, 3 * (16 + 30 + 32 + 1));
    let partial_sums = 2 * 512 * 24;
    let output = 512 * 8;
    assert_eq!(cost.traffic.sram_write_bits.output, partial_sums + output);
    assert_eq!(cost.traffic.sram_read_bits.output, partial_sums + output);
    assert_eq!(cost.traffic.array_side_bits().output, 2 * partial_sums + output);
    assert_eq!(cost.traffic.sram_read_bits.input, 32 * 40 * 8);
    assert_eq!(cost.traffic.sram_read_bits.weight, 40 * 16 * 4);
    assert_eq!(cost.traffic.dram_write_bits.output, output);
    machine.memory.sram_bandwidth_bits_per_cycle.output = 64;
    machine.memory.dram_bandwidth_bits_per_cycle = 1 << 20;
    // 53248 bits through a port of 64.
    assert_eq!(machine.cost(&work(32, 16, 40)).cycles.total(), 832);
}

#[test]
fn a_strip_of_weights_that_fits_is_fetched_once() {
    let mut machine = edge();
    // 40 x 64 weights of 4 bits are 10240 bits; a strip of 16 columns is 2560, half of 5120.
    machine.memory.sram_bits.weight = 5120;
    let product = work(100, 64, 40);
    assert_eq!(machine.cost(&product).traffic.dram_read_bits.weight, 7 * 10_240);
    machine.memory.reuse = Reuse::Strip;
    assert_eq!(machine.cost(&product).traffic.dram_read_bits.weight, 10_240);
    machine.memory.sram_bits.weight = 5118;
    assert_eq!(machine.cost(&product).traffic.dram_read_bits.weight, 7 * 10_240);
    // A right operand of 1200 unique elements in a matrix of 2560 comes once for every strip it lies in.
    let gradient = product.with_elements(ByOperand { weight: 1200, ..product.elements() }).unwrap();
    assert_eq!(machine.cost(&gradient).traffic.dram_read_bits.weight, 7 * 4800);
    machine.memory.sram_bits.weight = 5120;
    assert_eq!(machine.cost(&gradient).traffic.dram_read_bits.weight, 10_240);
    machine.memory.sram_bits.weight = 9600;
    assert_eq!(machine.cost(&gradient).traffic.dram_read_bits.weight, 4800);
}

#[test]
fn skipped_zeros_save_cycles_up_to_the_limit() {
    let mut machine = edge();
    machine.mac.zero_gating = false;
    machine.mac.zero_skip_limit = 4;
    let cycles = |nonzero| {
        let work = work(32, 16, 40).with_nonzero_macs(nonzero).unwrap();
        machine.cost(&work).cycles.compute
    };
    let macs = 32 * 16 * 40;
    assert_eq!(cycles(macs), 2 * (30 + 40 + 16));
    assert_eq!(cycles(macs / 2), 2 * (30 + 20 + 16));
    assert_eq!(cycles(0), 2 * (30 + 10 + 16));
    let sparse = work(32, 16, 40).with_nonzero_macs(100).unwrap();
    close(machine.cost(&sparse).energy.accumulator_pj, 100.0 * 0.075);
}

#[test]
fn a_depthwise_convolution_wastes_the_array() {
    let machine = edge();
    let depthwise = work(1024, 1, 9).with_groups(64).unwrap();
    let cost = machine.cost(&depthwise);
    // 64 folds of fill 30, stream 9 and drain 16 for each group; one column of 16 works.
    assert_eq!(cost.cycles.compute, 64 * 64 * 55);
    let used = machine.utilisation(&depthwise, &cost).unwrap();
    assert!(used < 9.0 / 55.0 / 16.0 + 1e-9, "{used}");
}

#[test]
fn utilisation_counts_the_slots_of_the_style() {
    let mut fusion = Machine::builtin("bit-fusion-like-32x16").unwrap();
    fusion.memory.dram_bandwidth_bits_per_cycle = 1 << 20;
    let bits = ByOperand { input: 2, weight: 2, output: 8 };
    let shape = GemmShape { m: 100_000, n: 16, k: 512 };
    let work = GemmWork::fixed(GemmKind::Forward, shape, bits, 32).unwrap();
    let schedule = fusion.schedule(&work);
    // 16 products of 2 bits in each of 32 rows: all 512 terms in one fold.
    assert_eq!((schedule.row_folds, schedule.partial_sums), (1, 0));
    assert_eq!(schedule.compute_cycles(fusion.array()), 32 + 46 + 100_000 + 1);
    let cost = fusion.cost(&work);
    assert!(cost.cycles.utilisation(work.macs(), 512).unwrap() > 1.0);
    let used = fusion.utilisation(&work, &cost).unwrap();
    assert!(used > 0.5 && used <= 1.0, "{used}");
}

/// 8-bit words stand two by two in a DSP slice, 9-bit ones alone: the strip is as wide for both.
#[test]
fn packed_words_never_move_more_than_longer_ones() {
    let mut machine = Machine::builtin("fpga-dsp-48x48").unwrap();
    machine.array = Array { rows: 1, columns: 1, ..machine.array };
    machine.memory.reuse = Reuse::Strip;
    machine.memory.double_buffered = true;
    machine.dataflow = Dataflow::OutputStationary;
    let shape = GemmShape { m: 1000, n: 2, k: 3 };
    let cost = |machine: &Machine, bits| {
        let bits = ByOperand { input: bits, weight: bits, output: bits };
        machine.cost(&GemmWork::fixed(GemmKind::Forward, shape, bits, 32).unwrap())
    };
    // Half of the SRAM holds less than three weights of two columns, exactly these, all of 9 bits.
    for (sram_bits, short, long) in [(80, 48_000, 54_000), (96, 48, 54_000), (108, 48, 54)] {
        machine.memory.sram_bits.weight = sram_bits;
        let (eight, nine) = (cost(&machine, 8), cost(&machine, 9));
        assert_eq!(
            (eight.traffic.dram_read_bits.weight, nine.traffic.dram_read_bits.weight),
            (short, long)
        );
        assert!(eight.cycles.total() <= nine.cycles.total());
    }
}

/// MobileNetV2's `stage7.0.depthwise` on 4 x 4 pixels: 960 groups of one channel.
#[test]
fn folds_of_groups_follow_one_another_as_folds_of_one_product_do() {
    let mut machine = Machine::builtin("tpu-like-256x256").unwrap();
    let group = work(16, 1, 9);
    let compute = |machine: &Machine, groups| {
        machine.cost(&group.with_groups(groups).unwrap()).cycles.compute
    };
    // Alone: 256 to load, 510 of skew, 16 to stream, 1 to drain.
    assert_eq!(compute(&machine, 1), 783);
    // Overlapped: the next group's weights are loaded meanwhile, which takes longer than the stream.
    assert_eq!(compute(&machine, 960), 959 * 256 + 783);
    // As many folds of one product take as long.
    let columns = GemmShape { m: 16, n: 960 * 256, k: 9 };
    let one = GemmWork::fixed(GemmKind::Forward, columns, BITS, 24).unwrap();
    assert_eq!(machine.cost(&one).cycles.compute, 246_287);
    machine.array.overlap_load = false;
    machine.array.overlap_drain = false;
    assert_eq!(compute(&machine, 960), 960 * 783);
}
