//! Workload and options from the arguments.

use super::arguments::{CostArguments, Dimension, ImageSize};
use super::topology;
use crate::cli::arguments::fixed_type;
use crate::cli::errors::Failure;
use crate::cli::model::{First, Model};
use crate::cli::network_file;
use crate::design::workload::{self, Formats, Layer, Options, Workload};
use crate::files::trace::TraceReader;
use crate::network::{Initialisation, arch};
use crate::onnx::Dimensions;
use crate::train::optimiser::RuleOptions;
use anyhow::{Context as _, anyhow};
use hwmodel::Format;
use hwmodel::product::ByOperand;
use std::path::Path;

impl CostArguments {
    /// The network, however it is given.
    pub(super) fn network(&self) -> Option<&Path> {
        let named = self.model.as_deref().or(self.onnx.as_deref());
        named.or(self.arch.as_deref().map(Path::new))
    }
}

/// The workload that the arguments name.
pub(super) fn workload(arguments: &CostArguments) -> Result<Workload, Failure> {
    if let Some(path) = &arguments.topology {
        return topology::workload(path);
    }
    let Some(network) = arguments.network() else {
        return Err(Failure::usage(anyhow!("give a MODEL or --topology")));
    };
    let task = Task {
        image: arguments.image.map(|ImageSize(image)| image),
        classes: arguments.classes.map(|classes| classes as usize),
    };
    let workload = match (&arguments.arch, &arguments.onnx) {
        (Some(name), _) => architecture(name, &task)?,
        (None, Some(path)) => graph(path, &sizes(&arguments.dim))?,
        (None, None) => of_model(network, First::File, &task, &sizes(&arguments.dim))?,
    };
    Ok(workload)
}

/// The images and classes that a built-in network is built for, where they are not those of its published sizes.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cli) struct Task {
    pub(in crate::cli) image: Option<[usize; 3]>,
    pub(in crate::cli) classes: Option<usize>,
}

/// Sizes of open dimensions by their names.
pub(in crate::cli) fn sizes(given: &[Dimension]) -> Dimensions {
    given.iter().map(|dim| (dim.name.clone(), dim.size)).collect()
}

/// The workload of `network`, a built-in name, a saved model or an ONNX file, with the word lengths that it states.
///
/// # Errors
/// If it cannot be read, or a task or sizes are given for what has its own.
pub(in crate::cli) fn of_model(
    network: &Path,
    first: First,
    task: &Task,
    sizes: &Dimensions,
) -> Result<Workload, Failure> {
    let names = first == First::Architecture || !network.is_file();
    let of_shapes = network.to_str().filter(|name| names && of_shapes_only(name));
    if let Some(name) = of_shapes {
        return architecture(name, task);
    }
    let model = Model::named(network, first).map_err(Failure::Usage)?;
    let fixed = [("image", task.image.is_some()), ("classes", task.classes.is_some())];
    let given = fixed.iter().find(|(_, given)| *given && model.file().is_some());
    if let Some((flag, _)) = given {
        return Err(Failure::usage(anyhow!(
            "`--{flag}` is for built-in networks, and `{}` has its own sizes: leave it out",
            network.display()
        )));
    }
    if !model.is_onnx() && !sizes.is_empty() {
        return Err(Failure::usage(anyhow!(
            "`--dim` is for ONNX networks, and `{}` is not one: leave it out",
            network.display()
        )));
    }
    match &model {
        Model::BuiltIn(name) => architecture(name, task),
        Model::Onnx(path) => graph(path, sizes),
        Model::Saved(_) => {
            let opened = network_file::layers(&model, &[])?;
            Workload::of_trained(&opened.network).map_err(Failure::usage)
        }
    }
}

fn graph(path: &Path, sizes: &Dimensions) -> Result<Workload, Failure> {
    let model = workload::onnx::read(path, sizes);
    let model = model.with_context(|| format!("ONNX model `{}`", path.display()));
    model.map_err(Failure::Usage)
}

fn of_shapes_only(name: &str) -> bool {
    workload::arch::names().any(|known| known == name)
}

/// An architecture that can be trained, or one of shapes only.
fn architecture(name: &str, task: &Task) -> Result<Workload, Failure> {
    if of_shapes_only(name) {
        if task.image.is_some() || task.classes.is_some() {
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
    let (input, classes) = (task.image.unwrap_or(image), task.classes.unwrap_or(classes));
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
    match arguments.accumulator.levels.is_empty() {
        true => Ok(()),
        false => Err(Failure::usage(anyhow!(
            "the --accumulator-... flags have no effect with {without}: leave them out"
        ))),
    }
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
    let own = arguments.wl.is_none() && arguments.fl.is_none();
    Ok(if own { stated_or(workload, format) } else { Formats::uniform(format) })
}

/// What the layers state, else `format`.
pub(in crate::cli) fn stated_or(workload: &Workload, format: Format) -> Formats {
    let stated = |layer: &Layer| layer.stated != ByOperand::default();
    if workload.layers().iter().any(stated) {
        return Formats::stated_or(format);
    }
    Formats::uniform(format)
}
