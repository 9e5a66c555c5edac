//! ConvTranspose.

use super::conv::{convolved, groups};
use super::operands::Operands;
use super::shape::ConvolutionShape;
use super::sums::Bias;
use super::words::Words;
use crate::graph::axes;
use crate::graph::window::{AxisWindows, of_axes, sizes};
use crate::graph::{Call, Definition, Operator, Problem, Value};
use std::borrow::Cow;

/// Transposed convolution: the convolution of the input, spread by the strides, with the mirrored kernel.
struct ConvTranspose {
    kernel: Option<Vec<usize>>,
    strides: Option<Vec<usize>>,
    dilations: Option<Vec<usize>>,
    pads: Option<Vec<usize>>,
    output_padding: Option<Vec<usize>>,
    output_shape: Option<Vec<usize>>,
    auto: Auto,
    groups: usize,
    has_constant_bias: bool,
}

/// The attribute `auto_pad`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Auto {
    Explicit,
    Valid,
    Upper,
    Lower,
}

/// An axis: the convolution of the spread input, all of its windows, and which of them are kept.
struct Axis {
    windows: AxisWindows,
    stride: usize,
    first: usize,
    kept: usize,
}

pub(in crate::graph::operators) fn make(
    definition: &Definition<'_>,
) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(2, 3)?;
    let auto = match definition.text("auto_pad", "NOTSET")? {
        "NOTSET" | "" => Auto::Explicit,
        "VALID" => Auto::Valid,
        "SAME_UPPER" => Auto::Upper,
        "SAME_LOWER" => Auto::Lower,
        other => {
            return Err(Problem::Attribute {
                name: "auto_pad",
                value: other.to_owned(),
                allowed: "NOTSET, VALID, SAME_UPPER or SAME_LOWER",
            });
        }
    };
    Ok(Box::new(ConvTranspose {
        kernel: sizes(definition, "kernel_shape", 1)?,
        strides: sizes(definition, "strides", 1)?,
        dilations: sizes(definition, "dilations", 1)?,
        pads: sizes(definition, "pads", 0)?,
        output_padding: sizes(definition, "output_padding", 0)?,
        output_shape: sizes(definition, "output_shape", 1)?,
        auto,
        groups: groups(definition)?,
        has_constant_bias: definition.constant(2).is_some(),
    }))
}

impl ConvTranspose {
    /// The axes of an input of these sizes.
    fn axes(&self, input: &[usize], kernel: &[usize]) -> Result<Vec<Axis>, Problem> {
        let rank = input.len();
        if self.kernel.as_deref().is_some_and(|given| given != kernel) {
            let why = format!("kernel_shape is {:?}, but the weights have {kernel:?}", self.kernel);
            return Err(Problem::Shape(why));
        }
        let strides = of_axes(&self.strides, rank, 1)?;
        let dilations = of_axes(&self.dilations, rank, 1)?;
        let pads = match self.auto {
            Auto::Explicit => of_axes(&self.pads, 2 * rank, 0)?,
            _ => vec![0; 2 * rank],
        };
        let extra = of_axes(&self.output_padding, rank, 0)?;
        // Of all axes, or of the spatial ones.
        let wanted = match self.output_shape.as_deref() {
            Some(shape) if shape.len() == rank + 2 => Some(&shape[2..]),
            Some(shape) if shape.len() == rank => Some(shape),
            Some(shape) => {
                let why = format!("output_shape is {shape:?}: {rank} numbers are needed");
                return Err(Problem::Shape(why));
            }
            None => None,
        };
        let axis = |axis: usize| -> Option<Axis> {
            let (size, stride, taps) = (input[axis], strides[axis], kernel[axis]);
            let reach = taps.checked_sub(1)?.checked_mul(dilations[axis])?.checked_add(1)?;
            let spread = size.checked_sub(1)?.checked_mul(stride)?.checked_add(1)?;
            let whole = spread.checked_add(reach - 1)?.checked_add(extra[axis])?;
            let same = matches!(self.auto, Auto::Upper | Auto::Lower);
            let target = match wanted {
                Some(wanted) => Some(wanted[axis]),
                None if same => Some(size.checked_mul(stride)?),
                None => None,
            };
            let (first, kept) = match target {
                None => {
                    (pads[axis], whole.checked_sub(pads[axis])?.checked_sub(pads[rank + axis])?)
                }
                Some(target) => {
                    let total = whole.saturating_sub(target);
                    // The larger half at the end for SAME_UPPER, else at the begin.
                    let less = total / 2;
                    let first = if self.auto == Auto::Upper { less } else { total - less };
                    (first, target)
                }
            };
            let end = first.checked_add(kept)?;
            let (before, after) = (reach - 1, (reach - 1) + end.max(whole) - (whole - extra[axis]));
            let output = end.max(whole);
            let small = output <= axes::MAX_ELEMENTS && kept > 0;
            let windows = AxisWindows {
                size: spread,
                kernel: taps,
                stride: 1,
                dilation: dilations[axis],
                before,
                after,
                output,
            };
            small.then_some(Axis { windows, stride, first, kept })
        };
        let found: Option<Vec<Axis>> = (0..rank).map(axis).collect();
        found.ok_or_else(|| {
            Problem::Shape(format!(
                "strides, dilations, pads or output_padding leave nothing of an input of sizes {input:?} with a kernel of {kernel:?}, or too much"
            ))
        })
    }
}

impl Operator for ConvTranspose {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let (x, w) = (call.input(0)?.clone(), call.input(1)?.clone());
        let wrong = || {
            Problem::Shape(format!(
                "input of shape {:?} and weights of {:?} do not fit {} groups",
                x.shape(),
                w.shape(),
                self.groups
            ))
        };
        let ([images, channels, input @ ..], [rows, of_group, kernel @ ..]) =
            (x.shape(), w.shape())
        else {
            return Err(wrong());
        };
        if channels != rows || !channels.is_multiple_of(self.groups) || input.len() != kernel.len()
        {
            return Err(wrong());
        }
        let axes = self.axes(input, kernel)?;
        let filters = of_group.checked_mul(self.groups).ok_or_else(wrong)?;
        let shape = ConvolutionShape {
            images: *images,
            channels: *channels,
            filters,
            groups: self.groups,
            axes: axes.iter().map(|axis| axis.windows).collect(),
        };
        axes::elements(&shape.output())?;
        let spread: Vec<usize> = shape.axes.iter().map(|axis| axis.size).collect();
        axes::elements(&[&[*images, *channels], &spread[..]].concat())?;
        let strides: Vec<usize> = axes.iter().map(|axis| axis.stride).collect();
        let scatter = Scatter::new(images * channels, input, &strides, &spread);
        let mirror = mirrored(*channels, *of_group, self.groups, kernel);
        // Axis 1 of the weights is the output channel of a group.
        let operands = match Operands::new(call.arithmetic, &x, &w, 1, shape.terms()) {
            Operands::Integers { scales, .. } if self.groups > 1 && scales.len() > 1 => {
                Operands::floats(call.arithmetic, &x, &w)
            }
            operands => operands,
        };
        let operands = match operands {
            Operands::Integers { x, w, scales } => Operands::Integers {
                x: Words { values: Cow::Owned(scatter.spread(&x.values)), range: x.range },
                w: Words { values: Cow::Owned(pick(&w.values, &mirror)), range: w.range },
                scales,
            },
            Operands::Narrow(x, w) => {
                Operands::Narrow(Cow::Owned(scatter.spread(&x)), Cow::Owned(pick(&w, &mirror)))
            }
            Operands::Wide(x, w) => {
                Operands::Wide(Cow::Owned(scatter.spread(&x)), Cow::Owned(pick(&w, &mirror)))
            }
        };
        let bias = call.optional(2).cloned();
        let bias = bias.as_ref().map(|value| Bias {
            value,
            is_constant: self.has_constant_bias,
            places: None,
        });
        let before = call.macs;
        let whole = convolved(call, &shape, operands, bias.as_ref())?;
        if call.macs > before {
            // Products with the zeros between the elements of the input are not made.
            let pixels: usize = input.iter().product();
            let taps: usize = kernel.iter().product();
            call.macs = before + (images * channels * pixels) as u64 * (of_group * taps) as u64;
        }
        let strides = axes::strides(whole.shape());
        let first: usize =
            axes.iter().zip(&strides[2..]).map(|(axis, stride)| axis.first * stride).sum();
        let kept: Vec<usize> =
            [*images, filters].into_iter().chain(axes.iter().map(|axis| axis.kept)).collect();
        if kept == whole.shape() {
            return Ok(vec![whole]);
        }
        let places = axes::walk(&kept, &strides, first);
        if let Some(sums) = &mut call.sums {
            let values = places.iter().map(|&place| sums.values[place]).collect();
            *sums = crate::graph::Integers::new(kept.clone(), sums.element, values);
        }
        Ok(vec![whole.picked(kept, &places, Some(1))])
    }
}

/// Where the elements of the input lie in the input with zeros between.
struct Scatter {
    places: Vec<usize>,
    plane: usize,
    planes: usize,
}

impl Scatter {
    fn new(planes: usize, input: &[usize], strides: &[usize], spread: &[usize]) -> Self {
        let steps: Vec<usize> =
            axes::strides(spread).iter().zip(strides).map(|(step, stride)| step * stride).collect();
        let places = axes::walk(input, &steps, 0);
        Self { places, plane: spread.iter().product(), planes }
    }

    fn spread<T: Copy + Default>(&self, values: &[T]) -> Vec<T> {
        let mut out = vec![T::default(); self.planes * self.plane];
        let planes = out.chunks_exact_mut(self.plane.max(1));
        for (out, values) in planes.zip(values.chunks_exact(self.places.len().max(1))) {
            self.places.iter().zip(values).for_each(|(&place, &value)| out[place] = value);
        }
        out
    }
}

/// For each weight of `[o, c / groups, kernel...]`, mirrored, its place in `[c, o / groups, kernel...]`.
fn mirrored(channels: usize, of_group: usize, groups: usize, kernel: &[usize]) -> Vec<usize> {
    let taps: usize = kernel.iter().product();
    let per_group = channels / groups;
    let mut places = Vec::with_capacity(channels * of_group * taps);
    for group in 0..groups {
        for filter in 0..of_group {
            for channel in 0..per_group {
                let row = (group * per_group + channel) * of_group + filter;
                places.extend((0..taps).rev().map(|tap| row * taps + tap));
            }
        }
    }
    places
}

fn pick<T: Copy>(values: &[T], places: &[usize]) -> Vec<T> {
    places.iter().map(|&place| values[place]).collect()
}
