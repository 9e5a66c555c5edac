//! `hwsim eval --integer-only`: its result as table and JSON.

use crate::verify::integer::{Comparison, Program, Step, StepCounts};
use serde::Serialize;

/// Integer-only inference compared with the float vector unit.
#[derive(Debug, Serialize)]
pub(super) struct IntegerResult {
    top1: f64,
    float_vector_unit_top1: f64,
    images: usize,
    images_classified_differently: usize,
    images_with_different_logits: usize,
    largest_logit_difference_steps: u64,
    logit_wl: u32,
    logit_fl: i32,
    folded_batch_norms: usize,
    saturated: u64,
    accumulator_events: u64,
    input_wl: u32,
    input_fl: i32,
    saturated_pixels: u64,
    layers: Vec<IntegerLayer>,
}

/// One step of the integer program that fits values into words.
#[derive(Debug, Serialize)]
struct IntegerLayer {
    name: String,
    wl: u32,
    fl: i32,
    /// Shortest and longest right shift of a folded batch norm in bits.
    shift_bits: Option<[u32; 2]>,
    saturated_inputs: u64,
    inputs: u64,
    products_outside: u64,
    saturated_outputs: u64,
    outputs: u64,
    flushed_to_zero: u64,
    accumulator_events: u64,
    stepped_outputs: u64,
}

impl IntegerResult {
    /// The result of `comparison`; `float_top1` is the share that the float vector unit got right.
    pub(super) fn new(program: &Program, comparison: &Comparison, float_top1: f64) -> Self {
        let counted = program.steps().iter().zip(&comparison.steps);
        let layers: Vec<IntegerLayer> = counted
            .filter(|(_, counts)| fits_words(counts))
            .map(|(step, counts)| IntegerLayer {
                name: step.name.clone(),
                wl: step.format.wl(),
                fl: step.format.fl(),
                shift_bits: shifts(step),
                saturated_inputs: counts.input.saturated(),
                inputs: counts.input.elements,
                products_outside: counts.products_outside,
                saturated_outputs: counts.output.saturated(),
                outputs: counts.output.elements,
                flushed_to_zero: counts.input.flushed_to_zero + counts.output.flushed_to_zero,
                accumulator_events: counts.accumulator_events,
                stepped_outputs: counts.stepped_outputs,
            })
            .collect();
        let saturated = layers
            .iter()
            .map(|layer| layer.saturated_inputs + layer.products_outside + layer.saturated_outputs);
        let (logits, pixels) = (program.output_format(), program.input_format());
        Self {
            top1: comparison.top1(),
            float_vector_unit_top1: float_top1,
            images: comparison.images,
            images_classified_differently: comparison.differing,
            images_with_different_logits: comparison.differing_logits,
            largest_logit_difference_steps: comparison.largest_difference,
            logit_wl: logits.wl(),
            logit_fl: logits.fl(),
            folded_batch_norms: program.steps().iter().filter(|s| s.scale().is_some()).count(),
            saturated: saturated.sum::<u64>() + comparison.input.saturated(),
            accumulator_events: layers.iter().map(|layer| layer.accumulator_events).sum(),
            input_wl: pixels.wl(),
            input_fl: pixels.fl(),
            saturated_pixels: comparison.input.saturated(),
            layers,
        }
    }

    /// The table, for people.
    pub(super) fn render(&self) -> String {
        let mut out = format!(
            "\ninteger only: pixels ⟨{}, {}⟩ ({} saturated), {} batch norms folded\n",
            self.input_wl, self.input_fl, self.saturated_pixels, self.folded_batch_norms
        );
        out.push_str(&format!(
            "{:<18} {:>9} {:>12} {:>16} {:>16} {:>17} {:>14} {:>16}\n",
            "layer",
            "output",
            "shift (bits)",
            "inputs saturated",
            "products outside",
            "outputs saturated",
            "acc events",
            "stepped outputs"
        ));
        for layer in &self.layers {
            let shift = match layer.shift_bits {
                None => "-".to_owned(),
                Some([low, high]) if low == high => low.to_string(),
                Some([low, high]) => format!("{low} to {high}"),
            };
            out.push_str(&format!(
                "{:<18} {:>9} {:>12} {:>16} {:>16} {:>17} {:>14} {:>16}\n",
                layer.name,
                format!("⟨{}, {}⟩", layer.wl, layer.fl),
                shift,
                layer.saturated_inputs,
                layer.products_outside,
                layer.saturated_outputs,
                layer.accumulator_events,
                layer.stepped_outputs
            ));
        }
        out.push_str(&format!(
            "top-1 {:.2} % integer only, {:.2} % with the float vector unit; {} of {} images classified differently\n",
            100.0 * self.top1,
            100.0 * self.float_vector_unit_top1,
            self.images_classified_differently,
            self.images
        ));
        out.push_str(&format!(
            "largest logit difference {} LSB of ⟨{}, {}⟩ ({} images have any), {} saturated values, {} accumulator events\n",
            self.largest_logit_difference_steps,
            self.logit_wl,
            self.logit_fl,
            self.images_with_different_logits,
            self.saturated,
            self.accumulator_events
        ));
        out
    }
}

/// Whether a step rounds or saturates, so that it has something to count.
fn fits_words(counts: &StepCounts) -> bool {
    counts.input.elements + counts.output.elements > 0
}

fn shifts(step: &Step) -> Option<[u32; 2]> {
    let channels = step.scale()?.channels();
    let shifts = || channels.iter().map(|channel| channel.shift());
    Some([shifts().min()?, shifts().max()?])
}
