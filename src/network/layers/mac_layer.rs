//! The products of a convolution or linear layer: forward on the MAC array, backward there or in float32.

mod dynamic;
mod fixed_backward;

use crate::network::activation::Activation;
use crate::network::backward::{Backward, BackwardResult};
use crate::network::backward_arithmetic::BackwardArithmetic;
use crate::network::error::NetworkError;
use crate::network::forward::Forward;
use crate::network::tally::GemmTally;
use crate::precision::NumberFormat;
use hwmodel::FixedTensor;
use hwmodel::array::{Convolution2d, MacReport};
use hwmodel::cast::nearest_f32;
use hwmodel::float32::{self, Shapes};
use hwmodel::product::ByOperand;
use hwmodel::random::Role;
use rayon::prelude::*;

/// Y = X ∗ W + b; parameters are weight and, if there are two, bias. Returns Y and X as the product read it.
pub(super) fn forward(
    geometry: Convolution2d,
    call: &mut Forward<'_, '_>,
) -> Result<(Activation, Activation), NetworkError> {
    let input = call.take(0);
    let weights = &call.parameters[0];
    let shapes = Shapes::new(&input.shape(), &weights.shape, geometry)?;
    let output = shapes.output();
    let simd = call.context.array.simd;
    let formats = (call.input_format(), call.output_format());
    let Some(quantised) = weights.quantised.as_ref().filter(|_| formats.0 != NumberFormat::Float32)
    else {
        let mut y = float32::forward(simd, &shapes, input.values(), weights.values())?;
        if let Some(bias) = call.parameters.get(1) {
            let bias = bias.hardware_values(simd);
            y.par_chunks_mut(bias.len()).with_min_len(1024).for_each(|row| {
                row.iter_mut().zip(&*bias).for_each(|(y, b)| *y += b);
            });
        }
        call.tally.forward = Some(GemmTally::new(shapes.products().forward, dense(&shapes)));
        return Ok((Activation::float(y, output), input));
    };
    let (NumberFormat::Fixed(own), NumberFormat::Fixed(format)) = formats else {
        return dynamic::forward(geometry, call, (input, quantised), formats, &shapes);
    };
    let input = call.to_fixed(input, own)?;
    let Activation::Fixed(x) = &input else { unreachable!("to_fixed returns a fixed tensor") };
    let bias = call.parameters.get(1).and_then(|bias| bias.quantised.as_ref());
    let requantiser = call.requantiser(format, Role::Output);
    let array = call.context.array;
    let (data, mut counted, report) =
        array.convolve_requantised(x, quantised, geometry, bias, &requantiser)?;
    call.tally.output += report.counts;
    let formats = ByOperand { input: own, weight: quantised.format(), output: format };
    counted.accumulator_events += report.accumulator_events;
    counted.level_events.outer += report.accumulator_events;
    let gemm = shapes.products().forward.in_formats(formats);
    call.tally.forward = Some(GemmTally::new(gemm, counted));
    let y = FixedTensor::new(&output, format, data)?;
    Ok((Activation::fixed(y), input))
}

/// dX, dW and db, from the X that [`forward`] returned.
pub(super) fn backward(
    geometry: Convolution2d,
    input: Activation,
    call: Backward<'_, '_>,
) -> Result<BackwardResult, NetworkError> {
    let simd = call.context.array.simd;
    let weights = &call.parameters[0];
    let shapes = Shapes::new(&call.input_shape, &weights.shape, geometry)?;
    if let BackwardArithmetic::Fixed(settings) = call.context.backward
        && let (Activation::Fixed(x), Some(quantised)) = (&input, &weights.quantised)
        && let Some(words) = settings.words(weights.formats)
    {
        let operands = (&**x, quantised);
        return fixed_backward::backward(geometry, call, &shapes, operands, (settings, words));
    }
    let dy = &call.gradient;
    let mut parameters = vec![float32::grad_weight(simd, &shapes, input.values(), dy)?];
    call.tally.grad_weight = Some(GemmTally::new(shapes.products().grad_weight(), dense(&shapes)));
    if call.parameters.len() > 1 {
        parameters.push(column_sums(dy, shapes.output()[3]));
    }
    let dx = || float32::grad_input(simd, &shapes, weights.values(), dy);
    let dx = call.wants_input.then(dx).transpose()?;
    if dx.is_some() {
        call.tally.grad_input =
            Some(GemmTally::new(shapes.products().grad_input(), dense(&shapes)));
    }
    Ok(BackwardResult { inputs: vec![dx], parameters })
}

/// A float32 product has no zero gating to report: every MAC counts.
pub(super) fn dense(shapes: &Shapes) -> MacReport {
    MacReport { macs: shapes.macs(), nonzero_macs: shapes.macs(), ..MacReport::default() }
}

/// Σ over rows of a `[rows, columns]` matrix, in chunks of fixed size added in order.
fn column_sums(matrix: &[f32], columns: usize) -> Vec<f32> {
    const ROWS: usize = 1024;
    let parts: Vec<Vec<f64>> = matrix
        .par_chunks(ROWS * columns)
        .map(|chunk| {
            let mut sums = vec![0f64; columns];
            for row in chunk.chunks_exact(columns) {
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            sums
        })
        .collect();
    let mut total = vec![0f64; columns];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
    }
    total.into_iter().map(nearest_f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_sums_add_every_row() {
        let matrix: Vec<f32> = (0..3000 * 3).map(|i| (i % 3) as f32 + 0.5).collect();
        assert_eq!(column_sums(&matrix, 3), [1500.0, 4500.0, 7500.0]);
    }
}
