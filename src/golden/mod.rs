//! Golden vectors: files of values that independent programs computed, and checks that recompute
//! every one of them through this crate's own code.
//!
//! A file starts with `#` and one JSON object. A *block* file ([`BlockFile`]) continues with cases, a
//! *table* ([`Table`]) with rows of the columns that the header names. Golden vectors of the same
//! layout with other seeds or sizes are checked by the same functions.

mod adapt_sequences;
mod adapt_units;
mod block;
mod checker;
mod cost_model;
mod error;
mod line;
mod table;
pub mod torch;

pub use adapt_sequences::check_adapt_sequences;
pub use adapt_units::check_adapt_units;
pub use block::{BlockFile, Case};
pub use checker::{Checker, Report};
pub use cost_model::check_cost_model;
pub use error::GoldenError;
pub use line::Line;
pub use table::Table;
