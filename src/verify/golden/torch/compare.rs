//! Comparison with the references of a case.

use super::case::TorchCase;
use super::tensor::{Layout, Tensor};
use crate::verify::golden::{Checker, GoldenError};
use hwmodel::SimdLevel;
use std::collections::BTreeSet;

/// Largest difference allowed: this share of the tensor's largest magnitude, and an absolute part for
/// tensors that are pure round-off (gradients of a bias in front of a batch norm).
#[derive(Debug, Clone, Copy)]
pub(super) struct Tolerance {
    pub(super) relative: f64,
    pub(super) absolute: f64,
}

/// For float32 references, whose own round-off is part of the difference.
const SINGLE: Tolerance = Tolerance { relative: 5e-6, absolute: 1e-6 };

/// Compares results of a case and counts its reference lines.
pub(super) struct Comparison<'c, 'a> {
    case: &'c TorchCase<'a>,
    checker: &'c mut Checker,
    /// For float64 references.
    tolerance: Tolerance,
    counted: BTreeSet<usize>,
}

impl<'c, 'a> Comparison<'c, 'a> {
    pub(super) fn new(
        case: &'c TorchCase<'a>,
        checker: &'c mut Checker,
        tolerance: Tolerance,
    ) -> Self {
        Self { case, checker, tolerance, counted: BTreeSet::new() }
    }

    /// The SIMD levels at which results are to be computed.
    pub(super) fn levels(&self) -> Vec<SimdLevel> {
        self.checker.levels()
    }

    /// Compares `found` with `f32.<name>` and `f64.<name>`; `note` says how it was computed.
    pub(super) fn both(
        &mut self,
        name: &str,
        layout: Layout,
        found: &[f32],
        note: impl std::fmt::Display,
    ) -> Result<(), GoldenError> {
        for precision in ["f32", "f64"] {
            self.one(&format!("{precision}.{name}"), layout, found, &note)?;
        }
        Ok(())
    }

    /// Compares `found` with the tensor `name`.
    pub(super) fn one(
        &mut self,
        name: &str,
        layout: Layout,
        found: &[f32],
        note: impl std::fmt::Display,
    ) -> Result<(), GoldenError> {
        let found: Vec<f64> = found.iter().map(|&x| x.into()).collect();
        let tolerance = if name.starts_with("f32.") { SINGLE } else { self.tolerance };
        self.within(name, layout, &found, note, tolerance)
    }

    /// Compares `found` with the tensor `name` within `tolerance`.
    pub(super) fn within(
        &mut self,
        name: &str,
        layout: Layout,
        found: &[f64],
        note: impl std::fmt::Display,
        tolerance: Tolerance,
    ) -> Result<(), GoldenError> {
        let tensor = self.reference(name)?;
        let expected = tensor.float(layout)?;
        if expected.len() != found.len() {
            let (given, needed) = (expected.len(), found.len());
            return Err(tensor
                .line
                .error(format!("{given} elements, but the result has {needed}")));
        }
        let largest = expected.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        let absolute = tolerance.relative * largest + tolerance.absolute;
        for (index, (&expected, &found)) in expected.iter().zip(found).enumerate() {
            let what = format_args!("{name}[{index}] ({note})");
            self.checker.close(&tensor.line, what, (expected, found), 0.0, absolute);
        }
        Ok(())
    }

    /// The tensor `name`, counted as a line with expected values once.
    fn reference(&mut self, name: &str) -> Result<&'c Tensor<'a>, GoldenError> {
        let tensor = self.case.tensor(name)?;
        if self.counted.insert(tensor.line.number()) {
            self.checker.row_of(self.case.kind);
        }
        Ok(tensor)
    }
}
