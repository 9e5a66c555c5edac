//! Running a network piece by piece.

use super::counted::fed;
use super::error::InferenceError;
use super::plan::Plan;
use crate::graph::{NodeRun, Program};
use crate::tensor::Tensor;
use std::collections::HashMap;
use std::ops::Range;

/// Outputs by name, in the order of the network.
pub type Outputs = Vec<(String, Tensor)>;

/// A piece that is being fed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its rows of the arrays.
    pub rows: Range<usize>,
    /// Rows that the network gets.
    pub fed: usize,
}

impl Piece {
    /// What of `value` belongs to the rows of the piece: all of it, unless its first axis is the batch and the piece was filled.
    pub fn own(&self, value: Tensor) -> Tensor {
        if self.fed > self.rows.len() && value.rows() == Some(self.fed) {
            value.first_rows(self.rows.len())
        } else {
            value
        }
    }
}

/// Tensors by name, collected piece by piece.
#[derive(Debug, Default)]
pub struct Collected {
    order: Vec<String>,
    parts: HashMap<String, Vec<Tensor>>,
}

impl Collected {
    /// Adds what `piece` has of the tensor `name`.
    pub fn add(&mut self, piece: &Piece, name: &str, value: Tensor) {
        if !self.parts.contains_key(name) {
            self.order.push(name.to_owned());
        }
        let batched = value.rows() == Some(piece.fed);
        let parts = self.parts.entry(name.to_owned()).or_default();
        // What has no batch axis is the same for every piece, or has no meaning for several.
        if batched || parts.is_empty() {
            parts.push(piece.own(value));
        }
    }

    /// The tensors in the order in which they first came.
    pub fn finish(mut self) -> Outputs {
        let mut found = Vec::new();
        for name in self.order {
            let parts = self.parts.remove(&name).unwrap_or_default();
            let first = parts.first().cloned();
            found.extend(Tensor::joined(&parts).or(first).map(|tensor| (name, tensor)));
        }
        found
    }
}

/// The outputs of `program` for `arrays`, one for each of its inputs in their order. `observe` sees every node of every piece,
/// `done` the rows that are finished.
///
/// # Errors
/// If the network cannot be run on them.
pub fn run(
    program: &Program,
    arrays: &[Tensor],
    plan: &Plan,
    mut observe: impl FnMut(&Piece, &NodeRun<'_>),
    mut done: impl FnMut(usize),
) -> Result<Outputs, InferenceError> {
    let mut collected = Collected::default();
    for rows in plan.pieces() {
        let piece = Piece { fed: plan.fed(&rows), rows };
        let values = fed(program, arrays, plan, &piece);
        let mut outputs = program.run(values, |node| {
            observe(&piece, node);
            Ok(())
        })?;
        for name in &program.outputs {
            if let Some(value) = outputs.remove(name) {
                collected.add(&piece, name, value.to_tensor());
            }
        }
        done(piece.rows.end);
    }
    Ok(collected.finish())
}
