//! Sizes of a network's layers that the word-length penalty and the cost equations depend on.

use super::loss::PenaltyTerm;
use super::options::RunOptions;
use crate::network::{MacLayer, Network};
use crate::precision::Variant;
use crate::train::paper_cost::{CostOptions, LayerCost};
use hwmodel::cast::exact;
use hwmodel::{FixedTensor, Format};

/// The terms of the penalty: layers in the paper, all parameter tensors in the released code.
pub(super) fn penalty_terms(network: &Network, options: &RunOptions) -> Vec<PenaltyTerm> {
    let adapt = options.controller.adapt();
    let every_tensor = adapt.is_some_and(|adapt| adapt.variant == Variant::Released);
    let term = |index: usize| {
        let parameter = &network.parameters[index];
        PenaltyTerm {
            word_length: parameter.formats.weight.word_length(),
            nonzero: parameter.nonzero(),
            elements: parameter.master.len() as u64,
        }
    };
    if every_tensor {
        (0..network.parameters.len()).map(term).collect()
    } else {
        weighted(network).map(|layer| term(layer.weight)).collect()
    }
}

/// The layers of the cost equations: those with a weight.
pub(super) fn weighted(network: &Network) -> impl Iterator<Item = &MacLayer> {
    network.mac_layers.iter().filter(|layer| layer.has_weight())
}

/// Sizes of the layers with a weight; the multiply-adds of a step of the cost equations are those of a
/// micro-batch. Those of a product of activations count with the weight whose formats it has.
pub(super) fn layer_costs(network: &Network, options: &RunOptions) -> Vec<LayerCost> {
    let cost = |layer: &MacLayer| {
        let same = network.mac_layers.iter().filter(|other| other.weight == layer.weight);
        LayerCost {
            operations: same.map(|layer| layer.macs).sum::<u64>() * options.batch_size as u64,
            elements: layer.elements,
        }
    };
    weighted(network).map(cost).collect()
}

pub(super) fn cost_options(options: &RunOptions) -> CostOptions {
    let adapt = options.controller.adapt();
    let largest_resolution = adapt.map_or(0, |adapt| adapt.resolution.upper);
    CostOptions {
        accumulation: options.optimiser.accumulation,
        batch: exact::<u32>(options.batch_size),
        epochs: f64::from(options.epochs),
        interval: 1,
        largest_resolution,
        baseline_batch: 128,
        // Known only after the float32 twin has run; SU2 is computed from the evaluations then.
        target_accuracy: 2.0,
    }
}

/// The format of a layer's weights as ⟨WL, FL⟩, if it has one; with a per-tensor scale the one it has now.
pub(super) fn fixed_format(network: &Network, layer: usize) -> Option<Format> {
    let weight = &network.parameters[network.mac_layers[layer].weight];
    weight.quantised.as_ref().map(FixedTensor::format)
}
