//! Windows of convolutions and pools: kernel, stride, dilation and padding along any number of spatial axes.

use super::axes;
use super::error::Problem;
use super::operator::Definition;

/// How a node places its windows, before the size of its input is known.
#[derive(Debug, Clone)]
pub(super) struct WindowRule {
    strides: Option<Vec<usize>>,
    dilations: Option<Vec<usize>>,
    padding: Padding,
    /// Whether the last window may begin inside and end outside of the padded input.
    pub(super) ceil: bool,
}

/// The attributes `pads` and `auto_pad`.
#[derive(Debug, Clone)]
enum Padding {
    /// Begins of all axes, then ends.
    Explicit(Option<Vec<usize>>),
    /// As much as gives ⌈size / stride⌉ windows; an odd element at the end if true, else at the begin.
    Same(bool),
}

/// The windows along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AxisWindows {
    /// Elements of the input.
    pub size: usize,
    /// Elements of the kernel.
    pub kernel: usize,
    /// Elements between the begins of windows.
    pub stride: usize,
    /// Elements of the input between neighbours in a window.
    pub dilation: usize,
    /// Padding before the first element.
    pub before: usize,
    /// Padding after the last one.
    pub after: usize,
    /// Number of windows.
    pub output: usize,
}

impl AxisWindows {
    /// The element of the input under element `tap` of window `index`; `None` in the padding.
    #[inline(always)]
    pub(super) fn source(&self, index: usize, tap: usize) -> Option<usize> {
        let place = index * self.stride + tap * self.dilation;
        place.checked_sub(self.before).filter(|&place| place < self.size)
    }

    /// Elements of window `index` inside the input and its declared padding.
    pub(super) fn padded_taps(&self, index: usize) -> usize {
        let end = self.size + self.before + self.after;
        let taps = (0..self.kernel).map(|tap| index * self.stride + tap * self.dilation);
        taps.filter(|&place| place < end).count()
    }
}

impl WindowRule {
    /// The windows of a node of the operators Conv and pools.
    ///
    /// # Errors
    /// If an attribute is impossible.
    pub(super) fn new(definition: &Definition<'_>) -> Result<Self, Problem> {
        let padding = match definition.text("auto_pad", "NOTSET")? {
            "NOTSET" | "" => Padding::Explicit(sizes(definition, "pads", 0)?),
            "VALID" => Padding::Explicit(None),
            "SAME_UPPER" => Padding::Same(true),
            "SAME_LOWER" => Padding::Same(false),
            other => {
                let allowed = "NOTSET, VALID, SAME_UPPER or SAME_LOWER";
                return Err(Problem::Attribute {
                    name: "auto_pad",
                    value: other.to_owned(),
                    allowed,
                });
            }
        };
        Ok(Self {
            strides: sizes(definition, "strides", 1)?,
            dilations: sizes(definition, "dilations", 1)?,
            padding,
            ceil: definition.flag("ceil_mode")?,
        })
    }

    /// The windows of `kernel` on an input of these sizes along its spatial axes.
    ///
    /// # Errors
    /// If an attribute has another number of axes, or no window fits.
    pub(super) fn on(
        &self,
        input: &[usize],
        kernel: &[usize],
    ) -> Result<Vec<AxisWindows>, Problem> {
        let rank = input.len();
        if kernel.len() != rank {
            let why = format!("a kernel of {kernel:?} does not fit {rank} spatial axes");
            return Err(Problem::Shape(why));
        }
        let (strides, dilations) =
            (of_axes(&self.strides, rank, 1)?, of_axes(&self.dilations, rank, 1)?);
        let pads = match &self.padding {
            Padding::Explicit(pads) => of_axes(pads, 2 * rank, 0)?,
            Padding::Same(_) => vec![0; 2 * rank],
        };
        let axis = |axis: usize| {
            let placed = AxisWindows {
                size: input[axis],
                kernel: kernel[axis],
                stride: strides[axis],
                dilation: dilations[axis],
                before: pads[axis],
                after: pads[rank + axis],
                output: 0,
            };
            self.placed(placed)
        };
        let placed: Vec<AxisWindows> = (0..rank).map(axis).collect::<Result<_, _>>()?;
        let padded: Vec<usize> =
            placed.iter().map(|axis| axis.size + axis.before + axis.after).collect();
        axes::elements(&padded)?;
        axes::elements(&placed.iter().map(|axis| axis.output).collect::<Vec<_>>())?;
        axes::elements(&placed.iter().map(|axis| axis.kernel).collect::<Vec<_>>())?;
        Ok(placed)
    }

    /// Padding and number of windows of one axis.
    fn placed(&self, axis: AxisWindows) -> Result<AxisWindows, Problem> {
        let AxisWindows { size, kernel, stride, dilation, mut before, mut after, .. } = axis;
        let none = |before: usize, after: usize, why: &str| {
            Problem::Shape(format!(
                "no window fits: input of {size}, kernel of {kernel}, stride {stride}, dilation {dilation}, padding {before} and {after}{why}"
            ))
        };
        let reach = kernel
            .checked_sub(1)
            .and_then(|taps| taps.checked_mul(dilation)?.checked_add(1))
            .filter(|&reach| reach <= axes::MAX_ELEMENTS)
            .ok_or_else(|| none(before, after, " (the kernel is empty or too large)"))?;
        if let Padding::Same(upper) = self.padding {
            let output = size.div_ceil(stride);
            let covered = output.saturating_sub(1).saturating_mul(stride).saturating_add(reach);
            let total = covered.saturating_sub(size);
            let less = total / 2;
            (before, after) = if upper { (less, total - less) } else { (total - less, less) };
        }
        let padded = [before, after, size].iter().try_fold(0usize, |sum, &part| {
            sum.checked_add(part).filter(|&sum| sum <= axes::MAX_ELEMENTS)
        });
        let padded =
            padded.ok_or_else(|| none(before, after, " (the padded input is too large)"))?;
        if size == 0 {
            return Err(none(before, after, ""));
        }
        let spare = padded.checked_sub(reach).ok_or_else(|| none(before, after, ""))?;
        let mut output = if self.ceil { spare.div_ceil(stride) } else { spare / stride } + 1;
        // A window must begin in the input or in the padding before it.
        if self.ceil && (output - 1).saturating_mul(stride) >= size + before {
            output -= 1;
        }
        if output == 0 {
            return Err(none(before, after, ""));
        }
        Ok(AxisWindows { before, after, output, ..axis })
    }
}

/// The attribute `name` as sizes of at least `least`.
pub(super) fn sizes(
    definition: &Definition<'_>,
    name: &'static str,
    least: usize,
) -> Result<Option<Vec<usize>>, Problem> {
    let Some(values) = definition.integers(name)? else { return Ok(None) };
    let size = |&value: &i64| {
        let size = usize::try_from(value).ok();
        let size = size.filter(|&size| size >= least && size <= axes::MAX_ELEMENTS);
        size.ok_or_else(|| Problem::Attribute {
            name,
            value: format!("{values:?}"),
            allowed: if least == 0 { "numbers of at least 0" } else { "numbers of at least 1" },
        })
    };
    values.iter().map(size).collect::<Result<_, _>>().map(Some)
}

/// One number for each axis, all of them `default` if none are given.
pub(super) fn of_axes(
    values: &Option<Vec<usize>>,
    count: usize,
    default: usize,
) -> Result<Vec<usize>, Problem> {
    match values {
        None => Ok(vec![default; count]),
        Some(values) if values.len() == count => Ok(values.clone()),
        Some(values) => Err(Problem::Shape(format!(
            "strides, dilations or pads {values:?}: {count} numbers are needed"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(padding: Padding, ceil: bool) -> WindowRule {
        WindowRule { strides: Some(vec![2]), dilations: None, padding, ceil }
    }

    fn found(rule: &WindowRule, size: usize, kernel: usize) -> [usize; 3] {
        let axis = rule.on(&[size], &[kernel]).unwrap()[0];
        [axis.before, axis.after, axis.output]
    }

    #[test]
    fn padding_and_number_of_windows() {
        assert_eq!(found(&rule(Padding::Same(true), false), 5, 2), [0, 1, 3]);
        assert_eq!(found(&rule(Padding::Same(false), false), 5, 2), [1, 0, 3]);
        assert_eq!(found(&rule(Padding::Explicit(None), false), 6, 3), [0, 0, 2]);
        assert_eq!(found(&rule(Padding::Explicit(None), true), 6, 3), [0, 0, 3]);
        // The third window would begin in the padding at the end.
        let padded = Padding::Explicit(Some(vec![0, 1]));
        assert_eq!(found(&rule(padded, true), 4, 1), [0, 1, 2]);
        assert!(rule(Padding::Explicit(None), false).on(&[2], &[3]).is_err());
        assert!(rule(Padding::Explicit(None), false).on(&[2], &[0]).is_err());
        assert!(rule(Padding::Explicit(None), false).on(&[2, 2], &[1]).is_err());
    }

    #[test]
    fn elements_under_a_window() {
        let rule = WindowRule {
            strides: None,
            dilations: Some(vec![2]),
            padding: Padding::Explicit(Some(vec![1, 0])),
            ceil: false,
        };
        let axis = rule.on(&[4], &[2]).unwrap()[0];
        assert_eq!(axis.output, 3);
        let taps = [0, 1, 2].map(|index| [axis.source(index, 0), axis.source(index, 1)]);
        assert_eq!(taps, [[None, Some(1)], [Some(0), Some(2)], [Some(1), Some(3)]]);
    }
}
