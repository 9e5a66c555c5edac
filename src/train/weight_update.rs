//! What the optimiser's update of each layer costs on the machine.

use super::accounting::StepAccounts;
use super::trainer::Trainer;
use crate::files::trace::UpdateCost;
use crate::precision::NumberFormat;
use hwmodel::machine::{Machine, WeightUpdate};

/// `operations` of the vector unit on `dram_bits` from and to DRAM as a trace states them: the update of one layer's
/// parameters on `machine`.
pub fn update_cost(machine: &Machine, operations: u64, dram_bits: u64) -> UpdateCost {
    let update = WeightUpdate { operations, read_bits: dram_bits, write_bits: 0 };
    let cost = machine.weight_update_cost(&update);
    let (cycles, energy_pj) = (cost.cycles.total(), cost.energy.total());
    UpdateCost { operations, dram_bits, cycles, energy_pj }
}

impl Trainer {
    /// Charges the update that follows the gradients: gradients have the formats of the step, weights those that the
    /// controller has now.
    pub(super) fn charge_update(&self, accounts: &mut StepAccounts) {
        let mut updates = vec![WeightUpdate::default(); self.network.mac_layers.len()];
        let rule = self.options.optimiser.rule.work();
        for (tensor, parameter) in self.network.parameters.iter().enumerate() {
            let weight_bits = match self.controller.formats()[tensor].weight {
                NumberFormat::Float32 => None,
                quantised => Some(quantised.word_length()),
            };
            let gradient_bits = parameter.formats.gradient.word_length();
            let update = rule.update(parameter.master.len() as u64, weight_bits, gradient_bits);
            updates[self.owners[tensor]] += update.expect("parameters in memory are countable");
        }
        for (layer, update) in updates.into_iter().enumerate() {
            let cost = update_cost(&self.machine, update.operations, update.dram_bits());
            accounts.add_update(layer, cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_costs_what_the_machine_charges() {
        let machine = Machine::builtin("edge-16x16").unwrap();
        let cost = update_cost(&machine, 8000, 152_000);
        let charged = machine.vector_cost(8000, 152_000);
        assert_eq!((cost.operations, cost.dram_bits), (8000, 152_000));
        assert_eq!((cost.cycles, cost.energy_pj), (charged.cycles.total(), charged.energy.total()));
    }
}
