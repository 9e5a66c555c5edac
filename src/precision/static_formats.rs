//! Formats that are chosen before training and never change.

use super::controller::{check_infos, check_name, check_views};
use super::{
    ControllerState, Decision, NumberFormat, PrecisionController, PrecisionError, RoleFormats,
    Step, TensorInfo,
};
use hwmodel::Format;
use serde::{Deserialize, Serialize};

/// Options of [`Static`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticOptions {
    /// One entry for all tensors, or one entry a tensor in their order.
    pub formats: Vec<RoleFormats>,
}

impl StaticOptions {
    /// ⟨WL, FL⟩ for every tensor in every role.
    pub fn global(format: Format) -> Self {
        Self { formats: vec![RoleFormats::fixed(format)] }
    }
}

/// A controller whose formats never change.
#[derive(Debug, Clone)]
pub struct Static {
    tensors: Vec<TensorInfo>,
    formats: Vec<RoleFormats>,
}

impl Static {
    /// A controller of `tensors` with the formats of `options`.
    ///
    /// # Errors
    /// If a tensor is empty, there are neither one nor as many formats as tensors, or a dynamic word
    /// length is impossible.
    pub fn new(options: &StaticOptions, tensors: &[TensorInfo]) -> Result<Self, PrecisionError> {
        check_infos(tensors)?;
        let formats = match options.formats.as_slice() {
            [one] => vec![*one; tensors.len()],
            several if several.len() == tensors.len() => several.to_vec(),
            several => {
                let allowed = format!("one for all tensors or one for each of {}", tensors.len());
                let given = format!("a list of {}", several.len());
                return Err(PrecisionError::option("formats", given, allowed));
            }
        };
        for role in formats.iter().flat_map(|f| [f.weight, f.activation, f.gradient]) {
            if let NumberFormat::DynamicFixed { wl } = role {
                Format::new(wl, 0)?;
            }
        }
        Ok(Self { tensors: tensors.to_vec(), formats })
    }
}

impl PrecisionController for Static {
    fn name(&self) -> &'static str {
        "static"
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

    fn tensors() -> [TensorInfo; 2] {
        [TensorInfo::from_shape("w", &[2, 3]), TensorInfo::from_shape("b", &[2])]
    }

    #[test]
    fn one_format_or_a_list() {
        let (a, b) = (Format::new(8, 4).unwrap(), Format::new(6, 2).unwrap());
        let global = Static::new(&StaticOptions::global(a), &tensors()).unwrap();
        assert_eq!(global.formats(), [RoleFormats::fixed(a); 2]);
        let list = StaticOptions { formats: vec![RoleFormats::fixed(a), RoleFormats::fixed(b)] };
        let listed = Static::new(&list, &tensors()).unwrap();
        assert_eq!(listed.formats()[1].weight.fixed(), Some(b));
        assert_eq!(listed.formats()[1].gradient.word_length(), 6);
    }

    #[test]
    fn a_list_of_another_length_is_refused() {
        let none = StaticOptions { formats: vec![] };
        let error = Static::new(&none, &tensors()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "precision option `formats` is a list of 0: use one for all tensors or one for each of 2"
        );
        let dynamic = RoleFormats::all(NumberFormat::DynamicFixed { wl: 40 });
        assert!(Static::new(&StaticOptions { formats: vec![dynamic] }, &tensors()).is_err());
    }
}
