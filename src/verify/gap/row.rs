//! The gap as rows of a table, one for each layer, format and accumulator.

use super::network::LayerGap;
use hwmodel::Overflow;
use hwmodel::number::accumulator::AccumulatorWidth;
use serde::Serialize;

/// Version of the columns of [`GapRow`].
pub const SCHEMA: u32 = 1;

/// One layer in one format with one accumulator; docs/gap.md explains every column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GapRow {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Name of the layer.
    pub layer: String,
    /// Rows of the product over all images.
    pub m: u64,
    /// Columns.
    pub n: u64,
    /// Terms of a sum.
    pub k: u64,
    /// Word length in bits.
    pub wl: u32,
    /// Fractional length in bits.
    pub fl: i32,
    /// Accumulator width in bits, or `exact`.
    pub accumulator: AccumulatorWidth,
    /// Overflow mode of the accumulator; absent for `exact`.
    pub overflow: Option<Overflow>,
    /// Outputs compared.
    pub outputs: u64,
    /// Outputs that differ.
    pub differing: u64,
    /// Their share in percent.
    pub differing_percent: f64,
    /// Largest difference in steps 2^-FL.
    pub largest_steps: u64,
    /// Mean difference in steps of the outputs that differ.
    pub mean_steps: f64,
    /// Largest difference as a value.
    pub largest_value: f64,
    /// Mean difference as a value of the outputs that differ.
    pub mean_value: f64,
    /// Differing outputs that only float32 changed.
    pub from_float32: u64,
    /// Differing outputs that only the accumulator changed.
    pub from_accumulator: u64,
    /// Differing outputs that both changed.
    pub from_both: u64,
    /// Differing outputs that are NaN in float32.
    pub not_a_number: u64,
    /// Additions outside the accumulator's range.
    pub accumulator_events: u64,
    /// Outputs that the accumulator changed, differing or not.
    pub changed_by_accumulator: u64,
    /// Smallest accumulator without events on this data; absent beyond 64 bits.
    pub bits_data: Option<u32>,
    /// Smallest accumulator without events for any input.
    pub bits_any_input: u32,
    /// Smallest accumulator without events for any words of the format.
    pub bits_any_words: u32,
    /// Share of saturated inputs in percent.
    pub saturated_inputs_percent: f64,
    /// Share of saturated weights in percent.
    pub saturated_weights_percent: f64,
    /// Share of weights flushed to zero in percent.
    pub flushed_weights_percent: f64,
    /// Share of saturated outputs of exact sums in percent.
    pub saturated_outputs_percent: f64,
}

/// All rows of `layers`: layers, in them formats, in them accumulators.
pub fn rows(layers: &[LayerGap]) -> Vec<GapRow> {
    let mut rows = Vec::new();
    for LayerGap { layer, gap } in layers {
        for format in &gap.formats {
            for held in &format.accumulators {
                let (difference, step) = (held.difference, format.format.step());
                let width = held.accumulator.width;
                let finite = width != AccumulatorWidth::Exact;
                rows.push(GapRow {
                    schema: SCHEMA,
                    layer: layer.clone(),
                    m: gap.m,
                    n: gap.n,
                    k: gap.k,
                    wl: format.format.wl(),
                    fl: format.format.fl(),
                    accumulator: width,
                    overflow: finite.then_some(held.accumulator.overflow),
                    outputs: difference.compared,
                    differing: difference.outputs,
                    differing_percent: 100.0 * difference.share(),
                    largest_steps: difference.largest_steps,
                    mean_steps: difference.mean_steps(),
                    largest_value: difference.largest_steps as f64 * step,
                    mean_value: difference.mean_steps() * step,
                    from_float32: difference.from_float32,
                    from_accumulator: difference.from_accumulator,
                    from_both: difference.from_both,
                    not_a_number: difference.not_a_number,
                    accumulator_events: held.events,
                    changed_by_accumulator: difference.changed_by_accumulator,
                    bits_data: format.bits.data,
                    bits_any_input: format.bits.any_input,
                    bits_any_words: format.bits.any_words,
                    saturated_inputs_percent: 100.0 * format.saturated_inputs.value(),
                    saturated_weights_percent: 100.0 * format.saturated_weights.value(),
                    flushed_weights_percent: 100.0 * format.flushed_weights.value(),
                    saturated_outputs_percent: 100.0 * format.saturated_outputs.value(),
                });
            }
        }
    }
    rows
}
