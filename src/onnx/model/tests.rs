//! Models made here, sound and hostile.

use super::*;
use crate::onnx::proto;
use prost::Message as _;
use std::path::PathBuf;

fn tensor(name: &str, dims: &[i64], data_type: i32) -> proto::Tensor {
    let name = name.to_owned();
    proto::Tensor { name, dims: dims.to_vec(), data_type, ..proto::Tensor::default() }
}

fn floats(name: &str, values: &[f32]) -> proto::Tensor {
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    proto::Tensor { raw_data, ..tensor(name, &[values.len() as i64], 1) }
}

fn info(name: &str, sizes: &[Option<i64>]) -> proto::ValueInfo {
    let axis = |&dim_value: &Option<i64>| proto::Dimension { dim_value, dim_param: None };
    let shape = Some(proto::Shape { dim: sizes.iter().map(axis).collect() });
    let tensor_type = Some(proto::TensorType { elem_type: 1, shape });
    proto::ValueInfo { name: name.to_owned(), r#type: Some(proto::Type { tensor_type }) }
}

fn model(initializer: Vec<proto::Tensor>, attribute: Vec<proto::Attribute>) -> Vec<u8> {
    let input = ["x".to_owned()].into_iter().chain(initializer.iter().map(|t| t.name.clone()));
    let node = proto::Node {
        op_type: "Identity".to_owned(),
        input: input.collect(),
        output: vec!["y".to_owned()],
        attribute,
        ..proto::Node::default()
    };
    let graph = proto::Graph {
        node: vec![node],
        initializer,
        input: vec![info("x", &[None, Some(3)])],
        output: vec![info("y", &[])],
        ..proto::Graph::default()
    };
    let opset_import = vec![proto::OperatorSet { domain: "ai.onnx".to_owned(), version: 17 }];
    let graph = Some(graph);
    proto::Model { ir_version: 8, graph, opset_import, ..proto::Model::default() }.encode_to_vec()
}

fn refused(bytes: &[u8]) -> String {
    Model::of_bytes(bytes).unwrap_err().to_string()
}

#[test]
fn a_model_has_its_values_and_the_types_of_its_attributes() {
    let attribute = |name: &str, r#type: i32| proto::Attribute {
        name: name.to_owned(),
        r#type,
        ..proto::Attribute::default()
    };
    let attributes = vec![
        proto::Attribute { i: Some(-3), ..attribute("integer", 2) },
        // A zero is left out of the file.
        attribute("zero", 2),
        proto::Attribute { f: Some(0.5), ..attribute("real", 1) },
        proto::Attribute { s: Some(b"SAME".to_vec()), ..attribute("text", 3) },
        proto::Attribute { t: Some(floats("", &[2.0])), ..attribute("tensor", 4) },
        proto::Attribute { t: Some(tensor("", &[1], 8)), ..attribute("strings", 4) },
        proto::Attribute { floats: vec![1.0], ..attribute("reals", 6) },
        proto::Attribute { ints: vec![1, 2], ..attribute("integers", 7) },
        proto::Attribute { strings: vec![b"a".to_vec()], ..attribute("texts", 8) },
        attribute("graph", 5),
        proto::Attribute { i: Some(4), ..attribute("untyped", 0) },
    ];
    let model = Model::of_bytes(&model(vec![floats("w", &[1.0, -2.0])], attributes)).unwrap();
    assert_eq!((model.ir_version, model.opset()), (8, 17));
    assert_eq!(model.inputs[0].shape, [Dimension::Open(None), Dimension::Fixed(3)]);
    assert_eq!(model.outputs, ["y"]);
    let (name, weight) = &model.initialisers[0];
    assert_eq!((name.as_str(), weight.shape()), ("w", [2].as_slice()));
    assert_eq!(*weight.elements(), Elements::Float32(vec![1.0, -2.0].into()));
    let node = &model.nodes[0];
    assert_eq!(node.name, "y", "that of its output");
    let one = |name: &str| node.attribute(name).unwrap();
    assert_eq!([one("integer"), one("zero")], [-3, 0].map(Attribute::Integer).each_ref());
    assert_eq!(*one("real"), Attribute::Real(0.5));
    assert_eq!(*one("text"), Attribute::Text("SAME".to_owned()));
    assert!(matches!(one("tensor"), Attribute::Tensor(tensor) if tensor.shape() == [1]));
    assert_eq!([one("strings"), one("graph")], [&Attribute::Other; 2]);
    assert_eq!(*one("reals"), Attribute::Reals(vec![1.0]));
    assert_eq!(*one("integers"), Attribute::Integers(vec![1, 2]));
    assert_eq!(*one("texts"), Attribute::Texts(vec!["a".to_owned()]));
    assert_eq!(*one("untyped"), Attribute::Integer(4));
}

#[test]
fn tensors_without_the_data_of_their_shape_are_refused_before_anything_is_allocated() {
    let huge = tensor("w", &[1 << 40], 1);
    insta::assert_snapshot!(refused(&model(vec![huge], vec![])), @"its tensors have more than 1073741824 elements together");
    let wrapped = tensor("w", &[1 << 32, 1 << 32, 1 << 32], 3);
    assert!(refused(&model(vec![wrapped], vec![])).contains("more than 1073741824 elements"));
    let missing = tensor("w", &[1 << 29], 1);
    insta::assert_snapshot!(refused(&model(vec![missing], vec![])), @"tensor `w` is damaged: it has 0 elements, but its shape needs 536870912");
    let short = proto::Tensor { dims: vec![5], ..floats("w", &[1.0]) };
    insta::assert_snapshot!(refused(&model(vec![short], vec![])), @"tensor `w` is damaged: it has 4 bytes, but its shape needs 20 (float32)");
    let negative = tensor("w", &[-1], 1);
    insta::assert_snapshot!(refused(&model(vec![negative], vec![])), @"tensor `w` is damaged: shape [-1]");
    let deep = tensor("w", &[1; 33], 1);
    insta::assert_snapshot!(refused(&model(vec![deep], vec![])), @"tensor `w` is damaged: it has 33 axes, at most 32 are allowed");
    let many = (0..3).map(|index| tensor(&format!("w{index}"), &[1 << 29, 0, 1 << 62], 1));
    assert!(Model::of_bytes(&model(many.collect(), vec![])).is_ok(), "no elements at all");
}

#[test]
fn types_are_refused_where_a_node_reads_them() {
    let strings = tensor("w", &[0], 8);
    insta::assert_snapshot!(refused(&model(vec![strings.clone()], vec![])), @"tensor `w` has strings, which is not supported: export the model with dense tensors of integers, truth values or floats of 16, 32 or 64 bits");
    let eight = tensor("w", &[0], 17);
    assert!(refused(&model(vec![eight], vec![])).contains("float8e4m3fn"));
    let bytes = model(vec![], vec![]);
    let mut unread = proto::Model::decode(bytes.as_slice()).unwrap();
    unread.graph.as_mut().unwrap().initializer.push(strings);
    assert!(Model::of_bytes(&unread.encode_to_vec()).is_ok());
}

#[test]
fn graphs_without_nodes_or_outputs_are_refused() {
    insta::assert_snapshot!(refused(b""), @"it is not an ONNX model with nodes: it has no graph, or an empty one");
    insta::assert_snapshot!(refused(b"layer,M,N,K\n"), @"it is damaged or not an ONNX model: wire type 4 at byte 0");
    let mut silent = proto::Model::decode(model(vec![], vec![]).as_slice()).unwrap();
    silent.graph.as_mut().unwrap().output.clear();
    insta::assert_snapshot!(refused(&silent.encode_to_vec()), @"it has no outputs: the model is damaged");
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Model::read(folder.path()), Err(OnnxError::NotAFile)));
}

/// A folder with a model whose weight of two floats is described by `entries`, and `data.bin` of 16 bytes.
fn beside(entries: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("model");
    std::fs::create_dir(&inner).unwrap();
    let data: Vec<u8> = [9.0f32, 1.0, -2.0, 8.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(inner.join("data.bin"), &data).unwrap();
    std::fs::write(folder.path().join("secret.bin"), &data).unwrap();
    let entry = |&(key, value): &(&str, &str)| proto::Entry {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    let external_data = entries.iter().map(entry).collect();
    let weight = proto::Tensor { data_location: 1, external_data, ..tensor("w", &[2], 1) };
    let path = inner.join("model.onnx");
    std::fs::write(&path, model(vec![weight], vec![])).unwrap();
    (folder, path)
}

#[test]
fn data_of_another_file_are_read_at_their_place() {
    for entries in [
        [("location", "data.bin"), ("offset", "4"), ("length", "8")].as_slice(),
        &[("location", "./data.bin"), ("offset", "4"), ("length", "8"), ("checksum", "x")],
    ] {
        let (_folder, path) = beside(entries);
        let model = Model::read(&path).unwrap();
        assert_eq!(*model.initialisers[0].1.elements(), Elements::Float32(vec![1.0, -2.0].into()));
    }
    let (_folder, path) = beside(&[("location", "data.bin"), ("offset", "8")]);
    let model = Model::read(&path).unwrap();
    assert_eq!(*model.initialisers[0].1.elements(), Elements::Float32(vec![-2.0, 8.0].into()));
    let bytes = std::fs::read(&path).unwrap();
    insta::assert_snapshot!(refused(&bytes), @"the data of tensor `w` are in another file, `data.bin`: the model was not read from a folder");
}

#[test]
fn data_outside_the_folder_or_of_another_length_are_refused() {
    let refused = |entries: &[(&str, &str)]| {
        let (_folder, path) = beside(entries);
        Model::read(&path).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused(&[]), @"the data of tensor `w` are in another file, ``: the model does not say which");
    insta::assert_snapshot!(refused(&[("location", "../secret.bin")]), @"the data of tensor `w` are in another file, `../secret.bin`: only files in the folder of the model are read: no absolute path and no `..`");
    assert!(refused(&[("location", "/etc/hostname")]).contains("no absolute path"));
    assert!(refused(&[("location", "a/../../secret.bin")]).contains("no `..`"));
    insta::assert_snapshot!(refused(&[("location", "gone.bin")]), @"the data of tensor `w` are in another file, `gone.bin`: No such file or directory (os error 2)");
    assert!(refused(&[("location", ".")]).contains("not a regular file"));
    insta::assert_snapshot!(refused(&[("location", "data.bin")]), @"the data of tensor `w` are in another file, `data.bin`: the model gives the tensor 16 bytes, but its shape needs 8");
    insta::assert_snapshot!(refused(&[("location", "data.bin"), ("offset", "12"), ("length", "8")]), @"the data of tensor `w` are in another file, `data.bin`: it has 4 bytes from 12 on, but the model says 8");
    insta::assert_snapshot!(refused(&[("location", "data.bin"), ("offset", "99")]), @"the data of tensor `w` are in another file, `data.bin`: it has 16 bytes, but the data begin at 99");
    insta::assert_snapshot!(refused(&[("location", "data.bin"), ("offset", "-4")]), @"the data of tensor `w` are in another file, `data.bin`: its offset `-4` is not a number of bytes");
    assert!(
        refused(&[("location", "data.bin"), ("length", "18446744073709551616")])
            .contains("not a number")
    );
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_are_not_followed() {
    let (folder, path) = beside(&[("location", "link.bin"), ("length", "8")]);
    let link = path.with_file_name("link.bin");
    std::os::unix::fs::symlink(folder.path().join("secret.bin"), &link).unwrap();
    let error = Model::read(&path).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"the data of tensor `w` are in another file, `link.bin`: it is a link to a file outside the folder of the model, which is not read: copy the file there");
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("data.bin", &link).unwrap();
    assert!(Model::read(&path).is_ok(), "a link within it");
}
