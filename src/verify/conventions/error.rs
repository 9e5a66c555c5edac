//! Errors of a list of conventions.

use hwmodel::number::accumulator::AccumulatorError;

/// A list of conventions that cannot be read, or conventions that a product cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConventionError {
    /// A name that no convention has.
    #[error("unknown convention `{name}`: use one of {known}, or settings such as rounding=floor")]
    Name {
        /// What was given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A key that no setting has.
    #[error("unknown setting `{key}` of a convention: use one of {known}")]
    Key {
        /// What was given.
        key: String,
        /// The keys there are.
        known: String,
    },
    /// A value that a setting does not take.
    #[error("`{key}={value}`: {why}")]
    Value {
        /// The setting.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// An accumulator that cannot be.
    #[error("`{name}`: {source}")]
    Accumulator {
        /// The convention as it was written.
        name: String,
        /// What is wrong with it.
        source: AccumulatorError,
    },
    /// Nothing to compare with.
    #[error(
        "`--conventions {0}` names one convention: name two or more, as in hls4ml,hwsim or hwsim,rounding=floor"
    )]
    One(String),
    /// Two conventions that are the same.
    #[error("the conventions `{first}` and `{second}` have the same settings: nothing can differ")]
    Same {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// A zero point that is not one of the words.
    #[error(
        "zero point {zero_point} is outside the words {least} to {most} of the output format {format}"
    )]
    ZeroPoint {
        /// What was given.
        zero_point: i64,
        /// The smallest raw integer.
        least: i64,
        /// The largest raw integer.
        most: i64,
        /// The format of outputs.
        format: String,
    },
    /// A factor that is not a positive number.
    #[error("scale factor {0} is impossible: use a finite number above 0")]
    Factor(String),
}
