//! A layer of a network as products: one a group, the windows of a convolution as rows of A.

use super::error::RtlError;
use super::product::{OutputStage, Product};
use super::stimulus::MOST_WORDS;
use crate::verify::export::LayerOperands;
use hwmodel::FixedTensor;
use hwmodel::random::RandomAddress;

impl Product {
    /// The first `rows` output pixels of `layer` (all if there are fewer); `address` are the random numbers of its outputs.
    ///
    /// # Errors
    /// If shapes do not fit, or the operands are too large.
    pub fn of_layer(
        layer: &LayerOperands,
        rows: Option<usize>,
        address: RandomAddress,
    ) -> Result<Self, RtlError> {
        let shapes = layer.shapes()?;
        let (groups, k) = (shapes.groups(), shapes.terms());
        let columns = shapes.output()[3];
        let n = columns / groups;
        let m = shapes.pixels().min(rows.unwrap_or(usize::MAX));
        for (what, words) in [("A", groups * m * k), ("B", k * columns), ("C", m * columns)] {
            if words > MOST_WORDS {
                return Err(RtlError::TooLarge { what, words: words as u128, most: MOST_WORDS });
            }
        }
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for group in 0..groups {
            let mut left = Vec::with_capacity(m * k);
            for row in 0..m {
                left.extend(layer.terms_of(row * columns + group * n)?.0);
            }
            let mut right = vec![0; k * n];
            for column in 0..n {
                let (_, weights) = layer.terms_of(group * n + column)?;
                weights
                    .into_iter()
                    .enumerate()
                    .for_each(|(at, weight)| right[at * n + column] = weight);
            }
            a.push(FixedTensor::from_raw(&[m, k], layer.input.format(), &left)?);
            b.push(FixedTensor::from_raw(&[k, n], layer.weights.format(), &right)?);
        }
        Ok(Self {
            m,
            n,
            k,
            a,
            b,
            bias: layer.bias.clone(),
            accumulator: layer.accumulator,
            output: OutputStage {
                format: layer.output,
                rounding: layer.rounding,
                overflow: layer.overflow,
                scales: None,
                address,
            },
        })
    }
}
