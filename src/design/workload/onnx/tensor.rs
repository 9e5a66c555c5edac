//! Small constants of a model.

use crate::onnx::{OnnxError, proto};
use hwmodel::cast::index;

/// The most elements of a constant that is computed with.
pub(super) const MAX_ELEMENTS: usize = 4096;

/// The elements of a constant, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Integers and truth values.
    Integers(Vec<i64>),
    /// Floating-point numbers.
    Reals(Vec<f64>),
}

impl Value {
    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Reals(values) => values.len(),
        }
    }

    /// The integers, if they are.
    pub(super) fn integers(&self) -> Option<&[i64]> {
        match self {
            Self::Integers(values) => Some(values),
            Self::Reals(_) => None,
        }
    }

    /// All elements as real numbers.
    pub(super) fn reals(&self) -> Vec<f64> {
        match self {
            Self::Integers(values) => values.iter().map(|&value| value as f64).collect(),
            Self::Reals(values) => values.clone(),
        }
    }

    /// The elements of shape `shape` at `offset` + Σ index·stride over the axes; `None` if they are
    /// too many or one is out of range.
    pub(super) fn strided(&self, shape: &[u64], offset: i64, strides: &[i64]) -> Option<Self> {
        let count = shape.iter().try_fold(1u64, |n, &size| n.checked_mul(size))?;
        let count = usize::try_from(count).ok().filter(|&count| count <= MAX_ELEMENTS)?;
        let place = |index: usize| {
            let (mut rest, mut place) = (index as u64, offset);
            for (&size, &stride) in shape.iter().zip(strides).rev() {
                place = place.checked_add(stride.checked_mul((rest % size) as i64)?)?;
                rest /= size;
            }
            usize::try_from(place).ok().filter(|&place| place < self.len())
        };
        let places: Vec<usize> = (0..count).map(place).collect::<Option<_>>()?;
        Some(self.pick(places.into_iter()))
    }

    /// The elements at `indices`, which must be in range.
    pub(super) fn pick(&self, indices: impl Iterator<Item = usize>) -> Self {
        match self {
            Self::Integers(values) => Self::Integers(indices.map(|index| values[index]).collect()),
            Self::Reals(values) => Self::Reals(indices.map(|index| values[index]).collect()),
        }
    }
}

/// How far apart neighbours along each axis of `shape` lie; 0 along axes of size 1, so that the
/// elements are broadcast.
pub(super) fn strides(shape: &[u64]) -> Vec<i64> {
    let mut strides = vec![0; shape.len()];
    let mut stride = 1i64;
    for (axis, &size) in shape.iter().enumerate().rev() {
        if size != 1 {
            strides[axis] = stride;
        }
        stride = stride.saturating_mul(size as i64);
    }
    strides
}

/// Element types by their number in `TensorProto.DataType`.
pub(super) mod element {
    use crate::tensor::ElementType;
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const UINT8: i32 = 2;
    pub(crate) const INT8: i32 = 3;
    pub(crate) const UINT16: i32 = 4;
    pub(crate) const INT16: i32 = 5;
    pub(crate) const INT32: i32 = 6;
    pub(crate) const INT64: i32 = 7;
    pub(crate) const BOOL: i32 = 9;
    pub(crate) const DOUBLE: i32 = 11;
    pub(crate) const UINT32: i32 = 12;
    pub(crate) const UINT64: i32 = 13;

    /// Whether it is an integer or a truth value.
    pub(crate) fn is_integer(data_type: i32) -> bool {
        matches!(data_type, UINT8 | INT8 | UINT16 | INT16 | INT32 | INT64 | BOOL | UINT32 | UINT64)
    }

    /// Whether weights can have this type: floats, and the integers of quantised ones and of their biases.
    pub(crate) fn can_be_trained(data_type: i32) -> bool {
        ElementType::from_number(data_type)
            .is_some_and(|element| !matches!(element, ElementType::Bool | ElementType::Int64))
    }
}

impl proto::Tensor {
    /// Its elements; `None` if they are many, of a type that shapes are not made of, or not in the
    /// file.
    pub(super) fn value(&self) -> Result<Option<Value>, OnnxError> {
        let elements = self.shape()?.iter().try_fold(1u64, |n, &size| n.checked_mul(size));
        let Some(count) = elements.filter(|&n| n <= MAX_ELEMENTS as u64) else { return Ok(None) };
        let count = index(count);
        let Some(value) = self.decode() else { return Ok(None) };
        if value.len() == count {
            return Ok(Some(value));
        }
        if value.len() == 0 {
            // Skipped, or in a separate file.
            return Ok(None);
        }
        Err(self.damaged(format!("{} elements for shape {:?}", value.len(), self.dims)))
    }

    /// The elements.
    fn decode(&self) -> Option<Value> {
        let raw = &self.raw_data;
        let integers = |bytes: usize, read: fn(&[u8]) -> i64| {
            Some(Value::Integers(raw.chunks_exact(bytes).map(read).collect()))
        };
        if raw.is_empty() {
            let small = || self.int32_data.iter().map(|&value| i64::from(value)).collect();
            return match self.data_type {
                element::FLOAT => {
                    Some(Value::Reals(self.float_data.iter().map(|&v| f64::from(v)).collect()))
                }
                element::DOUBLE => Some(Value::Reals(self.double_data.clone())),
                element::INT64 => Some(Value::Integers(self.int64_data.clone())),
                element::UINT8
                | element::INT8
                | element::UINT16
                | element::INT16
                | element::INT32
                | element::BOOL => Some(Value::Integers(small())),
                _ => None,
            };
        }
        match self.data_type {
            element::FLOAT => Some(Value::Reals(
                raw.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(array(b)))).collect(),
            )),
            element::DOUBLE => Some(Value::Reals(
                raw.chunks_exact(8).map(|b| f64::from_le_bytes(array(b))).collect(),
            )),
            element::INT64 => integers(8, |b| i64::from_le_bytes(array(b))),
            element::INT32 => integers(4, |b| i64::from(i32::from_le_bytes(array(b)))),
            element::UINT8 | element::BOOL => integers(1, |b| i64::from(b[0])),
            element::INT8 => integers(1, |b| i64::from(b[0].cast_signed())),
            element::INT16 => integers(2, |b| i64::from(i16::from_le_bytes(array(b)))),
            element::UINT16 => integers(2, |b| i64::from(u16::from_le_bytes(array(b)))),
            _ => None,
        }
    }
}

/// A chunk of exactly N bytes as an array.
fn array<const N: usize>(chunk: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(chunk);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(data_type: i32, dims: &[i64], raw_data: Vec<u8>) -> proto::Tensor {
        let name = "t".to_owned();
        proto::Tensor { dims: dims.to_vec(), data_type, name, raw_data, ..proto::Tensor::default() }
    }

    #[test]
    fn elements_are_read_from_either_place() {
        let raw = [5i64, -1].iter().flat_map(|value| value.to_le_bytes()).collect();
        let integers = Some(Value::Integers(vec![5, -1]));
        assert_eq!(tensor(element::INT64, &[2], raw).value().unwrap(), integers);
        let typed =
            proto::Tensor { int64_data: vec![5, -1], ..tensor(element::INT64, &[2], vec![]) };
        assert_eq!(typed.value().unwrap(), integers);
        let half = 0.5f32.to_le_bytes().to_vec();
        let scalar = tensor(element::FLOAT, &[], half).value().unwrap();
        assert_eq!(scalar, Some(Value::Reals(vec![0.5])));
        let bytes = tensor(element::INT8, &[2], vec![0xff, 3]).value().unwrap();
        assert_eq!(bytes, Some(Value::Integers(vec![-1, 3])));
    }

    #[test]
    fn strides_transpose_slice_and_broadcast() {
        let matrix = Value::Integers((0..6).collect());
        let strides = strides(&[2, 3]);
        assert_eq!(strides, [3, 1]);
        let transposed = matrix.strided(&[3, 2], 0, &[1, 3]);
        assert_eq!(transposed, Some(Value::Integers(vec![0, 3, 1, 4, 2, 5])));
        let flipped = matrix.strided(&[2, 2], 5, &[-3, -2]);
        assert_eq!(flipped, Some(Value::Integers(vec![5, 3, 2, 0])));
        assert_eq!(super::strides(&[1, 3]), [0, 1]);
        assert_eq!(matrix.strided(&[7], 0, &[1]), None);
        assert_eq!(matrix.strided(&[1 << 40, 1 << 40], 0, &[0, 0]), None);
        assert_eq!(matrix.strided(&[0, 5], 0, &[1, 1]), Some(Value::Integers(vec![])));
    }

    #[test]
    fn large_external_and_damaged_tensors() {
        assert_eq!(tensor(element::FLOAT, &[1 << 40], vec![]).value().unwrap(), None);
        assert_eq!(tensor(element::FLOAT, &[64], vec![]).value().unwrap(), None);
        let error = tensor(element::INT64, &[3], vec![0; 8]).value().unwrap_err();
        assert_eq!(error.to_string(), "tensor `t` is damaged: 1 elements for shape [3]");
        let error = tensor(element::INT64, &[-3], vec![]).shape().unwrap_err();
        assert_eq!(error.to_string(), "tensor `t` is damaged: shape [-3]");
    }
}
