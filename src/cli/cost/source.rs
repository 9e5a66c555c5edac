//! Workload and options from the arguments.

use super::arguments::{CostArguments, ImageSize};
use super::topology;
use crate::cli::errors::Failure;
use crate::design::workload::{self, Formats, Options, Workload};
use crate::files::trace::TraceReader;
use crate::network::{Initialisation, arch};
use crate::train::optimiser::RuleOptions;
use anyhow::{Context as _, anyhow};
use hwmodel::Format;

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
pub(super) fn options(arguments: &CostArguments) -> Result<Options, Failure> {
    Ok(Options {
        pass: arguments.pass.into(),
        batch: arguments.batch,
        formats: formats(arguments)?,
        accumulator: arguments.accumulator.accumulator,
        rule: RuleOptions::default(),
    })
}

fn formats(arguments: &CostArguments) -> Result<Formats, Failure> {
    if arguments.float32 {
        return Ok(Formats::float32());
    }
    if let Some(place) = &arguments.formats {
        let rows = TraceReader::open(&place.trace)?.map(|row| row.map_err(anyhow::Error::from));
        let name = place.trace.display().to_string();
        return Formats::from_trace(&name, place.step, rows).map_err(Failure::Usage);
    }
    let format = Format::new(arguments.wl, arguments.fl).context("--wl and --fl");
    Ok(Formats::uniform(format.map_err(Failure::Usage)?))
}
