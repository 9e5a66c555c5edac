//! Circuits by hand, on arrays of 3 rows and 4 columns.

use super::*;
use crate::timing::Array;

const SIDE: [u64; 2] = [3, 4];

fn fold(circuit: Circuit, keeps_sums: bool) -> FoldCycles {
    circuit.fold(if keeps_sums { 0 } else { 3 }, keeps_sums, SIDE, 2)
}

#[test]
fn every_key_has_its_cycles() {
    let usual = Circuit::default();
    assert_eq!(fold(usual, true), FoldCycles { load: 0, fill: 5, drain: 3 });
    assert_eq!(fold(usual, false), FoldCycles { load: 3, fill: 5, drain: 1 });
    let registers =
        Circuit { input_registers: 1, multiplier_latency: 2, accumulator_latency: 4, ..usual };
    assert_eq!(fold(registers, true).fill, 5 + 7);
    assert_eq!(fold(Circuit { row_hop: 2, ..usual }, false).fill, 2 * 2 + 3);
    assert_eq!(fold(Circuit { leave_early: true, ..usual }, false).fill, 2 + 1);
    assert_eq!(fold(Circuit { broadcast: true, ..usual }, true).fill, 0);
    assert_eq!(fold(Circuit { switch_cycles: 1, ..usual }, false).load, 4);
    let drain = |drain, keeps_sums| fold(Circuit { drain, ..usual }, keeps_sums).drain;
    assert_eq!([Drain::Rows, Drain::Columns, Drain::None].map(|way| drain(way, true)), [3, 4, 0]);
    assert_eq!([Drain::Register, Drain::None].map(|way| drain(way, false)), [1, 0]);
    let staging = Some(Staging { rows: 10, tile_cycles: 5, product_cycles: 2 });
    let staged = fold(Circuit { staging, ..usual }, false);
    assert_eq!(staged, FoldCycles { load: 3 + 10 + 3, fill: 5, drain: 1 + 10 + 5 });
}

#[test]
fn a_common_drain_waits_for_the_last_processing_element() {
    let circuit = Circuit {
        drain_start: DrainStart::AfterLast,
        accumulator_latency: 1,
        ..Circuit::default()
    };
    let with = |overlap_load, overlap_drain| Array {
        overlap_load,
        overlap_drain,
        circuit,
        ..Array::new(3, 4)
    };
    let fold = fold(circuit, true);
    assert_eq!(fold, FoldCycles { load: 0, fill: 6, drain: 3 });
    // R + C + LA + 1.
    assert_eq!(circuit.least_interval(SIDE), 9);
    assert_eq!(fold.interval(2, with(true, true)), 9);
    assert_eq!(fold.interval(20, with(true, true)), 20);
    assert_eq!(fold.interval(2, with(false, true)), 9);
    assert_eq!(fold.interval(2, with(true, false)), 6 + 2 + 3);
    assert_eq!(fold.interval(2, with(false, false)), 6 + 2 + 3);
}

#[test]
fn sums_that_are_fed_back_at_the_top_are_waited_for() {
    let with = |partial_sums| Array {
        overlap_load: true,
        overlap_drain: true,
        circuit: Circuit { partial_sums, ..Circuit::default() },
        ..Array::new(3, 4)
    };
    let fold = fold(Circuit::default(), false);
    for (place, interval) in
        [(PartialSums::Carried, 4), (PartialSums::Top, 6), (PartialSums::Below, 4)]
    {
        assert_eq!(fold.interval_of_sums(4, with(place)), interval);
        assert_eq!(fold.interval(4, with(place)), 4);
        assert_eq!(fold.interval_of_sums(40, with(place)), 40);
    }
}
