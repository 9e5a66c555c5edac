//! How the two backward products of a layer are computed.

use hwmodel::Rounding;
use serde::{Deserialize, Serialize};

/// Arithmetic of the backward products of every MAC layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackwardArithmetic {
    /// Float32 with straight-through estimators, as in AdaPT.
    #[default]
    Float32,
    /// Exact integers on the MAC array; layers whose weights or activations are float32 stay in float32.
    Fixed(GradientFormat),
}

/// The fixed-point format of the gradients that meet a layer's backward products: dY going in, dX and dW
/// coming out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradientFormat {
    /// Word length in bits, 1 to 32; `None` for that of the layer's gradient format.
    pub wl: Option<u32>,
    /// Fractional length in bits, -64 to 64; `None` for one a tensor, chosen so that the tensor's extremes
    /// just fit ([`hwmodel::block_float::tensor_format`]).
    pub fl: Option<i32>,
    /// Rounding of dY, dX and dW.
    pub rounding: Rounding,
}
