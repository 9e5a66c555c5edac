//! The final summary of a run.

use super::accounting::saturation_rates;
use super::options::RunOptions;
use super::phases::PhaseSeconds;
use super::terms::{cost_options, fixed_format, layer_costs, weighted};
use super::trainer::Trainer;
use crate::files::trace::UpdateCost;
use crate::train::paper_cost::{CostAccumulator, CostError, CostSummary, LayerStep, su3_premise};
use hwmodel::counters::Counters;
use hwmodel::product::ByOperand;
use serde::{Deserialize, Serialize};

/// One layer in the final table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerSummary {
    /// Name.
    pub name: String,
    /// Final word length in bits; 32 for float32.
    pub wl: u32,
    /// Final fractional length in bits; absent for float32.
    pub fl: Option<i32>,
    /// Mean word length over all steps in bits.
    pub mean_wl: f64,
    /// Mean fractional length over fixed-point steps in bits.
    pub mean_fl: Option<f64>,
    /// Times that the format changed.
    pub switches: u64,
    /// Share of final weights that are zero; 0 of a product of activations.
    pub sparsity: f64,
    /// Share of inputs, weights and outputs that saturated over the run.
    pub saturation: ByOperand<f64>,
    /// Share of quantised gradients that saturated over the run.
    pub gradient_saturation: f64,
    /// Additions that overflowed the accumulator over the run.
    pub accumulator_events: u64,
    /// MACs of all three products over the run.
    pub macs: u64,
    /// Clock cycles over the run.
    pub cycles: u128,
    /// Energy over the run in pJ.
    pub energy_pj: f64,
    /// Clock cycles of the updates of its parameters, not included in those.
    pub update_cycles: u128,
    /// Energy of the updates in pJ, not included in that.
    pub update_energy_pj: f64,
}

/// Comparison with the float32 twin: same seed, data, optimiser and schedule, no quantisers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineSummary {
    /// Best top-1 share of the twin: the target of SU2.
    pub top1_best: f64,
    /// Final top-1 share of the twin.
    pub top1: f64,
    /// Final test loss of the twin.
    pub loss: f64,
    /// Final top-1 of the run minus the twin's, in percentage points.
    pub difference_points: f64,
    /// Seconds that the twin took.
    pub seconds: f64,
}

/// How a run was executed: what a reader needs to repeat it, apart from its options.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Provenance {
    /// Version of hwsim.
    pub hwsim: String,
    /// Version of the columns of the traces that it writes.
    pub trace_schema: u32,
    /// The command with its arguments, one each.
    pub command: Vec<String>,
    /// The description of the machine, as TOML.
    pub machine_description: String,
    /// The processor that computed it; absent where the system does not say.
    pub cpu: Option<String>,
    /// Its instructions that were used.
    pub simd: String,
    /// Threads.
    pub threads: usize,
}

/// The final table of a run. Ratios have no unit; costs follow papers/adapt.md section 8.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Architecture.
    pub arch: String,
    /// Data set.
    pub dataset: String,
    /// Where the data came from.
    pub data_origin: String,
    /// Controller.
    pub controller: String,
    /// Seed.
    pub seed: u64,
    /// Epochs completed.
    pub epochs: u32,
    /// Epochs executed, a part of one as a fraction.
    pub epochs_executed: f64,
    /// Optimiser steps.
    pub steps: u64,
    /// Final top-1 share of the test set, 0 to 1.
    pub top1: Option<f64>,
    /// Best top-1 share of all evaluations.
    pub top1_best: Option<f64>,
    /// Final mean test loss in nats.
    pub loss: Option<f64>,
    /// Final perplexity e^loss of the test part; of a text only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perplexity: Option<f64>,
    /// Perplexity of the test part under the token frequencies of the training part; of a text only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unigram_perplexity: Option<f64>,
    /// Training speedup SU1 = costs_32 / (costs_train + costs_adapt).
    pub su1: f64,
    /// SU1 over the share of training after which the float32 twin's best accuracy is reached; only
    /// with a twin.
    pub su2: Option<f64>,
    /// Training speedup against MuPPET's baseline, where the comparison is valid.
    pub su3: Option<f64>,
    /// Why there is no SU3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub su3_reason: Option<String>,
    /// Memory of training relative to the float32 master copy alone, as published.
    pub mem: f64,
    /// The same, element-weighted.
    pub mem_exact: f64,
    /// Final model size relative to float32 (SZ), as published.
    pub size_ratio: f64,
    /// Final model size relative to float32, element-weighted.
    pub size_ratio_exact: f64,
    /// Inference speedup of the final model.
    pub inference_su: f64,
    /// Share of zero weights at the end, mean over layers.
    pub final_sparsity: f64,
    /// Share of zero weights, mean over layers and steps.
    pub mean_sparsity: f64,
    /// Share of the final weights that are zero.
    pub final_sparsity_exact: f64,
    /// Share of all weights that are zero, mean over steps.
    pub mean_sparsity_exact: f64,
    /// Seconds of computing.
    pub seconds: f64,
    /// Of these, the seconds of each phase.
    pub phases: PhaseSeconds,
    /// MACs over the run, all three products.
    pub macs: u64,
    /// MACs with two non-zero operands.
    pub nonzero_macs: u64,
    /// Saturated share of everything quantised.
    pub saturation_rate: f64,
    /// Additions that left an accumulator's range.
    pub accumulator_events: u64,
    /// Source of the random numbers of stochastic rounding.
    pub random_source: String,
    /// Random bits that stochastic rounding drew over all steps, evaluations left out as in all counts.
    pub random_bits_drawn: u64,
    /// Machine.
    pub machine: String,
    /// Clock cycles.
    pub cycles: u128,
    /// Time on the simulated machine in seconds.
    pub machine_seconds: f64,
    /// Energy in pJ.
    pub energy_pj: f64,
    /// Clock cycles of weight updates, which are not in `cycles`: those are of products.
    pub update_cycles: u128,
    /// Energy of weight updates in pJ, which is not in `energy_pj`.
    pub update_energy_pj: f64,
    /// Layers on the array.
    pub layers: Vec<LayerSummary>,
    /// The float32 twin.
    pub baseline: Option<BaselineSummary>,
    /// Every quantity of the cost equations, by name.
    pub costs: CostSummary,
    /// Everything that determines the run but the data themselves.
    pub options: RunOptions,
    /// How the run was executed; absent if that is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

impl Summary {
    /// The table of `trainer`, which took `seconds`.
    ///
    /// # Errors
    /// If no step was taken.
    pub fn of(trainer: &Trainer, seconds: f64) -> Result<Self, CostError> {
        let network = trainer.network();
        let epochs_executed = trainer.epochs_executed();
        let costs = trainer.ledger.costs.summary_after(epochs_executed)?;
        let last = final_model(trainer)?;
        let mut total = Counters::default();
        let mut update = UpdateCost::default();
        let mut layers = Vec::new();
        for (index, layer) in network.mac_layers.iter().enumerate() {
            let totals = &trainer.totals()[index];
            let counters = &totals.counters;
            total += *counters;
            update += totals.update;
            let weight = &network.parameters[layer.weight];
            let format = fixed_format(network, index);
            layers.push(LayerSummary {
                name: layer.name.clone(),
                wl: weight.formats.weight.word_length(),
                fl: format.map(|format| format.fl()),
                mean_wl: totals.mean_word_length(),
                mean_fl: totals.mean_fractional_length(),
                switches: totals.switches,
                sparsity: if layer.has_weight() {
                    1.0 - weight.nonzero() as f64 / layer.elements as f64
                } else {
                    0.0
                },
                saturation: saturation_rates(counters),
                gradient_saturation: counters.saturated.gradient as f64
                    / counters.quantised.gradient.max(1) as f64,
                accumulator_events: counters.accumulator_events,
                macs: counters.macs,
                cycles: counters.cycles.total(),
                energy_pj: counters.energy.total_pj(),
                update_cycles: totals.update.cycles,
                update_energy_pj: totals.update.energy_pj,
            });
        }
        let evaluations = trainer.evaluations();
        let options = trainer.options();
        let top1_best = evaluations.iter().map(|e| e.top1).reduce(f64::max);
        let premise = su3_premise(&network.name, &trainer.dataset().name, top1_best);
        let cycles = total.cycles.total();
        Ok(Self {
            arch: network.name.clone(),
            dataset: trainer.dataset().name.clone(),
            data_origin: trainer.dataset().origin.to_string(),
            controller: trainer.controller_name().to_owned(),
            seed: options.seed,
            epochs: trainer.position().epoch,
            epochs_executed,
            steps: trainer.position().step,
            top1: evaluations.last().map(|e| e.top1),
            top1_best,
            loss: evaluations.last().map(|e| e.loss),
            perplexity: trainer.perplexity(),
            unigram_perplexity: trainer.dataset().unigram_perplexity(),
            su1: costs.su1_paper,
            su2: None,
            su3: premise.is_ok().then_some(costs.su3_released),
            su3_reason: premise.err(),
            mem: costs.mem_published,
            mem_exact: costs.mem_exact,
            size_ratio: last.sz_released,
            size_ratio_exact: last.sz_exact,
            inference_su: last.inference_su,
            final_sparsity: last.zeros_final,
            mean_sparsity: costs.zeros_average,
            final_sparsity_exact: last.zeros_final_exact,
            mean_sparsity_exact: costs.zeros_average_exact,
            seconds,
            phases: trainer.phases(),
            macs: total.macs,
            nonzero_macs: total.nonzero_macs,
            saturation_rate: total.saturated.total() as f64 / total.quantised.total().max(1) as f64,
            accumulator_events: total.accumulator_events,
            random_source: options.random.to_string(),
            random_bits_drawn: total.random_bits,
            machine: trainer.machine().name().to_owned(),
            cycles,
            machine_seconds: trainer.machine().seconds(cycles),
            energy_pj: total.energy.total_pj(),
            update_cycles: update.cycles,
            update_energy_pj: update.energy_pj,
            layers,
            baseline: None,
            costs,
            options: options.clone(),
            provenance: None,
        })
    }

    /// Adds the comparison with the float32 twin `twin`, which took `seconds`, and SU2.
    pub fn compare(&mut self, trainer: &Trainer, twin: &Trainer, seconds: f64) {
        let Some(last) = twin.evaluations().last() else { return };
        let best = twin.evaluations().iter().map(|e| e.top1).fold(0.0, f64::max);
        let evaluations = trainer.evaluations();
        // The share of the steps, not of the evaluations: the last one of a run that ends early follows a part of an epoch.
        // SU1 if the target is never reached.
        let steps = self.steps.max(1) as f64;
        let reached = evaluations.iter().find(|e| e.top1 >= best);
        let share = reached.map_or(1.0, |e| e.step as f64 / steps);
        self.su2 = Some(self.su1 / share);
        self.baseline = Some(BaselineSummary {
            top1_best: best,
            top1: last.top1,
            loss: last.loss,
            difference_points: 100.0 * (self.top1.unwrap_or(0.0) - last.top1),
            seconds,
        });
    }
}

/// The cost equations of the final weights alone.
fn final_model(trainer: &Trainer) -> Result<CostSummary, CostError> {
    let network = trainer.network();
    let mut costs = CostAccumulator::new(
        cost_options(trainer.options()),
        &layer_costs(network, trainer.options()),
    )?;
    let steps: Vec<LayerStep> = weighted(network)
        .map(|layer| {
            let weight = &network.parameters[layer.weight];
            LayerStep {
                word_length: weight.formats.weight.word_length(),
                nonzero: weight.nonzero(),
                switch: None,
            }
        })
        .collect();
    costs.step(&steps)?;
    costs.summary()
}
