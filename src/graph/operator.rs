//! What an operator is, and what it is given.

use super::arithmetic::Arithmetic;
use super::error::Problem;
use super::integers::Integers;
use super::reals::Reals;
use super::scaled::Scaled;
use super::value::Value;
use crate::onnx::model::{Attribute, ElementType, Node};
use std::sync::Arc;

/// An operator with its attributes, ready to be run any number of times.
pub trait Operator: Send + Sync {
    /// The outputs for these inputs, in the order of the node's outputs; optional ones at the end may be left out.
    ///
    /// # Errors
    /// If types or shapes of the inputs do not fit.
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem>;
}

/// A node while its operator is made: attributes, and the inputs that are constants.
pub struct Definition<'a> {
    /// The node.
    pub node: &'a Node,
    /// Version of the operators of its domain.
    pub version: i64,
    /// Its inputs, as far as they are constants.
    pub constants: Vec<Option<Value>>,
    /// How the graph is run.
    pub arithmetic: Arithmetic,
}

/// Where a node's work was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Elements are renamed or moved; nothing is computed.
    Moved,
    /// Products of integers on the MAC array.
    Array,
    /// Integers beside the array: comparison, addition, requantisation.
    Integers,
    /// The float unit.
    Float,
}

/// One run of an operator.
pub struct Call<'a> {
    /// The inputs; `None` where an optional one is left out.
    pub inputs: Vec<Option<Value>>,
    /// How the graph is run.
    pub arithmetic: &'a Arithmetic,
    /// Number of outputs that the node names.
    pub outputs: usize,
    /// Where the work was done; an operator that computes sets it.
    pub place: Place,
    /// Multiply-adds on the array.
    pub macs: u64,
    /// Additions that left the range of the array's accumulator.
    pub accumulator_events: u64,
    /// Exact integer sums of a product, bias included, before they were requantised: `NAME!acc` of its first output.
    pub sums: Option<Integers>,
}

impl<'a> Definition<'a> {
    /// The attribute `name` as an integer; `default` if it is missing.
    ///
    /// # Errors
    /// If it is something else.
    pub fn integer(&self, name: &'static str, default: i64) -> Result<i64, Problem> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(Attribute::Integer(value)) => Ok(*value),
            Some(other) => Err(wrong(name, other, "an integer")),
        }
    }

    /// The attribute `name` as a truth value; false if it is missing.
    ///
    /// # Errors
    /// If it is neither 0 nor 1.
    pub fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        match self.integer(name, 0)? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(Problem::Attribute { name, value: value.to_string(), allowed: "0 or 1" }),
        }
    }

    /// The attribute `name` as a float32; `default` if it is missing.
    ///
    /// # Errors
    /// If it is something else.
    pub fn real(&self, name: &'static str, default: f32) -> Result<f32, Problem> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(Attribute::Real(value)) => Ok(*value),
            Some(other) => Err(wrong(name, other, "a float")),
        }
    }

    /// The attribute `name` as a text; `default` if it is missing.
    ///
    /// # Errors
    /// If it is something else.
    pub fn text(&self, name: &'static str, default: &'static str) -> Result<&'a str, Problem> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(Attribute::Text(value)) => Ok(value),
            Some(other) => Err(wrong(name, other, "a text")),
        }
    }

    /// The attribute `name` as integers, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub fn integers(&self, name: &'static str) -> Result<Option<&'a [i64]>, Problem> {
        match self.node.attribute(name) {
            None => Ok(None),
            Some(Attribute::Integers(values)) => Ok(Some(values)),
            Some(other) => Err(wrong(name, other, "a list of integers")),
        }
    }

    /// `what`: the attribute `name` of older opsets, or the constant input `index` of newer ones; `None` if neither is there.
    ///
    /// # Errors
    /// If it is something else, or the input is not a constant.
    pub fn list(
        &self,
        name: &'static str,
        index: usize,
        what: &'static str,
    ) -> Result<Option<Vec<i64>>, Problem> {
        if let Some(values) = self.integers(name)? {
            return Ok(Some(values.to_vec()));
        }
        if !self.has_input(index) {
            return Ok(None);
        }
        match self.constant(index) {
            Some(Value::Integer(value)) => Ok(Some(value.values.to_vec())),
            Some(other) => Err(type_of(what, other, "integers")),
            None => Err(Problem::NotConstant(what)),
        }
    }

    /// Whether input `index` is given.
    pub fn has_input(&self, index: usize) -> bool {
        self.node.inputs.get(index).is_some_and(|name| !name.is_empty())
    }

    /// Input `index`, if it is given and a constant.
    pub fn constant(&self, index: usize) -> Option<&Value> {
        self.constants.get(index)?.as_ref()
    }

    /// Refuses a node with fewer inputs than `least` or more than `most`, or without one of the first `least`.
    ///
    /// # Errors
    /// If so.
    pub fn expect_inputs(&self, least: usize, most: usize) -> Result<(), Problem> {
        if let Some(index) = (0..least).find(|&index| !self.has_input(index)) {
            return Err(Problem::NoInput(index));
        }
        match self.node.inputs.len() {
            given if given > most => Err(Problem::Unsupported(format!(
                "it has {given} inputs, but at most {most} are known"
            ))),
            _ => Ok(()),
        }
    }
}

impl Call<'_> {
    /// Input `index`.
    ///
    /// # Errors
    /// If it is missing.
    pub fn input(&self, index: usize) -> Result<&Value, Problem> {
        self.optional(index).ok_or(Problem::NoInput(index))
    }

    /// Input `index`, if it is given.
    pub fn optional(&self, index: usize) -> Option<&Value> {
        self.inputs.get(index)?.as_ref()
    }

    /// Input `index` as integers.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn integers(&self, index: usize, what: &'static str) -> Result<&Integers, Problem> {
        match self.input(index)? {
            Value::Integer(value) => Ok(value),
            other => Err(type_of(what, other, "integers")),
        }
    }

    /// Result of an operator on reals, computed in float64 and rounded to the type of input `like`: the work of the float unit.
    ///
    /// # Errors
    /// If that input is missing.
    pub fn reals(
        &mut self,
        like: usize,
        shape: Vec<usize>,
        values: Vec<f64>,
    ) -> Result<Value, Problem> {
        let element = match self.input(like)?.element() {
            element if element.is_real() => element,
            _ => ElementType::Float32,
        };
        self.place = self.place.max(Place::Float);
        Ok(Value::Real(Reals::new(self.arithmetic, shape, element, values)))
    }
}

/// What a part of an operator counted.
pub(super) struct Counts {
    place: Place,
    macs: u64,
    accumulator_events: u64,
    sums: Option<Integers>,
}

impl<'a> Call<'a> {
    /// A call of an operator that does a part of this one's work, with these inputs.
    pub(super) fn part(&self, inputs: Vec<Option<Value>>) -> Self {
        let (place, macs, accumulator_events, sums) = (Place::Moved, 0, 0, None);
        let arithmetic = self.arithmetic;
        Self { inputs, arithmetic, outputs: 1, place, macs, accumulator_events, sums }
    }

    /// What was counted.
    pub(super) fn counts(self) -> Counts {
        let Self { place, macs, accumulator_events, sums, .. } = self;
        Counts { place, macs, accumulator_events, sums }
    }

    /// Adds what a part counted.
    pub(super) fn add(&mut self, part: Counts) {
        self.place = self.place.max(part.place);
        self.macs += part.macs;
        self.accumulator_events += part.accumulator_events;
        self.sums = part.sums.or(self.sums.take());
    }
}

/// An error that says what `value` is.
pub(super) fn type_of(what: &'static str, value: &Value, allowed: &'static str) -> Problem {
    let given = match value {
        Value::Scaled(_) => "a quantised tensor".to_owned(),
        other => format!("of type {}", other.element()),
    };
    Problem::Type { what, given, allowed }
}

fn wrong(name: &'static str, value: &Attribute, allowed: &'static str) -> Problem {
    Problem::Attribute { name, value: format!("{value:?}"), allowed }
}

/// A quantised value with the same meaning of its integers.
pub(super) fn rescaled(like: &Scaled, shape: Vec<usize>, integers: Vec<i64>) -> Value {
    let (range, scale) = (like.range, like.scale.clone());
    Value::Scaled(Scaled { shape, integers: Arc::new(integers), range, scale })
}
