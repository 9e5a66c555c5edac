//! Element-wise functions of tensors in memory as steps.

use super::{Edge, Planner, Stored, is_narrow, span};
use crate::graph::lowered::observed::{Kind, Link};
use crate::graph::lowered::pair;
use crate::graph::lowered::segment::Step;
use crate::graph::lowered::unary::{Meaning, Wanted};
use crate::graph::operator::Form;
use crate::graph::{Scaled, Value};

impl Planner<'_, '_> {
    /// The tensor of `edge`, for which a step is added.
    pub(super) fn computed(&mut self, edge: &Edge) -> Option<usize> {
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
}
