//! Reading an export back.

use super::error::ExportError;
use super::manifest::{self, FileEntry, Manifest, TensorEntry};
use super::memory::{self, LineError, MAX_WORD_BITS};
use super::operands::LayerOperands;
use super::write::TENSORS;
use flate2::Crc;
use hwmodel::number::accumulator::AccumulatorWidth;
use hwmodel::number::pack;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{FixedTensor, Format, Rounding};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// The largest size of an axis, a stride or a padding, and of a tensor in elements.
const LIMIT: usize = 1 << 31;
/// The widest accumulator word that a file can hold.
const MAX_ACCUMULATOR_BITS: u32 = 127;

/// A folder whose manifest makes sense.
pub(super) struct Folder {
    path: PathBuf,
    pub(super) manifest: Manifest,
}

/// A file with its entry.
pub(super) struct File<'a> {
    pub(super) entry: &'a FileEntry,
    pub(super) content: Vec<u8>,
    path: PathBuf,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, ExportError> {
        let folder = Self { path: path.to_owned(), manifest: Manifest::read(path)? };
        folder
            .check()
            .map_err(|reason| ExportError::Manifest { path: path.join(manifest::NAME), reason })?;
        Ok(folder)
    }

    /// Whether sizes are possible; what they must be follows from the operands.
    fn check(&self) -> Result<(), String> {
        let Manifest { input, weights, bias, geometry, gemm, accumulator, .. } = &self.manifest;
        elements("input", input)?;
        elements("weights", weights)?;
        bias.as_ref().map_or(Ok(0), |bias| elements("bias", bias))?;
        let [rows, columns] = geometry.padding;
        let sizes = [geometry.kernel, geometry.stride, geometry.dilation, rows, columns];
        let large = sizes.as_flattened().iter().any(|&size| size > LIMIT);
        if large || geometry.groups > LIMIT {
            return Err(format!("`geometry` has a size above {LIMIT}"));
        }
        if gemm.k_tile == 0 {
            return Err("`gemm.k_tile` is 0: a K-tile has at least one term".to_owned());
        }
        let bits = accumulator.bits;
        let fits = match accumulator.width {
            AccumulatorWidth::Exact => (1..=MAX_ACCUMULATOR_BITS).contains(&bits),
            AccumulatorWidth::Bits(width) => bits == u32::from(width),
        };
        if !fits {
            return Err(format!("an accumulator of {bits} bits does not fit `accumulator.width`"));
        }
        let (&[n, height, width, _], &[filters, ..]) = (&input.shape[..], &weights.shape[..])
        else {
            return Err("`input` needs the axes n, h, w, c".to_owned());
        };
        let Some([rows, columns]) = geometry.output_size([height, width]) else {
            return Err("the kernel is larger than the padded input, or a stride is 0".to_owned());
        };
        let outputs = [rows, columns, filters].iter().try_fold(n, |a, &b| a.checked_mul(b));
        if outputs.is_none_or(|outputs| outputs > LIMIT) {
            return Err(format!("the layer has more than {LIMIT} outputs"));
        }
        Ok(())
    }

    /// File `name`.
    pub(super) fn file(&self, name: &str) -> Result<File<'_>, ExportError> {
        let path = self.path.join(name);
        let entry = self.manifest.file(name).ok_or_else(|| ExportError::Manifest {
            path: self.path.join(manifest::NAME),
            reason: format!("`files` does not list {name}"),
        })?;
        let content = std::fs::read(&path).map_err(ExportError::io("read", &path))?;
        Ok(File { entry, content, path })
    }

    /// The tensor of files `base`.hex, and that of `base`.bin.
    pub(super) fn tensor(
        &self,
        base: &str,
        shape: &[usize],
        format: Format,
    ) -> Result<[FixedTensor; 2], ExportError> {
        let elements: usize = shape.iter().product();
        let bits = elements as u64 * u64::from(format.wl());
        let hex = self.file(&format!("{base}.hex"))?;
        let word_bits = hex.entry.word_bits;
        if !(1..=MAX_WORD_BITS).contains(&word_bits) {
            return Err(hex.error((None, format!("words of {word_bits} bits are impossible"))));
        }
        let image = memory::parse_packed(hex.text()?, bits, word_bits);
        let image = image.map_err(|error| hex.error(error))?;
        let tensor = |file: &File<'_>, image: &[u8]| {
            let raw = pack::unpack(image, format, elements)
                .map_err(|error| file.error((None, error.to_string())))?;
            Ok::<_, ExportError>(FixedTensor::new(shape, format, raw)?)
        };
        let binary = self.file(&format!("{base}.bin"))?;
        Ok([tensor(&hex, &image)?, tensor(&binary, &binary.content)?])
    }

    /// The `count` values of file `name`, one a word of `bits` bits.
    pub(super) fn values(
        &self,
        name: &str,
        bits: u32,
        count: usize,
        unsigned: bool,
    ) -> Result<Vec<i128>, ExportError> {
        let file = self.file(name)?;
        let values = memory::parse_words(file.text()?, bits, count, unsigned);
        values.map_err(|error| file.error(error))
    }

    /// The operands, read from the `.hex` files, and the same tensors from the `.bin` files.
    pub(super) fn operands(&self) -> Result<(LayerOperands, Vec<FixedTensor>), ExportError> {
        let manifest = &self.manifest;
        let wrong = |reason| ExportError::Manifest { path: self.path.join(manifest::NAME), reason };
        let mut binaries = Vec::new();
        let mut tensor = |base: &str, entry: &TensorEntry| {
            let [hex, binary] = self.tensor(base, &entry.shape, entry.format)?;
            binaries.push(binary);
            Ok::<_, ExportError>(hex)
        };
        let input = tensor(TENSORS[0], &manifest.input)?;
        let weights = tensor(TENSORS[1], &manifest.weights)?;
        let bias = match &manifest.bias {
            Some(bias) => Some(tensor(TENSORS[2], bias)?),
            None => None,
        };
        let address = match (&manifest.random, manifest.rounding) {
            (Some(random), Rounding::Stochastic) => random.address().map_err(wrong)?,
            (None, Rounding::Stochastic) => {
                return Err(wrong("stochastic rounding without `random`".to_owned()));
            }
            _ => RandomAddress::new(0, 0, 0, Role::Output),
        };
        let operands = LayerOperands {
            layer: manifest.layer.clone(),
            index: manifest.layer_index,
            kind: manifest.layer_kind.clone(),
            input,
            weights,
            bias,
            geometry: manifest.geometry,
            accumulator: manifest.accumulator.partial_sums.accumulator(
                manifest.accumulator.width,
                manifest.accumulator.overflow,
                NonZeroUsize::new(manifest.gemm.k_tile).unwrap_or(NonZeroUsize::MIN),
            ),
            address,
            output: manifest.output.format,
            rounding: manifest.rounding,
            overflow: manifest.output_overflow,
        };
        let filters = operands.shapes()?.output()[3];
        if operands.bias.as_ref().is_some_and(|bias| bias.shape() != [filters]) {
            return Err(ExportError::Manifest {
                path: self.path.join(manifest::NAME),
                reason: format!("`bias` must have one value for each of {filters} filters"),
            });
        }
        Ok((operands, binaries))
    }
}

/// Elements of a tensor with possible axes.
fn elements(name: &str, tensor: &TensorEntry) -> Result<usize, String> {
    let product = tensor.shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b));
    match product.filter(|elements| (1..=LIMIT).contains(elements)) {
        Some(elements) => Ok(elements),
        None => Err(format!("`{name}` has the impossible shape {:?}", tensor.shape)),
    }
}

impl File<'_> {
    /// Its text.
    pub(super) fn text(&self) -> Result<&str, ExportError> {
        std::str::from_utf8(&self.content)
            .map_err(|_| self.error((None, "it is no text file".to_owned())))
    }

    /// CRC-32 of the content.
    pub(super) fn crc32(&self) -> String {
        let mut crc = Crc::new();
        crc.update(&self.content);
        format!("{:08x}", crc.sum())
    }

    fn error(&self, (line, reason): LineError) -> ExportError {
        ExportError::File { path: self.path.clone(), line, reason }
    }
}
