//! Reading an export and computing everything in it again.

use super::error::ExportError;
use super::expected::{Expected, Fast};
use super::manifest::Joined;
use super::operands::LayerOperands;
use super::read::Folder;
use super::write::{self, About, BIASED, EVENT_BITS, EVENTS, FOLDS, OVERFLOWED, SUMS, TENSORS};
use hwmodel::{FixedTensor, SimdLevel};
use serde::Serialize;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;

/// A comparison and its first difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The two sides of the comparison.
    pub what: String,
    /// Values compared.
    pub compared: u64,
    /// Values that differ.
    pub differing: u64,
    /// The first of them, in full.
    pub first: Option<String>,
}

/// Every check of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Name of the layer, with its network.
    pub layer: String,
    /// Outputs with expected values.
    pub outputs: usize,
    /// K-tiles of each.
    pub k_tiles: usize,
    /// The checks in the order of the data flow.
    pub checks: Vec<Check>,
}

impl Verification {
    /// The first difference in full, if there is any.
    pub fn first_difference(&self) -> Option<&str> {
        self.checks.iter().find_map(|check| check.first.as_deref())
    }
}

impl Check {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), compared: 0, differing: 0, first: None }
    }

    fn compare(&mut self, equal: bool, difference: impl FnOnce() -> String) {
        self.compared += 1;
        if !equal {
            self.differing += 1;
            self.first.get_or_insert_with(difference);
        }
    }
}

/// Reads the export in `folder` and compares: `.hex` with `.bin` files; accumulators, biased sums, events
/// and outputs with the scalar definition computed from the operands read; that with
/// [`hwmodel::array::MacArray`] and the requantiser; the manifest with what follows from the operands; and every
/// file with its CRC-32.
///
/// # Errors
/// If a file is missing or malformed. A difference is no error but a result.
pub fn verify(folder: &Path, simd: SimdLevel) -> Result<Verification, ExportError> {
    let folder = Folder::open(folder)?;
    let manifest = &folder.manifest;
    let (operands, binaries) = folder.operands()?;
    let mut checks = Vec::new();

    let tensors = [Some(&operands.input), Some(&operands.weights), operands.bias.as_ref()];
    let bases = TENSORS.iter().zip(tensors).filter_map(|(base, tensor)| tensor.map(|t| (base, t)));
    for ((base, hex), binary) in bases.zip(&binaries) {
        checks.push(same_image(base, hex, binary));
    }

    let k_tile = NonZeroUsize::new(manifest.gemm.k_tile).unwrap_or(NonZeroUsize::MIN);
    let expected = Expected::scalar(&operands, k_tile, manifest.expected_outputs)?;
    let count = expected.outputs.len();
    let places = Places::of(&operands)?;
    let bits = manifest.accumulator.bits;
    let sums = folder.values(SUMS, bits, expected.sums.len(), false)?;
    checks.push(same(SUMS, &sums, &expected.sums, bits, |index| {
        let (output, tile) = (index / expected.tiles, index % expected.tiles);
        format!("{}, K-tile {tile}", places.name(output))
    }));
    if manifest.accumulator.partial_sums == Joined::Below {
        let folds = folder.values(FOLDS, bits, expected.folds.len(), false)?;
        checks.push(same(FOLDS, &folds, &expected.folds, bits, |index| {
            let (output, tile) = (index / expected.tiles, index % expected.tiles);
            format!("{}, K-tile {tile}", places.name(output))
        }));
    }
    if operands.bias.is_some() {
        let biased = folder.values(BIASED, bits, count, false)?;
        checks.push(same(BIASED, &biased, &expected.biased, bits, |i| places.name(i)));
    }
    let events = folder.values(EVENTS, EVENT_BITS, count, true)?;
    let wide: Vec<i128> = expected.events.iter().map(|&events| events.into()).collect();
    checks.push(same(EVENTS, &events, &wide, EVENT_BITS, |i| places.name(i)));
    let [outputs, binary] = folder.tensor(TENSORS[3], &[count], operands.output)?;
    checks.push(same_image(TENSORS[3], &outputs, &binary));
    let found: Vec<i128> = outputs.data().to_i64().into_iter().map(i128::from).collect();
    let wide: Vec<i128> = expected.outputs.iter().map(|&output| output.into()).collect();
    let wl = operands.output.wl();
    checks.push(same("outputs.hex", &found, &wide, wl, |i| places.name(i)));
    let flags = folder.values(OVERFLOWED, 1, count, true)?;
    let wide: Vec<i128> = expected.overflowed.iter().map(|&flag| flag.into()).collect();
    checks.push(same(OVERFLOWED, &flags, &wide, 1, |i| places.name(i)));

    let mut fast = Check::new("scalar definition = MAC array");
    fast.compared = count as u64;
    fast.first = Fast::of(&operands, simd)?.differs(&expected);
    fast.differing = u64::from(fast.first.is_some());
    checks.push(fast);
    checks.push(same_manifest(&folder, &operands, &expected, k_tile)?);
    let mut crc = Check::new("CRC-32 of every file");
    for entry in &manifest.files {
        let found = folder.file(&entry.name)?.crc32();
        crc.compare(found == entry.crc32, || {
            format!("{}: its CRC-32 is {found}, the manifest says {}", entry.name, entry.crc32)
        });
    }
    checks.push(crc);
    Ok(Verification {
        layer: format!("{} of {}", manifest.layer, manifest.network),
        outputs: count,
        k_tiles: expected.tiles,
        checks,
    })
}

/// Where outputs are.
struct Places {
    shape: [usize; 4],
}

impl Places {
    fn of(operands: &LayerOperands) -> Result<Self, ExportError> {
        Ok(Self { shape: operands.shapes()?.output() })
    }

    fn name(&self, output: usize) -> String {
        let place = index_of(output, &self.shape);
        format!("output {output} {place:?}")
    }
}

/// The indices of row-major element `element`.
fn index_of(mut element: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, &size) in index.iter_mut().zip(shape).rev() {
        *place = element % size.max(1);
        element /= size.max(1);
    }
    index
}

fn same(
    name: &str,
    file: &[i128],
    computed: &[i128],
    bits: u32,
    place: impl Fn(usize) -> String,
) -> Check {
    let mut check = Check::new(format!("{name} = scalar definition"));
    let mask = u128::MAX >> (128 - bits);
    for (index, (&file, &computed)) in file.iter().zip(computed).enumerate() {
        check.compare(file == computed, || {
            format!(
                "{name}, {}: the file has {file} ({:x}), recomputed from the operands it is {computed} ({:x})",
                place(index),
                file.cast_unsigned() & mask,
                computed.cast_unsigned() & mask
            )
        });
    }
    check
}

fn same_image(base: &str, hex: &FixedTensor, binary: &FixedTensor) -> Check {
    let mut check = Check::new(format!("{base}.hex = {base}.bin"));
    for index in 0..hex.len() {
        let (in_hex, in_binary) = (hex.data().get(index), binary.data().get(index));
        check.compare(in_hex == in_binary, || {
            let place = index_of(index, hex.shape());
            format!(
                "{base}, element {index} {place:?}: {in_hex} in {base}.hex, {in_binary} in {base}.bin"
            )
        });
    }
    check
}

/// Compares every key of the manifest with that of a new one for the same operands.
fn same_manifest(
    folder: &Folder,
    operands: &LayerOperands,
    expected: &Expected,
    k_tile: NonZeroUsize,
) -> Result<Check, ExportError> {
    let found = &folder.manifest;
    let about = About {
        network: found.network.clone(),
        dataset: found.dataset.clone(),
        seed: found.seed,
        machine: found.machine.clone(),
    };
    let random = found.random.as_ref();
    let requantisers = random.map_or(NonZeroU32::MIN, |random| random.array.requantisers);
    let tiles = (k_tile, requantisers);
    let mut fresh = write::describe(operands, &about, expected, tiles, found.files.clone())?;
    // The version of the program may differ.
    fresh.hwsim.clone_from(&found.hwsim);
    let keys = |manifest| match serde_json::to_value(manifest) {
        Ok(serde_json::Value::Object(keys)) => keys,
        _ => serde_json::Map::new(),
    };
    let (found, fresh) = (keys(found), keys(&fresh));
    let mut check = Check::new("manifest.json = its operands");
    for (key, fresh) in &fresh {
        let found = found.get(key).unwrap_or(&serde_json::Value::Null);
        check.compare(found == fresh, || {
            format!("manifest.json, `{key}`: {found}, but from the operands it follows {fresh}")
        });
    }
    Ok(check)
}
