//! Trunc of QONNX, versions 1 and 2.

use super::parameters::check_scales;
use super::quant::{check_bits, limits, quantised, rounded, rounding};
use super::spread::Spread;
use crate::graph::{Call, Definition, Form, Operator, Problem, Value};
use hwmodel::Rounding;
use hwmodel::cast::toward_zero;

/// Integers of an input divided by a power of two.
///
/// Version 1 takes x, scale, zero point, input bits, output bits: q = round(y / 2^(input bits - output bits)), with the scale of the
/// input. Version 2 takes x, scale, zero point, input bits, output scale, output bits: q = round(clip(y / d)), d the power of two
/// nearest to output scale / scale.
struct Trunc {
    signed: bool,
    narrow: bool,
    rounding: Rounding,
    /// Inputs of the node: 5 in version 1, 6 in version 2.
    inputs: usize,
}

pub(in crate::graph::operators) fn make(
    definition: &Definition<'_>,
) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(5, 6)?;
    for index in [1, 4].into_iter().filter(|&index| index == 1 || definition.has_input(5)) {
        if let Some(scale) = definition.constant(index) {
            check_scales(&scale.wide())?;
        }
    }
    Ok(Box::new(Trunc {
        signed: definition.integer("signed", 1)? != 0,
        narrow: definition.integer("narrow", 0)? != 0,
        rounding: rounding(definition, "FLOOR")?,
        inputs: definition.node.inputs.len(),
    }))
}

impl Operator for Trunc {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let parameters: Vec<&Value> =
            (1..self.inputs).map(|index| call.input(index)).collect::<Result<_, _>>()?;
        let (shape, rank) = (x.shape().to_vec(), x.shape().len());
        let spread = Spread::new(&shape, &parameters)?;
        let of = |index: usize| spread.of(parameters[index], rank);
        let (scales, zeros, bits) = (of(0), of(1), of(2));
        check_scales(&scales)?;
        let mut out_scales = scales.clone();
        let mut out_zeros = zeros.clone();
        let mut divisors = vec![1.0; scales.len()];
        let mut ends = vec![None; scales.len()];
        if self.inputs == 5 {
            for ((divisor, from), to) in divisors.iter_mut().zip(&bits).zip(of(3)) {
                check_bits(*from)?;
                check_bits(to)?;
                *divisor = 2f64.powi(toward_zero(from - to));
            }
        } else {
            let to = of(4);
            out_scales = of(3);
            check_scales(&out_scales)?;
            for run in 0..scales.len() {
                check_bits(to[run])?;
                let power = libm::log2(out_scales[run] / scales[run]).round_ties_even();
                divisors[run] = 2f64.powi(toward_zero(power));
                out_zeros[run] = zeros[run] / divisors[run];
                ends[run] = Some(limits(self.signed, self.narrow, to[run]));
            }
        }
        let mut integers = Vec::with_capacity(x.len());
        let mut range = (i64::MAX, i64::MIN);
        for (run, x) in x.wide().chunks(spread.inner.max(1)).enumerate() {
            let (scale, zero, divisor) = (scales[run], zeros[run], divisors[run]);
            for x in x {
                let y = (x / scale + zero).round_ties_even() / divisor;
                let y = ends[run].map_or(y, |(low, high)| y.max(low).min(high));
                integers.push(toward_zero::<i64>(rounded(self.rounding, y)));
            }
            // Version 1 does not clip: its integers have no limit but those of the input.
            let (low, high) = ends[run]
                .map_or((i64::MIN, i64::MAX), |(low, high)| (toward_zero(low), toward_zero(high)));
            range = (range.0.min(low), range.1.max(high));
        }
        if integers.is_empty() {
            range = (0, 0);
        }
        if let (Value::Scaled(x), None) = (x, ends.first().copied().flatten())
            && let (Some(&scale), Some(&zero), Some(&divisor)) =
                (scales.first(), zeros.first(), divisors.first())
            && scales.len() == 1
            && x.scale.scales.len() == 1
        {
            let end = |integer: i64| {
                let value = (integer - x.scale.zero_points[0]) as f64 * x.scale.scales[0];
                let y = (value / scale + zero).round_ties_even() / divisor;
                toward_zero::<i64>(rounded(self.rounding, y))
            };
            range = (end(x.range.0), end(x.range.1));
        }
        quantised(call, shape, integers, range, &spread, (&out_scales, &out_zeros))
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        Form::ElementWise
    }
}
