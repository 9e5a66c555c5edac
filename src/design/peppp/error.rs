//! Failures of reading an error matrix and of the computations on it.

use super::ConfigurationError;
use crate::data::DataError;
use crate::network::NetworkError;
use crate::train::TrainError;

/// A matrix that cannot be measured, read, completed or used.
#[derive(Debug, thiserror::Error)]
pub enum PepppError {
    /// There are no partitions.
    #[error("there are no partitions: ask for at least 1")]
    NoPartitions,
    /// There are no configurations.
    #[error("there are no configurations: name at least 1")]
    NoConfigurations,
    /// A configuration is named twice.
    #[error("configuration `{0}` is named twice")]
    TwoConfigurations(String),
    /// Partitions of an impossible number of classes.
    #[error("partitions of {least} to {most} classes: use 2 or more, the data set has {classes}")]
    PartitionClasses {
        /// Fewest classes asked for.
        least: usize,
        /// Most classes asked for.
        most: usize,
        /// Classes of the data set.
        classes: usize,
    },
    /// A class that the data set does not have.
    #[error("partition `{partition}`: there is no class {class} among {classes}")]
    NoSuchClass {
        /// The partition.
        partition: String,
        /// The label.
        class: u16,
        /// Classes of the data set.
        classes: usize,
    },
    /// A class without images.
    #[error("partition `{partition}`: class `{class}` has no {set} images")]
    EmptyClass {
        /// The partition.
        partition: String,
        /// Name of the class.
        class: String,
        /// `training` or `test`.
        set: &'static str,
    },
    /// A data set without images.
    #[error("data set {0} has no images: partitions are of images in classes")]
    Images(String),
    /// A data set without the classes of CIFAR-100.
    #[error("{dataset} has no class `{class}`: superclasses are those of cifar100")]
    Superclass {
        /// The data set.
        dataset: String,
        /// A class it lacks.
        class: String,
    },
    /// A configuration.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A training run that failed otherwise than by diverging.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A setting that training in small floats does not have.
    #[error("training in small floats has no {0}: leave it at its default")]
    Unsupported(&'static str),
    /// A training run was told to stop.
    #[error("stopped")]
    Stopped,
    /// The text is not CSV.
    #[error("`{file}`: {source}")]
    Csv {
        /// Name of the file.
        file: String,
        /// The problem.
        source: csv::Error,
    },
    /// A column is missing.
    #[error(
        "`{file}` has no column `{column}`: a matrix has partition, configuration, memory_mb and error"
    )]
    Column {
        /// Name of the file.
        file: String,
        /// The column.
        column: &'static str,
    },
    /// A matrix without entries.
    #[error("`{0}` has no rows: measure some errors first")]
    Empty(String),
    /// A cell that is no such number.
    #[error("`{file}`, line {line}, column `{column}`: `{found}` is no {expected}")]
    Cell {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// The value found.
        found: String,
        /// The expected value.
        expected: &'static str,
    },
    /// An entry that is there twice.
    #[error(
        "`{file}`, line {line}: partition `{partition}` and configuration `{configuration}` are there twice"
    )]
    TwoEntries {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: u64,
        /// Row of the matrix.
        partition: String,
        /// Column of the matrix.
        configuration: String,
    },
    /// An entry without memory.
    #[error(
        "`{file}`: partition `{partition}` has no memory for configuration `{configuration}`: memory is never missing, an error may be"
    )]
    NoMemory {
        /// Name of the file.
        file: String,
        /// Row of the matrix.
        partition: String,
        /// Column of the matrix.
        configuration: String,
    },
    /// A row that is not in a matrix.
    #[error("there is no partition `{name}`: use one of {known}")]
    NoSuchPartition {
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
    /// Errors that should be known are missing.
    #[error(
        "{missing} of {entries} errors are missing: {purpose} needs them all, complete the matrix first"
    )]
    Incomplete {
        /// Missing entries.
        missing: usize,
        /// All entries.
        entries: usize,
        /// What for.
        purpose: &'static str,
    },
    /// No error is known at all.
    #[error("no error is known: nothing can be completed from an empty sample")]
    NothingObserved,
    /// Two things that should have one shape.
    #[error("{what} is {found:?}, expected {expected:?} (rows, columns)")]
    Shape {
        /// What has the wrong shape.
        what: &'static str,
        /// Its shape.
        found: (usize, usize),
        /// The other's.
        expected: (usize, usize),
    },
    /// A number that should be finite is not, or is out of range.
    #[error("{what} is {value}: use {allowed}")]
    Number {
        /// What it is.
        what: &'static str,
        /// The number.
        value: f64,
        /// The allowed values.
        allowed: &'static str,
    },
    /// A value of a matrix is NaN or infinite.
    #[error("{0} has a value that is not finite")]
    NotFinite(&'static str),
    /// No configuration is below the cap.
    #[error("no configuration takes at most {cap_mb} MB: the smallest takes {smallest_mb} MB")]
    Cap {
        /// The cap in MB.
        cap_mb: f64,
        /// Memory of the smallest configuration in MB.
        smallest_mb: f64,
    },
    /// Too few rows to leave one out.
    #[error("leaving one partition out needs at least 2 partitions, there is {0}")]
    TooFewRows(usize),
    /// A decomposition did not come to an end.
    #[error("the {0} decomposition did not converge: check the matrix for absurd values")]
    Decomposition(&'static str),
}
