//! Tensors of real numbers.

use super::arithmetic::Arithmetic;
use crate::onnx::model::ElementType;
use crate::tensor::half::round_to;
use hwmodel::cast::nearest_f32;
use std::borrow::Cow;
use std::sync::Arc;

/// Real numbers as float32 or float64, shared between the nodes that read them.
#[derive(Debug, Clone, PartialEq)]
pub enum RealData {
    /// Of the float unit.
    Float32(Arc<Vec<f32>>),
    /// Of exact arithmetic, and float64 values.
    Float64(Arc<Vec<f64>>),
}

/// A tensor of real numbers, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Reals {
    /// Its shape.
    pub shape: Vec<usize>,
    /// The element type that the file gives it. In [wide](Arithmetic::wide_reals) arithmetic the numbers are not rounded to it.
    pub element: ElementType,
    /// The numbers.
    pub data: RealData,
}

impl Reals {
    /// Numbers that were computed in float64, rounded as `arithmetic` stores values of type `element`.
    pub fn new(
        arithmetic: &Arithmetic,
        shape: Vec<usize>,
        element: ElementType,
        values: Vec<f64>,
    ) -> Self {
        debug_assert_eq!(values.len(), shape.iter().product::<usize>());
        let data = if arithmetic.wide_reals || element == ElementType::Float64 {
            RealData::Float64(Arc::new(values))
        } else {
            let rounded = values.into_iter().map(|value| round_to(element, nearest_f32(value)));
            RealData::Float32(Arc::new(rounded.collect()))
        };
        Self { shape, element, data }
    }

    /// Numbers that were computed in float32, rounded to `element`.
    pub fn single(shape: Vec<usize>, element: ElementType, mut values: Vec<f32>) -> Self {
        debug_assert_eq!(values.len(), shape.iter().product::<usize>());
        if element != ElementType::Float32 {
            values.iter_mut().for_each(|value| *value = round_to(element, *value));
        }
        Self { shape, element, data: RealData::Float32(Arc::new(values)) }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.data {
            RealData::Float32(values) => values.len(),
            RealData::Float64(values) => values.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers in float64.
    pub fn wide(&self) -> Cow<'_, [f64]> {
        match &self.data {
            RealData::Float32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            RealData::Float64(values) => Cow::Borrowed(values.as_slice()),
        }
    }

    /// The nearest float32 numbers.
    pub fn narrow(&self) -> Cow<'_, [f32]> {
        match &self.data {
            RealData::Float32(values) => Cow::Borrowed(values.as_slice()),
            RealData::Float64(values) => values.iter().map(|&value| nearest_f32(value)).collect(),
        }
    }
}
