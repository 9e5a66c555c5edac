//! `hwsim onnx export`.

use crate::cli::arguments::{AccumulatorArguments, FormatArguments};
use crate::cli::errors::Failure;
use crate::cli::eval_formats::FormatsAfterTraining;
use crate::cli::eval_network::Dimension;
use crate::cli::files::Files;
use crate::cli::network_file::{self, NetworkFile};
use crate::cli::pixels::PixelArguments;
use crate::cli::{output, setup};
use crate::data::Normalisation;
use crate::files::model::ModelHeader;
use crate::graph::{Arithmetic, Program};
use crate::network::exported::{self, ExportSettings, Exported, Target};
use crate::onnx::model::Model;
use anyhow::{Context as _, anyhow};
use hwmodel::Accumulator;
use hwmodel::array::MacArray;
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// A trained model as an ONNX network that other programs run with the same integers.
#[derive(Debug, clap::Args)]
#[command(after_help = "docs/networks.md says what is exact and where.")]
pub(in crate::cli) struct ExportArguments {
    /// Model file, as written by `hwsim train --save-model`, or an ONNX network of floats with --wl and --fl or another format.
    model: PathBuf,
    /// Form of the quantisers: `qonnx` (Quant nodes), or `qdq` (QuantizeLinear and DequantizeLinear, which ONNX Runtime runs).
    #[arg(long, value_enum, value_name = "WORD")]
    to: TargetWord,
    /// The file to write.
    #[arg(short, long, value_name = "FILE.onnx")]
    output: PathBuf,
    #[command(flatten)]
    formats: FormatsAfterTraining,
    #[command(flatten)]
    accumulator: AccumulatorArguments,
    #[command(flatten)]
    pixels: PixelArguments,
    /// Size of an open dimension of the inputs of an ONNX network, as in length=29; may be repeated.
    #[arg(long, value_name = "NAME=SIZE", value_delimiter = ',')]
    dim: Vec<Dimension>,
    #[command(flatten)]
    format: FormatArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TargetWord {
    /// Quant nodes of QONNX.
    Qonnx,
    /// QuantizeLinear and DequantizeLinear.
    Qdq,
}

impl From<TargetWord> for Target {
    fn from(word: TargetWord) -> Self {
        match word {
            TargetWord::Qonnx => Self::Qonnx,
            TargetWord::Qdq => Self::Qdq,
        }
    }
}

#[derive(Debug, Serialize)]
struct ExportResult {
    file: String,
    form: String,
    opset: i64,
    bytes: usize,
    nodes: usize,
    products: Vec<Product>,
}

#[derive(Debug, Serialize)]
struct Product {
    layer: String,
    input: String,
    weight: String,
    output: String,
    /// Bits that hold every sum for any input.
    sum_bits: u32,
}

pub(super) fn run(arguments: &ExportArguments) -> Result<ExitCode, Failure> {
    Files::default()
        .input("the model", [&arguments.model])
        .input("--layer-formats", arguments.formats.file())
        .output("--output", [&arguments.output])
        .check()?;
    let simd = setup::simd()?;
    let opened = network_file::open(&arguments.model, &arguments.dim)?;
    opened.show_notes();
    let NetworkFile { mut network, header, .. } = opened;
    arguments.formats.apply(&mut network, simd)?;
    let accumulator = arguments.accumulator.over(header.accumulator)?;
    let (rounding, overflow) = (header.rounding, header.overflow);
    let settings = ExportSettings { accumulator, rounding, overflow, simd };
    let cannot = || format!("cannot export `{}`", arguments.model.display());
    let target = arguments.to.into();
    let mut exported = exported::export(&network, &settings, target).with_context(cannot)?;
    let pixels = normalisation(arguments, &header)?;
    exported.document.description = description(&exported, target);
    exported.document.metadata = metadata(&header, &pixels);
    let bytes = exported.document.bytes().with_context(cannot)?;
    // What is written can be read and run.
    let array = MacArray { simd, accumulator: Accumulator::default() };
    let read = Model::of_bytes(&bytes).with_context(cannot)?;
    Program::new(&read, Arithmetic::float32(array)).with_context(cannot)?;
    let mut file = output::Pending::begin(&arguments.output)?;
    let what = || format!("cannot write `{}`", arguments.output.display());
    file.write_all(&bytes).with_context(what)?;
    file.finish()?;
    for note in notes(&exported, target) {
        output::note(&note);
    }
    let result = ExportResult {
        file: arguments.output.display().to_string(),
        form: target.to_string(),
        opset: read.opset(),
        bytes: bytes.len(),
        nodes: read.nodes.len(),
        products: exported.products.iter().map(product).collect(),
    };
    arguments.format.print(&result, render)?;
    Ok(ExitCode::SUCCESS)
}

/// How pixels become the numbers that the network takes: a saved model says it itself.
fn normalisation(
    arguments: &ExportArguments,
    header: &ModelHeader,
) -> Result<Normalisation, Failure> {
    let is_graph = header.dataset.is_empty();
    match arguments.pixels.given().next() {
        Some(flag) if !is_graph => Err(Failure::usage(anyhow!(
            "`--{flag}` is for ONNX networks: a saved model says how its pixels become numbers; leave it out"
        ))),
        None if is_graph => Ok(Normalisation::none()),
        _ if is_graph => arguments.pixels.normalisation(header.input[2]),
        _ => Ok(header.normalisation.clone()),
    }
}

/// What the file says to its readers.
fn description(exported: &Exported, target: Target) -> String {
    let mut text = format!(
        "{target} network written by hwsim {}. Every scale is a power of two; the integers are those of hwsim's evaluation in fixed point.",
        env!("CARGO_PKG_VERSION")
    );
    for note in notes(exported, target) {
        text += &format!("\n{note}.");
    }
    text
}

/// What a program has to do to get the same integers.
fn notes(exported: &Exported, target: Target) -> Vec<String> {
    let mut notes = Vec::new();
    if !exported.rounded.is_empty() {
        let layers = exported.rounded.iter();
        let layers: Vec<_> = layers.map(|of| format!("{} ({} bits)", of.layer, of.bits)).collect();
        notes.push(format!(
            "numbers of more than the 24 bits that float32 holds: {}; exact arithmetic, as that of `hwsim eval`, has the same integers, a program that computes {target} graphs in float32 may round them",
            layers.join(", ")
        ));
    }
    if exported.has_batch_norm {
        notes.push(
            "batch norms are float32 operations: `hwsim eval` has the same integers with --reals float32"
                .to_owned(),
        );
    }
    notes
}

/// What the file says to programs.
fn metadata(header: &ModelHeader, pixels: &Normalisation) -> Vec<(String, String)> {
    let list = |values: &[f32]| {
        let texts: Vec<_> = values.iter().map(f32::to_string).collect();
        texts.join(",")
    };
    let [h, w, c] = header.input;
    let mut entries = vec![
        ("hwsim.network", header.arch.clone()),
        ("hwsim.input", format!("{h}x{w}x{c}")),
        ("hwsim.classes", header.class_names.join(",")),
    ];
    if !header.dataset.is_empty() {
        entries.push(("hwsim.dataset", header.dataset.clone()));
    }
    if !pixels.mean.is_empty() {
        // A pixel p becomes (p · scale - mean) / std.
        entries.push(("hwsim.pixel_scale", "1/255".to_owned()));
        entries.push(("hwsim.mean", list(&pixels.mean)));
        entries.push(("hwsim.std", list(&pixels.std)));
    }
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn product(product: &exported::ExportedProduct) -> Product {
    Product {
        layer: product.layer.clone(),
        input: product.input.to_string(),
        weight: product.weight.to_string(),
        output: product.output.to_string(),
        sum_bits: product.sum_bits,
    }
}

fn render(result: &ExportResult) -> String {
    let ExportResult { file, form, opset, bytes, nodes, products } = result;
    let mut out = format!("{file}: {form}, opset {opset}, {nodes} nodes, {bytes} bytes\n");
    let width = products.iter().map(|product| product.layer.chars().count()).max().unwrap_or(0);
    let width = width.max("layer".len());
    out += &format!(
        "{:<width$}  {:>8}  {:>8}  {:>8}  {:>8}\n",
        "layer", "input", "weights", "output", "sum bits"
    );
    for Product { layer, input, weight, output, sum_bits } in products {
        out += &format!("{layer:<width$}  {input:>8}  {weight:>8}  {output:>8}  {sum_bits:>8}\n");
    }
    out
}
