//! Tensors of integers with an element type.

use super::error::Problem;
use crate::onnx::model::ElementType;
use std::sync::Arc;

/// A tensor of integers or truth values, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integers {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Type of its elements; not a floating-point number.
    pub element: ElementType,
    /// The integers, each in the range of the type.
    pub values: Arc<Vec<i64>>,
}

impl Integers {
    /// Integers that are in the range of `element`.
    pub fn new(shape: Vec<usize>, element: ElementType, values: Vec<i64>) -> Self {
        debug_assert_eq!(values.len(), shape.iter().product::<usize>());
        debug_assert!(!element.is_real());
        Self { shape, element, values: Arc::new(values) }
    }

    /// A list of sizes or axes.
    pub fn list(values: Vec<i64>) -> Self {
        Self::new(vec![values.len()], ElementType::Int64, values)
    }

    /// The lowest and the highest integer of the type.
    pub fn range(&self) -> (i64, i64) {
        self.element.integer_range().expect("integers have a range")
    }

    /// The only element.
    ///
    /// # Errors
    /// If there are more or none.
    pub fn single(&self, what: &'static str) -> Result<i64, Problem> {
        match self.values.as_slice() {
            [value] => Ok(*value),
            _ => Err(Problem::Shape(format!(
                "its {what} has shape {:?}: one number is needed",
                self.shape
            ))),
        }
    }
}
