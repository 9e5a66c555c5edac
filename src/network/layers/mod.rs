//! One file per layer kind.

mod add;
mod average_pool;
mod batch_norm;
mod concatenate;
mod convolution;
mod dropout;
mod flatten;
mod linear;
mod mac_layer;
mod max_pool;
mod relu;
mod relu6;

pub(super) use add::Add;
pub(super) use average_pool::AveragePool;
pub(super) use batch_norm::BatchNorm;
pub(super) use concatenate::Concatenate;
pub(super) use convolution::Convolution;
pub(super) use dropout::Dropout;
pub(super) use flatten::Flatten;
pub(super) use linear::Linear;
pub(super) use max_pool::MaxPool;
pub(super) use relu::Relu;
pub(super) use relu6::Relu6;

#[cfg(test)]
mod tests;
