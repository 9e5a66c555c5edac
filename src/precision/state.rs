//! What a checkpoint keeps of a controller.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A named array of a controller's state.
#[derive(Debug, Clone, PartialEq)]
pub enum StateTensor {
    /// float32 values.
    F32(Vec<f32>),
    /// float64 values.
    F64(Vec<f64>),
}

/// The complete state of a controller: restored, it continues with the same bits.
///
/// `scalars` holds integers and words only, since JSON text does not keep every float; every float
/// is in `tensors`.
#[derive(Debug, Clone, PartialEq)]
pub struct ControllerState {
    /// [`name`](super::PrecisionController::name) of the controller that was saved.
    pub controller: String,
    /// Small values.
    pub scalars: serde_json::Value,
    /// Arrays by name.
    pub tensors: BTreeMap<String, StateTensor>,
}

impl ControllerState {
    /// The state of a controller that never changes.
    pub fn empty(controller: &str) -> Self {
        Self {
            controller: controller.to_owned(),
            scalars: serde_json::Value::Null,
            tensors: BTreeMap::new(),
        }
    }
}

/// Serialises an enum or struct of integers and words; such values always have a JSON form.
pub(crate) fn to_json<T: Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or(serde_json::Value::Null)
}

/// Reads what [`to_json`] wrote.
pub(crate) fn from_json<'a, T: Deserialize<'a>>(value: &'a serde_json::Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}
