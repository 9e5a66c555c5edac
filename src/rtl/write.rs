//! Writing the folder.

use super::error::RtlError;
use super::expected::Expected;
use super::images::{self, Image};
use super::manifest::{FileEntry, KIND, Manifest, NAME, SCHEMA};
use super::parameters::{COUNTER_BITS, Twin};
use super::product::Product;
use super::stimulus::MOST_WORDS;
use super::texts::TEXTS;
use crate::verify::export::{hex_words, publish};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

/// Where the operands come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The machine.
    pub machine: String,
    /// Network and data, or how the operands were drawn.
    pub source: String,
    /// The layer.
    pub layer: Option<String>,
}

/// A number of a plusargs file, as a text.
type Arguments = Vec<(&'static str, String)>;

/// Files and their entries.
#[derive(Default)]
struct Files {
    entries: Vec<FileEntry>,
    contents: Vec<(String, Vec<u8>)>,
}

impl Files {
    fn add(&mut self, name: &str, holds: &str, (words, bits): (usize, u32), text: String) {
        let digest = Sha256::digest(text.as_bytes());
        let sha256 = digest.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let (name, holds) = (name.to_owned(), holds.to_owned());
        self.entries.push(FileEntry {
            name: name.clone(),
            holds,
            words: words as u64,
            bits,
            sha256,
        });
        self.contents.push((name, text.into_bytes()));
    }

    fn memory(&mut self, name: &str, holds: &str, bits: u32, words: &[i128]) {
        let text = hex_words(words.iter().copied(), bits);
        self.add(name, holds, (words.len(), bits), text);
    }
}

/// Writes the twin of `product` into folder `folder` and returns its manifest.
///
/// # Errors
/// If a memory is too large, or the folder cannot be written; what was there is then untouched.
pub fn write(
    folder: &Path,
    twin: &Twin,
    product: &Product,
    expected: &Expected,
    about: &About,
    force: bool,
) -> Result<Manifest, RtlError> {
    check_sizes(twin, product)?;
    let images = images::all(twin, product);
    let parameters = parameters(twin, product, &images);
    let arguments = arguments(twin, product, expected);
    let mut files = Files::default();
    for (name, text) in TEXTS {
        files.add(
            name,
            "fixed text, the same for every machine and layer",
            (0, 0),
            (*text).to_owned(),
        );
    }
    files.add("params.vh", "parameters of the Verilog text", (0, 0), header(&parameters));
    files.add("run.args", "run-time arguments of the benches", (0, 0), plusargs(&arguments));
    for image in &images {
        let path = format!("vectors/{}", image.name);
        files.memory(&path, &image.holds, image.bits, &image.words);
    }
    expectations(&mut files, twin, product, expected);
    let manifest = Manifest {
        kind: KIND.to_owned(),
        schema: SCHEMA,
        hwsim: env!("CARGO_PKG_VERSION").to_owned(),
        machine: about.machine.clone(),
        source: about.source.clone(),
        layer: about.layer.clone(),
        dataflow: twin.dataflow.name().to_owned(),
        m: product.m,
        n: product.n,
        k: product.k,
        groups: product.groups(),
        row_folds: twin.schedule.row_folds,
        column_folds: twin.schedule.column_folds,
        blocks: twin.schedule.blocks,
        a: product.a_format(),
        b: product.b_format(),
        bias: product.bias.as_ref().map(|bias| bias.format()),
        accumulator: product.accumulator,
        output: product.output.format,
        rounding: product.output.rounding,
        output_overflow: product.output.overflow,
        lfsr: twin.lfsr,
        cycles: expected.cycles,
        accumulator_events: expected.events.iter().map(|&events| u64::from(events)).sum(),
        clamped: expected.clamped.iter().filter(|&&clamped| clamped).count() as u64,
        parameters: parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        arguments: arguments.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        files: std::mem::take(&mut files.entries),
    };
    let mut json = serde_json::to_string_pretty(&manifest).expect("numbers and texts");
    json.push('\n');
    files.contents.push((NAME.to_owned(), json.into_bytes()));
    publish(folder, &files.contents, force, is_ours)?;
    Ok(manifest)
}

/// Whether an entry of a folder is of a twin. Builds and results belong to the files that they were made from.
fn is_ours(name: &OsStr) -> bool {
    let folders = ["rtl", "tb", "vectors", "expect", "out", "build"];
    let known = TEXTS.iter().map(|(name, _)| *name).chain(folders);
    known.chain(["params.vh", "run.args", NAME]).any(|known| name == known)
}

/// Refuses memories that no bench holds, before they are made.
fn check_sizes(twin: &Twin, product: &Product) -> Result<(), RtlError> {
    let (rows, columns) = (twin.rows as u128, twin.columns as u128);
    let groups = product.groups() as u128;
    let (row_folds, column_folds) =
        (u128::from(twin.schedule.row_folds), u128::from(twin.schedule.column_folds));
    let (m, k) = (product.m as u128, product.k as u128);
    let (a, b) = match twin.keeps_sums() {
        true => (groups * row_folds * k * rows, groups * column_folds * k * columns),
        false => {
            (groups * row_folds * m * rows, groups * column_folds * row_folds * rows * columns)
        }
    };
    let folds = match twin.keeps_sums() {
        true => 1,
        false => row_folds,
    };
    let sums = m * product.columns() as u128 * folds;
    let seeds = if twin.lfsr.is_some() { twin.schedule.streams.folds * columns } else { 0 };
    let named = [
        ("vectors/a.hex", a),
        ("vectors/b.hex", b),
        ("expect/fold_sums.hex", sums),
        ("vectors/seed.hex", seeds),
    ];
    match named.into_iter().find(|(_, words)| *words > MOST_WORDS as u128) {
        Some((what, words)) => Err(RtlError::TooLarge { what, words, most: MOST_WORDS }),
        None => Ok(()),
    }
}

/// The parameters of the modules and the depths of the bench's memories.
fn parameters(twin: &Twin, product: &Product, images: &[Image]) -> Vec<(&'static str, u64)> {
    let depth = |name: &str| {
        let image = images.iter().find(|image| image.name == name);
        image.map_or(1, |image| image.words.len() as u64)
    };
    let outputs = (product.m * product.columns()) as u64;
    let folds = if twin.keeps_sums() { 1 } else { twin.schedule.row_folds };
    let mut all = twin.values.clone();
    all.extend([
        ("A_WORDS", depth("a.hex")),
        ("B_WORDS", depth("b.hex")),
        ("COLUMN_WORDS", depth("shift.hex")),
        ("SEED_WORDS", depth("seed.hex")),
        ("OUT_WORDS", outputs),
        ("FOLD_WORDS", outputs * folds),
    ]);
    all
}

fn header(parameters: &[(&str, u64)]) -> String {
    let mut text =
        "// Parameters of hwsim_core and depths of the memories of hwsim_tb.\n".to_owned();
    for (name, value) in parameters {
        let _ = writeln!(text, "`define HWSIM_{name} {value}");
    }
    text
}

/// The numbers that one build takes at run time.
fn arguments(twin: &Twin, product: &Product, expected: &Expected) -> Arguments {
    let number = |number: usize| number.to_string();
    vec![
        ("M", number(product.m)),
        ("N", number(product.n)),
        ("K", number(product.k)),
        ("GROUPS", number(product.groups())),
        ("BLOCKS", number(twin.blocks())),
        ("JUMP", format!("{:x}", images::jump(twin, product))),
        ("LIMIT", (expected.cycles.total * 2 + 1000).to_string()),
    ]
}

fn plusargs(arguments: &Arguments) -> String {
    arguments.iter().map(|(name, value)| format!("+{name}={value}\n")).collect()
}

fn expectations(files: &mut Files, twin: &Twin, product: &Product, expected: &Expected) {
    let bits = twin.accumulator_bits;
    let folds = "accumulator after each fold of K [group, m, n, fold]";
    files.memory("expect/fold_sums.hex", folds, bits, &expected.fold_sums);
    let sums = "accumulator after the last product [group, m, n]";
    files.memory("expect/acc.hex", sums, bits, &expected.sums);
    let biased = "accumulator after a bias that is added last [group, m, n]";
    files.memory("expect/biased.hex", biased, bits, &expected.biased);
    let events: Vec<i128> = expected.events.iter().map(|&events| events.into()).collect();
    let holds = "additions that left the accumulator [group, m, n]";
    files.memory("expect/events.hex", holds, COUNTER_BITS, &events);
    let first_k: Vec<i128> = expected.first_k.iter().map(|k| k.map_or(-1, i128::from)).collect();
    let holds = "k of the first of them, K for the bias; all ones if there is none [group, m, n]";
    files.memory("expect/first_k.hex", holds, COUNTER_BITS, &first_k);
    let words: Vec<i128> = expected.words.iter().map(|&word| word.into()).collect();
    let holds = "requantised words [group, m, n]";
    files.memory("expect/word.hex", holds, product.output.format.wl(), &words);
    let clamped: Vec<i128> = expected.clamped.iter().map(|&clamped| clamped.into()).collect();
    let holds = "1 if the rounded value was outside the word [group, m, n]";
    files.memory("expect/clamped.hex", holds, 1, &clamped);
    let cycles = expected.cycles.to_string();
    files.add("expect/cycles.txt", "clock cycles of the array", (0, 0), cycles);
}
