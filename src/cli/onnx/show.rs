//! `hwsim onnx show`.

use crate::cli::arguments::OutputArguments;
use crate::cli::errors::Failure;
use crate::cli::eval_network::{Dimension, place, shortened};
use crate::cli::files::Files;
use crate::cli::model::graph;
use crate::cli::setup;
use crate::cli::table::scaled;
use crate::graph::{Arithmetic, Place, Program, Requantise};
use crate::inference::{Counts, NodeCounts, Plan, is_quantised, run as infer};
use crate::onnx::model::{self, Input};
use crate::tensor::{Elements, Tensor};
use anyhow::{Context as _, anyhow};
use hwmodel::Accumulator;
use hwmodel::array::MacArray;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// The nodes of a network: operator, shape, type, word lengths, MACs, and where each runs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The network is run once on zeros, with a batch of 1 where it is open. Word lengths are those of quantised numbers: u8 unsigned, s8 signed. Nodes that depend on constants only are computed when the network is loaded and not listed."
)]
pub(in crate::cli) struct ShowArguments {
    /// The ONNX file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Size of an open dimension of the inputs, as in length=29; may be repeated.
    #[arg(long, value_name = "NAME=SIZE", value_delimiter = ',')]
    dim: Vec<Dimension>,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Serialize)]
struct ShowResult {
    model: String,
    quantised: bool,
    opset: i64,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    /// MACs of one input.
    macs: u64,
    /// Nodes by where they run.
    places: BTreeMap<&'static str, usize>,
    nodes: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Port {
    name: String,
    element: String,
    shape: String,
}

#[derive(Debug, Serialize)]
struct Row {
    node: String,
    operator: String,
    /// Of the first output.
    shape: String,
    element: String,
    place: &'static str,
    /// Word of the activations that a product reads.
    activations: Option<String>,
    /// Word of its weights.
    weights: Option<String>,
    /// Word of the output if it is quantised.
    output: Option<String>,
    /// Multiply-adds on the array.
    macs: u64,
}

pub(super) fn run(arguments: &ShowArguments) -> Result<ExitCode, Failure> {
    Files::default()
        .input("the model", [&arguments.model])
        .output("--output", arguments.output.file())
        .check()?;
    let of_file = || format!("cannot load `{}`", arguments.model.display());
    let model = graph(&arguments.model, &arguments.dim)?;
    let quantised = is_quantised(&model);
    let array = MacArray { simd: setup::simd()?, accumulator: Accumulator::default() };
    let arithmetic = Arithmetic { array, wide_reals: quantised, requantise: Requantise::default() };
    let program = Program::new(&model, arithmetic).with_context(of_file)?;
    let arrays = program.inputs.iter().map(zeros).collect::<Result<Vec<_>, _>>()?;
    let plan = Plan::new(&program.inputs, &arrays, None).map_err(Failure::usage)?;
    let mut counts = Counts::default();
    let outputs = infer(&program, &arrays, &plan, |piece, node| counts.add(piece, node), |_| {})?;
    let nodes: Vec<_> = counts.nodes().iter().map(row).collect();
    let mut places = BTreeMap::new();
    for node in &nodes {
        *places.entry(node.place).or_default() += 1;
    }
    let port =
        |name: &str, element: String, shape: String| Port { name: name.to_owned(), element, shape };
    let result = ShowResult {
        model: arguments.model.display().to_string(),
        quantised,
        opset: model.opset(),
        inputs: model
            .inputs
            .iter()
            .map(|input| port(&input.name, input.element.to_string(), sizes(input)))
            .collect(),
        outputs: outputs
            .iter()
            .map(|(name, tensor)| port(name, tensor.element().to_string(), listed(tensor.shape())))
            .collect(),
        macs: nodes.iter().map(|node| node.macs).sum(),
        places,
        nodes,
    };
    arguments.output.emit_rows(&result, &result.nodes, render)?;
    Ok(ExitCode::SUCCESS)
}

/// Zeros for `input`, one row where the first axis is open.
fn zeros(input: &Input) -> Result<Tensor, Failure> {
    let size = |(axis, dimension): (usize, &model::Dimension)| match dimension {
        model::Dimension::Fixed(size) => Ok(*size),
        model::Dimension::Open(_) if axis == 0 => Ok(1),
        model::Dimension::Open(Some(name)) => Err(Failure::usage(anyhow!(
            "input `{}` has the open dimension `{name}`: say its size, `--dim {name}=SIZE`",
            input.name
        ))),
        model::Dimension::Open(None) => Err(Failure::usage(anyhow!(
            "input `{}` has an open dimension without a name: export the network with its size, or with a name for it",
            input.name
        ))),
    };
    let shape: Vec<usize> = input.shape.iter().enumerate().map(size).collect::<Result<_, _>>()?;
    let too_large =
        || Failure::usage(anyhow!("input `{}` of shape {shape:?} is too large to try", input.name));
    let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    let count = count.filter(|&count| count <= 1 << 28).ok_or_else(too_large)?;
    let elements = match input.element {
        element if !element.is_real() => Elements::Integers(Arc::new(vec![0; count])),
        crate::tensor::ElementType::Float64 => Elements::Float64(Arc::new(vec![0.0; count])),
        _ => Elements::Float32(Arc::new(vec![0.0; count])),
    };
    Tensor::new(shape.clone(), input.element, elements).ok_or_else(too_large)
}

fn listed(sizes: &[usize]) -> String {
    let texts: Vec<_> = sizes.iter().map(usize::to_string).collect();
    format!("[{}]", texts.join(", "))
}

fn sizes(input: &Input) -> String {
    let texts = input.shape.iter().map(|dimension| match dimension {
        model::Dimension::Fixed(size) => size.to_string(),
        model::Dimension::Open(name) => name.clone().unwrap_or_else(|| "?".to_owned()),
    });
    format!("[{}]", texts.collect::<Vec<_>>().join(", "))
}

/// The shortest word for integers of `range`, written u8 or s8.
fn word((low, high): (i64, i64)) -> String {
    if low >= 0 {
        format!("u{}", (64 - high.leading_zeros()).max(1))
    } else {
        let of =
            |value: i64| 65 - if value < 0 { value.leading_ones() } else { value.leading_zeros() };
        format!("s{}", of(low).max(of(high)))
    }
}

fn row(counts: &NodeCounts) -> Row {
    // Behind the first operand of these stand its scale and zero point.
    let scales_between = counts.operator.contains("QLinear") || counts.operator.ends_with("QGemm");
    let weights = if scales_between { 3 } else { 1 };
    let on_array = counts.place == Place::Array;
    let input = |index: usize| {
        counts.input_ranges.get(index).copied().flatten().filter(|_| on_array).map(word)
    };
    Row {
        node: counts.node.clone(),
        operator: counts.operator.clone(),
        shape: listed(&counts.shape),
        element: counts.element.to_string(),
        place: place(counts.place),
        activations: input(0),
        weights: input(weights),
        // Sums are as wide as their type, which says nothing.
        output: counts.range.filter(|(low, high)| high.saturating_sub(*low) < 1 << 24).map(word),
        macs: counts.macs,
    }
}

fn render(result: &ShowResult) -> String {
    let mut out = format!(
        "{}: opset {}, {}\n",
        result.model,
        result.opset,
        if result.quantised { "quantised" } else { "float" }
    );
    for (what, ports) in [("input", &result.inputs), ("output", &result.outputs)] {
        for Port { name, element, shape } in ports {
            out += &format!("{what} `{name}`: {element} {shape}\n");
        }
    }
    let widest = |of: fn(&Row) -> usize, least: &str| {
        result.nodes.iter().map(of).max().unwrap_or(0).max(least.len())
    };
    let name = widest(|row| shortened(&row.node).chars().count(), "node");
    let operator = widest(|row| row.operator.len(), "operator");
    let shape = widest(|row| row.shape.len(), "shape");
    out += &format!(
        "{:<name$}  {:<operator$}  {:<shape$}  {:<8} {:<10}  {:>4} {:>4} {:>4} {:>9}\n",
        "node", "operator", "shape", "type", "on", "in", "w", "out", "MACs"
    );
    let or_none = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".to_owned());
    for row in &result.nodes {
        out += &format!(
            "{:<name$}  {:<operator$}  {:<shape$}  {:<8} {:<10}  {:>4} {:>4} {:>4} {:>9}\n",
            shortened(&row.node),
            row.operator,
            row.shape,
            row.element,
            row.place,
            or_none(&row.activations),
            or_none(&row.weights),
            or_none(&row.output),
            if row.macs == 0 { "-".to_owned() } else { scaled(row.macs as f64) }
        );
    }
    let places: Vec<_> =
        result.places.iter().map(|(place, count)| format!("{count} {place}")).collect();
    out += &format!(
        "{} nodes: {}; {} MACs on the array\n",
        result.nodes.len(),
        places.join(", "),
        scaled(result.macs as f64)
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_shortest() {
        let words = [(0, 255), (0, 256), (-128, 127), (-7, 7), (-1, 1), (0, 1), (0, 0)];
        assert_eq!(words.map(word), ["u8", "u9", "s8", "s4", "s2", "u1", "u1"]);
    }
}
