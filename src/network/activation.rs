//! Activations: the tensors between layers, fixed point or float32.

use hwmodel::{FixedTensor, SimdLevel};
use std::borrow::Cow;
use std::sync::Arc;

/// A batch of activations `[n, h, w, c]`, shared where several layers need it.
#[derive(Debug, Clone)]
pub enum Activation {
    /// Float32 values of the vector unit, with their shape.
    Float(Arc<Vec<f32>>, [usize; 4]),
    /// Fixed-point values.
    Fixed(Arc<FixedTensor>),
}

impl Activation {
    /// Float32 values of `shape`.
    pub fn float(values: Vec<f32>, shape: [usize; 4]) -> Self {
        debug_assert_eq!(values.len(), shape.iter().product::<usize>());
        Self::Float(Arc::new(values), shape)
    }

    /// A fixed-point tensor of four axes.
    pub fn fixed(tensor: FixedTensor) -> Self {
        debug_assert_eq!(tensor.shape().len(), 4);
        Self::Fixed(Arc::new(tensor))
    }

    /// Shape `[n, h, w, c]`.
    pub fn shape(&self) -> [usize; 4] {
        match self {
            Self::Float(_, shape) => *shape,
            Self::Fixed(tensor) => tensor.shape().try_into().unwrap_or([0; 4]),
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values in float32.
    pub fn to_f32(&self, simd: SimdLevel) -> Cow<'_, [f32]> {
        match self {
            Self::Float(values, _) => Cow::Borrowed(values),
            Self::Fixed(tensor) => Cow::Owned(tensor.to_f32(simd)),
        }
    }

    /// The operand of a float32 product.
    pub fn values(&self) -> hwmodel::float32::Values<'_> {
        match self {
            Self::Float(values, _) => hwmodel::float32::Values::Float(values),
            Self::Fixed(tensor) => hwmodel::float32::Values::Fixed(tensor),
        }
    }
}

/// The contents of `shared`, copied only if someone else holds them too.
pub(super) fn owned<T: Clone>(shared: Arc<T>) -> T {
    Arc::try_unwrap(shared).unwrap_or_else(|shared| (*shared).clone())
}
