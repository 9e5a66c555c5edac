//! Max pooling of integers or floats.
//!
//! Comparing raw integers of one format compares their values, so the layer keeps the format and needs
//! no quantiser. Padding is -∞ and never chosen; of equal maxima the first in row-major window order
//! wins and takes the gradient, as in PyTorch.

use super::pooling::{PoolError, PoolShape};
use crate::RawData;
use crate::cast::exact;
use rayon::prelude::*;
use std::ops::AddAssign;

/// The largest element of every window.
///
/// `x` is [n, h, w, c], `y` and `argmax` are the output shape. `argmax` gets the position of the maximum
/// in its window, row-major over the kernel, padding included. Floats must not be NaN (a NaN is chosen
/// only where it comes first).
///
/// # Errors
/// If lengths do not fit `shape` or the window has more than 256 positions.
pub fn max_pool<T: Copy + PartialOrd + Send + Sync>(
    shape: &PoolShape,
    x: &[T],
    y: &mut [T],
    argmax: &mut [u8],
) -> Result<(), PoolError> {
    check(shape, x.len(), y.len(), argmax.len())?;
    let channels = shape.channels();
    let outputs = y.par_chunks_exact_mut(shape.output_image());
    let outputs = outputs.zip(argmax.par_chunks_exact_mut(shape.output_image()));
    x.par_chunks_exact(shape.input_image()).zip(outputs).for_each(|(x, (y, argmax))| {
        shape.for_each_tap(|tap| {
            let x = &x[tap.input..][..channels];
            let y = &mut y[tap.output..][..channels];
            let argmax = &mut argmax[tap.output..][..channels];
            // At most 256 positions, checked above.
            let position = exact::<u8>(tap.position);
            if tap.first {
                y.copy_from_slice(x);
                argmax.fill(position);
                return;
            }
            // Both are written in any case, so that the loop becomes compare and select.
            for ((&x, y), argmax) in x.iter().zip(y).zip(argmax) {
                let greater = x > *y;
                *y = if greater { x } else { *y };
                *argmax = if greater { position } else { *argmax };
            }
        });
    });
    Ok(())
}

/// [`max_pool`] of raw integers: values in the same container, and the positions of the maxima.
///
/// ```
/// use hwmodel::RawData;
/// use hwmodel::elementwise::{PoolShape, PoolWindow, max_pool_raw};
/// let shape = PoolShape::new([1, 2, 2, 1], PoolWindow::square(2, 2, 0))?;
/// let (y, positions) = max_pool_raw(&shape, &RawData::I8(vec![-3, 7, 7, 1]))?;
/// assert_eq!((y, &positions[..]), (RawData::I8(vec![7]), &[1][..]));
/// # Ok::<(), hwmodel::elementwise::PoolError>(())
/// ```
///
/// # Errors
/// As [`max_pool`].
pub fn max_pool_raw(shape: &PoolShape, x: &RawData) -> Result<(RawData, Vec<u8>), PoolError> {
    fn pool<T: Copy + Default + PartialOrd + Send + Sync>(
        shape: &PoolShape,
        x: &[T],
        argmax: &mut [u8],
    ) -> Result<Vec<T>, PoolError> {
        let mut y = vec![T::default(); shape.output_len()];
        max_pool(shape, x, &mut y, argmax)?;
        Ok(y)
    }
    let mut argmax = vec![0; shape.output_len()];
    let y = match x {
        RawData::I8(x) => RawData::I8(pool(shape, x, &mut argmax)?),
        RawData::I16(x) => RawData::I16(pool(shape, x, &mut argmax)?),
        RawData::I32(x) => RawData::I32(pool(shape, x, &mut argmax)?),
        RawData::I64(x) => RawData::I64(pool(shape, x, &mut argmax)?),
    };
    Ok((y, argmax))
}

/// Adds every output gradient to the input pixel that was its window's maximum.
///
/// `grad_x` is overwritten. Where windows overlap, gradients are added in row-major order of the windows,
/// in the wider type `S` (f32 for f32, i32 for i8 and i16, i64 for i32).
///
/// # Errors
/// As [`max_pool`].
pub fn max_pool_backward<G, S>(
    shape: &PoolShape,
    argmax: &[u8],
    grad_y: &[G],
    grad_x: &mut [S],
) -> Result<(), PoolError>
where
    G: Copy + Sync,
    S: Copy + Default + AddAssign + From<G> + Send,
{
    check(shape, grad_x.len(), grad_y.len(), argmax.len())?;
    let channels = shape.channels();
    let outputs = grad_y.par_chunks_exact(shape.output_image());
    let outputs = outputs.zip(argmax.par_chunks_exact(shape.output_image()));
    grad_x.par_chunks_exact_mut(shape.input_image()).zip(outputs).for_each(
        |(grad_x, (grad_y, argmax))| {
            grad_x.fill(S::default());
            shape.for_each_tap(|tap| {
                let grad_x = &mut grad_x[tap.input..][..channels];
                let grad_y = &grad_y[tap.output..][..channels];
                let argmax = &argmax[tap.output..][..channels];
                let position = exact::<u8>(tap.position);
                // Adding a zero instead of branching lets the loop run in vectors.
                for ((grad_x, &grad_y), &argmax) in grad_x.iter_mut().zip(grad_y).zip(argmax) {
                    *grad_x += if argmax == position { S::from(grad_y) } else { S::default() };
                }
            });
        },
    );
    Ok(())
}

fn check(shape: &PoolShape, input: usize, output: usize, argmax: usize) -> Result<(), PoolError> {
    let positions = shape.window().positions();
    if positions > 256 {
        return Err(PoolError::Positions { positions });
    }
    shape.check(input, output)?;
    shape.check(input, argmax)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementwise::PoolWindow;
    use proptest::prelude::*;

    /// The definition, one output element at a time; the index is of the input pixel and channel.
    fn reference(shape: &PoolShape, x: &[i32]) -> Vec<(i32, usize)> {
        let [images, height, width, channels] = shape.input_shape();
        let [_, rows, columns, _] = shape.output_shape();
        let window = shape.window();
        let mut result = Vec::new();
        for output in 0..images * rows * columns * channels {
            let (channel, pixel) = (output % channels, output / channels);
            let (image, row, column) =
                (pixel / columns / rows, pixel / columns % rows, pixel % columns);
            let mut best: Option<(i32, usize)> = None;
            for ky in 0..window.kernel[0] {
                for kx in 0..window.kernel[1] {
                    let y = (row * window.stride[0] + ky).checked_sub(window.padding[0]);
                    let x_at = (column * window.stride[1] + kx).checked_sub(window.padding[1]);
                    let (Some(y), Some(x_at)) = (y, x_at) else { continue };
                    if y >= height || x_at >= width {
                        continue;
                    }
                    let index = ((image * height + y) * width + x_at) * channels + channel;
                    if best.is_none_or(|(value, _)| x[index] > value) {
                        best = Some((x[index], index));
                    }
                }
            }
            result.push(best.unwrap());
        }
        result
    }

    proptest! {
        #[test]
        fn forward_and_backward_equal_the_definition_in_every_type(
            (height, width) in (3usize..7, 3usize..7), channels in 1usize..20, images in 0usize..3,
            (kernel_height, kernel_width) in (1usize..4, 1usize..4),
            stride in 1usize..4, (pad, ceil) in (any::<bool>(), any::<bool>()),
            values in proptest::collection::vec(-3i32..4, 2 * 6 * 6 * 19),
        ) {
            let kernel = [kernel_height, kernel_width];
            let padding = if pad { kernel.map(|kernel| kernel / 2) } else { [0, 0] };
            let window = PoolWindow { kernel, stride: [stride, 1], padding, ceil };
            let shape = PoolShape::new([images, height, width, channels], window).unwrap();
            let x = &values[..shape.input_len()];
            let expected = reference(&shape, x);
            let want: Vec<i32> = expected.iter().map(|(value, _)| *value).collect();
            let mut want_gradient = vec![0i32; x.len()];
            let gradient: Vec<i8> = (0..want.len()).map(|i| (i % 251) as u8 as i8).collect();
            for ((_, index), &gradient) in expected.iter().zip(&gradient) {
                want_gradient[*index] += i32::from(gradient);
            }

            let narrow = RawData::I8(x.iter().map(|&x| x as i8).collect());
            let middle = RawData::I16(x.iter().map(|&x| x as i16).collect());
            for data in [narrow, middle, RawData::I32(x.to_vec())] {
                let (y, argmax) = max_pool_raw(&shape, &data).unwrap();
                prop_assert_eq!(y.to_i32(), want.clone());
                let mut grad_x = vec![7i32; x.len()];
                max_pool_backward(&shape, &argmax, &gradient, &mut grad_x).unwrap();
                prop_assert_eq!(&grad_x, &want_gradient);
            }
            let floats: Vec<f32> = x.iter().map(|&x| x as f32).collect();
            let (mut y, mut argmax) = (vec![f32::NAN; want.len()], vec![0; want.len()]);
            max_pool(&shape, &floats, &mut y, &mut argmax).unwrap();
            prop_assert!(y.iter().zip(&want).all(|(&y, &want)| y == want as f32));
        }
    }

    #[test]
    fn padding_never_wins_over_the_most_negative_value() {
        let shape = PoolShape::new([1, 1, 1, 1], PoolWindow::square(2, 1, 1)).unwrap();
        let (y, argmax) = max_pool_raw(&shape, &RawData::I8(vec![-128])).unwrap();
        assert_eq!(y, RawData::I8(vec![-128; 4]));
        assert_eq!(argmax, [3, 2, 1, 0]);
    }

    #[test]
    fn overlapping_windows_add_and_ties_go_to_the_first() {
        let window = PoolWindow { kernel: [1, 2], ..PoolWindow::square(1, 1, 0) };
        let shape = PoolShape::new([1, 1, 4, 1], window).unwrap();
        let (mut y, mut argmax, mut grad_x) = ([0.0; 3], [0; 3], [0.0f32; 4]);
        max_pool(&shape, &[1.0f32, 5.0, 2.0, 2.0], &mut y, &mut argmax).unwrap();
        assert_eq!((y, argmax), ([5.0, 5.0, 2.0], [1, 0, 0]));
        max_pool_backward(&shape, &argmax, &[1.0f32, 2.0, 4.0], &mut grad_x).unwrap();
        assert_eq!(grad_x, [0.0, 3.0, 4.0, 0.0]);
    }

    #[test]
    fn wrong_lengths_and_large_windows_are_errors() {
        let shape = PoolShape::new([1, 4, 4, 1], PoolWindow::square(2, 2, 0)).unwrap();
        let error = max_pool(&shape, &[0i8; 15], &mut [0; 4], &mut [0; 4]).unwrap_err();
        assert!(error.to_string().contains("has 15 elements"), "{error}");
        let shape = PoolShape::global([1, 17, 16, 1]).unwrap();
        assert_eq!(
            max_pool_raw(&shape, &RawData::I8(vec![0; 272])),
            Err(PoolError::Positions { positions: 272 })
        );
    }
}
