//! Tensors of raw integers, stored in the narrowest container of their format.

use crate::cast::nearest_f32;
use crate::kernels::{self, SimdLevel, StoredInteger};
use crate::number::format::{Container, Format};
use crate::parallel;
use num_traits::PrimInt;

/// Raw integers in the container of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawData {
    /// Word lengths 1 to 8, unsigned to 7.
    I8(Vec<i8>),
    /// Word lengths 9 to 16, unsigned 8 to 15.
    I16(Vec<i16>),
    /// Word lengths 17 to 32, unsigned 16 to 31.
    I32(Vec<i32>),
    /// Unsigned words of 32 bits.
    I64(Vec<i64>),
}

/// Calls `$body` with `$slice` bound to the typed contents of a [`RawData`].
#[macro_export]
macro_rules! with_raw {
    ($data:expr, $slice:ident => $body:expr) => {
        match $data {
            $crate::RawData::I8($slice) => $body,
            $crate::RawData::I16($slice) => $body,
            $crate::RawData::I32($slice) => $body,
            $crate::RawData::I64($slice) => $body,
        }
    };
}

/// [`with_raw`] for code that is compiled for the words that 32 bits hold only; `$other` is the value for unsigned words of 32
/// bits, by default a broken invariant.
#[macro_export]
macro_rules! with_narrow {
    ($data:expr, $slice:ident => $body:expr, else $other:expr) => {
        match $data {
            $crate::RawData::I8($slice) => $body,
            $crate::RawData::I16($slice) => $body,
            $crate::RawData::I32($slice) => $body,
            $crate::RawData::I64(_) => $other,
        }
    };
    ($data:expr, $slice:ident => $body:expr) => {
        $crate::with_narrow!($data, $slice => $body, else unreachable!("wide words were handled before"))
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
            Container::I64 => Self::I64(vec![0; length]),
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
    pub fn get(&self, index: usize) -> i64 {
        with_raw!(self, raw => raw[index].to_i64())
    }

    /// All raw integers, widened.
    pub fn to_i64(&self) -> Vec<i64> {
        with_raw!(self, raw => raw.iter().map(|raw| raw.to_i64()).collect())
    }

    /// All raw integers as i32.
    ///
    /// # Panics
    /// If an unsigned word of 32 bits does not fit.
    pub fn to_i32(&self) -> Vec<i32> {
        match self {
            Self::I8(raw) => raw.iter().map(|&raw| raw.into()).collect(),
            Self::I16(raw) => raw.iter().map(|&raw| raw.into()).collect(),
            Self::I32(raw) => raw.clone(),
            Self::I64(raw) => {
                let fits = |&raw: &i64| i32::try_from(raw).expect("a word that i32 holds");
                raw.iter().map(fits).collect()
            }
        }
    }

    /// Bits of a stored word.
    fn word_bits(&self) -> u32 {
        match self {
            Self::I8(_) => 8,
            Self::I16(_) => 16,
            Self::I32(_) => 32,
            Self::I64(_) => 64,
        }
    }

    /// The first raw integer outside the range of `format`, and its position; `None` if there is none.
    fn first_outside(&self, format: Format) -> Option<(usize, i64)> {
        if format.is_signed() && !format.is_narrow() && format.wl() >= self.word_bits() {
            return None;
        }
        with_raw!(self, raw => {
            first_outside(raw, format).map(|index| (index, raw[index].to_i64()))
        })
    }

    /// Number of elements that are not zero.
    pub fn nonzero(&self) -> u64 {
        with_raw!(self, raw => parallel::sum(raw.chunks(1 << 14), count_nonzero))
    }
}

/// Position of the first element outside the range of `format`.
fn first_outside<T: PrimInt + Sync>(raw: &[T], format: Format) -> Option<usize> {
    const CHUNK: usize = 1 << 15;
    // An end that the type does not have excludes nothing.
    let least = num_traits::cast(format.min_raw()).unwrap_or_else(T::min_value);
    let most = num_traits::cast(format.max_raw()).unwrap_or_else(T::max_value);
    let outside = |x: T| (x < least) | (x > most);
    // Without an early exit, so that the compiler can compare many elements at a time.
    let any = |chunk: &[T]| chunk.iter().fold(false, |any, &x| any | outside(x));
    let chunks = parallel::map(raw.chunks(CHUNK), any);
    let chunk = chunks.into_iter().position(|any| any)? * CHUNK;
    raw[chunk..].iter().position(|&x| outside(x)).map(|index| chunk + index)
}

/// Counted in bytes first, of which a vector holds most.
fn count_nonzero<T: StoredInteger>(raw: &[T]) -> u64 {
    let groups = raw.chunks(usize::from(u8::MAX));
    groups
        .map(|group| u64::from(group.iter().map(|raw| u8::from(*raw != T::zero())).sum::<u8>()))
        .sum()
}

impl FixedTensor {
    /// A tensor of `shape` from raw integers of any width, such as i32 or i64.
    ///
    /// # Errors
    /// If the number of integers is not the shape's, or one is outside the format's range.
    pub fn from_raw<T: PrimInt + Into<i64> + Sync>(
        shape: &[usize],
        format: Format,
        raw: &[T],
    ) -> Result<Self, TensorError> {
        if let Some(index) = first_outside(raw, format) {
            return Err(TensorError::Range { index, raw: raw[index].into(), format });
        }
        fn stored<T: Copy + Into<i64>, S: StoredInteger>(raw: &[T]) -> Vec<S> {
            raw.iter().map(|&raw| <S as StoredInteger>::from_i64(raw.into())).collect()
        }
        let data = match format.container() {
            Container::I8 => RawData::I8(stored(raw)),
            Container::I16 => RawData::I16(stored(raw)),
            Container::I32 => RawData::I32(stored(raw)),
            Container::I64 => RawData::I64(stored(raw)),
        };
        Self::in_range(shape, format, data)
    }

    /// A tensor of `shape` from data in the container of `format`. A signed word length that fills its container
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
            return Err(TensorError::Range { index, raw, format });
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

    /// The values raw · 2^-FL in float32 (exact for WL ≤ 25, unsigned ≤ 24, else rounded to nearest).
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
        let new = |format, data| FixedTensor::new(&[3], format, data);
        let both = |wl| [Format::new(wl, 0).unwrap(), Format::unsigned(wl, 0).unwrap()];
        for format in (1..=32).flat_map(both).flat_map(|format| [format, format.narrow()]) {
            let (least, most) = (format.min_raw(), format.max_raw());
            let inside = FixedTensor::from_raw(&[3], format, &[least, 0, most]).unwrap();
            assert_eq!(inside.data().to_i64(), [least, 0, most]);
            assert_eq!(new(format, inside.data().clone()), Ok(inside));
            for raw in [least - 1, most + 1] {
                let error = TensorError::Range { index: 2, raw, format };
                assert_eq!(FixedTensor::from_raw(&[3], format, &[0, 0, raw]), Err(error.clone()));
                let bits = format.container().bits();
                if raw < -1i64 << (bits - 1) || raw >= 1 << (bits - 1) {
                    continue;
                }
                let mut data = RawData::zeros(format, 3);
                with_raw!(&mut data, words => words[2] = StoredInteger::from_i64(raw));
                assert_eq!(new(format, data), Err(error));
            }
        }
        let nine = Format::new(9, 0).unwrap();
        let error = new(nine, RawData::I8(vec![0; 3])).unwrap_err();
        assert_eq!(error.to_string(), "⟨9, 0⟩ is stored in words of 16 bits, got words of 8 bits");
        assert!(new(Format::new(8, 0).unwrap(), RawData::I16(vec![0; 3])).is_err());
        assert!(new(Format::unsigned(8, 0).unwrap(), RawData::I16(vec![0; 3])).is_ok());
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
