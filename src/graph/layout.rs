//! Channels before or after the spatial axes.

use rayon::prelude::*;

/// Sides of the blocks that are transposed at a time.
const BLOCK: usize = 32;

/// Height and width of an image, and the zeros around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Padding {
    pub(super) sizes: [usize; 2],
    /// Before and after, of both axes.
    pub(super) pads: [[usize; 2]; 2],
}

impl Padding {
    pub(super) fn none(sizes: [usize; 2]) -> Self {
        Self { sizes, pads: [[0; 2]; 2] }
    }

    /// Height and width with padding.
    pub(super) fn padded(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.sizes[axis] + self.pads[axis][0] + self.pads[axis][1])
    }
}

/// `[n, c, h, w]` as `[n, h, w, c]` with zeros around each image.
pub(super) fn to_last<T: Copy + Default + Send + Sync>(
    values: &[T],
    images: usize,
    channels: usize,
    padding: Padding,
) -> Vec<T> {
    to_last_as(values, images, channels, padding, |value| value)
}

/// [`to_last`] of converted numbers.
pub(super) fn to_last_as<T: Copy + Sync, U: Copy + Default + Send>(
    values: &[T],
    images: usize,
    channels: usize,
    padding: Padding,
    convert: impl Fn(T) -> U + Copy + Sync,
) -> Vec<U> {
    let [height, width] = padding.sizes;
    let [rows, columns] = padding.padded();
    let mut last = vec![U::default(); images * rows * columns * channels];
    let plane = height * width * channels;
    if last.is_empty() || plane == 0 {
        return last;
    }
    let images = last.par_chunks_mut(rows * columns * channels).zip(values.par_chunks(plane));
    images.for_each(|(last, values)| {
        if padding.pads == [[0; 2]; 2] {
            transpose_as(values, [channels, height * width], last, convert);
            return;
        }
        for y in 0..height {
            let first = ((y + padding.pads[0][0]) * columns + padding.pads[1][0]) * channels;
            let row = &mut last[first..first + width * channels];
            for (channel, plane) in values.chunks_exact(height * width).enumerate() {
                let source = &plane[y * width..][..width];
                let row = row[channel..].iter_mut().step_by(channels);
                row.zip(source).for_each(|(to, &from)| *to = convert(from));
            }
        }
    });
    last
}

/// `[n, pixels, c]` as `[n, c, pixels]`.
pub(super) fn to_first<T: Copy + Default + Send + Sync>(
    values: &[T],
    images: usize,
    channels: usize,
    pixels: usize,
) -> Vec<T> {
    to_first_as(values, images, channels, pixels, |value| value)
}

/// [`to_first`] of converted numbers.
pub(super) fn to_first_as<T: Copy + Sync, U: Copy + Default + Send>(
    values: &[T],
    images: usize,
    channels: usize,
    pixels: usize,
    convert: impl Fn(T) -> U + Copy + Sync,
) -> Vec<U> {
    let mut first = vec![U::default(); images * channels * pixels];
    let plane = channels * pixels;
    if plane > 0 {
        let images = first.par_chunks_mut(plane).zip(values.par_chunks(plane));
        images.for_each(|(first, values)| transpose_as(values, [pixels, channels], first, convert));
    }
    first
}

/// The transpose of `[rows, columns]`.
pub(super) fn transpose<T: Copy>(from: &[T], shape: [usize; 2], to: &mut [T]) {
    transpose_as(from, shape, to, |value| value);
}

fn transpose_as<T: Copy, U>(
    from: &[T],
    [rows, columns]: [usize; 2],
    to: &mut [U],
    convert: impl Fn(T) -> U,
) {
    for top in (0..rows).step_by(BLOCK) {
        for left in (0..columns).step_by(BLOCK) {
            for row in top..rows.min(top + BLOCK) {
                for column in left..columns.min(left + BLOCK) {
                    to[column * rows + row] = convert(from[row * columns + column]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_move_behind_and_back() {
        let first: Vec<i32> = (0..2 * 3 * 4).collect();
        let last = to_last(&first, 2, 3, Padding::none([2, 2]));
        assert_eq!(last[..6], [0, 4, 8, 1, 5, 9]);
        assert_eq!(to_first(&last, 2, 3, 4), first);
        let padding = Padding { sizes: [1, 2], pads: [[1, 0], [0, 1]] };
        let padded = to_last(&[1, 2, 3, 4], 1, 2, padding);
        assert_eq!(padded, [0, 0, 0, 0, 0, 0, 1, 3, 2, 4, 0, 0]);
        let large: Vec<usize> = (0..70 * 33).collect();
        let mut turned = vec![0; large.len()];
        transpose(&large, [70, 33], &mut turned);
        assert!(turned.iter().enumerate().all(|(i, &x)| x == i % 70 * 33 + i / 70));
    }
}
