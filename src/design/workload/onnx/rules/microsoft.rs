//! Operators of ONNX Runtime (`com.microsoft`): what its quantisers and optimisers write.

use super::super::error::NodeProblem;
use super::super::node::Node;
use super::{
    Outcome, Output, convolution, element_wise, matmul, pooling, quantisers, recurrent, reduction,
    slicing,
};
use crate::design::workload::VectorKind;

pub(super) fn apply(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    match node.operator() {
        "QuantizeLinear" | "DequantizeLinear" => quantisers::quantise(node),
        "QGemm" => matmul::gemm(node, &[[0, 3], [3, 0]], &[3, 6]),
        "QLinearConv" => Ok(convolution::convolution(node, [0, 3], &[3, 8])?.of(&[[0, 3]])),
        "FusedConv" => Ok(convolution::convolution(node, [0, 1], &[1, 2])?.of(&[[0, 1]])),
        "FusedGemm" => matmul::gemm(node, &[[0, 1], [1, 0]], &[0, 1, 2]),
        "MatMulIntegerToFloat" | "DynamicQuantizeMatMul" => matmul::matmul(node, &[[0, 1], [1, 0]]),
        "DynamicQuantizeLSTM" => Ok(recurrent::recurrent_with(node, 2)?.of(&[[0, 1], [0, 2]])),
        "QLinearAdd" => two(node, VectorKind::ADD),
        "QLinearMul" => two(node, VectorKind::ELEMENT_WISE),
        "QLinearLeakyRelu" => element_wise::same(node, VectorKind::LEAKY_RELU),
        "QLinearSigmoid" | "FastGelu" | "QuickGelu" | "BiasGelu" => {
            element_wise::same(node, VectorKind::ELEMENT_WISE)
        }
        "Gelu" => element_wise::same(node, VectorKind::GELU),
        "QLinearSoftmax" => element_wise::same(node, VectorKind::SOFTMAX),
        "QLinearAveragePool" => pooling::pool(node),
        "QLinearGlobalAveragePool" => pooling::global(node),
        "QLinearConcat" => concat(node),
        "QLinearReduceMean" => {
            reduction::along(node, node.attribute_integers("axes").unwrap_or_default())
        }
        _ => Err(NodeProblem::NoRule),
    }
}

/// Inputs 0 and 3, each with its scale and zero point.
fn two(node: &Node<'_>, kind: VectorKind) -> Result<Outcome, NodeProblem> {
    let outcome = element_wise::broadcast_work(kind, [node.shape(0)?, node.shape(3)?])?;
    Ok(outcome.with_parameters(&[0, 3]))
}

/// Inputs 2, 5, 8 and so on, one after the other along an axis.
fn concat(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let shapes: Vec<&[u64]> = (2..node.inputs.len())
        .step_by(3)
        .map(|index| node.shape(index))
        .collect::<Result<_, _>>()?;
    Ok(Outcome::moved(Output::new(slicing::joined_shape(node, &shapes)?)))
}
