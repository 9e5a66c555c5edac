//! Convolutions.

use super::super::error::NodeProblem;
use super::super::fact::checked;
use super::super::node::Node;
use super::{Outcome, Output};
use crate::design::workload::Work;
use hwmodel::product::{Convolution, MatrixProduct, RightOperand, SizeError};

/// Sizes of the window of a convolution or pooling, axis by axis.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pub(super) kernel: Vec<u64>,
    pub(super) stride: Vec<u64>,
    pub(super) dilation: Vec<u64>,
    /// Before and after.
    pub(super) padding: Vec<[u64; 2]>,
}

impl Window {
    /// The window `kernel` of `node` over an input of `sizes`, with `auto_pad` worked out.
    pub(super) fn new(
        node: &Node<'_>,
        kernel: Vec<u64>,
        sizes: &[u64],
    ) -> Result<Self, NodeProblem> {
        let axes = sizes.len();
        let stride = node.sizes("strides", axes, 1, 1)?;
        let dilation = node.sizes("dilations", axes, 1, 1)?;
        let mut padding = vec![[0; 2]; axes];
        let auto = node.attribute_text("auto_pad");
        match auto {
            "" | "NOTSET" => {
                let pads = node.sizes("pads", 2 * axes, 0, 0)?;
                for axis in 0..axes {
                    padding[axis] = [pads[axis], pads[axes + axis]];
                }
            }
            "VALID" => {}
            "SAME_UPPER" | "SAME_LOWER" => {
                for axis in 0..axes {
                    let covered = extent(kernel[axis], dilation[axis])?;
                    let last = (sizes[axis].div_ceil(stride[axis]).max(1) - 1)
                        .checked_mul(stride[axis])
                        .and_then(|last| last.checked_add(covered));
                    let all = last.ok_or_else(too_large)?.saturating_sub(sizes[axis]);
                    let (small, large) = (all / 2, all - all / 2);
                    padding[axis] =
                        if auto == "SAME_UPPER" { [small, large] } else { [large, small] };
                }
            }
            other => {
                return Err(NodeProblem::Attribute {
                    name: "auto_pad",
                    value: format!("`{other}`"),
                    allowed: "NOTSET, VALID, SAME_UPPER or SAME_LOWER",
                });
            }
        }
        Ok(Self { kernel, stride, dilation, padding })
    }

    /// What the dilated kernel covers along `axis`.
    pub(super) fn extent(&self, axis: usize) -> Result<u64, NodeProblem> {
        extent(self.kernel[axis], self.dilation[axis])
    }
}

pub(super) fn too_large() -> NodeProblem {
    SizeError::TooLarge.into()
}

fn extent(kernel: u64, dilation: u64) -> Result<u64, NodeProblem> {
    let span = kernel.saturating_sub(1).checked_mul(dilation).and_then(|span| span.checked_add(1));
    span.ok_or_else(too_large)
}

/// Number of groups.
fn groups(node: &Node<'_>) -> Result<u64, NodeProblem> {
    let group = node.attribute_integer("group").unwrap_or(1);
    u64::try_from(group).ok().filter(|&group| group > 0).ok_or_else(|| NodeProblem::Attribute {
        name: "group",
        value: group.to_string(),
        allowed: "a number from 1 on",
    })
}

/// Input `[n, c, ...]` and weight `[o, c, ...]` of one or two spatial axes.
fn operands<'a>(
    node: &Node<'a>,
    [input, weight]: [usize; 2],
) -> Result<(&'a [u64], &'a [u64]), NodeProblem> {
    let (x, w) = (node.shape(input)?, node.shape(weight)?);
    fitting(node, x, w)?;
    Ok((x, w))
}

/// Checks the ranks of input `x` and weight `w`, and the kernel that the node states.
fn fitting(node: &Node<'_>, x: &[u64], w: &[u64]) -> Result<(), NodeProblem> {
    if x.len() != w.len() || x.len() < 3 {
        let why = format!("input {x:?} and weight {w:?} do not make a convolution");
        return Err(NodeProblem::Shape(why));
    }
    if x.len() > 4 {
        let what = format!("a convolution over {} axes", x.len() - 2);
        return Err(NodeProblem::Unsupported(what));
    }
    if let Some(stated) = node.attribute_integers("kernel_shape")
        && !stated.iter().map(|&size| size.cast_unsigned()).eq(w[2..].iter().copied())
    {
        let why = format!("kernel_shape {stated:?} is not that of weight {w:?}");
        return Err(NodeProblem::Shape(why));
    }
    Ok(())
}

/// y[n, o, ...] from x[n, c, ...] and w[o, c / groups, ...]; `operands` are the inputs x and w.
pub(super) fn convolution(
    node: &Node<'_>,
    inputs: [usize; 2],
    parameters: &'static [usize],
) -> Result<Outcome, NodeProblem> {
    let (x, w) = operands(node, inputs)?;
    convolved(node, x, w, parameters)
}

/// The convolution of `x` with `w`, shapes in the order of [`convolution`].
pub(super) fn convolved(
    node: &Node<'_>,
    x: &[u64],
    w: &[u64],
    parameters: &'static [usize],
) -> Result<Outcome, NodeProblem> {
    fitting(node, x, w)?;
    let groups = groups(node)?;
    if w[1].checked_mul(groups) != Some(x[1]) {
        let why = format!("weight {w:?} in {groups} groups does not fit input {x:?}");
        return Err(NodeProblem::Shape(why));
    }
    let window = Window::new(node, w[2..].to_vec(), &x[2..])?;
    // A one-dimensional convolution is one of height 1.
    let pair = |sizes: &[u64]| match *sizes {
        [width] => [1, width],
        [height, width, ..] => [height, width],
        [] => [1, 1],
    };
    let [h, width] = pair(&x[2..]);
    let padding = match *window.padding.as_slice() {
        [width] => [[0; 2], width],
        [height, width, ..] => [height, width],
        [] => [[0; 2]; 2],
    };
    let convolution = Convolution {
        images: x[0],
        input: [h, width, x[1]],
        filters: w[0],
        kernel: pair(&window.kernel),
        stride: pair(&window.stride),
        padding,
        dilation: pair(&window.dilation),
        groups,
    };
    let output = convolution.output_size()?;
    let mut shape = vec![x[0], w[0]];
    shape.extend(&output[4 - x.len()..]);
    let work = Work::Convolution(convolution);
    Ok(Outcome::new(vec![Output::new(checked(shape)?)], Some(work)).with_parameters(parameters))
}

/// y[n, o, ...] from x[n, c, ...] and w[c, o / groups, ...]: the product of every pixel with the whole
/// kernel, whose columns are then added where they overlap.
pub(super) fn transposed(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let (x, w) = operands(node, [0, 1])?;
    let groups = groups(node)?;
    if w[0] != x[1] || !x[1].is_multiple_of(groups) {
        let why = format!("weight {w:?} in {groups} groups does not fit input {x:?}");
        return Err(NodeProblem::Shape(why));
    }
    let axes = x.len() - 2;
    let filters = w[1].checked_mul(groups).ok_or_else(too_large)?;
    let mut shape = vec![x[0], filters];
    if node.attribute_integers("output_shape").is_some() {
        shape.extend(node.sizes("output_shape", axes, 1, 1)?);
    } else {
        shape.extend(transposed_size(node, &x[2..], &w[2..])?);
    }
    let sizes = |sizes: &[u64]| {
        sizes.iter().try_fold(1u64, |n, &size| n.checked_mul(size)).ok_or_else(too_large)
    };
    let matrix = MatrixProduct {
        m: x[0].checked_mul(sizes(&x[2..])?).ok_or_else(too_large)?,
        n: w[1].checked_mul(sizes(&w[2..])?).ok_or_else(too_large)?,
        k: x[1] / groups,
        batch: groups,
        right: RightOperand::Weight,
        wide_result: false,
    };
    let work = Work::MatrixProduct(matrix);
    Ok(Outcome::new(vec![Output::new(checked(shape)?)], Some(work)).with_parameters(&[1, 2]))
}

/// stride·(size - 1) + output padding + extent - padding, or size·stride with an `auto_pad` of SAME.
fn transposed_size(
    node: &Node<'_>,
    sizes: &[u64],
    kernel: &[u64],
) -> Result<Vec<u64>, NodeProblem> {
    let axes = sizes.len();
    let extra = node.sizes("output_padding", axes, 0, 0)?;
    let stride = node.sizes("strides", axes, 1, 1)?;
    let auto = node.attribute_text("auto_pad");
    if auto.starts_with("SAME") {
        let each = |axis: usize| sizes[axis].checked_mul(stride[axis]).ok_or_else(too_large);
        return (0..axes).map(each).collect();
    }
    let window = Window::new(node, kernel.to_vec(), sizes)?;
    let each = |axis: usize| {
        let [before, after] = window.padding[axis];
        let spread = sizes[axis]
            .checked_sub(1)
            .and_then(|last| last.checked_mul(stride[axis]))
            .and_then(|spread| spread.checked_add(extra[axis]))
            .ok_or_else(too_large)?;
        let full = spread.checked_add(window.extent(axis)?).ok_or_else(too_large)?;
        full.checked_sub(before)
            .and_then(|rest| rest.checked_sub(after))
            .filter(|&size| size > 0)
            .ok_or_else(|| {
                NodeProblem::Shape(format!("padding {before} and {after} leaves nothing of {full}"))
            })
    };
    (0..axes).map(each).collect()
}
