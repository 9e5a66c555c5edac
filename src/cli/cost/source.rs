//! Workload and options from the arguments.

use super::arguments::{CostArguments, ImageSize};
use super::topology;
use crate::cli::arguments::fixed_type;
use crate::cli::errors::Failure;
use crate::design::workload::{self, Formats, Layer, Options, Workload};
use crate::files::trace::TraceReader;
use crate::network::{Initialisation, arch};
use crate::train::optimiser::RuleOptions;
use anyhow::{Context as _, anyhow};
use hwmodel::machine::Machine;
use hwmodel::product::ByOperand;
use hwmodel::{Accumulator, Format, Overflow};

/// The workload that the arguments name.
pub(super) fn workload(arguments: &CostArguments) -> Result<Workload, Failure> {
    match (&arguments.arch, &arguments.topology, &arguments.onnx) {
        (Some(name), ..) => architecture(name, arguments),
        (None, Some(path), _) => topology::workload(path),
        (None, None, Some(path)) => {
            let sizes = arguments.dim.iter().map(|dim| (dim.name.clone(), dim.size));
            let model = workload::onnx::read(path, &sizes.collect());
            let model = model.with_context(|| format!("ONNX model `{}`", path.display()));
            model.map_err(Failure::Usage)
        }
        (None, None, None) => {
            Err(Failure::usage(anyhow!("give one of --arch, --topology and --onnx")))
        }
    }
}

/// An architecture that can be trained, or one of shapes only.
fn architecture(name: &str, arguments: &CostArguments) -> Result<Workload, Failure> {
    if workload::arch::names().any(|known| known == name) {
        if arguments.image.is_some() || arguments.classes.is_some() {
            return Err(Failure::usage(anyhow!(
                "--arch {name} has fixed sizes: leave out --image and --classes"
            )));
        }
        return workload::arch::build(name).map_err(Failure::usage);
    }
    if !arch::names().any(|known| known == name) {
        let known: Vec<_> = arch::names().chain(workload::arch::names()).collect();
        return Err(Failure::usage(anyhow!(
            "unknown architecture `{name}`: use one of {}",
            known.join(", ")
        )));
    }
    let (image, classes) = arch::published_task(name).map_err(Failure::usage)?;
    let ImageSize(input) = arguments.image.unwrap_or(ImageSize(image));
    let classes = arguments.classes.map_or(classes, |classes| classes as usize);
    let initialisation = Initialisation { seed: 0, scale: 1.0 };
    let layers = arch::layers(name, &arch::Task { input, classes, initialisation });
    Workload::from_builder(&layers.map_err(Failure::usage)?).map_err(Failure::usage)
}

/// Everything else that the cost depends on.
pub(super) fn options(arguments: &CostArguments, workload: &Workload) -> Result<Options, Failure> {
    Ok(Options {
        pass: arguments.pass.into(),
        batch: arguments.batch,
        formats: formats(arguments, workload)?,
        accumulator: None,
        rule: RuleOptions::default(),
    })
}

/// Refuses levels of an accumulator where there is none.
pub(super) fn check_levels(arguments: &CostArguments) -> Result<(), Failure> {
    let without = match (&arguments.scale_sim_config, arguments.float32) {
        (Some(_), _) => "--scale-sim-config",
        (None, true) => "--float32",
        (None, false) => return Ok(()),
    };
    match arguments.levels.is_empty() {
        true => Ok(()),
        false => Err(Failure::usage(anyhow!(
            "the --accumulator-... flags have no effect with {without}: leave them out"
        ))),
    }
}

/// The accumulator asked for on `machine`: one of the width given, or else its own, with the levels given.
pub(super) fn accumulator(
    arguments: &CostArguments,
    machine: &Machine,
) -> Result<Option<Accumulator>, Failure> {
    let width = arguments.accumulator.accumulator;
    if width.is_none() && arguments.levels.is_empty() {
        return Ok(None);
    }
    let base = match width {
        Some(width) => Accumulator::new(width, Overflow::default()),
        None => machine.accumulator(),
    };
    arguments.levels.over(base).map(Some)
}

fn formats(arguments: &CostArguments, workload: &Workload) -> Result<Formats, Failure> {
    if arguments.float32 {
        return Ok(Formats::float32());
    }
    if let Some(place) = &arguments.formats {
        let rows = TraceReader::open(&place.trace)?.map(|row| row.map_err(anyhow::Error::from));
        let name = place.trace.display().to_string();
        return Formats::from_trace(&name, place.step, rows).map_err(Failure::Usage);
    }
    if let Some(text) = &arguments.number_format {
        return Ok(Formats::uniform(fixed_type(text, "--number-format")?.format));
    }
    let (wl, fl) = (arguments.wl.unwrap_or(8), arguments.fl.unwrap_or(4));
    let format = Format::new(wl, fl).context("--wl and --fl").map_err(Failure::Usage)?;
    let stated = |layer: &Layer| layer.stated != ByOperand::default();
    let own = arguments.wl.is_none() && arguments.fl.is_none();
    if own && workload.layers().iter().any(stated) {
        return Ok(Formats::stated_or(format));
    }
    Ok(Formats::uniform(format))
}
