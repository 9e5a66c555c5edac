//! Type, shape and constant of a value of the graph.

use super::error::NodeProblem;
use super::tensor::Value;
use super::words::Words;
use std::rc::Rc;

/// As many as the cost model takes for one operand.
const MAX_ELEMENTS: u64 = 1 << 48;
const MAX_RANK: usize = 32;

/// A value of the graph: its shape, and its elements if they are few and constant.
#[derive(Debug, Clone)]
pub(super) struct Fact {
    /// Shape, each axis's size.
    pub(super) shape: Vec<u64>,
    /// Elements, if they are known.
    pub(super) value: Option<Rc<Value>>,
    /// Whether it is the same for every input of the model.
    pub(super) constant: bool,
    /// Whether a parameter lies before it.
    pub(super) trained: bool,
    /// The initialiser or Constant node that its elements come from one to one, if it can be one of weights.
    pub(super) weight: Option<Rc<str>>,
    /// Words of its elements, if the model states them.
    pub(super) words: Option<Words>,
    /// The layers on the array that it is a function of, without a quantiser in between.
    pub(super) sources: Vec<usize>,
}

impl Fact {
    /// An input of the model.
    pub(super) fn input(shape: Vec<u64>) -> Self {
        Self {
            shape,
            value: None,
            constant: false,
            trained: false,
            weight: None,
            words: None,
            sources: Vec::new(),
        }
    }

    /// Number of elements.
    pub(super) fn elements(&self) -> u64 {
        count(&self.shape)
    }
}

/// Number of elements of a shape that [`checked`] has passed.
pub(super) fn count(shape: &[u64]) -> u64 {
    if shape.contains(&0) { 0 } else { shape.iter().product() }
}

/// `shape`, if its elements and axes are not too many.
pub(super) fn checked(shape: Vec<u64>) -> Result<Vec<u64>, NodeProblem> {
    let elements = shape.iter().try_fold(1u64, |n, &size| n.checked_mul(size.max(1)));
    if shape.len() > MAX_RANK || elements.is_none_or(|n| n > MAX_ELEMENTS) {
        let mut shape = shape;
        shape.truncate(MAX_RANK);
        return Err(NodeProblem::TooLarge(shape));
    }
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_limited() {
        assert_eq!(checked(vec![1 << 24, 1 << 24]), Ok(vec![1 << 24, 1 << 24]));
        assert!(checked(vec![1 << 24, 1 << 25]).is_err());
        assert!(checked(vec![0, u64::MAX]).is_err());
        assert!(checked(vec![1; 33]).is_err());
        assert_eq!((count(&[]), count(&[3, 0, 2]), count(&[3, 4])), (1, 0, 12));
    }
}
