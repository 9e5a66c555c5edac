//! What the nodes of a program did on a sample of its inputs, and what they give for other integers.

use super::unary::Meaning;
use crate::graph::operator::{Between, Form};
use crate::graph::program::Program;
use crate::graph::{
    Arithmetic, Call, GraphError, Integers, NodeRun, Operator, Place, Problem, Reals, Scale,
    Scaled, Value, Values,
};
use crate::onnx::model::ElementType;
use std::sync::Arc;

/// What a node did.
pub(super) struct Observed {
    pub(super) inputs: Vec<Option<Value>>,
    pub(super) outputs: Vec<Value>,
    pub(super) place: Place,
    pub(super) macs: u64,
    /// Whether it had sums on the array.
    pub(super) has_sums: bool,
}

/// What every node did on a sample, whose inputs have `rows` rows.
pub(super) struct Sample<'p> {
    pub(super) program: &'p Program,
    pub(super) rows: usize,
    pub(super) nodes: Vec<Observed>,
}

/// What integers stand for.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scaled {
        range: (i64, i64),
        scale: Scale,
    },
    Integer(ElementType),
    /// Sums times their scales, plus a bias that is not on their grid: one of each for a channel.
    Biased {
        scales: Vec<f64>,
        bias: Vec<f64>,
    },
}

impl Kind {
    /// Of a value that has integers.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Scaled(value) => {
                Some(Self::Scaled { range: value.range, scale: value.scale.clone() })
            }
            Value::Integer(value) => Some(Self::Integer(value.element)),
            Value::Real(_) => None,
        }
    }

    /// Whether `value` is of this kind.
    pub(super) fn is_of(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Scaled { range, scale }, Value::Scaled(value)) => {
                *range == value.range && *scale == value.scale
            }
            (Self::Integer(element), Value::Integer(value)) => *element == value.element,
            _ => false,
        }
    }

    /// The tensor of these integers.
    pub(super) fn value(
        &self,
        arithmetic: &Arithmetic,
        shape: Vec<usize>,
        integers: Vec<i64>,
    ) -> Value {
        match self {
            Self::Scaled { range, scale } => Value::Scaled(Scaled {
                shape,
                integers: Arc::new(integers),
                range: *range,
                scale: scale.clone(),
            }),
            Self::Integer(element) => Value::Integer(Integers::new(shape, *element, integers)),
            Self::Biased { scales, bias } => {
                let inner: usize = shape[2..].iter().product();
                let channel = |index: usize| index / inner.max(1) % shape[1];
                let value = |(index, &sum): (usize, &i64)| {
                    let channel = channel(index);
                    sum as f64 * scales[channel % scales.len()] + bias[channel]
                };
                let values = integers.iter().enumerate().map(value).collect();
                Value::Real(Reals::new(arithmetic, shape, ElementType::Float32, values))
            }
        }
    }

    /// Whether the integers of all channels stand for the same numbers.
    pub(super) fn is_uniform(&self) -> bool {
        match self {
            Self::Scaled { scale, .. } => scale.axis.is_none(),
            Self::Integer(_) => true,
            Self::Biased { .. } => false,
        }
    }

    /// The integers that are possible.
    pub(super) fn range(&self) -> Option<(i64, i64)> {
        match self {
            Self::Scaled { range, .. } => Some(*range),
            Self::Integer(element) => element.integer_range(),
            Self::Biased { .. } => None,
        }
    }
}

/// A part of the work of a node with one result for each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Link {
    /// All of the node's work.
    Node(usize),
    /// Only the requantisation behind its operator.
    Finish(usize),
}

impl Link {
    /// The node, by its place in the program.
    pub(super) fn node(self) -> usize {
        match self {
            Self::Node(node) | Self::Finish(node) => node,
        }
    }
}

impl<'p> Sample<'p> {
    /// Runs `program` on `values`, whose first axes have `rows` rows, and hands every node to `observe` as well.
    ///
    /// # Errors
    /// If it cannot be run.
    pub(super) fn new(
        program: &'p Program,
        values: Values,
        rows: usize,
        mut observe: impl FnMut(&NodeRun<'_>),
    ) -> Result<Self, GraphError> {
        let mut nodes = Vec::new();
        program.run(values, |run| {
            observe(run);
            nodes.push(Observed {
                inputs: run.inputs.to_vec(),
                outputs: run.outputs.to_vec(),
                place: run.place,
                macs: run.macs,
                has_sums: run.sums.is_some(),
            });
            Ok(())
        })?;
        Ok(Self { program, rows, nodes })
    }

    pub(super) fn arithmetic(&self) -> &'p Arithmetic {
        self.program.arithmetic()
    }

    pub(super) fn operator(&self, node: usize) -> &'p dyn Operator {
        self.program.operator(node)
    }

    /// The inputs of a node that are not constants.
    pub(super) fn variables(&self, node: usize) -> Vec<usize> {
        let names = &self.program.node(node).inputs;
        let is_variable = |name: &String| !name.is_empty() && self.program.constant(name).is_none();
        (0..names.len()).filter(|&index| is_variable(&names[index])).collect()
    }

    /// What a node computes.
    pub(super) fn form(&self, node: usize) -> Form<'p> {
        let variables = self.variables(node);
        let inputs = self.nodes[node].inputs.iter().enumerate();
        let constants: Vec<Option<&Value>> = inputs
            .map(|(index, value)| value.as_ref().filter(|_| !variables.contains(&index)))
            .collect();
        self.operator(node).form(&constants)
    }

    /// A call of a node with its own inputs, or others.
    pub(super) fn call(&self, node: usize, inputs: Vec<Option<Value>>) -> Call<'p> {
        crate::graph::program::call(self.arithmetic(), inputs, self.program.node(node))
    }

    /// The first output of a node for `values` in the place of its variable inputs.
    pub(super) fn first_output(&self, node: usize, values: &[Value]) -> Result<Value, Problem> {
        let mut inputs = self.nodes[node].inputs.clone();
        let variables = self.variables(node);
        if values.len() != variables.len() {
            return Err(Problem::NoInput(0));
        }
        variables
            .iter()
            .zip(values)
            .for_each(|(&index, value)| inputs[index] = Some(value.clone()));
        let mut call = self.call(node, inputs);
        let outputs = self.operator(node).run(&mut call)?;
        outputs.into_iter().next().ok_or(Problem::NoOperator)
    }

    /// What becomes of `value` by these links.
    pub(super) fn followed(&self, links: &[Link], mut value: Value) -> Result<Value, Problem> {
        for &link in links {
            value = match link {
                Link::Node(node) => self.first_output(node, &[value])?,
                Link::Finish(node) => {
                    let call = self.call(node, self.nodes[node].inputs.clone());
                    self.between(node).ok_or(Problem::NoOperator)?.finish(&call, value)?
                }
            };
        }
        Ok(value)
    }

    /// The node as an operator between quantisers.
    pub(super) fn between(&self, node: usize) -> Option<&'p dyn Between> {
        match self.form(node) {
            Form::Between(between) => Some(between),
            _ => None,
        }
    }

    /// Whether the constants of a node are the same for all channels.
    pub(super) fn is_uniform(&self, node: usize) -> bool {
        let variables = self.variables(node);
        let inputs = self.nodes[node].inputs.iter().enumerate();
        inputs
            .filter(|(index, _)| !variables.contains(index))
            .all(|(_, value)| value.as_ref().is_none_or(|value| value.len() <= 1))
    }

    /// What the integers of the first output of a node stand for, as far as the node tells.
    pub(super) fn meaning(&self, node: usize) -> Option<Meaning> {
        let observed = &self.nodes[node];
        let of_inputs = |[scale, zero]: [usize; 2]| {
            let scale = observed.inputs.get(scale)?.as_ref()?;
            let scales = scale.wide().into_owned();
            let zeros = match observed.inputs.get(zero).and_then(Option::as_ref) {
                Some(Value::Integer(zeros)) => zeros.values.to_vec(),
                _ => vec![0],
            };
            Some(Meaning { scales, zeros })
        };
        match observed.outputs.first()? {
            Value::Scaled(value) => {
                let Scale { scales, zero_points, .. } = &value.scale;
                Some(Meaning { scales: scales.clone(), zeros: zero_points.clone() })
            }
            Value::Integer(_) => {
                let inputs = self.operator(node).result_quantiser()?;
                of_inputs(inputs)
            }
            Value::Real(_) => None,
        }
    }
}
