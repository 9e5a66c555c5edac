//! The backward products of a MAC layer on the array.
//!
//! dY, which the vector unit holds in float32, is quantised once and enters both products; their accumulators
//! are requantised to the same word length, or to that of the layer's results. If the products have separate word lengths, dY is quantised for each. Every
//! quantiser is stochastic by default and counted as role gradient: that of dX, and of a dY quantised separately for it, with grad-input, the others
//! with grad-weight.

use super::column_sums;
use crate::network::backward::{Backward, BackwardResult};
use crate::network::backward_arithmetic::{GradientFormat, GradientWords};
use crate::network::error::NetworkError;
use crate::network::tally::GemmTally;
use hwmodel::array;
use hwmodel::array::Convolution2d;
use hwmodel::array::product_format;
use hwmodel::float32::Shapes;
use hwmodel::number::block_float::tensor_format;
use hwmodel::number::quantise::{self, QuantiseCounts};
use hwmodel::number::requantise::Requantiser;
use hwmodel::product::ByOperand;
use hwmodel::random::Role;
use hwmodel::{FixedTensor, Format};

/// Gradient formats and random numbers of the products of one layer.
struct Gradients<'a, 'b, 'c> {
    call: &'a Backward<'b, 'c>,
    settings: GradientFormat,
}

/// dX, dW and db with the products in integers.
pub(super) fn backward(
    geometry: Convolution2d,
    call: Backward<'_, '_>,
    shapes: &Shapes,
    (x, weights): (&FixedTensor, &FixedTensor),
    (settings, words): (GradientFormat, GradientWords),
) -> Result<BackwardResult, NetworkError> {
    let (simd, array) = (call.context.array.simd, call.context.array);
    let gradients = Gradients { call: &call, settings };
    let (mut dy, quantised) = gradients.quantise(shapes.output(), words.grad_weight.operand)?;

    let product = array.convolve_grad_weight(&dy, x, geometry)?;
    let (dw, counts) = gradients.requantise(
        &product,
        Role::WeightGradient,
        weights.shape(),
        words.grad_weight.result,
    )?;
    let formats = ByOperand { input: dy.format(), weight: x.format(), output: dw.format() };
    let gemm = shapes.products().grad_weight().in_formats(formats);
    let grad_weight = GemmTally { gemm, report: product.report(), gradient: quantised + counts };

    let mut parameters = vec![dw.to_f32(simd)];
    if call.parameters.len() > 1 {
        parameters.push(column_sums(&dy.to_f32(simd), shapes.output()[3]));
    }
    let (mut dx, mut grad_input) = (None, None);
    if call.wants_input {
        let mut quantised = QuantiseCounts::default();
        if words.grad_input.operand != words.grad_weight.operand {
            (dy, quantised) = gradients.quantise(shapes.output(), words.grad_input.operand)?;
        }
        let product = array.convolve_grad_input(&dy, weights, shapes.input(), geometry)?;
        let (gradient, counts) = gradients.requantise(
            &product,
            Role::InputGradient,
            &shapes.input(),
            words.grad_input.result,
        )?;
        let formats =
            ByOperand { input: dy.format(), weight: weights.format(), output: gradient.format() };
        let channels = shapes.input()[3] / shapes.groups();
        let gemm = shapes.products().grad_input_by_windows(channels as u64, product.terms() as u64);
        grad_input = Some(GemmTally {
            gemm: gemm.in_formats(formats),
            report: product.report(),
            gradient: quantised + counts,
        });
        dx = Some(gradient.to_f32(simd));
    }
    call.tally.grad_weight = Some(grad_weight);
    call.tally.grad_input = grad_input;
    Ok(BackwardResult { inputs: vec![dx], parameters })
}

impl Gradients<'_, '_, '_> {
    /// dY in `wl` bits.
    fn quantise(
        &self,
        shape: [usize; 4],
        wl: u32,
    ) -> Result<(FixedTensor, QuantiseCounts), NetworkError> {
        let (simd, dy) = (self.call.context.array.simd, &self.call.gradient);
        let diverged = |source| NetworkError::Scale {
            what: "gradient",
            layer: self.call.name.to_owned(),
            source,
        };
        let format = match self.settings.fl {
            Some(fl) => Format::new(wl, fl).map_err(|error| diverged(error.into()))?,
            None => tensor_format(dy, wl).map_err(diverged)?,
        };
        let (rounding, address) = (self.settings.rounding, self.call.address(Role::Error));
        let (data, counts) = quantise::quantise(simd, dy, format, rounding, address)
            .map_err(|error| diverged(error.into()))?;
        Ok((FixedTensor::new(&shape, format, data)?, counts))
    }

    /// Accumulators as a gradient tensor of `shape` in `wl` bits.
    fn requantise(
        &self,
        product: &array::Product,
        role: Role,
        shape: &[usize],
        wl: u32,
    ) -> Result<(FixedTensor, QuantiseCounts), NetworkError> {
        let format = match self.settings.fl {
            Some(fl) => Format::new(wl, fl),
            None => product_format(product, wl),
        };
        let format = format.map_err(|error| NetworkError::Scale {
            what: "gradient",
            layer: self.call.name.to_owned(),
            source: error.into(),
        })?;
        let requantiser = Requantiser {
            simd: self.call.context.array.simd,
            format,
            rounding: self.settings.rounding,
            overflow: self.call.context.overflow,
            address: self.call.address(role),
        };
        let (data, report) = requantiser.product(product, None)?;
        Ok((FixedTensor::new(shape, format, data)?, report.counts))
    }
}

#[cfg(test)]
mod tests;
