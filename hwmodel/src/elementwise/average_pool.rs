//! Average pooling in integers: a sum and a division by a constant.

use super::division::Division;
use super::pooling::PoolShape;
use crate::{FixedTensor, RawData, Rounding, TensorError};
use num_traits::AsPrimitive;
use rayon::prelude::*;

/// The rounded mean of every window, in the format of the input. Padding counts as zeros.
///
/// The sum of a window is exact in 64 bits and divided by [`Division::round`]. A mean is never outside the range of its
/// words, so nothing saturates.
///
/// ```
/// use hwmodel::elementwise::{Division, PoolShape, average_pool};
/// use hwmodel::{FixedTensor, Format, Rounding};
/// let x = FixedTensor::from_raw(&[1, 2, 2, 1], Format::new(8, 4)?, &[1, 2, 3, 4])?;
/// let shape = PoolShape::global([1, 2, 2, 1])?;
/// let mean = average_pool(&shape, Division::of_sums(4, 8)?, Rounding::NearestEven, &x)?;
/// assert_eq!(mean.data().to_i32(), [2]); // 2.5, a tie
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If `x` does not have the input shape of `shape`.
pub fn average_pool(
    shape: &PoolShape,
    division: Division,
    rounding: Rounding,
    x: &FixedTensor,
) -> Result<FixedTensor, TensorError> {
    let data = match x.data() {
        RawData::I8(x) => RawData::I8(pool(shape, division, rounding, x)),
        RawData::I16(x) => RawData::I16(pool(shape, division, rounding, x)),
        RawData::I32(x) => RawData::I32(pool(shape, division, rounding, x)),
        RawData::I64(x) => RawData::I64(pool(shape, division, rounding, x)),
    };
    FixedTensor::new(&shape.output_shape(), x.format(), data)
}

fn pool<T>(shape: &PoolShape, division: Division, rounding: Rounding, x: &[T]) -> Vec<T>
where
    T: Copy + Send + Sync + AsPrimitive<i64>,
    i64: AsPrimitive<T>,
{
    let images = x.par_chunks_exact(shape.input_image());
    let pooled = images.map(|x| {
        let mut sums = vec![0i64; shape.output_image()];
        shape.for_each_tap(|tap| {
            let sums = &mut sums[tap.output..][..shape.channels()];
            for (sum, x) in sums.iter_mut().zip(&x[tap.input..]) {
                *sum += x.as_();
            }
        });
        sums.into_iter().map(|sum| division.round(sum, rounding).as_()).collect::<Vec<T>>()
    });
    pooled.collect::<Vec<Vec<T>>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;
    use crate::elementwise::PoolWindow;

    #[test]
    fn means_round_to_even_in_every_container() {
        for wl in [8, 12, 20] {
            let format = Format::new(wl, 3).unwrap();
            let raw = [1, -1, 2, -2, 3, -4, 4, -3, 100, -128, 101, -128];
            let x = FixedTensor::from_raw(&[1, 3, 2, 2], format, &raw).unwrap();
            let window = PoolWindow { kernel: [1, 2], ..PoolWindow::square(1, 1, 0) };
            let shape = PoolShape::new([1, 3, 2, 2], window).unwrap();
            let division = Division::of_sums(2, wl).unwrap();
            let y = average_pool(&shape, division, Rounding::NearestEven, &x).unwrap();
            // 1.5, -1.5, 3.5, -3.5, 100.5, -128
            assert_eq!(y.data().to_i32(), [2, -2, 4, -4, 100, -128]);
            assert_eq!((y.shape(), y.format()), (&[1, 3, 1, 2][..], format));
        }
    }
}
