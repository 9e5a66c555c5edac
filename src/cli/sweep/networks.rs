//! Points that are costed without training: on a trace, or on the shapes of a network.

use super::arguments::{NetworkKeys, Specification};
use super::designs::{Designs, PointDesign};
use crate::cli::arguments::fixed_type;
use crate::cli::cost::{Task, of_model, stated_or};
use crate::cli::errors::Failure;
use crate::cli::model::First;
use crate::cli::output;
use crate::design::sweep::ContentHash;
use crate::design::workload::{Formats, Options, Pass, Workload, estimate};
use crate::design::{
    COUNT_COLUMNS, MACHINE_COLUMNS, Recording, UPDATE_COLUMNS, count_cells, counters_of,
    machine_cells, replay, update_cells, updates_of,
};
use crate::network::arch;
use crate::train::optimiser::RuleOptions;
use anyhow::{Context as _, anyhow};
use hwmodel::Format;
use hwmodel::machine::Machine;
use hwmodel::product::ByOperand;
use std::path::Path;

const DEFAULT_ARCH: &str = "lenet5";
const DEFAULT_WL: u32 = 8;
/// The largest batch, as of `hwsim cost`.
const MOST_SAMPLES: u64 = 1 << 32;

/// Source of the points that are costed without training: a trace, or a network.
pub(super) struct Networks {
    source: Source,
}

enum Source {
    Trace { recording: Box<Recording>, content: ContentHash, top1: Option<f64> },
    Network { workload: Workload, key: ContentHash, pass: Pass, batch: u64 },
}

impl Networks {
    pub(super) fn new(specification: &Specification) -> Result<Self, Failure> {
        let Some(path) = &specification.trace else {
            return Ok(Self { source: network(&specification.network)? });
        };
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let content = ContentHash::default().with(bytes);
        let recording = Recording::read(path)?;
        if recording.steps_left_out() > 0 {
            output::note(&format!(
                "hwsim: the trace leaves out {} steps (--trace-every): the totals are those of its {} steps",
                recording.steps_left_out(),
                recording.steps()
            ));
        }
        let top1 = recording.top1();
        let recording = Box::new(recording);
        Ok(Self { source: Source::Trace { recording, content, top1 } })
    }

    /// The result columns.
    pub(super) fn columns(&self) -> Vec<String> {
        let columns = COUNT_COLUMNS.iter().chain(&UPDATE_COLUMNS).chain(&MACHINE_COLUMNS);
        let mut columns: Vec<String> = columns.map(|name| (*name).to_owned()).collect();
        if let Source::Trace { .. } = self.source {
            columns.push("top1".to_owned());
        }
        columns
    }

    /// The format of a point, and how its key names it; without a format where layers have their own.
    fn format(&self, design: &PointDesign) -> Result<(Option<Format>, String), Failure> {
        let is_trace = matches!(self.source, Source::Trace { .. });
        let has_own = match &self.source {
            Source::Trace { .. } => true,
            Source::Network { workload, .. } => {
                workload.layers().iter().any(|layer| layer.stated != ByOperand::default())
            }
        };
        let mut given = None;
        for (axis, value) in Designs::other_axes(&design.made.point) {
            let (format, key) = match axis {
                "wl" | "number-format" if is_trace => {
                    return Err(Failure::usage(anyhow!(
                        "a trace has its own formats: leave out {axis}"
                    )));
                }
                "wl" => {
                    let wl = value.as_integer().and_then(|bits| u32::try_from(bits).ok());
                    let Some(wl) = wl else {
                        return Err(Failure::usage(anyhow!("wl {value}: use 1 to 32 bits")));
                    };
                    (of_word_length(wl)?, word_length_key(wl))
                }
                "number-format" => {
                    let text = design.made.point.cell(axis);
                    let format = fixed_type(&text, "number-format")?.format;
                    (format, format.to_string())
                }
                _ => {
                    return Err(Failure::usage(anyhow!(
                        "axis `{axis}` changes no cost: use --train, or one of the axes of a machine, wl or number-format"
                    )));
                }
            };
            if given.replace((format, key)).is_some() {
                return Err(Failure::usage(anyhow!(
                    "wl and number-format both state a format: leave one out"
                )));
            }
        }
        Ok(match given {
            Some((format, key)) => (Some(format), key),
            None if has_own => (None, "None".to_owned()),
            None => (Some(of_word_length(DEFAULT_WL)?), word_length_key(DEFAULT_WL)),
        })
    }

    /// The key of a point.
    pub(super) fn key(
        &self,
        design: &PointDesign,
        key: ContentHash,
    ) -> Result<ContentHash, Failure> {
        let (_, format) = self.format(design)?;
        Ok(match &self.source {
            Source::Trace { content, .. } => key.with("trace").with(content.hex()),
            Source::Network { key: network, .. } => {
                key.with("workload").with(network.hex()).with(format)
            }
        })
    }

    /// The result cells of a point.
    pub(super) fn evaluate(&self, design: &PointDesign) -> Result<Vec<String>, Failure> {
        let machine = &design.made.machine;
        match &self.source {
            Source::Trace { recording, top1, .. } => {
                let replay = replay(recording, machine, None)?;
                let mut cells = count_cells(&replay.total, replay.processing_elements);
                cells.extend(update_cells(&replay.update));
                let area_mm2 = replay.area.and_then(|area| area.total_mm2());
                let narrower = replay.narrower_rows;
                cells.extend(machine_cells(&replay.total, replay.seconds, area_mm2, narrower));
                cells.push(top1.map_or(String::new(), |top1| format!("{top1:?}")));
                Ok(cells)
            }
            Source::Network { workload, pass, batch, .. } => {
                let formats = match self.format(design)? {
                    (Some(format), _) => Formats::uniform(format),
                    (None, _) => stated_or(workload, of_word_length(DEFAULT_WL)?),
                };
                let options = Options {
                    pass: *pass,
                    batch: *batch,
                    formats,
                    accumulator: None,
                    rule: RuleOptions::default(),
                };
                let cost = estimate(workload, machine, &options).map_err(Failure::usage)?;
                let total = counters_of(&cost);
                let area = cost.area.and_then(|area| Some(area.logic_um2? + area.sram_um2?));
                let seconds = machine.seconds(total.cycles.total());
                let mut cells = count_cells(&total, machine.array().processing_elements());
                cells.extend(update_cells(&updates_of(&cost)));
                cells.extend(machine_cells(&total, seconds, area.map(|um2| um2 * 1e-6), 0));
                Ok(cells)
            }
        }
    }
}

/// Words of `wl` bits; a fractional length changes no cost.
fn of_word_length(wl: u32) -> Result<Format, Failure> {
    Format::new(wl, 0).map_err(Failure::usage)
}

/// A word length in the key of a point, as earlier versions wrote it.
fn word_length_key(wl: u32) -> String {
    format!("{:?}", Some(wl))
}

/// The network of `keys`. A built-in one is built for the images and classes that its sizes are published for unless they say
/// otherwise, as `hwsim cost` does.
fn network(keys: &NetworkKeys) -> Result<Source, Failure> {
    let name = keys.arch.as_deref().unwrap_or(DEFAULT_ARCH);
    let task = Task { image: keys.image, classes: keys.classes };
    let sizes = keys.dim.iter().map(|(name, size)| (name.clone(), *size)).collect();
    let workload = of_model(Path::new(name), First::Architecture, &task, &sizes)?;
    let pass = if keys.gradients.unwrap_or(false) { Pass::Training } else { Pass::Inference };
    let batch = keys.batch.unwrap_or(1);
    if !(1..=MOST_SAMPLES).contains(&batch) {
        return Err(Failure::usage(anyhow!("a batch of {batch} is impossible: use 1 to 2^32")));
    }
    // Sizes beyond the cost model are an error of the file, before the first point.
    let formats = Formats::uniform(Format::new(DEFAULT_WL, 0).map_err(Failure::usage)?);
    let options = Options { pass, batch, formats, accumulator: None, rule: RuleOptions::default() };
    let machine = Machine::builtin(Machine::DEFAULT).map_err(Failure::usage)?;
    estimate(&workload, &machine, &options).map_err(Failure::usage)?;
    let key = match arch::published_task(name) {
        Ok((image, classes)) => {
            let (image, classes) = (task.image.unwrap_or(image), task.classes.unwrap_or(classes));
            format!("{name} {image:?} {classes} {pass:?} {batch}")
        }
        // What is costed of a file, so that one that has changed is another network.
        Err(_) => format!("{workload:?} {pass:?} {batch}"),
    };
    Ok(Source::Network { workload, key: ContentHash::default().with(key), pass, batch })
}
