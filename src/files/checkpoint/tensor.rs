//! A named tensor of a snapshot.

use safetensors::Dtype;
use std::borrow::Cow;

/// Declares the element types: variant, Rust type, size in the file.
macro_rules! element_types {
    ($($(#[$doc:meta])* $variant:ident($element:ty),)*) => {
        /// A tensor of a snapshot: as many elements as its shape says, last axis fastest.
        #[derive(Debug, Clone, PartialEq)]
        pub enum SnapshotTensor {
            $(
                $(#[$doc])*
                $variant {
                    /// Length of each axis; empty for a single value.
                    shape: Vec<usize>,
                    /// The elements.
                    data: Vec<$element>,
                },
            )*
        }

        impl SnapshotTensor {
            /// Length of each axis.
            pub fn shape(&self) -> &[usize] {
                match self {
                    $(Self::$variant { shape, .. } => shape,)*
                }
            }

            /// Number of elements.
            pub fn len(&self) -> usize {
                match self {
                    $(Self::$variant { data, .. } => data.len(),)*
                }
            }

            /// The element type in the words of the safetensors format.
            pub(super) fn dtype(&self) -> Dtype {
                match self {
                    $(Self::$variant { .. } => Dtype::$variant,)*
                }
            }

            /// The elements as little-endian bytes.
            pub(super) fn bytes(&self) -> Cow<'_, [u8]> {
                match self {
                    $(Self::$variant { data, .. } => to_little_endian(data),)*
                }
            }

            /// The tensor with these little-endian bytes; `None` for an element type that
            /// snapshots do not have, or if the number of bytes does not fit.
            pub(super) fn from_bytes(dtype: Dtype, shape: Vec<usize>, bytes: &[u8]) -> Option<Self> {
                match dtype {
                    $(Dtype::$variant => {
                        Some(Self::$variant { shape, data: from_little_endian(bytes)? })
                    })*
                    _ => None,
                }
            }
        }

        $(
            impl From<Vec<$element>> for SnapshotTensor {
                /// A tensor with one axis.
                fn from(data: Vec<$element>) -> Self {
                    Self::$variant { shape: vec![data.len()], data }
                }
            }
        )*
    };
}

element_types! {
    /// IEEE 754 binary32.
    F32(f32),
    /// IEEE 754 binary64.
    F64(f64),
    /// Unsigned bytes.
    U8(u8),
    /// Two's complement of 8 bits.
    I8(i8),
    /// Two's complement of 16 bits.
    I16(i16),
    /// Two's complement of 32 bits.
    I32(i32),
    /// Two's complement of 64 bits.
    I64(i64),
    /// Unsigned integers of 64 bits.
    U64(u64),
}

impl SnapshotTensor {
    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the shape says as many elements as there are.
    pub(super) fn fits(&self) -> bool {
        let product = self.shape().iter().try_fold(1usize, |n, axis| n.checked_mul(*axis));
        product == Some(self.len())
    }
}

fn to_little_endian<T: bytemuck::Pod>(data: &[T]) -> Cow<'_, [u8]> {
    let bytes: &[u8] = bytemuck::cast_slice(data);
    if cfg!(target_endian = "little") {
        return bytes.into();
    }
    let mut bytes = bytes.to_vec();
    swap(&mut bytes, size_of::<T>());
    bytes.into()
}

fn from_little_endian<T: bytemuck::Pod>(bytes: &[u8]) -> Option<Vec<T>> {
    let size = size_of::<T>();
    if !bytes.len().is_multiple_of(size) {
        return None;
    }
    let mut data = vec![T::zeroed(); bytes.len() / size];
    let target: &mut [u8] = bytemuck::cast_slice_mut(&mut data);
    target.copy_from_slice(bytes);
    if cfg!(target_endian = "big") {
        swap(target, size);
    }
    Some(data)
}

fn swap(bytes: &mut [u8], size: usize) {
    bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_little_endian() {
        let tensor = SnapshotTensor::from(vec![1i16, -2]);
        assert_eq!(*tensor.bytes(), [1, 0, 0xfe, 0xff]);
        let tensor = SnapshotTensor::from(vec![1.0f32]);
        assert_eq!(*tensor.bytes(), [0, 0, 0x80, 0x3f]);
        assert_eq!(
            SnapshotTensor::from_bytes(Dtype::F32, vec![1], &[0, 0, 0x80, 0x3f]),
            Some(tensor)
        );
        assert_eq!(SnapshotTensor::from_bytes(Dtype::F32, vec![1], &[0; 3]), None);
        assert_eq!(SnapshotTensor::from_bytes(Dtype::BF16, vec![1], &[0; 2]), None);
    }

    #[test]
    fn a_swap_turns_every_element() {
        let mut bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        swap(&mut bytes, 4);
        assert_eq!(bytes, [4, 3, 2, 1, 8, 7, 6, 5]);
    }

    #[test]
    fn shapes_must_fit() {
        let tensor = |shape: &[usize]| SnapshotTensor::U8 { shape: shape.into(), data: vec![7] };
        assert!(tensor(&[]).fits() && tensor(&[1, 1]).fits());
        assert!(!tensor(&[2]).fits() && !tensor(&[0]).fits() && !tensor(&[usize::MAX, 2]).fits());
        let empty = SnapshotTensor::from(Vec::<u64>::new());
        assert!(empty.fits() && empty.is_empty());
    }
}
