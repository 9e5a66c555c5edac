//! Compiles a network to an integer program.

use super::error::CompileError;
use super::program::{Convolution, Finish, IntegerOperation, Program, Step};
use crate::network::vector::batch_norm::{BatchNormError, EPSILON};
use crate::network::{IntegerForm, Network, Node, Parameter, PassSettings};
use crate::precision::{NumberFormat, RoleFormats};
use hwmodel::array::Convolution2d;
use hwmodel::elementwise::{
    ChannelRequantiseError, ChannelRequantiser, ChannelScale, FoldError, ProductRanges, fold,
};
use hwmodel::number::requantise::align;
use hwmodel::{FixedTensor, Format, Overflow, Rounding, SimdLevel};
use std::sync::Arc;

/// Compiles `network` for the array, rounding and overflow of `context`.
///
/// A batch norm that is the only reader of a convolution or linear layer is fused into it, and so is a
/// ReLU that is the only reader of the two. Dropout, which does nothing in inference, has no step. Pixels enter in the input format of the first layer on the
/// array.
///
/// # Errors
/// If a layer has no integer form or computes in floats, the rounding is stochastic, or a channel of a batch norm has no
/// multiplier and shift.
pub fn compile(network: &Network, context: &PassSettings) -> Result<Program, CompileError> {
    if context.rounding == Rounding::Stochastic {
        return Err(CompileError::Stochastic);
    }
    // A program has one rounding and one overflow mode.
    let stated = network.parameters.iter().find(|parameter| !parameter.formats.modes.is_none());
    if let Some(parameter) = stated {
        return Err(CompileError::Modes(parameter.name.clone()));
    }
    if let Some(fl) = context.array.accumulator.fl {
        return Err(CompileError::AccumulatorFraction { fl });
    }
    let forms = network.nodes.iter().map(|node| {
        let (layer, kind) = (&node.name, node.kind());
        node.integer_form().ok_or_else(|| CompileError::Unsupported { layer: layer.clone(), kind })
    });
    let forms = forms.collect::<Result<Vec<_>, _>>()?;
    let first = forms.iter().position(|form| matches!(form, IntegerForm::Product(_)));
    let input_format = match first {
        Some(node) => input_format(&network.nodes[node], network)?,
        // A network has a layer on the array.
        None => return Err(float32(&network.name)),
    };
    let mut compiler = Compiler {
        network,
        forms: &forms,
        rounding: context.rounding,
        overflow: context.overflow,
        simd: context.array.simd,
        readers: readers(network),
        values: vec![None; network.nodes.len() + 1],
        formats: vec![input_format],
        steps: Vec::new(),
    };
    compiler.values[0] = Some(0);
    for index in 0..network.nodes.len() {
        // A layer with a value is fused into an earlier step.
        if compiler.values[index + 1].is_none() {
            compiler.layer(index)?;
        }
    }
    Ok(Program {
        input: network.input,
        input_format,
        classes: network.classes,
        array: context.array,
        rounding: context.rounding,
        overflow: context.overflow,
        steps: compiler.steps,
    })
}

struct Compiler<'a> {
    network: &'a Network,
    /// The integer form of each node.
    forms: &'a [IntegerForm],
    rounding: Rounding,
    overflow: Overflow,
    simd: SimdLevel,
    /// The nodes that read each value of the network.
    readers: Vec<Vec<usize>>,
    /// The program's value for each value of the network.
    values: Vec<Option<usize>>,
    /// Format of each value of the program.
    formats: Vec<Format>,
    steps: Vec<Step>,
}

impl Compiler<'_> {
    fn layer(&mut self, index: usize) -> Result<(), CompileError> {
        let node = &self.network.nodes[index];
        let inputs: Vec<usize> = node
            .inputs()
            .iter()
            .map(|&input| self.values[input].expect("layers come after their inputs"))
            .collect();
        let input_format = self.formats[inputs[0]];
        let mut last = index;
        let (operation, format) = match &self.forms[index] {
            IntegerForm::Identity => {
                self.values[index + 1] = Some(inputs[0]);
                return Ok(());
            }
            IntegerForm::Product(geometry) => {
                let (convolution, format, fused) = self.convolution(index, *geometry)?;
                last = fused;
                (IntegerOperation::Convolution(Box::new(convolution)), format)
            }
            IntegerForm::ChannelScale => {
                let format = output_format(node, self.network)?;
                let relu = self.only_reader(index, is_rectifier);
                let channels = self.scales(node, input_format.fl(), format, None)?;
                let scale =
                    ChannelRequantiser::new(format, self.rounding, relu.is_some(), channels)
                        .map_err(|source| unfit(node, source))?;
                last = relu.unwrap_or(index);
                (IntegerOperation::Scale(scale), format)
            }
            IntegerForm::Rectifier(step) | IntegerForm::Step(step) => {
                (IntegerOperation::Step(Arc::clone(step)), input_format)
            }
        };
        self.steps.push(Step { name: node.name.clone(), operation, format, inputs });
        self.formats.push(format);
        // Nodes that were fused are between these two, but no other node reads their values.
        self.values[index + 1] = Some(self.steps.len());
        let mut value = last + 1;
        while value > index + 1 {
            self.values[value] = Some(self.steps.len());
            value = self.network.nodes[value - 1].inputs()[0];
        }
        Ok(())
    }

    /// The step of the convolution at `index`, its format, and the last node fused into it.
    fn convolution(
        &self,
        index: usize,
        geometry: Convolution2d,
    ) -> Result<(Convolution, Format, usize), CompileError> {
        let node = &self.network.nodes[index];
        let input = input_format(node, self.network)?;
        let output = output_format(node, self.network)?;
        let parameters = node.parameters_of(&self.network.parameters);
        let quantised = |parameter: &Parameter| match &parameter.quantised {
            Some(tensor) => Ok(tensor.clone()),
            None => Err(float32(&node.name)),
        };
        let weight = quantised(&parameters[0])?;
        let bias = parameters.get(1).map(quantised).transpose()?;
        let norm = self.only_reader(index, |form| *form == IntegerForm::ChannelScale);
        let before_relu = norm.unwrap_or(index);
        let relu = self.only_reader(before_relu, is_rectifier);
        let rectifies = relu.is_some();
        let (finish, format) = match norm {
            None => (Finish::Shift { bias, rectifies }, output),
            Some(norm) => {
                let norm = &self.network.nodes[norm];
                let format = output_format(norm, self.network)?;
                let fl = input.fl() + weight.format().fl();
                let channels = self.scales(norm, fl, format, bias.as_ref())?;
                let ranges = ProductRanges::of_format(
                    output,
                    fl,
                    self.overflow,
                    channels.len(),
                    bias.as_ref(),
                )
                .map_err(|source| CompileError::Overflow { layer: norm.name.clone(), source })?;
                let scale = ChannelRequantiser::new(format, self.rounding, rectifies, channels)
                    .and_then(|scale| scale.within(ranges))
                    .map_err(|source| unfit(norm, source))?;
                (Finish::Scale(scale), format)
            }
        };
        let convolution = Convolution { geometry, weight, input, finish };
        Ok((convolution, format, relu.unwrap_or(before_relu)))
    }

    /// The channels of a batch norm of integers with `fl` fractional bits, after a bias is added.
    ///
    /// y = γ/√(σ² + ε) · (acc · 2^-fl + bias - μ) + β in steps of `format`.
    fn scales(
        &self,
        norm: &Node,
        fl: i32,
        format: Format,
        bias: Option<&FixedTensor>,
    ) -> Result<Vec<ChannelScale>, CompileError> {
        let parameters = norm.parameters_of(&self.network.parameters);
        let gamma = parameters[0].hardware_values(self.simd);
        let beta = parameters[1].hardware_values(self.simd);
        let running = norm.running().expect("batch norm keeps running statistics");
        let mut channels = Vec::with_capacity(gamma.len());
        for (channel, (&gamma, &beta)) in gamma.iter().zip(&*beta).enumerate() {
            let mean = f64::from(running.mean[channel]);
            let variance = f64::from(running.variance[channel]);
            if !mean.is_finite() || !(0.0..f64::INFINITY).contains(&variance) {
                let source = BatchNormError::NotFinite { channel, mean, variance };
                return Err(CompileError::BatchNorm { layer: norm.name.clone(), source });
            }
            let aligned = bias
                .map_or(0, |bias| align(bias.data().get(channel).into(), fl - bias.format().fl()));
            let bias = aligned as f64 * 2f64.powi(-fl);
            let scale = f64::from(gamma) / (variance + f64::from(EPSILON)).sqrt();
            let factor = scale * 2f64.powi(format.fl() - fl);
            let offset = (f64::from(beta) + scale * (bias - mean)) * format.scale();
            let layer = || norm.name.clone();
            channels.push(fold(factor, offset).map_err(|error| match error {
                FoldError::NotFinite { .. } => CompileError::NotFinite { layer: layer(), channel },
                FoldError::Factor(_) | FoldError::Scale(_) => {
                    CompileError::Multiplier { layer: layer(), channel, factor }
                }
            })?);
        }
        Ok(channels)
    }

    /// The only reader of node `index`, if there is just one and its form is one of those wanted.
    fn only_reader(&self, index: usize, wanted: impl Fn(&IntegerForm) -> bool) -> Option<usize> {
        match self.readers[index + 1][..] {
            [reader] if wanted(&self.forms[reader]) => Some(reader),
            _ => None,
        }
    }
}

fn readers(network: &Network) -> Vec<Vec<usize>> {
    let mut readers = vec![Vec::new(); network.nodes.len() + 1];
    for (index, node) in network.nodes.iter().enumerate() {
        node.inputs().iter().for_each(|&input| readers[input].push(index));
    }
    readers
}

fn is_rectifier(form: &IntegerForm) -> bool {
    matches!(form, IntegerForm::Rectifier(_))
}

/// The format of a layer's input activations.
fn input_format(node: &Node, network: &Network) -> Result<Format, CompileError> {
    fixed_format(node, formats(node, network).map(|formats| formats.activation))
}

/// The format of a layer's results.
fn output_format(node: &Node, network: &Network) -> Result<Format, CompileError> {
    fixed_format(node, formats(node, network).map(RoleFormats::output))
}

fn formats(node: &Node, network: &Network) -> Option<RoleFormats> {
    node.parameters_of(&network.parameters).first().map(|parameter| parameter.formats)
}

fn fixed_format(node: &Node, format: Option<NumberFormat>) -> Result<Format, CompileError> {
    match format {
        Some(NumberFormat::Fixed(format)) => Ok(format),
        None => Err(float32(&node.name)),
        Some(format) => Err(CompileError::Format { layer: node.name.clone(), format }),
    }
}

fn unfit(norm: &Node, source: ChannelRequantiseError) -> CompileError {
    CompileError::Requantise { layer: norm.name.clone(), source }
}

fn float32(layer: &str) -> CompileError {
    CompileError::Format { layer: layer.to_owned(), format: NumberFormat::Float32 }
}
