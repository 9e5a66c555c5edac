//! The arithmetic of the float32 vector unit, as functions on NHWC slices; that of integers is in [`hwmodel::elementwise`].

pub mod add;
pub mod average_pool;
pub mod batch_norm;
pub mod causal_softmax;
pub mod dropout;
pub mod elementary;
pub mod embedding;
pub mod function;
pub mod init;
pub mod layer_norm;
pub mod lstm;
pub mod operations;
pub mod position;
pub mod relu;
pub mod softmax;
pub mod softmax_cross_entropy;
