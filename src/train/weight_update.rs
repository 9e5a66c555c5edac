//! Cost of the optimiser's update of each layer on the machine.

use super::optimiser::RuleWork;
use crate::files::trace::UpdateCost;
use crate::network::Network;
use hwmodel::machine::{Machine, WeightUpdate};

/// `operations` of the vector unit on `dram_bits` from and to DRAM as a trace states them: the update of one layer's
/// parameters on `machine`.
pub fn update_cost(machine: &Machine, operations: u64, dram_bits: u64) -> UpdateCost {
    let update = WeightUpdate { operations, read_bits: dram_bits, write_bits: 0 };
    let cost = machine.weight_update_cost(&update);
    let (cycles, energy_pj) = (cost.cycles.total(), cost.energy.total_pj());
    UpdateCost { operations, dram_bits, cycles, energy_pj }
}

/// What `rule` does with the parameters that each layer on the array owns. `weight_bits` are the words in which the
/// array will hold a parameter after the update (`None` for float32); gradients have the format in force.
pub fn layer_updates(
    network: &Network,
    rule: RuleWork,
    weight_bits: impl Fn(usize) -> Option<u32>,
) -> Vec<WeightUpdate> {
    let mut updates = vec![WeightUpdate::default(); network.mac_layers.len()];
    let owned = network.parameters.iter().zip(network.parameter_owners());
    for (tensor, (parameter, owner)) in owned.enumerate() {
        let gradient_bits = parameter.formats.gradient.word_length();
        let elements = parameter.elements() as u64;
        let update = rule.update(elements, weight_bits(tensor), gradient_bits);
        updates[owner] += update.expect("parameters in memory are countable");
    }
    updates
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
        assert_eq!(
            (cost.cycles, cost.energy_pj),
            (charged.cycles.total(), charged.energy.total_pj())
        );
    }
}
