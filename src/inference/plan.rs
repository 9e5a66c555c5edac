//! In which pieces arrays are fed.

use super::error::InferenceError;
use crate::onnx::model::{Dimension, Input};
use crate::tensor::Tensor;
use std::ops::Range;

/// The most inputs of a piece if the network takes any number.
pub const MOST_INPUTS: usize = 500;

/// The most elements of the inputs of a piece, unless one input has more.
const MOST_ELEMENTS: usize = 1 << 22;

/// The pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Rows of all arrays.
    pub rows: usize,
    /// Rows of a piece as the network gets it; `None` if the arrays are fed as they are, since their first axes differ.
    pub batch: Option<usize>,
    /// Whether a last piece with fewer rows is filled up to `batch`.
    pub fixed: bool,
}

impl Plan {
    /// The pieces of `arrays`, one for each of `inputs` and of its shape; `batch` rows each if the network leaves it open.
    ///
    /// # Errors
    /// If arrays have different numbers of rows or none, or the network takes another batch than `batch`.
    pub fn new(
        inputs: &[Input],
        arrays: &[Tensor],
        batch: Option<usize>,
    ) -> Result<Self, InferenceError> {
        let first = |input: &Input| match input.shape.first() {
            Some(Dimension::Fixed(size)) => Some(*size),
            _ => None,
        };
        let as_they_are = inputs.iter().zip(arrays).all(|(input, array)| {
            array.rows().is_none() || first(input).is_some_and(|size| array.rows() == Some(size))
        });
        if as_they_are {
            let fixed = inputs.first().and_then(first).unwrap_or(1);
            return match batch {
                Some(given) if given != fixed => Err(InferenceError::Batch { fixed, given }),
                _ => Self { rows: fixed, batch: None, fixed: true }.checked(),
            };
        }
        let mut counted: Option<(&Input, usize)> = None;
        let mut fixed: Option<(&Input, usize)> = None;
        for (input, array) in inputs.iter().zip(arrays) {
            let rows = array.rows().unwrap_or(1);
            if let Some((other, one)) = counted.filter(|(_, one)| *one != rows) {
                let (first, second) = (other.name.clone(), input.name.clone());
                return Err(InferenceError::Rows { first, one, second, other: rows });
            }
            counted = Some((input, rows));
            if let Some(size) = first(input) {
                if let Some((other, one)) = fixed.filter(|(_, one)| *one != size) {
                    let (first, second) = (other.name.clone(), input.name.clone());
                    return Err(InferenceError::Rows { first, one, second, other: size });
                }
                fixed = Some((input, size));
            }
        }
        let rows = counted.map_or(0, |(_, rows)| rows);
        if let Some((_, size)) = fixed {
            return match batch {
                Some(given) if given != size => Err(InferenceError::Batch { fixed: size, given }),
                _ => Self { rows, batch: Some(size), fixed: true }.checked(),
            };
        }
        let row: usize = arrays.iter().map(|array| array.elements().len() / rows.max(1)).sum();
        let most = (MOST_ELEMENTS / row.max(1)).clamp(1, MOST_INPUTS);
        let batch = batch.unwrap_or(most).min(rows);
        Self { rows, batch: Some(batch), fixed: false }.checked()
    }

    fn checked(self) -> Result<Self, InferenceError> {
        if self.rows == 0 || self.batch == Some(0) { Err(InferenceError::Empty) } else { Ok(self) }
    }

    /// The rows of each piece.
    pub fn pieces(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let rows = self.rows;
        let step = self.batch.unwrap_or(rows).max(1);
        (0..rows).step_by(step).map(move |start| start..rows.min(start + step))
    }

    /// Rows that a piece gets; more than it has if it is filled.
    pub fn fed(&self, piece: &Range<usize>) -> usize {
        if self.fixed { self.batch.unwrap_or(piece.len()) } else { piece.len() }
    }

    /// Rows that are fed only to fill the last piece.
    pub fn filling(&self) -> usize {
        self.pieces().map(|piece| self.fed(&piece) - piece.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{ElementType, Elements};

    fn array(rows: usize) -> Tensor {
        let values = Elements::Float32(vec![0.0; 2 * rows].into());
        Tensor::new(vec![rows, 2], ElementType::Float32, values).unwrap()
    }

    fn input(name: &str, batch: Dimension) -> Input {
        let shape = vec![batch, Dimension::Fixed(2)];
        Input { name: name.to_owned(), element: ElementType::Float32, shape }
    }

    fn pieces(plan: &Plan) -> Vec<(usize, usize)> {
        plan.pieces().map(|piece| (piece.len(), plan.fed(&piece))).collect()
    }

    #[test]
    fn fixed_batches_are_filled_and_open_ones_bounded() {
        let open = [input("x", Dimension::Open(None))];
        let plan = Plan::new(&open, &[array(1001)], None).unwrap();
        assert_eq!(pieces(&plan), [(500, 500), (500, 500), (1, 1)]);
        let plan = Plan::new(&open, &[array(5)], Some(2)).unwrap();
        assert_eq!(pieces(&plan), [(2, 2), (2, 2), (1, 1)]);
        let fixed = [input("x", Dimension::Fixed(4))];
        let plan = Plan::new(&fixed, &[array(6)], None).unwrap();
        assert_eq!((pieces(&plan), plan.filling()), (vec![(4, 4), (2, 4)], 2));
        assert!(matches!(
            Plan::new(&fixed, &[array(6)], Some(3)),
            Err(InferenceError::Batch { fixed: 4, given: 3 })
        ));
        assert!(matches!(Plan::new(&open, &[array(0)], None), Err(InferenceError::Empty)));
    }

    #[test]
    fn inputs_have_equally_many_rows_or_their_own_shapes() {
        let two = [input("a", Dimension::Open(None)), input("b", Dimension::Open(None))];
        let error = Plan::new(&two, &[array(2), array(3)], None).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"input `a` has 2 rows but `b` has 3: give every input as many");
        let own = [input("a", Dimension::Fixed(2)), input("b", Dimension::Fixed(3))];
        let plan = Plan::new(&own, &[array(2), array(3)], None).unwrap();
        assert_eq!((plan.batch, plan.pieces().count()), (None, 1));
    }
}
