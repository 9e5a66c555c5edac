//! What passes along an edge of a graph.

use super::arithmetic::Arithmetic;
use super::integers::Integers;
use super::reals::{RealData, Reals};
use super::scaled::Scaled;
use crate::onnx::model::{ElementType, Elements, Tensor};
use hwmodel::cast::nearest_f32;
use std::borrow::Cow;
use std::sync::Arc;

/// A tensor on an edge.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Real numbers.
    Real(Reals),
    /// Integers and truth values.
    Integer(Integers),
    /// Real numbers that are integers times a scale.
    Scaled(Scaled),
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// [`Value::Real`].
    Real,
    /// [`Value::Integer`].
    Integer,
    /// [`Value::Scaled`].
    Scaled,
}

impl Value {
    /// A tensor of a file.
    pub fn of_tensor(tensor: &Tensor, arithmetic: &Arithmetic) -> Self {
        let (shape, element) = (tensor.shape().to_vec(), tensor.element());
        match tensor.elements() {
            Elements::Integers(values) => {
                Self::Integer(Integers { shape, element, values: Arc::clone(values) })
            }
            Elements::Float64(values) => {
                Self::Real(Reals { shape, element, data: RealData::Float64(Arc::clone(values)) })
            }
            Elements::Float32(values) if arithmetic.wide_reals => {
                let wide = values.iter().map(|&value| f64::from(value)).collect();
                Self::Real(Reals { shape, element, data: RealData::Float64(Arc::new(wide)) })
            }
            Elements::Float32(values) => {
                Self::Real(Reals { shape, element, data: RealData::Float32(Arc::clone(values)) })
            }
        }
    }

    /// The tensor that a file would have: in the value's own element type, quantised numbers as reals.
    pub fn to_tensor(&self) -> Tensor {
        let elements = match self {
            Self::Integer(value) => Elements::Integers(Arc::clone(&value.values)),
            Self::Real(value) if value.element == ElementType::Float64 => {
                Elements::Float64(Arc::new(value.wide().into_owned()))
            }
            Self::Real(Reals { data: RealData::Float32(values), .. }) => {
                Elements::Float32(Arc::clone(values))
            }
            Self::Real(_) | Self::Scaled(_) => {
                Elements::Float32(Arc::new(self.wide().iter().map(|&x| nearest_f32(x)).collect()))
            }
        };
        Tensor::new(self.shape().to_vec(), self.element(), elements)
            .expect("a value has as many elements as its shape")
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Real(value) => &value.shape,
            Self::Integer(value) => &value.shape,
            Self::Scaled(value) => &value.shape,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Real(_) => Kind::Real,
            Self::Integer(_) => Kind::Integer,
            Self::Scaled(_) => Kind::Scaled,
        }
    }

    /// Its element type as the file sees it.
    pub fn element(&self) -> ElementType {
        match self {
            Self::Real(value) => value.element,
            Self::Integer(value) => value.element,
            Self::Scaled(_) => ElementType::Float32,
        }
    }

    /// Its elements as float64; exact for all but integers above 2^53.
    pub fn wide(&self) -> Cow<'_, [f64]> {
        match self {
            Self::Real(value) => value.wide(),
            Self::Integer(value) => value.values.iter().map(|&value| value as f64).collect(),
            Self::Scaled(value) => Cow::Owned(value.wide()),
        }
    }

    /// The elements at `places`, each of them in range, under another shape. A scale for each index of an axis stays one
    /// for each index of `axis`, the place of that axis in the new shape.
    pub fn picked(&self, shape: Vec<usize>, places: &[usize], axis: Option<usize>) -> Self {
        fn pick<T: Copy>(values: &[T], places: &[usize]) -> Arc<Vec<T>> {
            Arc::new(places.iter().map(|&place| values[place]).collect())
        }
        match self {
            Self::Real(Reals { element, data, .. }) => {
                let data = match data {
                    RealData::Float32(values) => RealData::Float32(pick(values, places)),
                    RealData::Float64(values) => RealData::Float64(pick(values, places)),
                };
                Self::Real(Reals { shape, element: *element, data })
            }
            Self::Integer(Integers { element, values, .. }) => {
                Self::Integer(Integers { shape, element: *element, values: pick(values, places) })
            }
            Self::Scaled(value) => {
                let mut scale = value.scale.clone();
                scale.axis = scale.axis.and(axis);
                Self::Scaled(Scaled {
                    shape,
                    integers: pick(&value.integers, places),
                    range: value.range,
                    scale,
                })
            }
        }
    }
}
