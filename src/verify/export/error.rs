//! Errors of an export.

use crate::network::{NetworkError, NoSingleProduct};
use crate::precision::NumberFormat;
use hwmodel::TensorError;
use hwmodel::array::ShapeError;
use std::io;
use std::path::{Path, PathBuf};

/// An export that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// An accumulator with more parts than the files describe.
    #[error(
        "an export describes accumulators of one register with the fractional length of the products, to which the bias is added last"
    )]
    Levels,
    /// A file or folder.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// The attempted operation.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file, so that no other one was written either.
    #[error("cannot write `{}`: {source}; no file of the export was written", path.display())]
    NothingWritten {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The folder already holds something.
    #[error(
        "`{}` is not empty: choose another folder, or pass --force to replace the export in it",
        path.display()
    )]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The place of the folder is taken, or it has no name.
    #[error("`{}` cannot be made a folder: {why}", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
        /// The reason.
        why: &'static str,
    },
    /// The layer has no ⟨WL, FL⟩ that is known in advance.
    #[error(
        "layer `{layer}` has format {format}: words to export need a fixed ⟨WL, FL⟩, as `hwsim train` gives \
         with --controller adapt or static"
    )]
    NotFixed {
        /// Name of the layer.
        layer: String,
        /// The format of its results.
        format: NumberFormat,
    },
    /// A layer that is not a single product.
    #[error(transparent)]
    Product(#[from] NoSingleProduct),
    /// Random rounding by a generator that no circuit has.
    #[error(
        "stochastic rounding is exported with the shift register of a circuit, not with PCG numbers: add `--random-source lfsr`, \
         or `--rounding nearest-even` or another mode but stochastic"
    )]
    Stochastic,
    /// Too many requantisers.
    #[error("{0} requantisers side by side are too many: use 1 to {limit}", limit = super::random::MOST_REQUANTISERS)]
    Requantisers(u32),
    /// A product that the timing model does not take.
    #[error(transparent)]
    Work(#[from] hwmodel::product::GemmWorkError),
    /// Words of an impossible width.
    #[error("memory words of {0} bits are impossible: use 1 to {limit}", limit = super::memory::MAX_WORD_BITS)]
    WordBits(u32),
    /// A manifest that describes no export.
    #[error("`{}`: {reason}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The problem.
        reason: String,
    },
    /// A file that is not what the manifest says.
    #[error("`{}`{}: {reason}", path.display(), line.map_or(String::new(), |line| format!(", line {line}")))]
    File {
        /// The file.
        path: PathBuf,
        /// The line from 1, in a text file.
        line: Option<usize>,
        /// The problem.
        reason: String,
    },
    /// Scalar definition and kernels disagree before anything is written: a defect of this program.
    #[error("the scalar definition and the fast kernels disagree, which is a defect of hwsim: {0}")]
    Disagreement(String),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Shapes.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A tensor.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

impl ExportError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
