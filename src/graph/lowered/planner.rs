//! From the nodes of a program to segments of steps on integers of 16 and 32 bits.

mod functions;
mod memory;
mod pools;
mod products;

use super::observed::{Kind, Link, Sample};
use super::segment::{Buffer, Port, Segment, Step};
use super::unary::Meaning;
use crate::graph::Value;
use crate::graph::operator::Form;
use crate::graph::window::AxisWindows;
use std::collections::{HashMap, HashSet};

/// How many nodes may turn out not to be possible in a segment before none is made.
const MOST_TRIALS: usize = 64;

/// A part of a program.
pub(super) enum Part {
    /// A node, run by its operator.
    Node(usize),
    /// Nodes that are run together.
    Segment(Box<Planned>),
}

/// A segment and its place in the program.
pub(super) struct Planned {
    pub(super) segment: Segment,
    pub(super) nodes: std::ops::Range<usize>,
    pub(super) entries: Vec<Outer>,
    pub(super) exits: Vec<Outer>,
}

/// A tensor that a segment reads or makes.
pub(super) struct Outer {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Of the sample.
    pub(super) shape: Vec<usize>,
}

/// The parts of the program; none is a segment if nothing is gained.
pub(super) fn parts(sample: &Sample<'_>) -> Vec<Part> {
    let count = sample.nodes.len();
    let mut ordinary = vec![false; count];
    for _ in 0..MOST_TRIALS {
        match trial(sample, &mut ordinary) {
            Ok(parts) => return parts,
            Err(node) => ordinary[node] = true,
        }
    }
    (0..count).map(Part::Node).collect()
}

/// # Errors
/// A node that cannot be in a segment.
fn trial(sample: &Sample<'_>, ordinary: &mut [bool]) -> Result<Vec<Part>, usize> {
    let mut parts = Vec::new();
    let mut node = 0;
    while node < ordinary.len() {
        if ordinary[node] {
            parts.push(Part::Node(node));
            node += 1;
            continue;
        }
        let end = (node..ordinary.len()).find(|&end| ordinary[end]).unwrap_or(ordinary.len());
        let planned = Planner::new(sample, node..end).planned()?;
        let convolves = |step: &Step| matches!(step, Step::Convolve(_));
        if planned.segment.steps.iter().any(convolves) {
            parts.push(Part::Segment(Box::new(planned)));
        } else {
            ordinary[node..end].fill(true);
            parts.extend((node..end).map(Part::Node));
        }
        node = end;
    }
    Ok(parts)
}

/// A tensor in memory.
#[derive(Clone)]
struct Stored {
    buffer: usize,
    kind: Kind,
    /// Number of axes, the first two of which are images and channels.
    rank: usize,
    /// What is subtracted from the integers in memory.
    offset: i64,
    /// The integers in memory: of all channels, or of each.
    ranges: Vec<(i64, i64)>,
    meaning: Option<Meaning>,
}

/// A value: functions of tensors in memory.
#[derive(Clone)]
struct Edge {
    /// One tensor, or two if the first link has two inputs.
    of: Vec<usize>,
    links: Vec<Link>,
}

struct Planner<'s, 'p> {
    sample: &'s Sample<'p>,
    nodes: std::ops::Range<usize>,
    steps: Vec<Step>,
    buffers: Vec<Buffer>,
    stored: Vec<Stored>,
    edges: HashMap<String, Edge>,
    entries: Vec<(Outer, Port)>,
    /// How many nodes of the program read a value.
    readers: HashMap<&'p str, usize>,
    outputs: HashSet<&'p str>,
}

impl<'s, 'p> Planner<'s, 'p> {
    fn new(sample: &'s Sample<'p>, nodes: std::ops::Range<usize>) -> Self {
        let mut readers = HashMap::new();
        for node in sample.program.nodes() {
            for name in &node.inputs {
                *readers.entry(name.as_str()).or_default() += 1;
            }
        }
        Self {
            sample,
            nodes,
            steps: Vec::new(),
            buffers: Vec::new(),
            stored: Vec::new(),
            edges: HashMap::new(),
            entries: Vec::new(),
            readers,
            outputs: sample.program.outputs.iter().map(String::as_str).collect(),
        }
    }

    /// # Errors
    /// A node that cannot be in a segment.
    fn planned(mut self) -> Result<Planned, usize> {
        for node in self.nodes.clone() {
            self.node(node).ok_or(node).and_then(|done| done)?;
        }
        let mut exits = Vec::new();
        for node in self.nodes.clone() {
            let name = &self.sample.program.node(node).outputs[0];
            let later = self.nodes.end..self.sample.nodes.len();
            let is_read = later
                .into_iter()
                .any(|later| self.sample.program.node(later).inputs.contains(name));
            if is_read || self.outputs.contains(name.as_str()) {
                let stored = self.in_memory(name)?;
                let stored = &self.stored[stored];
                let port = Port { buffer: stored.buffer, offset: stored.offset };
                let shape = self.sample.nodes[node].outputs[0].shape().to_vec();
                exits.push((Outer { name: name.clone(), kind: stored.kind.clone(), shape }, port));
            }
        }
        let ports: Vec<Port> = exits.iter().map(|(_, port)| *port).collect();
        self.fuse(&ports);
        let (entries, entry_ports): (Vec<Outer>, Vec<Port>) = self.entries.into_iter().unzip();
        let mut segment = Segment {
            simd: self.sample.arithmetic().simd(),
            steps: self.steps,
            buffers: self.buffers,
            entries: entry_ports,
            exits: ports,
        };
        memory::share_memory(&mut segment);
        let exits = exits.into_iter().map(|(outer, _)| outer).collect();
        Ok(Planned { segment, nodes: self.nodes, entries, exits })
    }

    /// Adds a node; `None` if it is not possible, an error if another one is not.
    fn node(&mut self, node: usize) -> Option<Result<(), usize>> {
        let sample = self.sample;
        let observed = &sample.nodes[node];
        let names = &sample.program.node(node).inputs;
        let outputs = &sample.program.node(node).outputs;
        let shape = observed.outputs.first()?.shape();
        if outputs.len() != 1 || shape.len() < 2 || shape[0] != sample.rows {
            return None;
        }
        let variables = sample.variables(node);
        let mut inputs = Vec::new();
        for &variable in &variables {
            let value = observed.inputs[variable].as_ref()?;
            if value.shape().len() < 2 || value.shape()[0] != sample.rows {
                return None;
            }
            let name = &names[variable];
            if !self.edges.contains_key(name) {
                self.enter(name, value)?;
            }
            inputs.push(name.clone());
        }
        let edge = match (sample.form(node), inputs.as_slice()) {
            (form @ (Form::Rising | Form::ElementWise), [name]) => {
                let value = observed.inputs[variables[0]].as_ref()?;
                if value.shape() != shape {
                    return None;
                }
                let rises = matches!(form, Form::Rising);
                self.function(node, name, rises)
            }
            (Form::ElementWise, [a, b]) => {
                let alike = variables
                    .iter()
                    .all(|&index| observed.inputs[index].as_ref().map(Value::shape) == Some(shape));
                if !alike {
                    return None;
                }
                self.narrow(a).and_then(|a| {
                    let of = vec![a, self.narrow(b)?];
                    Ok(Edge { of, links: vec![Link::Node(node)] })
                })
            }
            (Form::Reshaped, [name]) => self.in_memory(name).and_then(|stored| {
                let buffer = self.buffers[self.stored[stored].buffer];
                let same = buffer.pixels == [1, 1] && shape[1] == buffer.channels;
                let kept = observed.inputs[variables[0]].as_ref().map(Value::shape) == Some(shape);
                if !same && !kept {
                    return Err(node);
                }
                let kind = Kind::of(&observed.outputs[0]).ok_or(node)?;
                let stored = Stored { kind, rank: shape.len(), ..self.stored[stored].clone() };
                Ok(self.edge_of(stored))
            }),
            (Form::Convolution(placed), [name]) => {
                self.convolution(node, name, placed, None).ok_or(node)
            }
            (Form::Maximum(placed), [name]) => self.pool(node, name, placed, true),
            (Form::Mean(placed), [name]) => self.pool(node, name, placed, false),
            (Form::Between(between), [name]) => {
                let call = sample.call(node, observed.inputs.clone());
                let values = between.inputs(&call).ok()?;
                let constants = vec![None; values.len()];
                match between.inner().form(&constants) {
                    Form::Convolution(placed) => {
                        self.convolution(node, name, placed, Some(values)).ok_or(node)
                    }
                    Form::Mean(placed) => self.mean_between(node, name, placed, values).ok_or(node),
                    _ => return None,
                }
            }
            _ => return None,
        };
        match edge {
            Ok(edge) => {
                self.edges.insert(outputs[0].clone(), edge);
                Some(Ok(()))
            }
            Err(node) => Some(Err(node)),
        }
    }

    /// A value that nodes outside of the segment make.
    fn enter(&mut self, name: &str, value: &Value) -> Option<()> {
        let kind = Kind::of(value)?;
        let (low, high) = kind.range()?;
        let maker = (0..self.nodes.start).find(|&node| {
            self.sample.program.node(node).outputs.first().is_some_and(|n| n == name)
        });
        let meaning = match &kind {
            Kind::Scaled { scale, .. } => {
                if scale.axis.is_some_and(|axis| axis != 1) {
                    return None;
                }
                Some(Meaning { scales: scale.scales.clone(), zeros: scale.zero_points.clone() })
            }
            _ => maker.and_then(|maker| self.sample.meaning(maker)),
        };
        let offset = meaning.as_ref().and_then(Meaning::zero).unwrap_or(0);
        let range = (low.checked_sub(offset)?, high.checked_sub(offset)?);
        if !is_narrow(range) {
            return None;
        }
        let buffer = self.buffer(value.shape(), false)?;
        let shape = value.shape().to_vec();
        let (rank, outer) =
            (shape.len(), Outer { name: name.to_owned(), kind: kind.clone(), shape });
        self.entries.push((outer, Port { buffer, offset }));
        let edge =
            self.edge_of(Stored { buffer, kind, rank, offset, ranges: vec![range], meaning });
        self.edges.insert(name.to_owned(), edge);
        Some(())
    }

    /// Memory for an image of a tensor of this shape.
    fn buffer(&mut self, shape: &[usize], wide: bool) -> Option<usize> {
        let pixels = match shape[2..] {
            [] => [1, 1],
            [width] => [1, width],
            [height, width] => [height, width],
            _ => return None,
        };
        if shape[1..].contains(&0) {
            return None;
        }
        let slot = self.buffers.len();
        self.buffers.push(Buffer { pixels, channels: shape[1], wide, slot });
        Some(slot)
    }

    fn edge_of(&mut self, stored: Stored) -> Edge {
        self.stored.push(stored);
        Edge { of: vec![self.stored.len() - 1], links: Vec::new() }
    }

    /// The value of a node that computes each element from that of `name`.
    fn function(&mut self, node: usize, name: &str, rises: bool) -> Result<Edge, usize> {
        let mut edge = self.edges[name].clone();
        let is_shared = self.readers.get(name).is_some_and(|&readers| readers > 1)
            || self.outputs.contains(name);
        let has_few = edge.of.len() == 2 || is_narrow(span(&self.stored[edge.of[0]].ranges));
        if !edge.links.is_empty() && (is_shared || (!rises && !has_few)) {
            self.in_memory(name)?;
            edge = self.edges[name].clone();
        }
        edge.links.push(Link::Node(node));
        Ok(edge)
    }

    /// The tensor of `name` in 16 bits.
    fn narrow(&mut self, name: &str) -> Result<usize, usize> {
        let stored = self.in_memory(name)?;
        let buffer = self.buffers[self.stored[stored].buffer];
        match buffer.wide {
            false => Ok(stored),
            // The convolution whose sums they are.
            true => Err(self
                .steps
                .iter()
                .find_map(|step| match step {
                    Step::Convolve(convolve) if self.buffers[convolve.output] == buffer => {
                        Some(convolve.node)
                    }
                    _ => None,
                })
                .unwrap_or(self.nodes.start)),
        }
    }

    /// The tensor of `name`, for which a step is added if it is not in memory.
    fn in_memory(&mut self, name: &str) -> Result<usize, usize> {
        let edge = self.edges[name].clone();
        let Some(&first) = edge.links.first() else { return Ok(edge.of[0]) };
        let stored = self.computed(&edge).ok_or(first.node())?;
        self.edges.insert(name.to_owned(), Edge { of: vec![stored], links: Vec::new() });
        Ok(stored)
    }
}

/// Height and width; one axis is a height of 1. `None` if there are more, or a window has padding only.
fn two_axes(axes: &[AxisWindows]) -> Option<[AxisWindows; 2]> {
    let is_filled = |axis: &AxisWindows| {
        (0..axis.output).all(|at| (0..axis.kernel).any(|tap| axis.source(at, tap).is_some()))
    };
    if !axes.iter().all(is_filled) {
        return None;
    }
    let one =
        AxisWindows { size: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0, output: 1 };
    match *axes {
        [width] => Some([one, width]),
        [height, width] => Some([height, width]),
        _ => None,
    }
}

/// Whether a sum is far from the ends of 32 bits.
fn is_sum(sum: i64) -> bool {
    sum.unsigned_abs() <= 1 << 30
}

fn span(ranges: &[(i64, i64)]) -> (i64, i64) {
    let low = ranges.iter().map(|range| range.0).min().unwrap_or(0);
    (low, ranges.iter().map(|range| range.1).max().unwrap_or(0))
}

fn is_narrow((low, high): (i64, i64)) -> bool {
    i16::try_from(low).is_ok() && i16::try_from(high).is_ok()
}
