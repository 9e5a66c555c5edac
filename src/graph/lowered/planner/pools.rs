//! Pools as steps.

use super::{Edge, Planner, Stored, is_sum, span, two_axes};
use crate::graph::Value;
use crate::graph::lowered::observed::{Kind, Link};
use crate::graph::lowered::segment::Step;
use crate::graph::lowered::unary::Meaning;
use crate::graph::operator::Placed;
use crate::graph::window::AxisWindows;
use hwmodel::cast::low;

impl Planner<'_, '_> {
    /// The largest words under windows, or their sums with the scale of a mean.
    pub(super) fn pool(
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
    pub(super) fn mean_between(
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
}
