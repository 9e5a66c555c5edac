//! Energy per operation and per access, from published tables, for any word length.
//!
//! An [`EnergyTable`] is what a publication states (one row per operation or memory, with node,
//! source and whether the value was checked). An [`EnergyModel`] extends the rows of one table and
//! node to arbitrary word lengths and capacities; it is a model, not a measurement, and sources
//! differ by a factor of about 4. Ratios between word lengths on one table are what a comparison may
//! rely on. The rules are those of `docs/machine.md`.

mod breakdown;
mod interpolation;
mod model;
mod row_reader;
mod table;
pub mod transistors;

pub use breakdown::Energy;
pub use model::{DramEnergy, EnergyModel, EnergyModelError};
pub use table::{Checked, Component, EnergyRow, EnergyTable, EnergyTableError, EnergyTables};
