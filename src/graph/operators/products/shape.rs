//! Shapes of convolutions.

use crate::graph::Problem;
use crate::graph::axes;
use crate::graph::window::{AxisWindows, WindowRule};

/// Sizes of a convolution that fit together.
#[derive(Debug, Clone)]
pub(super) struct ConvolutionShape {
    pub(super) images: usize,
    pub(super) channels: usize,
    pub(super) filters: usize,
    pub(super) groups: usize,
    pub(super) axes: Vec<AxisWindows>,
}

impl ConvolutionShape {
    /// Of an input `[n, c, sizes...]` and weights `[o, c / groups, kernel...]`.
    ///
    /// # Errors
    /// If they do not fit.
    pub(super) fn new(
        input: &[usize],
        weights: &[usize],
        groups: usize,
        rule: &WindowRule,
        kernel: Option<&[usize]>,
    ) -> Result<Self, Problem> {
        let wrong = |why: String| {
            Problem::Shape(format!("input of shape {input:?} and weights of {weights:?}: {why}"))
        };
        let ([images, channels, sizes @ ..], [filters, of_group, found @ ..]) = (input, weights)
        else {
            return Err(wrong("both need at least two axes".to_owned()));
        };
        if kernel.is_some_and(|kernel| kernel != found) {
            return Err(wrong(format!("kernel_shape is {:?}", kernel.unwrap_or_default())));
        }
        let fits = groups > 0 && of_group.checked_mul(groups) == Some(*channels);
        if !fits || !filters.is_multiple_of(groups) {
            return Err(wrong(format!("they do not fit {groups} groups")));
        }
        let axes = rule.on(sizes, found)?;
        let shape = Self { images: *images, channels: *channels, filters: *filters, groups, axes };
        axes::elements(&shape.output())?;
        let padded = shape.axes.iter().map(|axis| axis.size + axis.before + axis.after);
        axes::elements(&[*images, *channels].into_iter().chain(padded).collect::<Vec<_>>())?;
        Ok(shape)
    }

    /// `[n, o, sizes...]`.
    pub(super) fn output(&self) -> Vec<usize> {
        let sizes = self.axes.iter().map(|axis| axis.output);
        [self.images, self.filters].into_iter().chain(sizes).collect()
    }

    /// Elements of an input channel.
    pub(super) fn plane(&self) -> usize {
        self.axes.iter().map(|axis| axis.size).product()
    }

    /// Output pixels of an image.
    pub(super) fn pixels(&self) -> usize {
        self.axes.iter().map(|axis| axis.output).product()
    }

    /// Elements of a kernel.
    pub(super) fn taps(&self) -> usize {
        self.axes.iter().map(|axis| axis.kernel).product()
    }

    /// Products of a sum.
    pub(super) fn terms(&self) -> usize {
        self.taps() * (self.channels / self.groups)
    }

    /// Height and width, if it is a convolution along one or two axes; one axis is a height of 1.
    pub(super) fn planar(&self) -> Option<[AxisWindows; 2]> {
        let one = AxisWindows {
            size: 1,
            kernel: 1,
            stride: 1,
            dilation: 1,
            before: 0,
            after: 0,
            output: 1,
        };
        match *self.axes.as_slice() {
            [width] => Some([one, width]),
            [height, width] => Some([height, width]),
            _ => None,
        }
    }
}
