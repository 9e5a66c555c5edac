//! The workload of a network that hwsim can train.

use super::error::WorkloadError;
use super::layer::{Layer, Workload};
use crate::network::{Builder, Network, Node, Parameter};
use crate::precision::NumberFormat;
use hwmodel::Format;
use hwmodel::product::ByOperand;
use std::collections::HashMap;

impl Workload {
    /// The layers of `network` for one image or sequence. Their names are those of its nodes, and of its traces.
    ///
    /// # Errors
    /// If a count is beyond 64 bits.
    pub fn from_network(network: &Network) -> Result<Self, WorkloadError> {
        Layers { name: &network.name, nodes: &network.nodes, parameters: &network.parameters }
            .workload()
    }

    /// As [`from_network`](Self::from_network), with the formats that the layers of `network` have as what they
    /// [state](Layer::stated); layers in float32 state none.
    ///
    /// # Errors
    /// As [`from_network`](Self::from_network).
    pub fn of_trained(network: &Network) -> Result<Self, WorkloadError> {
        let mut workload = Self::from_network(network)?;
        let formats = network.mac_layers.iter().map(|layer| {
            let formats = network.parameters[layer.weight].formats;
            let (input, output) = (words(formats.activation), words(formats.output()));
            (layer.name.as_str(), ByOperand { input, weight: words(formats.weight), output })
        });
        let formats: HashMap<&str, ByOperand<Option<Format>>> = formats.collect();
        workload.state(|layer| formats.get(layer).copied());
        Ok(workload)
    }

    /// The layers of a network of which no weight has been drawn yet, for one image.
    ///
    /// # Errors
    /// If a count is beyond 64 bits, or no layer runs on the array.
    pub fn from_builder(network: &Builder) -> Result<Self, WorkloadError> {
        Layers { name: network.name(), nodes: network.nodes(), parameters: network.parameters() }
            .workload()
    }
}

/// The words of a fixed-point format. Where the fractional length follows the data it changes no cost.
fn words(format: NumberFormat) -> Option<Format> {
    match format {
        NumberFormat::DynamicFixed { wl } => Format::new(wl, 0).ok(),
        other => other.fixed(),
    }
}

/// The properties of a network that a workload depends on.
struct Layers<'a> {
    name: &'a str,
    nodes: &'a [Node],
    parameters: &'a [Parameter],
}

impl Layers<'_> {
    fn workload(&self) -> Result<Workload, WorkloadError> {
        // Whether a parameter lies before a value: 0 is the image, i + 1 the output of node i.
        let mut trained = vec![false];
        let mut layers = Vec::with_capacity(self.nodes.len());
        for node in self.nodes {
            let before = node.inputs().iter().any(|&value| trained[value]);
            let parameters = node.parameters_of(self.parameters);
            trained.push(before || !parameters.is_empty());
            let parameters = parameters.iter().map(|p| p.elements() as u64).sum();
            for (index, &(word, operation)) in node.work().iter().enumerate() {
                let name = if word.is_empty() {
                    node.name.clone()
                } else {
                    format!("{}.{word}", node.name)
                };
                layers.push(Layer {
                    name,
                    operation,
                    parameters: if index == 0 { parameters } else { 0 },
                    needs_input_gradient: before || index > 0,
                    unit: Some(node.owner()),
                    stated: Default::default(),
                });
            }
        }
        Workload::new(self.name, layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Initialisation, Work, arch, example_networks};

    fn builder(name: &str, input: [usize; 3], classes: usize) -> Builder {
        let initialisation = Initialisation { seed: 1, scale: 0.5 };
        arch::layers(name, &arch::Task { input, classes, initialisation }).unwrap()
    }

    #[test]
    fn every_network_has_the_macs_and_parameters_of_its_layers() {
        for name in arch::names() {
            let (input, classes) = arch::published_task(name).unwrap();
            let network = builder(name, input, classes);
            let workload = Workload::from_builder(&network).unwrap();
            let macs = network.mac_layers().iter().map(|layer| layer.macs).sum::<u64>();
            assert_eq!(workload.macs(), macs, "{name}");
            let parameters: usize = network.parameters().iter().map(Parameter::elements).sum();
            assert_eq!(workload.parameters(), parameters as u64);
            assert_eq!(workload.name(), name);
        }
    }

    #[test]
    fn a_network_with_weights_has_the_same_workload() {
        let before = Workload::from_builder(&builder("resnet20", [32, 32, 3], 10)).unwrap();
        let network = builder("resnet20", [32, 32, 3], 10).finish().unwrap();
        assert_eq!(Workload::from_network(&network).unwrap(), before);
    }

    #[test]
    fn a_trained_network_states_the_words_of_its_layers() {
        let mut network = builder("lenet5", [32, 32, 1], 10).finish().unwrap();
        assert!(
            Workload::of_trained(&network)
                .unwrap()
                .layers()
                .iter()
                .all(|layer| layer.stated == ByOperand::default())
        );
        let (narrow, wide) = (Format::new(5, 3).unwrap(), Format::new(9, 2).unwrap());
        let weight = network.mac_layers[1].weight;
        let formats = &mut network.parameters[weight].formats;
        (formats.weight, formats.activation) =
            (NumberFormat::Fixed(narrow), NumberFormat::DynamicFixed { wl: 7 });
        formats.output = Some(NumberFormat::Fixed(wide));
        let workload = Workload::of_trained(&network).unwrap();
        let name = &network.mac_layers[1].name;
        let layer = workload.layers().iter().find(|layer| layer.name == *name).unwrap();
        let dynamic = Format::new(7, 0).unwrap();
        let stated = ByOperand { input: Some(dynamic), weight: Some(narrow), output: Some(wide) };
        assert_eq!(layer.stated, stated);
        assert_eq!(workload.macs(), Workload::from_network(&network).unwrap().macs());
    }

    #[test]
    fn resnet20_has_he_et_al_s_layers_and_two_projections() {
        let workload = Workload::from_builder(&builder("resnet20", [32, 32, 3], 10)).unwrap();
        assert_eq!(workload.macs(), 40_813_184);
        let mac_layers: Vec<&Layer> = workload
            .layers()
            .iter()
            .filter(|layer| matches!(layer.operation, Work::Convolution(_)))
            .collect();
        assert_eq!(mac_layers.len(), 22);
        let without: Vec<&str> = workload
            .layers()
            .iter()
            .filter(|layer| !layer.needs_input_gradient)
            .map(|layer| layer.name.as_str())
            .collect();
        assert_eq!(without, ["conv1"]);
    }

    #[test]
    fn a_depthwise_layer_is_a_product_for_every_channel() {
        let workload =
            Workload::from_builder(&builder("mobilenetv2", [224, 224, 3], 1000)).unwrap();
        let layers = workload.layers().iter();
        let products: Vec<_> = layers
            .filter_map(|layer| layer.operation.products(1).unwrap())
            .map(|products| products.forward)
            .filter(|product| product.groups > 1)
            .collect();
        // One depthwise convolution in each of 17 blocks, the first on 32 channels of 112².
        assert_eq!(products.len(), 17);
        assert_eq!((products[0].shape.n, products[0].shape.k), (1, 9));
        assert_eq!((products[0].shape.m, products[0].groups), (112 * 112, 32));
    }

    #[test]
    fn every_kind_of_layer_has_a_cost() {
        for (name, network) in example_networks() {
            let workload = Workload::from_network(&network).unwrap();
            let macs = network.mac_layers.iter().map(|layer| layer.macs).sum::<u64>();
            assert_eq!(workload.macs(), macs, "{name}");
            // Only renaming elements is no work.
            let idle = network.nodes.iter().filter(|node| node.work().is_empty());
            assert!(idle.into_iter().all(|node| node.kind() == "flatten"), "{name}");
        }
    }
}
