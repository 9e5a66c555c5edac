//! Arrays that copy each tile into buffers before they work on it.

use serde::Serialize;

/// Buffers for one tile: R x C stationary words, and `rows` rows of streamed words and of results. Nothing overlaps: a tile's stationary
/// words are copied (R cycles, a row a cycle) and loaded, its streamed words are copied (`rows` cycles), streamed and drained,
/// and its results are written back (`rows` cycles).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Staging {
    /// Streamed rows of a tile, 1 to 2^20; a shorter tile takes as long.
    pub rows: u32,
    /// Cycles of control in each tile, 0 to 65536.
    pub tile_cycles: u32,
    /// Cycles of control in each product, 0 to 65536.
    pub product_cycles: u32,
}

impl Staging {
    /// Cycles of a tile on an array of `array_rows` rows before its stationary words are loaded.
    pub fn before(self, array_rows: u64) -> u64 {
        array_rows + u64::from(self.rows)
    }

    /// Cycles of a tile after its results have left the array.
    pub fn after(self) -> u64 {
        u64::from(self.rows) + u64::from(self.tile_cycles)
    }
}
