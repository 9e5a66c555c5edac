//! Running a network of which only outputs and counts are wanted.

use super::counts::Counts;
use super::error::InferenceError;
use super::plan::Plan;
use super::run::{Collected, Outputs, Piece, run};
use crate::graph::{Lowered, NodeRun, Program, Tally, Value, Values};
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::collections::HashMap;

/// Rows of the sample from which a program is lowered, if the network takes any number.
const SAMPLE: usize = 2;

/// A program is lowered if there are so many times more rows than the sample has.
const WORTH: usize = 4;

/// The outputs of `program` for `arrays` and what its nodes did, as [`run`] has them; `done` sees the rows that are finished.
/// Quantised convolutions are run with what lies between them ([`Lowered`]), which changes no bit.
///
/// # Errors
/// If the network cannot be run on the arrays.
pub fn counted(
    program: &Program,
    arrays: &[Tensor],
    plan: &Plan,
    mut done: impl FnMut(usize),
) -> Result<(Outputs, Counts), InferenceError> {
    let mut counts = Counts::default();
    let sample_rows = match (plan.batch, plan.fixed) {
        (None, _) => plan.rows,
        (Some(batch), true) => batch,
        (Some(batch), false) => batch.min(SAMPLE),
    };
    let lowered = if plan.batch.is_some() && plan.rows >= WORTH * sample_rows {
        let values = fed(program, arrays, plan, &Piece { rows: 0..sample_rows, fed: sample_rows });
        let first = plan.pieces().next().map_or(0, |rows| plan.fed(&rows));
        let piece = Piece { rows: 0..sample_rows, fed: sample_rows };
        let lowered = Lowered::new(program, values, sample_rows, |node| counts.add(&piece, node))?;
        counts.clear(sample_rows, first);
        lowered
    } else {
        None
    };
    let Some(lowered) = lowered else {
        let mut counts = Counts::default();
        let outputs = run(program, arrays, plan, |piece, node| counts.add(piece, node), &mut done)?;
        return Ok((outputs, counts));
    };
    let mut collected = Collected::default();
    let pieces: Vec<Piece> =
        plan.pieces().map(|rows| Piece { fed: plan.fed(&rows), rows }).collect();
    // A piece for each thread: their nodes are independent of each other.
    for group in pieces.chunks(rayon::current_num_threads()) {
        let ran: Vec<Result<Ran<'_>, InferenceError>> = group
            .par_iter()
            .map(|piece| Ran::new(&lowered, fed(program, arrays, plan, piece), piece))
            .collect();
        for (piece, ran) in group.iter().zip(ran) {
            let Ran { mut outputs, counts: of_piece, tallies } = ran?;
            counts.merge(&of_piece);
            tallies.iter().for_each(|tally| counts.add_tally(tally));
            for name in &program.outputs {
                if let Some(tensor) = outputs.remove(name) {
                    collected.add(piece, name, tensor);
                }
            }
            done(piece.rows.end);
        }
    }
    Ok((collected.finish(), counts))
}

/// What became of a piece.
struct Ran<'p> {
    outputs: HashMap<String, Tensor>,
    /// Of the nodes that ran by themselves.
    counts: Counts,
    /// Of the others.
    tallies: Vec<Tally<'p>>,
}

impl<'p> Ran<'p> {
    fn new(lowered: &Lowered<'p>, values: Values, piece: &Piece) -> Result<Self, InferenceError> {
        let (mut counts, mut tallies) = (Counts::default(), Vec::new());
        let observe = |node: &NodeRun<'_>| {
            counts.add(piece, node);
            Ok(())
        };
        let outputs = lowered.run(values, observe, |tally| tallies.push(tally))?;
        let outputs = outputs.into_iter().map(|(name, value)| (name, value.to_tensor())).collect();
        Ok(Self { outputs, counts, tallies })
    }
}

/// What the inputs of `program` get of `arrays` for a piece.
pub(super) fn fed(program: &Program, arrays: &[Tensor], plan: &Plan, piece: &Piece) -> Values {
    let of = |array: &Tensor| {
        if plan.batch.is_none() || array.rows().is_none() {
            array.clone()
        } else {
            array.filled_rows(piece.rows.clone(), piece.fed)
        }
    };
    let pairs = program.inputs.iter().zip(arrays);
    pairs
        .map(|(input, array)| {
            (input.name.clone(), Value::of_tensor(&of(array), program.arithmetic()))
        })
        .collect()
}
