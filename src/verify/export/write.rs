//! Writing an export.

use super::error::ExportError;
use super::expected::{Expected, Fast};
use super::folder;
use super::machine::MachineEntry;
use super::manifest::{
    self, AccumulatorEntry, FileEntry, GemmEntry, Joined, K_ORDER, KIND, Manifest, SCHEMA,
    TensorEntry,
};
use super::memory::{self, MAX_WORD_BITS};
use super::operands::LayerOperands;
use super::random::{MOST_REQUANTISERS, RandomEntry};
use flate2::Crc;
use hwmodel::array::width;
use hwmodel::number::pack;
use hwmodel::random::RandomSource;
use hwmodel::{FixedTensor, Rounding, SimdLevel};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;

/// Options of an export: K-tile, number of outputs, words of the memory images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportOptions {
    /// Instructions that the simulation may use; never changes a result.
    pub simd: SimdLevel,
    /// Terms of a K-tile; all of a sum if not given.
    pub k_tile: Option<NonZeroUsize>,
    /// Outputs with expected values, the first ones row-major; all if not given.
    pub outputs: Option<usize>,
    /// Bits of the words of `.hex` memory images; one element a word if not given.
    pub word_bits: Option<u32>,
    /// Requantisers side by side that share the sequence of a shift register.
    pub requantisers: NonZeroU32,
    /// Whether a folder that is not empty is replaced.
    pub force: bool,
}

/// Where the operands come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Architecture.
    pub network: String,
    /// Data set.
    pub dataset: String,
    /// Seed of the run that trained the model.
    pub seed: u64,
    /// The layer on the machine that the K-tiles are folds of.
    pub machine: Option<MachineEntry>,
}

/// Base names of the tensors.
pub(super) const TENSORS: [&str; 4] = ["input", "weights", "bias", "outputs"];
/// Files of expected values besides the outputs.
pub(super) const SUMS: &str = "accumulators.hex";
pub(super) const FOLDS: &str = "folds.hex";
pub(super) const BIASED: &str = "biased.hex";
pub(super) const EVENTS: &str = "events.hex";
pub(super) const OVERFLOWED: &str = "output_overflow.hex";
/// Bits of an event count.
pub(super) const EVENT_BITS: u32 = 32;

/// Whether an export has a file of this name.
fn is_export(name: &std::ffi::OsStr) -> bool {
    let single = [manifest::NAME, SUMS, FOLDS, BIASED, EVENTS, OVERFLOWED];
    let tensor =
        |base: &&str| [".hex", ".bin"].iter().any(|end| name == &format!("{base}{end}")[..]);
    single.iter().any(|known| name == *known) || TENSORS.iter().any(tensor)
}

/// Files in the making.
struct Files {
    word_bits: Option<u32>,
    entries: Vec<FileEntry>,
    contents: Vec<(String, Vec<u8>)>,
}

impl Files {
    fn add(&mut self, entry: FileEntry, content: Vec<u8>) {
        let mut crc = Crc::new();
        crc.update(&content);
        let name = entry.name.clone();
        self.entries.push(FileEntry { crc32: format!("{:08x}", crc.sum()), ..entry });
        self.contents.push((name, content));
    }

    /// A tensor as `.hex` and `.bin`.
    fn tensor(&mut self, base: &str, tensor: &FixedTensor, holds: &str) {
        let wl = tensor.format().wl();
        let image = pack::pack(tensor.data(), tensor.format());
        let bits = tensor.len() as u64 * u64::from(wl);
        let word_bits = self.word_bits.unwrap_or(wl);
        let entry = FileEntry {
            name: format!("{base}.hex"),
            holds: holds.to_owned(),
            elements: tensor.len() as u64,
            element_bits: wl,
            words: bits.div_ceil(word_bits.into()),
            word_bits,
            crc32: String::new(),
        };
        let (name, words) = (format!("{base}.bin"), image.len() as u64);
        self.add(entry.clone(), memory::packed(&image, bits, word_bits).into_bytes());
        self.add(FileEntry { name, words, word_bits: 8, ..entry }, image);
    }

    /// Expected values, one a word.
    fn values(&mut self, name: &str, holds: &str, bits: u32, values: impl Iterator<Item = i128>) {
        let text = memory::words(values, bits);
        let words = text.lines().count() as u64;
        let entry = FileEntry {
            name: name.to_owned(),
            holds: holds.to_owned(),
            elements: words,
            element_bits: bits,
            words,
            word_bits: bits,
            crc32: String::new(),
        };
        self.add(entry, text.into_bytes());
    }
}

/// Writes the export of `operands` into folder `folder` and returns its manifest.
///
/// Accumulators and outputs are computed by the scalar definition and compared with the fast kernels
/// before anything is written.
///
/// # Errors
/// If an option is impossible, or the folder cannot be written; what was there is then untouched.
pub fn write(
    folder: &Path,
    operands: &LayerOperands,
    about: &About,
    options: &ExportOptions,
) -> Result<Manifest, ExportError> {
    if let Some(bits) = options.word_bits
        && !(1..=MAX_WORD_BITS).contains(&bits)
    {
        return Err(ExportError::WordBits(bits));
    }
    let requantisers = options.requantisers;
    if requantisers.get() > MOST_REQUANTISERS {
        return Err(ExportError::Requantisers(requantisers.get()));
    }
    let shapes = operands.shapes()?;
    let terms = NonZeroUsize::new(shapes.terms()).unwrap_or(NonZeroUsize::MIN);
    let k_tile = options.k_tile.unwrap_or(terms);
    let joined = Joined::of(&operands.accumulator, k_tile).ok_or(ExportError::Levels)?;
    let expected = Expected::scalar(operands, k_tile, options.outputs.unwrap_or(usize::MAX))?;
    if let Some(difference) = Fast::of(operands, options.simd)?.differs(&expected) {
        return Err(ExportError::Disagreement(difference));
    }

    let bits = operands.accumulator_bits()?;
    let count = expected.outputs.len();
    let mut files =
        Files { word_bits: options.word_bits, entries: Vec::new(), contents: Vec::new() };
    files.tensor("input", &operands.input, "input [n, h, w, c]");
    files.tensor("weights", &operands.weights, "weights [o, kh, kw, c / groups]");
    // Without a bias the files are there and empty, so that a bench can read them all the same.
    let no_bias = FixedTensor::from_raw(&[0], operands.weights.format(), &[0i64; 0])?;
    files.tensor("bias", operands.bias.as_ref().unwrap_or(&no_bias), "bias [o]");
    let sums = expected.sums.iter().copied();
    files.values(SUMS, "accumulator after each K-tile [output, k_tile]", bits, sums);
    if joined == Joined::Below {
        let folds = expected.folds.iter().copied();
        files.values(FOLDS, "sum of each K-tile from zero [output, k_tile]", bits, folds);
    }
    let biased = expected.biased.iter().copied().filter(|_| operands.bias.is_some());
    files.values(BIASED, "accumulator after the bias [output]", bits, biased);
    let outputs = FixedTensor::from_raw(&[count], operands.output, &expected.outputs)?;
    files.tensor("outputs", &outputs, "expected output words [output]");
    let events = expected.events.iter().map(|&events| events.into());
    let holds = "additions outside the accumulator's range [output]";
    files.values(EVENTS, holds, EVENT_BITS, events);
    // Two's complement words of one bit are 0 and -1; here 1 is a flag.
    let flags = expected.overflowed.iter().map(|&flag| i128::from(flag));
    files.values(OVERFLOWED, "1 if the output left its format [output]", 1, flags);

    let manifest = describe(operands, about, &expected, (k_tile, requantisers), files.entries)?;
    let mut json = serde_json::to_string_pretty(&manifest).map_err(|error| {
        ExportError::Manifest { path: folder.join(manifest::NAME), reason: error.to_string() }
    })?;
    json.push('\n');
    files.contents.push((manifest::NAME.to_owned(), json.into_bytes()));
    folder::publish(folder, &files.contents, options.force, is_export)?;
    Ok(manifest)
}

pub(super) fn describe(
    operands: &LayerOperands,
    about: &About,
    expected: &Expected,
    (k_tile, requantisers): (NonZeroUsize, NonZeroU32),
    files: Vec<FileEntry>,
) -> Result<Manifest, ExportError> {
    let shapes = operands.shapes()?;
    let entry = |shape: &[usize], axes: &str, format| TensorEntry {
        shape: shape.to_vec(),
        axes: axes.to_owned(),
        format,
    };
    let tensor = |x: &FixedTensor, axes: &str| entry(x.shape(), axes, x.format());
    let fl = operands.sum_fl();
    let bias = operands.bias.as_ref();
    Ok(Manifest {
        kind: KIND.to_owned(),
        schema: SCHEMA,
        hwsim: env!("CARGO_PKG_VERSION").to_owned(),
        network: about.network.clone(),
        layer: operands.layer.clone(),
        layer_index: operands.index,
        layer_kind: operands.kind.clone(),
        dataset: about.dataset.clone(),
        images: shapes.input()[0],
        seed: about.seed,
        input: tensor(&operands.input, "n, h, w, c"),
        weights: tensor(&operands.weights, "o, kh, kw, c / groups"),
        bias: bias.map(|bias| tensor(bias, "o")),
        output: entry(&shapes.output(), "n, oh, ow, o", operands.output),
        geometry: operands.geometry,
        gemm: GemmEntry {
            m: shapes.pixels(),
            n: shapes.output()[3] / shapes.groups(),
            k: shapes.terms(),
            k_order: K_ORDER.to_owned(),
            k_tile: k_tile.get(),
            k_tiles: expected.tiles,
        },
        accumulator: AccumulatorEntry {
            width: operands.accumulator.width,
            bits: operands.accumulator_bits()?,
            bits_for_any_input: width::any_input(operands.input.format(), &operands.weights, bias),
            fl,
            overflow: operands.accumulator.overflow,
            partial_sums: Joined::of(&operands.accumulator, k_tile).unwrap_or_default(),
        },
        rounding: operands.rounding,
        output_overflow: operands.overflow,
        output_shift: fl - operands.output.fl(),
        random: match operands.address.source {
            RandomSource::Lfsr(lfsr) if operands.rounding == Rounding::Stochastic => {
                Some(RandomEntry::new(lfsr, operands.address, requantisers))
            }
            _ => None,
        },
        machine: about.machine.clone(),
        bias_shift: bias.map(|bias| fl - bias.format().fl()),
        expected_outputs: expected.outputs.len(),
        accumulator_events: expected.events.iter().map(|&events| u64::from(events)).sum(),
        files,
    })
}
