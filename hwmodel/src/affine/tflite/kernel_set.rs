//! The kernel sets of TFLite's interpreter.

use std::fmt;
use std::str::FromStr;

/// Which kernels the interpreter runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KernelSet {
    /// `BUILTIN_REF`.
    Reference,
    /// `BUILTIN_WITHOUT_DEFAULT_DELEGATES`: TFLite's optimised kernels, with ruy.
    Optimised,
    /// The default: XNNPACK where it has the operator.
    Xnnpack,
}

impl KernelSet {
    /// Every set.
    pub const ALL: [Self; 3] = [Self::Reference, Self::Optimised, Self::Xnnpack];

    /// The name used in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reference => "ref",
            Self::Optimised => "opt",
            Self::Xnnpack => "xnn",
        }
    }
}

impl fmt::Display for KernelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for KernelSet {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|set| set.name() == text);
        found.ok_or_else(|| format!("unknown kernel set `{text}`: use ref, opt or xnn"))
    }
}
