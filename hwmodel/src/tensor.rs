//! Tensors of raw integers, stored in the narrowest container of their format.

use crate::format::{Container, Format};
use crate::kernels::{self, RawInteger, SimdLevel};
use crate::parallel;

/// Raw integers in the container of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawData {
    /// Word lengths 1 to 8.
    I8(Vec<i8>),
    /// Word lengths 9 to 16.
    I16(Vec<i16>),
    /// Word lengths 17 to 32.
    I32(Vec<i32>),
}

/// Calls `$body` with `$slice` bound to the typed contents of a [`RawData`].
#[macro_export]
macro_rules! with_raw {
    ($data:expr, $slice:ident => $body:expr) => {
        match $data {
            $crate::RawData::I8($slice) => $body,
            $crate::RawData::I16($slice) => $body,
            $crate::RawData::I32($slice) => $body,
        }
    };
}

/// A tensor of fixed-point numbers: shape, format and raw integers (row-major).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedTensor {
    shape: Vec<usize>,
    format: Format,
    data: RawData,
}

/// Raw integers that do not make a tensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// The number of elements is not the product of the shape.
    #[error("shape {shape:?} needs {needed} elements, got {given}")]
    Shape {
        /// The shape asked for.
        shape: Vec<usize>,
        /// Elements of that shape.
        needed: usize,
        /// Elements given.
        given: usize,
    },
    /// A raw integer is outside the format's range.
    #[error("raw integer {raw} at element {index} is outside the range of {format}")]
    Range {
        /// Position, row-major.
        index: usize,
        /// The integer.
        raw: i64,
        /// The format that cannot hold it.
        format: Format,
    },
}

impl RawData {
    /// `length` zeros in the container of `format`.
    pub fn zeros(format: Format, length: usize) -> Self {
        match format.container() {
            Container::I8 => Self::I8(vec![0; length]),
            Container::I16 => Self::I16(vec![0; length]),
            Container::I32 => Self::I32(vec![0; length]),
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        with_raw!(self, raw => raw.len())
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The raw integer at `index`.
    ///
    /// # Panics
    /// If `index` is not below the length.
    pub fn get(&self, index: usize) -> i32 {
        with_raw!(self, raw => RawInteger::to_i32(raw[index]))
    }

    /// All raw integers, widened.
    pub fn to_i32(&self) -> Vec<i32> {
        with_raw!(self, raw => raw.iter().map(|&raw| RawInteger::to_i32(raw)).collect())
    }

    /// Number of elements that are not zero.
    pub fn nonzero(&self) -> u64 {
        with_raw!(self, raw => parallel::sum(raw.chunks(1 << 14), count_nonzero))
    }
}

/// Counted in bytes first, of which a vector holds most.
fn count_nonzero<T: RawInteger>(raw: &[T]) -> u64 {
    let groups = raw.chunks(usize::from(u8::MAX));
    groups
        .map(|group| u64::from(group.iter().map(|raw| u8::from(*raw != T::zero())).sum::<u8>()))
        .sum()
}

impl FixedTensor {
    /// A tensor of `shape` from raw integers of any width.
    ///
    /// # Errors
    /// If the number of integers is not the shape's, or one is outside the format's range.
    pub fn from_raw(shape: &[usize], format: Format, raw: &[i32]) -> Result<Self, TensorError> {
        let outside = |&(_, &raw): &(usize, &i32)| raw < format.min_raw() || raw > format.max_raw();
        if let Some((index, &raw)) = raw.iter().enumerate().find(outside) {
            return Err(TensorError::Range { index, raw: raw.into(), format });
        }
        let data = match format.container() {
            Container::I8 => RawData::I8(raw.iter().map(|&raw| i8::from_i32(raw)).collect()),
            Container::I16 => RawData::I16(raw.iter().map(|&raw| i16::from_i32(raw)).collect()),
            Container::I32 => RawData::I32(raw.to_vec()),
        };
        Self::new(shape, format, data)
    }

    /// A tensor of `shape` from data in the container of `format`, whose range the caller warrants
    /// (it comes from a quantiser of the same format).
    ///
    /// # Errors
    /// If the number of elements is not the shape's.
    ///
    /// # Panics
    /// If the container is not the format's.
    pub fn new(shape: &[usize], format: Format, data: RawData) -> Result<Self, TensorError> {
        let container = match data {
            RawData::I8(_) => Container::I8,
            RawData::I16(_) => Container::I16,
            RawData::I32(_) => Container::I32,
        };
        assert_eq!(container, format.container(), "container of {format}");
        let needed = shape.iter().product();
        if needed != data.len() {
            return Err(TensorError::Shape { shape: shape.to_vec(), needed, given: data.len() });
        }
        Ok(Self { shape: shape.to_vec(), format, data })
    }

    /// The shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The raw integers.
    pub fn data(&self) -> &RawData {
        &self.data
    }

    /// The raw integers, given away.
    pub fn into_data(self) -> RawData {
        self.data
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The same elements with another shape.
    ///
    /// # Errors
    /// If the number of elements differs.
    pub fn reshaped(self, shape: &[usize]) -> Result<Self, TensorError> {
        Self::new(shape, self.format, self.data)
    }

    /// The values raw · 2^-FL in float32 (exact for WL ≤ 25, else rounded to nearest).
    pub fn to_f32(&self, simd: SimdLevel) -> Vec<f32> {
        let mut out = vec![0.0; self.len()];
        self.dequantise_into(simd, &mut out);
        out
    }

    /// [`FixedTensor::to_f32`] into a buffer of the same length.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn dequantise_into(&self, simd: SimdLevel, out: &mut [f32]) {
        const CHUNK: usize = 1 << 15;
        assert_eq!(out.len(), self.len(), "one output an element");
        let step = self.format.step() as f32;
        with_raw!(&self.data, raw => {
            parallel::each(raw.chunks(CHUNK).zip(out.chunks_mut(CHUNK)), |(raw, out)| {
                kernels::dequantise(simd, raw, step, out);
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_and_range_are_checked() {
        let format = Format::new(4, 2).unwrap();
        let tensor = FixedTensor::from_raw(&[2, 2], format, &[-8, 7, 0, 1]).unwrap();
        assert_eq!(tensor.to_f32(SimdLevel::PORTABLE), [-2.0, 1.75, 0.0, 0.25]);
        assert_eq!(tensor.data().nonzero(), 3);
        assert_eq!(
            FixedTensor::from_raw(&[1], format, &[8]),
            Err(TensorError::Range { index: 0, raw: 8, format })
        );
        assert_eq!(
            FixedTensor::from_raw(&[3], format, &[1]),
            Err(TensorError::Shape { shape: vec![3], needed: 3, given: 1 })
        );
    }
}
