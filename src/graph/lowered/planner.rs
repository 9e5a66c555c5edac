//! From the nodes of a program to segments of steps on integers of 16 and 32 bits.

use super::observed::{Kind, Link, Sample};
use super::pair;
use super::segment::{Buffer, Convolve, Port, Segment, Step};
use super::unary::{LANES, Meaning, Wanted};
use crate::graph::operator::{Form, Placed};
use crate::graph::window::AxisWindows;
use crate::graph::{Scaled, Value};
use hwmodel::array::{DirectFilters, DirectShape};
use hwmodel::cast::low;
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
        share_memory(&mut segment);
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

    fn computed(&mut self, edge: &Edge) -> Option<usize> {
        let sample = self.sample;
        let last = edge.links.last()?.node();
        let result = sample.nodes[last].outputs.first()?;
        let kind = Kind::of(result)?;
        if matches!(&kind, Kind::Scaled { scale, .. } if scale.axis.is_some_and(|axis| axis != 1)) {
            return None;
        }
        let base = self.stored[edge.of[0]].clone();
        // A function that keeps the integers keeps what they stand for as well, if the node does not say.
        let meaning = sample.meaning(last);
        let zero = meaning.as_ref().and_then(Meaning::zero).unwrap_or(0);
        let (low, high) = kind.range()?;
        let range = (low.checked_sub(zero)?, high.checked_sub(zero)?);
        if !is_narrow(range) {
            return None;
        }
        let mut stored = Stored {
            buffer: 0,
            kind: kind.clone(),
            rank: result.shape().len(),
            offset: zero,
            ranges: vec![range],
            meaning: meaning.clone(),
        };
        let integers = |value: Value| match value {
            Value::Scaled(Scaled { ref integers, .. }) if kind.is_of(&value) => {
                Some(integers.to_vec())
            }
            Value::Integer(ref found) if kind.is_of(&value) => Some(found.values.to_vec()),
            _ => None,
        };
        if let [a, b] = edge.of[..] {
            let (a, b) = (self.stored[a].clone(), self.stored[b].clone());
            let uniform = edge.links.iter().all(|link| sample.is_uniform(link.node()));
            if !(uniform && a.kind.is_uniform() && b.kind.is_uniform() && kind.is_uniform()) {
                return None;
            }
            let truth = |left: &[i64], right: &[i64]| {
                let value = |stored: &Stored, integers: &[i64]| {
                    let mut shape = vec![1; stored.rank];
                    shape[0] = integers.len();
                    let integers = integers.iter().map(|value| value + stored.offset).collect();
                    stored.kind.value(sample.arithmetic(), shape, integers)
                };
                let values = [value(&a, left), value(&b, right)];
                let value = sample.first_output(edge.links[0].node(), &values).ok()?;
                integers(sample.followed(&edge.links[1..], value).ok()?)
            };
            let scales = match (&a.meaning, &b.meaning, &meaning) {
                (Some(left), Some(right), Some(result))
                    if left.zero() == Some(a.offset) && right.zero() == Some(b.offset) =>
                {
                    pair::scales([left, right], result)
                }
                _ => None,
            };
            let ranges = [span(&a.ranges), span(&b.ranges)];
            let wanted = pair::Wanted { ranges, truth: &truth, scales, offset: zero, zero };
            let function = wanted.make()?;
            stored.buffer = self.buffer(result.shape(), false)?;
            let (inputs, output) = ([a.buffer, b.buffer], stored.buffer);
            self.steps.push(Step::Pair { inputs, output, function });
            self.stored.push(stored);
            return Some(self.stored.len() - 1);
        }
        let uniform = edge.links.iter().all(|link| sample.is_uniform(link.node()));
        let per_channel =
            !(uniform && base.kind.is_uniform() && kind.is_uniform() && base.ranges.len() == 1);
        let buffer = self.buffers[base.buffer];
        let columns = if per_channel { buffer.channels } else { 1 };
        let truth = |x: &[i64]| {
            let mut shape = vec![1; base.rank];
            shape[0] = x.len() / columns;
            shape[1] = columns;
            let x = x.iter().map(|value| value + base.offset).collect();
            let value = base.kind.value(sample.arithmetic(), shape, x);
            integers(sample.followed(&edge.links, value).ok()?)
        };
        let scales = match (&base.meaning, &meaning) {
            (Some(from), Some(to)) if from.zero() == Some(base.offset) => {
                Some((from.scales.clone(), to.scales.clone()))
            }
            _ => None,
        };
        let rising = edge.links.iter().all(|link| match link {
            Link::Node(node) => matches!(sample.form(*node), Form::Rising),
            Link::Finish(_) => true,
        });
        let wanted = Wanted {
            channels: buffer.channels,
            per_channel,
            ranges: base.ranges.clone(),
            rising,
            truth: &truth,
            scales,
            offset: zero,
            zero,
        };
        let function = wanted.make()?;
        if !buffer.wide && function.is_identity(span(&base.ranges)) {
            stored.buffer = base.buffer;
            stored.meaning = meaning.or_else(|| base.meaning.clone());
            stored.ranges.clone_from(&base.ranges);
        } else {
            stored.buffer = self.buffer(result.shape(), false)?;
            let (input, output) = (base.buffer, stored.buffer);
            self.steps.push(Step::Map { input, output, function });
        }
        self.stored.push(stored);
        Some(self.stored.len() - 1)
    }

    /// The tensor of `name` in 16 bits with words of zero where the value has its zero point.
    fn words(&mut self, name: &str, zeros: &[i64]) -> Result<Option<usize>, usize> {
        let stored = self.narrow(name)?;
        let zero = zeros.first().copied().filter(|zero| zeros.iter().all(|other| other == zero));
        Ok(zero.filter(|&zero| self.stored[stored].offset == zero).map(|_| stored))
    }

    /// The sums of a convolution, or what its node makes of them if `values` are the inputs of its inner operator.
    fn convolution(
        &mut self,
        node: usize,
        name: &str,
        placed: &dyn Placed,
        values: Option<Vec<Option<Value>>>,
    ) -> Option<Edge> {
        let sample = self.sample;
        let observed = &sample.nodes[node];
        if !observed.has_sums {
            return None;
        }
        let is_between = values.is_some();
        let values = values.unwrap_or_else(|| observed.inputs.clone());
        let (Some(Value::Scaled(x)), Some(Value::Scaled(w))) =
            (values.first()?.as_ref(), values.get(1)?.as_ref())
        else {
            return None;
        };
        let input = self.words(name, &x.scale.zero_points).ok()??;
        let (axes, groups) = placed.place(&x.shape, &w.shape).ok()?;
        let [height, width] = two_axes(&axes)?;
        let (filters, of_group) = (w.shape[0], w.shape[1]);
        let taps = height.kernel * width.kernel;
        // Words of the filters, channels last.
        let mut weights = vec![0i16; filters * taps * of_group];
        for (index, &integer) in w.integers.iter().enumerate() {
            let zero = w.scale.zero_points[w.scale.place(&w.shape, index)];
            let (filter, rest) = (index / (of_group * taps), index % (of_group * taps));
            let place = (filter * taps + rest % taps) * of_group + rest / taps;
            weights[place] = i16::try_from(integer.checked_sub(zero)?).ok()?;
        }
        let probe = self.probe(node, is_between, &values, x)?;
        let channels = filters;
        let (kind, bias): (Kind, Vec<i64>) = match &probe {
            Value::Scaled(value) => {
                let each = value.integers.len() / channels;
                let bias = value.integers.iter().copied().step_by(each).collect();
                (Kind::of(&probe)?, bias)
            }
            Value::Real(_) => {
                let wide = probe.wide();
                let each = wide.len() / channels;
                let [scale] = x.scale.scales[..] else { return None };
                // Between quantisers reals have another width.
                if is_between || w.scale.axis.is_some_and(|axis| axis != 0) {
                    return None;
                }
                let scales = w.scale.scales.iter().map(|w| scale * w).collect();
                let bias = wide.iter().copied().step_by(each).collect();
                (Kind::Biased { scales, bias }, vec![0; channels])
            }
            Value::Integer(_) => return None,
        };
        // The sums that are possible for each filter.
        let (least, most) = span(&self.stored[input].ranges);
        let (least, most) = (least.min(0), most.max(0));
        let mut ranges = Vec::with_capacity(channels);
        for (weights, &bias) in weights.chunks_exact(taps * of_group).zip(&bias) {
            let ends = |w: &i16| (i64::from(*w) * least, i64::from(*w) * most);
            let low: i64 = weights.iter().map(ends).map(|(a, b)| a.min(b)).sum();
            let high: i64 = weights.iter().map(ends).map(|(a, b)| a.max(b)).sum();
            for (end, bias) in [(0, bias), (low, 0), (high, 0), (low, bias), (high, bias)] {
                is_sum(end.checked_add(bias)?).then_some(())?;
            }
            ranges.push((low + bias, high + bias));
        }
        let reach = |axis: &AxisWindows| {
            let last = (axis.output - 1) * axis.stride + (axis.kernel - 1) * axis.dilation;
            (axis.size + axis.before + axis.after).max(last + 1)
        };
        let shape = DirectShape {
            image: [reach(&height), reach(&width)],
            channels: x.shape[1],
            filters,
            groups,
            kernel: [height.kernel, width.kernel],
            stride: [height.stride, width.stride],
            dilation: [height.dilation, width.dilation],
            output: [height.output, width.output],
        };
        let mut output_shape = vec![sample.rows, filters];
        output_shape.extend(axes.iter().map(|axis| axis.output));
        let filters = DirectFilters::new(sample.arithmetic().simd(), shape, &weights);
        let output = self.buffer(&output_shape, true)?;
        let mut padded: Vec<i32> = bias.iter().map(|&bias| low(bias)).collect();
        padded.resize(channels.next_multiple_of(LANES), 0);
        self.steps.push(Step::Convolve(Box::new(Convolve {
            input: self.stored[input].buffer,
            output,
            filters,
            padding: [height.before, width.before],
            bias: padded,
            function: None,
            node,
        })));
        let meaning = match &kind {
            Kind::Scaled { scale, .. } => {
                Some(Meaning { scales: scale.scales.clone(), zeros: scale.zero_points.clone() })
            }
            _ => None,
        };
        let rank = output_shape.len();
        let mut edge =
            self.edge_of(Stored { buffer: output, kind, rank, offset: 0, ranges, meaning });
        if is_between {
            edge.links.push(Link::Finish(node));
        }
        Some(edge)
    }

    /// What the operator of a node gives for words of 0.
    fn probe(
        &self,
        node: usize,
        is_between: bool,
        values: &[Option<Value>],
        x: &Scaled,
    ) -> Option<Value> {
        let mut shape = x.shape.clone();
        shape[0] = 1;
        let zero = x.scale.zero_points[0];
        let integers = vec![zero; shape.iter().product()];
        let mut inputs = values.to_vec();
        inputs[0] = Some(Value::Scaled(Scaled { shape, integers: integers.into(), ..x.clone() }));
        let outputs = match is_between {
            false => self.sample.operator(node).run(&mut self.sample.call(node, inputs)),
            true => {
                let between = self.sample.between(node)?;
                let arithmetic =
                    crate::graph::Arithmetic { wide_reals: true, ..*self.sample.arithmetic() };
                let mut call = crate::graph::Call {
                    arithmetic: &arithmetic,
                    ..self.sample.call(node, inputs)
                };
                between.inner().run(&mut call)
            }
        };
        outputs.ok()?.into_iter().next()
    }

    fn pool(
        &mut self,
        node: usize,
        name: &str,
        placed: &dyn Placed,
        is_maximum: bool,
    ) -> Result<Edge, usize> {
        let input = self.narrow(name)?;
        self.pooled(node, input, placed, is_maximum).ok_or(node)
    }

    fn pooled(
        &mut self,
        node: usize,
        input: usize,
        placed: &dyn Placed,
        is_maximum: bool,
    ) -> Option<Edge> {
        let observed = &self.sample.nodes[node];
        let (from, to) = (observed.inputs[0].as_ref()?, observed.outputs.first()?);
        let (axes, _) = placed.place(from.shape(), &[]).ok()?;
        let windows = two_axes(&axes)?;
        let kind = Kind::of(to)?;
        let stored = self.stored[input].clone();
        let rank = to.shape().len();
        if is_maximum {
            let buffer = self.buffer(to.shape(), false)?;
            let lowest = low(span(&stored.ranges).0);
            let (input, output) = (stored.buffer, buffer);
            self.steps.push(Step::Maximum { input, output, windows, lowest });
            return Some(self.edge_of(Stored { buffer, kind, rank, ..stored }));
        }
        let Kind::Scaled { scale, .. } = &kind else { return None };
        let (Value::Scaled(value), true) = (from, scale.is_symmetric()) else { return None };
        let zeros = &value.scale.zero_points;
        if zeros.iter().any(|&zero| zero != stored.offset) {
            return None;
        }
        let meaning = Meaning { scales: scale.scales.clone(), zeros: scale.zero_points.clone() };
        let (buffer, ranges) = self.sums(stored.buffer, to.shape(), windows, &stored.ranges)?;
        let meaning = Some(meaning);
        Some(self.edge_of(Stored { buffer, kind, rank, offset: 0, ranges, meaning }))
    }

    /// A step that adds the words under windows.
    fn sums(
        &mut self,
        input: usize,
        shape: &[usize],
        windows: [AxisWindows; 2],
        ranges: &[(i64, i64)],
    ) -> Option<(usize, Vec<(i64, i64)>)> {
        let taps = i64::try_from(windows[0].kernel * windows[1].kernel).ok()?;
        let (low, high) = span(ranges);
        let range = (low.min(0).checked_mul(taps)?, high.max(0).checked_mul(taps)?);
        (is_sum(range.0) && is_sum(range.1)).then_some(())?;
        let output = self.buffer(shape, true)?;
        self.steps.push(Step::Sum { input, output, windows });
        Some((output, vec![range]))
    }

    /// A mean between quantisers.
    fn mean_between(
        &mut self,
        node: usize,
        name: &str,
        placed: &dyn Placed,
        values: Vec<Option<Value>>,
    ) -> Option<Edge> {
        let Some(Value::Scaled(x)) = values.first()?.clone() else { return None };
        let input = self.words(name, &x.scale.zero_points).ok()??;
        let probe = self.probe(node, true, &values, &x)?;
        let kind = Kind::of(&probe)?;
        let Kind::Scaled { scale, .. } = &kind else { return None };
        if !scale.is_symmetric() {
            return None;
        }
        let meaning =
            Some(Meaning { scales: scale.scales.clone(), zeros: scale.zero_points.clone() });
        let (axes, _) = placed.place(&x.shape, &[]).ok()?;
        let shape = self.sample.nodes[node].outputs.first()?.shape().to_vec();
        let stored = self.stored[input].clone();
        let windows = two_axes(&axes)?;
        let (buffer, ranges) = self.sums(stored.buffer, &shape, windows, &stored.ranges)?;
        let rank = shape.len();
        let mut edge = self.edge_of(Stored { buffer, kind, rank, offset: 0, ranges, meaning });
        edge.links.push(Link::Finish(node));
        Some(edge)
    }

    /// Functions of sums that nothing else reads become part of the convolution.
    fn fuse(&mut self, exits: &[Port]) {
        let mut index = 0;
        while index < self.steps.len() {
            let Step::Convolve(convolve) = &self.steps[index] else {
                index += 1;
                continue;
            };
            let sums = convolve.output;
            let reads = |step: &Step| step.inputs().contains(&sums);
            let readers: Vec<usize> =
                (0..self.steps.len()).filter(|&step| reads(&self.steps[step])).collect();
            let is_exit = exits.iter().any(|port| port.buffer == sums);
            if let ([reader], false) = (readers.as_slice(), is_exit)
                && matches!(self.steps[*reader], Step::Map { .. })
                && let Step::Map { output, function, .. } = self.steps.remove(*reader)
                && let Step::Convolve(convolve) = &mut self.steps[index]
            {
                convolve.output = output;
                convolve.function = Some(function);
            }
            index += 1;
        }
    }
}

/// Gives buffers the memory of those that are not read any more.
fn share_memory(segment: &mut Segment) {
    let last_read = |segment: &Segment, buffer: usize| {
        if segment.exits.iter().any(|port| port.buffer == buffer) {
            return usize::MAX;
        }
        segment.steps.iter().rposition(|step| step.inputs().contains(&buffer)).unwrap_or(0)
    };
    // Free slots of 16 and of 32 bits, and how many there are.
    let mut free = [Vec::new(), Vec::new()];
    let mut count = [0; 2];
    let mut take = |segment: &mut Segment, free: &mut [Vec<usize>; 2], buffer: usize| {
        let kind = usize::from(segment.buffers[buffer].wide);
        segment.buffers[buffer].slot = free[kind].pop().unwrap_or_else(|| {
            count[kind] += 1;
            count[kind] - 1
        });
    };
    for entry in segment.entries.clone() {
        take(segment, &mut free, entry.buffer);
    }
    for index in 0..segment.steps.len() {
        let output = segment.steps[index].output();
        take(segment, &mut free, output);
        let mut inputs = segment.steps[index].inputs();
        inputs.dedup();
        for input in inputs {
            if last_read(segment, input) == index {
                let buffer = segment.buffers[input];
                free[usize::from(buffer.wide)].push(buffer.slot);
            }
        }
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
