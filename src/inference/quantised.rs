//! Which graphs have quantisers.

use crate::onnx::model::{Model, Node};

/// Whether the graph has quantisers or operators on quantised numbers, so that its results are those of integers.
pub fn is_quantised(model: &Model) -> bool {
    model.nodes.iter().any(of_node)
}

fn of_node(node: &Node) -> bool {
    let name = node.operator.as_str();
    // Quant, QuantizeLinear, DequantizeLinear, BipolarQuant, DynamicQuantizeLSTM, QLinearConv, QGemm, QAttention, ConvInteger.
    name.to_ascii_lowercase().contains("quant")
        || name.contains("QLinear")
        || [
            "QGemm",
            "QAttention",
            "ConvInteger",
            "MatMulInteger",
            "MatMulIntegerToFloat",
            "MultiThreshold",
            "Trunc",
        ]
        .contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_on_integers_are_known_by_their_names() {
        let node = |operator: &str| Node {
            name: String::new(),
            domain: String::new(),
            operator: operator.to_owned(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            attributes: Vec::new(),
        };
        let named = |operator: &str| of_node(&node(operator));
        assert!(["Quant", "DequantizeLinear", "QLinearConv", "ConvInteger"].into_iter().all(named));
        assert!(!["Conv", "Relu", "Gemm", "Truncate"].into_iter().any(named));
    }
}
