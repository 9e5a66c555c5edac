//! ADEPT: AdaPT that may switch after any batch, for any granularity in the options.

use super::adapt::{self, Adapt, AdaptOptions, Granularity, SETTINGS_OF_ADEPT};
use super::options::ControllerDescription;
use super::{ControllerOptions, PrecisionController, PrecisionError, TensorInfo};

/// The controller and its settings: those of AdaPT without the granularity.
pub const DESCRIPTION: ControllerDescription = ControllerDescription {
    name: "adept",
    heading: adapt::DESCRIPTION.heading,
    settings: SETTINGS_OF_ADEPT,
    defaults: &[],
    options: |given| {
        let options = AdaptOptions { granularity: Granularity::Batch, ..adapt::options(given)? };
        Ok(ControllerOptions::Adept(options))
    },
};

pub(super) fn build(
    options: &AdaptOptions,
    tensors: &[TensorInfo],
) -> Result<Box<dyn PrecisionController>, PrecisionError> {
    Ok(Box::new(Adapt::adept(options.clone(), tensors)?))
}
