//! The workload of a network: sizes of its layers, without weights or data.
//!
//! A [`Workload`] comes from an architecture that hwsim can train ([`Workload::from_builder`]), from
//! a table of layer sizes of a network that hwsim cannot train ([`arch`]), from a topology of SCALE-Sim
//! ([`Workload::from_topology`]) or from an ONNX file ([`onnx`]). [`estimate`] gives its cost on a
//! machine, layer by layer: `docs/cost.md`.
//!
//! ```
//! use hwmodel::machine::Machine;
//! use hwsim::network::{Initialisation, arch};
//! use hwsim::train::optimiser::RuleOptions;
//! use hwsim::design::workload::{Formats, Options, Pass, Workload, estimate};
//! let initialisation = Initialisation { seed: 0, scale: 1.0 };
//! let task = arch::Task { input: [224, 224, 3], classes: 1000, initialisation };
//! let resnet50 = Workload::from_builder(&arch::layers("resnet50", &task)?)?;
//! assert_eq!(resnet50.macs(), 4_089_184_256);
//! let formats = Formats::uniform(hwmodel::Format::new(8, 4)?);
//! let rule = RuleOptions::default();
//! let options = Options { pass: Pass::Inference, batch: 1, formats, accumulator: None, rule };
//! let cost = estimate(&resnet50, &Machine::builtin("edge-16x16")?, &options)?;
//! assert_eq!(cost.total.macs, resnet50.macs());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod arch;
mod area;
mod charge;
mod error;
mod estimate;
mod formats;
mod layer;
mod network;
pub mod onnx;
mod report;
mod topology;

pub use crate::network::{VectorKind, VectorWork, Work};
pub use error::{LayerProblem, WorkloadError};
pub use estimate::{Options, Pass, estimate};
pub use formats::{Formats, FormatsError};
pub use layer::{Layer, Workload};
pub use report::{AreaRow, CostReport, CostRow, MachineCost, Phase, ProductRow, Totals};
