//! From the first tensor that differs to what explains it.

use super::causes::{Trial, trials};
use super::compare::{Comparison, Verdict};
use super::segment::{Segment, base, cut, with_integers};
use super::{Dump, INTEGERS};
use crate::graph::{GraphError, Program, Value, Values};
use crate::inference::Plan;
use crate::onnx::model::Model;
use crate::tensor::Tensor;
use std::collections::{HashMap, HashSet};

/// What was run, and what it was compared with.
pub struct Explained<'a> {
    /// The network.
    pub model: &'a Model,
    /// The same, ready to run.
    pub program: &'a Program,
    /// An array for each of its inputs.
    pub arrays: &'a [Tensor],
    /// In which pieces they are fed.
    pub plan: &'a Plan,
    /// The other program's tensors.
    pub dump: &'a Dump,
    /// What the comparison found.
    pub comparison: &'a Comparison,
    /// As in the comparison.
    pub tolerance: f64,
}

impl Explained<'_> {
    /// Computes the first tensor that differs again in every known way, from the nearest tensors before it that are equal; empty if
    /// nothing differs, or only shapes or kinds of numbers do.
    ///
    /// # Errors
    /// If the network cannot be run.
    pub fn trials(&self) -> Result<Vec<Trial>, GraphError> {
        let Some(first) = self.comparison.first().filter(|row| row.verdict == Verdict::Differs)
        else {
            return Ok(Vec::new());
        };
        let target = base(&first.tensor);
        let equal = self.comparison.rows.iter().filter(|row| row.verdict == Verdict::Equal);
        let known: HashSet<String> = equal
            .filter(|row| row.tensor.ends_with(INTEGERS) || !row.tensor.contains('!'))
            .map(|row| base(&row.tensor).to_owned())
            .filter(|name| name != target)
            .collect();
        let (part, begins) = cut(self.model, target, &known);
        // The piece in which the first difference is.
        let batched = first.our_shape.first() == Some(&self.plan.rows);
        let row = first.first.as_ref().and_then(|place| place.first().copied()).unwrap_or(0);
        let of_row = |piece: &std::ops::Range<usize>| !batched || piece.contains(&row);
        let Some(piece) = self.plan.pieces().find(of_row) else { return Ok(Vec::new()) };
        let fed = self.plan.fed(&piece);
        let cut_rows = |tensor: &Tensor| match tensor.rows() {
            Some(rows) if self.plan.batch.is_some() && rows >= piece.end => {
                Some(tensor.filled_rows(piece.clone(), fed))
            }
            Some(rows) if self.plan.batch.is_some() && rows > piece.start => {
                Some(tensor.filled_rows(piece.start..rows, rows - piece.start))
            }
            Some(_) if self.plan.batch.is_some() => None,
            _ => Some(tensor.clone()),
        };
        let arithmetic = *self.program.arithmetic();
        let mut values: Values = HashMap::new();
        let inputs = self.program.inputs.iter().zip(self.arrays);
        for (input, array) in inputs {
            let array = cut_rows(array).unwrap_or_else(|| array.clone());
            values.insert(input.name.clone(), Value::of_tensor(&array, &arithmetic));
        }
        let mut found: Values = values
            .iter()
            .filter(|(name, _)| begins.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        self.program.run(values, |node| {
            for (name, value) in node.node.outputs.iter().zip(node.outputs) {
                if begins.contains(name) {
                    found.insert(name.clone(), value.clone());
                }
            }
            Ok(())
        })?;
        for (name, value) in &mut found {
            let with = format!("{name}{INTEGERS}");
            let entry = self.dump.iter().find(|(known, _)| *known == with || known == name);
            let stored = entry.and_then(|(_, tensor)| cut_rows(tensor));
            if let Some(theirs) = stored.and_then(|tensor| with_integers(value, &tensor)) {
                *value = theirs;
            }
        }
        let stored = self.dump.iter().find(|(name, _)| *name == first.tensor);
        let stored = match stored {
            Some((_, tensor)) if batched => cut_rows(tensor),
            Some((_, tensor)) => Some(tensor.clone()),
            None => None,
        };
        let Some(stored) = stored else { return Ok(Vec::new()) };
        let segment =
            Segment { model: part, values: found, arithmetic, target: first.tensor.clone() };
        Ok(trials(&segment, &stored, self.tolerance))
    }
}
