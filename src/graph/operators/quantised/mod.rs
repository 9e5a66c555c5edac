//! Quantisers: QONNX, QuantizeLinear and DequantizeLinear, and ONNX Runtime's operators on quantised tensors.

pub(super) mod channels_last;
pub(super) mod dynamic;
pub(super) mod float_quant;
pub(super) mod linear;
pub(super) mod multi_threshold;
mod parameters;
pub(super) mod qlinear;
pub(super) mod quant;
mod spread;
#[cfg(test)]
mod tests;
pub(super) mod trunc;
