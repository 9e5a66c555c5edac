//! The trace of a run: one CSV table that records every step.
//!
//! A row is a matrix product of one layer in one optimiser step ([`GemmRow`]), the loss of a step
//! ([`StepRow`]) or an evaluation on the test set ([`EvaluationRow`]). All share one header; cells
//! that do not apply are empty. `docs/trace.md` states every column with its unit.
//!
//! [`TraceWriter`] writes to a temporary file next to the final one and survives a killed process; [`TraceReader`] gives
//! the rows back typed. A new column is one line in `columns.rs` (and in `docs/trace.md`), and a
//! new [`SCHEMA`].

mod cell;
mod codec;
mod columns;
mod error;
mod reader;
mod row;
mod target;
#[cfg(test)]
mod tests;
mod update_cost;
mod writer;

pub use codec::columns;
pub use error::TraceError;
pub use reader::TraceReader;
pub use row::{AccumulatorSource, EvaluationRow, GemmRow, Row, StepRow};
pub use update_cost::UpdateCost;
pub use writer::TraceWriter;

/// Version of the columns and their meaning, in the first cell of every row.
pub const SCHEMA: u32 = 4;
