//! manifest.json: everything about the folder in numbers.

use super::cycles::CycleCounts;
use hwmodel::random::Lfsr;
use hwmodel::{Accumulator, Format, Overflow, Rounding};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// File name.
pub(super) const NAME: &str = "manifest.json";
/// Its first key.
pub(super) const KIND: &str = "hwsim-rtl-twin";
/// Version of the layout.
pub(super) const SCHEMA: u32 = 1;

/// Contents of a folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `hwsim-rtl-twin`.
    pub kind: String,
    /// Version of the layout.
    pub schema: u32,
    /// Version of the program.
    pub hwsim: String,
    /// The machine.
    pub machine: String,
    /// Where the operands come from.
    pub source: String,
    /// The layer, if they come from a network.
    pub layer: Option<String>,
    /// Dataflow of the array.
    pub dataflow: String,
    /// Sizes of a group's product.
    pub m: usize,
    /// Columns of a group.
    pub n: usize,
    /// Terms of a sum.
    pub k: usize,
    /// Products, one a group.
    pub groups: usize,
    /// Folds along the rows of the array.
    pub row_folds: u64,
    /// Folds along its columns.
    pub column_folds: u64,
    /// Parts of the stream.
    pub blocks: u64,
    /// Format of A.
    pub a: Format,
    /// Format of B.
    pub b: Format,
    /// Format of the bias.
    pub bias: Option<Format>,
    /// The accumulator as asked for; `parameters.ACC` are its bits.
    pub accumulator: Accumulator,
    /// Format of the words.
    pub output: Format,
    /// Rounding of the requantiser.
    pub rounding: Rounding,
    /// Overflow mode of the requantiser.
    pub output_overflow: Overflow,
    /// Shift register of stochastic rounding.
    pub lfsr: Option<Lfsr>,
    /// Expected cycles.
    pub cycles: CycleCounts,
    /// Overflows of all sums.
    pub accumulator_events: u64,
    /// Words that were clamped.
    pub clamped: u64,
    /// Parameters of the Verilog text, as in params.vh.
    pub parameters: BTreeMap<String, u64>,
    /// Run-time numbers, as in run.args.
    pub arguments: BTreeMap<String, String>,
    /// Every other file.
    pub files: Vec<FileEntry>,
}

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Path in the folder.
    pub name: String,
    /// What it holds, with the order of its words.
    pub holds: String,
    /// Words, a line each; 0 for texts.
    pub words: u64,
    /// Bits of a word; 0 for texts.
    pub bits: u32,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}
