//! Builds a network layer by layer; architectures are functions on it.

use super::error::NetworkError;
use super::graph::{MacLayer, Network, Node};
use super::layer::AnyLayer;
use super::parameter::{Initialiser, Parameter};
use super::vector::batch_norm::RunningStatistics;
use super::vector::init;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;

/// The bound b of uniform initial biases U(-b, b) (papers/adapt.md section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BiasBound {
    /// b = s, the scale of the weights (ResNet, LeNet).
    Scale,
    /// b = 1/√(input channels of a filter) (AlexNet).
    ReciprocalRootChannels,
}

/// Initialisation of the weights.
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

/// Collects layers into a network. Weights are drawn by [`Builder::finish`] only, so that a network of
/// any size can be looked at for its shapes.
pub struct Builder {
    name: String,
    input: [usize; 3],
    nodes: Vec<Node>,
    /// Names of the nodes.
    names: HashSet<String>,
    /// Parameters without values, and how they start.
    parameters: Vec<Parameter>,
    initialisers: Vec<Initialiser>,
    mac_layers: Vec<MacLayer>,
    initialisation: Initialisation,
    bias_bound: BiasBound,
}

/// Number of the random purpose "initial values" in the path of a generator.
const INITIAL_VALUES: u64 = 1;

/// The most elements or multiply-adds of a layer.
const MOST_COUNTED: u64 = 1 << 63;

/// The most parameters that are drawn: 8 GiB of float32.
const MOST_PARAMETERS: u64 = 1 << 31;

/// The product of `sizes`, or the largest number.
pub(super) fn saturating_product(sizes: &[usize]) -> u64 {
    sizes.iter().fold(1u64, |product, &size| product.saturating_mul(size as u64))
}

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
            names: HashSet::new(),
            parameters: Vec::new(),
            initialisers: Vec::new(),
            mac_layers: Vec::new(),
            initialisation,
            bias_bound,
        }
    }

    /// The image.
    pub fn image(&self) -> NodeId {
        NodeId(0)
    }

    /// The token numbers, `[T, 1, 1]`.
    pub fn tokens(&self) -> NodeId {
        NodeId(0)
    }

    /// Shape `[h, w, c]` of a value.
    pub fn shape(&self, value: NodeId) -> [usize; 3] {
        if value.0 == 0 { self.input } else { self.nodes[value.0 - 1].shape }
    }

    /// Name of the architecture.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Shape `[h, w, c]` of an image.
    pub fn input(&self) -> [usize; 3] {
        self.input
    }

    /// The layers so far.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The layers on the MAC array so far.
    pub fn mac_layers(&self) -> &[MacLayer] {
        &self.mac_layers
    }

    /// The parameters so far, whose master values are drawn by [`Builder::finish`]: here they are empty.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The network whose last layer is the last one added, with its initial values; its channels are the
    /// classes (or the vocabulary), each of its pixels a prediction.
    ///
    /// # Errors
    /// If there is no layer on the MAC array, or initial values cannot be drawn.
    pub fn finish(mut self) -> Result<Network, NetworkError> {
        let classes = self.nodes.last().map_or(0, |node| node.shape[2]);
        if self.mac_layers.is_empty() {
            return Err(NetworkError::Layer {
                layer: self.name,
                input: self.input,
                why: "a network needs a convolution or linear layer".to_owned(),
            });
        }
        let elements = self.parameters.iter().map(|parameter| parameter.elements() as u64);
        let parameters = elements.fold(0, u64::saturating_add);
        if parameters > MOST_PARAMETERS {
            let (network, most) = (self.name, MOST_PARAMETERS);
            return Err(NetworkError::TooManyParameters { network, parameters, most });
        }
        let (initialisation, bias_bound) = (self.initialisation, self.bias_bound);
        let parameters = self.parameters.par_iter_mut().zip(&self.initialisers).enumerate();
        parameters.try_for_each(|(index, (parameter, &initialiser))| {
            let length = parameter.elements();
            let path = [INITIAL_VALUES, index as u64];
            let values = initial_values(initialisation, bias_bound, initialiser, &path, length);
            values.map(|values| parameter.master = values)
        })?;
        Ok(Network {
            name: self.name,
            input: self.input,
            classes,
            nodes: self.nodes,
            parameters: self.parameters,
            mac_layers: self.mac_layers,
        })
    }

    /// Adds `layer` under the name `kind` and its number.
    pub(super) fn add_numbered(
        &mut self,
        kind: &str,
        layer: impl AnyLayer + 'static,
        inputs: &[NodeId],
    ) -> Result<NodeId, NetworkError> {
        let name = format!("{kind}{}", self.nodes.len());
        self.add(&name, layer, inputs)
    }

    /// Value `index`, if there is one: 0 is the image, i + 1 the output of layer i.
    pub(super) fn value(&self, index: usize) -> Option<NodeId> {
        (index <= self.nodes.len()).then_some(NodeId(index))
    }

    /// Adds `layer` as `name`.
    pub(super) fn add(
        &mut self,
        name: &str,
        layer: impl AnyLayer + 'static,
        inputs: &[NodeId],
    ) -> Result<NodeId, NetworkError> {
        self.add_layer(name, Arc::new(layer), inputs)
    }

    /// Adds `layer` of any kind as `name`.
    pub(super) fn add_layer(
        &mut self,
        name: &str,
        layer: Arc<dyn AnyLayer>,
        inputs: &[NodeId],
    ) -> Result<NodeId, NetworkError> {
        if !self.names.insert(name.to_owned()) {
            let (layer, why) = (name.to_owned(), "there is another layer of this name".to_owned());
            return Err(NetworkError::Description { layer, why });
        }
        let shapes: Vec<[usize; 3]> = inputs.iter().map(|&input| self.shape(input)).collect();
        let too_large = |what| NetworkError::LayerTooLarge { layer: name.to_owned(), what };
        let countable = |sizes: &[usize], what| match saturating_product(sizes) {
            0..=MOST_COUNTED => Ok(()),
            _ => Err(too_large(what)),
        };
        shapes.iter().try_for_each(|shape| countable(shape, "input elements"))?;
        let fits = match inputs.len() == layer.inputs() {
            true => layer.output_shape(&shapes),
            false => Err(format!("it has {} inputs and needs {}", inputs.len(), layer.inputs())),
        };
        let shape = fits.map_err(|why| NetworkError::Layer {
            layer: name.to_owned(),
            input: shapes.first().copied().unwrap_or_default(),
            why,
        })?;
        let first = self.parameters.len();
        countable(&shape, "output elements")?;
        let specs = layer.parameters(&shapes);
        specs.iter().try_for_each(|spec| countable(&spec.shape, "parameters"))?;
        for spec in specs {
            let name = format!("{name}.{}", spec.name);
            self.parameters.push(Parameter::new(name, spec.shape, Vec::new()));
            self.initialisers.push(spec.initialiser);
        }
        let work = layer.work(&shapes, shape);
        let owner = if layer.on_array() {
            // A product of activations has the formats of the layer before it.
            let weight = match (self.parameters.get(first), inputs[0].0.checked_sub(1)) {
                (Some(weight), _) => Some((first, weight.elements() as u64)),
                (None, Some(node)) => {
                    self.mac_layers.get(self.nodes[node].owner).map(|layer| (layer.weight, 0))
                }
                (None, None) => None,
            };
            let Some((weight, elements)) = weight else {
                let why = "it needs a layer with a weight before it".to_owned();
                let (layer, input) = (name.to_owned(), shapes[0]);
                return Err(NetworkError::Layer { layer, input, why });
            };
            let products = work.iter().find_map(|(_, work)| work.products(1).transpose());
            let macs = products.and_then(|products| products.ok()?.forward.macs());
            let macs = macs.filter(|&macs| macs <= MOST_COUNTED);
            let macs = macs.ok_or_else(|| too_large("multiply-adds"))?;
            self.mac_layers.push(MacLayer { name: name.to_owned(), weight, macs, elements });
            self.mac_layers.len() - 1
        } else {
            inputs[0].0.checked_sub(1).map_or(0, |node| self.nodes[node].owner)
        };
        self.nodes.push(Node {
            name: name.to_owned(),
            shape,
            work,
            running: layer.running_channels(&shapes).map(RunningStatistics::new),
            layer,
            inputs: inputs.iter().map(|input| input.0).collect(),
            parameters: first..self.parameters.len(),
            owner,
        });
        Ok(NodeId(self.nodes.len()))
    }
}

/// Initial values of the parameter at `path`.
fn initial_values(
    Initialisation { seed, scale }: Initialisation,
    bias_bound: BiasBound,
    initialiser: Initialiser,
    path: &[u64],
    length: usize,
) -> Result<Vec<f32>, NetworkError> {
    Ok(match initialiser {
        Initialiser::Constant(value) => vec![value; length],
        Initialiser::VarianceScaling { fan_in } => {
            init::truncated_normal_variance_scaling((seed, path), fan_in, scale, length)?
        }
        Initialiser::Bias { channels } => {
            let bound = match bias_bound {
                BiasBound::Scale => scale,
                BiasBound::ReciprocalRootChannels => 1.0 / (channels as f64).sqrt(),
            };
            init::uniform_biases((seed, path), bound, length)?
        }
    })
}
