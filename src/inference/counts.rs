//! What the nodes did.

use super::run::Piece;
use crate::graph::{NodeRun, Place, Tally, Value};
use crate::onnx::model::Node;
use crate::tensor::ElementType;
use std::collections::HashMap;

/// What a node did over all pieces.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeCounts {
    /// Its name.
    pub node: String,
    /// Its operator, with the domain unless it is ONNX's own.
    pub operator: String,
    /// Shape of its first output for the first piece.
    pub shape: Vec<usize>,
    /// Type of its elements.
    pub element: ElementType,
    /// Lowest and highest integer of a quantised output.
    pub range: Option<(i64, i64)>,
    /// The same of its inputs, where they are quantised.
    pub input_ranges: Vec<Option<(i64, i64)>>,
    /// Where its work was done.
    pub place: Place,
    /// Multiply-adds on the array.
    pub macs: u64,
    /// Additions that left the range of the array's accumulator.
    pub accumulator_events: u64,
    /// Lowest and highest exact sum of its products.
    pub sums: Option<(i64, i64)>,
}

impl NodeCounts {
    fn add_sums(&mut self, sums: Option<(i64, i64)>) {
        if let Some((low, high)) = sums {
            let (least, most) = self.sums.unwrap_or((low, high));
            self.sums = Some((least.min(low), most.max(high)));
        }
    }
}

/// Counts of all nodes, in the order of execution.
#[derive(Debug, Default)]
pub struct Counts {
    nodes: Vec<NodeCounts>,
    places: HashMap<String, usize>,
}

/// Integers that a value may have.
fn range(value: &Value) -> Option<(i64, i64)> {
    match value {
        Value::Scaled(value) => Some(value.range),
        Value::Integer(value) => value.element.integer_range(),
        Value::Real(_) => None,
    }
}

/// What tells a node from others: outputs have one maker, so that they name a node even if two nodes have one name.
fn key(node: &Node) -> &str {
    node.outputs.iter().find(|name| !name.is_empty()).unwrap_or(&node.name)
}

impl Counts {
    /// Adds a run of a node.
    pub fn add(&mut self, _: &Piece, run: &NodeRun<'_>) {
        let key = key(run.node).to_owned();
        let nodes = &mut self.nodes;
        let place = *self.places.entry(key).or_insert_with(|| {
            let first = run.outputs.first();
            nodes.push(NodeCounts {
                node: run.node.name.clone(),
                operator: run.node.operator_name(),
                shape: first.map_or(Vec::new(), |value| value.shape().to_vec()),
                element: first.map_or(ElementType::Float32, Value::element),
                range: first.and_then(range),
                input_ranges: run
                    .inputs
                    .iter()
                    .map(|input| input.as_ref().and_then(range))
                    .collect(),
                place: run.place,
                macs: 0,
                accumulator_events: 0,
                sums: None,
            });
            nodes.len() - 1
        });
        let counts = &mut self.nodes[place];
        counts.place = counts.place.max(run.place);
        counts.macs += run.macs;
        counts.accumulator_events += run.accumulator_events;
        if let Some(sums) = run.sums {
            let (low, high) = (sums.values.iter().min(), sums.values.iter().max());
            counts.add_sums(low.copied().zip(high.copied()));
        }
    }

    /// Adds what nodes did that were seen before.
    pub(super) fn merge(&mut self, other: &Self) {
        for (key, &from) in &other.places {
            let Some(&place) = self.places.get(key) else { continue };
            let (counts, other) = (&mut self.nodes[place], &other.nodes[from]);
            counts.place = counts.place.max(other.place);
            counts.macs += other.macs;
            counts.accumulator_events += other.accumulator_events;
            counts.add_sums(other.sums);
        }
    }

    /// Adds what a node did that was seen before.
    pub fn add_tally(&mut self, tally: &Tally<'_>) {
        let Some(&place) = self.places.get(key(tally.node)) else { return };
        let counts = &mut self.nodes[place];
        counts.place = counts.place.max(tally.place);
        counts.macs += tally.macs;
        counts.add_sums(tally.sums);
    }

    /// Takes back what the nodes did on a sample of `sample` rows, and gives their outputs the shapes for `rows` rows.
    pub(super) fn clear(&mut self, sample: usize, rows: usize) {
        for counts in &mut self.nodes {
            (counts.macs, counts.accumulator_events, counts.sums) = (0, 0, None);
            if let Some(first) = counts.shape.first_mut().filter(|first| **first == sample) {
                *first = rows;
            }
        }
    }

    /// The nodes.
    pub fn nodes(&self) -> &[NodeCounts] {
        &self.nodes
    }
}
