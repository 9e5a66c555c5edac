//! `hwsim eval` of a network from an ONNX file.

mod against;
mod arguments;
mod feed;
mod outputs;
mod pixels;
mod table;

pub(super) use arguments::{Dimension, NetworkArguments};
pub(super) use feed::resolve;
pub(super) use table::{place, shortened};

use super::arguments::{AccumulatorArguments, OutputArguments};
use super::errors::Failure;
use super::files::Files;
use super::model::graph;
use super::predictions::scores_have_a_file;
use super::progress::Counted;
use super::{output, setup};
use crate::data::arrays::{write_npy, write_npz};
use crate::graph::{Arithmetic, NodeRun, Program, Requantise};
use crate::inference::{Counts, Piece, Plan, Scores, Task, counted, is_quantised, run as infer};
use crate::verify::against::{Explained, Ours, compare};
use anyhow::{Context as _, anyhow};
use arguments::RealsWord;
use feed::Feed;
use hwmodel::Accumulator;
use hwmodel::array::MacArray;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use table::NetworkResult;

/// How far reals may be from those of a dump, as a share of the largest number of the tensor.
const TOLERANCE: f64 = 1e-4;

/// What `hwsim eval` was given, as far as it concerns networks from ONNX files.
pub(super) struct Request<'a> {
    pub(super) model: &'a Path,
    pub(super) network: &'a NetworkArguments,
    pub(super) data: &'a super::model_data::DataArguments,
    pub(super) limit_test: Option<usize>,
    pub(super) accumulator: &'a AccumulatorArguments,
    pub(super) threads: Option<usize>,
    pub(super) summary: &'a Option<PathBuf>,
    pub(super) predictions: &'a Option<PathBuf>,
    pub(super) prediction_scores: bool,
    pub(super) output: &'a OutputArguments,
}

/// Whether the file is one of arrays, by its ending.
fn is_array(path: &Path) -> bool {
    ["npy", "npz"].iter().any(|known| path.extension().is_some_and(|ending| ending == *known))
}

pub(super) fn run(request: &Request<'_>) -> Result<ExitCode, Failure> {
    let arguments = request.network;
    let arrays_out = request.output.file().filter(|file| is_array(file));
    Files::default()
        .input("the model", [request.model])
        .input("--x", &arguments.x)
        .input("--y", &arguments.y)
        .input("--data", &arguments.arrays)
        .input("--against", &arguments.against)
        .data(request.data.data_dir.as_ref())
        .output("--summary", request.summary)
        .output("--predictions", request.predictions)
        .output("--confusion", &arguments.confusion)
        .output("--output", request.output.file())
        .check()?;
    scores_have_a_file(request.prediction_scores, request.predictions)?;
    if request.limit_test == Some(0) {
        return Err(Failure::usage(anyhow!("`--limit-test` is 0: use at least 1")));
    }
    setup::threads(request.threads)?;
    let simd = setup::simd()?;
    let exact = Accumulator::default();
    let accumulator = request.accumulator.over(exact)?;
    let of_file = || format!("cannot load `{}`", request.model.display());
    let model = graph(request.model, &arguments.dim)?;
    let quantised = is_quantised(&model);
    if !quantised && let Some(flag) = request.accumulator.given().next() {
        return Err(Failure::usage(anyhow!(
            "`--{flag}` has no effect: the network has no quantisers, so that nothing runs on the array in integers; leave it out"
        )));
    }
    let wide_reals = match arguments.reals {
        None => quantised,
        Some(word) => word == RealsWord::Float64,
    };
    let requantise = arguments.requantise.map(Requantise::from).unwrap_or_default();
    let arithmetic = Arithmetic { array: MacArray { simd, accumulator }, wide_reals, requantise };
    let program = Program::new(&model, arithmetic).with_context(of_file)?;
    let mut feed = load(request, &program)?;
    if let Some(limit) = request.limit_test {
        let first = |tensor: &crate::tensor::Tensor| {
            if tensor.rows().is_some() { tensor.first_rows(limit) } else { tensor.clone() }
        };
        feed.arrays = feed.arrays.iter().map(first).collect();
        feed.labels = feed.labels.as_ref().map(first);
    }
    let batch = arguments.batch.map(|batch| batch as usize);
    let plan = Plan::new(&program.inputs, &feed.arrays, batch).map_err(Failure::usage)?;
    let dump = arguments.against.as_deref().map(against::read).transpose()?;
    let mut progress = Counted::new(plan.rows, "inputs", arguments.quiet);
    let done = |rows| progress.done(rows);
    let tolerance = arguments.tolerance.unwrap_or(TOLERANCE);
    let (outputs, counts, comparison) = match &dump {
        None => {
            let (outputs, counts) = counted(&program, &feed.arrays, &plan, done)?;
            (outputs, counts, None)
        }
        Some(dump) => {
            let mut ours = Ours::new(dump.iter().map(|(name, _)| name.as_str()));
            let mut counts = Counts::default();
            let observe = |piece: &Piece, node: &NodeRun<'_>| {
                counts.add(piece, node);
                ours.add(piece, node);
            };
            let outputs = infer(&program, &feed.arrays, &plan, observe, done)?;
            (outputs, counts, Some(compare(dump, ours, tolerance)))
        }
    };
    drop(progress);
    if let (Some(comparison), Some(path)) = (&comparison, &arguments.against) {
        against::check(comparison, path)?;
    }
    let trials = match (&dump, &comparison) {
        (Some(dump), Some(comparison)) => {
            let (model, program, arrays, plan) = (&model, &program, &feed.arrays, &plan);
            Explained { model, program, arrays, plan, dump, comparison, tolerance }.trials()?
        }
        _ => Vec::new(),
    };
    let task = arguments.task.map(Task::from);
    let scored = feed.labels.as_ref().map(|labels| Scores::new(&outputs, labels, task));
    // The classes of images are not asked for by the user: a network without classes runs on them all the same.
    let (scores, unfit) = match scored {
        Some(Ok(scores)) => (Some(scores), None),
        Some(Err(error)) if feed.labels_given => (None, Some(error)),
        _ => (None, None),
    };

    let mut written = output::Attempts::default();
    if let Some(path) = arrays_out {
        written.add(write_arrays(path, &outputs).context("--output"));
    }
    if let Some(path) = request.predictions {
        let predictions =
            outputs::predictions(path, &outputs, scores.as_ref(), request.prediction_scores);
        written.add(predictions.context("--predictions"));
    }
    if let Some(path) = &arguments.confusion {
        let confusion = outputs::confusion(path, scores.as_ref(), &feed.classes);
        written.add(confusion.context("--confusion"));
    }
    let mut result =
        NetworkResult::new(request.model, &feed, &plan, &program, scores, &outputs, &counts);
    let differs = comparison.as_ref().is_some_and(|comparison| !comparison.is_equal());
    result.against = comparison.zip(arguments.against.as_ref()).map(|(comparison, path)| {
        table::Against { file: path.display().to_string(), comparison, causes: trials }
    });
    let shown =
        if arrays_out.is_some() { request.output.printed() } else { request.output.clone() };
    written.add(match &result.against {
        Some(against) => shown.emit_rows(&result, &against.comparison.rows, table::render),
        None => shown.emit_rows(&result, &result.nodes, table::render),
    });
    if let Some(path) = request.summary {
        let json = serde_json::to_string_pretty(&result).context("the result has no JSON form")?;
        written.add(output::write(path, &format!("{json}\n")).context("--summary"));
    }
    written.finish()?;
    // What could be computed is written first.
    if let Some(error) = unfit {
        return Err(Failure::usage(error));
    }
    Ok(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn load(request: &Request<'_>, program: &Program) -> Result<Feed, Failure> {
    if let Some(feed) = feed::arrays(request.network, &request.data.pixels, &program.inputs)? {
        return Ok(feed);
    }
    let (limit, inputs) = (request.limit_test, &program.inputs);
    if let Some(feed) = pixels::images(request.network, request.data, limit, inputs)? {
        return Ok(feed);
    }
    Err(Failure::usage(anyhow!(
        "the network needs inputs: give --x FILE or --data FILE.npz with arrays, --images DIR, or --dataset NAME"
    )))
}

/// Writes every output under its name, or the only one without.
fn write_arrays(path: &Path, outputs: &[(String, crate::tensor::Tensor)]) -> anyhow::Result<()> {
    let mut file = output::Pending::begin(path)?;
    let what = || format!("cannot write `{}`", path.display());
    if path.extension().is_some_and(|ending| ending == "npy") {
        let [(_, tensor)] = outputs else {
            anyhow::bail!(
                "the network has {} outputs, and a .npy file holds one: write a .npz file",
                outputs.len()
            );
        };
        write_npy(&mut file, tensor).with_context(what)?;
    } else {
        let named = outputs.iter().map(|(name, tensor)| (name.as_str(), tensor));
        write_npz(&mut file, named).with_context(what)?;
    }
    file.finish()
}
