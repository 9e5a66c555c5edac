//! Average pooling in float32 on the vector unit.
//!
//! Every window is divided by its full size, padding included (PyTorch's `count_include_pad`). The
//! pixels of a window are added in row-major order. Global average pooling is the window of
//! [`PoolShape::global`].

use crate::network::vector::operations::VectorOperations;
use hwmodel::elementwise::{PoolError, PoolShape};
use rayon::prelude::*;

/// Per element of the input: the sum forward, the share of the gradient backward.
pub const OPERATIONS: VectorOperations = VectorOperations::new(1, 1);

/// The mean of every window; `x` is [n, h, w, c], `y` the output shape.
///
/// # Errors
/// If lengths do not fit `shape`.
pub fn average_pool(shape: &PoolShape, x: &[f32], y: &mut [f32]) -> Result<(), PoolError> {
    shape.check(x.len(), y.len())?;
    let channels = shape.channels();
    let positions = shape.window().positions() as f32;
    let images = x.par_chunks_exact(shape.input_image());
    images.zip(y.par_chunks_exact_mut(shape.output_image())).for_each(|(x, y)| {
        shape.for_each_tap(|tap| {
            let x = &x[tap.input..][..channels];
            let y = &mut y[tap.output..][..channels];
            if tap.first {
                y.copy_from_slice(x);
                return;
            }
            for (x, y) in x.iter().zip(y) {
                *y += x;
            }
        });
        for y in y {
            *y /= positions;
        }
    });
    Ok(())
}

/// Adds grad_y / (kernel height · kernel width) to every pixel of a window.
///
/// `grad_x` is overwritten; overlapping windows are added in row-major order of the windows.
///
/// # Errors
/// If lengths do not fit `shape`.
pub fn average_pool_backward(
    shape: &PoolShape,
    grad_y: &[f32],
    grad_x: &mut [f32],
) -> Result<(), PoolError> {
    shape.check(grad_x.len(), grad_y.len())?;
    let channels = shape.channels();
    let positions = shape.window().positions() as f32;
    let images = grad_y.par_chunks_exact(shape.output_image());
    images.zip(grad_x.par_chunks_exact_mut(shape.input_image())).for_each(|(grad_y, grad_x)| {
        grad_x.fill(0.0);
        let mut share = vec![0.0f32; channels];
        shape.for_each_tap(|tap| {
            if tap.first {
                for (share, grad_y) in share.iter_mut().zip(&grad_y[tap.output..]) {
                    *share = grad_y / positions;
                }
            }
            for (grad_x, share) in grad_x[tap.input..].iter_mut().zip(&share) {
                *grad_x += share;
            }
        });
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::elementwise::PoolWindow;

    #[test]
    fn padding_counts_in_the_mean() {
        let shape = PoolShape::new([1, 2, 2, 1], PoolWindow::square(2, 2, 1)).unwrap();
        let (mut y, mut grad_x) = ([0.0; 4], [9.0; 4]);
        average_pool(&shape, &[1.0, 2.0, 3.0, 4.0], &mut y).unwrap();
        assert_eq!(y, [0.25, 0.5, 0.75, 1.0]);
        average_pool_backward(&shape, &[4.0, 8.0, 12.0, 16.0], &mut grad_x).unwrap();
        assert_eq!(grad_x, [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn overlapping_windows_add() {
        let window = PoolWindow { kernel: [1, 2], ..PoolWindow::square(1, 1, 0) };
        let shape = PoolShape::new([1, 1, 3, 2], window).unwrap();
        let (mut y, mut grad_x) = ([0.0; 4], [9.0; 6]);
        average_pool(&shape, &[1.0, 10.0, 3.0, 30.0, 5.0, 50.0], &mut y).unwrap();
        assert_eq!(y, [2.0, 20.0, 4.0, 40.0]);
        average_pool_backward(&shape, &[2.0, 20.0, 4.0, 40.0], &mut grad_x).unwrap();
        assert_eq!(grad_x, [1.0, 10.0, 3.0, 30.0, 2.0, 20.0]);
    }

    #[test]
    fn global_pooling_is_the_mean_of_an_image_per_channel() {
        let shape = PoolShape::global([2, 2, 2, 2]).unwrap();
        let x: Vec<f32> = (0..16u8).map(f32::from).collect();
        let (mut y, mut grad_x) = ([0.0; 4], [9.0; 16]);
        average_pool(&shape, &x, &mut y).unwrap();
        assert_eq!(y, [3.0, 4.0, 11.0, 12.0]);
        average_pool_backward(&shape, &[4.0, 8.0, 12.0, 16.0], &mut grad_x).unwrap();
        assert_eq!(grad_x[..4], [1.0, 2.0, 1.0, 2.0]);
        assert_eq!(grad_x[8..12], [3.0, 4.0, 3.0, 4.0]);
    }

    #[test]
    fn wrong_lengths_are_errors() {
        let shape = PoolShape::global([1, 2, 2, 1]).unwrap();
        assert!(average_pool(&shape, &[0.0; 4], &mut [0.0; 2]).is_err());
        assert!(average_pool_backward(&shape, &[0.0; 1], &mut [0.0; 5]).is_err());
    }
}
