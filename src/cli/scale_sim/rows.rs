//! SCALE-Sim's results as CSV and JSON rows.

use hwmodel::product::ByOperand;
use hwmodel::scale_sim::quirks::QuirkEffect;
use hwmodel::scale_sim::{Accesses, Config, Interface, LayerResult};
use serde::Serialize;

/// Everything about a run.
#[derive(Debug, Serialize)]
pub(super) struct ScaleSimReport {
    schema: u32,
    array_rows: u64,
    array_columns: u64,
    dataflow: String,
    /// `CALC` or `USER`.
    interface: &'static str,
    /// Words of each buffer.
    sram_words: ByOperand<u64>,
    pub(super) layers: Vec<Row>,
    /// What SCALE-Sim's rules change, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    quirks: Option<Vec<Effect>>,
}

/// A layer, with the numbers of SCALE-Sim's three reports.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    layer: String,
    total_cycles_with_prefetch: i64,
    total_cycles: i64,
    stall_cycles: i64,
    overall_utilisation_percent: f64,
    mapping_efficiency_percent: f64,
    compute_utilisation_percent: f64,
    sram: ByOperand<Transfers>,
    dram: ByOperand<Transfers>,
}

/// Transfers of an operand, and their cycles.
#[derive(Debug, Clone, Copy, Serialize)]
struct Transfers {
    words: u64,
    start_cycle: i64,
    stop_cycle: i64,
    words_per_cycle: f64,
}

/// A number that a quirk changes.
#[derive(Debug, Serialize)]
struct Effect {
    quirk: String,
    number: usize,
    layer: String,
    quantity: &'static str,
    scale_sim: f64,
    hardware: f64,
}

impl ScaleSimReport {
    pub(super) fn new(
        config: &Config,
        layers: &[LayerResult],
        effects: Option<&[QuirkEffect]>,
    ) -> Self {
        let effect = |effect: &QuirkEffect| Effect {
            quirk: effect.quirk.to_string(),
            number: effect.quirk.number(),
            layer: layers[effect.layer].name.clone(),
            quantity: effect.quantity,
            scale_sim: effect.scale_sim,
            hardware: effect.hardware,
        };
        Self {
            schema: 1,
            array_rows: config.array.rows.get().into(),
            array_columns: config.array.columns.get().into(),
            dataflow: config.dataflow.to_string(),
            interface: match config.interface {
                Interface::Calculated => "CALC",
                Interface::User(_) => "USER",
            },
            sram_words: config.sram_words,
            layers: layers.iter().map(Row::new).collect(),
            quirks: effects.map(|effects| effects.iter().map(effect).collect()),
        }
    }
}

impl Row {
    fn new(layer: &LayerResult) -> Self {
        let rates = layer.sram_bandwidth();
        let sram = |accesses: Accesses, words_per_cycle| Transfers {
            words: accesses.count,
            start_cycle: accesses.start,
            stop_cycle: accesses.stop,
            words_per_cycle,
        };
        Self {
            layer: layer.name.clone(),
            total_cycles_with_prefetch: layer.total_cycles_with_prefetch,
            total_cycles: layer.total_cycles,
            stall_cycles: layer.stall_cycles,
            overall_utilisation_percent: layer.overall_utilisation,
            mapping_efficiency_percent: layer.mapping_efficiency,
            compute_utilisation_percent: layer.compute_utilisation,
            sram: ByOperand {
                input: sram(layer.sram.input, rates.input),
                weight: sram(layer.sram.weight, rates.weight),
                output: sram(layer.sram.output, rates.output),
            },
            dram: layer.dram.map(|accesses| sram(accesses, accesses.bandwidth())),
        }
    }
}
