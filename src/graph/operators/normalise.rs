//! Normalisation over groups of elements, on the float unit.

use crate::graph::axes::{axis, broadcast, broadcast_index, distinct, spread};
use crate::graph::operator::wide_of;
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Operator, Value};

/// Which elements are one group.
#[derive(Debug, Clone, PartialEq)]
enum Groups {
    /// All from this axis on.
    From(i64),
    /// All after the channel.
    Channel,
    /// Channels in so many groups, with all after them.
    Channels(usize),
    /// All along these axes.
    Axes(Vec<i64>),
}

/// What the scale and the bias are given for.
#[derive(Clone, Copy, PartialEq)]
enum Parameters {
    None,
    /// Broadcast to the input.
    Elements,
    Channels,
    /// Each group (GroupNormalization before opset 21).
    Groups,
}

struct Normalise {
    groups: Groups,
    parameters: Parameters,
    /// Whether the mean is subtracted.
    centred: bool,
    epsilon: f64,
    /// Whether the epsilon is added to the deviation and not to the variance.
    outside: bool,
    /// Inputs of scale and bias.
    scale_at: usize,
    bias_at: usize,
    /// Inputs that are added to the first one.
    added: &'static [usize],
    /// Output with the sum of these inputs.
    sum_at: Option<usize>,
}

/// The operators of this file.
pub(super) const NAMES: &[&str] = &[
    "GroupNormalization",
    "InstanceNormalization",
    "LayerNormalization",
    "MeanVarianceNormalization",
    "RMSNormalization",
    "SimplifiedLayerNormalization",
];

/// Those of ONNX Runtime's own domain.
pub(super) const MICROSOFT: &[&str] = &[
    "LayerNormalization",
    "SimplifiedLayerNormalization",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
];

const ABSENT: usize = usize::MAX;

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    let mut rule = Normalise {
        groups: Groups::From(-1),
        parameters: Parameters::Elements,
        centred: true,
        epsilon: definition.real("epsilon", 1e-5)?.into(),
        outside: false,
        scale_at: 1,
        bias_at: 2,
        added: &[],
        sum_at: None,
    };
    let (least, most) = match definition.node.operator.as_str() {
        "LayerNormalization" => {
            rule.groups = Groups::From(definition.integer("axis", -1)?);
            (2, 3)
        }
        "RMSNormalization" | "SimplifiedLayerNormalization" => {
            rule.groups = Groups::From(definition.integer("axis", -1)?);
            rule.centred = false;
            rule.bias_at = ABSENT;
            (2, 2)
        }
        name @ ("SkipLayerNormalization" | "SkipSimplifiedLayerNormalization") => {
            let centred = name == "SkipLayerNormalization";
            rule.epsilon = definition.real("epsilon", 1e-12)?.into();
            rule.centred = centred;
            rule.scale_at = 2;
            rule.bias_at = if centred { 3 } else { ABSENT };
            rule.added = if centred { &[1, 4] } else { &[1, 3] };
            rule.sum_at = Some(3);
            (3, if centred { 5 } else { 4 })
        }
        "InstanceNormalization" => {
            rule.groups = Groups::Channel;
            rule.parameters = Parameters::Channels;
            (3, 3)
        }
        "GroupNormalization" => {
            let count = definition.integer("num_groups", 0)?;
            let groups = usize::try_from(count).ok().filter(|&count| count > 0);
            rule.groups = Groups::Channels(groups.ok_or_else(|| Problem::Attribute {
                name: "num_groups",
                value: count.to_string(),
                allowed: "a number of groups above 0 is needed",
            })?);
            rule.parameters = match definition.version {
                ..21 => Parameters::Groups,
                _ => Parameters::Channels,
            };
            (3, 3)
        }
        "MeanVarianceNormalization" => {
            let axes = definition.integers("axes")?.unwrap_or(&[0, 2, 3]);
            rule.groups = Groups::Axes(axes.to_vec());
            rule.parameters = Parameters::None;
            rule.epsilon = 1e-9;
            rule.outside = true;
            (1, 1)
        }
        _ => return Err(Problem::NoOperator),
    };
    definition.expect_inputs(least, most)?;
    Ok(Box::new(rule))
}

impl Normalise {
    /// The shape of the groups, with a 1 for what lies within, under a shape of the input that may have one axis more.
    fn grouping(&self, shape: &[usize]) -> Result<(Vec<usize>, Vec<usize>), Problem> {
        let wrong = |why: &str| Problem::Shape(format!("its input has shape {shape:?}: {why}"));
        let ones = |first: usize, shape: &[usize]| {
            let size = |(axis, &size)| if axis >= first { 1 } else { size };
            shape.iter().enumerate().map(size).collect::<Vec<usize>>()
        };
        Ok(match &self.groups {
            Groups::From(first) => (ones(axis(*first, shape.len())?, shape), shape.to_vec()),
            Groups::Channel if shape.len() < 2 => return Err(wrong("two axes or more are needed")),
            Groups::Channel => (ones(2, shape), shape.to_vec()),
            Groups::Channels(count) => match *shape {
                [n, channels, ref rest @ ..] if channels.is_multiple_of(*count) => {
                    let mut parts = vec![n, *count, channels / count];
                    parts.extend_from_slice(rest);
                    (ones(2, &parts), parts)
                }
                _ => return Err(wrong(&format!("its channels do not make {count} equal groups"))),
            },
            Groups::Axes(axes) => {
                let axes = distinct(axes, shape.len())?;
                let size = |(axis, &size)| if axes.contains(&axis) { 1 } else { size };
                (shape.iter().enumerate().map(size).collect(), shape.to_vec())
            }
        })
    }

    /// A scale or a bias for each element.
    fn parameter(
        &self,
        call: &Call<'_>,
        index: usize,
        shape: &[usize],
        groups: (&[usize], &[usize]),
    ) -> Result<Option<Vec<f64>>, Problem> {
        let Some(value) = call.optional(index).filter(|_| self.parameters != Parameters::None)
        else {
            return Ok(None);
        };
        let numbers = wide_of("scale or bias", value)?;
        let wrong = || {
            let of = value.shape();
            Problem::Shape(format!(
                "a scale or bias of shape {of:?} for an input of shape {shape:?}"
            ))
        };
        let along = |count: usize, own: usize, parts: &[usize]| {
            let mut to = vec![1; parts.len()];
            to[own] = count;
            (numbers.len() == count).then(|| spread((&numbers, &to), parts)).ok_or_else(wrong)
        };
        let all = match self.parameters {
            Parameters::None => return Ok(None),
            Parameters::Elements => {
                if broadcast(&[value.shape(), shape])? != shape {
                    return Err(wrong());
                }
                spread((&numbers, value.shape()), shape)
            }
            Parameters::Channels => along(shape[1], 1, shape)?,
            Parameters::Groups => along(groups.0[1], 1, groups.1)?,
        };
        Ok(Some(all))
    }
}

impl Operator for Normalise {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let shape = x.shape().to_vec();
        let mut values = wide_of("input", x)?.into_owned();
        for value in self.added.iter().filter_map(|&index| call.optional(index)) {
            if broadcast(&[value.shape(), &shape])? != shape {
                let why = format!("shape {:?} is added to shape {shape:?}", value.shape());
                return Err(Problem::Shape(why));
            }
            let other = spread((&value.wide(), value.shape()), &shape);
            values.iter_mut().zip(other).for_each(|(value, other)| *value += other);
        }
        let sum = self.sum_at.filter(|&at| at < call.outputs).map(|_| values.clone());
        let (groups, parts) = self.grouping(&shape)?;
        let scale = self.parameter(call, self.scale_at, &shape, (&groups, &parts))?;
        let bias = self.parameter(call, self.bias_at, &shape, (&groups, &parts))?;
        let places = broadcast_index(&groups, &parts);
        let many: usize = groups.iter().product();
        let count = (values.len() / many.max(1)) as f64;
        let mean_of = |values: &[f64], f: fn(f64) -> f64| {
            let mut sums = vec![0.0; many];
            places.iter().zip(values).for_each(|(&place, &value)| sums[place] += f(value));
            sums.iter_mut().for_each(|sum| *sum /= count);
            sums
        };
        let means = if self.centred { mean_of(&values, |x| x) } else { vec![0.0; many] };
        places.iter().zip(&mut values).for_each(|(&place, value)| *value -= means[place]);
        let deviation = |variance: f64| match self.outside {
            true => variance.sqrt() + self.epsilon,
            false => (variance + self.epsilon).sqrt(),
        };
        let inverse: Vec<f64> =
            mean_of(&values, |x| x * x).into_iter().map(|x| deviation(x).recip()).collect();
        for (index, value) in values.iter_mut().enumerate() {
            *value *= inverse[places[index]];
            *value = *value * scale.as_ref().map_or(1.0, |scale| scale[index])
                + bias.as_ref().map_or(0.0, |bias| bias[index]);
        }
        let mut outputs = vec![call.reals(0, shape.clone(), values)?];
        if call.outputs > 1 {
            let others = if self.centred || self.sum_at.is_some() {
                vec![means, inverse]
            } else {
                vec![inverse]
            };
            for other in others {
                outputs.push(call.reals(0, groups.clone(), other)?);
            }
        }
        if let Some(sum) = sum {
            outputs.push(call.reals(0, shape, sum)?);
        }
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;

    fn near(a: &[f64], b: &[f64]) {
        let equal = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(equal, "{a:?} is not {b:?}");
    }

    #[test]
    fn layers_give_mean_and_inverse_deviation() {
        let y = Case::new("LayerNormalization").outputs(3).float("epsilon", 0.0);
        let y = y.reals(&[1, 2], &[1.0, 5.0]).reals(&[2], &[1.0, 2.0]).reals(&[2], &[0.5, 0.0]);
        let y = y.run().unwrap();
        near(&y[0].wide(), &[-0.5, 2.0]);
        assert_eq!((y[1].shape(), y[1].wide()[0], y[2].wide()[0]), (&[1, 1][..], 3.0, 0.5));
        let root = Case::new("RMSNormalization").float("epsilon", 0.0).reals(&[2], &[3.0, 4.0]);
        near(&root.reals(&[2], &[1.0, 1.0]).numbers(), &[0.848_528, 1.131_371]);
    }

    #[test]
    fn groups_of_channels() {
        let x = |opset| {
            let case = Case::new("GroupNormalization").opset(opset).int("num_groups", 2);
            case.float("epsilon", 0.0).reals(&[1, 4], &[1.0, 3.0, 10.0, 30.0])
        };
        let y = x(18).reals(&[2], &[1.0, 2.0]).reals(&[2], &[0.0, 1.0]);
        near(&y.numbers(), &[-1.0, 1.0, -1.0, 3.0]);
        let y = x(21).reals(&[4], &[1.0, 2.0, 3.0, 4.0]).reals(&[4], &[0.0; 4]);
        near(&y.numbers(), &[-1.0, 2.0, -3.0, 4.0]);
        assert!(x(21).reals(&[2], &[1.0; 2]).reals(&[2], &[0.0; 2]).run().is_err());
        let y = Case::new("InstanceNormalization").float("epsilon", 0.0);
        let y = y.reals(&[1, 2, 2], &[1.0, 3.0, 2.0, 6.0]).reals(&[2], &[1.0, 1.0]);
        near(&y.reals(&[2], &[0.0, 5.0]).numbers(), &[-1.0, 1.0, 4.0, 6.0]);
    }

    #[test]
    fn sums_with_a_skipped_input() {
        let y = Case::new("SkipLayerNormalization").domain("com.microsoft", 1).outputs(4);
        let y = y.reals(&[1, 2], &[1.0, 2.0]).reals(&[1, 2], &[0.0, 2.0]).reals(&[2], &[1.0; 2]);
        let y = y.skip().reals(&[2], &[1.0, 1.0]).run().unwrap();
        near(&y[0].wide(), &[-1.0, 1.0]);
        near(&y[3].wide(), &[2.0, 5.0]);
    }
}
