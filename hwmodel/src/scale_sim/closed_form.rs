//! Figures that follow from the shape alone: cycles without stalls, accesses, utilisation, first and last cycles.

use super::folds::{Dataflow, Folds};
use super::geometry::Dimensions;
use crate::product::ByOperand;

/// Above this many folds, means over folds are summed by kind of fold instead of one by one.
const SUMMED_ONE_BY_ONE: u64 = 1 << 24;

/// Cycles of one fold that Compute Util divides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UtilisationPeriod {
    /// SCALE-Sim's: for ws and is C - 1 more than a fold takes.
    ScaleSim,
    /// What a fold takes.
    Fold,
}

impl Folds {
    /// SRAM accesses in elements: reads of ifmap and filter, writes of ofmap. `None` over 63 bits.
    ///
    /// The writes of `os` contain F·(R+C) that no hardware makes; `ws` and `is` write a partial sum for each
    /// row fold and read none back.
    pub(super) fn sram_accesses(
        &self,
        Dimensions { m, n, k }: Dimensions,
    ) -> Option<ByOperand<u64>> {
        let (fr, fc) = (self.row_folds, self.column_folds);
        let product = |a: u64, b: u64, c: u64| a.checked_mul(b)?.checked_mul(c);
        let artefact =
            (self.row_folds * self.column_folds).checked_mul(self.rows + self.columns)?;
        let accesses = match self.dataflow {
            Dataflow::OutputStationary => ByOperand {
                input: product(m, k, fc)?,
                weight: product(k, n, fr)?,
                output: product(m, n, 1)?.checked_add(artefact)?,
            },
            Dataflow::WeightStationary => ByOperand {
                input: product(m, k, fc)?,
                weight: product(k, n, 1)?,
                output: product(m, n, fr)?,
            },
            Dataflow::InputStationary => ByOperand {
                input: product(m, k, 1)?,
                weight: product(k, n, fc)?,
                output: product(m, n, fr)?,
            },
        };
        let small = |count: u64| i64::try_from(count).is_ok();
        (small(accesses.input) && small(accesses.weight) && small(accesses.output))
            .then_some(accesses)
    }

    /// Mean of `value(rows used, columns used)` over all folds, added in their order as SCALE-Sim does.
    fn mean(&self, value: impl Fn(u64, u64) -> f64) -> f64 {
        let (last_row, last_column) = (self.row_folds - 1, self.column_folds - 1);
        let (rows, columns) = (self.rows_used(last_row), self.columns_used(last_column));
        let full = value(self.rows, self.columns);
        let right = value(self.rows, columns);
        let bottom = value(rows, self.columns);
        let corner = value(rows, columns);
        let sum = if self.count() <= SUMMED_ONE_BY_ONE {
            let mut sum = 0.0;
            for column_fold in 0..self.column_folds {
                let (inner, end) =
                    if column_fold == last_column { (right, corner) } else { (full, bottom) };
                for _ in 0..last_row {
                    sum += inner;
                }
                sum += end;
            }
            sum
        } else {
            let (inner_rows, inner_columns) = (last_row as f64, last_column as f64);
            inner_rows * inner_columns * full + inner_rows * right + inner_columns * bottom + corner
        };
        sum / self.count() as f64
    }

    /// Mean share of the array that is used, in percent.
    pub(super) fn mapping_efficiency(&self) -> f64 {
        let elements = (self.rows * self.columns) as f64;
        self.mean(|rows, columns| (rows * columns) as f64 / elements) * 100.0
    }

    /// Mean over folds of MACs per processing element and cycle, in percent.
    pub(super) fn compute_utilisation(&self, period: UtilisationPeriod) -> f64 {
        let cycles = match (period, self.dataflow) {
            (UtilisationPeriod::Fold, _) | (_, Dataflow::OutputStationary) => self.period(),
            _ => self.period() + self.columns - 1,
        };
        let possible = self.rows as f64 * self.columns as f64 * cycles as f64;
        self.mean(|rows, columns| (rows * columns) as f64 * self.time as f64 / possible) * 100.0
    }

    /// First and last line with a request, by stream, lines counted from 0, of a layer without null elements.
    pub(super) fn lines(&self) -> ByOperand<(u64, u64)> {
        let last_fold = (self.count() - 1) * self.period();
        let rows = self.rows_used(self.row_folds - 1);
        let columns = self.columns_used(self.column_folds - 1);
        let first_rows = self.rows_used(0);
        let start = self.load();
        let streamed = |lanes: u64| (start, last_fold + start + self.time + lanes - 2);
        let loaded = (self.rows - first_rows, last_fold + self.rows - 1);
        let output = match self.dataflow {
            Dataflow::OutputStationary => (
                self.time - 1 + self.rows - first_rows,
                last_fold + self.time + self.rows + columns - 3,
            ),
            _ => (2 * self.rows - 1, last_fold + 2 * self.rows + self.time + columns - 3),
        };
        let (input, weight) = match self.dataflow {
            Dataflow::OutputStationary => (streamed(rows), streamed(columns)),
            Dataflow::WeightStationary => (streamed(rows), loaded),
            Dataflow::InputStationary => (loaded, streamed(rows)),
        };
        ByOperand { input, weight, output }
    }
}
