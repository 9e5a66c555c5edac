//! The workload of a network that hwsim can train.

use super::error::WorkloadError;
use super::layer::{Layer, Operation as LayerOperation, Workload};
use super::vector::{VectorKind, VectorLayer};
use crate::network::{Builder, Network, Node, Operation, Parameter};
use hwmodel::product::{MatrixProduct, RightOperand};

impl Workload {
    /// The layers of `network` for one image or sequence. Their names are those of its nodes, and of its traces.
    ///
    /// # Errors
    /// If a count is beyond 64 bits.
    pub fn from_network(network: &Network) -> Result<Self, WorkloadError> {
        Layers {
            name: &network.name,
            input: network.input,
            nodes: &network.nodes,
            parameters: &network.parameters,
        }
        .workload()
    }

    /// The layers of a network of which no weight has been drawn yet, for one image.
    ///
    /// # Errors
    /// If a count is beyond 64 bits, or no layer runs on the array.
    pub fn from_builder(network: &Builder) -> Result<Self, WorkloadError> {
        Layers {
            name: network.name(),
            input: network.input(),
            nodes: network.nodes(),
            parameters: network.parameters(),
        }
        .workload()
    }
}

/// What a workload needs of a network.
struct Layers<'a> {
    name: &'a str,
    input: [usize; 3],
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
            let input = self.shape(node.inputs().first().copied().unwrap_or(0));
            trained.push(before || !parameters.is_empty());
            let Some(operation) = operation(node, input) else { continue };
            layers.push(Layer {
                name: node.name.clone(),
                operation,
                parameters: parameters.iter().map(|p| p.elements() as u64).sum(),
                needs_input_gradient: before,
                unit: Some(node.owner()),
            });
            let vector = match node.operation() {
                Operation::Lstm => Some(("gates", VectorKind::LstmGates)),
                Operation::Scores(_) => Some(("softmax", VectorKind::AttentionSoftmax)),
                _ => None,
            };
            if let Some((what, kind)) = vector {
                let elements = node.shape.iter().map(|&size| size as u64).product();
                let name = format!("{}.{what}", node.name);
                layers.push(Layer {
                    unit: Some(node.owner()),
                    ..Layer::vector(name, kind, elements, 0)
                });
            }
        }
        Workload::new(self.name, layers)
    }

    /// Shape `[h, w, c]` of a value.
    fn shape(&self, value: usize) -> [usize; 3] {
        match value.checked_sub(1) {
            None => self.input,
            Some(node) => self.nodes[node].shape,
        }
    }
}

/// What `node` does to an input `[h, w, c]`; `None` if it only renames elements.
fn operation(node: &Node, input: [usize; 3]) -> Option<LayerOperation> {
    let elements = |shape: [usize; 3]| shape.iter().map(|&size| size as u64).product();
    let vector =
        |kind, shape| Some(LayerOperation::Vector(VectorLayer { kind, elements: elements(shape) }));
    match node.operation() {
        Operation::Convolution(geometry) => {
            Some(LayerOperation::Convolution(geometry.sizes(input, node.shape[2])))
        }
        Operation::BatchNorm => vector(VectorKind::BatchNorm, input),
        Operation::Relu | Operation::Relu6 => vector(VectorKind::Relu, input),
        Operation::Dropout => vector(VectorKind::Dropout, input),
        Operation::Concatenate => vector(VectorKind::DataMovement, node.shape),
        Operation::MaxPool(_) => vector(VectorKind::MaxPool, node.shape),
        Operation::AveragePool(_) => vector(VectorKind::AveragePool, input),
        Operation::Add => vector(VectorKind::Add, input),
        Operation::Flatten => None,
        Operation::Embedding => vector(VectorKind::Embedding, node.shape),
        Operation::Position => vector(VectorKind::Position, node.shape),
        Operation::LayerNorm => vector(VectorKind::Normalisation, node.shape),
        Operation::Scores(heads) => {
            let [length, _, width] = input.map(|size| size as u64);
            let (heads, columns) = (heads as u64, width / 3 / heads as u64);
            let product = MatrixProduct::scores(length, columns, heads);
            Some(LayerOperation::MatrixProduct(product))
        }
        Operation::Context(heads) => {
            let [length, _, channels] = node.shape.map(|size| size as u64);
            let (heads, columns) = (heads as u64, channels / heads as u64);
            let product = MatrixProduct::attention(length, columns, length, heads);
            Some(LayerOperation::MatrixProduct(product))
        }
        Operation::Lstm => {
            let [steps, _, hidden] = node.shape.map(|size| size as u64);
            // A product in every time step, all with the same weights.
            Some(LayerOperation::MatrixProduct(MatrixProduct {
                m: 1,
                n: input[2] as u64,
                k: hidden,
                batch: steps,
                right: RightOperand::Weight,
                wide_result: false,
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Initialisation, arch};

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
    fn resnet20_has_he_et_al_s_layers_and_two_projections() {
        let workload = Workload::from_builder(&builder("resnet20", [32, 32, 3], 10)).unwrap();
        assert_eq!(workload.macs(), 40_813_184);
        let mac_layers: Vec<&Layer> = workload
            .layers()
            .iter()
            .filter(|layer| matches!(layer.operation, LayerOperation::Convolution(_)))
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
}
