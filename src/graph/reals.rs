//! Tensors of real numbers.

use super::arithmetic::Arithmetic;
use crate::onnx::model::ElementType;
use hwmodel::cast::nearest_f32;
use std::borrow::Cow;
use std::sync::Arc;

/// Real numbers as float32 or float64, shared between the nodes that read them.
#[derive(Debug, Clone, PartialEq)]
pub enum RealData {
    /// Of the float unit.
    Float32(Arc<Vec<f32>>),
    /// Of exact arithmetic, and float64 values.
    Float64(Arc<Vec<f64>>),
}

/// A tensor of real numbers, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Reals {
    /// Its shape.
    pub shape: Vec<usize>,
    /// The element type that the file gives it. In [wide](Arithmetic::wide_reals) arithmetic the numbers are not rounded to it.
    pub element: ElementType,
    /// The numbers.
    pub data: RealData,
}

impl Reals {
    /// Numbers that were computed in float64, rounded as `arithmetic` stores values of type `element`.
    pub fn new(
        arithmetic: &Arithmetic,
        shape: Vec<usize>,
        element: ElementType,
        values: Vec<f64>,
    ) -> Self {
        debug_assert_eq!(values.len(), shape.iter().product::<usize>());
        let data = if arithmetic.wide_reals || element == ElementType::Float64 {
            RealData::Float64(Arc::new(values))
        } else {
            let rounded = values.into_iter().map(|value| stored(element, nearest_f32(value)));
            RealData::Float32(Arc::new(rounded.collect()))
        };
        Self { shape, element, data }
    }

    /// Numbers that were computed in float32, rounded to `element`.
    pub fn single(shape: Vec<usize>, element: ElementType, mut values: Vec<f32>) -> Self {
        debug_assert_eq!(values.len(), shape.iter().product::<usize>());
        if element != ElementType::Float32 {
            values.iter_mut().for_each(|value| *value = stored(element, *value));
        }
        Self { shape, element, data: RealData::Float32(Arc::new(values)) }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.data {
            RealData::Float32(values) => values.len(),
            RealData::Float64(values) => values.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers in float64.
    pub fn wide(&self) -> Cow<'_, [f64]> {
        match &self.data {
            RealData::Float32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            RealData::Float64(values) => Cow::Borrowed(values.as_slice()),
        }
    }

    /// The nearest float32 numbers.
    pub fn narrow(&self) -> Cow<'_, [f32]> {
        match &self.data {
            RealData::Float32(values) => Cow::Borrowed(values.as_slice()),
            RealData::Float64(values) => values.iter().map(|&value| nearest_f32(value)).collect(),
        }
    }
}

/// The value of type `element` nearest to `value`, ties to even.
fn stored(element: ElementType, value: f32) -> f32 {
    match element {
        ElementType::Float16 => float16(value),
        ElementType::BFloat16 => bfloat16(value),
        _ => value,
    }
}

/// Nearest binary16, ties to even, as a float32.
fn float16(value: f32) -> f32 {
    let magnitude = value.abs();
    if !value.is_finite() || magnitude == 0.0 {
        return value;
    }
    // One unit in the last place: 2^(e - 10), 2^-24 for subnormal numbers.
    let exponent = ((magnitude.to_bits() >> 23).cast_signed() - 127).max(-14);
    let unit = f32::from_bits(((exponent - 10 + 127).cast_unsigned()) << 23);
    let rounded = (magnitude / unit).round_ties_even() * unit;
    let rounded = if rounded > 65504.0 { f32::INFINITY } else { rounded };
    rounded.copysign(value)
}

/// Nearest bfloat16, ties to even, as a float32.
fn bfloat16(value: f32) -> f32 {
    if !value.is_finite() {
        return value;
    }
    let bits = value.to_bits();
    let odd = bits >> 16 & 1;
    f32::from_bits((bits + 0x7fff + odd) & 0xffff_0000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bit_floats_round_to_nearest_even() {
        let half = |x| float16(x);
        assert_eq!(half(1.0 + 2f32.powi(-11)), 1.0);
        assert_eq!(half(1.0 + 3.0 * 2f32.powi(-11)), 1.0 + 2f32.powi(-9));
        assert_eq!([half(65519.0), half(65520.0)], [65504.0, f32::INFINITY]);
        assert_eq!([half(2f32.powi(-25)), half(1.5 * 2f32.powi(-25))], [0.0, 2f32.powi(-24)]);
        assert_eq!(half(-0.0).to_bits(), (-0.0f32).to_bits());
        let brain = |x| bfloat16(x);
        assert_eq!(
            [brain(1.0 + 2f32.powi(-8)), brain(1.0 + 3.0 * 2f32.powi(-8))],
            [1.0, 1.0 + 2f32.powi(-6)]
        );
        assert!(brain(f32::NAN).is_nan());
    }
}
