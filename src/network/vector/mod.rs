//! The arithmetic of layers that do not run on the MAC array, as functions on NHWC slices.

pub mod add;
pub mod average_pool;
pub mod batch_norm;
pub mod causal_softmax;
pub mod concatenate;
pub mod dropout;
pub mod elementary;
pub mod embedding;
pub mod init;
pub mod layer_norm;
mod length;
pub mod lstm;
pub mod max_pool;
pub mod operations;
pub mod pooling;
pub mod position;
pub mod relu;
pub mod relu6;
pub mod softmax;
pub mod softmax_cross_entropy;

pub use length::LengthError;
