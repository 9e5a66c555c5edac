//! The RTL twin: the MAC array and its requantiser as Verilog, with the operands of a product, everything that the circuit must
//! compute from them, and the test benches that compare the two.
//!
//! [`Product`] is what is computed. [`Twin`] is the circuit of a machine for it, as parameters of the fixed Verilog text;
//! what that text lacks is refused by name ([`RtlError::Lacks`]). [`Expected`] computes results and cycles by hwmodel's own
//! accumulator, requantiser and timetable. [`write()`] puts all into a folder, [`simulate`] runs a simulator on it, and
//! [`compare`] finds the first difference. docs/rtl.md describes the folder.

mod compare;
mod cycles;
mod error;
mod expected;
mod images;
mod layer;
mod manifest;
mod parameters;
mod product;
mod simulate;
mod stimulus;
mod synthesis;
mod texts;
mod write;

pub use compare::{Comparison, Difference, compare};
pub use cycles::CycleCounts;
pub use error::RtlError;
pub use expected::Expected;
pub use manifest::{FileEntry, Manifest};
pub use parameters::Twin;
pub use product::{OutputStage, Product};
pub use simulate::{Simulation, Simulator, Waves, simulate};
pub use stimulus::{Stimulus, StimulusKind};
pub use synthesis::{Synthesis, synthesise};
pub use write::{About, write};

#[cfg(test)]
mod tests;
