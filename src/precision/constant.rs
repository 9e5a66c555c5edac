//! A controller with fixed formats, chosen before training.

use super::controller::{check_infos, check_name, check_views};
use super::{
    ControllerState, Decision, PrecisionController, PrecisionError, RoleFormats, Step, TensorInfo,
};

/// The same formats at every step: the float32 baseline, static formats, word lengths by layer.
#[derive(Debug, Clone)]
pub struct Constant {
    name: &'static str,
    tensors: Vec<TensorInfo>,
    formats: Vec<RoleFormats>,
}

impl Constant {
    /// The controller `name` with one entry of `formats` a tensor.
    ///
    /// # Errors
    /// If there are no tensors or one is empty.
    ///
    /// # Panics
    /// If there are not as many formats as tensors.
    pub fn new(
        name: &'static str,
        tensors: &[TensorInfo],
        formats: Vec<RoleFormats>,
    ) -> Result<Self, PrecisionError> {
        check_infos(tensors)?;
        assert_eq!(formats.len(), tensors.len(), "one entry a tensor");
        Ok(Self { name, tensors: tensors.to_vec(), formats })
    }
}

impl PrecisionController for Constant {
    fn name(&self) -> &'static str {
        self.name
    }

    fn formats(&self) -> &[RoleFormats] {
        &self.formats
    }

    fn update(&mut self, step: &Step<'_>) -> Result<Decision, PrecisionError> {
        check_views(&self.tensors, step.tensors)?;
        Ok(Decision::default())
    }

    fn state(&self) -> ControllerState {
        ControllerState::empty(self.name)
    }

    fn restore(&mut self, state: &ControllerState) -> Result<(), PrecisionError> {
        check_name(self.name, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::{NumberFormat, TensorView};

    #[test]
    fn nothing_ever_changes() {
        let tensors = [TensorInfo::from_shape("w", &[2, 1])];
        let formats = vec![RoleFormats::all(NumberFormat::Float32)];
        let mut controller = Constant::new("float32", &tensors, formats).unwrap();
        let views = [TensorView { master: &[1.0, 2.0], gradient: &[0.6, 0.8] }];
        let decision = controller.update(&Step { loss: 1.0, tensors: &views }).unwrap();
        assert_eq!(decision, Decision::default());
        assert_eq!(controller.formats(), [RoleFormats::all(NumberFormat::Float32)]);
        let state = controller.state();
        controller.restore(&state).unwrap();
        assert!(controller.restore(&ControllerState::empty("adapt")).is_err());
    }
}
