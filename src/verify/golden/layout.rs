//! Conversion between PyTorch's tensor layouts and this crate's.

/// [.., channels, pixels] → [.., pixels, channels]: NCHW activations become NHWC, OIHW filters OHWI.
/// `values` that are no whole number of images lose the rest.
pub(super) fn channels_last<T: Copy>(values: &[T], channels: usize, pixels: usize) -> Vec<T> {
    let mut result = Vec::with_capacity(values.len());
    // An empty tensor has no images to visit.
    for image in values.chunks_exact(channels.saturating_mul(pixels).max(1)) {
        for pixel in 0..pixels {
            result.extend(image.iter().skip(pixel).step_by(pixels));
        }
    }
    result
}

/// The product of `sizes`, or `None` if it exceeds `usize`.
pub(super) fn elements(sizes: &[usize]) -> Option<usize> {
    sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_keep_their_outputs_first() {
        let oihw: Vec<i32> = (0..12).collect();
        assert_eq!(channels_last(&oihw, 3, 2), [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]);
        assert_eq!(channels_last(&[0; 0], 0, 3), [0; 0]);
        assert_eq!(elements(&[2, 3, 4]), Some(24));
        assert_eq!(elements(&[usize::MAX, 2]), None);
    }
}
