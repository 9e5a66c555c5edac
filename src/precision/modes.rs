//! Rounding and overflow modes that a format brings with it.

use hwmodel::number::format_text::FixedType;
use hwmodel::{Overflow, Rounding};
use serde::{Deserialize, Serialize};

/// The modes of a layer whose format states them, as ap_fixed<16,6,AP_RND,AP_SAT> does. They hold wherever a tensor is quantised
/// to a format of the layer; where there are none, those of the run do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Modes {
    /// Rounding mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
    /// Overflow mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overflow: Option<Overflow>,
}

impl Modes {
    /// Whether no mode is stated.
    pub const fn is_none(&self) -> bool {
        self.rounding.is_none() && self.overflow.is_none()
    }
}

impl From<FixedType> for Modes {
    fn from(fixed: FixedType) -> Self {
        Self { rounding: fixed.rounding, overflow: fixed.overflow }
    }
}
