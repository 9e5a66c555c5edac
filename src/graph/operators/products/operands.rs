//! In which arithmetic a product is computed.

use super::sums::of_products;
use super::words::{Words, sum_range};
use crate::graph::{Arithmetic, RealData, Value};
use hwmodel::cast::nearest_f32;
use std::borrow::Cow;

/// Both operands of a product.
pub(super) enum Operands<'a> {
    /// Quantised tensors, whose sums have these scales.
    Integers {
        /// Integers less zero points.
        x: Words<'a>,
        /// Integers less zero points.
        w: Words<'a>,
        /// One scale, or one for each output channel.
        scales: Vec<f64>,
    },
    /// Float32 numbers.
    Narrow(Cow<'a, [f32]>, Cow<'a, [f32]>),
    /// Float64 numbers.
    Wide(Cow<'a, [f64]>, Cow<'a, [f64]>),
}

impl<'a> Operands<'a> {
    /// Integers if both are quantised, one scale holds for all of x, the scales of w are those of `axis`, the output channels, and
    /// the array takes their words and sums of `terms` products; else floats.
    pub(super) fn new(
        arithmetic: &Arithmetic,
        x: &'a Value,
        w: &'a Value,
        axis: usize,
        terms: usize,
    ) -> Self {
        if let (Value::Scaled(left), Value::Scaled(right)) = (x, w)
            && let Some(scales) = of_products(&left.scale, &right.scale, axis)
        {
            let (x, w) = (Words::of_scaled(left), Words::of_scaled(right));
            let fits = x.format().is_some() && w.format().is_some();
            if fits && sum_range(terms, x.range, w.range).is_some() {
                return Self::Integers { x, w, scales };
            }
        }
        Self::floats(arithmetic, x, w)
    }

    /// Floats.
    pub(super) fn floats(arithmetic: &Arithmetic, x: &'a Value, w: &'a Value) -> Self {
        if arithmetic.wide_reals || is_wide(x) || is_wide(w) {
            return Self::Wide(x.wide(), w.wide());
        }
        Self::Narrow(narrow(x), narrow(w))
    }
}

fn is_wide(value: &Value) -> bool {
    matches!(value, Value::Real(reals) if matches!(reals.data, RealData::Float64(_)))
}

fn narrow(value: &Value) -> Cow<'_, [f32]> {
    match value {
        Value::Real(reals) => reals.narrow(),
        other => other.wide().iter().map(|&value| nearest_f32(value)).collect(),
    }
}

/// Float32 numbers as float64.
pub(super) fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}
