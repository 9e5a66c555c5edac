//! Shape of a layer: the matrix product it is, and the addresses of its elements.

use super::error::ShapeError;
use crate::cast::exact;
use crate::product::WindowAxis;

/// Largest value of a column of a topology file.
pub(super) const LARGEST: u32 = i32::MAX as u32;

/// Largest M or K: sums of a few stay within 64 bits.
const LARGEST_DIMENSION: u64 = 1 << 62;

/// Columns of a line of a topology file: what a convolution or a matrix product measures. Windows fit into the
/// input, no value is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LayerShape {
    height: u32,
    width: u32,
    filter_height: u32,
    filter_width: u32,
    channels: u32,
    filters: u32,
    stride: u32,
}

/// The product `O[M,N] = I[M,K]·W[K,N]` that a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dimensions {
    /// Output pixels.
    pub m: u64,
    /// Filters.
    pub n: u64,
    /// Elements of a filter.
    pub k: u64,
}

impl Dimensions {
    /// M·N·K.
    pub fn macs(self) -> u128 {
        u128::from(self.m) * u128::from(self.n) * u128::from(self.k)
    }
}

/// How many positions a window of `filter` has on `size` elements, with SCALE-Sim's ceiling: one more
/// than the usual floor if the stride does not divide.
fn positions(size: u32, filter: u32, stride: u32) -> u64 {
    (u64::from(size) - u64::from(filter) + u64::from(stride)).div_ceil(u64::from(stride))
}

/// How many of `size` elements at least one window touches; the last one may hang over the edge.
fn touched(size: u32, filter: u32, stride: u32) -> u64 {
    WindowAxis {
        size: size.into(),
        padding: 0,
        kernel: filter.into(),
        dilation: 1,
        stride: stride.into(),
        windows: positions(size, filter, stride),
    }
    .distinct_elements()
}

impl LayerShape {
    /// A convolution: input height and width with the padding included, filter height and width, input
    /// channels, number of filters, stride (the same both ways).
    ///
    /// # Errors
    /// If a value is 0 or over 2^31 - 1, or a filter is larger than the input.
    pub fn convolution(
        [height, width]: [u32; 2],
        [filter_height, filter_width]: [u32; 2],
        channels: u32,
        filters: u32,
        stride: u32,
    ) -> Result<Self, ShapeError> {
        for (name, value) in [
            ("IFMAP Height", height),
            ("IFMAP Width", width),
            ("Filter Height", filter_height),
            ("Filter Width", filter_width),
            ("Channels", channels),
            ("Num Filter", filters),
            ("Strides", stride),
        ] {
            if !(1..=LARGEST).contains(&value) {
                return Err(ShapeError::Range { name, value });
            }
        }
        for (name, input, filter) in
            [("Height", height, filter_height), ("Width", width, filter_width)]
        {
            if filter > input {
                return Err(ShapeError::FilterTooLarge { name, filter, input });
            }
        }
        Ok(Self { height, width, filter_height, filter_width, channels, filters, stride })
    }

    /// A matrix product, described as SCALE-Sim does: an input of M rows and K columns under filters of one
    /// row and K columns.
    ///
    /// # Errors
    /// If a value is 0 or over 2^31 - 1.
    pub fn gemm(m: u32, n: u32, k: u32) -> Result<Self, ShapeError> {
        for (name, value) in [("M", m), ("N", n), ("K", k)] {
            if !(1..=LARGEST).contains(&value) {
                return Err(ShapeError::Range { name, value });
            }
        }
        Self::convolution([m, k], [1, k], 1, n, 1)
    }

    /// The same layer with one input channel, as each layer of a `DP` line.
    pub(super) fn single_channel(self) -> Self {
        Self { channels: 1, ..self }
    }

    /// Height and width of the input, padding included; M and K of a matrix product.
    pub fn input(&self) -> [u32; 2] {
        [self.height, self.width]
    }

    /// Height and width of a filter; 1 and K of a matrix product.
    pub fn filter(&self) -> [u32; 2] {
        [self.filter_height, self.filter_width]
    }

    /// Number of filters.
    pub fn filters(&self) -> u32 {
        self.filters
    }

    /// Stride, the same both ways.
    pub fn stride(&self) -> u32 {
        self.stride
    }

    /// Number of input channels.
    pub fn channels(&self) -> u32 {
        self.channels
    }

    /// Output height, with SCALE-Sim's ceiling.
    pub fn output_height(&self) -> u64 {
        positions(self.height, self.filter_height, self.stride)
    }

    /// Output width, with SCALE-Sim's ceiling.
    pub fn output_width(&self) -> u64 {
        positions(self.width, self.filter_width, self.stride)
    }

    /// The product, or `None` if K is over 2^62.
    pub fn dimensions(&self) -> Option<Dimensions> {
        let filter = u64::from(self.filter_height) * u64::from(self.filter_width);
        let k = filter.checked_mul(u64::from(self.channels))?;
        // Both are below 2^31.
        let m = self.output_height() * self.output_width();
        (k <= LARGEST_DIMENSION).then_some(Dimensions { m, n: u64::from(self.filters), k })
    }

    /// The same layer with as much of the input as windows wholly inside it need: its output size is the usual
    /// ⌊(H - FH) / stride⌋ + 1.
    pub fn without_overhang(&self) -> Self {
        let used = |size: u32, filter: u32| size - (size - filter) % self.stride;
        Self {
            height: used(self.height, self.filter_height),
            width: used(self.width, self.filter_width),
            ..*self
        }
    }

    /// Whether a window hangs over the edge of the input, so that some of its elements are null.
    pub fn overhangs(&self) -> bool {
        *self != self.without_overhang()
    }

    /// Distinct input elements that any window touches.
    pub fn distinct_inputs(&self) -> u128 {
        u128::from(touched(self.height, self.filter_height, self.stride))
            * u128::from(touched(self.width, self.filter_width, self.stride))
            * u128::from(self.channels)
    }

    /// Elements of the left matrix that are not null, each as often as windows touch it.
    pub(super) fn requested_inputs(&self) -> u128 {
        let inside = |positions: u64, filter: u32, size: u32| {
            let end = (positions - 1) * u64::from(self.stride) + u64::from(filter);
            // The last window alone can hang over the edge.
            let missing = end.saturating_sub(u64::from(size)).min(u64::from(filter));
            u128::from(positions * u64::from(filter) - missing)
        };
        inside(self.output_height(), self.filter_height, self.height)
            * inside(self.output_width(), self.filter_width, self.width)
            * u128::from(self.channels)
    }

    /// Whether two windows can share an input element.
    pub(super) fn windows_overlap(&self) -> bool {
        (self.stride < self.filter_height && self.output_height() > 1)
            || (self.stride < self.filter_width && self.output_width() > 1)
    }

    /// Rows and columns of the input extended to hold the windows that hang over its edge.
    fn extended(&self) -> (u64, u64) {
        let stride = u64::from(self.stride);
        let extent = |positions: u64, filter: u32, size: u32| {
            u64::from(size).max((positions - 1) * stride + u64::from(filter))
        };
        (
            extent(self.output_height(), self.filter_height, self.height),
            extent(self.output_width(), self.filter_width, self.width),
        )
    }

    /// Size of the address space of [`InputAddresses`].
    pub(super) fn input_addresses(&self) -> u128 {
        let (rows, columns) = self.extended();
        u128::from(rows) * u128::from(columns) * u128::from(self.channels)
    }
}

/// Addresses of input elements: element (m, k) of the left matrix is `window[m] + offset[k]`.
///
/// Addresses count in the input extended by what windows hang over, so that no sum wraps into the next row; only
/// which elements share an address matters to a buffer, not its number.
#[derive(Debug)]
pub(super) struct InputAddresses {
    /// By output pixel m: its window's first element.
    pub(super) window: Vec<u32>,
    /// By k: filter row, filter column, channel (fastest).
    pub(super) offset: Vec<u32>,
    rows: u32,
    columns: u32,
    shape: LayerShape,
}

impl InputAddresses {
    /// The addresses of `shape`, whose address space fits 32 bits.
    pub(super) fn new(shape: &LayerShape) -> Self {
        let (rows, columns) = shape.extended();
        let [rows, columns] =
            [rows, columns].map(|size| u32::try_from(size).expect("checked by the caller"));
        let LayerShape { channels, stride, .. } = *shape;
        let [height, width] = [shape.output_height(), shape.output_width()].map(exact::<u32>);
        let window = (0..height)
            .flat_map(|y| (0..width).map(move |x| (y * columns + x) * stride * channels))
            .collect();
        let offset = (0..shape.filter_height)
            .flat_map(|y| (0..shape.filter_width).map(move |x| (y * columns + x) * channels))
            .flat_map(|pixel| (0..channels).map(move |channel| pixel + channel))
            .collect();
        Self { window, offset, rows, columns, shape: *shape }
    }

    /// Size of the address space.
    pub(super) fn len(&self) -> usize {
        self.rows as usize * self.columns as usize * self.shape.channels as usize
    }

    /// Whether the element lies beyond the input, so that it is never requested.
    pub(super) fn is_null(&self, address: u32) -> bool {
        let pixel = address / self.shape.channels;
        pixel / self.columns >= self.shape.height || pixel % self.columns >= self.shape.width
    }

    /// By address: how many windows request it; 0 for nulls.
    pub(super) fn occurrences(&self) -> Vec<u32> {
        let LayerShape { height, width, filter_height, filter_width, stride, .. } = self.shape;
        let covering = |size: u32, inside: u32, positions: u64, filter: u32| -> Vec<u32> {
            let mut counts = vec![0; size as usize];
            for start in (0..exact::<u32>(positions)).map(|position| position * stride) {
                let end = (start + filter).min(inside).max(start);
                counts[start as usize..end as usize].iter_mut().for_each(|count| *count += 1);
            }
            counts
        };
        let rows = covering(self.rows, height, self.shape.output_height(), filter_height);
        let columns = covering(self.columns, width, self.shape.output_width(), filter_width);
        let channels = self.shape.channels as usize;
        let pixels = rows.iter().flat_map(|row| columns.iter().map(move |column| row * column));
        pixels.flat_map(|count| std::iter::repeat_n(count, channels)).collect()
    }

    /// All null addresses.
    pub(super) fn nulls(&self) -> impl Iterator<Item = u32> + '_ {
        let any = self.rows > self.shape.height || self.columns > self.shape.width;
        let end = if any { exact::<u32>(self.len()) } else { 0 };
        (0..end).filter(|&address| self.is_null(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn shape(input: [u32; 2], filter: [u32; 2], channels: u32, stride: u32) -> LayerShape {
        LayerShape::convolution(input, filter, channels, 1, stride).unwrap()
    }

    #[test]
    fn impossible_shapes_are_errors() {
        assert_eq!(
            LayerShape::convolution([4, 4], [3, 5], 1, 1, 1),
            Err(ShapeError::FilterTooLarge { name: "Width", filter: 5, input: 4 })
        );
        assert_eq!(LayerShape::gemm(1, 0, 1), Err(ShapeError::Range { name: "N", value: 0 }));
        assert_eq!(
            LayerShape::convolution([4, 4], [1, 1], 1, 1, 0),
            Err(ShapeError::Range { name: "Strides", value: 0 })
        );
    }

    #[test]
    fn output_sizes_round_up() {
        // (12 - 5 + 4) / 4 = 2.75 → 3, where the usual formula gives 2.
        let layer = shape([12, 12], [5, 5], 3, 4);
        assert_eq!(layer.dimensions(), Some(Dimensions { m: 9, n: 1, k: 75 }));
        assert!(layer.overhangs());
        assert_eq!(layer.without_overhang().dimensions().unwrap().m, 4);
        let fits = shape([14, 14], [5, 5], 6, 1);
        assert_eq!(fits.dimensions().unwrap().m, 100);
        assert!(!fits.overhangs());
        assert_eq!(
            LayerShape::gemm(5, 3, 7).unwrap().dimensions(),
            Some(Dimensions { m: 5, n: 3, k: 7 })
        );
    }

    #[test]
    fn addresses_and_nulls_are_those_of_the_input() {
        for layer in [
            shape([7, 9], [3, 2], 2, 2),
            shape([9, 4], [1, 1], 8, 3),
            shape([5, 5], [5, 5], 1, 3),
            shape([10, 7], [4, 3], 2, 5),
            shape([6, 6], [3, 3], 3, 1),
        ] {
            let addresses = InputAddresses::new(&layer);
            let nulls: BTreeSet<u32> = addresses.nulls().collect();
            let mut seen = BTreeSet::new();
            let mut requested = 0;
            let mut counts = vec![0; addresses.len()];
            let width = layer.output_width();
            for (m, &window) in addresses.window.iter().enumerate() {
                for (k, &offset) in addresses.offset.iter().enumerate() {
                    let [m, k] = [m as u64, k as u64];
                    let row = u64::from(layer.filter_width * layer.channels);
                    let channels = u64::from(layer.channels);
                    let y = m / width * u64::from(layer.stride) + k / row;
                    let x = m % width * u64::from(layer.stride) + k % row / channels;
                    let address = window + offset;
                    let inside = y < u64::from(layer.height) && x < u64::from(layer.width);
                    assert_eq!(addresses.is_null(address), !inside);
                    assert_eq!(nulls.contains(&address), !inside);
                    if inside {
                        let expected =
                            (y * u64::from(addresses.columns) + x) * channels + k % channels;
                        assert_eq!(u64::from(address), expected);
                        seen.insert(address);
                        requested += 1;
                        counts[address as usize] += 1;
                    }
                }
            }
            assert_eq!(layer.distinct_inputs(), seen.len() as u128, "{layer:?}");
            assert_eq!(layer.requested_inputs(), requested);
            assert_eq!(addresses.occurrences(), counts);
            let elements = addresses.window.len() * addresses.offset.len();
            let unique: BTreeSet<u32> = addresses
                .window
                .iter()
                .flat_map(|window| addresses.offset.iter().map(move |offset| window + offset))
                .collect();
            assert_eq!(layer.windows_overlap(), unique.len() < elements);
        }
    }
}
