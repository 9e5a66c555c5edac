//! Conv, and ConvInteger.

use super::convolve;
use super::operands::{Operands, widened};
use super::shape::ConvolutionShape;
use super::sums::{self, Bias, Meaning, Sums};
use super::words::{Words, sum_range};
use crate::graph::axes;
use crate::graph::operator::type_of;
use crate::graph::window::{AxisWindows, WindowRule, sizes};
use crate::graph::{Call, Definition, Form, Integers, Operator, Place, Placed, Problem, Value};

/// Convolution along any number of axes.
struct Conv {
    windows: WindowRule,
    kernel: Option<Vec<usize>>,
    groups: usize,
    has_constant_bias: bool,
}

/// Convolution of integers to int32.
struct ConvInteger(Conv);

pub(in crate::graph::operators) fn make(
    definition: &Definition<'_>,
) -> Result<Box<dyn Operator>, Problem> {
    let is_integer = definition.node.operator == "ConvInteger";
    definition.expect_inputs(2, if is_integer { 4 } else { 3 })?;
    let conv = Conv {
        windows: WindowRule::new(definition)?,
        kernel: sizes(definition, "kernel_shape", 1)?,
        groups: groups(definition)?,
        has_constant_bias: !is_integer && definition.constant(2).is_some(),
    };
    // A kernel that does not fit its weights is found before any work.
    if let Some(weights) = definition.constant(1)
        && let Some(channels) = weights.shape().get(1)
    {
        let spatial = weights.shape().len().saturating_sub(2);
        let input = vec![axes::MAX_ELEMENTS >> 8; spatial];
        let channels = channels.saturating_mul(conv.groups);
        let input: Vec<usize> = [0, channels].into_iter().chain(input).collect();
        match conv.shape(&input, weights.shape()) {
            Err(Problem::TooLarge(_)) | Ok(_) => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(if is_integer { Box::new(ConvInteger(conv)) } else { Box::new(conv) })
}

/// The attribute `group`.
///
/// # Errors
/// If it is not at least 1.
pub(super) fn groups(definition: &Definition<'_>) -> Result<usize, Problem> {
    let groups = definition.integer("group", 1)?;
    usize::try_from(groups).ok().filter(|&groups| groups > 0).ok_or_else(|| Problem::Attribute {
        name: "group",
        value: groups.to_string(),
        allowed: "a number of at least 1",
    })
}

impl Conv {
    fn shape(&self, input: &[usize], weights: &[usize]) -> Result<ConvolutionShape, Problem> {
        let kernel = self.kernel.as_deref();
        ConvolutionShape::new(input, weights, self.groups, &self.windows, kernel)
    }
}

impl Operator for Conv {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let (x, w) = (call.input(0)?.clone(), call.input(1)?.clone());
        let shape = self.shape(x.shape(), w.shape())?;
        let operands = Operands::new(call.arithmetic, &x, &w, 0, shape.terms());
        let bias = call.optional(2).cloned();
        let bias = bias.as_ref().map(|value| Bias {
            value,
            is_constant: self.has_constant_bias,
            places: None,
        });
        convolved(call, &shape, operands, bias.as_ref()).map(|output| vec![output])
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        Form::Convolution(self)
    }
}

impl Placed for Conv {
    fn place(
        &self,
        input: &[usize],
        weights: &[usize],
    ) -> Result<(Vec<AxisWindows>, usize), Problem> {
        let shape = self.shape(input, weights)?;
        Ok((shape.axes, shape.groups))
    }
}

/// The convolution of these operands.
///
/// # Errors
/// If the bias does not have one number for each output channel, or sums need more than 64 bits.
pub(super) fn convolved(
    call: &mut Call<'_>,
    shape: &ConvolutionShape,
    operands: Operands<'_>,
    bias: Option<&Bias<'_>>,
) -> Result<Value, Problem> {
    let output = shape.output();
    let simd = call.arithmetic.simd();
    let mut values = match operands {
        Operands::Integers { x, w, scales } => {
            let sums = convolve::integers(call, shape, &x, &w)?;
            let meaning = Meaning { shape: output, axis: 1, scales };
            return sums::scaled(call, sums, meaning, bias);
        }
        Operands::Narrow(x, w) => widened(&convolve::narrow(simd, shape, &x, &w)?),
        Operands::Wide(x, w) => convolve::wide(simd, shape, &x, &w),
    };
    if let Some(bias) = bias {
        let bias = bias.value.wide();
        if bias.len() != shape.filters {
            let (given, filters) = (bias.len(), shape.filters);
            return Err(Problem::Shape(format!(
                "its bias has {given} elements: one for each of {filters} output channels is needed"
            )));
        }
        let pixels = shape.pixels().max(1);
        for (row, values) in values.chunks_exact_mut(pixels).enumerate() {
            let bias = bias[row % bias.len()];
            values.iter_mut().for_each(|value| *value += bias);
        }
    }
    call.reals(0, output, values)
}

impl Operator for ConvInteger {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let [x, w] = [call.integers(0, "input")?.clone(), call.integers(1, "weights")?.clone()];
        let [zx, zw] = zero_points(call)?;
        let shape = self.0.shape(&x.shape, &w.shape)?;
        let x = Words::of_integers(&x, zx.as_ref(), None)?;
        let w = Words::of_integers(&w, zw.as_ref(), Some(0))?;
        check_sums(shape.terms(), &x, &w)?;
        let sums: Sums = convolve::integers(call, &shape, &x, &w)?;
        call.place = Place::Array;
        Ok(vec![sums::int32(call, sums, shape.output())])
    }
}

/// The zero points of ConvInteger and MatMulInteger: inputs 2 and 3.
///
/// # Errors
/// If they are not integers.
pub(super) fn zero_points(call: &Call<'_>) -> Result<[Option<Integers>; 2], Problem> {
    let zero = |index: usize| match call.optional(index) {
        None => Ok(None),
        Some(Value::Integer(zeros)) => Ok(Some(zeros.clone())),
        Some(other) => Err(type_of("zero point", other, "an integer")),
    };
    Ok([zero(2)?, zero(3)?])
}

/// Refuses sums of `terms` products beyond 63 bits.
///
/// # Errors
/// If there may be such sums.
pub(super) fn check_sums(terms: usize, x: &Words<'_>, w: &Words<'_>) -> Result<(), Problem> {
    let fits = sum_range(terms, x.range, w.range).is_some();
    fits.then_some(())
        .ok_or_else(|| Problem::Unsupported("its sums need more than 64 bits".to_owned()))
}
