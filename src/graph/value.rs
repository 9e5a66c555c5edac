//! What passes along an edge of a graph.
#![expect(clippy::float_cmp, reason = "scales are equal or they are not")]

use super::arithmetic::Arithmetic;
use super::axes;
use super::integers::Integers;
use super::reals::{RealData, Reals};
use super::scaled::{Scale, Scaled};
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

    /// Float32 numbers.
    pub(super) fn of_floats(arithmetic: &Arithmetic, shape: Vec<usize>, values: Vec<f32>) -> Self {
        let wide = values.into_iter().map(f64::from).collect();
        Self::Real(Reals::new(arithmetic, shape, ElementType::Float32, wide))
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

    /// The same elements in the same order under another shape of as many elements. A scale for each index of an axis that
    /// the new shape does not have makes reals of a quantised tensor.
    pub fn reshaped(&self, arithmetic: &Arithmetic, shape: Vec<usize>) -> Self {
        debug_assert_eq!(self.len(), shape.iter().product::<usize>());
        match self {
            Self::Real(value) => Self::Real(Reals { shape, ..value.clone() }),
            Self::Integer(value) => Self::Integer(Integers { shape, ..value.clone() }),
            Self::Scaled(value) => {
                let mut scale = value.scale.clone();
                if let Some(axis) = scale.axis {
                    let outer: usize = value.shape[..axis].iter().product();
                    let kept = |&to: &usize| {
                        shape[to] == value.shape[axis]
                            && shape[..to].iter().product::<usize>() == outer
                    };
                    scale.axis = (0..shape.len()).find(kept);
                    if scale.axis.is_none() {
                        return self.uniform(arithmetic).reshaped(arithmetic, shape);
                    }
                }
                Self::Scaled(Scaled { shape, scale, ..value.clone() })
            }
        }
    }

    /// The same numbers, with a meaning that does not depend on their place: scales for each index of an axis become one if
    /// they are equal, and the tensor becomes real if not.
    pub fn uniform(&self, arithmetic: &Arithmetic) -> Self {
        match self {
            Self::Scaled(value) if value.scale.axis.is_some() => {
                let Scale { scales, zero_points, .. } = &value.scale;
                let pair = scales.first().zip(zero_points.first());
                let equal = |(&scale, &zero): (&f64, &i64)| {
                    scales.iter().all(|&other| other == scale)
                        && zero_points.iter().all(|&other| other == zero)
                };
                match pair.filter(|&pair| equal(pair)) {
                    Some((&scale, &zero)) => {
                        let scale = Scale::per_tensor(scale, zero);
                        Self::Scaled(Scaled { scale, ..value.clone() })
                    }
                    None => self.as_reals(arithmetic),
                }
            }
            _ => self.clone(),
        }
    }

    /// The numbers as reals if they are quantised.
    pub fn as_reals(&self, arithmetic: &Arithmetic) -> Self {
        match self {
            Self::Scaled(value) => {
                let (shape, element) = (value.shape.clone(), self.element());
                Self::Real(Reals::new(arithmetic, shape, element, value.wide()))
            }
            _ => self.clone(),
        }
    }

    /// The elements at `places` along each axis, all of them in range.
    pub fn selected(&self, lists: &[Vec<usize>]) -> Self {
        let shape = lists.iter().map(Vec::len).collect();
        let axis = match self {
            Self::Scaled(value) => value.scale.axis,
            _ => None,
        };
        let mut result = self.picked(shape, &axes::grid(self.shape(), lists), axis);
        if let (Self::Scaled(value), Some(axis)) = (&mut result, axis) {
            let scale = &mut value.scale;
            scale.scales = lists[axis].iter().map(|&place| scale.scales[place]).collect();
            scale.zero_points = lists[axis].iter().map(|&place| scale.zero_points[place]).collect();
        }
        result
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
