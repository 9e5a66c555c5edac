//! The columns of each kind of row, in the order of the header.

use super::cell::{Cell, WordRange};
use super::row::{EvaluationRow, GemmRow, StepRow};
use hwmodel::Format;
use hwmodel::product::ByOperand;

/// Sets a value of a row from the text of its cell, or says why it cannot.
type Parse<R> = fn(&mut R, &str) -> Result<(), String>;

/// One column of rows of type `R`.
pub(super) struct Column<R> {
    /// Name in the header.
    pub(super) name: &'static str,
    /// Appends the text of a row's cell.
    pub(super) print: fn(&R, &mut String),
    /// `None` if the value follows from other columns.
    pub(super) parse: Option<Parse<R>>,
}

/// A column that holds a field of the row.
macro_rules! field {
    ($name:literal, $($field:ident).+) => {
        Column {
            name: $name,
            print: |row, text| row.$($field).+.print(text),
            parse: Some(|row, text| {
                row.$($field).+ = Cell::parse(text)?;
                Ok(())
            }),
        }
    };
}

/// A column that is computed from the row.
macro_rules! computed {
    ($name:literal, $value:expr) => {
        Column {
            name: $name,
            print: |row, text| {
                let value: fn(&GemmRow) -> _ = $value;
                value(row).print(text);
            },
            parse: None,
        }
    };
}

const FLOAT32_BITS: u32 = 32;

/// The word length that `operand` selects, in bits.
fn word_length(row: &GemmRow, operand: fn(ByOperand<Format>) -> Format) -> u32 {
    row.formats.map_or(FLOAT32_BITS, |formats| operand(formats).wl())
}

/// The fractional length that `operand` selects, in bits.
fn fractional_length(row: &GemmRow, operand: fn(ByOperand<Format>) -> Format) -> Option<i32> {
    row.formats.map(|formats| operand(formats).fl())
}

/// Whether the words that `operand` selects have a sign, and all their values; `None` in float32.
fn range(row: &GemmRow, operand: fn(ByOperand<Format>) -> Format) -> Option<WordRange> {
    row.formats.map(|formats| WordRange::of(operand(formats)))
}

/// Columns of [`GemmRow`]. The formats are read together by the codec.
pub(super) const GEMM: &[Column<GemmRow>] = &[
    field!("step", step),
    field!("epoch", epoch),
    field!("layer", layer),
    field!("gemm", kind),
    computed!("number_system", |row| String::from(match row.formats {
        Some(_) => "fixed",
        None => "float32",
    })),
    computed!("wl_input", |row| word_length(row, |formats| formats.input)),
    computed!("fl_input", |row| fractional_length(row, |formats| formats.input)),
    computed!("range_input", |row| range(row, |formats| formats.input)),
    computed!("wl_weight", |row| word_length(row, |formats| formats.weight)),
    computed!("fl_weight", |row| fractional_length(row, |formats| formats.weight)),
    computed!("range_weight", |row| range(row, |formats| formats.weight)),
    computed!("wl_output", |row| word_length(row, |formats| formats.output)),
    computed!("fl_output", |row| fractional_length(row, |formats| formats.output)),
    computed!("range_output", |row| range(row, |formats| formats.output)),
    field!("accumulator_bits", accumulator.outer),
    field!("accumulator_inner", accumulator.inner),
    field!("accumulator_source", accumulator_source),
    field!("overflow", overflow),
    field!("m", shape.m),
    field!("n", shape.n),
    field!("k", shape.k),
    field!("groups", groups),
    field!("elements_input", elements.input),
    field!("elements_weight", elements.weight),
    field!("elements_output", elements.output),
    field!("weight_elements", weight_elements),
    field!("weight_nonzero", weight_nonzero),
    computed!("sparsity", GemmRow::sparsity),
    field!("lookback", controller.lookback),
    field!("resolution", controller.resolution),
    field!("strategy", controller.strategy),
    field!("diversity", controller.diversity),
    field!("kl", controller.kl),
    field!("switched", controller.switched),
    field!("stepped_outputs", stepped_outputs),
    field!("macs", counters.macs),
    field!("nonzero_macs", counters.nonzero_macs),
    field!("micro_batch_nonzero_macs", micro_batch_nonzero_macs),
    field!("bit_operations", counters.bit_operations),
    field!("accumulator_events", counters.accumulator_events),
    field!("vector_operations", vector_operations),
    field!("reconfigurations", reconfigurations),
    field!("quantised_weight", counters.quantised.weight),
    field!("quantised_activation", counters.quantised.activation),
    field!("quantised_gradient", counters.quantised.gradient),
    field!("quantised_output", counters.quantised.output),
    field!("saturated_weight", counters.saturated.weight),
    field!("saturated_activation", counters.saturated.activation),
    field!("saturated_gradient", counters.saturated.gradient),
    field!("saturated_output", counters.saturated.output),
    field!("flushed_to_zero_weight", counters.flushed_to_zero.weight),
    field!("flushed_to_zero_activation", counters.flushed_to_zero.activation),
    field!("flushed_to_zero_gradient", counters.flushed_to_zero.gradient),
    field!("flushed_to_zero_output", counters.flushed_to_zero.output),
    field!("compute_cycles", counters.cycles.compute),
    field!("stall_cycles", counters.cycles.stall),
    field!("vector_cycles", counters.cycles.vector),
    field!("reconfigure_cycles", counters.cycles.reconfigure),
    computed!("total_cycles", |row| row.counters.cycles.total()),
    field!("processing_elements", pes),
    computed!("utilisation", GemmRow::utilisation),
    field!("sram_read_input_bits", counters.traffic.sram_read_bits.input),
    field!("sram_read_weight_bits", counters.traffic.sram_read_bits.weight),
    field!("sram_read_output_bits", counters.traffic.sram_read_bits.output),
    field!("sram_write_input_bits", counters.traffic.sram_write_bits.input),
    field!("sram_write_weight_bits", counters.traffic.sram_write_bits.weight),
    field!("sram_write_output_bits", counters.traffic.sram_write_bits.output),
    field!("dram_read_input_bits", counters.traffic.dram_read_bits.input),
    field!("dram_read_weight_bits", counters.traffic.dram_read_bits.weight),
    field!("dram_read_output_bits", counters.traffic.dram_read_bits.output),
    field!("dram_write_input_bits", counters.traffic.dram_write_bits.input),
    field!("dram_write_weight_bits", counters.traffic.dram_write_bits.weight),
    field!("dram_write_output_bits", counters.traffic.dram_write_bits.output),
    field!("dram_vector_bits", counters.traffic.vector_dram_bits),
    field!("energy_mac_pj", counters.energy.mac_pj),
    field!("energy_accumulator_pj", counters.energy.accumulator_pj),
    field!("energy_sram_pj", counters.energy.sram_pj),
    field!("energy_dram_pj", counters.energy.dram_pj),
    field!("energy_vector_unit_pj", counters.energy.vector_unit_pj),
    field!("energy_leakage_pj", counters.energy.leakage_pj),
    field!("energy_reconfiguration_pj", counters.energy.reconfiguration_pj),
    computed!("energy_total_pj", |row| row.counters.energy.total_pj()),
    field!("update_operations", update.operations),
    field!("update_dram_bits", update.dram_bits),
    field!("update_cycles", update.cycles),
    field!("update_energy_pj", update.energy_pj),
];

/// Columns that only steps and evaluations fill, after those of [`GEMM`].
pub(super) const LOSS: &[&str] = &[
    "loss",
    "cross_entropy",
    "penalty",
    "batch_accuracy",
    "gradient_norm",
    "test_loss",
    "top1",
    "learning_rate",
];

/// Columns of [`StepRow`].
pub(super) const STEP: &[Column<StepRow>] = &[
    field!("step", step),
    field!("epoch", epoch),
    field!("loss", loss),
    field!("cross_entropy", cross_entropy),
    field!("penalty", penalty),
    field!("batch_accuracy", batch_accuracy),
    field!("gradient_norm", gradient_norm),
    field!("learning_rate", learning_rate),
];

/// Columns of [`EvaluationRow`].
pub(super) const EVALUATION: &[Column<EvaluationRow>] = &[
    field!("step", step),
    field!("epoch", epoch),
    field!("test_loss", test_loss),
    field!("top1", top1),
    field!("learning_rate", learning_rate),
];
