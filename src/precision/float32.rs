//! No quantisation at all: the float32 baseline.

use super::controller::{check_infos, check_name, check_views};
use super::{
    ControllerState, Decision, NumberFormat, PrecisionController, PrecisionError, RoleFormats,
    Step, TensorInfo,
};

/// Every tensor stays in float32.
#[derive(Debug, Clone)]
pub struct Float32 {
    tensors: Vec<TensorInfo>,
    formats: Vec<RoleFormats>,
}

impl Float32 {
    /// A controller of `tensors`.
    ///
    /// # Errors
    /// If there are no tensors or one is empty.
    pub fn new(tensors: &[TensorInfo]) -> Result<Self, PrecisionError> {
        check_infos(tensors)?;
        let formats = vec![RoleFormats::all(NumberFormat::Float32); tensors.len()];
        Ok(Self { tensors: tensors.to_vec(), formats })
    }
}

impl PrecisionController for Float32 {
    fn name(&self) -> &'static str {
        "float32"
    }

    fn formats(&self) -> &[RoleFormats] {
        &self.formats
    }

    fn update(&mut self, step: &Step<'_>) -> Result<Decision, PrecisionError> {
        check_views(&self.tensors, step.tensors)?;
        Ok(Decision::default())
    }

    fn state(&self) -> ControllerState {
        ControllerState::empty(self.name())
    }

    fn restore(&mut self, state: &ControllerState) -> Result<(), PrecisionError> {
        check_name(self.name(), state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::TensorView;

    #[test]
    fn nothing_ever_changes() {
        let tensors = [TensorInfo::from_shape("w", &[2, 1])];
        let mut controller = Float32::new(&tensors).unwrap();
        let views = [TensorView { master: &[1.0, 2.0], gradient: &[0.6, 0.8] }];
        let decision = controller.update(&Step { loss: 1.0, tensors: &views }).unwrap();
        assert_eq!(decision, Decision::default());
        assert_eq!(controller.formats(), [RoleFormats::all(NumberFormat::Float32)]);
        let state = controller.state();
        controller.restore(&state).unwrap();
        assert!(controller.restore(&ControllerState::empty("adapt")).is_err());
    }
}
