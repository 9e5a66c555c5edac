//! Which elements of a tensor share a scale and a zero point.

use super::AffineError;
use crate::TensorError;

/// Elements that share a scale and a zero point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// All of them.
    Tensor,
    /// Those of one index of `axis`: a channel.
    Axis {
        /// The axis, from 0.
        axis: usize,
    },
    /// Those of `size` consecutive indices of `axis`, all other indices equal (ONNX's `block_size`). The last block may be
    /// shorter. Parameters have the shape of the tensor with ⌈length / size⌉ in place of the length of the axis.
    Block {
        /// The axis, from 0.
        axis: usize,
        /// Indices of a block, at least 1.
        size: usize,
    },
}

/// A granularity on a tensor of a given shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    granularity: Granularity,
    /// Elements of the tensor.
    elements: usize,
    /// Length of the axis.
    length: usize,
    /// Elements of one index of the axis, all indices before it fixed.
    inner: usize,
}

/// Consecutive elements and their parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Number of elements.
    pub(super) length: usize,
    /// The first parameter.
    pub(super) parameter: usize,
    /// Whether every element has the next parameter, and not all the same.
    pub(super) each: bool,
}

impl Granularity {
    /// This granularity of a tensor of `shape`.
    ///
    /// # Errors
    /// If the shape has no such axis, or a block is empty.
    pub(super) fn on(self, shape: &[usize]) -> Result<Layout, AffineError> {
        let product = |sizes: &[usize]| sizes.iter().try_fold(1usize, |all, &n| all.checked_mul(n));
        let too_large = || TensorError::TooLarge(shape.to_vec());
        let elements = match shape.contains(&0) {
            true => 0,
            false => product(shape).ok_or_else(too_large)?,
        };
        let (axis, size) = match self {
            Self::Tensor => {
                return Ok(Layout { granularity: self, elements, length: 1, inner: elements });
            }
            Self::Axis { axis } => (axis, 1),
            Self::Block { axis, size } => (axis, size),
        };
        if axis >= shape.len() || size == 0 {
            return Err(AffineError::Axis { axis, size, dimensions: shape.len() });
        }
        let inner = product(&shape[axis + 1..]).ok_or_else(too_large)?;
        Ok(Layout { granularity: self, elements, length: shape[axis], inner })
    }
}

impl Layout {
    /// Elements of the tensor.
    pub(super) fn elements(&self) -> usize {
        self.elements
    }

    /// Number of parameters.
    pub(super) fn parameters(&self) -> usize {
        match self.granularity {
            Granularity::Tensor => 1,
            Granularity::Axis { .. } => self.length,
            // An empty tensor has no blocks.
            Granularity::Block { size, .. } => match self.elements {
                0 => 0,
                all => all / self.length * self.length.div_ceil(size),
            },
        }
    }

    /// The longest span that begins at element `start`, which exists.
    pub(super) fn span(&self, start: usize) -> Span {
        let Self { elements, length, inner, .. } = *self;
        // A row is the elements of one index of the axis.
        let (row, column) = (start / inner.max(1), start % inner.max(1));
        let (image, along) = (row / length.max(1), row % length.max(1));
        match self.granularity {
            Granularity::Tensor => Span { length: elements - start, parameter: 0, each: false },
            Granularity::Axis { .. } if inner == 1 => {
                Span { length: length - along, parameter: along, each: true }
            }
            Granularity::Axis { .. } => {
                Span { length: inner - column, parameter: along, each: false }
            }
            Granularity::Block { size, .. } => {
                let block = image * length.div_ceil(size) + along / size;
                match inner {
                    1 => {
                        let left = (size - along % size).min(length - along);
                        Span { length: left, parameter: block, each: false }
                    }
                    _ => Span {
                        length: inner - column,
                        parameter: block * inner + column,
                        each: true,
                    },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, by the indices of the element.
    fn by_indices(granularity: Granularity, shape: &[usize], index: usize) -> usize {
        let mut rest = index;
        let mut indices = vec![0; shape.len()];
        for (axis, &size) in shape.iter().enumerate().rev() {
            (indices[axis], rest) = (rest % size, rest / size);
        }
        match granularity {
            Granularity::Tensor => 0,
            Granularity::Axis { axis } => indices[axis],
            Granularity::Block { axis, size } => {
                let shape: Vec<usize> = shape
                    .iter()
                    .enumerate()
                    .map(|(a, &length)| if a == axis { length.div_ceil(size) } else { length })
                    .collect();
                indices[axis] /= size;
                indices.iter().zip(&shape).fold(0, |place, (&i, &length)| place * length + i)
            }
        }
    }

    #[test]
    fn spans_are_the_definition() {
        for shape in [&[5][..], &[1, 7], &[3, 4], &[2, 5, 3], &[2, 3, 4, 1], &[1, 1]] {
            let mut all = vec![Granularity::Tensor];
            for axis in 0..shape.len() {
                all.push(Granularity::Axis { axis });
                all.extend((1..6).map(|size| Granularity::Block { axis, size }));
            }
            for granularity in all {
                let layout = granularity.on(shape).unwrap();
                let elements: usize = shape.iter().product();
                let mut seen = 0;
                for start in 0..elements {
                    let Span { length, parameter, each } = layout.span(start);
                    assert!(length > 0 && start + length <= elements);
                    for i in 0..length {
                        let found = parameter + if each { i } else { 0 };
                        assert_eq!(
                            found,
                            by_indices(granularity, shape, start + i),
                            "{granularity:?} {shape:?}"
                        );
                        seen = seen.max(found + 1);
                    }
                }
                assert_eq!(layout.parameters(), seen, "{granularity:?} {shape:?}");
            }
        }
    }

    #[test]
    fn missing_axes_and_empty_blocks_are_errors() {
        let error = Granularity::Axis { axis: 2 }.on(&[3, 4]).unwrap_err().to_string();
        assert_eq!(error, "a tensor of 2 dimensions has no axis 2");
        let error = Granularity::Block { axis: 1, size: 0 }.on(&[3, 4]).unwrap_err().to_string();
        assert_eq!(error, "blocks of 0 indices: use at least 1");
        assert_eq!(Granularity::Block { axis: 1, size: 2 }.on(&[3, 0]).unwrap().parameters(), 0);
    }
}
