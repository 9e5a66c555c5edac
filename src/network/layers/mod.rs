//! One file per layer kind.

mod add;
mod attention;
mod average_pool;
mod batch_norm;
mod concatenate;
mod convolution;
mod dropout;
mod embedding;
mod flatten;
mod layer_norm;
mod linear;
mod lstm;
mod mac_layer;
mod max_pool;
mod position;
mod relu;

pub(super) use add::Add;
pub(super) use attention::{Context, Scores};
pub(super) use average_pool::AveragePool;
pub(super) use batch_norm::BatchNorm;
pub(super) use concatenate::Concatenate;
pub(super) use convolution::Convolution;
pub(super) use dropout::Dropout;
pub(super) use embedding::Embedding;
pub(super) use flatten::Flatten;
pub(super) use layer_norm::LayerNorm;
pub(super) use linear::Linear;
pub(super) use lstm::Lstm;
pub(super) use max_pool::MaxPool;
pub(super) use position::Position;
pub(super) use relu::Relu;

#[cfg(test)]
mod tests;
