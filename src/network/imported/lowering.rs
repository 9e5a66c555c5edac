//! The state while nodes become layers.

use super::axes::Axes;
use super::gain::Gain;
use super::{Facts, ImportError, Imported};
use crate::graph::{Problem, Program, Value};
use crate::network::builder::{Builder, NodeId};
use crate::network::error::NetworkError;
use crate::network::vector::batch_norm::RunningStatistics;
use crate::onnx::model::{Attribute, Node};
use hwmodel::cast::nearest_f32;
use std::collections::{HashMap, HashSet};

/// A value of the file as one of the layers.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    /// The layer that makes it.
    pub(super) id: NodeId,
    /// How it lies.
    pub(super) axes: Axes,
    /// What it is of the layer's value.
    pub(super) gain: Gain,
    /// Zeros `[before, after]` around height and width that the value of the file has besides; the next convolution adds
    /// them to its own.
    pub(super) pads: [[usize; 2]; 2],
}

impl Tensor {
    /// The value of layer `id` as it is.
    pub(super) fn of(id: NodeId, axes: Axes) -> Self {
        Self { id, axes, gain: Gain::one(), pads: [[0; 2]; 2] }
    }
}

/// Why a node is not a layer.
pub(super) enum Refusal {
    /// The node.
    Problem(Problem),
    /// The layer.
    Network(NetworkError),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<NetworkError> for Refusal {
    fn from(error: NetworkError) -> Self {
        Self::Network(error)
    }
}

/// Layers so far, and the values of the file that they make.
pub(super) struct Lowering<'a> {
    pub(super) net: Builder,
    pub(super) values: HashMap<String, Tensor>,
    program: &'a Program,
    facts: &'a Facts,
    /// Initial values by the name of the parameter.
    parameters: HashMap<String, Vec<f32>>,
    /// Running statistics by the name of the layer.
    running: HashMap<String, RunningStatistics>,
    /// Names of values inside a layer that is made of several nodes.
    inner: HashSet<String>,
    notes: Vec<String>,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(net: Builder, program: &'a Program, facts: &'a Facts) -> Self {
        let (values, parameters, running, inner) = Default::default();
        Self { net, values, program, facts, parameters, running, inner, notes: Vec::new() }
    }

    /// The layer's value of input `index` of `node`, without zeros around it.
    pub(super) fn input(&self, node: &Node, index: usize) -> Result<Tensor, Refusal> {
        let tensor = self.padded(node, index)?;
        match tensor.pads == [[0; 2]; 2] {
            true => Ok(tensor),
            false => Err(unsupported(format!(
                "its input {index} is padded with zeros, which only a convolution reads"
            ))),
        }
    }

    /// The layer's value of input `index` of `node`.
    pub(super) fn padded(&self, node: &Node, index: usize) -> Result<Tensor, Refusal> {
        let name = node.inputs.get(index).ok_or(Problem::NoInput(index))?;
        match self.values.get(name) {
            Some(tensor) => Ok(tensor.clone()),
            None => Err(unsupported(format!(
                "its input {index} (`{name}`) is not the output of a layer"
            ))),
        }
    }

    /// [`Self::input`] of a layer that a shift does not pass through unchanged.
    pub(super) fn unshifted(&self, node: &Node, index: usize) -> Result<Tensor, Refusal> {
        let tensor = self.input(node, index)?;
        match tensor.gain.has_shift() {
            false => Ok(tensor),
            true => Err(unsupported(format!(
                "a constant is added to its input {index} outside a product"
            ))),
        }
    }

    /// Input `index` of `node` if it is a constant of floats.
    pub(super) fn constant(&self, node: &Node, index: usize) -> Option<(Vec<usize>, Vec<f64>)> {
        match self.known(node.inputs.get(index)?)? {
            Value::Integer(_) => None,
            value => Some((value.shape().to_vec(), value.wide().into_owned())),
        }
    }

    /// The value `name` if it is a constant, or follows from shapes alone.
    fn known(&self, name: &str) -> Option<&Value> {
        self.program.constant(name).or_else(|| self.facts.known.get(name))
    }

    /// Input `index` of `node` as constant integers.
    pub(super) fn integers(&self, node: &Node, index: usize) -> Option<Vec<i64>> {
        match self.known(node.inputs.get(index)?)? {
            Value::Integer(value) => Some(value.values.to_vec()),
            _ => None,
        }
    }

    /// Weight `index` of `node`.
    pub(super) fn weight(
        &self,
        node: &Node,
        index: usize,
    ) -> Result<(Vec<usize>, Vec<f64>), Refusal> {
        self.constant(node, index).ok_or_else(|| {
            unsupported(format!(
                "its input {index} is not a constant: a product of activations is not a layer here"
            ))
        })
    }

    /// Shape in the file of the value `name`.
    pub(super) fn shape(&self, name: &str) -> &[usize] {
        self.facts.shapes.get(name).map_or(&[], Vec::as_slice)
    }

    /// Number of nodes that read the value `name`, and one more for an output.
    pub(super) fn readers(&self, name: &str) -> usize {
        self.facts.readers.get(name).copied().unwrap_or(0)
    }

    /// Whether the value `name` is an output of the graph.
    pub(super) fn is_output(&self, name: &str) -> bool {
        self.program.outputs.iter().any(|output| output == name)
    }

    /// The only node that reads the value `name`, unless it is an output.
    pub(super) fn only_reader(&self, name: &str) -> Option<&'a Node> {
        let mut readers = self.program.nodes().filter(|node| node.inputs.iter().any(|i| i == name));
        readers.next().filter(|_| self.readers(name) == 1)
    }

    /// The first output of `node` is `tensor`.
    pub(super) fn set(&mut self, node: &Node, tensor: Tensor) {
        if let Some(name) = node.outputs.first() {
            self.values.insert(name.clone(), tensor);
        }
    }

    /// What `node` makes is inside a layer that other nodes belong to.
    pub(super) fn set_inner(&mut self, node: &Node) {
        self.inner.extend(node.outputs.iter().cloned());
    }

    /// Whether `node` is a part of a layer that an earlier node made.
    pub(super) fn is_made(&self, node: &Node) -> bool {
        let mut outputs = node.outputs.iter().filter(|name| !name.is_empty());
        outputs.any(|name| self.values.contains_key(name) || self.inner.contains(name))
    }

    /// Initial values of parameter `kind` of layer `layer`.
    pub(super) fn set_parameter(&mut self, layer: &str, kind: &str, values: Vec<f64>) {
        let values = values.into_iter().map(nearest_f32).collect();
        self.parameters.insert(format!("{layer}.{kind}"), values);
    }

    /// Running statistics of layer `layer`.
    pub(super) fn set_running(&mut self, layer: &str, statistics: RunningStatistics) {
        self.running.insert(layer.to_owned(), statistics);
    }

    /// Remembers what differs from the file.
    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// A name for the layer of `node` that no other has: that of its weight, as in `conv1.weight`, or of the module that the
    /// node's name begins with, as in `/conv1/Conv`, or of the node.
    pub(super) fn layer_name(&self, node: &Node) -> String {
        let weights = node.inputs.iter().skip(1);
        let named =
            weights.filter_map(|name| name.strip_suffix(".weight")).find(|name| !name.is_empty());
        let path = node.name.trim_start_matches('/');
        let module = path.rsplit_once('/').filter(|(_, last)| *last == node.operator);
        let module = module.map_or(path, |(module, _)| module);
        let name = named.unwrap_or(module).replace('/', ".");
        let taken = |name: &str| self.net.nodes().iter().any(|node| node.name == name);
        if !name.is_empty() && !taken(&name) {
            return name;
        }
        let mut number = self.net.nodes().len();
        loop {
            let numbered = format!("{name}_{number}");
            if !taken(&numbered) {
                return numbered;
            }
            number += 1;
        }
    }

    /// The network, whose logits are the value `output`.
    pub(super) fn finish(self, output: &str) -> Result<Imported, ImportError> {
        let refuse = |why: &str| Err(ImportError::Form(format!("output `{output}` {why}")));
        let Some(last) = self.values.get(output) else {
            return refuse("does not depend on the input");
        };
        if self.net.value(self.net.nodes().len()) != Some(last.id) {
            return refuse("is not the last layer: remove what is behind it");
        }
        if !last.gain.is_one() {
            return refuse(
                "is multiplied by a constant, or has one added, behind the last product: put it into the weights",
            );
        }
        if matches!(last.axes, Axes::Features { from: [h, w, _] } if h * w > 1) {
            return refuse("is a flattened image: a classifier ends with a product");
        }
        let mut network = self.net.finish()?;
        for parameter in &mut network.parameters {
            if let Some(values) = self.parameters.get(&parameter.name) {
                parameter.master.clone_from(values);
            }
        }
        for node in &mut network.nodes {
            let found = self.running.get(&node.name).cloned();
            if let (Some(running), Some(found)) = (node.running_mut(), found) {
                *running = found;
            }
        }
        Ok(Imported { network, notes: self.notes })
    }
}

/// The refusal of a form that is not a layer.
pub(super) fn unsupported(why: String) -> Refusal {
    Refusal::Problem(Problem::Unsupported(format!(
        "{why}: `hwsim eval` runs the graph as it is, without --wl"
    )))
}

/// An integer attribute.
pub(super) fn integer(node: &Node, name: &str, default: i64) -> i64 {
    match node.attribute(name) {
        Some(Attribute::Integer(value)) => *value,
        _ => default,
    }
}

/// A float attribute.
pub(super) fn real(node: &Node, name: &str, default: f32) -> f64 {
    f64::from(match node.attribute(name) {
        Some(Attribute::Real(value)) => *value,
        _ => default,
    })
}

/// A list of sizes, one for each of `axes` axes.
pub(super) fn sizes(
    node: &Node,
    name: &str,
    axes: usize,
    default: usize,
) -> Result<Vec<usize>, Refusal> {
    let Some(Attribute::Integers(values)) = node.attribute(name) else {
        return Ok(vec![default; axes]);
    };
    let sizes: Option<Vec<usize>> =
        values.iter().map(|&value| usize::try_from(value).ok()).collect();
    match sizes.filter(|sizes| sizes.len() == axes) {
        Some(sizes) => Ok(sizes),
        None => Err(unsupported(format!("its {name} are {values:?}"))),
    }
}

/// A text attribute.
pub(super) fn text<'n>(node: &'n Node, name: &str, default: &'n str) -> &'n str {
    match node.attribute(name) {
        Some(Attribute::Text(value)) => value,
        _ => default,
    }
}
