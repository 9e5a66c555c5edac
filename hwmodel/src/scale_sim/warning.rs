//! Configuration keys that are accepted but not modelled.

use std::fmt;

/// A part of a configuration file without influence on the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigWarning {
    /// Name of the file.
    pub file: String,
    /// Line, counted from 1; `None` for what is missing.
    pub line: Option<usize>,
    /// What was found.
    pub kind: ConfigWarningKind,
}

/// Kinds of [`ConfigWarning`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigWarningKind {
    /// A section that SCALE-Sim 3.0.0 does not have.
    UnknownSection(String),
    /// A key that SCALE-Sim 3.0.0 does not have.
    UnknownKey {
        /// Its section.
        section: String,
        /// The key as written.
        key: String,
    },
    /// A section that SCALE-Sim 3.0.0 does not start without, but that changes no number here.
    MissingSection(&'static str),
    /// A key that SCALE-Sim 3.0.0 does not start without, but that changes no number here.
    MissingKey {
        /// Its section.
        section: &'static str,
        /// The key.
        key: &'static str,
    },
    /// `Bandwidth` lists several numbers; this many.
    MoreBandwidths(usize),
    /// Sparsity is switched on.
    Sparsity,
    /// A custom layout is switched on, of the ifmap or the filter.
    CustomLayout(&'static str),
    /// DRAM latencies from an external simulator are switched on.
    RamulatorTrace,
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration {}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        f.write_str(": ")?;
        match &self.kind {
            ConfigWarningKind::UnknownSection(section) => {
                write!(f, "unknown section [{section}] ignored")
            }
            ConfigWarningKind::UnknownKey { section, key } => {
                write!(f, "unknown key `{key}` of [{section}] ignored")
            }
            ConfigWarningKind::MissingSection(section) => {
                write!(f, "no section [{section}]: not needed here, but SCALE-Sim 3.0.0 stops without it")
            }
            ConfigWarningKind::MissingKey { section, key } => {
                write!(f, "[{section}] has no `{key}`: not needed here, but SCALE-Sim 3.0.0 stops without it")
            }
            ConfigWarningKind::MoreBandwidths(count) => write!(
                f,
                "only the first of {count} bandwidths is used, for the output buffer; reads take the bank \
                 bandwidths of [layout]"
            ),
            ConfigWarningKind::Sparsity => {
                f.write_str("sparsity is not modelled: all layers are simulated dense")
            }
            ConfigWarningKind::CustomLayout(operand) => write!(
                f,
                "the custom layout of the {operand} is not modelled: the standard prefetch order is used"
            ),
            ConfigWarningKind::RamulatorTrace => f.write_str(
                "the DRAM trace of an external simulator is not modelled: DRAM answers after a fixed latency",
            ),
        }
    }
}
