//! Sample rows, and what their tests have in common.

mod columns;
mod reading;
mod writing;

use super::*;
use crate::precision::{ControllerReport, Strategy};
use hwmodel::counters::{ByRole, Counters};
use hwmodel::energy::Energy;
use hwmodel::number::accumulator::{AccumulatorBits, InnerBits};
use hwmodel::product::{ByOperand, GemmKind, GemmShape};
use hwmodel::timing::{Cycles, Traffic};
use hwmodel::{Format, Overflow};
use std::path::Path;

fn by_role(first: u64) -> ByRole {
    ByRole { weight: first, activation: first + 1, gradient: first + 2, output: first + 3 }
}

fn by_operand(first: u128) -> ByOperand<u128> {
    ByOperand { input: first, weight: first + 1, output: first + 2 }
}

/// A row with another value in each field.
fn gemm_row() -> GemmRow {
    let format = |wl, fl| Format::new(wl, fl).unwrap();
    GemmRow {
        step: 1,
        epoch: 2,
        layer: "stage 1, \"conv\"".into(),
        kind: GemmKind::GradInput,
        formats: Some(ByOperand {
            input: format(8, -4),
            weight: format(7, 6),
            output: format(9, 12),
        }),
        accumulator: AccumulatorBits { outer: 24, inner: Some(InnerBits { bits: 16, terms: 4 }) },
        accumulator_source: AccumulatorSource::Run,
        overflow: Overflow::Wrap,
        shape: GemmShape { m: 31, n: 32, k: 33 },
        groups: 34,
        elements: ByOperand { input: 45, weight: 46, output: 47 },
        weight_elements: 40,
        weight_nonzero: 35,
        controller: ControllerReport {
            lookback: Some(36),
            resolution: Some(37),
            strategy: Some(Strategy::Mean),
            diversity: Some(1.5),
            kl: Some(1e-7),
            switched: true,
        },
        stepped_outputs: 41,
        counters: Counters {
            macs: 42,
            nonzero_macs: 43,
            bit_operations: u128::MAX,
            accumulator_events: 44,
            quantised: by_role(50),
            saturated: by_role(60),
            flushed_to_zero: by_role(70),
            // The trace has no column for it.
            random_bits: 0,
            cycles: Cycles { compute: 80, stall: 81, vector: 82, reconfigure: 83 },
            traffic: Traffic {
                sram_read_bits: by_operand(90),
                sram_write_bits: by_operand(100),
                dram_read_bits: by_operand(110),
                dram_write_bits: by_operand(120),
                vector_dram_bits: 130,
            },
            energy: Energy {
                mac_pj: 0.1,
                accumulator_pj: 0.2,
                sram_pj: 0.3,
                dram_pj: 1e20,
                vector_unit_pj: 0.5,
                leakage_pj: 0.6,
                reconfiguration_pj: 0.7,
            },
        },
        micro_batch_nonzero_macs: vec![20, 23],
        vector_operations: 48,
        reconfigurations: 1,
        pes: 256,
        update: UpdateCost { operations: 140, dram_bits: 141, cycles: 142, energy_pj: 0.8 },
    }
}

fn step_row() -> StepRow {
    StepRow {
        step: 1,
        epoch: 2,
        loss: 2.5,
        cross_entropy: 2.25,
        penalty: Some(0.25),
        batch_accuracy: 0.125,
        gradient_norm: 0.1,
        learning_rate: 0.05,
    }
}

fn evaluation_row() -> EvaluationRow {
    EvaluationRow { step: 2, epoch: 3, test_loss: 2.125, top1: 0.375, learning_rate: 0.025 }
}

fn rows() -> Vec<Row> {
    let float32 = GemmRow {
        formats: None,
        controller: ControllerReport::default(),
        layer: "line\nbreak".into(),
        ..gemm_row()
    };
    vec![
        Row::Gemm(gemm_row()),
        Row::Gemm(float32),
        Row::Gemm(GemmRow::default()),
        Row::Step(step_row()),
        Row::Step(StepRow { penalty: None, loss: f64::INFINITY, ..step_row() }),
        Row::Evaluation(evaluation_row()),
    ]
}

fn write(path: &Path, rows: &[Row]) {
    let mut writer = TraceWriter::create(path).unwrap();
    rows.iter().for_each(|row| writer.write(row).unwrap());
    writer.finish().unwrap();
}

fn read(path: &Path) -> Result<Vec<Row>, TraceError> {
    TraceReader::open(path)?.collect()
}
