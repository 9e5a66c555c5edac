//! The operands of a product: words and their zero points.

use super::super::quantisation::{check_zero_points, word_range};
use super::super::{AffineError, AffineTensor, Granularity};
use crate::cast::low;
use crate::{FixedTensor, Format, with_raw};
use std::borrow::Cow;

/// Words with one zero point, or with one for each column of a product.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    pub(super) words: &'a FixedTensor,
    pub(super) zero_points: &'a [i32],
}

impl<'a> Words<'a> {
    /// Words and their zero points.
    ///
    /// # Errors
    /// If the format has fractional bits or is too short or long, there is no zero point, or one is not a word.
    pub fn new(words: &'a FixedTensor, zero_points: &'a [i32]) -> Result<Self, AffineError> {
        check_zero_points(zero_points, word_range(words.format(), 0)?)?;
        if zero_points.is_empty() {
            return Err(AffineError::Count {
                what: "zero points",
                given: 0,
                needed: 1,
                why: "one for all words, or one for each column",
            });
        }
        Ok(Self { words, zero_points })
    }

    /// The words of a tensor whose channels, if it has any, are those of `axis`.
    ///
    /// # Errors
    /// If the tensor has channels of another axis, or blocks.
    pub fn of(tensor: &'a AffineTensor, axis: usize) -> Result<Self, AffineError> {
        match tensor.quantisation().granularity() {
            Granularity::Tensor => {}
            Granularity::Axis { axis: other } if other == axis => {}
            granularity => return Err(AffineError::Granularity { granularity, axis }),
        }
        Self::new(tensor.words(), tensor.quantisation().zero_points())
    }

    /// The format of the words.
    pub fn format(&self) -> Format {
        self.words.format()
    }

    /// The only zero point.
    pub(super) fn single(&self) -> Result<i32, AffineError> {
        match self.zero_points {
            &[zero_point] => Ok(zero_point),
            all => Err(AffineError::Count {
                what: "zero points of the left operand",
                given: all.len(),
                needed: 1,
                why: "its sums run over all channels",
            }),
        }
    }

    /// Checks that there is one zero point, or one for each of `columns`.
    pub(super) fn check_columns(&self, columns: usize) -> Result<(), AffineError> {
        let given = self.zero_points.len();
        match given == 1 || given == columns {
            true => Ok(()),
            false => Err(AffineError::Count {
                what: "zero points of the right operand",
                given,
                needed: columns,
                why: "one for each column, or one for all",
            }),
        }
    }

    /// The words as they are.
    pub(super) fn unchanged(&self) -> Operand<'a> {
        Operand { words: Cow::Borrowed(self.words), zero_points: self.zero_points.to_vec() }
    }

    /// Signed words and zero points with the same differences: unsigned ones with their highest bit inverted.
    pub(super) fn signed(&self) -> Result<Operand<'a>, AffineError> {
        let format = self.words.format();
        if format.is_signed() {
            return Ok(self.unchanged());
        }
        // Words of at most 31 bits.
        let half = 1i32 << (format.wl() - 1);
        let raw: Vec<i32> = with_raw!(self.words.data(), raw => {
            raw.iter().map(|&raw| low::<i32>(raw) - half).collect()
        });
        let signed = Format::new(format.wl(), 0).map_err(|_| AffineError::Word(format))?;
        Ok(Operand {
            words: Cow::Owned(FixedTensor::from_raw(self.words.shape(), signed, &raw)?),
            zero_points: self.zero_points.iter().map(|zero_point| zero_point - half).collect(),
        })
    }
}

/// Words as the array multiplies them.
pub(super) struct Operand<'a> {
    pub(super) words: Cow<'a, FixedTensor>,
    pub(super) zero_points: Vec<i32>,
}

/// Σ of each of `count` runs of `length` words, modulo 2^32.
pub(super) fn sums_of_runs(words: &FixedTensor, count: usize, length: usize) -> Vec<i32> {
    if length == 0 {
        return vec![0; count];
    }
    with_raw!(words.data(), raw => {
        raw.chunks_exact(length)
            .map(|run| run.iter().fold(0i32, |sum, &raw| sum.wrapping_add(low::<i32>(raw))))
            .collect()
    })
}
