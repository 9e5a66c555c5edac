//! The part of a network between tensors that a dump has and the first one that differs.

use super::{INTEGERS, SUMS};
use crate::graph::{Arithmetic, GraphError, Integers, Program, Reals, Scaled, Value, Values};
use crate::onnx::model::{Attribute, Dimension, Input, Model, Node};
use crate::tensor::{ElementType, Elements, Tensor};
use std::collections::HashSet;
use std::sync::Arc;

/// Nodes with what they read, to be run in another way.
#[derive(Debug, Clone)]
pub struct Segment {
    /// The nodes and the constants that they need; its inputs are the tensors where it begins.
    pub model: Model,
    /// The numbers where it begins: the dump's, where it has them.
    pub values: Values,
    /// How it is run.
    pub arithmetic: Arithmetic,
    /// The tensor that differs, as the dump names it.
    pub target: String,
}

/// The name of the tensor that an entry of a dump belongs to.
pub(super) fn base(name: &str) -> &str {
    name.strip_suffix(INTEGERS).or_else(|| name.strip_suffix(SUMS)).unwrap_or(name)
}

/// The nodes that make `target`, back to tensors of `known` or inputs of the network, and the names where they begin.
pub fn cut(model: &Model, target: &str, known: &HashSet<String>) -> (Model, Vec<String>) {
    let target = base(target);
    let inputs: HashSet<&str> = model.inputs.iter().map(|input| input.name.as_str()).collect();
    let mut live = inputs.clone();
    for node in &model.nodes {
        if node.inputs.iter().any(|name| live.contains(name.as_str())) {
            live.extend(node.outputs.iter().map(String::as_str).filter(|name| !name.is_empty()));
        }
    }
    let mut needed: HashSet<&str> = HashSet::from([target]);
    let mut begins: Vec<String> = Vec::new();
    let mut nodes: Vec<Node> = Vec::new();
    for node in model.nodes.iter().rev() {
        if !node.outputs.iter().any(|name| needed.contains(name.as_str())) {
            continue;
        }
        nodes.push(node.clone());
        for name in node.inputs.iter().filter(|name| !name.is_empty()) {
            let begins_here = live.contains(name.as_str())
                && (known.contains(name) || inputs.contains(name.as_str()));
            if !begins_here {
                needed.insert(name);
            } else if !begins.contains(name) {
                begins.push(name.clone());
            }
        }
    }
    nodes.reverse();
    let open = |name: &String| Input {
        name: name.clone(),
        element: ElementType::Float32,
        shape: vec![Dimension::Open(None)],
    };
    let part = Model {
        nodes,
        inputs: begins.iter().map(open).collect(),
        outputs: vec![target.to_owned()],
        ..model.clone()
    };
    (part, begins)
}

/// `value` with the integers that the dump has.
pub fn with_integers(value: &Value, stored: &Tensor) -> Option<Value> {
    let Elements::Integers(integers) = stored.elements() else { return None };
    if stored.shape() != value.shape() {
        return None;
    }
    match value {
        Value::Integer(value) => {
            Some(Value::Integer(Integers { values: Arc::clone(integers), ..value.clone() }))
        }
        Value::Scaled(value) => {
            Some(Value::Scaled(Scaled { integers: Arc::clone(integers), ..value.clone() }))
        }
        Value::Real(_) => None,
    }
}

impl Segment {
    /// What the target is when the segment is run: integers or sums if it is that of the dump.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn run(&self) -> Result<Option<Tensor>, GraphError> {
        let program = Program::new(&self.model, self.arithmetic)?;
        let name = base(&self.target);
        let mut sums = None;
        let mut outputs = program.run(self.values.clone(), |node| {
            if node.node.outputs.first().is_some_and(|output| output == name) {
                sums = node.sums.map(super::ours::of_integers);
            }
            Ok(())
        })?;
        if self.target.ends_with(SUMS) {
            return Ok(sums);
        }
        let Some(value) = outputs.remove(name) else { return Ok(None) };
        Ok(match self.target.ends_with(INTEGERS) {
            true => super::ours::integers(&value),
            false => Some(super::ours::exact(&value)),
        })
    }

    /// The same with float32 numbers where it begins, so that everything in it is emulated in float32.
    pub fn in_float32(&self) -> Self {
        let mut other = self.clone();
        other.arithmetic.wide_reals = false;
        for value in other.values.values_mut() {
            if let Value::Scaled(_) = value {
                let (shape, wide) = (value.shape().to_vec(), value.wide().into_owned());
                let reals = Reals::new(&other.arithmetic, shape, ElementType::Float32, wide);
                *value = Value::Real(reals);
            }
        }
        other
    }

    /// Changes an attribute of every node that `of` chooses; `None` if there is none.
    pub fn with_attribute(
        &self,
        of: impl Fn(&Node) -> bool,
        name: &str,
        value: &Attribute,
    ) -> Option<Self> {
        let mut other = self.clone();
        let mut changed = false;
        for node in other.model.nodes.iter_mut().filter(|node| of(node)) {
            node.attributes.retain(|(known, _)| known != name);
            node.attributes.push((name.to_owned(), value.clone()));
            changed = true;
        }
        changed.then_some(other)
    }
}
