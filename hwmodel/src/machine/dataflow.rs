//! What stays in a processing element while the rest streams.

use serde::{Deserialize, Serialize};

/// The dataflow of a MAC array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dataflow {
    /// Every processing element keeps one output, both operands stream through.
    #[default]
    OutputStationary,
}

impl Dataflow {
    /// The name in machine descriptions.
    pub fn name(self) -> &'static str {
        match self {
            Self::OutputStationary => "output-stationary",
        }
    }
}
