//! From protobuf messages to a model.

use super::super::error::OnnxError;
use super::super::proto;
use super::{Attribute, Dimension, ElementType, Elements, Input, Model, Node, Tensor};
use crate::tensor::half;
use hwmodel::cast::index;
use prost::Message;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// The model in `bytes`.
pub(super) fn model(bytes: &[u8]) -> Result<Model, OnnxError> {
    let model =
        proto::Model::decode(bytes).map_err(|error| OnnxError::Malformed(error.to_string()))?;
    let graph = model.graph.filter(|graph| !graph.node.is_empty()).ok_or(OnnxError::NoGraph)?;
    let mut opsets = BTreeMap::new();
    for set in model.opset_import {
        opsets.insert(domain(set.domain), set.version);
    }
    let mut initialisers = Vec::with_capacity(graph.initializer.len());
    for message in graph.initializer {
        initialisers.push((message.name.clone(), tensor(message)?));
    }
    let known: HashSet<&str> = initialisers.iter().map(|(name, _)| name.as_str()).collect();
    let inputs = graph.input.iter().filter(|input| !known.contains(input.name.as_str()));
    let inputs = inputs.map(input).collect::<Result<_, _>>()?;
    let outputs = graph.output.into_iter().map(|output| output.name).collect();
    let nodes = graph.node.into_iter().enumerate().map(node).collect::<Result<_, _>>()?;
    Ok(Model { ir_version: model.ir_version, opsets, nodes, initialisers, inputs, outputs })
}

fn domain(name: String) -> String {
    if name == "ai.onnx" { String::new() } else { name }
}

fn input(message: &proto::ValueInfo) -> Result<Input, OnnxError> {
    let none = || OnnxError::Input(message.name.clone());
    let kind = message.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let kind = kind.ok_or_else(none)?;
    let element = ElementType::from_number(kind.elem_type).ok_or_else(none)?;
    let shape = kind.shape.as_ref().ok_or_else(none)?;
    let axis = |dimension: &proto::Dimension| match dimension.fixed() {
        Some(size) => Dimension::Fixed(index(size)),
        None => Dimension::Open(dimension.symbol().map(str::to_owned)),
    };
    Ok(Input { name: message.name.clone(), element, shape: shape.dim.iter().map(axis).collect() })
}

fn node((number, message): (usize, proto::Node)) -> Result<Node, OnnxError> {
    let names = [Some(&message.name), message.output.first()];
    let name = names.into_iter().flatten().find(|name| !name.is_empty());
    let name = name.cloned().unwrap_or_else(|| format!("node{number}"));
    let attributes = message.attribute.into_iter().map(attribute).collect::<Result<_, _>>()?;
    Ok(Node {
        name,
        domain: domain(message.domain),
        operator: message.op_type,
        inputs: message.input,
        outputs: message.output,
        attributes,
    })
}

fn attribute(message: proto::Attribute) -> Result<(String, Attribute), OnnxError> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let value = match (message.r#type, message) {
        (1, proto::Attribute { name, f, .. }) => (name, Attribute::Real(f.unwrap_or(0.0))),
        (2, proto::Attribute { name, i, .. }) => (name, Attribute::Integer(i.unwrap_or(0))),
        (3, proto::Attribute { name, s, .. }) => {
            (name, Attribute::Text(text(s.unwrap_or_default())))
        }
        (4, proto::Attribute { name, t: Some(t), .. }) => (name, Attribute::Tensor(tensor(t)?)),
        (6, proto::Attribute { name, floats, .. }) => (name, Attribute::Reals(floats)),
        (7, proto::Attribute { name, ints, .. }) => (name, Attribute::Integers(ints)),
        (8, proto::Attribute { name, strings, .. }) => {
            (name, Attribute::Texts(strings.into_iter().map(text).collect()))
        }
        // Files of the first versions of the format do not say the type.
        (0, proto::Attribute { name, f: Some(f), .. }) => (name, Attribute::Real(f)),
        (0, proto::Attribute { name, i: Some(i), .. }) => (name, Attribute::Integer(i)),
        (0, proto::Attribute { name, s: Some(s), .. }) => (name, Attribute::Text(text(s))),
        (0, proto::Attribute { name, t: Some(t), .. }) => (name, Attribute::Tensor(tensor(t)?)),
        (0, proto::Attribute { name, floats, .. }) if !floats.is_empty() => {
            (name, Attribute::Reals(floats))
        }
        (0, proto::Attribute { name, ints, .. }) => (name, Attribute::Integers(ints)),
        (_, proto::Attribute { name, .. }) => (name, Attribute::Other),
    };
    Ok(value)
}

fn tensor(message: proto::Tensor) -> Result<Tensor, OnnxError> {
    let damaged = |why: String| OnnxError::Tensor { tensor: message.name.clone(), why };
    let element = ElementType::from_number(message.data_type)
        .ok_or_else(|| damaged(format!("element type {}", message.data_type)))?;
    let shape: Vec<usize> = message.shape()?.into_iter().map(index).collect();
    let raw = &message.raw_data;
    let value_of = |bits: u16| half(element, bits);
    let elements = match element {
        ElementType::Float32 if raw.is_empty() => {
            Elements::Float32(Arc::new(message.float_data.clone()))
        }
        ElementType::Float32 => {
            Elements::Float32(Arc::new(words(raw).map(f32::from_le_bytes).collect()))
        }
        ElementType::Float64 if raw.is_empty() => {
            Elements::Float64(Arc::new(message.double_data.clone()))
        }
        ElementType::Float64 => {
            Elements::Float64(Arc::new(words(raw).map(f64::from_le_bytes).collect()))
        }
        ElementType::Float16 | ElementType::BFloat16 if raw.is_empty() => {
            Elements::Float32(Arc::new(
                message.int32_data.iter().map(|&bits| value_of(hwmodel::cast::low(bits))).collect(),
            ))
        }
        ElementType::Float16 | ElementType::BFloat16 => Elements::Float32(Arc::new(
            words(raw).map(|bytes| value_of(u16::from_le_bytes(bytes))).collect(),
        )),
        _ => {
            let count = shape.iter().product();
            let integers = integers(element, count, &message);
            Elements::Integers(Arc::new(
                integers.ok_or_else(|| damaged("its integers".to_owned()))?,
            ))
        }
    };
    let given = elements.len();
    Tensor::new(shape, element, elements)
        .ok_or_else(|| damaged(format!("{given} elements for shape {:?}", message.dims)))
}

fn words<const N: usize>(raw: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    raw.chunks_exact(N).map(|chunk| {
        let mut bytes = [0; N];
        bytes.copy_from_slice(chunk);
        bytes
    })
}

fn half(element: ElementType, bits: u16) -> f32 {
    if element == ElementType::BFloat16 { half::bfloat16(bits) } else { half::float16(bits) }
}

fn integers(element: ElementType, count: usize, message: &proto::Tensor) -> Option<Vec<i64>> {
    let raw = &message.raw_data;
    if raw.is_empty() {
        return Some(match element {
            ElementType::Int64 => message.int64_data.clone(),
            ElementType::UInt32 | ElementType::UInt64 => {
                message.uint64_data.iter().map(|&v| i64::try_from(v).ok()).collect::<Option<_>>()?
            }
            _ => message.int32_data.iter().map(|&v| i64::from(v)).collect(),
        });
    }
    let nibbles = |sign: bool| {
        (0..count)
            .map(|i| {
                let nibble = raw.get(i / 2)? >> (4 * (i % 2)) & 15;
                let value = i64::from(nibble);
                Some(if sign && value > 7 { value - 16 } else { value })
            })
            .collect::<Option<Vec<_>>>()
    };
    Some(match element {
        ElementType::Int64 => words(raw).map(i64::from_le_bytes).collect(),
        ElementType::UInt64 => {
            words(raw).map(|b| i64::try_from(u64::from_le_bytes(b)).ok()).collect::<Option<_>>()?
        }
        ElementType::Int32 => words(raw).map(|b| i32::from_le_bytes(b).into()).collect(),
        ElementType::UInt32 => words(raw).map(|b| u32::from_le_bytes(b).into()).collect(),
        ElementType::Int16 => words(raw).map(|b| i16::from_le_bytes(b).into()).collect(),
        ElementType::UInt16 => words(raw).map(|b| u16::from_le_bytes(b).into()).collect(),
        ElementType::Int8 => raw.iter().map(|b| i64::from(b.cast_signed())).collect(),
        ElementType::UInt8 | ElementType::Bool => raw.iter().map(|&b| i64::from(b)).collect(),
        ElementType::Int4 => nibbles(true)?,
        ElementType::UInt4 => nibbles(false)?,
        _ => return None,
    })
}
