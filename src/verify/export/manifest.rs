//! `manifest.json`: what the files of an export hold.

use super::error::ExportError;
use super::machine::MachineEntry;
use super::random::RandomEntry;
use hwmodel::array::Convolution2d;
use hwmodel::number::accumulator::{BiasOrder, InnerAccumulator};
use hwmodel::{Accumulator, AccumulatorWidth, Format, Overflow, Rounding};
use serde::{Deserialize, Serialize};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;

/// Name of the file.
pub(super) const NAME: &str = "manifest.json";
/// The kind of folder, in its manifest.
pub(super) const KIND: &str = "hwsim-layer-vectors";
/// Version of the layout.
pub(super) const SCHEMA: u32 = 1;
/// The order in which the terms of a sum are added.
pub(super) const K_ORDER: &str = "kernel row, kernel column, channel (channel fastest)";

/// The contents of an export; docs/export.md explains every key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`KIND`].
    pub(super) kind: String,
    /// [`SCHEMA`].
    pub(super) schema: u32,
    /// Version of the program that wrote it.
    pub hwsim: String,
    /// Architecture.
    pub network: String,
    /// Name of the layer.
    pub layer: String,
    /// Its number among the MAC layers.
    pub layer_index: usize,
    /// `convolution` or `linear`.
    pub layer_kind: String,
    /// Data set that the input comes from.
    pub dataset: String,
    /// Test images, in the order of the data set's fixed selection.
    pub images: usize,
    /// Seed of the run that trained the model.
    pub seed: u64,
    /// Input activations.
    pub input: TensorEntry,
    /// Weights.
    pub weights: TensorEntry,
    /// Bias, if the layer has one.
    pub bias: Option<TensorEntry>,
    /// Output activations.
    pub output: TensorEntry,
    /// Kernel, stride, padding (each `[vertical, horizontal]`) and groups.
    pub geometry: Convolution2d,
    /// The layer as a matrix product.
    pub gemm: GemmEntry,
    /// The accumulator.
    pub accumulator: AccumulatorEntry,
    /// Rounding of the output.
    pub rounding: Rounding,
    /// Overflow mode of outputs.
    pub output_overflow: Overflow,
    /// Right shift from accumulator to output in bits, FLa + FLw - FLo; negative: left.
    pub output_shift: i32,
    /// Left shift that aligns the bias to the accumulator in bits; negative: right, nearest even.
    pub bias_shift: Option<i32>,
    /// The shift register of stochastic rounding, if outputs are rounded so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<RandomEntry>,
    /// The machine that the K-tiles are folds of, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineEntry>,
    /// Outputs with expected values: the first ones, row-major.
    pub expected_outputs: usize,
    /// Additions of these that overflowed the accumulator.
    pub accumulator_events: u64,
    /// Every file besides this one.
    pub files: Vec<FileEntry>,
}

/// A tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorEntry {
    /// Shape, row-major: the last axis is the fastest.
    pub shape: Vec<usize>,
    /// What the axes are.
    pub axes: String,
    /// ⟨WL, FL⟩.
    pub format: Format,
}

/// A layer as a matrix product C `[m, n]` = A `[m, k]` · B `[k, n]` of each group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GemmEntry {
    /// Rows: output pixels (n, oh, ow).
    pub m: usize,
    /// Columns: output channels of a group.
    pub n: usize,
    /// Terms of a sum.
    pub k: usize,
    /// The order of the terms.
    pub k_order: String,
    /// Terms of a K-tile; the last tile may have fewer.
    pub k_tile: usize,
    /// K-tiles.
    pub k_tiles: usize,
}

/// An accumulator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccumulatorEntry {
    /// Width as asked for: bits, or `exact`.
    pub width: AccumulatorWidth,
    /// Bits of its words in the files.
    pub bits: u32,
    /// The narrowest accumulator that no input overflows, with these weights and biases.
    pub bits_for_any_input: u32,
    /// Fractional length, FLa + FLw.
    pub fl: i32,
    /// Overflow mode of the accumulator.
    pub overflow: Overflow,
    /// Whether a K-tile goes on with the sum of the one before, or begins at zero and is added below.
    #[serde(default, skip_serializing_if = "Joined::is_carried")]
    pub partial_sums: Joined,
}

/// How the sums of K-tiles are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Joined {
    /// A tile goes on with the sum of the one before.
    #[default]
    Carried,
    /// A tile begins at zero, in a register of the accumulator's width and overflow mode; its sum is added to the others.
    Below,
}

impl Joined {
    fn is_carried(&self) -> bool {
        *self == Self::Carried
    }

    /// How `accumulator` joins tiles of `k_tile` terms; `None` if in a way that the files do not describe.
    pub(super) fn of(accumulator: &Accumulator, k_tile: NonZeroUsize) -> Option<Self> {
        let Accumulator { width, overflow, inner, .. } = *accumulator;
        let plain = Accumulator { inner: None, ..*accumulator };
        if !plain.is_one_level() || accumulator.bias == BiasOrder::First {
            return None;
        }
        match inner {
            None => Some(Self::Carried),
            Some(inner) => (inner.width == width
                && inner.overflow == overflow
                && inner.terms.get() as usize == k_tile.get())
            .then_some(Self::Below),
        }
    }

    /// The accumulator of these width and overflow mode that joins tiles of `k_tile` terms so.
    pub fn accumulator(
        self,
        width: AccumulatorWidth,
        overflow: Overflow,
        k_tile: NonZeroUsize,
    ) -> Accumulator {
        let terms = NonZeroU32::try_from(k_tile).ok().filter(|_| self == Self::Below);
        let inner = terms.map(|terms| InnerAccumulator { terms, width, overflow });
        Accumulator { inner, ..Accumulator::new(width, overflow) }
    }
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name in the folder.
    pub name: String,
    /// What its elements are and their order.
    pub holds: String,
    /// Elements.
    pub elements: u64,
    /// Bits of an element.
    pub element_bits: u32,
    /// Words of the memory: lines of a `.hex` file, bytes of a `.bin` file.
    pub words: u64,
    /// Bits of a word.
    pub word_bits: u32,
    /// CRC-32 (IEEE 802.3, as in zlib) of the file, 8 hexadecimal digits.
    pub crc32: String,
}

impl Manifest {
    /// Reads the manifest of folder `folder`.
    ///
    /// # Errors
    /// If there is none, or it is of another kind or version.
    pub fn read(folder: &Path) -> Result<Self, ExportError> {
        let path = folder.join(NAME);
        let wrong = |reason: String| ExportError::Manifest { path: path.clone(), reason };
        let text = std::fs::read_to_string(&path).map_err(ExportError::io("read", &path))?;
        #[derive(Deserialize)]
        struct Version {
            kind: String,
            schema: u32,
        }
        let version: Version = serde_json::from_str(&text)
            .map_err(|error| wrong(format!("no manifest of an export: {error}")))?;
        if version.kind != KIND || version.schema != SCHEMA {
            return Err(wrong(format!(
                "it is of kind `{}`, schema {}; this version reads `{KIND}`, schema {SCHEMA}",
                version.kind, version.schema
            )));
        }
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
    }

    /// The entry of file `name`.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }
}
