//! Convolutions as steps.

use super::{Edge, Planner, Stored, is_sum, span, two_axes};
use crate::graph::lowered::observed::{Kind, Link};
use crate::graph::lowered::segment::{Convolve, Step};
use crate::graph::lowered::unary::{LANES, Meaning};
use crate::graph::operator::Placed;
use crate::graph::window::AxisWindows;
use crate::graph::{Scaled, Value};
use hwmodel::array::{DirectFilters, DirectShape};
use hwmodel::cast::low;

impl Planner<'_, '_> {
    /// The tensor of `name` in 16 bits with words of zero where the value has its zero point.
    pub(super) fn words(&mut self, name: &str, zeros: &[i64]) -> Result<Option<usize>, usize> {
        let stored = self.narrow(name)?;
        let zero = zeros.first().copied().filter(|zero| zeros.iter().all(|other| other == zero));
        Ok(zero.filter(|&zero| self.stored[stored].offset == zero).map(|_| stored))
    }

    /// The sums of a convolution, or what its node makes of them if `values` are the inputs of its inner operator.
    pub(super) fn convolution(
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
    pub(super) fn probe(
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
}
