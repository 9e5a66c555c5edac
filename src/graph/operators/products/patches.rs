//! Which elements of the input lie under the windows.

use crate::graph::window::AxisWindows;

/// Mark of an element in the padding.
const PADDING: u32 = u32::MAX;
/// Entries of a table that are in memory at a time.
const ENTRIES: usize = 1 << 20;

/// For a run of windows: the element of a channel under each tap, `[taps, windows]`.
pub(in crate::graph::operators) struct Sources {
    elements: Vec<u32>,
    windows: usize,
}

impl Sources {
    /// How many windows of kernels with `taps` elements one table should have.
    pub(in crate::graph::operators) fn windows_at_once(taps: usize) -> usize {
        (ENTRIES / taps.max(1)).clamp(1, 512)
    }

    /// The elements under windows `start..start + windows`.
    pub(in crate::graph::operators) fn new(
        axes: &[AxisWindows],
        start: usize,
        windows: usize,
    ) -> Self {
        let taps: usize = axes.iter().map(|axis| axis.kernel).product();
        let mut elements = Vec::with_capacity(taps * windows);
        let mut tap = vec![0; axes.len()];
        let mut first = vec![0; axes.len()];
        let mut rest = start;
        for (index, axis) in first.iter_mut().zip(axes).rev() {
            *index = rest % axis.output;
            rest /= axis.output;
        }
        for _ in 0..taps {
            let mut window = first.clone();
            for _ in 0..windows {
                let mut place = Some(0usize);
                for ((axis, &index), &tap) in axes.iter().zip(&window).zip(&tap) {
                    let source = axis.source(index, tap);
                    place = place.zip(source).map(|(place, source)| place * axis.size + source);
                }
                // A channel has at most 2^28 elements.
                elements.push(place.map_or(PADDING, hwmodel::cast::low));
                advance(&mut window, axes, |axis| axis.output);
            }
            advance(&mut tap, axes, |axis| axis.kernel);
        }
        Self { elements, windows }
    }

    /// The element under `tap` of each window; `None` in the padding.
    pub(in crate::graph::operators) fn of_tap(
        &self,
        tap: usize,
    ) -> impl Iterator<Item = Option<usize>> {
        let row = &self.elements[tap * self.windows..][..self.windows];
        row.iter().map(|&element| (element != PADDING).then_some(element as usize))
    }

    /// The element under `tap` of `window`; `None` in the padding.
    pub(in crate::graph::operators) fn at(&self, tap: usize, window: usize) -> Option<usize> {
        let element = self.elements[tap * self.windows + window];
        (element != PADDING).then_some(element as usize)
    }
}

/// The next index in row-major order.
fn advance(index: &mut [usize], axes: &[AxisWindows], size: impl Fn(&AxisWindows) -> usize) {
    for (index, axis) in index.iter_mut().zip(axes).rev() {
        *index += 1;
        if *index < size(axis) {
            return;
        }
        *index = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_windows() {
        let axis = AxisWindows {
            size: 3,
            kernel: 2,
            stride: 2,
            dilation: 1,
            before: 1,
            after: 0,
            output: 2,
        };
        let axes = [axis, axis];
        let all = Sources::new(&axes, 0, 4);
        let tap = |tap| all.of_tap(tap).collect::<Vec<_>>();
        assert_eq!(tap(0), [None, None, None, Some(4)]);
        assert_eq!(tap(3), [Some(0), Some(2), Some(6), Some(8)]);
        assert_eq!(Sources::new(&axes, 3, 1).at(1, 0), Some(5));
    }
}
