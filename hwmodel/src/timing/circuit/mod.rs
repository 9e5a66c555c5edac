//! How an array is built, as far as its cycles show it: registers, drains, and where partial sums go.
//!
//! [`Circuit::default`] is an array whose processing elements multiply and add in one cycle and pass operands on in the next.
//! One fold with a stream of T cycles on R rows and C columns then takes, beyond what the dataflow says,
//!
//! | field | cycles of a fold |
//! |---|---|
//! | `input_registers` i, `multiplier_latency` m, `accumulator_latency` a | fill + i + m + a |
//! | `row_hop` h | fill + (h - 1)·(R - 1): rows are h cycles apart |
//! | `broadcast` | fill less the skew, (R - 1) + (C - 1) |
//! | `leave_early`, c columns in use by the last fold along the columns | fill - (C - c) of that fold |
//! | `switch_cycles` s | load + s |
//! | `drain` | R, C, 1 or 0 |
//! | `staging` | load + R + rows, drain + rows + tile cycles; stream of `rows` rows |
//!
//! and folds may follow one another no faster than
//!
//! | field | least interval |
//! |---|---|
//! | `drain_start` after-last | skew + a + 3, if drains overlap; fill + stream + drain, if loads alone do |
//! | `partial_sums` top | fill + drain, from a fold to the next one of the same sums |

/// An enum of words with their names.
macro_rules! words {
    ($(#[$attribute:meta])* $type:ident, $what:literal: $($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
        pub enum $type {
            $(
                $(#[$doc])*
                #[serde(rename = $word)]
                $variant,
            )*
        }

        impl $type {
            #[doc = concat!("Every ", $what, ", in the order of the documentation.")]
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in machine descriptions.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

mod drain;
mod partial_sums;
mod staging;

pub use drain::{Drain, DrainStart};
pub use partial_sums::PartialSums;
pub use staging::Staging;

use super::FoldCycles;
use serde::Serialize;

/// The build of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Circuit {
    /// Registers between the edge of the array and the first multiplier, 0 to 64.
    pub input_registers: u32,
    /// Cycles from a row to the next, 1 to 64: 2 where a partial sum passes two registers.
    pub row_hop: u32,
    /// Cycles from operands to product beyond the cycle of the multiplication, 0 to 64.
    pub multiplier_latency: u32,
    /// Cycles from the last product to a sum that can leave beyond that cycle, 0 to 64.
    pub accumulator_latency: u32,
    /// Cycles between a load and the stream, in which the array takes over what was loaded, 0 to 64.
    pub switch_cycles: u32,
    /// How results leave.
    pub drain: Drain,
    /// When an overlapped drain may begin.
    pub drain_start: DrainStart,
    /// Where partial sums are joined.
    pub partial_sums: PartialSums,
    /// Whether the last fold along the columns fills and drains only the columns that it uses.
    pub leave_early: bool,
    /// Whether an operand reaches all processing elements in the same cycle: there is no skew.
    pub broadcast: bool,
    /// Buffers into which tiles are copied first.
    pub staging: Option<Staging>,
}

impl Default for Circuit {
    fn default() -> Self {
        Self {
            input_registers: 0,
            row_hop: 1,
            multiplier_latency: 0,
            accumulator_latency: 0,
            switch_cycles: 0,
            drain: Drain::Usual,
            drain_start: DrainStart::Any,
            partial_sums: PartialSums::Carried,
            leave_early: false,
            broadcast: false,
            staging: None,
        }
    }
}

impl Circuit {
    /// Whether this is the usual build.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The cycles of a fold that loads its stationary operand in `load` cycles, on an array of `side` = `[rows, columns]` whose
    /// processing elements keep their sums or pass them on, of which it uses `columns` columns.
    pub fn fold(&self, load: u64, keeps_sums: bool, side: [u64; 2], columns: u64) -> FoldCycles {
        let used = if self.leave_early { [side[0], columns] } else { side };
        let (before, after) = match self.staging {
            Some(staging) => (staging.before(side[0]), staging.after()),
            None => (0, 0),
        };
        FoldCycles {
            load: before + load + u64::from(self.switch_cycles),
            fill: self.skew(used) + self.latency(),
            drain: self.drain.cycles(keeps_sums, side) + after,
        }
    }

    /// Cycles from the first operands of PE (0, 0) to those of the last PE in `[rows, columns]`.
    pub fn skew(&self, [rows, columns]: [u64; 2]) -> u64 {
        if self.broadcast { 0 } else { (rows - 1) * u64::from(self.row_hop) + columns - 1 }
    }

    /// Cycles that registers add between an operand at the edge and the sum that it completes.
    pub fn latency(&self) -> u64 {
        u64::from(self.input_registers)
            + u64::from(self.multiplier_latency)
            + u64::from(self.accumulator_latency)
    }

    /// The least cycles between two folds that a shadow register for the results allows; 0 if there is no limit.
    pub fn least_interval(&self, side: [u64; 2]) -> u64 {
        match self.drain_start {
            DrainStart::Any => 0,
            DrainStart::AfterLast => self.skew(side) + u64::from(self.accumulator_latency) + 3,
        }
    }
}

#[cfg(test)]
mod tests;
