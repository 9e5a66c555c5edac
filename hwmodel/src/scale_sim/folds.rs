//! Folds: how a product that is larger than the array is cut, and when each part runs.

use super::geometry::Dimensions;
use std::fmt;
use std::num::NonZeroU32;

/// Which operand stays in the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dataflow {
    /// `os`: outputs stay, both operands stream through.
    OutputStationary,
    /// `ws`: weights stay, inputs stream through.
    WeightStationary,
    /// `is`: inputs stay, weights stream through.
    InputStationary,
}

impl Dataflow {
    /// All, with their names in configuration files.
    pub const ALL: [(&'static str, Self); 3] = [
        ("os", Self::OutputStationary),
        ("ws", Self::WeightStationary),
        ("is", Self::InputStationary),
    ];
}

impl fmt::Display for Dataflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutputStationary => "os",
            Self::WeightStationary => "ws",
            Self::InputStationary => "is",
        })
    }
}

/// Rows and columns of the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Array {
    /// Rows R.
    pub rows: NonZeroU32,
    /// Columns C.
    pub columns: NonZeroU32,
}

/// The folds of a product: ⌈Sr/R⌉ row folds, ⌈Sc/C⌉ column folds; column folds are the outer loop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folds {
    pub(super) dataflow: Dataflow,
    /// Array rows R.
    pub(super) rows: u64,
    /// Array columns C.
    pub(super) columns: u64,
    /// Size along the rows of the array.
    pub(super) spatial_rows: u64,
    /// Size along the columns of the array.
    pub(super) spatial_columns: u64,
    /// Streamed elements T of one row or column.
    pub(super) time: u64,
    /// ⌈Sr/R⌉.
    pub(super) row_folds: u64,
    /// ⌈Sc/C⌉.
    pub(super) column_folds: u64,
}

impl Folds {
    pub(super) fn new(
        array: Array,
        dataflow: Dataflow,
        Dimensions { m, n, k }: Dimensions,
    ) -> Self {
        let [rows, columns] = [array.rows, array.columns].map(|size| u64::from(size.get()));
        let (spatial_rows, spatial_columns, time) = match dataflow {
            Dataflow::OutputStationary => (m, n, k),
            Dataflow::WeightStationary => (k, n, m),
            Dataflow::InputStationary => (k, m, n),
        };
        Self {
            dataflow,
            rows,
            columns,
            spatial_rows,
            spatial_columns,
            time,
            row_folds: spatial_rows.div_ceil(rows),
            column_folds: spatial_columns.div_ceil(columns),
        }
    }

    /// Number of folds.
    pub(super) fn count(&self) -> u64 {
        self.row_folds * self.column_folds
    }

    /// Cycles before operands stream in: the stationary operand is loaded, one row a cycle.
    pub(super) fn load(&self) -> u64 {
        match self.dataflow {
            Dataflow::OutputStationary => 0,
            _ => self.rows,
        }
    }

    /// Cycles of one fold: load, stream, and the skew of the whole array, also if only a part is used.
    pub(super) fn period(&self) -> u64 {
        self.load() + self.time + self.rows + self.columns - 2
    }

    /// Cycles of all folds, `None` if over 64 bits.
    pub(super) fn cycles(&self) -> Option<u64> {
        self.row_folds.checked_mul(self.column_folds)?.checked_mul(self.period())
    }

    /// Row fold and column fold of fold `fold`.
    pub(super) fn position(&self, fold: u64) -> (u64, u64) {
        (fold % self.row_folds, fold / self.row_folds)
    }

    /// Array rows used by row fold `row_fold`.
    pub(super) fn rows_used(&self, row_fold: u64) -> u64 {
        self.rows.min(self.spatial_rows - row_fold * self.rows)
    }

    /// Array columns used by column fold `column_fold`.
    pub(super) fn columns_used(&self, column_fold: u64) -> u64 {
        self.columns.min(self.spatial_columns - column_fold * self.columns)
    }
}
