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
mod layers;
mod layout;
mod line;
mod matmul;
mod quant_fixed;
mod requant;
mod table;
mod torch;

use std::path::Path;

pub use adapt_sequences::check_adapt_sequences;
pub use adapt_units::check_adapt_units;
pub use block::{BlockFile, Case};
pub use checker::{Checker, Report};
pub use cost_model::check_cost_model;
pub use error::GoldenError;
pub use layers::check_layers;
pub use line::Line;
pub use matmul::check_matmul;
pub use quant_fixed::check_quant_fixed;
pub use requant::check_requant;
pub use table::Table;
pub use torch::{check_torch_nets, check_torch_ops};

/// A check of one layout.
pub type Check = fn(&Path) -> Result<Report, GoldenError>;

/// Every layout by the name of its file without `.csv`, and its check.
pub const CHECKS: [(&str, Check); 10] = [
    ("adapt_sequences", check_adapt_sequences),
    ("adapt_units", check_adapt_units),
    ("cost_model", check_cost_model),
    ("layers", check_layers),
    ("matmul", check_matmul),
    ("quant_fixed", check_quant_fixed),
    ("quant_fixed_negfl", check_quant_fixed),
    ("requant", check_requant),
    ("torch_nets", check_torch_nets),
    ("torch_ops", check_torch_ops),
];
