//! The operands of a product: real numbers, and their integers in a format.

use super::error::GapError;
use hwmodel::array::Convolution2d;
use hwmodel::number::quantise::{QuantiseCounts, quantise};
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{FixedTensor, Format, Rounding, SimdLevel};

/// A product y = x ∗ w + b of real numbers.
#[derive(Debug, Clone, Copy)]
pub struct Operands<'a> {
    /// Input values.
    pub x: &'a [f32],
    /// Their shape, `[n, h, w, c]`.
    pub input: [usize; 4],
    /// Weight values.
    pub weights: &'a [f32],
    /// Their shape, `[o, kh, kw, c / groups]`.
    pub weight_shape: &'a [usize],
    /// Bias values, `[o]`.
    pub bias: Option<&'a [f32]>,
    /// Geometry; a matrix product has a 1×1 kernel on images of one pixel.
    pub geometry: Convolution2d,
}

/// Nearest modes draw no random numbers; the requantiser still has an address.
pub(super) const ADDRESS: RandomAddress = RandomAddress::new(0, 0, 0, Role::Output);

/// Operands on the grid of one format.
pub(in crate::verify) struct FixedOperands {
    pub(in crate::verify) format: Format,
    pub(in crate::verify) x: FixedTensor,
    pub(in crate::verify) weights: FixedTensor,
    pub(in crate::verify) bias: Option<FixedTensor>,
    pub(in crate::verify) inputs: QuantiseCounts,
    pub(in crate::verify) weight_counts: QuantiseCounts,
}

impl FixedOperands {
    /// Exact, nearest even, saturated.
    ///
    /// # Errors
    /// If an operand is NaN or the shapes do not fit.
    pub(in crate::verify) fn quantise(
        operands: &Operands<'_>,
        format: Format,
        simd: SimdLevel,
    ) -> Result<Self, GapError> {
        let fixed = |values: &[f32], shape: &[usize], tensor: &str| {
            let (data, counts) = quantise(simd, values, format, Rounding::NearestEven, ADDRESS)
                .map_err(|source| GapError::NotANumber { tensor: tensor.to_owned(), source })?;
            Ok::<_, GapError>((FixedTensor::new(shape, format, data)?, counts))
        };
        let (x, inputs) = fixed(operands.x, &operands.input, "inputs")?;
        let (weights, weight_counts) = fixed(operands.weights, operands.weight_shape, "weights")?;
        let bias = match operands.bias {
            Some(bias) => Some(fixed(bias, &[bias.len()], "biases")?.0),
            None => None,
        };
        Ok(Self { format, x, weights, bias, inputs, weight_counts })
    }
}
