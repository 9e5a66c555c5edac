//! Formats that are chosen before training and never change.

use super::constant::Constant;
use super::{NumberFormat, PrecisionError, RoleFormats, TensorInfo};
use hwmodel::Format;
use serde::{Deserialize, Serialize};

/// Which formats.
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

impl StaticOptions {
    /// A controller of `tensors` with these formats.
    ///
    /// # Errors
    /// If a tensor is empty, there are neither one nor as many formats as tensors, or a dynamic word
    /// length is impossible.
    pub fn controller(&self, tensors: &[TensorInfo]) -> Result<Constant, PrecisionError> {
        let formats = match self.formats.as_slice() {
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
        Constant::new("static", tensors, formats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::PrecisionController;

    fn tensors() -> [TensorInfo; 2] {
        [TensorInfo::from_shape("w", &[2, 3]), TensorInfo::from_shape("b", &[2])]
    }

    #[test]
    fn one_format_or_a_list() {
        let (a, b) = (Format::new(8, 4).unwrap(), Format::new(6, 2).unwrap());
        let global = StaticOptions::global(a).controller(&tensors()).unwrap();
        assert_eq!(global.formats(), [RoleFormats::fixed(a); 2]);
        let list = StaticOptions { formats: vec![RoleFormats::fixed(a), RoleFormats::fixed(b)] };
        let listed = list.controller(&tensors()).unwrap();
        assert_eq!(listed.formats()[1].weight.fixed(), Some(b));
        assert_eq!(listed.formats()[1].gradient.word_length(), 6);
    }

    #[test]
    fn a_list_of_another_length_is_refused() {
        let none = StaticOptions { formats: vec![] };
        let error = none.controller(&tensors()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "precision option `formats` is a list of 0: use one for all tensors or one for each of 2"
        );
        let dynamic = RoleFormats::all(NumberFormat::DynamicFixed { wl: 40 });
        assert!(StaticOptions { formats: vec![dynamic] }.controller(&tensors()).is_err());
    }
}
