//! Converts the counts of a pass to its cost on the machine.

use crate::files::trace::UpdateCost;
use crate::network::{GemmTally, LayerTally};
use hwmodel::counters::Counters;
use hwmodel::machine::Machine;
use hwmodel::number::accumulator::AccumulatorBits;
use hwmodel::number::quantise::QuantiseCounts;
use hwmodel::product::{ByOperand, GemmKind, GemmWorkError};
use hwmodel::{Accumulator, Format};
use serde::{Deserialize, Serialize};

/// One product kind of a layer in one optimiser step, all micro-batches together.
#[derive(Debug, Clone, PartialEq)]
pub struct GemmAccount {
    /// The product of the last micro-batch.
    pub tally: GemmTally,
    /// Registers of the accumulator.
    pub accumulator: AccumulatorBits,
    /// Outputs that had to be stepped.
    pub stepped_outputs: u64,
    /// Counts and costs.
    pub counters: Counters,
    /// Non-zero MACs of each micro-batch.
    pub micro_batch_nonzero_macs: Vec<u64>,
    /// Float32 operations of the vector unit in one micro-batch; 0 in gradient products.
    pub vector_operations: u64,
    /// Changes of the array's configuration.
    pub reconfigurations: u64,
    /// The update of the layer's parameters, not included in `counters`; 0 but for the gradient of the weights.
    pub update: UpdateCost,
}

/// Counts of a layer's weights since its last forward pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingWeights {
    /// Quantising the layer's parameters.
    pub counts: QuantiseCounts,
    /// Whether the array has to be reconfigured for a new format.
    pub reconfigured: bool,
    /// Whether the end of an epoch changed the format, which the trace shows in the next step.
    #[serde(default)]
    pub switched_at_epoch_end: bool,
}

/// Accounts of one optimiser step.
#[derive(Debug, Clone, Default)]
pub struct StepAccounts {
    /// For each MAC layer, its products in the order forward, grad-input, grad-weight.
    pub layers: Vec<Vec<GemmAccount>>,
}

/// Converts counts to costs: the machine and the accumulator.
#[derive(Debug, Clone, Copy)]
pub struct Accountant<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// The accumulator in force.
    pub accumulator: Accumulator,
}

impl StepAccounts {
    /// No products yet, for `layers` layers.
    pub fn new(layers: usize) -> Self {
        Self { layers: vec![Vec::new(); layers] }
    }

    /// Adds what one micro-batch did.
    ///
    /// # Errors
    /// If a product is beyond the timing model.
    pub fn add_pass(
        &mut self,
        accountant: &Accountant<'_>,
        tallies: &[LayerTally],
    ) -> Result<(), GemmWorkError> {
        for (accounts, layer) in self.layers.iter_mut().zip(tallies) {
            let products = [&layer.forward, &layer.grad_input, &layer.grad_weight];
            for tally in products.into_iter().flatten() {
                let kind = tally.gemm.kind;
                let (accumulator, mut counters) = accountant.gemm(tally)?;
                counters.quantised.gradient = tally.gradient.elements;
                counters.saturated.gradient = tally.gradient.saturated();
                counters.flushed_to_zero.gradient = tally.gradient.flushed_to_zero;
                counters.random_bits = tally.gradient.random_bits;
                let forward = kind == GemmKind::Forward;
                let vector_operations = if forward { layer.vector_operations } else { 0 };
                if forward {
                    counters.quantised.activation = layer.input.elements;
                    counters.saturated.activation = layer.input.saturated();
                    counters.flushed_to_zero.activation = layer.input.flushed_to_zero;
                    counters.quantised.output = layer.output.elements;
                    counters.saturated.output = layer.output.saturated();
                    counters.flushed_to_zero.output = layer.output.flushed_to_zero;
                    counters.random_bits = layer.input.random_bits + layer.output.random_bits;
                    counters.add_cost(&accountant.machine.vector_cost(vector_operations, 0));
                }
                match of_kind(accounts, kind) {
                    Some(account) => {
                        account.tally = *tally;
                        account.stepped_outputs += tally.report.stepped_outputs;
                        account.counters += counters;
                        account.micro_batch_nonzero_macs.push(tally.report.nonzero_macs);
                    }
                    None => accounts.push(GemmAccount {
                        tally: *tally,
                        accumulator,
                        stepped_outputs: tally.report.stepped_outputs,
                        counters,
                        micro_batch_nonzero_macs: vec![tally.report.nonzero_macs],
                        vector_operations,
                        reconfigurations: 0,
                        update: UpdateCost::default(),
                    }),
                }
            }
        }
        Ok(())
    }

    /// Adds what happened to the weights before the forward pass.
    pub fn add_weights(&mut self, machine: &Machine, pending: &[PendingWeights]) {
        for (accounts, pending) in self.layers.iter_mut().zip(pending) {
            let Some(forward) = of_kind(accounts, GemmKind::Forward) else { continue };
            forward.counters.quantised.weight += pending.counts.elements;
            forward.counters.saturated.weight += pending.counts.saturated();
            forward.counters.flushed_to_zero.weight += pending.counts.flushed_to_zero;
            forward.counters.random_bits += pending.counts.random_bits;
            if pending.reconfigured {
                forward.reconfigurations += 1;
                forward.counters.add_cost(&machine.reconfiguration_cost());
            }
        }
    }

    /// Adds the update of the parameters of layer `layer`.
    pub fn add_update(&mut self, layer: usize, update: UpdateCost) {
        if let Some(account) = of_kind(&mut self.layers[layer], GemmKind::GradWeight) {
            account.update += update;
        }
    }

    /// Adds the quantisation of a gradient of layer `layer`.
    pub fn add_gradient(&mut self, layer: usize, counts: QuantiseCounts) {
        if let Some(account) = of_kind(&mut self.layers[layer], GemmKind::GradWeight) {
            account.counters.quantised.gradient += counts.elements;
            account.counters.saturated.gradient += counts.saturated();
            account.counters.flushed_to_zero.gradient += counts.flushed_to_zero;
            account.counters.random_bits += counts.random_bits;
        }
    }
}

fn of_kind(accounts: &mut [GemmAccount], kind: GemmKind) -> Option<&mut GemmAccount> {
    accounts.iter_mut().find(|account| account.tally.gemm.kind == kind)
}

impl Accountant<'_> {
    /// Accumulator registers and counters of a product and its groups.
    fn gemm(&self, tally: &GemmTally) -> Result<(AccumulatorBits, Counters), GemmWorkError> {
        let work = self.machine.work(&tally.gemm, Some(self.accumulator))?;
        let work = work.with_nonzero_macs(tally.report.nonzero_macs)?;
        let mut counters = Counters::default();
        counters.add_gemm(&work, &self.machine.cost(&work));
        counters.accumulator_events = tally.report.accumulator_events;
        Ok((work.accumulator(), counters))
    }
}

/// Sums over the steps of a layer, for the final table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerTotals {
    /// Counters of all three products.
    pub counters: Counters,
    /// Σ WL over steps in bits.
    pub word_lengths: u64,
    /// Σ FL over steps in bits.
    pub fractional_lengths: i64,
    /// Steps whose format was ⟨WL, FL⟩.
    pub fixed_steps: u64,
    /// All steps.
    pub steps: u64,
    /// Times that the format changed.
    pub switches: u64,
    /// Updates of the parameters, not included in the counters.
    pub update: UpdateCost,
}

impl LayerTotals {
    /// Adds a step.
    pub fn add(&mut self, accounts: &[GemmAccount], format: Option<Format>) {
        for account in accounts {
            self.counters += account.counters;
            self.update += account.update;
        }
        self.steps += 1;
        if let Some(format) = format {
            self.fixed_steps += 1;
            self.fractional_lengths += i64::from(format.fl());
        }
        self.word_lengths += u64::from(format.map_or(32, Format::wl));
    }

    /// Mean word length in bits (32 for float32 steps).
    pub fn mean_word_length(&self) -> f64 {
        self.word_lengths as f64 / self.steps.max(1) as f64
    }

    /// Mean fractional length in bits over fixed-point steps.
    pub fn mean_fractional_length(&self) -> Option<f64> {
        (self.fixed_steps > 0).then(|| self.fractional_lengths as f64 / self.fixed_steps as f64)
    }
}

/// Saturated share of what was quantised in each role; 0 where nothing was.
pub fn saturation_rates(counters: &Counters) -> ByOperand<f64> {
    let rate = |saturated: u64, quantised: u64| saturated as f64 / quantised.max(1) as f64;
    let (saturated, quantised) = (counters.saturated, counters.quantised);
    ByOperand {
        input: rate(saturated.activation, quantised.activation),
        weight: rate(saturated.weight, quantised.weight),
        output: rate(saturated.output, quantised.output),
    }
}
