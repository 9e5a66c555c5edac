//! Graph traversal: shape inference, and the layers that do work.

use super::error::{NodeProblem, OnnxCostError};
use super::fact::{Fact, checked};
use super::node::Node;
use super::rules::{self, Outcome, Output};
use super::tensor::element;
use super::words::{self, Words};
use crate::design::workload::{Layer, Work};
use crate::onnx::{Dimensions, OnnxError, proto};
use hwmodel::product::ByOperand;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

/// The most elements of constants that are kept together.
const MAX_KEPT_ELEMENTS: usize = 1 << 22;

/// The layers of `graph` in its order.
pub(super) fn layers(
    graph: &proto::Graph,
    dimensions: &Dimensions,
) -> Result<Vec<Layer>, OnnxCostError> {
    let mut walk = Walk::new(graph, dimensions)?;
    for (index, message) in graph.node.iter().enumerate() {
        walk.node(index, message).map_err(|problem| OnnxCostError::Node {
            node: message.label(index),
            operator: message.operator_name(),
            problem,
        })?;
    }
    Ok(walk.layers)
}

struct Walk<'a> {
    facts: HashMap<&'a str, Fact>,
    /// Shapes that the model states.
    declared: HashMap<&'a str, Vec<u64>>,
    /// Initialisers whose elements belong to a layer already.
    owned: HashSet<Rc<str>>,
    kept_elements: usize,
    layers: Vec<Layer>,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a proto::Graph, dimensions: &Dimensions) -> Result<Self, OnnxCostError> {
        let mut walk = Self {
            facts: HashMap::new(),
            declared: HashMap::new(),
            owned: HashSet::new(),
            kept_elements: 0,
            layers: Vec::new(),
        };
        for tensor in &graph.initializer {
            let fact = initialiser(tensor)?;
            walk.keep(&tensor.name, fact);
        }
        // Old models list initialisers among the inputs.
        let known = |input: &&proto::ValueInfo| !walk.facts.contains_key(input.name.as_str());
        let inputs: Vec<&proto::ValueInfo> = graph.input.iter().filter(known).collect();
        let known = dimensions.shapes(&inputs)?;
        for (input, shape) in inputs.into_iter().zip(&known.shapes) {
            let shape = checked(shape.clone()).map_err(|problem| OnnxCostError::Node {
                node: input.name.clone(),
                operator: "input".to_owned(),
                problem,
            })?;
            walk.keep(&input.name, Fact::input(shape));
        }
        for info in graph.value_info.iter().chain(&graph.output) {
            if let Some(shape) = known.declared(info) {
                walk.declared.insert(&info.name, shape);
            }
        }
        Ok(walk)
    }

    /// Remembers what is known of value `name`; without its elements once there are too many.
    fn keep(&mut self, name: &'a str, mut fact: Fact) {
        if name.is_empty() {
            return;
        }
        let elements = fact.value.as_ref().map_or(0, |value| value.len());
        if self.kept_elements + elements > MAX_KEPT_ELEMENTS {
            fact.value = None;
        } else {
            self.kept_elements += elements;
        }
        self.facts.insert(name, fact);
    }

    fn node(&mut self, index: usize, message: &'a proto::Node) -> Result<(), NodeProblem> {
        let inputs = message
            .input
            .iter()
            .map(|name| match self.facts.get(name.as_str()) {
                _ if name.is_empty() => Ok(None),
                Some(fact) => Ok(Some(fact)),
                None => Err(NodeProblem::Unmade(name.clone())),
            })
            .collect::<Result<_, _>>()?;
        let node = Node { message, inputs };
        let outcome = self.outcome(&node)?;
        let constant = node.inputs.iter().flatten().all(|fact| fact.constant);
        let (parameters, owned) = self.parameters(&node, &outcome);
        let before = node.inputs.iter().flatten().any(|fact| fact.trained);
        let trained = before || parameters > 0;
        let renamed = outcome.renames.and_then(|index| node.optional(index));
        let weight = renamed.and_then(|fact| fact.weight.clone()).filter(|_| constant);
        let weight = weight.or_else(|| {
            outcome.weight.then(|| message.output.first())?.map(|name| Rc::from(name.as_str()))
        });
        let (words, quantises) = (words::of(&node), words::quantises(&node));
        let mut made = sources(&node);
        if !constant {
            if let Some(format) = words.filter(|_| quantises).and_then(Words::format) {
                for source in made.drain(..) {
                    self.layers[source].stated.output.get_or_insert(format);
                }
            }
            self.owned.extend(owned);
            let mut operands = outcome.operands.iter();
            for (place, (part, operation)) in outcome.works.into_iter().enumerate() {
                let name = layer_name(index, &node, operation);
                let name = if part.is_empty() { name } else { format!("{name}.{part}") };
                let on_array = !matches!(operation, Work::Vector(_));
                let stated = match on_array.then(|| operands.next()).flatten() {
                    Some(&[input, weight]) => {
                        let format = |index| node.optional(index)?.words?.format();
                        let output = words.filter(|_| quantises).and_then(Words::format);
                        ByOperand { input: format(input), weight: format(weight), output }
                    }
                    None => ByOperand::default(),
                };
                if on_array {
                    made = vec![self.layers.len()];
                }
                self.layers.push(Layer {
                    name,
                    operation,
                    // Those of a node with several works belong to its first.
                    parameters: if place == 0 { parameters } else { 0 },
                    needs_input_gradient: before || place > 0 && parameters > 0,
                    unit: None,
                    stated,
                });
            }
        }
        for (place, (name, output)) in message.output.iter().zip(outcome.outputs).enumerate() {
            let Output { shape, value, constant: of_shape } = output;
            let constant = constant || of_shape;
            let fact = Fact {
                shape,
                value: value.filter(|_| constant),
                constant,
                trained: trained && !constant,
                weight: weight.clone(),
                words: words.filter(|_| place == 0 || message.op_type == "Split"),
                sources: made.clone(),
            };
            self.keep(name, fact);
        }
        Ok(())
    }

    /// The inferred shape, or the model's declaration if the rule lacks a constant; both must agree.
    fn outcome(&self, node: &Node<'a>) -> Result<Outcome, NodeProblem> {
        let declared = |name: &String| self.declared.get(name.as_str());
        let outcome = match rules::apply(node) {
            Err(problem @ NodeProblem::Value { .. }) => {
                let shapes: Option<Vec<_>> =
                    node.message.output.iter().map(|name| declared(name).cloned()).collect();
                Outcome::declared(shapes.ok_or(problem)?)
            }
            other => other?,
        };
        for (name, output) in node.message.output.iter().zip(&outcome.outputs) {
            if let Some(declared) = declared(name)
                && *declared != output.shape
            {
                return Err(NodeProblem::Contradiction {
                    output: name.clone(),
                    declared: declared.clone(),
                    inferred: output.shape.clone(),
                });
            }
        }
        for output in &outcome.outputs {
            checked(output.shape.clone())?;
        }
        Ok(outcome)
    }

    /// Elements of the initialisers that become the node's parameters, and their names. Single
    /// numbers are no parameters, and an initialiser belongs to its first user.
    fn parameters(&self, node: &Node<'_>, outcome: &Outcome) -> (u64, Vec<Rc<str>>) {
        let mut owned: Vec<Rc<str>> = Vec::new();
        let mut elements = 0u64;
        for fact in outcome.parameters.iter().filter_map(|&index| node.optional(index)) {
            let Some(weight) = &fact.weight else { continue };
            if fact.elements() > 1 && !self.owned.contains(weight) && !owned.contains(weight) {
                elements = elements.saturating_add(fact.elements());
                owned.push(weight.clone());
            }
        }
        (elements, owned)
    }
}

fn initialiser(tensor: &proto::Tensor) -> Result<Fact, OnnxError> {
    let shape = checked(tensor.shape()?).map_err(|problem| OnnxError::Tensor {
        tensor: tensor.name.clone(),
        why: problem.to_string(),
    })?;
    Ok(Fact {
        shape,
        value: tensor.value()?.map(Rc::new),
        constant: true,
        trained: false,
        weight: element::can_be_trained(tensor.data_type).then(|| Rc::from(tensor.name.as_str())),
        words: Words::of_type(tensor.data_type),
        sources: Vec::new(),
    })
}

/// The layers on the array that the inputs of `node` are functions of, as long as they are few.
fn sources(node: &Node<'_>) -> Vec<usize> {
    const MOST: usize = 8;
    let all = node.inputs.iter().flatten().flat_map(|fact| fact.sources.iter().copied());
    let distinct: BTreeSet<usize> = all.collect();
    distinct.into_iter().rev().take(MOST).collect()
}

/// `conv1` for a product with weight `conv1.weight`, else the name of the node.
fn layer_name(index: usize, node: &Node<'_>, operation: Work) -> String {
    if !matches!(operation, Work::Vector(_)) {
        let weights = node.inputs.iter().flatten().filter_map(|fact| fact.weight.as_deref());
        let layer = weights.filter_map(|name| name.strip_suffix(".weight")).next();
        if let Some(layer) = layer.filter(|layer| !layer.is_empty()) {
            return layer.to_owned();
        }
    }
    node.message.label(index)
}
