//! The operands of one output.

use crate::verify::gap::FixedOperands;
use hwmodel::FixedTensor;
use hwmodel::array::Convolution2d;
use serde::Serialize;

/// What is multiplied for one output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperandSummary {
    /// Products of the sum, padding left out.
    pub terms: u64,
    /// Of these, not zero.
    pub nonzero: u64,
    /// The smallest product.
    pub least: i64,
    /// The largest product.
    pub most: i64,
    /// The first products as pairs of raw integers.
    pub first: Vec<[i64; 2]>,
    /// Raw integer of the bias in its format; absent without bias.
    pub bias: Option<i64>,
}

/// Pairs that are shown.
const SHOWN: usize = 8;

impl OperandSummary {
    /// Of the output at `[n, y, x, c]`, whose output has `filters` channels.
    pub(super) fn new(operands: &FixedOperands, geometry: &Convolution2d, at: [usize; 4]) -> Self {
        let pairs = pairs(&operands.x, &operands.weights, geometry, at);
        let products = || pairs.iter().map(|[x, w]| x * w);
        Self {
            terms: pairs.len() as u64,
            nonzero: products().filter(|product| *product != 0).count() as u64,
            least: products().min().unwrap_or(0),
            most: products().max().unwrap_or(0),
            first: pairs.iter().copied().take(SHOWN).collect(),
            bias: operands.bias.as_ref().map(|bias| bias.data().get(at[3])),
        }
    }
}

/// Raw integers that are multiplied: input `[n, h, w, c]`, weights `[o, kh, kw, c / groups]`, k ascending.
fn pairs(
    x: &FixedTensor,
    weights: &FixedTensor,
    geometry: &Convolution2d,
    [image, row, column, channel]: [usize; 4],
) -> Vec<[i64; 2]> {
    let (&[_, height, width, channels], &[filters, kh, kw, depth]) = (x.shape(), weights.shape())
    else {
        return Vec::new();
    };
    let group = channel / (filters / geometry.groups.max(1)).max(1);
    let mut found = Vec::new();
    for ky in 0..kh {
        let Some(y) = geometry.source(0, row, ky, height) else { continue };
        for kx in 0..kw {
            let Some(x_place) = geometry.source(1, column, kx, width) else { continue };
            for c in 0..depth {
                let of_x = ((image * height + y) * width + x_place) * channels + group * depth + c;
                let of_w = ((channel * kh + ky) * kw + kx) * depth + c;
                found.push([x.data().get(of_x), weights.data().get(of_w)]);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::array::MacArray;
    use hwmodel::{Accumulator, Format, SimdLevel};

    #[test]
    fn the_pairs_of_every_output_make_its_sum() {
        let format = Format::new(8, 0).unwrap();
        let raw = |n: usize, step: usize| -> Vec<i32> {
            (0..n).map(|i| (i * step % 19) as i32 - 9).collect()
        };
        let geometry = Convolution2d::symmetric([3, 2], [2, 1], [1, 2], 2);
        let x = FixedTensor::from_raw(&[2, 5, 4, 6], format, &raw(240, 7)).unwrap();
        let w = FixedTensor::from_raw(&[4, 3, 2, 3], format, &raw(72, 5)).unwrap();
        let array = MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() };
        let product = array.convolve(&x, &w, geometry).unwrap();
        let [oh, ow] = geometry.output_size([5, 4]).unwrap();
        let mut index = 0;
        for n in 0..2 {
            for y in 0..oh {
                for column in 0..ow {
                    for c in 0..4 {
                        let pairs = pairs(&x, &w, &geometry, [n, y, column, c]);
                        let sum: i64 = pairs.iter().map(|[x, w]| x * w).sum();
                        assert_eq!(product.sums().get(index), sum.into(), "{n} {y} {column} {c}");
                        index += 1;
                    }
                }
            }
        }
    }
}
