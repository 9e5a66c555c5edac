//! How the two backward products of a layer are computed.

use crate::precision::{NumberFormat, RoleFormats};
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
    /// Word length in bits, 1 to 32; `None` for that of the layer's gradient format, and of its output format for results.
    pub wl: Option<u32>,
    /// Word length in bits, 1 to 32, of dY and dX in the grad-input product; `None` for `wl`.
    pub grad_input_wl: Option<u32>,
    /// Word length in bits, 1 to 32, of dY and dW in the grad-weight product; `None` for `wl`.
    pub grad_weight_wl: Option<u32>,
    /// Fractional length in bits, -64 to 64; `None` for one a tensor, chosen so that the tensor's extremes
    /// just fit ([`hwmodel::number::block_float::tensor_format`]).
    pub fl: Option<i32>,
    /// Rounding of dY, dX and dW.
    pub rounding: Rounding,
}

/// Word lengths in bits of the gradients of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GradientWords {
    /// Of the grad-input product: dY and dX.
    pub(super) grad_input: ProductWords,
    /// Of the grad-weight product: dY and dW.
    pub(super) grad_weight: ProductWords,
}

/// Word lengths in bits of the gradient that enters a backward product and of the one that leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProductWords {
    pub(super) operand: u32,
    pub(super) result: u32,
}

impl GradientFormat {
    /// Gradients of `wl` bits, or as many as those of the layer's gradient format have, in both products; a fractional length for
    /// each tensor.
    pub fn of(wl: Option<u32>, rounding: Rounding) -> Self {
        Self { wl, grad_input_wl: None, grad_weight_wl: None, fl: None, rounding }
    }

    /// The word lengths of a layer with formats `own`; `None` where its gradients are float32.
    pub(super) fn words(self, own: RoleFormats) -> Option<GradientWords> {
        let fixed = own.gradient != NumberFormat::Float32;
        let own_words = fixed.then(|| {
            let operand = own.gradient.word_length();
            ProductWords { operand, result: own.output.map_or(operand, NumberFormat::word_length) }
        });
        let words = |given: Option<u32>| {
            let given = given.or(self.wl).map(|wl| ProductWords { operand: wl, result: wl });
            given.or(own_words)
        };
        Some(GradientWords {
            grad_input: words(self.grad_input_wl)?,
            grad_weight: words(self.grad_weight_wl)?,
        })
    }
}
