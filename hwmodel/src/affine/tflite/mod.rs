//! Operators of TFLite (LiteRT) on int8 and int16 tensors, as its three kernel sets compute them.
//!
//! ai-edge-litert 2.3.0 on an x86 CPU with AVX2 or better. All sets have the same sums; they differ in how a sum becomes a word:
//!
//! | operator | ref | opt | xnn |
//! |---|---|---|---|
//! | FULLY_CONNECTED int8 | real | twice_up | float32 |
//! | FULLY_CONNECTED int16 × int8, bias int64 | real | real | real |
//! | FULLY_CONNECTED int16 × int8, bias int32 | real | twice_up | twice_up |
//! | CONV_2D int8 | double_rounding | twice_up | float32 |
//! | DEPTHWISE_CONV_2D int8 | double_rounding | double_rounding | float32 |
//! | CONV_2D, DEPTHWISE_CONV_2D int16 × int8, bias int64 | q15 | q15 | q15 |
//! | CONV_2D int16 × int8, bias int32 | double_rounding | twice_up | twice_up |
//! | DEPTHWISE_CONV_2D int16 × int8, bias int32 | double_rounding | double_rounding | double_rounding |
//! | ADD | double_rounding | double_rounding | int8: common_shift |
//! | MUL | double_rounding | double_rounding | int8: float32 |
//! | QUANTIZE int8 → int8 | double_rounding | twice_up in 16s | eight_bits |
//! | QUANTIZE from or to int16 | double_rounding | double_rounding | double_rounding |
//! | AVERAGE_POOL_2D | half away | half away | half away |
//!
//! The names are those of [`RequantiseRule`](super::requantise::RequantiseRule); [`add()`], [`multiply()`] and [`quantize()`] state
//! the others. DEPTHWISE_CONV_2D of int16 was not compared with the interpreter. Without AVX2 the set `opt` has
//! `single_rounding` in place of `twice_up`.

mod activation;
mod add;
mod average_pool;
mod error;
mod kernel_set;
mod layer;
mod multiply;
mod operand;
mod output;
mod quantize;

pub use activation::Activation;
pub use add::{AddMultipliers, add};
pub use average_pool::{PoolPadding, average_pool};
pub use error::TfliteError;
pub use kernel_set::KernelSet;
pub use layer::{BiasType, Layer, LayerOperator};
pub use multiply::multiply;
pub use output::Output;
pub use quantize::quantize;

#[cfg(test)]
mod tests;
