//! Errors of a machine description.

use crate::energy::{EnergyModelError, EnergyTableError};

/// Error of an invalid machine description, or of an unknown machine.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MachineError {
    /// The text is not TOML, or a key is unknown, missing, double or of the wrong type.
    #[error("machine {file}, line {line}: {message}")]
    Toml {
        /// Name of the description.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// What was found, with the text of the line.
        message: String,
    },
    /// A value is out of range or not supported.
    #[error("machine {file}, line {line}, key `{key}`: {value} is not allowed; use {allowed}")]
    Value {
        /// Name of the description.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// The key with its table, e.g. `array.rows`.
        key: &'static str,
        /// The value found.
        value: String,
        /// The allowed values.
        allowed: String,
    },
    /// The energy table lacks a row.
    #[error("machine {file}, line {line}, key `{key}`: {source}")]
    EnergyModel {
        /// Name of the description.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// The key with its table.
        key: &'static str,
        /// What is missing.
        source: EnergyModelError,
    },
    /// A shipped energy table cannot be read.
    #[error(transparent)]
    EnergyTable(#[from] EnergyTableError),
    /// There is no shipped machine of this name.
    #[error("unknown machine `{name}`: use one of {known}, or the path of a description")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names of the shipped machines.
        known: String,
    },
}
