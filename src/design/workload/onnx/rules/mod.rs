//! One rule an operator: shapes of its outputs, their elements if they are small constants, and its
//! work.

mod attention;
mod channels_last;
mod classical;
mod constants;
mod convolution;
mod element_wise;
mod matmul;
mod microsoft;
mod movement;
mod pooling;
mod quantisers;
mod recurrent;
mod reduction;
mod reshape;
mod resize;
mod slicing;

use super::error::NodeProblem;
use super::fact::{Fact, count};
use super::node::Node;
use super::tensor::Value;
use crate::design::workload::{VectorKind, VectorWork, Work};
use crate::onnx::proto;
use std::rc::Rc;

pub(super) use quantisers::DOMAINS as QONNX_DOMAINS;

/// An output of a node.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// Its shape.
    pub(super) shape: Vec<u64>,
    /// Its elements, if they are known.
    pub(super) value: Option<Rc<Value>>,
    /// Whether it is the same for every input, although the node's inputs are not: a shape.
    pub(super) constant: bool,
}

/// Result of a rule: outputs and work of a node.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// Its outputs in order; further ones are not known.
    pub(super) outputs: Vec<Output>,
    /// What it computes, each with a word for it if there are several; nothing if it only renames
    /// elements.
    pub(super) works: Vec<(&'static str, Work)>,
    /// Inputs that are trainable if they are initialisers.
    pub(super) parameters: &'static [usize],
    /// The input whose elements the first output has, one to one.
    pub(super) renames: Option<usize>,
    /// Whether the first output is a constant that weights can be, written into the node.
    pub(super) weight: bool,
    /// The inputs that are the operands of each product: the rows and the weights, or the right operand.
    pub(super) operands: &'static [[usize; 2]],
}

impl Output {
    fn new(shape: Vec<u64>) -> Self {
        Self { shape, value: None, constant: false }
    }

    fn with_value(shape: Vec<u64>, value: Option<Value>) -> Self {
        Self { shape, value: value.map(Rc::new), constant: false }
    }
}

impl Outcome {
    fn new(outputs: Vec<Output>, work: Option<Work>) -> Self {
        let works = work.into_iter().map(|work| ("", work)).collect();
        Self { outputs, works, parameters: &[], renames: None, weight: false, operands: &[] }
    }

    /// Work on the vector unit of one output.
    fn vector(kind: VectorKind, elements: u64, shape: Vec<u64>) -> Self {
        let work = Work::Vector(VectorWork { kind, elements });
        Self::new(vec![Output::new(shape)], Some(work))
    }

    /// Elements of `output` that come from elsewhere.
    fn moved(output: Output) -> Self {
        let elements = count(&output.shape);
        let work = Work::Vector(VectorWork { kind: VectorKind::DATA_MOVEMENT, elements });
        Self::new(vec![output], Some(work))
    }

    /// The elements of input `index` under another shape.
    fn view(index: usize, input: &Fact, shape: Vec<u64>) -> Self {
        let output = Output { shape, value: input.value.clone(), constant: false };
        Self { renames: Some(index), ..Self::new(vec![output], None) }
    }

    /// With the operands of its products.
    fn of(self, operands: &'static [[usize; 2]]) -> Self {
        Self { operands, ..self }
    }

    fn with_parameters(self, parameters: &'static [usize]) -> Self {
        Self { parameters, ..self }
    }

    /// The outputs that the model declares for a node whose rule lacks a constant: such rules only
    /// move elements.
    pub(super) fn declared(shapes: Vec<Vec<u64>>) -> Self {
        let elements = shapes.iter().map(|shape| count(shape)).sum();
        let work = Work::Vector(VectorWork { kind: VectorKind::DATA_MOVEMENT, elements });
        Self::new(shapes.into_iter().map(Output::new).collect(), Some(work))
    }
}

/// Applies the rule of `node`'s operator.
pub(super) fn apply(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    match proto::domain(&node.message.domain) {
        "" => standard(node),
        "com.microsoft" => microsoft::apply(node),
        "ai.onnx.ml" => classical::apply(node),
        "qonnx.custom_op.channels_last" => channels_last::apply(node),
        domain if quantisers::DOMAINS.contains(&domain) => quantisers::apply(node),
        _ => Err(NodeProblem::NoRule),
    }
}

/// Operators of ONNX itself.
fn standard(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    match node.operator() {
        "Conv" => Ok(convolution::convolution(node, [0, 1], &[1, 2])?.of(&[[0, 1]])),
        "ConvInteger" => Ok(convolution::convolution(node, [0, 1], &[1])?.of(&[[0, 1]])),
        "QLinearConv" => Ok(convolution::convolution(node, [0, 3], &[3, 8])?.of(&[[0, 3]])),
        "ConvTranspose" => Ok(convolution::transposed(node)?.of(&[[0, 1]])),
        "MatMul" | "MatMulInteger" => matmul::matmul(node, &[[0, 1], [1, 0]]),
        "QLinearMatMul" => matmul::matmul(node, &[[0, 3], [3, 0]]),
        "Gemm" => matmul::gemm(node, &[[0, 1], [1, 0]], &[0, 1, 2]),
        "LSTM" | "GRU" | "RNN" => Ok(recurrent::recurrent(node)?.of(&[[0, 1], [0, 2]])),
        "Attention" => attention::attention(node),
        "MaxPool" | "LpPool" | "AveragePool" => pooling::pool(node),
        "GlobalMaxPool" | "GlobalLpPool" | "GlobalAveragePool" => pooling::global(node),
        "Constant" => constants::constant(node),
        "ConstantOfShape" => constants::of_shape(node),
        "Range" => constants::range(node),
        "Shape" => constants::shape(node),
        "Size" => constants::size(node),
        "Cast" | "CastLike" => constants::cast(node),
        "Reshape" => reshape::reshape(node),
        "Flatten" => reshape::flatten(node),
        "Squeeze" => reshape::squeeze(node),
        "Unsqueeze" => reshape::unsqueeze(node),
        "Dropout" => reshape::dropout(node),
        "Identity" => reshape::identity(node),
        "QuantizeLinear" | "DequantizeLinear" => quantisers::quantise(node),
        "DynamicQuantizeLinear" => quantisers::dynamic(node),
        "Transpose" => movement::transpose(node),
        "Expand" => movement::expand(node),
        "Tile" => movement::tile(node),
        "Pad" => movement::pad(node),
        "DepthToSpace" | "SpaceToDepth" => movement::depth_space(node),
        "Trilu" | "ReverseSequence" | "ScatterND" | "ScatterElements" => movement::in_place(node),
        "Concat" => slicing::concat(node),
        "Split" => slicing::split(node),
        "Slice" => slicing::slice(node),
        "Gather" => slicing::gather(node),
        "GatherElements" => slicing::gather_elements(node),
        "Resize" | "Upsample" => resize::resize(node),
        "TopK" => reduction::top(node),
        "ArgMax" | "ArgMin" => reduction::arg(node),
        name if name.starts_with("Reduce") => reduction::reduce(node),
        _ => element_wise::apply(node),
    }
}
