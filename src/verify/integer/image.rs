//! Input quantisation: float pixels to words of the first layer's format.

use super::error::RunError;
use super::program::Program;
use crate::network::{Activation, NetworkError};
use hwmodel::number::quantise::{QuantiseCounts, quantise};
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{FixedTensor, SimdLevel};

/// Quantises normalised images `[n, h, w, c]` to the program's input format, as a camera or a host
/// would hand them over: raw = saturate(round(x · 2^FL)).
///
/// # Errors
/// If a pixel is not a number.
pub fn quantise_images(
    program: &Program,
    simd: SimdLevel,
    images: &Activation,
) -> Result<(FixedTensor, QuantiseCounts), RunError> {
    // No rounding of a program reads random words.
    let address = RandomAddress::new(0, 0, 0, Role::Activation);
    let pixels = images.to_f32(simd);
    let format = program.input_format();
    let (data, counts) =
        quantise(simd, &pixels, format, program.rounding(), address).map_err(|source| {
            NetworkError::Diverged { what: "pixels", layer: "image".into(), source }
        })?;
    Ok((FixedTensor::new(&images.shape(), format, data)?, counts))
}
