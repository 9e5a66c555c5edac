//! Networks of layers from ONNX graphs of floats: what is trained, quantised and run without a float unit.
//!
//! A [`Program`] of the graph says which nodes depend on the input, and a run of it on one sample of zeros the shape of every
//! value, so that shape arithmetic needs no rules here. Each node that is left becomes a layer, or a part of one
//! (`rules`). Values of the file are `[N, C, H, W]` and the like, those of layers `[h, w, c]`: `Axes` says how a value lies,
//! and weights are turned accordingly when a product is made.

mod axes;
mod gain;
mod lowering;
mod rules;

use super::builder::{BiasBound, Builder, Initialisation};
use super::error::NetworkError;
use super::graph::Network;
use crate::graph::{Arithmetic, GraphError, Integers, Program, Reals, Value, Values};
use crate::onnx::model::{Attribute, Dimension, Input, Model, Node};
use axes::Axes;
use hwmodel::array::MacArray;
use hwmodel::{Accumulator, SimdLevel};
use lowering::{Lowering, Tensor};
use std::collections::{HashMap, HashSet};

/// A graph that is not made of layers.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The graph, or a node that is not a layer.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The layers.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The inputs or outputs.
    #[error("{0}")]
    Form(String),
}

/// A network made of an ONNX graph.
pub struct Imported {
    /// The network with the values of the file.
    pub network: Network,
    /// What differs from the graph.
    pub notes: Vec<String>,
}

/// The layers of `model` with its values, as a network called `name`.
///
/// # Errors
/// If the graph cannot be run, has more than one input or output, or a node is not a layer or a part of one.
pub fn import(model: &Model, name: &str, simd: SimdLevel) -> Result<Imported, ImportError> {
    let array = MacArray { simd, accumulator: Accumulator::default() };
    let program = Program::new(model, Arithmetic::float32(array))?;
    let [input] = program.inputs.as_slice() else {
        let given = program.inputs.len();
        return Err(ImportError::Form(format!(
            "it has {given} inputs, but a network of layers takes one"
        )));
    };
    let [output] = program.outputs.as_slice() else {
        let given = program.outputs.len();
        return Err(ImportError::Form(format!(
            "it has {given} outputs, but a network of layers has one"
        )));
    };
    let shape = sample_shape(input)?;
    let axes = match *shape.as_slice() {
        [_, features] => Some(Axes::Features { from: [1, 1, features] }),
        _ => Axes::of_input(shape.len(), transposition(&program, &input.name)),
    };
    let axes = axes.ok_or_else(|| {
        let given = format!("input `{}` has the shape {shape:?}", input.name);
        ImportError::Form(format!(
            "{given}, but a network of layers takes [N, C, H, W], [N, C, L] or [N, C]"
        ))
    })?;
    let facts = Facts::of(&program, input, &shape)?;
    let initialisation = Initialisation { seed: 0, scale: 1.0 };
    let net = Builder::new(name, axes.layer_shape(&shape), initialisation, BiasBound::Scale);
    let start = Tensor::of(net.image(), axes);
    let mut lowering = Lowering::new(net, &program, &facts);
    lowering.values.insert(input.name.clone(), start);
    for node in program.nodes() {
        if facts.knows(node) {
            continue;
        }
        rules::apply(&mut lowering, node).map_err(|problem| match problem {
            lowering::Refusal::Problem(problem) => {
                ImportError::Graph(GraphError::of(node, problem))
            }
            lowering::Refusal::Network(error) => ImportError::Network(error),
        })?;
    }
    lowering.finish(output)
}

/// The order of axes of the first transposition of value `name`, element-wise operators before it aside.
fn transposition<'a>(program: &'a Program, name: &str) -> Option<&'a [i64]> {
    const ELEMENT_WISE: [&str; 6] = ["Cast", "Identity", "Add", "Sub", "Mul", "Div"];
    let mut same = HashSet::from([name]);
    for node in program.nodes() {
        if !node.inputs.iter().any(|input| same.contains(input.as_str())) {
            continue;
        }
        match (node.operator.as_str(), node.attribute("perm")) {
            ("Transpose", Some(Attribute::Integers(order))) => return Some(order.as_slice()),
            (operator, _) if ELEMENT_WISE.contains(&operator) => {
                same.extend(node.outputs.iter().map(String::as_str));
            }
            _ => {}
        }
    }
    None
}

/// Shape of one sample of `input`, the batch included.
fn sample_shape(input: &Input) -> Result<Vec<usize>, ImportError> {
    let size = |(axis, dimension): (usize, &Dimension)| match (axis, dimension) {
        (0, _) => Ok(1),
        (_, Dimension::Fixed(size)) => Ok(*size),
        (_, Dimension::Open(name)) => {
            let name = name.clone().unwrap_or_else(|| format!("{}.{axis}", input.name));
            Err(ImportError::Form(format!("the size of `{name}` is open: give --dim {name}=SIZE")))
        }
    };
    input.shape.iter().enumerate().map(size).collect()
}

/// What a run on a sample of zeros shows.
struct Facts {
    /// Shape of every value that depends on the input.
    shapes: HashMap<String, Vec<usize>>,
    /// The values that follow from shapes and types alone, such as the sizes that a Reshape takes.
    known: HashMap<String, Value>,
    /// Number of nodes that read a value, and one more for an output.
    readers: HashMap<String, usize>,
}

impl Facts {
    fn of(program: &Program, input: &Input, shape: &[usize]) -> Result<Self, ImportError> {
        let mut facts =
            Self { shapes: HashMap::new(), known: HashMap::new(), readers: HashMap::new() };
        for name in program.nodes().flat_map(|node| &node.inputs).chain(&program.outputs) {
            *facts.readers.entry(name.clone()).or_default() += 1;
        }
        let count = shape.iter().product();
        let zeros = match input.element.is_real() {
            true => Value::Real(Reals::new(
                program.arithmetic(),
                shape.to_vec(),
                input.element,
                vec![0.0; count],
            )),
            false => Value::Integer(Integers::new(shape.to_vec(), input.element, vec![0; count])),
        };
        facts.shapes.insert(input.name.clone(), shape.to_vec());
        let values = Values::from([(input.name.clone(), zeros)]);
        program.run(values, |run| {
            let known = facts.follows(program, run.node);
            for (name, value) in run.node.outputs.iter().zip(run.outputs) {
                facts.shapes.insert(name.clone(), value.shape().to_vec());
                if known {
                    facts.known.insert(name.clone(), value.clone());
                }
            }
            Ok(())
        })?;
        Ok(facts)
    }

    /// Whether what `node` makes follows from shapes and types alone.
    fn follows(&self, program: &Program, node: &Node) -> bool {
        let of_shapes = ["Shape", "Size"].contains(&node.operator.as_str());
        let values = match node.operator.as_str() {
            "CastLike" => 1,
            _ => node.inputs.len(),
        };
        let known = |name: &String| {
            name.is_empty() || program.constant(name).is_some() || self.known.contains_key(name)
        };
        of_shapes || node.inputs.iter().take(values).all(known)
    }

    /// Whether all that `node` makes is known without running it.
    fn knows(&self, node: &Node) -> bool {
        let mut outputs = node.outputs.iter().filter(|name| !name.is_empty());
        outputs.all(|name| self.known.contains_key(name))
    }
}

#[cfg(test)]
mod tests;
