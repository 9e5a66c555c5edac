//! What the optimiser's update of each layer costs on the machine.

use super::accounting::StepAccounts;
use super::trainer::Trainer;
use crate::files::trace::UpdateCost;
use crate::precision::NumberFormat;
use hwmodel::machine::WeightUpdate;

const FLOAT32_BITS: u64 = 32;
/// Scaling and rounding.
const QUANTISE_OPERATIONS: u64 = 2;

/// An update of `elements` parameters by a rule of `operations` a parameter that keeps `moments` of each: float32 master and
/// moments are read and written, the gradient is read, the quantised weight is written (none if `weight_bits` is 0).
fn update_of(
    elements: u64,
    (operations, moments): (u64, u64),
    weight_bits: u64,
    gradient_bits: u64,
) -> WeightUpdate {
    let state = FLOAT32_BITS * (1 + moments);
    let quantise = if weight_bits > 0 { QUANTISE_OPERATIONS } else { 0 };
    WeightUpdate {
        elements,
        operations: operations + quantise,
        read_bits: state + gradient_bits,
        write_bits: state + weight_bits,
    }
}

impl Trainer {
    /// Charges the update that follows the gradients: gradients have the formats of the step, weights those that the
    /// controller has now.
    pub(super) fn charge_update(&self, accounts: &mut StepAccounts) {
        let mut work = vec![(0_u64, 0_u64); self.network.mac_layers.len()];
        for (tensor, parameter) in self.network.parameters.iter().enumerate() {
            let weight = self.controller.formats()[tensor].weight;
            let weight_bits = match weight {
                NumberFormat::Float32 => 0,
                quantised => quantised.word_length().into(),
            };
            let gradient_bits = parameter.formats.gradient.word_length().into();
            let elements = parameter.master.len() as u64;
            let rule = self.optimisers[tensor].work();
            let update = update_of(elements, rule, weight_bits, gradient_bits);
            let (operations, bits) = &mut work[self.owners[tensor]];
            *operations += elements * update.operations;
            *bits += elements * (update.read_bits + update.write_bits);
        }
        for (layer, (operations, bits)) in work.into_iter().enumerate() {
            accounts.add_update(layer, UpdateCost::on(&self.machine, operations, bits));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::optimiser::UpdateRule;
    use crate::train::optimiser::adam::{Adam, AdamOptions};
    use crate::train::optimiser::sgd::{Sgd, SgdOptions};

    #[test]
    fn gradient_descent_is_the_machines_own_update() {
        for (momentum, weight_bits) in [(0.9, 8), (0.0, 12), (0.9, 0)] {
            let rule = Sgd::new(SgdOptions { momentum }).work();
            let update = update_of(1000, rule, weight_bits, 16);
            assert_eq!(update, WeightUpdate::sgd(1000, weight_bits as u32, 16, momentum > 0.0));
        }
    }

    #[test]
    fn adam_moves_two_moments() {
        let rule = Adam::new(AdamOptions::default(), 1).work();
        let update = update_of(10, rule, 8, 16);
        let expected =
            WeightUpdate { elements: 10, operations: 17, read_bits: 112, write_bits: 104 };
        assert_eq!(update, expected);
    }
}
