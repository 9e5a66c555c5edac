//! The float32 controller: no quantisation; the baseline of quantised runs.

use super::options::ControllerDescription;
use super::{
    Constant, ControllerOptions, NumberFormat, PrecisionController, PrecisionError, RoleFormats,
    TensorInfo,
};

/// The controller and its settings, of which it has none.
pub const DESCRIPTION: ControllerDescription = ControllerDescription {
    name: "float32",
    heading: "Precision controller",
    settings: &[],
    defaults: &[],
    options: |_| Ok(ControllerOptions::Float32),
};

pub(super) fn build(
    tensors: &[TensorInfo],
) -> Result<Box<dyn PrecisionController>, PrecisionError> {
    let formats = vec![RoleFormats::all(NumberFormat::Float32); tensors.len()];
    Ok(Box::new(Constant::new(DESCRIPTION.name, tensors, formats)?))
}
