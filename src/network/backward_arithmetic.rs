//! How the two backward products of a layer are computed.

use crate::precision::NumberFormat;
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
    /// Word length in bits, 1 to 32, of dY and dX in the grad-input product; `None` for `wl`.
    pub grad_input_wl: Option<u32>,
    /// Word length in bits, 1 to 32, of dY and dW in the grad-weight product; `None` for `wl`.
    pub grad_weight_wl: Option<u32>,
    /// Fractional length in bits, -64 to 64; `None` for one a tensor, chosen so that the tensor's extremes
    /// just fit ([`hwmodel::block_float::tensor_format`]).
    pub fl: Option<i32>,
    /// Rounding of dY, dX and dW.
    pub rounding: Rounding,
}

/// Word lengths in bits of the gradients of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GradientWords {
    /// dY and dX.
    pub(super) grad_input: u32,
    /// dY and dW.
    pub(super) grad_weight: u32,
}

impl GradientFormat {
    /// Gradients of `wl` bits, or as many as those of the layer's gradient format have, in both products; a fractional length for
    /// each tensor.
    pub fn of(wl: Option<u32>, rounding: Rounding) -> Self {
        Self { wl, grad_input_wl: None, grad_weight_wl: None, fl: None, rounding }
    }

    /// The word lengths of a layer whose gradient format is `own`; `None` where they are float32.
    pub(super) fn words(self, own: NumberFormat) -> Option<GradientWords> {
        let own = (own != NumberFormat::Float32).then(|| own.word_length());
        let both = self.wl.or(own);
        Some(GradientWords {
            grad_input: self.grad_input_wl.or(both)?,
            grad_weight: self.grad_weight_wl.or(both)?,
        })
    }
}
