//! The arithmetic of layers that do not run on the MAC array, as functions on NHWC slices.

pub mod add;
pub mod average_pool;
pub mod batch_norm;
pub mod concatenate;
pub mod dropout;
pub mod init;
mod length;
pub mod max_pool;
pub mod pooling;
pub mod relu;
pub mod relu6;
pub mod softmax_cross_entropy;

pub use length::LengthError;
