//! Element types of values: the inputs of a node that ONNX gives one type variable must have one type.
//!
//! Types follow from those of inputs and initialisers, node by node. Where they are not known, nothing is checked.

use super::error::{GraphProblem, OnnxError};
use super::model::ElementType;
use super::{of_node, proto};
use std::collections::HashMap;

/// Checks the types of `graph`, whose nodes are sorted.
///
/// # Errors
/// If the inputs of a node have several types where one is needed.
pub(super) fn check(graph: &proto::Graph) -> Result<(), OnnxError> {
    let mut types: HashMap<&str, i32> = HashMap::new();
    for value in graph.value_info.iter().chain(&graph.output).chain(&graph.input) {
        types.extend(value.element().map(|element| (value.name.as_str(), element)));
    }
    types.extend(graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor.data_type)));
    for (index, node) in graph.node.iter().enumerate() {
        let of = |index: usize| types.get(node.input.get(index)?.as_str()).copied();
        let bound = of_one_type(node).into_iter().filter_map(|input| Some((input, of(input)?)));
        let bound: Vec<(usize, i32)> = bound.collect();
        if bound.windows(2).any(|pair| pair[0].1 != pair[1].1) {
            let each = |&(input, element): &(usize, i32)| {
                format!("`{}` {}", node.input[input], ElementType::name_of(element))
            };
            let types = bound.iter().map(each).collect::<Vec<_>>().join(", ");
            return Err(of_node(index, node, GraphProblem::MixedTypes { types }));
        }
        // What the file declares of a value is not trusted where the type follows from the node.
        if let (Some(output), Some(element)) = (node.output.first(), made(node, of)) {
            types.insert(output, element);
        }
    }
    Ok(())
}

/// The inputs of `node` that have one type.
fn of_one_type(node: &proto::Node) -> Vec<usize> {
    if !proto::domain(&node.domain).is_empty() {
        return Vec::new();
    }
    match node.op_type.as_str() {
        "Add"
        | "Sub"
        | "Mul"
        | "Div"
        | "Concat"
        | "Sum"
        | "Mean"
        | "Min"
        | "Max"
        | "And"
        | "Or"
        | "Xor"
        | "Equal"
        | "Less"
        | "LessOrEqual"
        | "Greater"
        | "GreaterOrEqual"
        | "Mod"
        | "PRelu"
        | "MatMul"
        | "Gemm"
        | "Conv"
        | "ConvTranspose"
        | "InstanceNormalization"
        | "GroupNormalization" => (0..node.input.len()).collect(),
        // Scale and offset, mean and variance may have other types than the input from opset 14 on, each pair one.
        "BatchNormalization" => vec![1, 2],
        "Where" => vec![1, 2],
        "LSTM" => vec![0, 1, 2, 3, 5, 6, 7],
        "GRU" | "RNN" => vec![0, 1, 2, 3, 5],
        _ => Vec::new(),
    }
}

/// The type of the first output of `node` if it is known from those of its inputs, `of`.
fn made(node: &proto::Node, of: impl Fn(usize) -> Option<i32>) -> Option<i32> {
    let number = |name: &str| {
        let stated = node.attribute(name).and_then(|attribute| attribute.i);
        stated.and_then(|number| i32::try_from(number).ok()).filter(|&number| number != 0)
    };
    if !proto::domain(&node.domain).is_empty() {
        return None;
    }
    match node.op_type.as_str() {
        "Cast" => number("to"),
        "CastLike" | "Where" => of(1),
        "Abs"
        | "Add"
        | "AveragePool"
        | "BatchNormalization"
        | "Ceil"
        | "Celu"
        | "Clip"
        | "Concat"
        | "Conv"
        | "ConvTranspose"
        | "CumSum"
        | "DepthToSpace"
        | "Div"
        | "Dropout"
        | "Elu"
        | "Erf"
        | "Exp"
        | "Expand"
        | "Flatten"
        | "Floor"
        | "GRU"
        | "Gather"
        | "GatherElements"
        | "Gelu"
        | "Gemm"
        | "GlobalAveragePool"
        | "GlobalMaxPool"
        | "GroupNormalization"
        | "HardSigmoid"
        | "HardSwish"
        | "Identity"
        | "InstanceNormalization"
        | "LSTM"
        | "LayerNormalization"
        | "LeakyRelu"
        | "Log"
        | "LogSoftmax"
        | "MatMul"
        | "Max"
        | "MaxPool"
        | "Mean"
        | "Min"
        | "Mish"
        | "Mul"
        | "Neg"
        | "PRelu"
        | "Pad"
        | "Pow"
        | "RNN"
        | "Reciprocal"
        | "ReduceMax"
        | "ReduceMean"
        | "ReduceMin"
        | "ReduceSum"
        | "Relu"
        | "Reshape"
        | "Resize"
        | "Round"
        | "Selu"
        | "Sigmoid"
        | "Slice"
        | "Softmax"
        | "Softplus"
        | "Softsign"
        | "SpaceToDepth"
        | "Split"
        | "Sqrt"
        | "Squeeze"
        | "Sub"
        | "Sum"
        | "Tanh"
        | "Tile"
        | "Transpose"
        | "Unsqueeze" => of(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::{Attribute, Graph, Node, Tensor};

    const FLOAT: i32 = 1;
    const FLOAT16: i32 = 10;
    const BFLOAT16: i32 = 16;

    fn node(operator: &str, inputs: &[&str], output: &str) -> Node {
        let input = inputs.iter().map(|&name| name.to_owned()).collect();
        let output = vec![output.to_owned()];
        Node { op_type: operator.to_owned(), input, output, ..Node::default() }
    }

    fn graph(types: &[(&str, i32)], node: Vec<Node>) -> Graph {
        let tensor = |&(name, data_type): &(&str, i32)| {
            let name = name.to_owned();
            Tensor { name, data_type, ..Tensor::default() }
        };
        Graph { initializer: types.iter().map(tensor).collect(), node, ..Graph::default() }
    }

    #[test]
    fn a_bias_of_another_precision_is_refused_behind_any_node() {
        let types = [("x", FLOAT), ("w", BFLOAT16), ("b", FLOAT)];
        let to = Attribute { name: "to".to_owned(), i: Some(16), ..Attribute::default() };
        let cast = Node { attribute: vec![to], ..node("Cast", &["x"], "c") };
        let nodes = vec![cast, node("Relu", &["c"], "r"), node("Conv", &["r", "w", "b"], "y")];
        insta::assert_snapshot!(check(&graph(&types, nodes)).unwrap_err(), @"node `y` (Conv): its inputs are `r` bfloat16, `w` bfloat16, `b` float32, but must have one element type: the model is not valid ONNX, export it in one precision");
        for operator in ["Add", "Gemm", "MatMul", "Concat", "PRelu"] {
            let mixed = graph(&types, vec![node(operator, &["x", "w"], "y")]);
            assert!(check(&mixed).is_err(), "{operator}");
            let same = graph(&types, vec![node(operator, &["x", "b"], "y")]);
            assert!(check(&same).is_ok(), "{operator}");
        }
    }

    #[test]
    fn types_that_are_not_known_are_not_checked() {
        let types = [("x", FLOAT), ("h", FLOAT16)];
        let unknown = node("SomethingNew", &["x"], "u");
        assert!(check(&graph(&types, vec![unknown, node("Add", &["u", "h"], "y")])).is_ok());
        let mut other = node("Add", &["x", "h"], "y");
        other.domain = "com.example".to_owned();
        assert!(check(&graph(&types, vec![other])).is_ok());
    }
}
