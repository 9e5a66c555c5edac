//! Models of PyTorch's exporters, and models made by hand.

use super::*;
use crate::design::workload::{Layer, VectorKind, Work};
use crate::onnx::proto::{self, Attribute, Graph, Model, Node, Tensor, ValueInfo};
use hwmodel::product::{MatrixProduct, RightOperand};
use prost::Message as _;
use std::io::Cursor;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/data/onnx/", $name, ".onnx")).as_slice()
    };
}

const FIXTURES: [(&str, &[u8]); 9] = [
    ("resnet18-torchscript", fixture!("resnet18-torchscript")),
    ("resnet18-dynamo", fixture!("resnet18-dynamo")),
    ("attention-torchscript", fixture!("attention-torchscript")),
    ("attention-dynamo", fixture!("attention-dynamo")),
    ("attention-plain-torchscript", fixture!("attention-plain-torchscript")),
    ("attention-plain-dynamo", fixture!("attention-plain-dynamo")),
    ("mixed-torchscript", fixture!("mixed-torchscript")),
    ("mixed-dynamo", fixture!("mixed-dynamo")),
    ("operators", fixture!("operators")),
];

fn dimensions(sizes: &[(&str, u64)]) -> Dimensions {
    sizes.iter().map(|&(name, size)| (name.to_owned(), size)).collect()
}

fn fixture(name: &str, sizes: &[(&str, u64)]) -> Workload {
    let (_, bytes) = FIXTURES.iter().find(|(known, _)| *known == name).unwrap();
    read_from(Cursor::new(bytes), name, &dimensions(sizes))
        .unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn products(workload: &Workload) -> Vec<&Layer> {
    let on_array = |layer: &&Layer| !matches!(layer.operation, Work::Vector(_));
    workload.layers().iter().filter(on_array).collect()
}

#[test]
fn resnet18_has_the_published_macs_from_either_exporter() {
    for name in ["resnet18-torchscript", "resnet18-dynamo"] {
        let one = fixture(name, &[("N", 1)]);
        // torchvision states 1.814 G.
        assert_eq!(one.macs(), 1_814_073_344, "{name}");
        assert_eq!(products(&one).len(), 21);
        assert_eq!(fixture(name, &[("N", 3)]).macs(), 3 * 1_814_073_344);
        let without: Vec<_> =
            one.layers().iter().filter(|layer| !layer.needs_input_gradient).collect();
        assert_eq!(without.len(), 1);
    }
    let layers = fixture("resnet18-dynamo", &[("N", 1)]);
    let names: Vec<_> = products(&layers).iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names[..3], ["conv1", "layer1.0.conv1", "layer1.0.conv2"]);
    assert_eq!(names[20], "fc");
}

#[test]
fn an_attention_block_lists_its_products_from_either_exporter() {
    for name in [
        "attention-torchscript",
        "attention-dynamo",
        "attention-plain-torchscript",
        "attention-plain-dynamo",
    ] {
        let workload = fixture(name, &[("N", 2), ("L", 24)]);
        let attention = |m, n, k| MatrixProduct::attention(m, n, k, 2 * 4);
        let expected = [
            MatrixProduct::linear(48, 192, 64),
            attention(24, 24, 16),
            attention(24, 16, 24),
            MatrixProduct::linear(48, 64, 64),
            MatrixProduct::linear(48, 256, 64),
            MatrixProduct::linear(48, 64, 256),
        ];
        let found: Vec<Work> =
            products(&workload).into_iter().map(|layer| layer.operation).collect();
        assert_eq!(found, expected.map(Work::MatrixProduct), "{name}");
        // Weights and biases; the exporters share the equal scales and offsets of both norms.
        let linear = 64 * 192 + 192 + 64 * 64 + 64 + 64 * 256 + 256 + 256 * 64 + 64;
        assert_eq!(workload.parameters(), linear + 128, "{name}");
        let kinds = |kind: VectorKind| {
            let same = |layer: &&Layer| layer.operation.name() == kind.name();
            workload.layers().iter().filter(same).count()
        };
        assert_eq!((kinds(VectorKind::SOFTMAX), kinds(VectorKind::NORMALISATION)), (1, 2));
        assert_eq!(kinds(VectorKind::GELU), 1);
    }
}

#[test]
fn convolutions_of_every_kind_have_their_sizes() {
    for name in ["mixed-torchscript", "mixed-dynamo"] {
        let workload = fixture(name, &[]);
        let macs: Vec<u64> = products(&workload)
            .iter()
            .map(|layer| layer.operation.products(1).unwrap().unwrap().forward.macs().unwrap())
            .collect();
        let pixels = 19 * 21;
        let expected = [
            pixels * 8 * 27,
            pixels * 8 * 9,
            pixels * 16 * 8,
            90 * 16 * 8 * 16,
            90 * 4 * 8 * 5,
            4 * 5,
        ];
        assert_eq!(macs, expected, "{name}");
        let names: Vec<_> = products(&workload).iter().map(|layer| layer.name.clone()).collect();
        assert_eq!(names, ["stem", "depthwise", "pointwise", "up", "sequence", "head"]);
        // The exporters write the unit scale and offset of the inner norm as constants, in nodes or as initialisers.
        let parameters = 224 + 80 + 144 + 2056 + (16 + 4) + 164 + 25;
        assert_eq!(workload.parameters(), parameters, "{name}");
    }
}

#[test]
fn every_shape_is_that_of_onnx_s_own_inference() {
    // The model declares them all; a contradiction would be an error.
    let workload = fixture("operators", &[]);
    assert_eq!(workload.layers().len(), 120);
    let names: Vec<_> = products(&workload).iter().map(|layer| layer.name.clone()).collect();
    assert_eq!(names.len(), 5 * 2 + 2 + 5 + 2);
}

fn int(name: &str, value: i64) -> Attribute {
    Attribute { name: name.to_owned(), i: Some(value), ..Attribute::default() }
}

fn ints(name: &str, values: &[i64]) -> Attribute {
    Attribute { name: name.to_owned(), ints: values.to_vec(), ..Attribute::default() }
}

fn node(operator: &str, inputs: &[&str], output: &str, attribute: Vec<Attribute>) -> Node {
    Node {
        name: format!("{operator}-{output}"),
        op_type: operator.to_owned(),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        attribute,
        ..Node::default()
    }
}

fn weight(name: &str, dims: &[i64]) -> Tensor {
    Tensor { name: name.to_owned(), dims: dims.to_vec(), data_type: 1, ..Tensor::default() }
}

fn integers(name: &str, values: &[i64]) -> Tensor {
    Tensor { data_type: 7, int64_data: values.to_vec(), ..weight(name, &[values.len() as i64]) }
}

/// A dimension of a shape: a size, or a name.
#[derive(Clone, Copy)]
enum Dim {
    Size(i64),
    Name(&'static str),
}

fn value(name: &str, dims: &[Dim]) -> ValueInfo {
    let dimension = |dim: &Dim| match *dim {
        Dim::Size(size) => proto::Dimension { dim_value: Some(size), dim_param: None },
        Dim::Name(name) => proto::Dimension { dim_value: None, dim_param: Some(name.to_owned()) },
    };
    let shape = proto::Shape { dim: dims.iter().map(dimension).collect() };
    let tensor_type = Some(proto::TensorType { elem_type: 1, shape: Some(shape) });
    ValueInfo { name: name.to_owned(), r#type: Some(proto::Type { tensor_type }) }
}

fn model(input: &[Dim], initializer: Vec<Tensor>, node: Vec<Node>) -> Graph {
    Graph { node, initializer, input: vec![value("x", input)], ..Graph::default() }
}

fn workload(graph: Graph, sizes: &[(&str, u64)]) -> Result<Workload, OnnxCostError> {
    let bytes = Model { graph: Some(graph), ..Model::default() }.encode_to_vec();
    read_from(Cursor::new(bytes), "model", &dimensions(sizes))
}

fn refused(graph: Graph) -> String {
    workload(graph, &[]).unwrap_err().to_string()
}

const IMAGE: [Dim; 4] = [Dim::Size(1), Dim::Size(3), Dim::Size(8), Dim::Size(8)];

#[test]
fn nodes_without_rule_and_wrong_shapes_are_named_with_the_remedy() {
    let scan = model(&IMAGE, vec![], vec![node("Scan", &["x"], "y", vec![])]);
    insta::assert_snapshot!(refused(scan), @"node `Scan-y` (Scan): there is no rule for this operator: replace it by operators of docs/cost.md (a simplifier such as onnxsim, or another opset at export, often does), or describe the network as a topology");
    let mut custom = node("Gelu", &["x"], "y", vec![]);
    custom.domain = "com.example".to_owned();
    insta::assert_snapshot!(refused(model(&IMAGE, vec![], vec![custom])), @"node `Gelu-y` (com.example.Gelu): there is no rule for this operator: replace it by operators of docs/cost.md (a simplifier such as onnxsim, or another opset at export, often does), or describe the network as a topology");
    let volume = [IMAGE.as_slice(), &[Dim::Size(8)]].concat();
    let conv = node("Conv", &["x", "w"], "y", vec![]);
    let w = weight("w", &[4, 3, 3, 3, 3]);
    insta::assert_snapshot!(refused(model(&volume, vec![w], vec![conv.clone()])), @"node `Conv-y` (Conv): a convolution over 3 axes is not supported: use the operators and forms of docs/cost.md");
    let w = weight("w", &[4, 2, 3, 3]);
    insta::assert_snapshot!(refused(model(&IMAGE, vec![w], vec![conv.clone()])), @"node `Conv-y` (Conv): weight [4, 2, 3, 3] in 1 groups does not fit input [1, 3, 8, 8]");
    let w = weight("w", &[4, 3, 9, 9]);
    insta::assert_snapshot!(refused(model(&IMAGE, vec![w], vec![conv])), @"node `Conv-y` (Conv): the kernel [9, 9] (dilated: [9, 9]) is larger than the padded input [8, 8]");
    let missing = node("Relu", &["z"], "y", vec![]);
    insta::assert_snapshot!(refused(model(&IMAGE, vec![], vec![missing])), @"node `Relu-y` (Relu): it reads `z`, which no node before it makes: the model is damaged or not sorted");
    let add = node("Add", &["x", "w"], "y", vec![]);
    insta::assert_snapshot!(refused(model(&IMAGE, vec![weight("w", &[5])], vec![add])), @"node `Add-y` (Add): shapes [1, 3, 8, 8] and [5] cannot be broadcast");
    let shape = integers("s", &[5, -1]);
    let reshape = node("Reshape", &["x", "s"], "y", vec![]);
    insta::assert_snapshot!(refused(model(&IMAGE, vec![shape], vec![reshape])), @"node `Reshape-y` (Reshape): shape [1, 3, 8, 8] cannot become [5, -1]");
    let stride =
        node("MaxPool", &["x"], "y", vec![ints("kernel_shape", &[2, 2]), ints("strides", &[0, 1])]);
    insta::assert_snapshot!(refused(model(&IMAGE, vec![], vec![stride])), @"node `MaxPool-y` (MaxPool): attribute `strides` is [0, 1]: one number from 1 on for each axis");
}

#[test]
fn sizes_that_are_not_known_are_asked_for() {
    let dims = [Dim::Name("batch"), Dim::Size(3), Dim::Name("height"), Dim::Size(0)];
    let graph = || {
        let conv = node("Conv", &["x", "w"], "y", vec![]);
        model(&dims, vec![weight("w", &[4, 3, 3, 3])], vec![conv])
    };
    insta::assert_snapshot!(refused(graph()), @"the sizes of batch, height, x.3 are not known: give --dim batch=SIZE --dim height=SIZE --dim x.3=SIZE");
    let unknown = workload(graph(), &[("width", 8)]).unwrap_err();
    insta::assert_snapshot!(unknown, @"no input has a dimension `width`: the model's are batch, height, x.3");
    let known = workload(graph(), &[("batch", 2), ("height", 8), ("x.3", 10)]).unwrap();
    assert_eq!(known.macs(), 2 * 6 * 8 * 4 * 27);
    let fixed = model(&IMAGE, vec![], vec![node("Relu", &["x"], "y", vec![])]);
    insta::assert_snapshot!(workload(fixed, &[("N", 1)]).unwrap_err(), @"no input has a dimension `N`: all sizes are fixed, so leave --dim out");
}

#[test]
fn data_dependent_shapes_need_a_declaration() {
    let reshape = |declared: Vec<ValueInfo>| {
        let w = weight("w", &[192, 10]);
        let input = value("s", &[Dim::Size(2)]);
        let nodes = vec![
            node("Reshape", &["x", "s"], "y", vec![]),
            node("MatMul", &["y", "w"], "z", vec![]),
        ];
        let mut graph = model(&IMAGE, vec![w], nodes);
        graph.input.push(input);
        graph.value_info = declared;
        graph
    };
    insta::assert_snapshot!(refused(reshape(vec![])), @"node `Reshape-y` (Reshape): its shape depends on data, or on more than a few constants: fix the sizes at export, or run shape inference so that the model states this shape");
    let declared = value("y", &[Dim::Size(1), Dim::Size(192)]);
    assert_eq!(workload(reshape(vec![declared]), &[]).unwrap().macs(), 1920);
    let mut relu = model(&IMAGE, vec![], vec![node("Relu", &["x"], "y", vec![])]);
    relu.output = vec![value("y", &[Dim::Size(1), Dim::Size(4)])];
    insta::assert_snapshot!(refused(relu), @"node `Relu-y` (Relu): its output `y` is declared as [1, 4], but its inputs make it [1, 3, 8, 8]: export the model again, or remove its value_info");
}

#[test]
fn weights_are_the_right_operand_wherever_they_stand() {
    let x = [Dim::Size(5), Dim::Size(6), Dim::Size(7)];
    let matrix = |nodes: Vec<Node>, w: Tensor| {
        let workload = workload(model(&x, vec![w], nodes), &[]).unwrap();
        match products(&workload)[0].operation {
            Work::MatrixProduct(matrix) => matrix,
            other => panic!("{other:?}"),
        }
    };
    let one = |inputs: &[&str]| vec![node("MatMul", inputs, "y", vec![])];
    assert_eq!(matrix(one(&["x", "w"]), weight("w", &[7, 4])), MatrixProduct::linear(30, 4, 7));
    assert_eq!(matrix(one(&["w", "x"]), weight("w", &[4, 6])), MatrixProduct::linear(35, 4, 6));
    let own = MatrixProduct { batch: 5, ..MatrixProduct::linear(6, 4, 7) };
    assert_eq!(matrix(one(&["x", "w"]), weight("w", &[5, 7, 4])), own);
    // A weight that is transposed first is a weight still.
    let turned =
        vec![node("Transpose", &["w"], "t", vec![]), node("MatMul", &["x", "t"], "y", vec![])];
    assert_eq!(matrix(turned, weight("w", &[4, 7])), MatrixProduct::linear(30, 4, 7));
    let both = vec![
        node("Transpose", &["x"], "t", vec![ints("perm", &[0, 2, 1])]),
        node("MatMul", &["x", "t"], "y", vec![]),
    ];
    let attention = matrix(both, weight("w", &[1]));
    assert_eq!(attention, MatrixProduct::attention(6, 6, 7, 5));
    assert_eq!(attention.right, RightOperand::Activation);
}

#[test]
fn fused_attention_is_two_products_and_a_softmax() {
    // Eight heads of queries on two of keys and values, behind 5 earlier ones.
    let graph = |past: &[&str]| {
        let inputs = [&["x", "k", "v"], past].concat();
        let heads = vec![int("q_num_heads", 8), int("kv_num_heads", 2)];
        let nodes = vec![node("Attention", &inputs, "y", heads)];
        let mut graph = model(&[3, 7, 8 * 16].map(Dim::Size), vec![], nodes);
        graph.input.push(value("k", &[3, 9, 2 * 16].map(Dim::Size)));
        graph.input.push(value("v", &[3, 9, 2 * 4].map(Dim::Size)));
        graph.input.push(value("p", &[3, 2, 5, 16].map(Dim::Size)));
        graph.output = vec![value("y", &[3, 7, 8 * 4].map(Dim::Size))];
        graph
    };
    let workload = workload(graph(&["", "p", "p"]), &[]).unwrap();
    let operations: Vec<_> = products(&workload).iter().map(|layer| layer.operation).collect();
    let product = |n, k, wide_result| {
        let matrix = MatrixProduct::attention(7 * 4, n, k, 3 * 2);
        Work::MatrixProduct(MatrixProduct { wide_result, ..matrix })
    };
    assert_eq!(operations, [product(14, 16, true), product(4, 14, false)]);
    let names: Vec<_> = workload.layers().iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["Attention-y.scores", "Attention-y.softmax", "Attention-y.context"]);
    assert_eq!(super::tests::workload(graph(&[]), &[]).unwrap().macs(), 8 * 3 * 7 * 9 * (16 + 4));
    let wrong = model(&IMAGE, vec![], vec![node("Attention", &["x", "x"], "y", vec![])]);
    assert!(refused(wrong).contains("input 2 is missing"));
}

#[test]
fn embeddings_and_tied_weights_are_counted_once() {
    let nodes = vec![
        node("Gather", &["w", "x"], "e", vec![int("axis", 0)]),
        node("Transpose", &["w"], "t", vec![]),
        node("MatMul", &["e", "t"], "y", vec![]),
    ];
    let graph = model(&[Dim::Size(9)], vec![weight("wte.weight", &[100, 16])], nodes);
    let mut graph = graph;
    graph.initializer[0].name = "w".to_owned();
    let workload = workload(graph, &[]).unwrap();
    assert_eq!(workload.parameters(), 1600);
    assert_eq!(workload.layers()[0].operation.name(), "embedding");
    assert_eq!((workload.layers()[0].parameters, workload.macs()), (1600, 9 * 100 * 16));
}

#[test]
fn files_of_other_kinds_are_refused() {
    let read = |bytes: &[u8]| {
        read_from(Cursor::new(bytes), "f", &Dimensions::default()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(read(b""), @"it is not an ONNX model with nodes: it has no graph, or an empty one");
    insta::assert_snapshot!(read(b"layer,M,N,K\nfc,1,10,84\n"), @"it is damaged or not an ONNX model: wire type 4 at byte 0");
    insta::assert_snapshot!(read(&FIXTURES[0].1[..5000]), @"it is truncated or damaged at byte 22: export or copy it again");
    let missing = super::read(Path::new("/nonexistent/model.onnx"), &Dimensions::default());
    assert!(matches!(missing, Err(OnnxCostError::Onnx(OnnxError::Io(_)))));
}

#[test]
fn hostile_sizes_are_refused_without_allocation() {
    let huge = [Dim::Size(1 << 40), Dim::Size(1 << 40)];
    let relu = || vec![node("Relu", &["x"], "y", vec![])];
    insta::assert_snapshot!(refused(model(&huge, vec![], relu())), @"node `x` (input): a tensor of shape [1099511627776, 1099511627776] is too large: at most 2^48 elements on 32 axes");
    let w = weight("w", &[1 << 40, 1 << 40]);
    insta::assert_snapshot!(refused(model(&IMAGE, vec![w], relu())), @"tensor `w` is damaged: a tensor of shape [1099511627776, 1099511627776] is too large: at most 2^48 elements on 32 axes");
    let large = [Dim::Size(1 << 24), Dim::Size(1), Dim::Size(1 << 24)];
    let outer = vec![node("MatMul", &["x", "w"], "y", vec![])];
    let w = weight("w", &[1 << 24, 1 << 20]);
    let text = refused(model(&large, vec![w], outer));
    assert!(text.contains("beyond 64 bits"), "{text}");
    let limit = integers("c", &[i64::MAX]);
    let of_shape = vec![node("ConstantOfShape", &["c"], "y", vec![])];
    assert!(refused(model(&IMAGE, vec![limit], of_shape)).contains("too large"));
    let pads = ints("pads", &[i64::MAX; 4]);
    let pool = vec![node("MaxPool", &["x"], "y", vec![ints("kernel_shape", &[2, 2]), pads])];
    assert!(refused(model(&IMAGE, vec![], pool)).contains("beyond 64 bits"));
    let bounds = |name| integers(name, &[i64::MIN]);
    let slice = vec![node("Slice", &["x", "a", "b", "c"], "y", vec![])];
    let axes = integers("c", &[i64::MIN]);
    let text = refused(model(&IMAGE, vec![bounds("a"), bounds("b"), axes], slice));
    assert!(text.contains("does not exist"), "{text}");
}

/// A small whole model of `tests/data/onnx/small`.
fn small(name: &str) -> Workload {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx/small");
    let path = folder.join(name).with_extension("onnx");
    let sizes = if name == "float" { dimensions(&[]) } else { dimensions(&[("N", 1)]) };
    super::read(&path, &sizes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Bits of the operands that each product of `workload` states; 0 where it states none.
fn stated_bits(workload: &Workload) -> Vec<[u32; 3]> {
    let bits = |format: Option<hwmodel::Format>| format.map_or(0, hwmodel::Format::wl);
    let products = products(workload).into_iter().map(|layer| layer.stated);
    products.map(|stated| [stated.input, stated.weight, stated.output].map(bits)).collect()
}

#[test]
fn a_recurrent_network_costs_its_products_of_inputs_and_of_states() {
    let workload = small("float");
    let (conv, inputs, states, head) = (64 * 4 * 18, 4 * 12 * 16, 4 * 12 * 3, 5 * 3);
    assert_eq!(workload.macs(), conv + inputs + states + head);
    let lstm = 12 * 16 + 12 * 3 + 24;
    assert_eq!(workload.parameters(), (72 + 4) + 8 + lstm + (15 + 5));
    let names: Vec<_> = products(&workload).iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["conv", "h.input", "h.recurrent", "fc"]);
    assert_eq!(stated_bits(&workload), [[0; 3]; 4]);
}

#[test]
fn the_word_lengths_of_a_layer_are_those_of_its_quantisers() {
    let conv = 36 * 4 * 18;
    let qonnx = small("qonnx");
    assert_eq!((qonnx.macs(), qonnx.parameters()), (conv + 144 * 5, 72 + 4 + 720));
    assert_eq!(stated_bits(&qonnx), [[8, 4, 3], [3, 1, 0]]);
    let first = products(&qonnx)[0].stated;
    assert_eq!((first.input.unwrap().fl(), first.weight.unwrap().fl()), (8, 4));
    assert!(!first.input.unwrap().is_signed() && first.weight.unwrap().is_signed());
    let qdq = small("qdq");
    assert_eq!((qdq.macs(), qdq.parameters()), (conv, 72 + 4));
    assert_eq!(stated_bits(&qdq), [[8, 4, 8]]);
    let qoperator = small("qoperator");
    assert_eq!((qoperator.macs(), qoperator.parameters()), (conv + 144 * 5 + 15, 76 + 725 + 15));
    assert_eq!(stated_bits(&qoperator), [[8, 8, 8], [8, 8, 8], [8, 8, 0]]);
}

#[test]
fn weights_behind_constant_nodes_clips_and_casts_are_parameters() {
    let tensor =
        |data_type, raw_data: Vec<u8>| Tensor { data_type, raw_data, ..weight("", &[4, 3, 1, 1]) };
    let constant = |tensor: Tensor| {
        let value = Attribute { name: "value".to_owned(), t: Some(tensor), ..Attribute::default() };
        node("Constant", &[], "c", vec![value])
    };
    let conv = |weight: &str| node("Conv", &["x", weight], "y", vec![]);
    let bound =
        |name: &str, value: u8| Tensor { data_type: 3, raw_data: vec![value], ..weight(name, &[]) };
    let chains = [
        vec![constant(tensor(1, vec![])), conv("c")],
        vec![
            constant(tensor(10, vec![])),
            node("Cast", &["c"], "d", vec![int("to", 1)]),
            conv("d"),
        ],
        vec![
            constant(tensor(3, vec![1; 12])),
            node("Clip", &["c", "low", "high"], "d", vec![]),
            node("DequantizeLinear", &["d", "s"], "e", vec![]),
            conv("e"),
        ],
    ];
    for nodes in chains {
        let bounds = vec![bound("low", 0xf9), bound("high", 7), weight("s", &[])];
        let workload = workload(model(&IMAGE, bounds, nodes.clone()), &[]).unwrap();
        assert_eq!(workload.parameters(), 12, "{}", nodes[0].op_type);
        // Integers from -7 to 7 have four bits.
        let bits = if nodes.len() == 4 { 4 } else { 0 };
        assert_eq!(stated_bits(&workload)[0][1], bits);
    }
}

#[test]
fn channels_last_layers_have_the_sizes_of_channels_first_ones() {
    let last = |operator: &str, inputs: &[&str], output: &str, attributes| Node {
        domain: "qonnx.custom_op.channels_last".to_owned(),
        ..node(operator, inputs, output, attributes)
    };
    let nodes = vec![
        last("Conv", &["x", "w"], "c", vec![ints("kernel_shape", &[3, 3]), ints("pads", &[1; 4])]),
        last("MaxPool", &["c"], "p", vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]),
        last("BatchNormalization", &["p", "s", "s", "s", "s"], "y", vec![]),
    ];
    let image = [1, 8, 6, 3].map(Dim::Size);
    let mut graph = model(&image, vec![weight("w", &[4, 3, 3, 3]), weight("s", &[4])], nodes);
    graph.output = vec![value("y", &[1, 4, 3, 4].map(Dim::Size))];
    assert_eq!(workload(graph, &[]).unwrap().macs(), 48 * 4 * 27);
}

#[test]
fn models_in_training_mode_are_refused() {
    let one = |nodes: Vec<Node>| {
        let truth = Tensor { data_type: 9, raw_data: vec![1], ..weight("yes", &[]) };
        model(&IMAGE, vec![weight("s", &[3]), weight("r", &[]), truth], nodes)
    };
    let norm =
        node("BatchNormalization", &["x", "s", "s", "s", "s"], "y", vec![int("training_mode", 1)]);
    insta::assert_snapshot!(refused(one(vec![norm])), @"node `BatchNormalization-y` (BatchNormalization): it is in training mode: export the model for inference, in PyTorch after `model.eval()`");
    let dropout = node("Dropout", &["x", "r", "yes"], "y", vec![]);
    assert!(refused(one(vec![dropout])).contains("training mode"));
}

#[test]
fn sizes_can_be_given_by_input_and_axis() {
    let dims = [Dim::Size(1), Dim::Size(3), Dim::Name("?"), Dim::Name("?")];
    let graph = || {
        model(&dims, vec![weight("w", &[4, 3, 3, 3])], vec![node("Conv", &["x", "w"], "y", vec![])])
    };
    let square = workload(graph(), &[("?", 10)]).unwrap();
    assert_eq!(square.macs(), 8 * 8 * 4 * 27);
    let oblong = workload(graph(), &[("?", 10), ("x.3", 6)]).unwrap();
    assert_eq!(oblong.macs(), 8 * 4 * 4 * 27);
}

mod mutated {
    use super::*;
    use crate::design::workload::{Formats, Options, Pass, estimate};
    use hwmodel::machine::Machine;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn damaged_files_give_errors_or_workloads(
            which in 0..FIXTURES.len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
            cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        ) {
            let mut bytes = FIXTURES[which].1.to_vec();
            for (index, byte) in changes {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let sizes = dimensions(&[("N", 1), ("L", 8)]);
            if let Ok(workload) = read_from(Cursor::new(bytes), "damaged", &sizes) {
                prop_assert!(costed(&workload));
            }
        }

        #[test]
        fn hostile_constants_give_errors_or_workloads(
            operator in prop::sample::select(vec![
                "Reshape", "Slice", "Gather", "Expand", "Tile", "Pad", "Range", "ConstantOfShape",
                "Split", "Unsqueeze", "Squeeze", "ReduceSum", "Resize", "Concat", "Where", "Mul",
                "CumSum", "Div", "Mod", "Pow", "Conv", "ConvTranspose", "MaxPool", "Flatten",
                "Attention", "Transpose", "DepthToSpace", "ArgMax", "LayerNormalization", "Gemm", "MatMul",
            ]),
            first in prop::collection::vec(extreme(), 0..5),
            second in prop::collection::vec(extreme(), 0..5),
            number in extreme(),
            constant_first in any::<bool>(),
        ) {
            let attributes = ["axis", "blocksize", "group", "start", "end", "axes", "to"]
                .map(|name| int(name, number));
            let lists = ["strides", "pads", "kernel_shape", "dilations", "perm", "output_padding"]
                .map(|name| ints(name, &first));
            let attributes = attributes.into_iter().chain(lists).collect();
            let inputs: &[&str] =
                if constant_first { &["a", "b", "a", "b"] } else { &["x", "a", "b", "a"] };
            let nodes = vec![
                node(operator, inputs, "y", attributes),
                node("Shape", &["y"], "s", vec![]),
                node("Reshape", &["x", "s"], "r", vec![]),
                node("MatMul", &["r", "y"], "z", vec![]),
            ];
            let constants = vec![integers("a", &first), integers("b", &second)];
            if let Ok(workload) = workload(model(&IMAGE, constants, nodes), &[]) {
                prop_assert!(costed(&workload));
            }
        }
    }

    /// Whether a workload of any sizes has a cost, or an error that says why not.
    fn costed(workload: &Workload) -> bool {
        let machine = Machine::builtin("edge-16x16").unwrap();
        let formats = Formats::float32();
        let options = Options {
            pass: Pass::Training,
            batch: 3,
            formats,
            accumulator: None,
            rule: Default::default(),
        };
        match estimate(workload, &machine, &options) {
            Ok(cost) => cost.total.macs >= workload.macs(),
            Err(error) => !error.to_string().is_empty(),
        }
    }

    fn extreme() -> impl Strategy<Value = i64> {
        prop_oneof![
            -3i64..9,
            any::<i64>(),
            prop::sample::select(vec![i64::MIN, i64::MAX, 1 << 32, -(1 << 32), 1 << 48]),
        ]
    }
}
