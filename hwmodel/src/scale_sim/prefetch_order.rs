//! The order in which a read buffer of mode USER prefetches its operand.
//!
//! The operand's matrix is cut into groups of as many lanes as the array has, the last one padded with nulls, and
//! the groups are stacked. A stationary operand is read row by row, a streamed one along anti-diagonals, each from
//! its largest row. An element's *rank* is the number of elements before it.

use super::demand::{Block, Demand, Requests};
use super::skew::Skew;
use crate::cast::index;

/// Ranks of an operand without null elements.
///
/// All requests of one line lie on one anti-diagonal (or in one row) of the stack, side by side, so that their ranks
/// follow one another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranks {
    demand: Demand,
    groups: u64,
    /// The stack, with its padding.
    stack: Skew,
    rows: u64,
    /// The padding of the last group, and the anti-diagonal of its first place.
    padding: Option<(Skew, u64)>,
}

/// Ranks of the requests of one line, half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RankRange {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Ranks {
    pub(super) fn new(demand: Demand) -> Self {
        let (width, lanes, times) = (demand.lane_width(), demand.lanes(), demand.times());
        let groups = lanes.div_ceil(width);
        let rows = groups * times;
        let used = lanes - (groups - 1) * width;
        let padding = (used < width).then(|| (Skew::new(times, width - used), rows - times + used));
        Self { demand, groups, stack: Skew::new(rows, width), rows, padding }
    }

    /// The ranks of line `line`, counted from 0, of `block`.
    pub(super) fn of_line(&self, block: &Block, line: u64) -> RankRange {
        let width = self.demand.lane_width();
        let times = self.demand.times();
        let group = block.lanes.0 / width;
        let lanes = block.lanes.1 - block.lanes.0;
        if self.demand.is_stationary() {
            let row = block.times.1 - 1 - line;
            let start = group * width * times + row * lanes;
            return RankRange { start, end: start + lanes };
        }
        let first = (line + 1).saturating_sub(times);
        let last = line.min(lanes - 1);
        let diagonal = group * times + line;
        let first_of_diagonal = (diagonal + 1).saturating_sub(self.rows);
        let mut nulls = 0;
        if let Some((padding, at)) = self.padding
            && diagonal >= at
        {
            nulls = padding.before(diagonal - at);
            // The last group has the largest rows: its nulls come before all other groups.
            if group + 1 < self.groups {
                nulls = padding.before(diagonal - at + 1);
            }
        }
        let start = self.stack.before(diagonal) + first - first_of_diagonal - nulls;
        RankRange { start, end: start + last - first + 1 }
    }
}

/// Calls `visit(address)` for all elements in the order of prefetching; null elements of the input are among them,
/// those of the padding are not.
pub(super) fn visit_in_order(requests: &Requests<'_>, mut visit: impl FnMut(u32)) {
    let width = index(requests.demand.lane_width());
    let (lanes, times) = (requests.lane, requests.time);
    if requests.demand.is_stationary() {
        for group in lanes.chunks(width) {
            for &time in times {
                group.iter().for_each(|&lane| visit(lane + time));
            }
        }
        return;
    }
    let rows = lanes.len().div_ceil(width) * times.len();
    for diagonal in 0..rows + width - 1 {
        let first = (diagonal + 1).saturating_sub(rows);
        let last = diagonal.min(width - 1);
        let (mut group, mut time) =
            ((diagonal - first) / times.len(), (diagonal - first) % times.len());
        for column in first..=last {
            if let Some(&lane) = lanes.get(group * width + column) {
                visit(lane + times[time]);
            }
            (group, time) = match time {
                0 => (group.wrapping_sub(1), times.len() - 1),
                _ => (group, time - 1),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::demand::Operand;
    use super::super::folds::{Array, Dataflow, Folds};
    use super::super::geometry::Dimensions;
    use super::*;
    use std::num::NonZeroU32;

    #[test]
    fn ranks_are_positions_in_the_order() {
        let sizes = [(1, 1, 1), (5, 3, 4), (2, 9, 7), (16, 5, 2), (7, 8, 9)];
        for (m, n, k) in sizes {
            for (rows, columns) in [(1, 1), (3, 4), (4, 2), (20, 20), (1, 5)] {
                for (_, dataflow) in Dataflow::ALL {
                    for operand in [Operand::Input, Operand::Weight] {
                        let size = |n| NonZeroU32::new(n).unwrap();
                        let array = Array { rows: size(rows), columns: size(columns) };
                        let folds = Folds::new(array, dataflow, Dimensions { m, n, k });
                        check(Demand::new(folds, operand));
                    }
                }
            }
        }
    }

    fn check(demand: Demand) {
        let times = demand.times() as u32;
        let lane: Vec<u32> = (0..demand.lanes() as u32).map(|lane| lane * times).collect();
        let time: Vec<u32> = (0..times).collect();
        let requests = Requests { demand, lane: &lane, time: &time };
        let mut rank = vec![None; lane.len() * time.len()];
        let mut count = 0;
        visit_in_order(&requests, |address| {
            assert_eq!(rank[address as usize].replace(count), None);
            count += 1;
        });
        assert_eq!(count as usize, rank.len());
        let ranks = Ranks::new(demand);
        for fold in 0..demand.folds().count() {
            let block = demand.block(fold);
            let mut lines = vec![Vec::new(); demand.block_lines(&block) as usize];
            requests.visit(fold, |line, address| {
                lines[(line - block.line) as usize].push(rank[address as usize].unwrap());
            });
            for (index, line) in lines.iter().enumerate() {
                let range = ranks.of_line(&block, index as u64);
                assert_eq!(*line, (range.start..range.end).collect::<Vec<_>>(), "{demand:?}");
            }
        }
    }
}
