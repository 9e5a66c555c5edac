//! An integer program: constants and instructions of the accelerator, in order.

use crate::network::IntegerStep;
use hwmodel::array::{Convolution2d, MacArray};
use hwmodel::elementwise::ChannelRequantiser;
use hwmodel::{FixedTensor, Format, Overflow, Rounding};
use std::sync::Arc;

/// A network compiled to integers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Shape of an image, `[h, w, c]`.
    pub(super) input: [usize; 3],
    /// Format of its pixels.
    pub(super) input_format: Format,
    /// Number of classes.
    pub(super) classes: usize,
    /// The MAC array.
    pub(super) array: MacArray,
    /// Rounding of every dropped bit; never stochastic.
    pub(super) rounding: Rounding,
    /// Overflow mode of requantised words where no batch norm is folded (a folded one
    /// saturates, as the vector unit does).
    pub(super) overflow: Overflow,
    /// Steps in the order of execution.
    pub(super) steps: Vec<Step>,
}

/// One step; it may combine several layers of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Name of its first layer.
    pub name: String,
    /// Its operation.
    pub operation: IntegerOperation,
    /// Format of the result.
    pub format: Format,
    /// Values it reads: 0 is the image, i + 1 the result of step i.
    pub inputs: Vec<usize>,
}

/// Operation of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntegerOperation {
    /// A product on the MAC array and its requantisation.
    Convolution(Box<Convolution>),
    /// A batch norm that is not fused with a product.
    Scale(ChannelRequantiser),
    /// The arithmetic of a layer between products, as the layer states it.
    Step(Arc<dyn IntegerStep>),
}

/// A convolution or linear layer with what was fused into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Convolution {
    /// Geometry; a linear layer has a 1×1 kernel.
    pub geometry: Convolution2d,
    /// Weight `[o, kh, kw, c / groups]`.
    pub weight: FixedTensor,
    /// Format that its input is brought to.
    pub input: Format,
    /// Requantisation of the accumulators.
    pub finish: Finish,
}

/// Requantisation of the accumulators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// Bias in the accumulator, right shift by FLa + FLb - FLo, and ReLU if it follows.
    Shift {
        /// Bias `[o]`.
        bias: Option<FixedTensor>,
        /// Whether ReLU follows.
        rectifies: bool,
    },
    /// Folded batch norm, the bias in its ranges and offset.
    Scale(ChannelRequantiser),
}

impl Program {
    /// Shape of an image, `[h, w, c]`.
    pub fn input(&self) -> [usize; 3] {
        self.input
    }

    /// The format in which pixels enter.
    pub fn input_format(&self) -> Format {
        self.input_format
    }

    /// The format of the logits.
    pub fn output_format(&self) -> Format {
        self.steps.last().map_or(self.input_format, |step| step.format)
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Rounding of every dropped bit.
    pub fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// The steps in the order of execution.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl Step {
    /// The folded batch norm, if there is one.
    pub fn scale(&self) -> Option<&ChannelRequantiser> {
        match &self.operation {
            IntegerOperation::Convolution(convolution) => match &convolution.finish {
                Finish::Scale(scale) => Some(scale),
                Finish::Shift { .. } => None,
            },
            IntegerOperation::Scale(scale) => Some(scale),
            _ => None,
        }
    }
}
