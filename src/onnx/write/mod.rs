//! ONNX files of models.

mod payload;

use super::model::{Attribute, Dimension, Input, Model, Node};
use super::proto;
use crate::tensor::Tensor;
use hwmodel::cast::low;
use prost::Message;

/// The most bytes of a protocol buffer.
const MOST_BYTES: usize = (1 << 31) - 1;

/// A model and what a file says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The model; its outputs are those of `outputs`.
    pub model: Model,
    /// Types and shapes of the outputs.
    pub outputs: Vec<Input>,
    /// Name of the graph.
    pub name: String,
    /// What the file is, for readers.
    pub description: String,
    /// Keys and values for programs (`metadata_props`).
    pub metadata: Vec<(String, String)>,
}

/// A model that has no file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// More than a protocol buffer holds.
    #[error(
        "the model needs {0} bytes, and an ONNX file holds 2 GiB: external data are not written, so take a smaller network"
    )]
    TooLarge(usize),
    /// An attribute that was not read.
    #[error(
        "attribute `{name}` of node `{node}` is of a kind that is not read, so it cannot be written"
    )]
    Attribute {
        /// The node.
        node: String,
        /// The attribute.
        name: String,
    },
}

impl Document {
    /// The bytes of the file.
    ///
    /// # Errors
    /// If they are more than 2 GiB, or an attribute was of a kind that is not read.
    pub fn bytes(&self) -> Result<Vec<u8>, WriteError> {
        let Self { model, outputs, name, description, metadata } = self;
        let nodes = model.nodes.iter().map(node).collect::<Result<_, _>>()?;
        let initialisers = model.initialisers.iter();
        let graph = proto::Graph {
            node: nodes,
            name: name.clone(),
            initializer: initialisers.map(|(name, value)| tensor(name, value)).collect(),
            input: model.inputs.iter().map(port).collect(),
            output: outputs.iter().map(port).collect(),
            ..proto::Graph::default()
        };
        let opsets = model.opsets.iter();
        let entry = |(key, value): &(String, String)| proto::Entry {
            key: key.clone(),
            value: value.clone(),
        };
        let message = proto::Model {
            ir_version: model.ir_version,
            producer_name: env!("CARGO_PKG_NAME").to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            doc_string: description.clone(),
            graph: Some(graph),
            opset_import: opsets
                .map(|(domain, &version)| proto::OperatorSet { domain: domain.clone(), version })
                .collect(),
            metadata_props: metadata.iter().map(entry).collect(),
        };
        let length = message.encoded_len();
        if length > MOST_BYTES {
            Err(WriteError::TooLarge(length))
        } else {
            Ok(message.encode_to_vec())
        }
    }
}

fn node(node: &Node) -> Result<proto::Node, WriteError> {
    let attributes = node.attributes.iter();
    let attribute = attributes.map(|(name, value)| {
        attribute(name, value)
            .ok_or_else(|| WriteError::Attribute { node: node.name.clone(), name: name.clone() })
    });
    Ok(proto::Node {
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        name: node.name.clone(),
        op_type: node.operator.clone(),
        attribute: attribute.collect::<Result<_, _>>()?,
        domain: node.domain.clone(),
    })
}

/// The message of an attribute; `AttributeProto.AttributeType` has the numbers.
fn attribute(name: &str, value: &Attribute) -> Option<proto::Attribute> {
    let empty = proto::Attribute { name: name.to_owned(), ..proto::Attribute::default() };
    Some(match value {
        Attribute::Real(value) => proto::Attribute { f: Some(*value), r#type: 1, ..empty },
        Attribute::Integer(value) => proto::Attribute { i: Some(*value), r#type: 2, ..empty },
        Attribute::Text(text) => {
            proto::Attribute { s: Some(text.clone().into_bytes()), r#type: 3, ..empty }
        }
        Attribute::Tensor(value) => {
            proto::Attribute { t: Some(tensor("", value)), r#type: 4, ..empty }
        }
        Attribute::Reals(values) => proto::Attribute { floats: values.clone(), r#type: 6, ..empty },
        Attribute::Integers(values) => {
            proto::Attribute { ints: values.clone(), r#type: 7, ..empty }
        }
        Attribute::Texts(texts) => {
            let strings = texts.iter().map(|text| text.clone().into_bytes()).collect();
            proto::Attribute { strings, r#type: 8, ..empty }
        }
        Attribute::Other => return None,
    })
}

fn tensor(name: &str, value: &Tensor) -> proto::Tensor {
    proto::Tensor {
        dims: value.shape().iter().map(|&size| low(size)).collect(),
        data_type: value.element().number(),
        name: name.to_owned(),
        raw_data: payload::bytes(value),
        ..proto::Tensor::default()
    }
}

fn port(port: &Input) -> proto::ValueInfo {
    let dimension = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => proto::Dimension { dim_value: Some(low(*size)), dim_param: None },
        Dimension::Open(name) => proto::Dimension { dim_value: None, dim_param: name.clone() },
    };
    let shape = proto::Shape { dim: port.shape.iter().map(dimension).collect() };
    let tensor = proto::TensorType { elem_type: port.element.number(), shape: Some(shape) };
    proto::ValueInfo {
        name: port.name.clone(),
        r#type: Some(proto::Type { tensor_type: Some(tensor) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{ElementType, Elements};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn document() -> Document {
        let elements = Elements::Integers(Arc::new(vec![-3, 127]));
        let constant = Tensor::new(vec![2], ElementType::Int8, elements).unwrap();
        let attributes = [
            ("i", Attribute::Integer(-7)),
            ("f", Attribute::Real(0.5)),
            ("s", Attribute::Text("ROUND".to_owned())),
            ("t", Attribute::Tensor(constant.clone())),
            ("is", Attribute::Integers(vec![1, -2])),
            ("none", Attribute::Integers(Vec::new())),
            ("fs", Attribute::Reals(vec![0.25, -1.0])),
            ("ss", Attribute::Texts(vec!["a".to_owned(), String::new()])),
        ];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let node = Node {
            name: "one".to_owned(),
            domain: "qonnx.custom_op.general".to_owned(),
            operator: "Quant".to_owned(),
            inputs: vec!["x".to_owned(), String::new(), "w".to_owned()],
            outputs: vec!["y".to_owned()],
            attributes,
        };
        let input = |name: &str, shape| Input {
            name: name.to_owned(),
            element: ElementType::Float32,
            shape,
        };
        let open = Dimension::Open(Some("N".to_owned()));
        let model = Model {
            ir_version: 10,
            opsets: BTreeMap::from([
                (String::new(), 21),
                ("qonnx.custom_op.general".to_owned(), 1),
            ]),
            nodes: vec![node],
            initialisers: vec![("w".to_owned(), constant)],
            inputs: vec![input("x", vec![open.clone(), Dimension::Fixed(2)])],
            outputs: vec!["y".to_owned()],
        };
        Document {
            model,
            outputs: vec![input("y", vec![open])],
            name: "net".to_owned(),
            description: "two lines\nof text".to_owned(),
            metadata: vec![("mean".to_owned(), "0.5".to_owned())],
        }
    }

    #[test]
    fn a_written_model_is_read_as_it_was() {
        let document = document();
        let bytes = document.bytes().unwrap();
        assert_eq!(Model::of_bytes(&bytes).unwrap(), document.model);
        let message = proto::Model::decode(bytes.as_slice()).unwrap();
        assert_eq!(
            (message.producer_name.as_str(), message.doc_string),
            ("hwsim", document.description)
        );
        assert_eq!(message.metadata_props.len(), 1);
        let graph = message.graph.unwrap();
        assert_eq!((graph.name.as_str(), graph.output.len()), ("net", 1));
        assert_eq!(graph.output[0].element(), Some(1));
    }

    #[test]
    fn an_attribute_that_was_not_read_is_refused() {
        let mut document = document();
        document.model.nodes[0].attributes.push(("body".to_owned(), Attribute::Other));
        let error = document.bytes().unwrap_err().to_string();
        assert!(error.starts_with("attribute `body` of node `one`"), "{error}");
    }
}
