//! Scales and zero points of ONNX's quantisers: of a tensor, of each index of an axis, or of each block along an axis.

use crate::graph::operator::type_of;
use crate::graph::{Arithmetic, Integers, Problem, Requantise, Scale, Value, axes};
use hwmodel::cast::{nearest_f32, toward_zero};

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

    /// Scale and zero point of every element, in order.
    pub(super) fn each(&self) -> impl Iterator<Item = (f64, i64)> {
        let inner = |axis: usize| self.shape[axis + 1..].iter().product::<usize>().max(1);
        let count = self.shape.iter().product();
        (0..count).map(move |index: usize| {
            let place = match self.granularity {
                Granularity::Tensor => 0,
                Granularity::Axis(axis) => index / inner(axis) % self.shape[axis],
                Granularity::Blocks(axis, blocks) => {
                    let (inner, size) = (inner(axis), self.shape[axis]);
                    let row = index / inner / size * size.div_ceil(blocks);
                    (row + index / inner % size / blocks) * inner + index % inner
                }
            };
            (self.scales[place], self.zero_points[place])
        })
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
    let stored = |quotient: f64, zero: i64| {
        // NaN is the lowest integer.
        let rounded: i64 = match quotient.is_nan() {
            true => i64::MIN,
            false => toward_zero(quotient.round_ties_even()),
        };
        rounded.saturating_add(zero).clamp(low, high)
    };
    let single = |x: f64| f64::from(nearest_f32(x));
    let each = parameters.each();
    let values = match x {
        Value::Scaled(x) => {
            let elements = x.integers.iter().enumerate().zip(each);
            let value = |((index, &raw), (scale, zero)): ((usize, &i64), (f64, i64))| {
                let place = x.scale.place(&x.shape, index);
                let difference = (raw - x.scale.zero_points[place]) as f64;
                let of_x = x.scale.scales[place];
                match narrow {
                    true => {
                        let factor = nearest_f32(of_x) / nearest_f32(scale);
                        stored(f64::from(nearest_f32(difference) * factor), zero)
                    }
                    false => stored(difference * of_x / scale, zero),
                }
            };
            elements.map(value).collect()
        }
        other => {
            let elements = other.wide();
            let value = |(&x, (scale, zero)): (&f64, (f64, i64))| match narrow {
                true => stored(single(single(x) / single(scale)), zero),
                false => stored(x / scale, zero),
            };
            elements.iter().zip(each).map(value).collect()
        }
    };
    Ok(Integers::new(x.shape().to_vec(), element, values))
}
