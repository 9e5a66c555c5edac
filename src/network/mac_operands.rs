//! The operands of one MAC layer, for analysing a single product (gap, export).

use super::activation::Activation;
use super::graph::{Network, Pass};
use super::parameter::Parameter;
use crate::precision::{NumberFormat, RoleFormats};
use hwmodel::array::Convolution2d;

/// A layer that runs on the MAC array: y = x ∗ weight + bias.
#[derive(Clone, Copy)]
pub struct MacOperands<'a> {
    /// Name of the layer.
    pub name: &'a str,
    /// Its kind.
    pub kind: &'static str,
    /// Index of its node in [`Network::nodes`].
    pub node: usize,
    /// Geometry of the convolution; a linear layer has a 1×1 kernel.
    pub geometry: Convolution2d,
    /// Weight `[o, kh, kw, c / groups]`.
    pub weight: &'a Parameter,
    /// Bias `[o]`.
    pub bias: Option<&'a Parameter>,
}

/// A layer that a network does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the network has no MAC layer `{layer}`: use a name or number of {known}")]
pub struct UnknownMacLayer {
    layer: String,
    known: String,
}

/// Error of a MAC layer that is not a single product of an input and a weight.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "layer `{layer}` ({kind}) is not one product of an input and a weight: choose a convolution or linear layer"
)]
pub struct NoSingleProduct {
    layer: String,
    kind: &'static str,
}

impl Network {
    /// The operands of MAC layer `layer`, or why it has none to look at.
    ///
    /// # Errors
    /// If the layer is a recurrent one or part of an attention.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn single_product(&self, layer: usize) -> Result<MacOperands<'_>, NoSingleProduct> {
        self.mac_operands(layer).ok_or_else(|| {
            let name = &self.mac_layers[layer].name;
            let node = self.nodes.iter().find(|node| node.name == *name);
            let kind = node.map_or("unknown", |node| node.kind());
            NoSingleProduct { layer: name.clone(), kind }
        })
    }

    /// The number of the MAC layer of this name, or of this number from 0.
    ///
    /// # Errors
    /// If there is no such layer; the message lists those there are.
    pub fn find_mac_layer(&self, layer: &str) -> Result<usize, UnknownMacLayer> {
        let number = || layer.parse().ok().filter(|&number| number < self.mac_layers.len());
        let named = self.mac_layers.iter().position(|known| known.name == layer);
        named.or_else(number).ok_or_else(|| {
            let known = self.mac_layers.iter().enumerate();
            let known: Vec<_> = known.map(|(i, layer)| format!("{} ({i})", layer.name)).collect();
            UnknownMacLayer { layer: layer.to_owned(), known: known.join(", ") }
        })
    }

    /// The operands of MAC layer `layer`, or `None` if there is no such layer or it is no single product of
    /// an input and a weight (recurrent layers, attention).
    pub fn mac_operands(&self, layer: usize) -> Option<MacOperands<'_>> {
        let weight = self.mac_layers.get(layer).filter(|layer| layer.has_weight())?.weight;
        let node = self.nodes.iter().position(|node| node.parameters.contains(&weight))?;
        let Network { nodes, parameters, .. } = self;
        let parameters = &parameters[nodes[node].parameters.clone()];
        Some(MacOperands {
            name: &nodes[node].name,
            kind: nodes[node].kind(),
            node,
            geometry: nodes[node].layer.geometry()?,
            weight: parameters.first()?,
            bias: parameters.get(1),
        })
    }

    /// Makes every parameter and activation float32: the master values take the place of what the
    /// array holds.
    pub fn set_float32(&mut self) {
        for parameter in &mut self.parameters {
            parameter.formats = RoleFormats::all(NumberFormat::Float32);
            parameter.quantised = None;
        }
    }
}

impl Pass {
    /// Operands of the product of the MAC layer at node `node`: its input `[n, h, w, c]`,
    /// in the layer's format if that is fixed.
    pub fn mac_input(&self, node: usize) -> Option<&Activation> {
        self.backward.get(node)?.as_ref()?.product_input()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Initialisation, arch};

    fn network(name: &str) -> Network {
        let initialisation = Initialisation { seed: 1, scale: 0.5 };
        arch::build(name, &arch::common_task(name, initialisation)).unwrap()
    }

    #[test]
    fn layers_are_found_by_name_and_number() {
        let lenet = network("lenet5");
        assert_eq!(lenet.find_mac_layer("conv2"), Ok(1));
        assert_eq!(lenet.find_mac_layer("4"), Ok(4));
        insta::assert_snapshot!(lenet.find_mac_layer("5").unwrap_err(), @"the network has no MAC layer `5`: use a name or number of conv1 (0), conv2 (1), fc1 (2), fc2 (3), fc3 (4)");
    }

    #[test]
    fn every_mac_layer_of_a_network_has_operands() {
        let images = ["lenet5", "alexnet", "resnet20", "mlp", "googlenet", "mobilenetv2"];
        for name in images.into_iter().chain(["lstm", "transformer"]) {
            let network = network(name);
            for (index, layer) in network.mac_layers.iter().enumerate() {
                let Some(operands) = network.mac_operands(index) else {
                    let others = [".recurrent", ".scores", ".context"];
                    assert!(others.iter().any(|end| layer.name.ends_with(end)), "{}", layer.name);
                    continue;
                };
                assert_eq!(operands.name, layer.name);
                assert_eq!(operands.weight.master.len() as u64, layer.elements);
                assert_eq!(operands.weight.shape[1..3], operands.geometry.kernel);
                let filters = operands.weight.shape[0];
                assert!(operands.bias.is_none_or(|bias| bias.master.len() == filters));
            }
            assert!(network.mac_operands(network.mac_layers.len()).is_none());
        }
    }
}
