//! PEPPP: the best number formats for a memory budget, from a few training runs (Yang et al., ICLR 2022; papers/peppp.md).
//!
//! Errors of configurations (pairs of formats) on many data sets are measured by training, some of them at least, and
//! completed to a matrix of low rank; memory is computed. On a new data set a few well-chosen configurations are
//! trained, the other errors follow from the factors of the matrix, and with them the frontier of memory and error.
//! docs/peppp.md explains commands, files and choices.

mod configuration;
pub mod cross_validation;
pub mod d_optimal;
mod emulation;
mod error;
mod factors;
pub mod gaussian_process;
mod matrix;
mod memory;
pub mod method;
pub mod metrics;
mod partition;
pub mod recommendation;
pub mod relaxation;
pub mod sampling;
mod singular;
pub mod soft_impute;
mod superclasses;
mod training;

pub use configuration::{Configuration, ConfigurationError};
pub use error::PepppError;
pub use factors::{Explained, Factors, predict};
pub use matrix::ErrorMatrix;
pub use memory::Footprint;
pub use partition::{Partition, PartitionSize};
pub use training::{Measurement, TrainingSetup};
