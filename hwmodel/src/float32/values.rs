//! Operands of the float unit: float32 numbers, or fixed-point tensors read as raw · 2^-FL.

use crate::cast::nearest_f32;
use crate::kernels::{self, RawInteger, SimdLevel};
use crate::number::tensor::FixedTensor;
use crate::with_raw;
use num_traits::AsPrimitive;

/// A float32 operand.
#[derive(Clone, Copy)]
pub enum Values<'a> {
    /// Float32 numbers.
    Float(&'a [f32]),
    /// The values of a fixed-point tensor.
    Fixed(&'a FixedTensor),
}

/// Calls `$body` with the operand's `$slice` and the conversion `$convert` of its elements to f32.
macro_rules! with_values {
    ($values:expr, ($slice:ident, $convert:ident) => $body:expr) => {{
        let floats: Vec<f32>;
        let mut values = $values;
        if let $crate::float32::Values::Fixed(tensor) = values
            && matches!(tensor.data(), $crate::RawData::I64(_))
        {
            floats = tensor.to_f32($crate::SimdLevel::PORTABLE);
            values = $crate::float32::Values::Float(&floats);
        }
        match values {
            $crate::float32::Values::Float($slice) => {
                let $convert = |x: f32| x;
                $body
            }
            $crate::float32::Values::Fixed(tensor) => {
                let step = $crate::cast::nearest_f32(tensor.format().step());
                match tensor.data() {
                    $crate::number::tensor::RawData::I8($slice) => {
                        let $convert = move |x: i8| $crate::float32::values::value(x, step);
                        $body
                    }
                    $crate::number::tensor::RawData::I16($slice) => {
                        let $convert = move |x: i16| $crate::float32::values::value(x, step);
                        $body
                    }
                    $crate::number::tensor::RawData::I32($slice) => {
                        let $convert = move |x: i32| $crate::float32::values::value(x, step);
                        $body
                    }
                    $crate::number::tensor::RawData::I64(_) => {
                        unreachable!("converted before")
                    }
                }
            }
        }
    }};
}

pub(crate) use with_values;

/// raw · step.
#[inline(always)]
pub(crate) fn value<T: RawInteger>(raw: T, step: f32) -> f32 {
    AsPrimitive::<f32>::as_(raw) * step
}

impl<'a> Values<'a> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Fixed(tensor) => tensor.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements `start..start + buffer.len()` in float32; `buffer` is used only if they are fixed point.
    ///
    /// # Panics
    /// If there are no such elements.
    #[inline]
    pub fn read<'b>(&self, simd: SimdLevel, start: usize, buffer: &'b mut [f32]) -> &'b [f32]
    where
        'a: 'b,
    {
        match *self {
            Self::Float(values) => &values[start..start + buffer.len()],
            Self::Fixed(tensor) => {
                let step = nearest_f32(tensor.format().step());
                let length = buffer.len();
                with_raw!(tensor.data(), raw => {
                    kernels::dequantise(simd, &raw[start..start + length], step, buffer);
                });
                buffer
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::format::Format;

    #[test]
    fn a_piece_is_read_as_it_is_or_scaled() {
        let tensor =
            FixedTensor::from_raw(&[4], Format::new(9, 1).unwrap(), &[-3, 5, 200, 7]).unwrap();
        let numbers = [1.0, 2.0, 3.0, 4.0];
        let mut buffer = [0.0; 2];
        let simd = SimdLevel::PORTABLE;
        assert_eq!(Values::Fixed(&tensor).read(simd, 1, &mut buffer), [2.5, 100.0]);
        assert_eq!(Values::Float(&numbers).read(simd, 2, &mut buffer), [3.0, 4.0]);
        assert_eq!((Values::Fixed(&tensor).len(), Values::Float(&[]).is_empty()), (4, true));
    }
}
