//! Dataflows: what stays in a processing element while the rest streams.

use crate::mac_style::ColumnOperand;
use serde::{Deserialize, Serialize};

/// The dataflow of a MAC array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dataflow {
    /// Every processing element keeps one output, both operands stream through.
    #[default]
    OutputStationary,
    /// Every processing element keeps one element of W, inputs stream through, partial sums leave.
    WeightStationary,
    /// Every processing element keeps one element of I, weights stream through, partial sums leave.
    InputStationary,
}

impl Dataflow {
    /// Every dataflow, in the order of the documentation.
    pub const ALL: [Self; 3] =
        [Self::OutputStationary, Self::WeightStationary, Self::InputStationary];

    /// The name in machine descriptions.
    pub fn name(self) -> &'static str {
        match self {
            Self::OutputStationary => "output-stationary",
            Self::WeightStationary => "weight-stationary",
            Self::InputStationary => "input-stationary",
        }
    }

    /// The operand whose elements stand side by side along the columns of the array.
    pub fn column_operand(self) -> ColumnOperand {
        match self {
            Self::OutputStationary | Self::WeightStationary => ColumnOperand::Weight,
            Self::InputStationary => ColumnOperand::Input,
        }
    }
}
