//! Exact sums of products on the array, and what becomes of them.

use super::words::sum_range;
use crate::graph::axes;
use crate::graph::{Call, Integers, Place, Problem, Scale, Scaled, Value};
use crate::onnx::model::ElementType;
use hwmodel::AccumulatorWidth;
use hwmodel::affine::AffineError;
use hwmodel::array::{Product, Sums as ArraySums};
use hwmodel::cast::{low, nearest_f32, toward_zero};
use rayon::prelude::*;
use std::sync::Arc;

/// Sums of products, without scales.
pub(super) struct Sums {
    pub(super) values: Vec<i64>,
    /// No sum is outside.
    pub(super) range: (i64, i64),
}

/// The sums of a product, which are counted in `call`, as the array has them.
///
/// # Errors
/// If the accumulator has its own fractional length.
pub(super) fn counted(call: &mut Call<'_>, product: Product) -> Result<ArraySums, Problem> {
    if product.fl() != 0 {
        return Err(AffineError::Fraction(product.fl()).into());
    }
    let report = product.report();
    call.macs += report.macs;
    call.accumulator_events += report.accumulator_events;
    call.place = Place::Array;
    Ok(product.into_sums())
}

/// Sums as integers of 64 bits.
///
/// # Errors
/// If one needs more.
pub(super) fn in_64_bits(sums: ArraySums) -> Result<Vec<i64>, Problem> {
    match sums {
        ArraySums::I32(sums) => Ok(sums.into_iter().map(i64::from).collect()),
        ArraySums::I64(sums) => Ok(sums),
        ArraySums::I128(sums) => {
            let narrow: Result<Vec<i64>, _> = sums.into_iter().map(i64::try_from).collect();
            narrow.map_err(|_| Problem::Unsupported("its sums need more than 64 bits".to_owned()))
        }
    }
}

/// The range of sums of `terms` products on the array of `call`.
pub(super) fn range(call: &Call<'_>, terms: usize, x: (i64, i64), w: (i64, i64)) -> (i64, i64) {
    let exact = sum_range(terms, x, w).unwrap_or((i64::MIN, i64::MAX));
    match call.arithmetic.array.accumulator.width {
        AccumulatorWidth::Exact => exact,
        // After an overflow a sum is anything that the accumulator holds.
        AccumulatorWidth::Bits(bits) => {
            let ends = (low::<i64>(bits.min()), low::<i64>(bits.max()));
            let free = exact.0 >= ends.0 && exact.1 <= ends.1;
            if free { exact } else { (exact.0.min(ends.0), exact.1.max(ends.1)) }
        }
    }
}

/// A bias that is added to sums of scale `scales[column]`.
pub(super) struct Bias<'a> {
    pub(super) value: &'a Value,
    /// Whether it does not depend on the input of the network.
    pub(super) is_constant: bool,
    /// For each element of the result the element of the bias; `None`: that of its column.
    pub(super) places: Option<Vec<usize>>,
}

/// By how much of a step of the sums a bias may be moved when it is added to them in integers: files store the product of two scales
/// as a float32.
const MOST_MOVED: f64 = 1.0 / 16.0;

/// Integers of the bias on the grid of the sums, and their range.
type OnGrid = (Vec<i64>, (i64, i64));

impl Bias<'_> {
    /// The bias as integers, if it is that: its scale is that of the sums, rounded to float32, which moves no value by more than
    /// [`MOST_MOVED`], or its values are multiples of that scale. `column` is the column of each of its elements.
    fn on_grid(&self, scales: &[f64], column: impl Fn(usize) -> usize) -> Option<OnGrid> {
        let scale = |index: usize| scales[column(index) % scales.len()];
        if let Value::Scaled(bias) = self.value {
            let place = |index: usize| bias.scale.place(&bias.shape, index);
            let same = |index: usize| {
                let (own, scale) = (bias.scale.scales[place(index)], scale(index));
                let is_stored = nearest_f32(own).to_bits() == nearest_f32(scale).to_bits();
                let moved = bias.integers[index].unsigned_abs() as f64 * (own / scale - 1.0).abs();
                is_stored && moved <= MOST_MOVED
            };
            if (0..bias.integers.len()).all(same) {
                let zero = |index: usize| bias.scale.zero_points[place(index)];
                let each = bias.integers.iter().enumerate();
                let integers = each.map(|(index, &value)| value.saturating_sub(zero(index)));
                let zeros = bias.scale.zero_points.iter();
                let (least, most) = (zeros.clone().min().copied(), zeros.max().copied());
                let range = (
                    bias.range.0.saturating_sub(most.unwrap_or(0)),
                    bias.range.1.saturating_sub(least.unwrap_or(0)),
                );
                return Some((integers.collect(), range));
            }
        }
        if !self.is_constant {
            return None;
        }
        let on_grid = |(index, &value): (usize, &f64)| {
            let scale = scale(index);
            let integer = (value / scale).round_ties_even();
            let is_multiple = integer.abs() < 2f64.powi(52) && (integer * scale - value) == 0.0;
            is_multiple.then(|| toward_zero::<i64>(integer))
        };
        let integers: Option<Vec<i64>> =
            self.value.wide().iter().enumerate().map(on_grid).collect();
        let integers = integers?;
        let range = (
            integers.iter().copied().min().unwrap_or(0),
            integers.iter().copied().max().unwrap_or(0),
        );
        Some((integers, range))
    }
}

/// What the sums mean: a scale for all columns or one for each, and the axis of the columns in `shape`.
pub(super) struct Meaning {
    pub(super) shape: Vec<usize>,
    pub(super) axis: usize,
    pub(super) scales: Vec<f64>,
}

/// The real value sum·scale + bias: quantised if the bias is on the grid of the sums. Sets [`Call::sums`].
///
/// # Errors
/// If the bias has another shape.
pub(super) fn scaled(
    call: &mut Call<'_>,
    sums: Sums,
    meaning: Meaning,
    bias: Option<&Bias<'_>>,
) -> Result<Value, Problem> {
    let Meaning { shape, axis, scales } = meaning;
    let columns = shape.get(axis).copied().unwrap_or(1);
    let inner: usize = shape.iter().skip(axis + 1).product();
    let column = |index: usize| index / inner.max(1) % columns.max(1);
    let Sums { mut values, mut range } = sums;
    let mut added = None;
    if let Some(bias) = bias {
        if bias.places.is_none() && bias.value.len() != columns {
            return Err(Problem::Shape(format!(
                "its bias has {} elements: one for each of {columns} output channels is needed",
                bias.value.len()
            )));
        }
        let place = |index: usize| bias.places.as_ref().map_or_else(|| column(index), |p| p[index]);
        // The column of an element of the bias; of one that several columns share, its scale must be that of all.
        let shared = bias.value.len() != columns && scales.len() > 1;
        let found =
            if shared { None } else { bias.on_grid(&scales, |index| index % columns.max(1)) };
        match found {
            Some((integers, (least, most))) => {
                if bias.places.is_none() {
                    values.par_chunks_mut(inner.max(1)).enumerate().for_each(|(row, sums)| {
                        let bias = integers[row % columns.max(1)];
                        sums.iter_mut().for_each(|sum| *sum = sum.saturating_add(bias));
                    });
                } else {
                    let each = values.iter_mut().enumerate();
                    each.for_each(|(index, sum)| *sum = sum.saturating_add(integers[place(index)]));
                }
                range = (range.0.saturating_add(least), range.1.saturating_add(most));
            }
            None => {
                let bias = bias.value.wide();
                let sum = |(index, &sum): (usize, &i64)| {
                    sum as f64 * scales[column(index) % scales.len()] + bias[place(index)]
                };
                added = Some(values.iter().enumerate().map(sum).collect::<Vec<f64>>());
            }
        }
    }
    let integers = Arc::new(values);
    call.sums = Some(Integers {
        shape: shape.clone(),
        element: ElementType::Int64,
        values: Arc::clone(&integers),
    });
    if let Some(values) = added {
        let output = call.reals(0, shape, values)?;
        call.place = Place::Array;
        return Ok(output);
    }
    let zero_points = vec![0; scales.len()];
    let axis = (scales.len() > 1).then_some(axis);
    let scale = Scale { axis, scales, zero_points };
    scale.check(&shape)?;
    Ok(Value::Scaled(Scaled { shape, integers, range, scale }))
}

/// Sums as integers of 32 bits, modulo 2^32, plus the exact sums in [`Call::sums`].
pub(super) fn int32(call: &mut Call<'_>, sums: Sums, shape: Vec<usize>) -> Value {
    let wrapped = sums.values.iter().map(|&sum| i64::from(low::<i32>(sum))).collect();
    call.sums = Some(Integers::new(shape.clone(), ElementType::Int64, sums.values));
    Value::Integer(Integers::new(shape, ElementType::Int32, wrapped))
}

/// The only scale of a tensor, if all are equal.
pub(super) fn single_scale(scale: &Scale) -> Option<f64> {
    let (&first, rest) = scale.scales.split_first()?;
    rest.iter().all(|other| other.to_bits() == first.to_bits()).then_some(first)
}

/// The scales of sums of x·w: one, or one for each index of `axis` of w. `None` if a sum has terms of several scales.
pub(super) fn of_products(x: &Scale, w: &Scale, axis: usize) -> Option<Vec<f64>> {
    let x = single_scale(x)?;
    match (single_scale(w), w.axis) {
        (Some(w), _) => Some(vec![x * w]),
        (None, Some(of)) if of == axis => Some(w.scales.iter().map(|w| x * w).collect()),
        _ => None,
    }
}

/// For each element of a result of `shape` the element of a value that is broadcast to it.
///
/// # Errors
/// If it cannot be.
pub(super) fn broadcast(value: &Value, shape: &[usize]) -> Result<Vec<usize>, Problem> {
    let common = axes::broadcast(&[value.shape(), shape])?;
    if common != shape {
        return Err(Problem::Shape(format!(
            "a term of shape {:?} cannot be added to a product of shape {shape:?}",
            value.shape()
        )));
    }
    Ok(axes::broadcast_index(value.shape(), shape))
}
