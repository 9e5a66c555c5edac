//! Building a network layer by layer; what architectures are written in.

use super::error::NetworkError;
use super::graph::{MacLayer, Network, Node};
use super::layer::Layer;
use super::layers::{Add, AveragePool, BatchNorm, Convolution, Flatten, Linear, MaxPool, Relu};
use super::parameter::{Initialiser, Parameter};
use super::vector::batch_norm::RunningStatistics;
use super::vector::init;
use super::vector::pooling::PoolWindow;
use hwmodel::gemm::Convolution2d;
use serde::{Deserialize, Serialize};

/// The bound b of uniform initial biases U(-b, b) (papers/adapt.md section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BiasBound {
    /// b = s, the scale of the weights (ResNet, LeNet).
    Scale,
    /// b = 1/√(input channels of a filter) (AlexNet).
    ReciprocalRootChannels,
}

/// How weights start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Initialisation {
    /// Seed of the run.
    pub seed: u64,
    /// Scale s of truncated normal variance scaling.
    pub scale: f64,
}

/// A value in the graph: the image or a layer's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeId(usize);

/// Collects layers into a network.
pub struct Builder {
    name: String,
    input: [usize; 3],
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
    mac_layers: Vec<MacLayer>,
    initialisation: Initialisation,
    bias_bound: BiasBound,
}

/// Number of the random purpose "initial values" in the path of a generator.
const INITIAL_VALUES: u64 = 1;

impl Builder {
    /// An empty network `name` for images `[h, w, c]`.
    pub fn new(
        name: &str,
        input: [usize; 3],
        initialisation: Initialisation,
        bias_bound: BiasBound,
    ) -> Self {
        Self {
            name: name.to_owned(),
            input,
            nodes: Vec::new(),
            parameters: Vec::new(),
            mac_layers: Vec::new(),
            initialisation,
            bias_bound,
        }
    }

    /// The image.
    pub fn image(&self) -> NodeId {
        NodeId(0)
    }

    /// Shape `[h, w, c]` of a value.
    pub fn shape(&self, value: NodeId) -> [usize; 3] {
        if value.0 == 0 { self.input } else { self.nodes[value.0 - 1].shape }
    }

    /// A convolution of `filters` filters.
    ///
    /// # Errors
    /// If it does not fit its input (so for every method below).
    pub fn convolution(
        &mut self,
        name: &str,
        input: NodeId,
        filters: usize,
        geometry: Convolution2d,
        bias: bool,
    ) -> Result<NodeId, NetworkError> {
        self.add(name, Convolution { filters, geometry, bias }, &[input])
    }

    /// A linear layer of one pixel.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn linear(
        &mut self,
        name: &str,
        input: NodeId,
        outputs: usize,
    ) -> Result<NodeId, NetworkError> {
        self.add(name, Linear { outputs, bias: true }, &[input])
    }

    /// Batch normalisation over n, h and w.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn batch_norm(&mut self, name: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add(name, BatchNorm, &[input])
    }

    /// max(x, 0).
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn relu(&mut self, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("relu", Relu, &[input])
    }

    /// Max pooling with a square window and no padding.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn max_pool(
        &mut self,
        input: NodeId,
        kernel: usize,
        stride: usize,
    ) -> Result<NodeId, NetworkError> {
        let window = PoolWindow { kernel: [kernel; 2], stride: [stride; 2], padding: [0; 2] };
        self.add_numbered("max_pool", MaxPool { window }, &[input])
    }

    /// Average pooling with a square window and no padding.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn average_pool(
        &mut self,
        input: NodeId,
        kernel: usize,
        stride: usize,
    ) -> Result<NodeId, NetworkError> {
        let window = PoolWindow { kernel: [kernel; 2], stride: [stride; 2], padding: [0; 2] };
        self.add_numbered("average_pool", AveragePool { window: Some(window) }, &[input])
    }

    /// The mean over height and width.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn global_average_pool(&mut self, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("global_average_pool", AveragePool { window: None }, &[input])
    }

    /// The sum of two branches, in the format of the first.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn sum(&mut self, first: NodeId, second: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("add", Add, &[first, second])
    }

    /// All elements as channels of one pixel.
    ///
    /// # Errors
    /// Never for a valid input.
    pub fn flatten(&mut self, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("flatten", Flatten, &[input])
    }

    /// The network whose last layer is the last one added; its channels are the classes.
    ///
    /// # Errors
    /// If there is no layer on the MAC array.
    pub fn finish(self) -> Result<Network, NetworkError> {
        let classes = self.nodes.last().map_or(0, |node| node.shape.iter().product());
        if self.mac_layers.is_empty() {
            return Err(NetworkError::Layer {
                layer: self.name,
                input: self.input,
                why: "a network needs a convolution or linear layer".to_owned(),
            });
        }
        Ok(Network {
            name: self.name,
            input: self.input,
            classes,
            nodes: self.nodes,
            parameters: self.parameters,
            mac_layers: self.mac_layers,
        })
    }

    fn add_numbered(
        &mut self,
        kind: &str,
        layer: impl Layer + 'static,
        inputs: &[NodeId],
    ) -> Result<NodeId, NetworkError> {
        let name = format!("{kind}{}", self.nodes.len());
        self.add(&name, layer, inputs)
    }

    fn add(
        &mut self,
        name: &str,
        layer: impl Layer + 'static,
        inputs: &[NodeId],
    ) -> Result<NodeId, NetworkError> {
        let shapes: Vec<[usize; 3]> = inputs.iter().map(|&input| self.shape(input)).collect();
        let shape = layer.output_shape(&shapes).map_err(|why| NetworkError::Layer {
            layer: name.to_owned(),
            input: shapes[0],
            why,
        })?;
        let first = self.parameters.len();
        for spec in layer.parameters(&shapes) {
            let length = spec.shape.iter().product();
            let master = self.initial_values(spec.initialiser, length)?;
            self.parameters.push(Parameter::new(
                format!("{name}.{}", spec.name),
                spec.shape,
                master,
            ));
        }
        let owner = if layer.on_array() {
            self.mac_layers.push(MacLayer {
                name: name.to_owned(),
                weight: first,
                macs: layer.macs(&shapes),
                elements: self.parameters[first].master.len() as u64,
            });
            self.mac_layers.len() - 1
        } else {
            inputs[0].0.checked_sub(1).map_or(0, |node| self.nodes[node].owner)
        };
        self.nodes.push(Node {
            name: name.to_owned(),
            shape,
            running: layer.running_channels(&shapes).map(RunningStatistics::new),
            layer: Box::new(layer),
            inputs: inputs.iter().map(|input| input.0).collect(),
            parameters: first..self.parameters.len(),
            owner,
        });
        Ok(NodeId(self.nodes.len()))
    }

    fn initial_values(
        &self,
        initialiser: Initialiser,
        length: usize,
    ) -> Result<Vec<f32>, NetworkError> {
        let Initialisation { seed, scale } = self.initialisation;
        let path = [INITIAL_VALUES, self.parameters.len() as u64];
        Ok(match initialiser {
            Initialiser::Constant(value) => vec![value; length],
            Initialiser::VarianceScaling { fan_in } => {
                init::truncated_normal_variance_scaling((seed, &path), fan_in, scale, length)?
            }
            Initialiser::Bias { channels } => {
                let bound = match self.bias_bound {
                    BiasBound::Scale => scale,
                    BiasBound::ReciprocalRootChannels => 1.0 / (channels as f64).sqrt(),
                };
                init::uniform_biases((seed, &path), bound, length)?
            }
        })
    }
}
