//! (under construction)

pub mod add;
pub mod average_pool;
pub mod batch_norm;
pub mod init;
pub mod length;
pub mod max_pool;
pub mod pooling;
pub mod relu;
pub mod softmax_cross_entropy;
