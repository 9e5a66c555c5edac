//! What an operator is, and what it is given.

use super::arithmetic::Arithmetic;
use super::error::Problem;
use super::integers::Integers;
use super::reals::Reals;
use super::scaled::Scaled;
use super::value::{Kind, Value};
use super::window::AxisWindows;
use crate::onnx::model::{Attribute, ElementType, Node};
use std::borrow::Cow;
use std::sync::Arc;

/// An operator with its attributes, ready to be run any number of times.
pub trait Operator: Send + Sync {
    /// The outputs for these inputs, in the order of the node's outputs; optional ones at the end may be left out.
    ///
    /// # Errors
    /// If types or shapes of the inputs do not fit.
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem>;

    /// What the first output is of the inputs that are not in `constants`, as far as [`Lowered`](super::Lowered) knows.
    fn form(&self, constants: &[Option<&Value>]) -> Form<'_> {
        let _ = constants;
        Form::Other
    }

    /// The inputs that hold scale and zero point of the first output, if it is integers that stand for reals.
    fn result_quantiser(&self) -> Option<[usize; 2]> {
        None
    }
}

/// What an operator computes of the inputs that are not constants.
pub enum Form<'a> {
    /// Anything.
    Other,
    /// Each element from the element of the only such input at the same place, without ever falling as that one rises.
    Rising,
    /// Each element from the elements at the same place of one such input or of several of one shape.
    ElementWise,
    /// The same elements in the same order under another shape.
    Reshaped,
    /// A convolution of input 0 with input 1 plus input 2.
    Convolution(&'a dyn Placed),
    /// The maxima under windows.
    Maximum(&'a dyn Placed),
    /// The means under windows.
    Mean(&'a dyn Placed),
    /// Another operator between DequantizeLinear and QuantizeLinear.
    Between(&'a dyn Between),
}

/// An operator that moves windows over the spatial axes of `[n, c, sizes...]`.
pub trait Placed {
    /// The windows on an input of shape `input`, with filters of shape `weights` if there are any, and the groups of channels.
    ///
    /// # Errors
    /// If the shapes do not fit.
    fn place(
        &self,
        input: &[usize],
        weights: &[usize],
    ) -> Result<(Vec<AxisWindows>, usize), Problem>;
}

/// An operator on real numbers between quantisers.
pub trait Between {
    /// The operator.
    fn inner(&self) -> &dyn Operator;

    /// Its inputs: those of `call`, quantised ones as such.
    ///
    /// # Errors
    /// If they do not fit.
    fn inputs(&self, call: &Call<'_>) -> Result<Vec<Option<Value>>, Problem>;

    /// The result of the node from that of the operator.
    ///
    /// # Errors
    /// If the parameters of the quantiser do not fit.
    fn finish(&self, call: &Call<'_>, output: Value) -> Result<Value, Problem>;
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

/// Inputs of an operator that takes several of the same type.
pub enum Alike<'a> {
    /// Integers of one type; cheap copies.
    Integers(Vec<Integers>),
    /// All are quantised.
    Scaled(Vec<&'a Scaled>),
    /// Real numbers, some of them possibly quantised.
    Reals(Vec<&'a Value>),
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

    /// The attribute `name` as float32 numbers, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub fn reals(&self, name: &'static str) -> Result<Option<&'a [f32]>, Problem> {
        match self.node.attribute(name) {
            None => Ok(None),
            Some(Attribute::Reals(values)) => Ok(Some(values)),
            Some(Attribute::Integers(values)) if values.is_empty() => Ok(Some(&[])),
            Some(other) => Err(wrong(name, other, "a list of floats")),
        }
    }

    /// The attribute `name` as texts, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub fn texts(&self, name: &'static str) -> Result<Option<&'a [String]>, Problem> {
        match self.node.attribute(name) {
            None => Ok(None),
            Some(Attribute::Texts(values)) => Ok(Some(values)),
            Some(Attribute::Integers(values)) if values.is_empty() => Ok(Some(&[])),
            Some(other) => Err(wrong(name, other, "a list of texts")),
        }
    }

    /// What the text of attribute `name` stands for; the first of `choices` if it is missing.
    ///
    /// # Errors
    /// If it is none of them; `allowed` lists them.
    pub fn choice<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(&'static str, T)],
        allowed: &'static str,
    ) -> Result<T, Problem> {
        let given = self.text(name, choices[0].0)?;
        let found = choices.iter().find(|(text, _)| *text == given).map(|choice| choice.1);
        found.ok_or_else(|| Problem::Attribute { name, value: format!("`{given}`"), allowed })
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

    /// Input `index` as a list of sizes, axes or places, if it is given.
    ///
    /// # Errors
    /// If it is something else.
    pub fn list(&self, index: usize, what: &'static str) -> Result<Option<Vec<i64>>, Problem> {
        match self.optional(index) {
            None => Ok(None),
            Some(Value::Integer(value)) => Ok(Some(value.values.to_vec())),
            Some(other) => Err(type_of(what, other, "integers")),
        }
    }

    /// `own`, or else input `index` as a list.
    ///
    /// # Errors
    /// If it is something else.
    pub fn list_or(
        &self,
        own: Option<&Vec<i64>>,
        index: usize,
        what: &'static str,
    ) -> Result<Option<Vec<i64>>, Problem> {
        match own {
            Some(own) => Ok(Some(own.clone())),
            None => self.list(index, what),
        }
    }

    /// The only number of input `index`, if it is given.
    ///
    /// # Errors
    /// If it has more elements or none.
    pub fn number(&self, index: usize, what: &'static str) -> Result<Option<f64>, Problem> {
        let Some(value) = self.optional(index) else { return Ok(None) };
        match *value.wide() {
            [number] => Ok(Some(number)),
            _ => {
                let shape = value.shape();
                let why = format!("its {what} has shape {shape:?}: one number is needed");
                Err(Problem::Shape(why))
            }
        }
    }

    /// Inputs `first` and later ones, as what all of them are.
    ///
    /// # Errors
    /// If one is missing, or some are integers and others are not or of another type.
    pub fn alike(&self, first: usize, count: usize) -> Result<Alike<'_>, Problem> {
        let values: Vec<&Value> =
            (first..first + count).map(|index| self.input(index)).collect::<Result<_, _>>()?;
        let integers = |value: &&'_ Value| value.kind() == Kind::Integer;
        if let Some(&first) = values.iter().find(|value| integers(value)) {
            let element = first.element();
            let of_type = |value: &&Value| match value {
                Value::Integer(value) if value.element == element => Ok(value.clone()),
                _ => Err(type_of("input", value, "of the same type as the others")),
            };
            return Ok(Alike::Integers(values.iter().map(of_type).collect::<Result<_, _>>()?));
        }
        let scaled = values.iter().map(|value| match value {
            Value::Scaled(value) => Some(value),
            _ => None,
        });
        Ok(match scaled.collect::<Option<Vec<_>>>() {
            Some(scaled) => Alike::Scaled(scaled),
            None => Alike::Reals(values),
        })
    }

    /// Result of an operator on integers next to the array.
    pub fn integer_result(&mut self, integers: Integers) -> Vec<Value> {
        self.place = self.place.max(Place::Integers);
        vec![Value::Integer(integers)]
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

/// The numbers of a real input.
///
/// # Errors
/// If it has integers.
pub(super) fn wide_of<'a>(what: &'static str, value: &'a Value) -> Result<Cow<'a, [f64]>, Problem> {
    match value {
        Value::Integer(_) => Err(type_of(what, value, "real")),
        _ => Ok(value.wide()),
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
