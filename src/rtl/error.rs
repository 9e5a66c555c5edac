//! Errors of the RTL twin.

use crate::verify::export::ExportError;
use hwmodel::TensorError;
use hwmodel::array::ShapeError;
use hwmodel::product::GemmWorkError;
use std::io;
use std::path::PathBuf;

/// A twin that cannot be made, written or run.
#[derive(Debug, thiserror::Error)]
pub enum RtlError {
    /// A setting that the Verilog text does not have.
    #[error("the RTL twin does not have `{field}` {found}: it has {has}")]
    Lacks {
        /// The key of the machine or setting of the layer.
        field: &'static str,
        /// Its value.
        found: String,
        /// What is possible.
        has: &'static str,
    },
    /// A product that is too large for memories of a test bench.
    #[error("{what} has {words} words, which no test bench holds: at most {most}")]
    TooLarge {
        /// The memory.
        what: &'static str,
        /// Its words.
        words: u128,
        /// The most.
        most: usize,
    },
    /// Results that hwmodel's scalar definition and its fast kernels give differently.
    #[error("the simulator disagrees with its own definition: {0}")]
    Disagreement(String),
    /// Shapes.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Operands.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// Sizes of the product.
    #[error(transparent)]
    Work(#[from] GemmWorkError),
    /// The layer or the folder.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A file of the folder.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// The attempted operation.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// No simulator.
    #[error("{0} is not installed (looked for {1} in PATH)")]
    NoSimulator(&'static str, &'static str),
    /// The simulator failed, or did not write its results.
    #[error("{simulator} failed with {status}: {output}")]
    Simulation {
        /// Its name.
        simulator: &'static str,
        /// Its exit status.
        status: String,
        /// The last lines that it printed.
        output: String,
    },
}
