//! Integer-only form of each layer, for `verify::integer`.

use super::error::NetworkError;
use hwmodel::array::Convolution2d;
use hwmodel::number::quantise::QuantiseCounts;
use hwmodel::{FixedTensor, Overflow, Rounding, SimdLevel};
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// The integer form of a layer. The first four are joined: scale and rectifier with the product before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntegerForm {
    /// A product of input and weight on the array, requantised to the layer's format.
    Product(Convolution2d),
    /// A normalisation whose statistics are constants: a factor and an offset a channel.
    ChannelScale,
    /// max(x, 0), which the requantiser before it can do as well.
    Rectifier(Arc<dyn IntegerStep>),
    /// The input as it is.
    Identity,
    /// Any other integer arithmetic.
    Step(Arc<dyn IntegerStep>),
}

/// Settings shared by all steps of a program.
#[derive(Debug, Clone, Copy)]
pub struct IntegerSettings {
    /// Instructions to use; never changes a result.
    pub simd: SimdLevel,
    /// Rounding of every dropped bit; not stochastic.
    pub rounding: Rounding,
    /// Overflow mode of words.
    pub overflow: Overflow,
}

/// Integer arithmetic between products. It holds no float: steps are compared with `Eq`, which floats are not.
pub trait IntegerStep: Debug + Send + Sync + Any + EqualSteps {
    /// The result for `inputs` `[n, h, w, c]`, in the format of the first, and the counts of words that were fitted into it.
    ///
    /// # Errors
    /// If shapes do not fit.
    fn run(
        &self,
        inputs: Vec<Arc<FixedTensor>>,
        settings: &IntegerSettings,
    ) -> Result<(FixedTensor, QuantiseCounts), NetworkError>;
}

/// Comparison of steps of any type; every `Eq` type has it.
pub trait EqualSteps {
    /// Whether `other` is the same step.
    fn equals(&self, other: &dyn IntegerStep) -> bool;
}

impl<T: IntegerStep + Eq> EqualSteps for T {
    fn equals(&self, other: &dyn IntegerStep) -> bool {
        (other as &dyn Any).downcast_ref() == Some(self)
    }
}

impl PartialEq for dyn IntegerStep {
    fn eq(&self, other: &Self) -> bool {
        self.equals(other)
    }
}

impl Eq for dyn IntegerStep {}
