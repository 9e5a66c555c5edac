//! Trainable tensors: float32 master values and their quantised copies for the array.

use crate::precision::{NumberFormat, RoleFormats, TensorInfo};
use hwmodel::float32::Values;
use hwmodel::{FixedTensor, SimdLevel};
use std::borrow::Cow;

/// Initialisation of a parameter tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Initialiser {
    /// Truncated normal variance scaling with this fan-in (papers/adapt.md section 2).
    VarianceScaling {
        /// Inputs of one unit.
        fan_in: usize,
    },
    /// Uniform biases; `channels` is the size of the weight's second axis in the order of the paper
    /// (input channels of a filter).
    Bias {
        /// Input channels of a filter.
        channels: usize,
    },
    /// One value for every element.
    Constant(f32),
}

/// Description of a parameter tensor of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSpec {
    /// Name inside the layer: `weight`, `bias`.
    pub name: &'static str,
    /// Shape, output axis first.
    pub shape: Vec<usize>,
    /// Its initialisation.
    pub initialiser: Initialiser,
}

/// A trainable tensor.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// `layer.weight` and so on.
    pub name: String,
    /// Shape, output axis first; weights are `[o, kh, kw, c]`.
    pub shape: Vec<usize>,
    /// Float32 master values.
    pub master: Vec<f32>,
    /// The values that the hardware holds; `None` if its format is float32.
    pub quantised: Option<FixedTensor>,
    /// Current formats.
    pub formats: RoleFormats,
}

impl Parameter {
    /// A float32 parameter.
    pub fn new(name: String, shape: Vec<usize>, master: Vec<f32>) -> Self {
        let formats = RoleFormats::all(NumberFormat::Float32);
        Self { name, shape, master, quantised: None, formats }
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The description that a precision controller gets.
    pub fn info(&self) -> TensorInfo {
        TensorInfo::from_shape(self.name.clone(), &self.shape)
    }

    /// The values that the hardware holds, in float32.
    pub fn hardware_values(&self, simd: SimdLevel) -> Cow<'_, [f32]> {
        match &self.quantised {
            Some(tensor) => Cow::Owned(tensor.to_f32(simd)),
            None => Cow::Borrowed(&self.master),
        }
    }

    /// The operand of a float32 product.
    pub fn values(&self) -> Values<'_> {
        match &self.quantised {
            Some(tensor) => Values::Fixed(tensor),
            None => Values::Float(&self.master),
        }
    }

    /// Elements that are not zero in hardware.
    pub fn nonzero(&self) -> u64 {
        match &self.quantised {
            Some(tensor) => tensor.data().nonzero(),
            None => self.master.iter().map(|&w| u64::from(w != 0.0)).sum(),
        }
    }
}
