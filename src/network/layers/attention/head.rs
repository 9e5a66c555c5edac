//! The operands of one head of one sample.

use crate::network::activation::{Activation, owned};
use crate::network::error::NetworkError;
use crate::network::parameter::Parameter;
use crate::precision::{NumberFormat, RoleFormats};
use hwmodel::array::{Convolution2d, Product};
use hwmodel::cast::nearest_f32;
use hwmodel::{FixedTensor, RawData};

/// The product of a head is a linear layer's.
pub(super) fn geometry() -> Convolution2d {
    Convolution2d::square(1, 1, 0)
}

/// A part of `[n, T, 1, width]`: the columns of one head of one sample.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// Tokens, T.
    pub(super) length: usize,
    /// Columns of the whole.
    pub(super) width: usize,
    /// The sample.
    pub(super) sample: usize,
    /// First column.
    pub(super) first: usize,
    /// Columns of the block.
    pub(super) columns: usize,
}

impl Block {
    /// The rows of the block, `[T, columns]`.
    pub(super) fn of<T: Copy>(&self, values: &[T]) -> Vec<T> {
        let sample = &values[self.sample * self.length * self.width..][..self.length * self.width];
        let rows = sample.chunks_exact(self.width);
        rows.flat_map(|row| &row[self.first..][..self.columns]).copied().collect()
    }

    /// Writes the rows of the block.
    pub(super) fn put<T: Copy>(&self, block: &[T], values: &mut [T]) {
        let sample =
            &mut values[self.sample * self.length * self.width..][..self.length * self.width];
        let rows = sample.chunks_exact_mut(self.width).zip(block.chunks_exact(self.columns));
        rows.for_each(|(row, block)| row[self.first..][..self.columns].copy_from_slice(block));
    }

    /// The block of an activation, `[T, 1, 1, columns]`.
    pub(super) fn activation(&self, values: &Activation) -> Result<Activation, NetworkError> {
        let shape = [self.length, 1, 1, self.columns];
        Ok(match values {
            Activation::Float(values, _) => Activation::float(self.of(values), shape),
            Activation::Fixed(tensor) => {
                let data = match tensor.data() {
                    RawData::I8(data) => RawData::I8(self.of(data)),
                    RawData::I16(data) => RawData::I16(self.of(data)),
                    RawData::I32(data) => RawData::I32(self.of(data)),
                    RawData::I64(data) => RawData::I64(self.of(data)),
                };
                Activation::fixed(FixedTensor::new(&shape, tensor.format(), data)?)
            }
        })
    }
}

/// A `[rows, columns]` matrix with rows and columns exchanged.
pub(super) fn transposed<T: Copy>(matrix: &[T], columns: usize) -> Vec<T> {
    (0..columns).flat_map(|column| matrix.iter().skip(column).step_by(columns).copied()).collect()
}

/// `[rows, 1, 1, columns]` with rows and columns exchanged.
pub(super) fn transposed_activation(matrix: Activation) -> Result<Activation, NetworkError> {
    let [rows, _, _, columns] = matrix.shape();
    let shape = [columns, 1, 1, rows];
    Ok(match matrix {
        Activation::Float(values, _) => Activation::float(transposed(&values, columns), shape),
        Activation::Fixed(tensor) => {
            let data = match tensor.data() {
                RawData::I8(data) => RawData::I8(transposed(data, columns)),
                RawData::I16(data) => RawData::I16(transposed(data, columns)),
                RawData::I32(data) => RawData::I32(transposed(data, columns)),
                RawData::I64(data) => RawData::I64(transposed(data, columns)),
            };
            Activation::fixed(FixedTensor::new(&shape, tensor.format(), data)?)
        }
    })
}

/// The right operand of a product in the place of a weight. Its gradient has the word length of its
/// activations.
pub(super) fn right_operand(operand: Activation) -> Parameter {
    let shape = operand.shape().to_vec();
    let name = "right operand".to_owned();
    match operand {
        Activation::Float(values, _) => Parameter::new(name, shape, owned(values)),
        Activation::Fixed(tensor) => {
            let formats = NumberFormat::Fixed(tensor.format());
            Parameter {
                quantised: Some(owned(tensor)),
                formats: RoleFormats::all(formats),
                ..Parameter::new(name, shape, Vec::new())
            }
        }
    }
}

/// The accumulators of a product in float32, as the vector unit reads them.
pub(super) fn sums(product: &Product) -> Vec<f32> {
    let step = 2f64.powi(-product.fl());
    (0..product.sums().len())
        .map(|index| nearest_f32(product.sums().get(index) as f64 * step))
        .collect()
}
