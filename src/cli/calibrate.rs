//! `hwsim calibrate`.

mod arguments;
mod table;

pub(super) use arguments::CalibrateArguments;

use super::errors::Failure;
use super::files::Files;
use super::gap::{BATCH, progress};
use super::model::{First, Model};
use super::model_data::samples;
use super::network_file::{self, NetworkFile};
use super::{output, setup};
use crate::design::calibration::{CalibratedTensor, calibrate};
use crate::files::layer_formats::{self, FormatEntry};
use crate::network::{BackwardArithmetic, PassSettings};
use crate::precision::LayerTensor;
use anyhow::{Context as _, anyhow};
use hwmodel::array::MacArray;
use hwmodel::{Accumulator, Overflow, Rounding};
use serde::Serialize;
use std::cell::Cell;
use std::process::ExitCode;

/// The formats of a network and what they do to its tensors.
#[derive(Debug, Serialize)]
struct CalibrationResult {
    network: String,
    dataset: String,
    data_origin: String,
    images: usize,
    method: String,
    tensors: Vec<TensorResult>,
}

/// One tensor.
#[derive(Debug, Serialize)]
struct TensorResult {
    layer: String,
    tensor: &'static str,
    low: f32,
    high: f32,
    /// As `--layer-formats` takes it.
    format: String,
    elements: u64,
    saturated: u64,
    /// `None` if no value changes.
    sqnr_db: Option<f64>,
    /// Root of the mean square error.
    error: f64,
    /// The tensor whose format it has.
    same_as: Option<String>,
}

pub(super) fn run(arguments: &CalibrateArguments) -> Result<ExitCode, Failure> {
    let options = arguments.options()?;
    let model = Model::named(&arguments.model, First::File);
    Files::default()
        .input("the model", model.as_ref().ok().and_then(Model::file))
        .data(arguments.data.data_dir.as_ref())
        .output("--output", &arguments.output)
        .check()?;
    let model = model.map_err(Failure::Run)?;
    if let Model::BuiltIn(name) = &model {
        return Err(Failure::usage(anyhow!(
            "`{name}` is a built-in network and has random values: train it, `hwsim train --arch {name} --controller float32 \
             --save-model FILE`, and calibrate FILE"
        )));
    }
    setup::threads(arguments.threads)?;
    let simd = setup::simd()?;
    let opened = network_file::layers(&model, &arguments.dim)?;
    opened.show_notes();
    let NetworkFile { mut network, header, .. } = opened;
    if network.parameters.iter().any(|parameter| parameter.quantised.is_some()) {
        output::note(
            "hwsim: note: the model has formats already: new ones are chosen for the values of its words",
        );
    }
    let dataset = arguments.data.load_samples(&header, (Some(arguments.images), Some(1)))?;
    let options = options.of_network(header.overflow == Overflow::Saturate);
    let context = PassSettings {
        array: MacArray { simd, accumulator: Accumulator::default() },
        rounding: Rounding::NearestEven,
        random: header.random,
        overflow: Overflow::Saturate,
        seed: header.seed,
        step: 0,
        training: false,
        backward: BackwardArithmetic::Float32,
    };
    let count = dataset.train.len();
    let bar = progress(2 * count);
    let done = Cell::new(0);
    let tensors = calibrate(&mut network, &context, &options, |index| {
        let start = index * BATCH;
        let end = count.min(start + BATCH);
        bar.set_position(done.get());
        done.set(done.get() + end.saturating_sub(start) as u64);
        (start < end).then(|| samples(&dataset.train, &dataset.normalisation, start..end))
    });
    bar.finish_and_clear();
    let cannot = || format!("cannot calibrate `{}`", arguments.model.display());
    let tensors = tensors.with_context(cannot)?;
    let result = CalibrationResult {
        network: header.arch.clone(),
        dataset: dataset.name.clone(),
        data_origin: dataset.origin.to_string(),
        images: count,
        method: arguments.described(),
        tensors: tensors.iter().map(of_tensor).collect(),
    };
    let mut outputs = output::Attempts::default();
    if let Some(path) = &arguments.output {
        outputs.add(output::write(path, &file_text(&result, &tensors)));
    }
    outputs.add(arguments.format.print_rows(&result, &result.tensors, table::render));
    outputs.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn of_tensor(tensor: &CalibratedTensor) -> TensorResult {
    let CalibratedTensor { layer, tensor, range: (low, high), measured, same_as } = tensor;
    TensorResult {
        layer: layer.clone(),
        tensor: tensor.name(),
        low: *low,
        high: *high,
        format: text(measured.format),
        elements: measured.elements,
        saturated: measured.saturated,
        sqnr_db: measured.sqnr_db(),
        error: measured.error(),
        same_as: same_as.clone(),
    }
}

/// A format as `--layer-formats` takes it.
fn text(format: hwmodel::Format) -> String {
    hwmodel::number::format_text::FixedType::plain(format).to_string()
}

/// The file of formats.
fn file_text(result: &CalibrationResult, tensors: &[CalibratedTensor]) -> String {
    let head = [
        format!(
            "Formats of {}, chosen by hwsim {} ({}) on {} training images of {}.",
            result.network,
            env!("CARGO_PKG_VERSION"),
            result.method,
            result.images,
            result.dataset
        ),
        "Edit them and give them back: --layer-formats @FILE. A format is WL,FL (u8,4: unsigned) or any other notation.".to_owned(),
        "The comments have the range, the share of values that saturate, and the signal to quantisation noise ratio.".to_owned(),
    ];
    let entries: Vec<_> = tensors.iter().zip(&result.tensors).map(entry).collect();
    layer_formats::text(&head, &entries)
}

fn entry<'a>((tensor, row): (&'a CalibratedTensor, &TensorResult)) -> FormatEntry<'a> {
    let mut comment = format!(
        "{}, {} saturated, {}",
        table::range(row),
        table::share(row.saturated, row.elements),
        row.sqnr_db.map_or("exact".to_owned(), |db| format!("{db:.1} dB"))
    );
    if let Some(same) = &row.same_as {
        comment += &format!("; the format of {same}");
    }
    if tensor.tensor == LayerTensor::Output && !tensor.measured.format.is_signed() {
        comment += "; without negative results";
    }
    FormatEntry {
        layer: &tensor.layer,
        tensor: tensor.tensor,
        format: tensor.measured.format.into(),
        comment,
    }
}
