//! Block floating point: integers that share a scale chosen from the data.
//!
//! Two forms. [`BlockFloatTensor`] has one exponent E a tensor or a slice, taken from the largest
//! magnitude, as QPyTorch's `block_quantize` ([`qpytorch::block_quantize`](crate::number::qpytorch::block_quantize) has
//! what the library itself computes). [`tensor_format`] is the form of MuPPET: one ⟨WL, FL⟩ a tensor with
//! FL chosen so that the extremes just fit, which the MAC array takes like any other format.

mod raw_scale;
mod shared_exponent;
mod tensor_scale;

pub use raw_scale::raw_format;
pub(crate) use raw_scale::{extremes, format_of_range};
pub use shared_exponent::{BlockFloatTensor, quantise_with};
pub use tensor_scale::{quantise_scaled, tensor_format};

/// The shortest word of a [`BlockFloatTensor`], which needs a bit besides the sign.
pub const MIN_WORD_LENGTH: u32 = 2;
/// The longest word of a [`BlockFloatTensor`].
pub const MAX_WORD_LENGTH: u32 = 32;

/// Which elements share an exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockAxis {
    /// All of a tensor.
    Tensor,
    /// Those with the same index of this axis, from 0: `Axis(0)` of `[o, i]` weights is one exponent
    /// an output.
    Axis(usize),
}

/// Error of a tensor that cannot be converted to block floating point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockFloatError {
    /// The word length is not 2 to 32 bits.
    #[error("word length {0} is impossible: use {MIN_WORD_LENGTH} to {MAX_WORD_LENGTH} bits")]
    WordLength(u32),
    /// The number of elements is not the product of the shape.
    #[error("shape {shape:?} does not have {given} elements")]
    Shape {
        /// The shape.
        shape: Vec<usize>,
        /// Elements given.
        given: usize,
    },
    /// The shape has no such axis.
    #[error("axis {axis} is impossible: the tensor has {axes} axes")]
    Axis {
        /// The axis asked for.
        axis: usize,
        /// Axes of the shape.
        axes: usize,
    },
    /// An element is NaN.
    #[error(transparent)]
    NotANumber(#[from] crate::number::quantise::NotANumber),
    /// An element is infinite, so that no exponent fits its block.
    #[error("element {index} is infinite, for which no exponent can be chosen")]
    Infinite {
        /// Position of the first one.
        index: usize,
    },
    /// The word length is impossible in ⟨WL, FL⟩.
    #[error(transparent)]
    Format(#[from] crate::number::format::FormatError),
}

/// The blocks of a shape: element i belongs to block (i / `run`) mod `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// Number of blocks, at least 1.
    pub(crate) count: usize,
    /// Consecutive elements of one block, at least 1.
    pub(crate) run: usize,
}

impl Blocks {
    /// The blocks of `elements` elements of `shape`.
    pub(crate) fn new(
        shape: &[usize],
        axis: BlockAxis,
        elements: usize,
    ) -> Result<Self, BlockFloatError> {
        let product = |axes: &[usize]| axes.iter().try_fold(1usize, |n, &axis| n.checked_mul(axis));
        if product(shape) != Some(elements) {
            return Err(BlockFloatError::Shape { shape: shape.to_vec(), given: elements });
        }
        match axis {
            BlockAxis::Tensor => Ok(Self { count: 1, run: elements.max(1) }),
            // An empty tensor has one block, independent of its other sizes.
            BlockAxis::Axis(axis) if elements == 0 && axis < shape.len() => {
                Ok(Self { count: 1, run: 1 })
            }
            BlockAxis::Axis(axis) => {
                let axes = shape.len();
                let count = shape.get(axis).ok_or(BlockFloatError::Axis { axis, axes })?;
                let run = shape[axis + 1..].iter().product();
                Ok(Self { count: *count, run })
            }
        }
    }

    /// The block of element `index`.
    pub(crate) fn of(self, index: usize) -> usize {
        index / self.run % self.count
    }

    /// The bits of the largest magnitude of every block; NaN counts as the largest of all.
    pub(crate) fn largest_magnitudes(self, x: &[f32]) -> Vec<u32> {
        let mut largest = vec![0u32; self.count];
        for (run, x) in x.chunks(self.run).enumerate() {
            let magnitude = x.iter().map(|x| x.to_bits() & 0x7fff_ffff).max().unwrap_or(0);
            let block = &mut largest[run % self.count];
            *block = magnitude.max(*block);
        }
        largest
    }
}

/// Finds what cannot be quantised in `x`, given the bits of its largest magnitude.
fn check_finite(x: &[f32], largest: u32) -> Result<(), BlockFloatError> {
    let position = |what: fn(&f32) -> bool| x.iter().position(what).unwrap_or(0);
    match largest {
        0..=0x7f7f_ffff => Ok(()),
        0x7f80_0000 => Err(BlockFloatError::Infinite { index: position(|x| x.is_infinite()) }),
        _ => Err(crate::number::quantise::NotANumber { index: position(|x| x.is_nan()) }.into()),
    }
}

/// ⌊log2⌋ of the positive number with these bits.
fn floor_log2(bits: u32) -> i32 {
    match bits >> 23 {
        0 => 31 - bits.leading_zeros() as i32 - 149,
        field => field as i32 - 127,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_a_shape() {
        let blocks = |axis| {
            let blocks = Blocks::new(&[2, 3, 2], axis, 12).unwrap();
            (0..12).map(|i| blocks.of(i)).collect::<Vec<_>>()
        };
        assert_eq!(blocks(BlockAxis::Tensor), [0; 12]);
        assert_eq!(blocks(BlockAxis::Axis(0)), [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
        assert_eq!(blocks(BlockAxis::Axis(1)), [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
        assert_eq!(blocks(BlockAxis::Axis(2)), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn impossible_shapes_and_axes() {
        let error = |shape: &[usize], axis, n| Blocks::new(shape, axis, n).unwrap_err().to_string();
        assert_eq!(error(&[2, 3], BlockAxis::Tensor, 5), "shape [2, 3] does not have 5 elements");
        let expected = "axis 2 is impossible: the tensor has 2 axes";
        assert_eq!(error(&[2, 3], BlockAxis::Axis(2), 6), expected);
        assert!(Blocks::new(&[usize::MAX, 2], BlockAxis::Tensor, 0).is_err());
        let empty = Blocks::new(&[0, usize::MAX, 2], BlockAxis::Axis(1), 0).unwrap();
        assert!(empty.largest_magnitudes(&[]).len() == 1);
        assert!(Blocks::new(&[0], BlockAxis::Axis(1), 0).is_err());
    }

    #[test]
    fn largest_magnitudes_of_blocks() {
        let x = [1.0, -4.0, 0.5, 2.0, f32::NAN, 0.0];
        let blocks = Blocks::new(&[3, 2], BlockAxis::Axis(0), 6).unwrap();
        let largest = blocks.largest_magnitudes(&x);
        assert_eq!(largest[..2], [4f32.to_bits(), 2f32.to_bits()]);
        assert!(f32::from_bits(largest[2]).is_nan());
        let blocks = Blocks::new(&[2, 2], BlockAxis::Axis(1), 4).unwrap();
        assert_eq!(blocks.largest_magnitudes(&x[..4]), [1f32.to_bits(), 4f32.to_bits()]);
    }

    #[test]
    fn logarithms_of_normal_and_subnormal_numbers() {
        for (x, log2) in [(1.0f32, 0), (1.99, 0), (0.5, -1), (f32::MAX, 127), (1e-45, -149)] {
            assert_eq!(floor_log2(x.to_bits()), log2);
        }
        assert_eq!(floor_log2(f32::MIN_POSITIVE.to_bits()), -126);
        assert_eq!(floor_log2((f32::MIN_POSITIVE / 2.0).to_bits()), -127);
    }
}
