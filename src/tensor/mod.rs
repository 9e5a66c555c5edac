//! Tensors of any rank and element type, with their elements: what arrays on disk, constants of a network and its inputs and
//! outputs are.

mod element;
pub mod half;
mod rows;

pub use element::ElementType;

use std::borrow::Cow;
use std::sync::Arc;

/// Elements of a tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Elements {
    /// Floating-point numbers up to 32 bits.
    Float32(Arc<Vec<f32>>),
    /// Floating-point numbers of 64 bits.
    Float64(Arc<Vec<f64>>),
    /// Integers and truth values.
    Integers(Arc<Vec<i64>>),
}

impl Elements {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Float32(values) => values.len(),
            Self::Float64(values) => values.len(),
            Self::Integers(values) => values.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A tensor of any rank with its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    element: ElementType,
    elements: Elements,
}

impl Tensor {
    /// A tensor of `shape`; `None` if the number or the kind of the elements is not that of the shape and the type.
    pub fn new(shape: Vec<usize>, element: ElementType, elements: Elements) -> Option<Self> {
        let count = match shape.contains(&0) {
            true => 0,
            false => shape.iter().try_fold(1usize, |n, &size| n.checked_mul(size))?,
        };
        let kind = match &elements {
            Elements::Float32(_) => element.is_real() && element != ElementType::Float64,
            Elements::Float64(_) => element == ElementType::Float64,
            Elements::Integers(_) => !element.is_real(),
        };
        (kind && count == elements.len()).then_some(Self { shape, element, elements })
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Type of its elements.
    pub fn element(&self) -> ElementType {
        self.element
    }

    /// Its elements.
    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// Its elements as float64; exact for all but integers above 2^53.
    pub fn wide(&self) -> Cow<'_, [f64]> {
        match &self.elements {
            Elements::Float32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Elements::Float64(values) => Cow::Borrowed(values.as_slice()),
            Elements::Integers(values) => values.iter().map(|&value| value as f64).collect(),
        }
    }
}
