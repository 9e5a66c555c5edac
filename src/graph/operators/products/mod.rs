//! Convolutions and matrix products: quantised tensors and integers on the MAC array, floats on the float unit.

pub(super) mod conv;
pub(super) mod conv_transpose;
mod convolve;
pub(super) mod fused;
pub(super) mod gemm;
pub(super) mod matmul;
mod matrices;
mod operands;
pub(super) mod patches;
mod shape;
mod sums;
#[cfg(test)]
mod tests;
mod words;
