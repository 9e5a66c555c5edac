//! Programs of which the quantised convolutions, with what lies between them, are run as steps on integers of 16 bits.
//!
//! Operators say what they are ([`Form`](super::Form)); nothing here knows how one rounds. A [`Lowered`] program is made from what
//! the nodes do on a sample of the inputs: kinds, scales and ranges of their values. Chains of nodes with one result for each element
//! become functions of one integer or of two. What such a function is, the operators themselves tell: all their results, or
//! those on both sides of every step of a function that never falls, are compared with those of a short loop (a factor and a
//! rounding), and stored as a table if no loop gives the same. So every result is that of [`Program::run`], bit for bit.

mod observed;
mod pair;
mod planner;
mod segment;
#[cfg(test)]
mod tests;
mod unary;

use super::error::GraphError;
use super::operator::Place;
use super::program::{NodeRun, Program, Values};
use super::value::Value;
use crate::onnx::model::Node;
use hwmodel::Accumulator;
use observed::Sample;
use planner::{Part, Planned};
use segment::Step;

/// A program that is partly run in segments.
pub struct Lowered<'p> {
    program: &'p Program,
    parts: Vec<Part>,
    /// Rows of the sample.
    rows: usize,
    /// For each node what it did on the sample.
    nodes: Vec<(Place, u64)>,
}

/// What a node of a segment did.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally<'p> {
    /// The node.
    pub node: &'p Node,
    /// Where its work was done.
    pub place: Place,
    /// Multiply-adds on the array.
    pub macs: u64,
    /// Lowest and highest exact sum of its products, bias included.
    pub sums: Option<(i64, i64)>,
}

impl<'p> Lowered<'p> {
    /// `program`, as far as its nodes can be run in segments. `sample` are inputs of `rows` rows each. `observe` sees what every
    /// node does on them. `None` if no node can: there is no quantised convolution, or the accumulator has a limited width.
    ///
    /// # Errors
    /// If the program cannot be run on the sample.
    pub fn new(
        program: &'p Program,
        sample: Values,
        rows: usize,
        observe: impl FnMut(&NodeRun<'_>),
    ) -> Result<Option<Self>, GraphError> {
        if program.arithmetic().array.accumulator != Accumulator::default() {
            return Ok(None);
        }
        let has_words = |node: &Node| {
            let weights = node.inputs.get(1).and_then(|name| program.constant(name));
            matches!(weights, Some(Value::Scaled(_))) || node.operator.starts_with("QLinear")
        };
        if !program.nodes().any(has_words) {
            return Ok(None);
        }
        let sample = Sample::new(program, sample, rows, observe)?;
        let parts = planner::parts(&sample);
        if !parts.iter().any(|part| matches!(part, Part::Segment(_))) {
            return Ok(None);
        }
        let nodes = sample.nodes.iter().map(|node| (node.place, node.macs)).collect();
        Ok(Some(Self { program, parts, rows, nodes }))
    }

    /// The nodes that are run in segments.
    pub fn nodes(&self) -> impl Iterator<Item = &'p Node> + '_ {
        let segments = self.parts.iter().filter_map(|part| match part {
            Part::Segment(planned) => Some(planned.nodes.clone()),
            Part::Node(_) => None,
        });
        segments.flatten().map(|node| self.program.node(node))
    }

    /// The outputs of [`Program::run`]. `observe` sees the nodes that are run by themselves, `tally` what the others did.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run(
        &self,
        mut values: Values,
        mut observe: impl FnMut(&NodeRun<'_>) -> Result<(), GraphError>,
        mut tally: impl FnMut(Tally<'p>),
    ) -> Result<Values, GraphError> {
        self.program.check_inputs(&values)?;
        for part in &self.parts {
            match part {
                Part::Node(node) => self.program.run_node(*node, &mut values, &mut observe)?,
                Part::Segment(planned) => {
                    if !self.segment(planned, &mut values, &mut tally) {
                        for node in planned.nodes.clone() {
                            self.program.run_node(node, &mut values, &mut observe)?;
                        }
                    }
                }
            }
        }
        self.program.results(&values)
    }

    /// Runs a segment; false if its inputs are not of the kind that the sample had.
    fn segment(
        &self,
        planned: &Planned,
        values: &mut Values,
        tally: &mut impl FnMut(Tally<'p>),
    ) -> bool {
        let mut images = None;
        let mut entries = Vec::with_capacity(planned.entries.len());
        for entry in &planned.entries {
            let Some(value) = values.get(&entry.name) else { return false };
            let shape = value.shape();
            let fits = shape.get(1..) == entry.shape.get(1..)
                && entry.kind.is_of(value)
                && images.is_none_or(|images| images == shape[0]);
            if !fits {
                return false;
            }
            images = Some(shape[0]);
            entries.push(value.clone());
        }
        let Some(images) = images else { return false };
        let integers: Vec<&[i64]> = entries
            .iter()
            .filter_map(|value| match value {
                Value::Scaled(value) => Some(value.integers.as_slice()),
                Value::Integer(value) => Some(value.values.as_slice()),
                Value::Real(_) => None,
            })
            .collect();
        let (exits, extremes) = planned.segment.run(&integers, images);
        let arithmetic = self.program.arithmetic();
        for (exit, integers) in planned.exits.iter().zip(exits) {
            let mut shape = exit.shape.clone();
            shape[0] = images;
            let value = exit.kind.value(arithmetic, shape, integers);
            values.insert(exit.name.clone(), value);
        }
        let mut sums = vec![None; self.nodes.len()];
        for (step, extremes) in planned.segment.steps.iter().zip(extremes) {
            if let Step::Convolve(convolve) = step {
                sums[convolve.node] = extremes.map(|(low, high)| (low.into(), high.into()));
            }
        }
        for node in planned.nodes.clone() {
            let (place, macs) = self.nodes[node];
            // Products are as many for every row.
            let macs = macs / self.rows as u64 * images as u64;
            tally(Tally { node: self.program.node(node), place, macs, sums: sums[node] });
            self.program.forget(node, values);
        }
        true
    }
}
