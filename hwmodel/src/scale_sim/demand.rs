//! The order in which the array requests elements from a read buffer.

use super::folds::{Dataflow, Folds};
use super::skew::Skew;
use crate::cast::index;

/// Which read operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operand {
    Input,
    Weight,
}

/// Where the requests of one operand lie: blocks of `time` × lanes elements, one a fold.
///
/// A streamed operand enters skewed, lane l one line after lane l - 1, and its block depends on the row fold or
/// the column fold alone. A stationary operand is loaded one array row a line, the last row first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    folds: Folds,
    stationary: bool,
    /// Whether a lane is an array column (else a row).
    by_column: bool,
}

/// The part of the operand's matrix that one fold requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// First line.
    pub(super) line: u64,
    /// Lanes, half-open.
    pub(super) lanes: (u64, u64),
    /// Times, half-open.
    pub(super) times: (u64, u64),
}

impl Demand {
    pub(super) fn new(folds: Folds, operand: Operand) -> Self {
        let (stationary, by_column) = match (folds.dataflow, operand) {
            (Dataflow::OutputStationary, Operand::Input)
            | (Dataflow::WeightStationary, Operand::Input)
            | (Dataflow::InputStationary, Operand::Weight) => (false, false),
            (Dataflow::OutputStationary, Operand::Weight) => (false, true),
            (Dataflow::WeightStationary, Operand::Weight)
            | (Dataflow::InputStationary, Operand::Input) => (true, true),
        };
        Self { folds, stationary, by_column }
    }

    pub(super) fn folds(&self) -> &Folds {
        &self.folds
    }

    pub(super) fn is_stationary(&self) -> bool {
        self.stationary
    }

    /// Lanes of the array: the width of a block.
    pub(super) fn lane_width(&self) -> u64 {
        if self.by_column { self.folds.columns } else { self.folds.rows }
    }

    /// All lanes of the operand.
    pub(super) fn lanes(&self) -> u64 {
        if self.by_column { self.folds.spatial_columns } else { self.folds.spatial_rows }
    }

    /// All times of the operand.
    pub(super) fn times(&self) -> u64 {
        if self.stationary { self.folds.spatial_rows } else { self.folds.time }
    }

    /// How often the whole operand is asked for.
    pub(super) fn passes(&self) -> u64 {
        match (self.stationary, self.by_column) {
            (true, _) => 1,
            (false, true) => self.folds.row_folds,
            (false, false) => self.folds.column_folds,
        }
    }

    /// The block that fold `fold` requests; folds with the same number request the same elements in the same order.
    pub(super) fn block_number(&self, fold: u64) -> u64 {
        let (row_fold, column_fold) = self.folds.position(fold);
        match (self.stationary, self.by_column) {
            (true, _) => fold,
            (false, true) => column_fold,
            (false, false) => row_fold,
        }
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> u64 {
        self.folds.count() / self.passes()
    }

    /// The block of fold `fold`.
    pub(super) fn block(&self, fold: u64) -> Block {
        let (row_fold, column_fold) = self.folds.position(fold);
        let fold_range =
            |index: u64, width: u64, size: u64| (index * width, size.min((index + 1) * width));
        let rows = fold_range(row_fold, self.folds.rows, self.folds.spatial_rows);
        let columns = fold_range(column_fold, self.folds.columns, self.folds.spatial_columns);
        let start = fold * self.folds.period();
        if self.stationary {
            let line = start + self.folds.rows - (rows.1 - rows.0);
            return Block { line, lanes: columns, times: rows };
        }
        let lanes = if self.by_column { columns } else { rows };
        Block { line: start + self.folds.load(), lanes, times: (0, self.folds.time) }
    }

    /// Lines of `block`.
    pub(super) fn block_lines(&self, block: &Block) -> u64 {
        let times = block.times.1 - block.times.0;
        if self.stationary { times } else { times + block.lanes.1 - block.lanes.0 - 1 }
    }

    /// The line of request `index` of `block`, counted from 0, if no element is null.
    pub(super) fn line_of(&self, block: &Block, index: u64) -> u64 {
        let lanes = block.lanes.1 - block.lanes.0;
        let offset = if self.stationary {
            index / lanes
        } else {
            Skew::new(block.times.1 - block.times.0, lanes).line_of(index)
        };
        block.line + offset
    }
}

/// A demand with addresses: element (lane, time) has address `lane[l] + time[t]`.
#[derive(Debug)]
pub(super) struct Requests<'a> {
    pub(super) demand: Demand,
    pub(super) lane: &'a [u32],
    pub(super) time: &'a [u32],
}

impl Requests<'_> {
    /// Calls `visit(line, address)` for each request of fold `fold`, line by line, lanes ascending.
    ///
    /// Nulls are among them: the caller knows their addresses.
    #[inline]
    pub(super) fn visit(&self, fold: u64, visit: impl FnMut(u64, u32)) {
        self.visit_lines(fold, |_| true, visit);
    }

    /// As [`visit`](Self::visit), for those lines of the block, counted from 0, that are `wanted`.
    #[inline]
    pub(super) fn visit_lines(
        &self,
        fold: u64,
        mut wanted: impl FnMut(u64) -> bool,
        mut visit: impl FnMut(u64, u32),
    ) {
        let block = self.demand.block(fold);
        let range = |(start, end): (u64, u64)| index(start)..index(end);
        let (lanes, times) = (&self.lane[range(block.lanes)], &self.time[range(block.times)]);
        if self.demand.stationary {
            for (index, &time) in (0..).zip(times.iter().rev()) {
                if wanted(index) {
                    lanes.iter().for_each(|&lane| visit(block.line + index, lane + time));
                }
            }
            return;
        }
        for diagonal in 0..times.len() + lanes.len() - 1 {
            if !wanted(diagonal as u64) {
                continue;
            }
            let first = (diagonal + 1).saturating_sub(times.len());
            let last = diagonal.min(lanes.len() - 1);
            let line = block.line + diagonal as u64;
            let down = times[diagonal - last..=diagonal - first].iter().rev();
            for (&lane, &time) in lanes[first..=last].iter().zip(down) {
                visit(line, lane + time);
            }
        }
    }

    /// The last line with a request that is not null.
    pub(super) fn last_line(&self, is_null: impl Fn(u32) -> bool) -> u64 {
        let folds = self.demand.folds.count();
        let in_fold = |fold| {
            let mut last = None;
            self.visit(fold, |line, address| {
                if !is_null(address) {
                    last = Some(line);
                }
            });
            last
        };
        // The element of the first pixel is never null, so some fold has a request.
        (0..folds).rev().find_map(in_fold).unwrap_or(0)
    }
}

/// Which blocks a buffer need not be asked for again: those last asked for in a state that has not changed since.
#[derive(Debug)]
pub(super) struct Walks {
    demand: Demand,
    /// By block: the state before it was last asked for. Empty if no block comes twice.
    before: Vec<Option<u64>>,
}

impl Walks {
    pub(super) fn new(demand: &Demand) -> Self {
        let blocks = if demand.passes() > 1 { demand.blocks() } else { 0 };
        Self { demand: *demand, before: vec![None; index(blocks)] }
    }

    /// Whether the block of `fold` was asked for before and the buffer's state number is still the one of then;
    /// notes the state if not.
    pub(super) fn is_unchanged(&mut self, fold: u64, state: u64) -> bool {
        let block = index(self.demand.block_number(fold));
        self.before.get_mut(block).is_some_and(|before| before.replace(state) == Some(state))
    }
}
