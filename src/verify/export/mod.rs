//! Golden vectors of one layer for RTL test benches: memory images of the operands and files of the
//! expected results.
//!
//! [`LayerOperands`] is a layer of a saved network with real input. [`Expected`] computes every
//! accumulator state by the scalar definition, addition by addition. [`write()`] puts both into a
//! folder; [`verify`] reads the folder and computes everything again, also with the fast kernels of
//! [`hwmodel::array::MacArray`]. docs/export.md describes the files.

mod error;
mod expected;
mod folder;
mod machine;
mod manifest;
mod memory;
mod operands;
mod random;
mod read;
mod verify;
mod write;

pub use error::ExportError;
pub use expected::Expected;
pub(crate) use folder::publish;
pub use machine::{MachineEntry, terms_of_fold};
pub use manifest::{AccumulatorEntry, FileEntry, GemmEntry, Joined, Manifest, TensorEntry};
pub(crate) use memory::words as hex_words;
pub use operands::LayerOperands;
pub use random::{RandomEntry, RequantiserArray};
pub use verify::{Check, Verification, verify};
pub use write::{About, ExportOptions, write};

#[cfg(test)]
mod tests;
