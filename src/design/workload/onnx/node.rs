//! A node with the known shapes and constants of its inputs, as passed to rules.

use super::error::NodeProblem;
use super::fact::Fact;
use super::tensor::Value;
use crate::onnx::proto;
use std::borrow::Cow;

/// A node under inference.
pub(super) struct Node<'a> {
    /// Its message.
    pub(super) message: &'a proto::Node,
    /// Its inputs; an optional one that is left out is `None`.
    pub(super) inputs: Vec<Option<&'a Fact>>,
}

impl<'a> Node<'a> {
    /// Operator.
    pub(super) fn operator(&self) -> &'a str {
        &self.message.op_type
    }

    /// Input `index`, if it is there.
    pub(super) fn optional(&self, index: usize) -> Option<&'a Fact> {
        self.inputs.get(index).copied().flatten()
    }

    /// Input `index`.
    pub(super) fn input(&self, index: usize) -> Result<&'a Fact, NodeProblem> {
        self.optional(index).ok_or(NodeProblem::NoInput(index))
    }

    /// Shape of input `index`.
    pub(super) fn shape(&self, index: usize) -> Result<&'a [u64], NodeProblem> {
        Ok(&self.input(index)?.shape)
    }

    /// Elements of input `index`, which says `what`.
    pub(super) fn value(&self, index: usize, what: &'static str) -> Result<&'a Value, NodeProblem> {
        self.input(index)?.value.as_deref().ok_or(NodeProblem::Value { what })
    }

    /// `what`: the attribute `name` of older opsets, or the elements of input `index` of newer ones;
    /// `None` if neither is there.
    pub(super) fn integers(
        &self,
        name: &'static str,
        index: usize,
        what: &'static str,
    ) -> Result<Option<Cow<'a, [i64]>>, NodeProblem> {
        if let Some(integers) = self.attribute_integers(name) {
            return Ok(Some(Cow::Borrowed(integers)));
        }
        if self.optional(index).is_none() {
            return Ok(None);
        }
        let integers = self.value(index, what)?.integers();
        integers.map(|values| Some(Cow::Borrowed(values))).ok_or(NodeProblem::Value { what })
    }

    fn attribute(&self, name: &str) -> Option<&'a proto::Attribute> {
        self.message.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// Attribute `name` as a list of integers.
    pub(super) fn attribute_integers(&self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    /// Attribute `name` as an integer.
    pub(super) fn attribute_integer(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.i
    }

    /// Attribute `name` as text; empty if it is missing.
    pub(super) fn attribute_text(&self, name: &str) -> &'a str {
        let bytes = self.attribute(name).and_then(|attribute| attribute.s.as_deref());
        bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }

    /// Attribute `name` as a tensor.
    pub(super) fn attribute_tensor(&self, name: &str) -> Option<&'a proto::Tensor> {
        self.attribute(name)?.t.as_ref()
    }

    /// Attribute `name` as a list of floats.
    pub(super) fn attribute_reals(&self, name: &str) -> Option<&'a [f32]> {
        self.attribute(name).map(|attribute| attribute.floats.as_slice())
    }

    /// Attribute `name` as a float.
    pub(super) fn attribute_real(&self, name: &str) -> Option<f32> {
        self.attribute(name)?.f
    }

    /// The sizes in attribute `name`, one for each of `axes` axes; `default` each if it is missing.
    pub(super) fn sizes(
        &self,
        name: &'static str,
        axes: usize,
        default: u64,
        least: u64,
    ) -> Result<Vec<u64>, NodeProblem> {
        let Some(found) = self.attribute_integers(name) else { return Ok(vec![default; axes]) };
        let sizes: Option<Vec<u64>> = found
            .iter()
            .map(|&size| u64::try_from(size).ok().filter(|&size| size >= least))
            .collect();
        match sizes {
            Some(sizes) if sizes.len() == axes => Ok(sizes),
            _ => Err(NodeProblem::Attribute {
                name,
                value: format!("{found:?}"),
                allowed: if least == 0 {
                    "one number from 0 on for each axis"
                } else {
                    "one number from 1 on for each axis"
                },
            }),
        }
    }

    /// `axis`, counted from the end if negative, of `rank` axes.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, NodeProblem> {
        let counted = if axis < 0 { axis + rank as i64 } else { axis };
        usize::try_from(counted).ok().filter(|&axis| axis < rank).ok_or_else(|| {
            NodeProblem::Shape(format!("axis {axis} does not exist on a tensor of {rank} axes"))
        })
    }
}
