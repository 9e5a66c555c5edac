//! One file a family of operators: the layer that a node becomes.

mod activation;
mod element_wise;
mod function;
mod normalisation;
mod padding;
mod pooling;
mod product;
mod shape;

use super::lowering::{Lowering, Refusal, unsupported};
use crate::onnx::model::Node;

/// Adds the layer of `node`.
pub(super) fn apply(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    if lowering.is_made(node) {
        return Ok(());
    }
    if !node.domain.is_empty() {
        let operator = node.operator_name();
        return Err(unsupported(format!(
            "{operator} is not a layer that is trained or quantised anew"
        )));
    }
    match node.operator.as_str() {
        "Conv" => product::convolution(lowering, node),
        "Gemm" => product::gemm(lowering, node),
        "MatMul" => product::matmul(lowering, node),
        "BatchNormalization" => normalisation::batch_norm(lowering, node),
        "Relu" => activation::relu(lowering, node),
        "Clip" => activation::clip(lowering, node),
        "LeakyRelu" => activation::leaky_relu(lowering, node),
        "Sigmoid" | "Tanh" | "Swish" | "Gelu" | "HardSigmoid" | "HardSwish" | "Elu"
        | "Softplus" | "Mish" => function::function(lowering, node),
        "Erf" => function::erf(lowering, node),
        "Softmax" | "LogSoftmax" => activation::softmax(lowering, node),
        "Pad" => padding::pad(lowering, node),
        "MaxPool" => pooling::max_pool(lowering, node),
        "AveragePool" => pooling::average_pool(lowering, node),
        "GlobalAveragePool" => pooling::global_average_pool(lowering, node),
        "ReduceMean" => pooling::reduce_mean(lowering, node),
        "Add" | "Sum" => element_wise::add(lowering, node),
        "Sub" => element_wise::subtract(lowering, node),
        "Mul" | "Div" => element_wise::scale(lowering, node),
        "Concat" => element_wise::concatenate(lowering, node),
        "Identity" | "Dropout" | "Cast" | "CastLike" => shape::same(lowering, node),
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => shape::reshape(lowering, node),
        "Transpose" => shape::transpose(lowering, node),
        _ => Err(unsupported("it is not a layer that can be trained or quantised".to_owned())),
    }
}
