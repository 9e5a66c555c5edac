//! Window traversal of depthwise convolutions.

use crate::convolution::Convolution2d;

/// Windows of a convolution: the input pixels under the kernel at each output pixel.
#[derive(Clone, Copy)]
pub(crate) struct Windows {
    /// Shape of the input, `[n, h, w, c]`.
    pub(crate) input: [usize; 4],
    pub(crate) geometry: Convolution2d,
    /// Output height and width.
    pub(crate) output: [usize; 2],
}

impl Windows {
    /// Calls `visit(term, input pixel)` for every place under the kernel of output pixel `pixel`, row by
    /// row; the input pixel is `None` in the padding.
    #[inline(always)]
    pub(crate) fn for_each_term(&self, pixel: usize, mut visit: impl FnMut(usize, Option<usize>)) {
        let [_, height, width, _] = self.input;
        let [oh, ow] = self.output;
        let kernel = self.geometry.kernel;
        let (image, y, x) = (pixel / (oh * ow), pixel / ow % oh, pixel % ow);
        for row in 0..kernel[0] {
            let line = self.geometry.source(0, y, row, height);
            for column in 0..kernel[1] {
                let place = self.geometry.source(1, x, column, width);
                let source = line.zip(place).map(|(y, x)| (image * height + y) * width + x);
                visit(row * kernel[1] + column, source);
            }
        }
    }
}

/// `[channels, terms]` as `[terms, channels]`, converted.
pub(crate) fn by_terms<T: Copy, E>(
    filters: &[T],
    terms: usize,
    convert: impl Fn(T) -> E,
) -> Vec<E> {
    let channels = filters.len() / terms.max(1);
    let places = (0..terms).flat_map(|term| (0..channels).map(move |c| c * terms + term));
    places.map(|place| convert(filters[place])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel row at x = 0 of a 1×3 image with padding 1: padding, pixel 0, pixel 1.
    #[test]
    fn terms_name_the_pixels_under_the_kernel() {
        let geometry = Convolution2d::symmetric([1, 3], [1, 2], [0, 1], 1);
        let windows = Windows { input: [2, 1, 3, 1], geometry, output: [1, 2] };
        let terms = |pixel| {
            let mut seen = Vec::new();
            windows.for_each_term(pixel, |term, source| seen.push((term, source)));
            seen
        };
        assert_eq!(terms(0), [(0, None), (1, Some(0)), (2, Some(1))]);
        assert_eq!(terms(3), [(0, Some(4)), (1, Some(5)), (2, None)]);
    }
}
