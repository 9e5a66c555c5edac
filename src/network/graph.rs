//! The graph of layers: forward and backward passes.

use super::activation::Activation;
use super::backward::Backward;
use super::backward_arithmetic::BackwardArithmetic;
use super::between::Between;
use super::common_form::CommonForm;
use super::error::NetworkError;
use super::forward::Forward;
use super::integer::IntegerForm;
use super::layer::{AnyLayer, BackwardPass};
use super::parameter::Parameter;
use super::tally::LayerTally;
use super::vector::batch_norm::RunningStatistics;
use super::work::Work;
use crate::precision::{NumberFormat, RoleFormats, TensorInfo};
use hwmodel::array::MacArray;
use hwmodel::cast::exact;
use hwmodel::random::{RandomAddress, RandomSource, Role};
use hwmodel::{Overflow, Rounding, SimdLevel};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Settings of a forward and backward pass, the same for every layer: array, rounding, random numbers, overflow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PassSettings {
    /// The MAC array.
    pub array: MacArray,
    /// Rounding of activations and accumulators.
    pub rounding: Rounding,
    /// Random numbers of stochastic rounding.
    pub random: RandomSource,
    /// Overflow mode of activations.
    pub overflow: Overflow,
    /// Seed of the run.
    pub seed: u64,
    /// Number of the pass (micro-batch), part of the address of random numbers.
    pub step: u64,
    /// Whether batch statistics are used and updated.
    pub training: bool,
    /// Arithmetic of the backward products.
    pub backward: BackwardArithmetic,
}

impl PassSettings {
    /// Random numbers for `role` in node `node`, or in a part of it, in this step.
    pub(crate) fn address(&self, node: u32, part: Option<u64>, role: Role) -> RandomAddress {
        let Self { seed, step, random: source, .. } = *self;
        RandomAddress { seed, step, layer: node, part, role, source }
    }
}

/// A layer in the graph.
pub struct Node {
    /// Unique name.
    pub name: String,
    /// Shape of the output of one image, `[h, w, c]`.
    pub shape: [usize; 3],
    pub(super) layer: Arc<dyn AnyLayer>,
    pub(super) work: Vec<(&'static str, Work)>,
    /// Values it reads: 0 is the image, i + 1 the output of node i.
    pub(super) inputs: Vec<usize>,
    pub(super) parameters: Range<usize>,
    pub(super) running: Option<RunningStatistics>,
    /// Index of the MAC layer that this node's counts belong to.
    pub(super) owner: usize,
}

impl Node {
    /// Running statistics, if the layer keeps any.
    pub fn running(&self) -> Option<&RunningStatistics> {
        self.running.as_ref()
    }

    /// Running statistics to be set, if the layer keeps any.
    pub fn running_mut(&mut self) -> Option<&mut RunningStatistics> {
        self.running.as_mut()
    }

    /// Index of the layer on the MAC array that this node's counts belong to.
    pub fn owner(&self) -> usize {
        self.owner
    }

    /// The kind of the layer.
    pub fn kind(&self) -> &'static str {
        self.layer.kind()
    }

    /// How it is computed in integers only; `None` if it needs the float32 vector unit.
    pub fn integer_form(&self) -> Option<IntegerForm> {
        self.layer.integer_form()
    }

    /// What it is in the terms of other programs; `None` if it cannot be exported.
    pub fn common_form(&self) -> Option<CommonForm> {
        self.layer.common_form()
    }

    /// The layer's work on a machine for one sample, each piece with a word that tells it from the others; nothing if elements
    /// are only renamed.
    pub fn work(&self) -> &[(&'static str, Work)] {
        &self.work
    }

    /// The values it reads: 0 is the image, i + 1 the output of node i.
    pub fn inputs(&self) -> &[usize] {
        &self.inputs
    }

    /// Its parameters out of those of the network.
    pub fn parameters_of<'a>(&self, network: &'a [Parameter]) -> &'a [Parameter] {
        &network[self.parameters.clone()]
    }
}

/// A MAC layer as costs and traces see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacLayer {
    /// Name of the layer.
    pub name: String,
    /// Index of its weight among the network's parameters; of a product of activations, the weight whose
    /// formats it has.
    pub weight: usize,
    /// Multiply-adds of one image in the forward pass.
    pub macs: u64,
    /// Elements of its weight; 0 of a product of activations.
    pub elements: u64,
}

impl MacLayer {
    /// Whether it has a weight: a product of two activations has none.
    pub fn has_weight(&self) -> bool {
        self.elements > 0
    }
}

/// A network with its parameters.
pub struct Network {
    /// Name of the architecture.
    pub name: String,
    /// Shape of an image, `[h, w, c]`.
    pub input: [usize; 3],
    /// Number of classes, or tokens of the vocabulary.
    pub classes: usize,
    /// Layers in the order of execution.
    pub nodes: Vec<Node>,
    /// Trainable tensors: each layer's in turn.
    pub parameters: Vec<Parameter>,
    /// The layers that run on the MAC array.
    pub mac_layers: Vec<MacLayer>,
}

/// A forward pass, ready for its backward pass.
pub struct Pass {
    /// Output of the last layer in float32, `[n · predictions, classes]`.
    pub logits: Vec<f32>,
    /// The same as the last layer gave it.
    pub output: Activation,
    /// Counts, one entry a MAC layer.
    pub tallies: Vec<LayerTally>,
    /// Wall time of the layers on the array.
    pub array_time: Duration,
    /// The backward pass of every node that is left to do.
    pub(super) backward: Vec<Option<Box<dyn BackwardPass>>>,
    batch: usize,
}

/// Gradients of a backward pass.
pub struct Gradients {
    /// One tensor a parameter, in the order of [`Network::parameters`].
    pub parameters: Vec<Vec<f32>>,
    /// Gradient of the image, if it was asked for.
    pub input: Option<Vec<f32>>,
    /// Wall time of the layers on the array.
    pub array_time: Duration,
}

impl Network {
    /// Predictions for a sample: 1 for an image, T for a sequence of T tokens.
    pub fn predictions(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.shape[0] * node.shape[1])
    }

    /// Whether the input is token numbers.
    pub fn takes_tokens(&self) -> bool {
        let reads_input = |node: &&Node| node.inputs.contains(&0);
        self.nodes.iter().find(reads_input).is_some_and(|node| node.layer.takes_tokens())
    }

    /// For each parameter, the index of the MAC layer whose counts it belongs to.
    pub fn parameter_owners(&self) -> Vec<usize> {
        let mut owners = vec![0; self.parameters.len()];
        for node in &self.nodes {
            owners[node.parameters.clone()].fill(node.owner);
        }
        owners
    }

    /// The precision controller's view of the parameters, in their order.
    pub fn tensor_infos(&self) -> Vec<TensorInfo> {
        let mut infos: Vec<TensorInfo> = self.parameters.iter().map(Parameter::info).collect();
        for layer in self.mac_layers.iter().filter(|layer| layer.has_weight()) {
            infos[layer.weight].uses = layer.macs / layer.elements.max(1);
        }
        infos
    }

    /// Runs a batch of images `[n, h, w, c]` through the network.
    ///
    /// # Errors
    /// If the images do not fit or a value is not a number.
    pub fn forward(
        &mut self,
        images: Activation,
        context: &PassSettings,
    ) -> Result<Pass, NetworkError> {
        self.forward_with(images, context, None)
    }

    /// [`forward`](Self::forward) with `between` changing what passes between float32 layers.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), or those of `between`.
    pub fn forward_with(
        &mut self,
        images: Activation,
        context: &PassSettings,
        mut between: Option<&mut dyn Between>,
    ) -> Result<Pass, NetworkError> {
        let shape = images.shape();
        if shape[1..] != self.input {
            return Err(NetworkError::Input { expected: self.input, given: shape.to_vec() });
        }
        let mut uses = vec![0usize; self.nodes.len() + 1];
        for node in &self.nodes {
            node.inputs.iter().for_each(|&input| uses[input] += 1);
        }
        let mut values: Vec<Option<Activation>> = vec![None; self.nodes.len() + 1];
        if let Some(between) = &mut between {
            between.value(0, &images);
        }
        values[0] = Some(images);
        let mut tallies = vec![LayerTally::default(); self.mac_layers.len()];
        let mut backward = Vec::with_capacity(self.nodes.len());
        let mut array_time = Duration::ZERO;
        for (index, node) in self.nodes.iter_mut().enumerate() {
            let inputs = node
                .inputs
                .iter()
                .map(|&input| {
                    uses[input] -= 1;
                    // The last reader gets the only copy and may change it in place.
                    let value =
                        if uses[input] == 0 { values[input].take() } else { values[input].clone() };
                    value.expect("inputs come before their readers")
                })
                .collect();
            let mut call = Forward {
                context,
                node: exact::<u32>(index),
                part: None,
                name: &node.name,
                inputs,
                parameters: &self.parameters[node.parameters.clone()],
                owner: owner_formats(&self.parameters, &self.mac_layers, node.owner),
                running: node.running.as_mut(),
                tally: &mut tallies[node.owner],
            };
            let start = Instant::now();
            let (mut output, left) = Arc::clone(&node.layer).run(&mut call)?;
            if node.layer.on_array() {
                array_time += start.elapsed();
            }
            if let (Some(between), Activation::Float(values, _)) = (&mut between, &mut output)
                && !node.layer.moves_values()
            {
                between.output(index, &node.name, Arc::make_mut(values).as_mut_slice())?;
            }
            if let Some(between) = &mut between {
                between.value(index + 1, &output);
            }
            values[index + 1] = Some(output);
            backward.push(Some(left));
        }
        let last = values.pop().flatten().expect("the last layer has an output");
        let logits = last.to_f32(context.array.simd).into_owned();
        Ok(Pass { logits, output: last, tallies, array_time, backward, batch: shape[0] })
    }

    /// Propagates the gradient of the logits `[n, classes]` back; consumes what the pass kept.
    /// The gradient of the images is computed only if `wants_images`.
    ///
    /// # Errors
    /// If shapes do not fit, or the pass was propagated back before.
    pub fn backward(
        &self,
        pass: &mut Pass,
        gradient: Vec<f32>,
        context: &PassSettings,
        wants_images: bool,
    ) -> Result<Gradients, NetworkError> {
        self.backward_with(pass, gradient, context, wants_images, None)
    }

    /// [`backward`](Self::backward) with `between` changing the gradients that pass between layers.
    ///
    /// # Errors
    /// As [`backward`](Self::backward), or those of `between`.
    pub fn backward_with(
        &self,
        pass: &mut Pass,
        gradient: Vec<f32>,
        context: &PassSettings,
        wants_images: bool,
        mut between: Option<&mut dyn Between>,
    ) -> Result<Gradients, NetworkError> {
        // A gradient is needed where a parameter, or the images if requested, come before it.
        let mut wanted = vec![wants_images];
        for node in &self.nodes {
            let trainable = !node.parameters.is_empty();
            wanted.push(trainable || node.inputs.iter().any(|&input| wanted[input]));
        }
        let mut gradients: Vec<Option<Vec<f32>>> = vec![None; self.nodes.len() + 1];
        let mut parameters: Vec<Vec<f32>> = vec![Vec::new(); self.parameters.len()];
        let mut array_time = Duration::ZERO;
        gradients[self.nodes.len()] = Some(gradient);
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let Some(mut gradient) = gradients[index + 1].take() else { continue };
            if let Some(between) = between.as_mut().filter(|_| !node.layer.moves_values()) {
                between.gradient(index, &node.name, &mut gradient)?;
            }
            let first = node.inputs[0];
            let [h, w, c] = if first == 0 { self.input } else { self.nodes[first - 1].shape };
            let start = Instant::now();
            let backward = pass.backward[index].take().ok_or(NetworkError::BackwardTwice)?;
            let result = backward.run(Backward {
                context,
                node: exact::<u32>(index),
                part: None,
                name: &node.name,
                gradient,
                input_shape: [pass.batch, h, w, c],
                parameters: &self.parameters[node.parameters.clone()],
                wants_input: node.inputs.iter().any(|&input| wanted[input]),
                tally: &mut pass.tallies[node.owner],
            })?;
            if node.layer.on_array() {
                array_time += start.elapsed();
            }
            for (slot, tensor) in
                parameters[node.parameters.clone()].iter_mut().zip(result.parameters)
            {
                *slot = tensor;
            }
            for (&input, gradient) in node.inputs.iter().zip(result.inputs) {
                let Some(gradient) = gradient.filter(|_| wanted[input]) else { continue };
                match &mut gradients[input] {
                    Some(sum) => add_to(context.array.simd, sum, &gradient),
                    slot => *slot = Some(gradient),
                }
            }
        }
        Ok(Gradients { parameters, input: gradients.swap_remove(0), array_time })
    }
}

/// The formats of MAC layer `owner`.
pub(super) fn owner_formats(
    parameters: &[Parameter],
    layers: &[MacLayer],
    owner: usize,
) -> RoleFormats {
    let weight = layers.get(owner).and_then(|layer| parameters.get(layer.weight));
    weight.map_or(RoleFormats::all(NumberFormat::Float32), |weight| weight.formats)
}

/// sum += other, element by element.
pub(super) fn add_to(simd: SimdLevel, sum: &mut [f32], other: &[f32]) {
    use rayon::prelude::*;
    const CHUNK: usize = 1 << 15;
    sum.par_chunks_mut(CHUNK).zip(other.par_chunks(CHUNK)).for_each(|(sum, other)| {
        simd.run(
            #[inline(always)]
            || sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other),
        );
    });
}
