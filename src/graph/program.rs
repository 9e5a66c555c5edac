//! A graph that is ready to run.

use super::arithmetic::Arithmetic;
use super::error::{GraphError, Problem};
use super::integers::Integers;
use super::operator::{Call, Definition, Operator, Place};
use super::operators;
use super::value::Value;
use crate::onnx::model::{Input, Model, Node};
use std::collections::{HashMap, HashSet};

/// Values by name.
pub type Values = HashMap<String, Value>;

/// The most elements of all values that are held at a time.
const MOST_HELD: usize = 1 << 29;

/// The elements of `values` and `more`.
///
/// # Errors
/// If they are more than may be held.
fn held(values: &Values, more: &[Value]) -> Result<(), Problem> {
    let elements: usize = values.values().chain(more).map(Value::len).sum();
    if elements > MOST_HELD { Err(Problem::TooMuch) } else { Ok(()) }
}

/// A graph with its operators made and its constants computed.
pub struct Program {
    /// The inputs of the network.
    pub inputs: Vec<Input>,
    /// Names of its outputs.
    pub outputs: Vec<String>,
    arithmetic: Arithmetic,
    /// Constants that nodes or outputs read.
    constants: Values,
    steps: Vec<Step>,
}

/// A node that depends on the inputs of the network.
struct Step {
    node: Node,
    operator: Box<dyn Operator>,
    /// Values that no later node reads.
    last: Vec<String>,
}

/// What a node did in one run.
pub struct NodeRun<'a> {
    /// The node.
    pub node: &'a Node,
    /// Its inputs.
    pub inputs: &'a [Option<Value>],
    /// Its outputs.
    pub outputs: &'a [Value],
    /// Where the work was done.
    pub place: Place,
    /// Multiply-adds on the array.
    pub macs: u64,
    /// Additions that left the range of the array's accumulator.
    pub accumulator_events: u64,
    /// Exact integer sums of a product, bias included, before they were requantised.
    pub sums: Option<&'a Integers>,
}

impl Program {
    /// The graph of `model`: operators are made and constants computed.
    ///
    /// # Errors
    /// If a node has an operator, attribute, type or constant that is not supported, reads what no node before it makes, or a
    /// constant cannot be computed; the error names the node.
    pub fn new(model: &Model, arithmetic: Arithmetic) -> Result<Self, GraphError> {
        let of = |tensor| Value::of_tensor(tensor, &arithmetic);
        let mut constants: Values =
            model.initialisers.iter().map(|(name, tensor)| (name.clone(), of(tensor))).collect();
        let mut made: HashSet<String> = constants.keys().cloned().collect();
        made.extend(model.inputs.iter().map(|input| input.name.clone()));
        let mut steps = Vec::new();
        for node in &model.nodes {
            let made_step = step(model, node, &arithmetic, &mut constants, &mut made);
            steps.extend(made_step.map_err(|problem| GraphError::of(node, problem))?);
        }
        let outputs = model.outputs.clone();
        if let Some(output) = outputs.iter().find(|output| !made.contains(*output)) {
            return Err(GraphError::NoOutput(output.clone()));
        }
        let mut read: HashSet<String> = outputs.iter().cloned().collect();
        for step in steps.iter_mut().rev() {
            let names = step.node.inputs.iter().chain(&step.node.outputs);
            step.last = names.filter(|name| read.insert((*name).clone())).cloned().collect();
        }
        constants.retain(|name, _| read.contains(name));
        Ok(Self { inputs: model.inputs.clone(), outputs, arithmetic, constants, steps })
    }

    /// The nodes that depend on the inputs of the network, in the order of execution.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.steps.iter().map(|step| &step.node)
    }

    /// The constant `name`, if nodes that are run read it.
    pub fn constant(&self, name: &str) -> Option<&Value> {
        self.constants.get(name)
    }

    /// How it is run.
    pub fn arithmetic(&self) -> &Arithmetic {
        &self.arithmetic
    }

    /// The outputs for these inputs, by name. `observe` sees every node once it has run.
    ///
    /// # Errors
    /// If an input is missing, or shapes or types do not fit.
    pub fn run(
        &self,
        mut values: Values,
        mut observe: impl FnMut(&NodeRun<'_>) -> Result<(), GraphError>,
    ) -> Result<Values, GraphError> {
        self.check_inputs(&values)?;
        for node in 0..self.steps.len() {
            self.run_node(node, &mut values, &mut observe)?;
        }
        self.results(&values)
    }

    /// Refuses inputs of which one is missing.
    ///
    /// # Errors
    /// If so.
    pub(super) fn check_inputs(&self, values: &Values) -> Result<(), GraphError> {
        for input in &self.inputs {
            if !values.contains_key(&input.name) {
                let why = "it is missing".to_owned();
                return Err(GraphError::Input { name: input.name.clone(), why });
            }
        }
        Ok(())
    }

    /// Runs the node of this number in the order of execution.
    ///
    /// # Errors
    /// If shapes or types do not fit.
    pub(super) fn run_node(
        &self,
        node: usize,
        values: &mut Values,
        observe: &mut impl FnMut(&NodeRun<'_>) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        let step = &self.steps[node];
        let node = &step.node;
        let value = |name: &String| values.get(name).or_else(|| self.constants.get(name)).cloned();
        let inputs = node.inputs.iter().map(value).collect();
        let mut call = call(&self.arithmetic, inputs, node);
        let outputs = step.operator.run(&mut call);
        let outputs = outputs.and_then(|made| held(values, &made).map(|()| made));
        let outputs = outputs.map_err(|problem| GraphError::of(node, problem))?;
        observe(&NodeRun {
            node,
            inputs: &call.inputs,
            outputs: &outputs,
            place: call.place,
            macs: call.macs,
            accumulator_events: call.accumulator_events,
            sums: call.sums.as_ref(),
        })?;
        let named = node.outputs.iter().cloned().zip(outputs);
        values.extend(named.filter(|(name, _)| !name.is_empty()));
        for name in &step.last {
            values.remove(name);
        }
        Ok(())
    }

    /// Removes the values that only this node and those before it read.
    pub(super) fn forget(&self, node: usize, values: &mut Values) {
        for name in &self.steps[node].last {
            values.remove(name);
        }
    }

    /// The node of this number in the order of execution.
    pub(super) fn node(&self, node: usize) -> &Node {
        &self.steps[node].node
    }

    /// Its operator.
    pub(super) fn operator(&self, node: usize) -> &dyn Operator {
        &*self.steps[node].operator
    }

    /// The outputs of the network.
    ///
    /// # Errors
    /// If one was not made.
    pub(super) fn results(&self, values: &Values) -> Result<Values, GraphError> {
        let output = |name: &String| {
            let value = values.get(name).or_else(|| self.constants.get(name)).cloned();
            value
                .map(|value| (name.clone(), value))
                .ok_or_else(|| GraphError::NoOutput(name.clone()))
        };
        self.outputs.iter().map(output).collect()
    }
}

/// The step of a node; none if all it reads is constant, which makes its outputs constants.
fn step(
    model: &Model,
    node: &Node,
    arithmetic: &Arithmetic,
    constants: &mut Values,
    made: &mut HashSet<String>,
) -> Result<Option<Step>, Problem> {
    let given = |name: &&String| !name.is_empty();
    if let Some(name) = node.inputs.iter().filter(given).find(|name| !made.contains(*name)) {
        return Err(Problem::Unmade(name.clone()));
    }
    if let Some(name) = node.outputs.iter().filter(given).find(|name| made.contains(*name)) {
        return Err(Problem::MadeTwice(name.clone()));
    }
    made.extend(node.outputs.iter().filter(given).cloned());
    let inputs: Vec<Option<Value>> =
        node.inputs.iter().map(|name| constants.get(name).cloned()).collect();
    let is_constant = node.inputs.iter().filter(given).all(|name| constants.contains_key(name));
    let version = model.opsets.get(&node.domain).copied().unwrap_or(1);
    let definition = Definition { node, version, constants: inputs, arithmetic: *arithmetic };
    let operator = operators::make(&definition)?;
    if !is_constant {
        return Ok(Some(Step { node: node.clone(), operator, last: Vec::new() }));
    }
    let mut call = call(arithmetic, definition.constants, node);
    let outputs = operator.run(&mut call)?;
    held(constants, &outputs)?;
    constants
        .extend(node.outputs.iter().cloned().zip(outputs).filter(|(name, _)| !name.is_empty()));
    Ok(None)
}

pub(super) fn call<'a>(
    arithmetic: &'a Arithmetic,
    inputs: Vec<Option<Value>>,
    node: &Node,
) -> Call<'a> {
    let outputs = node.outputs.len();
    let (place, macs, accumulator_events, sums) = (Place::Moved, 0, 0, None);
    Call { inputs, arithmetic, outputs, place, macs, accumulator_events, sums }
}
