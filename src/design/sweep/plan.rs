//! What a sweep evaluates: points and metrics.

use super::ContentHash;
use serde::{Deserialize, Serialize};

/// One row of the final table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedPoint {
    /// Hash of all that determines the result.
    pub key: String,
    /// The point's value on each axis.
    pub cells: Vec<String>,
}

/// The rows and columns of the final table, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Columns of the axes.
    pub axes: Vec<String>,
    /// Columns of results.
    pub results: Vec<String>,
    /// The points.
    pub points: Vec<PlannedPoint>,
}

impl Plan {
    /// Adds a point unless one of the same result and cells is already there (axes that a machine does not have make
    /// points alike).
    pub fn push(
        &mut self,
        key: ContentHash,
        cells: Vec<String>,
        seen: &mut std::collections::HashSet<String>,
    ) {
        let key = key.hex();
        if seen.insert(format!("{key} {}", cells.join("\u{1f}"))) {
            self.points.push(PlannedPoint { key, cells });
        }
    }
}
