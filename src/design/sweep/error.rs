//! Errors of a sweep.

use hwmodel::machine::MachineError;
use std::path::PathBuf;

/// A sweep that cannot be planned, run or merged.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The description is not TOML or has a wrong key.
    #[error("`{file}`: {source}")]
    Toml {
        /// Name of the file.
        file: String,
        /// The problem.
        source: Box<toml::de::Error>,
    },
    /// An axis or point that has no meaning.
    #[error("{0}")]
    Axis(String),
    /// The machine of a point is impossible.
    #[error("point {point}: {source}")]
    Machine {
        /// The point.
        point: String,
        /// Why.
        source: Box<MachineError>,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// The attempted operation.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process writes to the log.
    #[error("another process writes to `{}`: wait for it, or use another --output or --shard", .0.display())]
    Locked(PathBuf),
    /// The file is not a results log.
    #[error("`{}` is no results log: its first line is damaged or of another program", .0.display())]
    NoLog(PathBuf),
    /// A log has no plan.
    #[error("`{}` has no plan: no sweep was started with it", .0.display())]
    NoPlan(PathBuf),
    /// Logs of different sweeps.
    #[error("`{}` and `{}` are logs of different sweeps: merge the shards of one", .0.display(), .1.display())]
    Different(PathBuf, PathBuf),
    /// Points without a result.
    #[error(
        "{missing} of {points} points have no result, the first is number {first}: run their shards to the end"
    )]
    Missing {
        /// Points without one.
        missing: usize,
        /// All points.
        points: usize,
        /// The first, from 0.
        first: usize,
    },
    /// A point failed.
    #[error("point {point}: {reason}")]
    Point {
        /// The point.
        point: String,
        /// Why.
        reason: String,
    },
    /// Threads cannot be started.
    #[error("cannot start threads: {0}")]
    Threads(String),
    /// A table cannot be made.
    #[error(transparent)]
    Csv(#[from] csv::Error),
}
