//! From protobuf messages to a model.

use super::super::error::OnnxError;
use super::super::skim::Keep;
use super::super::{decoded, proto};
use super::{Attribute, Dimension, ElementType, Input, Model, Node, Tensor, external, payload};
use hwmodel::cast::index;
use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Seek};
use std::path::Path;

/// The most elements of all tensors of a model together.
const MAX_ELEMENTS: usize = 1 << 30;
/// The most axes of a tensor.
const MAX_RANK: usize = 32;

/// The model in `source`, with data of other files from `folder`.
pub(super) fn model(source: impl Read + Seek, folder: Option<&Path>) -> Result<Model, OnnxError> {
    let (model, graph) = decoded(source, Keep::Values)?;
    let mut opsets = BTreeMap::new();
    for set in model.opset_import {
        opsets.insert(proto::domain(&set.domain).to_owned(), set.version);
    }
    if graph.output.is_empty() {
        return Err(OnnxError::NoOutputs);
    }
    let read: HashSet<&str> = {
        let by_nodes = graph.node.iter().flat_map(|node| &node.input);
        let by_outputs = graph.output.iter().map(|output| &output.name);
        by_nodes.chain(by_outputs).map(String::as_str).collect()
    };
    let mut tensors = Tensors { folder, left: MAX_ELEMENTS };
    let mut initialisers = Vec::with_capacity(graph.initializer.len());
    let mut known = HashSet::with_capacity(graph.initializer.len());
    for message in graph.initializer {
        known.insert(message.name.clone());
        if read.contains(message.name.as_str()) {
            let tensor = tensors.tensor(&message)?;
            initialisers.push((message.name, tensor));
        }
    }
    let inputs = graph.input.iter().filter(|input| !known.contains(&input.name));
    let inputs = inputs.map(input).collect::<Result<_, _>>()?;
    let outputs = graph.output.into_iter().map(|output| output.name).collect();
    let mut nodes = Vec::with_capacity(graph.node.len());
    for (number, message) in graph.node.into_iter().enumerate() {
        nodes.push(tensors.node(number, message)?);
    }
    Ok(Model { ir_version: model.ir_version, opsets, nodes, initialisers, inputs, outputs })
}

fn input(message: &proto::ValueInfo) -> Result<Input, OnnxError> {
    let none = || OnnxError::Input(message.name.clone());
    let element = message.element().and_then(ElementType::from_number).ok_or_else(none)?;
    let shape = message.shape().filter(|shape| shape.dim.len() <= MAX_RANK).ok_or_else(none)?;
    let axis = |dimension: &proto::Dimension| match dimension.fixed() {
        Some(size) => Dimension::Fixed(index(size)),
        None => Dimension::Open(dimension.symbol().map(str::to_owned)),
    };
    Ok(Input { name: message.name.clone(), element, shape: shape.dim.iter().map(axis).collect() })
}

/// Makes tensors, as many elements as a model may have.
struct Tensors<'a> {
    folder: Option<&'a Path>,
    /// Elements that may still be made.
    left: usize,
}

impl Tensors<'_> {
    fn node(&mut self, number: usize, message: proto::Node) -> Result<Node, OnnxError> {
        let name = message.label(number);
        let mut attributes = Vec::with_capacity(message.attribute.len());
        for attribute in message.attribute {
            attributes.push(self.attribute(attribute)?);
        }
        Ok(Node {
            name,
            domain: proto::domain(&message.domain).to_owned(),
            operator: message.op_type,
            inputs: message.input,
            outputs: message.output,
            attributes,
        })
    }

    fn attribute(&mut self, message: proto::Attribute) -> Result<(String, Attribute), OnnxError> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let kind = match message.r#type {
            // Files of the first versions of the format do not say the type.
            0 if message.f.is_some() => 1,
            0 if message.i.is_some() => 2,
            0 if message.s.is_some() => 3,
            0 if message.t.is_some() => 4,
            0 if !message.floats.is_empty() => 6,
            0 if !message.strings.is_empty() => 8,
            0 => 7,
            kind => kind,
        };
        let value = match kind {
            1 => Attribute::Real(message.f.unwrap_or(0.0)),
            2 => Attribute::Integer(message.i.unwrap_or(0)),
            3 => Attribute::Text(text(message.s.unwrap_or_default())),
            4 => match message.t {
                // Refused by the operator that needs it.
                Some(tensor) if ElementType::from_number(tensor.data_type).is_none() => {
                    Attribute::Other
                }
                Some(tensor) => Attribute::Tensor(self.tensor(&tensor)?),
                None => Attribute::Other,
            },
            6 => Attribute::Reals(message.floats),
            7 => Attribute::Integers(message.ints),
            8 => Attribute::Texts(message.strings.into_iter().map(text).collect()),
            _ => Attribute::Other,
        };
        Ok((message.name, value))
    }

    fn tensor(&mut self, message: &proto::Tensor) -> Result<Tensor, OnnxError> {
        let name = || message.name.clone();
        let element = ElementType::from_number(message.data_type).ok_or_else(|| {
            OnnxError::UnsupportedTensor {
                tensor: name(),
                what: ElementType::name_of(message.data_type),
            }
        })?;
        let sizes = message.shape()?;
        if sizes.len() > MAX_RANK {
            return Err(message
                .damaged(format!("it has {} axes, at most {MAX_RANK} are allowed", sizes.len())));
        }
        let shape: Vec<usize> = sizes.into_iter().map(index).collect();
        // Zeros first, so that no product of the others hides them.
        let count = match shape.contains(&0) {
            true => Some(0),
            false => shape.iter().try_fold(1usize, |n, &size| n.checked_mul(size)),
        };
        let count = count.filter(|&count| count <= self.left);
        let count = count.ok_or(OnnxError::TooManyElements(MAX_ELEMENTS))?;
        self.left -= count;
        let elements = if external::is_external(message) {
            let needed =
                payload::size(element, count).ok_or(OnnxError::TooManyElements(MAX_ELEMENTS))?;
            let bytes = external::read(message, needed, self.folder)?;
            payload::of_bytes(element, count, &bytes)
        } else {
            payload::of_message(element, count, message)
        };
        let elements = elements.map_err(|why| message.damaged(why))?;
        let fits = Tensor::new(shape, element, elements);
        fits.ok_or_else(|| {
            message.damaged(format!("its elements do not fit shape {:?}", message.dims))
        })
    }
}
