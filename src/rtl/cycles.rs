//! Clock cycles of the array, as machine and circuit count them.

use super::parameters::Twin;
use hwmodel::cast::exact;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Clock edges from the one that takes the first operand to the one that takes the last result, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleCounts {
    /// Up to the last addition of each fold.
    pub compute: u64,
    /// From there until the last result has left the array.
    pub drain: u64,
    /// Both.
    pub total: u64,
}

impl CycleCounts {
    /// The machine's own count: `hwmodel::timing`.
    pub(super) fn of(twin: &Twin) -> Self {
        let total: u64 = exact(twin.schedule.compute_cycles(twin.array));
        let drain = exact::<u64>(twin.schedule.streams.folds) * twin.schedule.fold.drain;
        Self { compute: total - drain, drain, total }
    }
}

impl fmt::Display for CycleCounts {
    /// A line a number, as the bench writes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "compute {}\ndrain {}\ntotal {}", self.compute, self.drain, self.total)
    }
}
