//! The quantised operators of ONNX and of ONNX Runtime's `com.microsoft` domain, one file each.
//!
//! QuantizeLinear is [`AffineTensor::quantise`](super::AffineTensor::quantise), DequantizeLinear
//! [`AffineTensor::dequantise`](super::AffineTensor::dequantise), MatMulInteger [`matmul`](super::product::matmul()) and
//! ConvInteger [`convolve`](super::product::convolve()).

mod dynamic_quantize_linear;
mod output;
mod qlinear_add;
mod qlinear_conv;
mod qlinear_global_average_pool;
mod qlinear_mat_mul;
mod qlinear_mul;

pub use dynamic_quantize_linear::{DynamicQuantise, dynamic_quantize_linear};
pub use output::Output;
pub use qlinear_add::{AddRule, qlinear_add};
pub use qlinear_conv::{QLinearConv, qlinear_conv};
pub use qlinear_global_average_pool::qlinear_global_average_pool;
pub use qlinear_mat_mul::qlinear_mat_mul;
pub use qlinear_mul::{MulRule, qlinear_mul};

#[cfg(test)]
mod tests;
