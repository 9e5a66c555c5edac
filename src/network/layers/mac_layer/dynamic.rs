//! The forward product of a MAC layer with a per-tensor scale for input or output activations.

use crate::network::activation::Activation;
use crate::network::error::NetworkError;
use crate::network::forward::Forward;
use crate::network::tally::GemmTally;
use crate::precision::NumberFormat;
use hwmodel::FixedTensor;
use hwmodel::array::Convolution2d;
use hwmodel::array::product_format;
use hwmodel::float32::Shapes;
use hwmodel::product::ByOperand;
use hwmodel::random::Role;

/// Y = X ∗ W + b with X and Y in separate formats, where dynamic with the FL that just holds the tensor: Y's is
/// chosen from the accumulators after the bias (papers/muppet.md section 2.3).
pub(super) fn forward(
    geometry: Convolution2d,
    call: &mut Forward<'_, '_>,
    (input, quantised): (Activation, &FixedTensor),
    (input_format, output_format): (NumberFormat, NumberFormat),
    shapes: &Shapes,
) -> Result<(Activation, Activation), NetworkError> {
    let input = match input_format {
        NumberFormat::Fixed(format) => call.to_fixed(input, format)?,
        other => call.to_dynamic(input, other.word_length())?,
    };
    let Activation::Fixed(x) = &input else { unreachable!("both return a fixed tensor") };
    let bias = call.parameters.get(1).and_then(|bias| bias.quantised.as_ref());
    let product = call.context.array.convolve_biased(x, quantised, geometry, bias)?;
    let format = match output_format {
        NumberFormat::Fixed(format) => format,
        other => product_format(&product, other.word_length())
            .map_err(|error| call.no_scale("output", error.into()))?,
    };
    let (data, report) = call.requantiser(format, Role::Output).product(&product, None)?;
    call.tally.output += report.counts;
    let formats = ByOperand { input: x.format(), weight: quantised.format(), output: format };
    let gemm = shapes.products().forward.in_formats(formats);
    call.tally.forward = Some(GemmTally::new(gemm, product.report()));
    let y = FixedTensor::new(&shapes.output(), format, data)?;
    Ok((Activation::fixed(y), input))
}
