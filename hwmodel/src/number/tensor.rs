//! Tensors of raw integers, stored in the narrowest container of their format.

use crate::cast::nearest_f32;
use crate::kernels::{self, RawInteger, SimdLevel};
use crate::number::format::{Container, Format};
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
///
/// ```
/// use hwmodel::{FixedTensor, Format, SimdLevel};
/// let tensor = FixedTensor::from_raw(&[1, 2], Format::new(8, 4)?, &[24, -128])?;
/// assert_eq!(tensor.to_f32(SimdLevel::best()), [1.5, -8.0]);
/// // 128 is not a word of 8 bits.
/// assert!(FixedTensor::from_raw(&[1], Format::new(8, 4)?, &[128]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedTensor {
    shape: Vec<usize>,
    format: Format,
    data: RawData,
}

/// Error of raw integers that do not match shape or format.
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
    /// The raw integers are stored in words of another size than the format's container.
    #[error("{format} is stored in words of {} bits, got words of {given} bits", .format.container().bits())]
    Container {
        /// The format.
        format: Format,
        /// Bits of the words given.
        given: u32,
    },
    /// The product of the shape is more than memory can address.
    #[error("shape {0:?} has more elements than can be addressed")]
    TooLarge(Vec<usize>),
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

    /// Bits of a stored word.
    fn word_bits(&self) -> u32 {
        match self {
            Self::I8(_) => 8,
            Self::I16(_) => 16,
            Self::I32(_) => 32,
        }
    }

    /// The first raw integer outside the range of `format`, and its position; `None` if there is none.
    fn first_outside(&self, format: Format) -> Option<(usize, i32)> {
        if format.wl() >= self.word_bits() {
            return None;
        }
        with_raw!(self, raw => {
            let (least, most) = (RawInteger::from_i32(format.min_raw()), RawInteger::from_i32(format.max_raw()));
            first_outside(raw, least, most).map(|index| (index, RawInteger::to_i32(raw[index])))
        })
    }

    /// Number of elements that are not zero.
    pub fn nonzero(&self) -> u64 {
        with_raw!(self, raw => parallel::sum(raw.chunks(1 << 14), count_nonzero))
    }
}

/// Position of the first element below `least` or above `most`.
fn first_outside<T: RawInteger>(raw: &[T], least: T, most: T) -> Option<usize> {
    const CHUNK: usize = 1 << 15;
    let outside = |x: T| (x < least) | (x > most);
    // Without an early exit, so that the compiler can compare many elements at a time.
    let any = |chunk: &[T]| chunk.iter().fold(false, |any, &x| any | outside(x));
    let chunks = parallel::map(raw.chunks(CHUNK), any);
    let chunk = chunks.into_iter().position(|any| any)? * CHUNK;
    raw[chunk..].iter().position(|&x| outside(x)).map(|index| chunk + index)
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
        if let Some(index) = first_outside(raw, format.min_raw(), format.max_raw()) {
            return Err(TensorError::Range { index, raw: raw[index].into(), format });
        }
        let data = match format.container() {
            Container::I8 => RawData::I8(raw.iter().map(|&raw| i8::from_i32(raw)).collect()),
            Container::I16 => RawData::I16(raw.iter().map(|&raw| i16::from_i32(raw)).collect()),
            Container::I32 => RawData::I32(raw.to_vec()),
        };
        Self::in_range(shape, format, data)
    }

    /// A tensor of `shape` from data in the container of `format`. A word length that fills its container
    /// (8, 16 or 32 bits) needs no range check of the data.
    ///
    /// # Errors
    /// If the number of elements is not the shape's, the container is not the format's, or a raw integer is
    /// outside the format's range.
    pub fn new(shape: &[usize], format: Format, data: RawData) -> Result<Self, TensorError> {
        if data.word_bits() != format.container().bits() {
            return Err(TensorError::Container { format, given: data.word_bits() });
        }
        if let Some((index, raw)) = data.first_outside(format) {
            return Err(TensorError::Range { index, raw: raw.into(), format });
        }
        Self::in_range(shape, format, data)
    }

    /// A tensor of data whose container and range are those of `format`.
    fn in_range(shape: &[usize], format: Format, data: RawData) -> Result<Self, TensorError> {
        let needed = shape.iter().try_fold(1usize, |needed, &size| needed.checked_mul(size));
        let needed = match needed {
            Some(needed) => needed,
            // A size of 0 after sizes whose product wraps.
            None if shape.contains(&0) => 0,
            None => return Err(TensorError::TooLarge(shape.to_vec())),
        };
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

    /// Consumes the tensor and returns its raw integers.
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
        Self::in_range(shape, self.format, self.data)
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
        let step = nearest_f32(self.format.step());
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

    #[test]
    fn data_is_checked_in_every_container() {
        let new = |wl, data| FixedTensor::new(&[3], Format::new(wl, 0).unwrap(), data);
        for wl in 1..=32 {
            let format = Format::new(wl, 0).unwrap();
            let (least, most) = (format.min_raw(), format.max_raw());
            let inside = FixedTensor::from_raw(&[3], format, &[least, 0, most]).unwrap();
            assert_eq!(new(wl, inside.data().clone()), Ok(inside));
            if wl == format.container().bits() {
                continue;
            }
            for raw in [least - 1, most + 1] {
                let mut data = RawData::zeros(format, 3);
                with_raw!(&mut data, words => words[2] = RawInteger::from_i32(raw));
                let error = TensorError::Range { index: 2, raw: raw.into(), format };
                assert_eq!(new(wl, data), Err(error));
            }
        }
        let error = new(9, RawData::I8(vec![0; 3])).unwrap_err();
        assert_eq!(error.to_string(), "⟨9, 0⟩ is stored in words of 16 bits, got words of 8 bits");
        assert!(new(8, RawData::I16(vec![0; 3])).is_err());
    }

    #[test]
    fn the_last_element_of_a_long_tensor_is_checked() {
        let format = Format::new(7, 0).unwrap();
        let mut data = vec![63i8; (1 << 16) + 5];
        data[(1 << 16) + 4] = 64;
        let error = FixedTensor::new(&[data.len()], format, RawData::I8(data)).unwrap_err();
        assert_eq!(error, TensorError::Range { index: (1 << 16) + 4, raw: 64, format });
    }

    #[test]
    fn shapes_whose_product_wraps_are_refused() {
        let format = Format::new(8, 0).unwrap();
        let new = |shape: &[usize]| FixedTensor::new(shape, format, RawData::I8(Vec::new()));
        assert_eq!(new(&[1 << 32, 1 << 32]), Err(TensorError::TooLarge(vec![1 << 32, 1 << 32])));
        assert!(new(&[usize::MAX, 2, 0]).is_ok());
    }
}
