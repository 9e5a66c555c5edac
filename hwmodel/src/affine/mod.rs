//! Affine tensors: value = (raw - zero point) · scale, and what ONNX Runtime, the onnx reference evaluator, QONNX and TFLite compute
//! on them.
//!
//! Rules of other tools are stated in the operations in which these tools compute. `f32(·)` in a comment is the nearest float32,
//! ties to even, after each single operation: Rust's `f32` arithmetic is exactly that.

mod error;
mod granularity;
pub mod onnx;
pub mod product;
pub mod qonnx;
mod quantisation;
pub mod quantise;
mod rational;
pub mod requantise;
mod tensor;
pub mod tflite;
mod word_range;

pub use error::AffineError;
pub use granularity::Granularity;
pub use quantisation::Quantisation;
pub use tensor::AffineTensor;
pub use word_range::WordRange;

#[cfg(test)]
mod tests;
