//! Scales and zero points of ONNX's quantisers: of a tensor, of each index of an axis, or of each block along an axis.

use super::quant::rounded;
use crate::graph::operator::type_of;
use crate::graph::{Arithmetic, Integers, Problem, Requantise, Scale, Value, axes};
use hwmodel::Rounding;
use hwmodel::cast::{nearest_f32, toward_zero};
use rayon::prelude::*;

/// Which elements share a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Granularity {
    Tensor,
    Axis(usize),
    Blocks(usize, usize),
}

/// Scales and zero points of a tensor of `shape`.
pub(super) struct Parameters {
    granularity: Granularity,
    shape: Vec<usize>,
    scales: Vec<f64>,
    zero_points: Vec<i64>,
}

impl Parameters {
    /// Those of a tensor of `shape`; `blocks` is the number of elements along the axis that share a scale, 0 for one scale each index.
    ///
    /// # Errors
    /// If there are more or fewer than the shape needs, or a scale is not finite and above 0.
    pub(super) fn new(
        shape: &[usize],
        axis: i64,
        blocks: usize,
        scale: &Value,
        zero: Option<&Value>,
    ) -> Result<Self, Problem> {
        if scale.element().integer_range().is_some() {
            return Err(type_of("scale", scale, "a float"));
        }
        let scales = scale.wide().into_owned();
        let zero_points = match zero {
            None => vec![0; scales.len()],
            Some(Value::Integer(zero)) => zero.values.to_vec(),
            Some(other) => return Err(type_of("zero point", other, "an integer")),
        };
        let wrong = |needed: &str| {
            Problem::Shape(format!(
                "its scale has shape {:?} and its zero point {} elements, for a tensor of shape {shape:?}: {needed}",
                scale.shape(),
                zero_points.len()
            ))
        };
        if zero_points.len() != scales.len() {
            return Err(wrong("as many zero points as scales are needed"));
        }
        let granularity = if blocks > 0 {
            let axis = axes::axis(axis, shape.len())?;
            let mut needed = shape.to_vec();
            needed[axis] = needed[axis].div_ceil(blocks);
            if scale.shape() != needed {
                return Err(wrong(&format!("with blocks of {blocks} it must be {needed:?}")));
            }
            Granularity::Blocks(axis, blocks)
        } else if scales.len() == 1 && scale.shape().len() <= 1 {
            Granularity::Tensor
        } else {
            let axis = axes::axis(axis, shape.len())?;
            if scale.shape() != [shape[axis]] {
                let size = shape[axis];
                return Err(wrong(&format!("one, or {size} of axis {axis} are needed")));
            }
            Granularity::Axis(axis)
        };
        let parameters = Self { granularity, shape: shape.to_vec(), scales, zero_points };
        check_scales(&parameters.scales)?;
        Ok(parameters)
    }

    /// Elements that follow each other and share scale and zero point, at least.
    fn run(&self) -> usize {
        match self.granularity {
            Granularity::Tensor => usize::MAX,
            Granularity::Axis(axis) | Granularity::Blocks(axis, _) => self.inner(axis),
        }
    }

    fn inner(&self, axis: usize) -> usize {
        self.shape[axis + 1..].iter().product::<usize>().max(1)
    }

    /// Scale and zero point of element `index`.
    pub(super) fn at(&self, index: usize) -> (f64, i64) {
        let place = match self.granularity {
            Granularity::Tensor => 0,
            Granularity::Axis(axis) => index / self.inner(axis) % self.shape[axis],
            Granularity::Blocks(axis, blocks) => {
                let (inner, size) = (self.inner(axis), self.shape[axis]);
                let row = index / inner / size * size.div_ceil(blocks);
                (row + index / inner % size / blocks) * inner + index % inner
            }
        };
        (self.scales[place], self.zero_points[place])
    }

    /// Whether neighbours along the last axes share a scale: blocks have one for each element of these axes.
    fn shares(&self) -> bool {
        !matches!(self.granularity, Granularity::Blocks(..))
    }

    /// One scale, or one for each index of an axis; `None` for blocks.
    pub(super) fn scale(&self) -> Option<Scale> {
        let axis = match self.granularity {
            Granularity::Tensor => None,
            Granularity::Axis(axis) => Some(axis),
            Granularity::Blocks(..) => return None,
        };
        let (scales, zero_points) = (self.scales.clone(), self.zero_points.clone());
        Some(Scale { axis, scales, zero_points })
    }
}

/// Refuses scales that are not finite and above 0.
///
/// # Errors
/// If there are any.
pub(super) fn check_scales(scales: &[f64]) -> Result<(), Problem> {
    for &scale in scales {
        Scale::per_tensor(scale, 0).check(&[])?;
    }
    Ok(())
}

/// saturate(round(x / scale) + zero point), ties to even: of a quantised tensor with the quotient of both scales, else of the
/// quotient of x and the scale. The quotient is that of float64 in exact arithmetic, else that of float32.
///
/// # Errors
/// If `x` is not a number of the type that the parameters are for.
pub(super) fn quantised(
    arithmetic: &Arithmetic,
    x: &Value,
    parameters: &Parameters,
    element: crate::onnx::model::ElementType,
) -> Result<Integers, Problem> {
    let (low, high) = element.integer_range().ok_or(Problem::Type {
        what: "output",
        given: format!("of type {element}"),
        allowed: "an integer",
    })?;
    let narrow = !arithmetic.wide_reals || arithmetic.requantise == Requantise::Float32;
    let (least, most) = (low as f64, high as f64);
    let other = arithmetic.requantise;
    let simd = arithmetic.simd();
    let mut values = vec![0i64; x.len()];
    let run = if parameters.shares() { parameters.run() } else { 1 };
    match x {
        Value::Scaled(x) => {
            let of_x = match x.scale.axis {
                None => usize::MAX,
                Some(axis) => x.shape[axis + 1..].iter().product::<usize>().max(1),
            };
            each_run(&mut values, run.min(of_x), |start, values| {
                let place = x.scale.place(&x.shape, start);
                let (from, subtracted) = (x.scale.scales[place], x.scale.zero_points[place]);
                let (to, zero) = parameters.at(start);
                let (zero, factor) = (zero as f64, f64::from(nearest_f32(from) / nearest_f32(to)));
                let raw = &x.integers[start..start + values.len()];
                simd.run(
                    #[inline(always)]
                    || {
                        for (value, &raw) in values.iter_mut().zip(raw) {
                            let difference = (raw - subtracted) as f64;
                            let quotient = match narrow {
                                true => single(single(difference) * factor),
                                false => difference * from / to,
                            };
                            let quotient = match other {
                                Requantise::Exact | Requantise::Float32 => quotient,
                                other => otherwise(other, quotient, from / to),
                            };
                            *value = stored(quotient, zero, least, most);
                        }
                    },
                );
            });
        }
        reals => {
            let numbers = reals.wide();
            each_run(&mut values, run, |start, values| {
                let (to, zero) = parameters.at(start);
                let (zero, divisor) = (zero as f64, single(to));
                let numbers = &numbers[start..start + values.len()];
                simd.run(
                    #[inline(always)]
                    || {
                        for (value, &x) in values.iter_mut().zip(numbers) {
                            let quotient =
                                if narrow { single(single(x) / divisor) } else { x / to };
                            let quotient = match other {
                                Requantise::Rounded(mode) => rounded(mode, quotient),
                                _ => quotient,
                            };
                            *value = stored(quotient, zero, least, most);
                        }
                    },
                );
            });
        }
    }
    Ok(Integers::new(x.shape().to_vec(), element, values))
}

/// Elements that a thread takes at a time.
const CHUNK: usize = 1 << 14;

/// Calls `work` with the index of the first element of each run of `run` elements, and the run; with parts of the only run if
/// `run` is beyond all elements.
pub(super) fn each_run(values: &mut [i64], run: usize, work: impl Fn(usize, &mut [i64]) + Sync) {
    let run = if run >= values.len() { CHUNK } else { run.max(1) };
    let chunk = (CHUNK / run).max(1) * run;
    values.par_chunks_mut(chunk).enumerate().for_each(|(index, values)| {
        for (offset, values) in values.chunks_mut(run).enumerate() {
            work(index * chunk + offset * run, values);
        }
    });
}

/// `quotient`, an integer times `factor`, as another convention rounds it.
fn otherwise(convention: Requantise, quotient: f64, factor: f64) -> f64 {
    match convention {
        Requantise::Rounded(mode) => rounded(mode, quotient),
        Requantise::Twice => {
            // factor = m · 2^-shift with m from ½ to 1: the first rounding leaves `shift` fractional bits.
            let shift = -(libm::floor(libm::log2(factor)) + 1.0);
            let unit = libm::exp2(-shift.max(0.0));
            rounded(Rounding::NearestAway, rounded(Rounding::NearestAway, quotient / unit) * unit)
        }
        Requantise::Exact | Requantise::Float32 => quotient,
    }
}

/// The nearest float32.
#[inline(always)]
fn single(x: f64) -> f64 {
    f64::from(nearest_f32(x))
}

/// saturate(round(quotient) + zero point); NaN is the lowest integer.
#[inline(always)]
fn stored(quotient: f64, zero: f64, least: f64, most: f64) -> i64 {
    // Limits and zero points are integers, so that clipping before and after the addition is the same.
    toward_zero((quotient.round_ties_even() + zero).max(least).min(most))
}
