//! The trait between the training loop and a precision controller.

use super::{ControllerState, Modes, PrecisionError, Strategy};
use hwmodel::Format;
use hwmodel::number::format_text::FixedType;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The number format of one tensor in one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NumberFormat {
    /// IEEE 754 binary32, not quantised.
    Float32,
    /// ⟨WL, FL⟩.
    Fixed(Format),
    /// WL bits with FL chosen from the data whenever a tensor is quantised (block floating point
    /// with one scale a tensor).
    DynamicFixed {
        /// Word length in bits.
        wl: u32,
    },
}

impl NumberFormat {
    /// Word length in bits.
    pub const fn word_length(self) -> u32 {
        match self {
            Self::Float32 => 32,
            Self::Fixed(format) => format.wl(),
            Self::DynamicFixed { wl } => wl,
        }
    }

    /// ⟨WL, FL⟩ if it is fixed in advance.
    pub const fn fixed(self) -> Option<Format> {
        match self {
            Self::Fixed(format) => Some(format),
            _ => None,
        }
    }
}

impl fmt::Display for NumberFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float32 => f.write_str("float32"),
            Self::Fixed(format) => format.fmt(f),
            Self::DynamicFixed { wl } => write!(f, "{wl} bits with a scale from the data"),
        }
    }
}

/// The formats of a parameter tensor, of the activations it is multiplied with, of its products' results and of its
/// gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleFormats {
    /// The parameter tensor itself.
    pub weight: NumberFormat,
    /// Input activations of its layer, and output activations where `output` is `None`.
    pub activation: NumberFormat,
    /// Results: output activations, and dX and dW of a fixed-point backward pass. It is float32 only where
    /// `activation` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<NumberFormat>,
    /// The gradient with respect to the tensor.
    pub gradient: NumberFormat,
    /// Modes that the formats bring.
    #[serde(default, skip_serializing_if = "Modes::is_none")]
    pub modes: Modes,
}

impl RoleFormats {
    /// One format for every role.
    pub const fn all(format: NumberFormat) -> Self {
        let modes = Modes { rounding: None, overflow: None };
        Self { weight: format, activation: format, output: None, gradient: format, modes }
    }

    /// ⟨WL, FL⟩ for every role.
    pub const fn fixed(format: Format) -> Self {
        Self::all(NumberFormat::Fixed(format))
    }

    /// A format for every role, with its modes.
    pub fn typed(fixed: FixedType) -> Self {
        Self { modes: fixed.into(), ..Self::fixed(fixed.format) }
    }

    /// The format of output activations.
    pub fn output(self) -> NumberFormat {
        self.output.unwrap_or(self.activation)
    }
}

/// Constant properties of a parameter tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Name for messages, traces and checkpoints.
    pub name: String,
    /// Number of elements.
    pub elements: usize,
    /// Number of elements of the first output slice `W[0]`.
    pub first_slice_len: usize,
    /// True for every tensor with one axis (biases, batch-norm γ and β): it takes the format of the
    /// tensor before it.
    pub is_bias: bool,
    /// Uses of one element for one image in the forward product: output pixels of a convolution, 1 otherwise.
    pub uses: u64,
}

impl TensorInfo {
    /// The description of a tensor of `shape` (output axis first).
    pub fn from_shape(name: impl Into<String>, shape: &[usize]) -> Self {
        let product =
            |axes: &[usize]| axes.iter().fold(1, |n: usize, axis| n.saturating_mul(*axis));
        Self {
            name: name.into(),
            elements: product(shape),
            first_slice_len: product(shape.get(1..).unwrap_or(&[])),
            is_bias: shape.len() < 2,
            uses: 1,
        }
    }
}

/// A parameter tensor at one training step.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// float32 master values before this step's update.
    pub master: &'a [f32],
    /// The step's gradient, quantised and normalised.
    pub gradient: &'a [f32],
}

/// One training step.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The loss value (for AdaPT composed as in [`crate::train::loss::LossComposition`]).
    pub loss: f64,
    /// The tensors in the order the controller was made with.
    pub tensors: &'a [TensorView<'a>],
}

/// The end of an epoch.
#[derive(Debug, Clone, Copy)]
pub struct EpochEnd<'a> {
    /// Number of the epoch, from 0.
    pub epoch: u32,
    /// The tensors: master values after the last update, gradients of the last step.
    pub tensors: &'a [TensorView<'a>],
}

/// A change of formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// Index of the tensor.
    pub tensor: usize,
    /// Formats until now.
    pub before: RoleFormats,
    /// Formats from now on.
    pub after: RoleFormats,
}

/// Decision of a controller.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Every tensor whose formats changed.
    pub switches: Vec<Switch>,
    /// The learning rate is to be multiplied by this.
    pub learning_rate_factor: f64,
    /// Training is to end.
    pub stop: bool,
}

impl Default for Decision {
    /// Nothing changes.
    fn default() -> Self {
        Self { switches: Vec::new(), learning_rate_factor: 1.0, stop: false }
    }
}

/// A controller's state of one tensor, for traces and costs; `None` where it has no such value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ControllerReport {
    /// Length of the gradient window at which a switch is considered.
    pub lookback: Option<u32>,
    /// Bins of the weight histogram.
    pub resolution: Option<u32>,
    /// PushUp's strategy.
    pub strategy: Option<Strategy>,
    /// Gradient diversity Δs of the last step (before its window was emptied).
    pub diversity: Option<f64>,
    /// Loss of the format that the last PushDown chose: KL divergence in nats.
    pub kl: Option<f64>,
    /// Whether the last step or epoch end changed the format. In a trace, a change at an epoch's end is shown in the next step.
    pub switched: bool,
}

/// Decides on the number formats of a network's parameter tensors.
///
/// A run calls [`update`](Self::update) once per optimiser step, between the gradients and the
/// update of the weights, and [`end_of_epoch`](Self::end_of_epoch) after the last step of each epoch.
pub trait PrecisionController: Send {
    /// The name used in options, traces and checkpoints.
    fn name(&self) -> &'static str;

    /// The formats in force, one entry a tensor.
    fn formats(&self) -> &[RoleFormats];

    /// Takes the loss and gradients of a step.
    ///
    /// # Errors
    /// If the tensors do not fit the controller or a value is not finite. The controller is not to
    /// be used afterwards.
    fn update(&mut self, step: &Step<'_>) -> Result<Decision, PrecisionError>;

    /// Called after the last step of an epoch.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    fn end_of_epoch(&mut self, _epoch: &EpochEnd<'_>) -> Result<Decision, PrecisionError> {
        Ok(Decision::default())
    }

    /// The state of tensor `tensor`; empty for an index out of range.
    fn report(&self, _tensor: usize) -> ControllerReport {
        ControllerReport::default()
    }

    /// Everything needed to continue with the same bits.
    fn state(&self) -> ControllerState;

    /// Continues from a saved state of a controller with the same options and tensors.
    ///
    /// # Errors
    /// If the state belongs to another controller or does not fit.
    fn restore(&mut self, state: &ControllerState) -> Result<(), PrecisionError>;
}

/// Checks that tensors can be controlled at all.
pub(crate) fn check_infos(tensors: &[TensorInfo]) -> Result<(), PrecisionError> {
    if tensors.is_empty() {
        return Err(PrecisionError::NoTensors);
    }
    for info in tensors {
        let (elements, first_slice) = (info.elements, info.first_slice_len);
        if first_slice == 0 || first_slice > elements {
            let tensor = info.name.clone();
            return Err(PrecisionError::Shape { tensor, elements, first_slice });
        }
    }
    Ok(())
}

/// Checks that a step's tensors are those of the controller.
pub(crate) fn check_views(
    infos: &[TensorInfo],
    views: &[TensorView<'_>],
) -> Result<(), PrecisionError> {
    if infos.len() != views.len() {
        return Err(PrecisionError::TensorCount { expected: infos.len(), given: views.len() });
    }
    for (info, view) in infos.iter().zip(views) {
        for (what, given) in [("master", view.master.len()), ("gradient", view.gradient.len())] {
            if given != info.elements {
                let (tensor, expected) = (info.name.clone(), info.elements);
                return Err(PrecisionError::Length { tensor, what, expected, given });
            }
        }
    }
    Ok(())
}

/// Refuses a state that was saved by another controller.
pub(crate) fn check_name(own: &'static str, state: &ControllerState) -> Result<(), PrecisionError> {
    if state.controller == own {
        return Ok(());
    }
    let reason = format!("it was saved by `{}`", state.controller);
    Err(PrecisionError::State { controller: own, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_become_infos() {
        let conv = TensorInfo::from_shape("conv", &[4, 2, 3, 3]);
        assert_eq!((conv.elements, conv.first_slice_len, conv.is_bias), (72, 18, false));
        let bias = TensorInfo::from_shape("bias", &[4]);
        assert_eq!((bias.elements, bias.first_slice_len, bias.is_bias), (4, 1, true));
    }

    #[test]
    fn impossible_tensors_are_named() {
        assert_eq!(check_infos(&[]), Err(PrecisionError::NoTensors));
        let empty = TensorInfo::from_shape("w", &[0, 3]);
        let error = check_infos(&[empty]).unwrap_err();
        assert!(error.to_string().contains("`w` has 0 elements"), "{error}");
    }

    #[test]
    fn a_step_must_fit() {
        let infos = [TensorInfo::from_shape("w", &[1, 2])];
        let view = |master, gradient| TensorView { master, gradient };
        assert_eq!(check_views(&infos, &[view(&[1.0, 2.0], &[0.0, 0.0])]), Ok(()));
        let error = check_views(&infos, &[view(&[1.0, 2.0], &[0.0])]).unwrap_err();
        assert_eq!(error.to_string(), "gradient of tensor `w` has 1 elements, expected 2");
        assert!(check_views(&infos, &[]).is_err());
    }
}
