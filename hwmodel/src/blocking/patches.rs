//! The left operand of a product: the patches of an image under the windows of a convolution.

use crate::convolution::Convolution2d;
use crate::parallel::{self, Done, Totals};
use std::ops::Range;

/// Pixels, or patches, whose sums one task makes.
const ROWS: usize = 256;

/// The left operand: row m is the patch of output pixel m. A plain matrix `[m, k]` is m images of
/// one pixel and k channels under a 1×1 kernel.
#[derive(Clone, Copy)]
pub(crate) struct Patches<'a, T> {
    data: &'a [T],
    height: usize,
    width: usize,
    channels: usize,
    /// First channel and number of channels of the group.
    group: (usize, usize),
    geometry: Convolution2d,
    output: [usize; 2],
    rows: usize,
}

impl<'a, T: Copy> Patches<'a, T> {
    /// The patches of group `group` of an image `[n, h, w, c]`.
    pub(crate) fn image(
        data: &'a [T],
        [n, height, width, channels]: [usize; 4],
        geometry: Convolution2d,
        output: [usize; 2],
        group: usize,
    ) -> Self {
        debug_assert_eq!(data.len(), n * height * width * channels);
        let size = channels / geometry.groups;
        Self {
            data,
            height,
            width,
            channels,
            group: (group * size, size),
            geometry,
            output,
            rows: n * output[0] * output[1],
        }
    }

    /// Number of rows, M.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Height, width and channels (of the group) of the image, and the convolution over it.
    pub(crate) fn geometry(&self) -> ([usize; 3], Convolution2d) {
        ([self.height, self.width, self.group.1], self.geometry)
    }

    /// Height and width of the output.
    pub(crate) fn output(&self) -> [usize; 2] {
        self.output
    }

    /// Length of a row, K.
    pub(crate) fn k(&self) -> usize {
        self.geometry.kernel[0] * self.geometry.kernel[1] * self.group.1
    }

    /// Writes elements `k0..k0 + out.len()` of row `row`, converted; padding becomes `zero`.
    #[inline(always)]
    pub(crate) fn fill<E: Copy>(
        &self,
        row: usize,
        k0: usize,
        out: &mut [E],
        zero: E,
        convert: impl Fn(T) -> E + Copy,
    ) {
        self.fill_rows(row..row + 1, k0..k0 + out.len(), out, out.len(), zero, convert);
    }

    /// Writes elements `terms` of the rows `rows`, converted, to `out`, whose rows are `out_stride`
    /// long; padding becomes `zero`.
    #[inline(always)]
    pub(crate) fn fill_rows<E: Copy>(
        &self,
        rows: Range<usize>,
        terms: Range<usize>,
        out: &mut [E],
        out_stride: usize,
        zero: E,
        convert: impl Fn(T) -> E + Copy,
    ) {
        let segment = self.geometry.kernel[1] * self.group.1;
        if terms.is_empty() || segment == 0 {
            return;
        }
        let ow = self.output[1];
        let (mut image, mut y, mut x) = {
            let pixel = rows.start % (self.output[0] * ow);
            (rows.start / (self.output[0] * ow), pixel / ow, pixel % ow)
        };
        let mut row = rows.start;
        while row < rows.end {
            // A run of output pixels in one line of one image: their kernel rows read the same lines.
            let run = (ow - x).min(rows.end - row);
            let out = &mut out[(row - rows.start) * out_stride..];
            let mut term = terms.start;
            while term < terms.end {
                let (kernel_row, within) = (term / segment, term % segment);
                let take = (segment - within).min(terms.end - term);
                let at = term - terms.start;
                let line = self.geometry.source(0, y, kernel_row, self.height);
                let line = line.map(|source| (image * self.height + source) * self.width);
                for (offset, out) in out.chunks_mut(out_stride).take(run).enumerate() {
                    let out = &mut out[at..at + take];
                    match line {
                        None => out.fill(zero),
                        Some(line) => self.fill_line(line, x + offset, within, out, zero, convert),
                    }
                }
                term += take;
            }
            row += run;
            x = 0;
            y += 1;
            if y == self.output[0] {
                (image, y) = (image + 1, 0);
            }
        }
    }

    /// Writes elements `within..within + out.len()` of one kernel row of output column `x`; the image
    /// line starts at pixel `line`.
    #[inline(always)]
    fn fill_line<E: Copy>(
        &self,
        line: usize,
        x: usize,
        within: usize,
        out: &mut [E],
        zero: E,
        convert: impl Fn(T) -> E + Copy,
    ) {
        if self.geometry.dilation[1] != 1 {
            return self.fill_dilated(line, x, within, out, zero, convert);
        }
        let left = (x * self.geometry.stride[1]) as isize - self.geometry.padding[1][0] as isize;
        let kernel_width = self.geometry.kernel[1];
        let (first, size) = self.group;
        // Kernel columns inside the image; element e of the kernel row is column e / size, channel
        // e % size.
        let inside_from = ((-left).clamp(0, kernel_width as isize)).cast_unsigned();
        let inside_to = ((self.width as isize - left)
            .clamp(inside_from as isize, kernel_width as isize))
        .cast_unsigned();
        let (from, to) = (within, within + out.len());
        let inside = (inside_from * size).clamp(from, to)..(inside_to * size).clamp(from, to);
        let (padding, tail) = out.split_at_mut(inside.start - from);
        padding.fill(zero);
        let (copied, padding) = tail.split_at_mut(inside.len());
        padding.fill(zero);
        if copied.is_empty() {
            return;
        }
        if size == self.channels {
            let start = (line as isize + left) * size as isize + inside.start as isize;
            let source = &self.data[start.cast_unsigned()..start.cast_unsigned() + copied.len()];
            for (out, &value) in copied.iter_mut().zip(source) {
                *out = convert(value);
            }
            return;
        }
        for (offset, out) in copied.iter_mut().enumerate() {
            let element = inside.start + offset;
            let column = (left + (element / size) as isize).cast_unsigned();
            let index = (line + column) * self.channels + first + element % size;
            *out = convert(self.data[index]);
        }
    }

    /// [`Self::fill_line`] of a kernel whose columns are not neighbours in the image.
    fn fill_dilated<E: Copy>(
        &self,
        line: usize,
        x: usize,
        within: usize,
        out: &mut [E],
        zero: E,
        convert: impl Fn(T) -> E,
    ) {
        let (first, size) = self.group;
        for (element, out) in (within..).zip(out) {
            let column = self.geometry.source(1, x, element / size, self.width);
            let index =
                column.map(|column| (line + column) * self.channels + first + element % size);
            *out = index.map_or(zero, |index| convert(self.data[index]));
        }
    }

    /// Sums `value(element)` over every patch: one sum a row.
    pub(crate) fn row_sums(&self, value: impl Fn(T) -> f64 + Sync) -> Vec<f64>
    where
        T: Sync,
    {
        let (first, size) = self.group;
        let channels = self.channels.max(1);
        let mut pixels = vec![0.0; self.data.len() / channels];
        let data = self.data.chunks(ROWS * channels);
        parallel::each(pixels.chunks_mut(ROWS).zip(data), |(sums, data)| {
            for (sum, pixel) in sums.iter_mut().zip(data.chunks_exact(channels)) {
                *sum = pixel[first..first + size].iter().map(|&x| value(x)).sum();
            }
        });
        let ones = Patches {
            data: &pixels,
            height: self.height,
            width: self.width,
            channels: 1,
            group: (0, 1),
            geometry: self.geometry,
            output: self.output,
            rows: self.rows,
        };
        let mut rows = vec![0.0; self.rows];
        parallel::share(
            rows.chunks_mut(ROWS).enumerate(),
            || vec![0.0; ones.k()],
            |patch, (index, rows)| {
                for (row, sum) in (index * ROWS..).zip(rows) {
                    ones.fill(row, 0, patch, 0.0, |x| x);
                    *sum = patch.iter().sum();
                }
                Done
            },
        );
        rows
    }

    /// At every place of an image `[h, w, c]`, in how many images `test` holds.
    pub(crate) fn place_counts(&self, test: impl Fn(T) -> bool + Sync) -> Vec<u32>
    where
        T: Sync,
    {
        let plane = self.height * self.width * self.channels;
        let images: Vec<&[T]> = self.data.chunks(plane.max(1)).collect();
        let counts = parallel::sum(images.chunks(16), |images| {
            let mut counts = vec![0u32; plane];
            for image in images {
                for (count, &value) in counts.iter_mut().zip(*image) {
                    *count += u32::from(test(value));
                }
            }
            Totals::new(counts)
        });
        counts.of_length(plane)
    }

    /// For every k, in how many rows a test holds (in padding it never does) of which `counts` are the
    /// [`Patches::place_counts`]: a window sum over one plane.
    pub(crate) fn column_totals(&self, counts: &[u32]) -> Vec<u64> {
        let one = Patches {
            data: counts,
            height: self.height,
            width: self.width,
            channels: self.channels,
            group: self.group,
            geometry: self.geometry,
            output: self.output,
            rows: self.output[0] * self.output[1],
        };
        let mut totals = vec![0u64; self.k()];
        let mut patch = vec![0u32; self.k()];
        for row in 0..one.rows {
            one.fill(row, 0, &mut patch, 0, |count| count);
            totals.iter_mut().zip(&patch).for_each(|(total, &count)| *total += u64::from(count));
        }
        totals
    }
}
