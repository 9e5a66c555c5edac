//! The tensors of a run that a dump names.

use super::{INTEGERS, SUMS};
use crate::graph::{Integers, NodeRun, Value};
use crate::inference::{Collected, Piece};
use crate::tensor::{ElementType, Elements, Tensor};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What is known of a tensor apart from its elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// The node that makes it.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// The scale of a quantised tensor, if it has one for all elements.
    pub step: Option<f64>,
}

/// Tensors that a run makes, as far as they are asked for.
#[derive(Debug, Default)]
pub struct Ours {
    wanted: HashSet<String>,
    collected: Collected,
    origins: HashMap<String, Origin>,
    /// Names of tensors whose integers were asked for, but which are reals here.
    reals: HashSet<String>,
}

/// The tensors that were asked for.
#[derive(Debug)]
pub struct Found {
    /// Names and elements in the order of execution.
    pub tensors: Vec<(String, Tensor)>,
    /// Where each comes from.
    pub origins: HashMap<String, Origin>,
    /// Names of tensors whose integers were asked for, but which are reals here.
    pub reals: HashSet<String>,
}

impl Ours {
    /// Collects the tensors `names`.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { wanted: names.into_iter().map(str::to_owned).collect(), ..Self::default() }
    }

    /// Adds what is asked for of a node that has run.
    pub fn add(&mut self, piece: &Piece, run: &NodeRun<'_>) {
        for (place, (name, value)) in run.node.outputs.iter().zip(run.outputs).enumerate() {
            // Sums are made before what is made of them.
            if let Some(sums) = run.sums.filter(|_| place == 0) {
                self.put(piece, run, format!("{name}{SUMS}"), value, || Some(of_integers(sums)));
            }
            self.put(piece, run, format!("{name}{INTEGERS}"), value, || integers(value));
            self.put(piece, run, name.clone(), value, || Some(exact(value)));
        }
    }

    fn put(
        &mut self,
        piece: &Piece,
        run: &NodeRun<'_>,
        name: String,
        value: &Value,
        tensor: impl FnOnce() -> Option<Tensor>,
    ) {
        if !self.wanted.contains(&name) {
            return;
        }
        let step = match value {
            Value::Scaled(value) => match value.scale.scales.as_slice() {
                [scale] => Some(*scale),
                _ => None,
            },
            _ => None,
        };
        let (node, operator) = (run.node.name.clone(), run.node.operator_name());
        self.origins.entry(name.clone()).or_insert(Origin { node, operator, step });
        match tensor() {
            Some(tensor) => self.collected.add(piece, &name, tensor),
            None => drop(self.reals.insert(name)),
        }
    }

    /// What was collected.
    pub fn finish(self) -> Found {
        let Self { collected, origins, reals, .. } = self;
        Found { tensors: collected.finish(), origins, reals }
    }
}

pub(super) fn of_integers(integers: &Integers) -> Tensor {
    let elements = Elements::Integers(Arc::clone(&integers.values));
    Tensor::new(integers.shape.clone(), integers.element, elements)
        .expect("as many integers as the shape has")
}

pub(super) fn integers(value: &Value) -> Option<Tensor> {
    match value {
        Value::Integer(value) => Some(of_integers(value)),
        Value::Scaled(value) => {
            let elements = Elements::Integers(Arc::clone(&value.integers));
            Tensor::new(value.shape.clone(), ElementType::Int64, elements)
        }
        Value::Real(_) => None,
    }
}

/// The value with its reals in float64.
pub(super) fn exact(value: &Value) -> Tensor {
    match value {
        Value::Integer(value) => of_integers(value),
        _ => {
            let elements = Elements::Float64(Arc::new(value.wide().into_owned()));
            Tensor::new(value.shape().to_vec(), ElementType::Float64, elements)
                .expect("as many elements as the shape has")
        }
    }
}
