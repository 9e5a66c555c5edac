//! Tensors of integers with an element type.

use super::error::Problem;
use crate::onnx::model::ElementType;
use hwmodel::cast::low;
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

    /// The result of an operation on integers, modulo 2^bits of `element` as processors compute it.
    ///
    /// # Errors
    /// If a uint64 is above 2^63 - 1.
    pub fn wrapped(
        shape: Vec<usize>,
        element: ElementType,
        values: impl IntoIterator<Item = i128>,
    ) -> Result<Self, Problem> {
        let values = values.into_iter().map(|value| wrap(element, value));
        let values = values.collect::<Option<_>>().ok_or_else(|| {
            Problem::Unsupported("a uint64 is above 2^63 - 1, the largest that is supported".into())
        })?;
        Ok(Self::new(shape, element, values))
    }

    /// Truth values.
    pub fn truths(shape: Vec<usize>, values: impl IntoIterator<Item = bool>) -> Self {
        Self::new(shape, ElementType::Bool, values.into_iter().map(i64::from).collect())
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

/// `value` modulo 2^bits of `element`; `None` for a uint64 above 2^63 - 1.
fn wrap(element: ElementType, value: i128) -> Option<i64> {
    let (lowest, highest) = element.integer_range()?;
    if (i128::from(lowest)..=i128::from(highest)).contains(&value) {
        return Some(low(value));
    }
    match element {
        ElementType::Int64 => Some(low(value)),
        ElementType::UInt64 => i64::try_from(low::<u64>(value)).ok(),
        _ => {
            let count = i128::from(highest) - i128::from(lowest) + 1;
            Some(low((value - i128::from(lowest)).rem_euclid(count) + i128::from(lowest)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_wrap_as_processors_compute_them() {
        let wrapped = |element, value| wrap(element, value);
        assert_eq!(wrapped(ElementType::Int8, 200), Some(-56));
        assert_eq!(wrapped(ElementType::UInt8, -1), Some(255));
        assert_eq!(wrapped(ElementType::Int4, 8), Some(-8));
        assert_eq!(wrapped(ElementType::UInt32, -1), Some((1 << 32) - 1));
        assert_eq!(wrapped(ElementType::Int64, 1 << 63), Some(i64::MIN));
        assert_eq!(wrapped(ElementType::UInt64, -1), None);
        assert_eq!(wrapped(ElementType::UInt64, (1 << 64) + 5), Some(5));
    }
}
