//! Points that are costed without training: on a trace, or on the shapes of a network.

use super::arguments::{NetworkKeys, Specification};
use super::designs::{Designs, PointDesign};
use crate::cli::errors::Failure;
use crate::explore::sweep::ContentHash;
use crate::explore::{
    COUNT_COLUMNS, MACHINE_COLUMNS, NetworkPass, NetworkShapes, Recording, count_cells,
    machine_cells, replay,
};
use crate::network::{Initialisation, arch};
use anyhow::{Context as _, anyhow};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

const DEFAULT_ARCH: &str = "lenet5";
const DEFAULT_WL: u32 = 8;

/// What is costed, by word length (`None` is that of the trace).
pub(super) struct Networks {
    source: Source,
    recordings: HashMap<Option<u32>, Recording>,
}

enum Source {
    Trace { content: ContentHash, top1: Option<f64> },
    Network { shapes: NetworkShapes, keys: NetworkKeys },
}

impl Networks {
    pub(super) fn new(specification: &Specification) -> Result<Self, Failure> {
        let mut recordings = HashMap::new();
        let Some(path) = &specification.trace else {
            let keys = specification.network.clone();
            let initialisation = Initialisation { seed: 0, scale: 1.0 };
            let name = keys.arch.as_deref().unwrap_or(DEFAULT_ARCH);
            let common = arch::common_task(name, initialisation);
            let task = arch::Task {
                input: keys.image.unwrap_or(common.input),
                classes: keys.classes.unwrap_or(common.classes),
                initialisation,
            };
            let network = arch::build(name, &task).map_err(Failure::usage)?;
            let shapes = NetworkShapes::of(network)?;
            return Ok(Self { source: Source::Network { shapes, keys }, recordings });
        };
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let content = ContentHash::default().with(bytes);
        let recording = Recording::read(path)?;
        if recording.steps_left_out() > 0 {
            eprintln!(
                "hwsim: the trace leaves out {} steps (--trace-every): the totals are those of its {} steps",
                recording.steps_left_out(),
                recording.steps()
            );
        }
        let top1 = recording.top1();
        recordings.insert(None, recording);
        Ok(Self { source: Source::Trace { content, top1 }, recordings })
    }

    /// The result columns.
    pub(super) fn columns(&self) -> Vec<String> {
        let mut columns: Vec<String> =
            COUNT_COLUMNS.iter().chain(&MACHINE_COLUMNS).map(|name| (*name).to_owned()).collect();
        if let Source::Trace { .. } = self.source {
            columns.push("top1".to_owned());
        }
        columns
    }

    /// The word length of a point; `None` with a trace.
    fn word_length(&self, design: &PointDesign) -> Result<Option<u32>, Failure> {
        let mut found = match self.source {
            Source::Trace { .. } => None,
            Source::Network { .. } => Some(DEFAULT_WL),
        };
        for (axis, value) in Designs::other_axes(&design.made.point) {
            let wl = value.as_integer().and_then(|bits| u32::try_from(bits).ok());
            match (axis, wl) {
                ("wl", Some(wl)) if found.is_some() => found = Some(wl),
                ("wl", None) => {
                    return Err(Failure::usage(anyhow!("wl {value}: use 1 to 32 bits")));
                }
                ("wl", _) => {
                    return Err(Failure::usage(anyhow!(
                        "a trace has its own word lengths: leave out wl"
                    )));
                }
                _ => {
                    return Err(Failure::usage(anyhow!(
                        "axis `{axis}` changes no cost: use --train, or one of the axes of a machine or wl"
                    )));
                }
            }
        }
        Ok(found)
    }

    /// The key of a point, after making what it is costed on.
    pub(super) fn prepare(
        &mut self,
        design: &PointDesign,
        key: ContentHash,
    ) -> Result<ContentHash, Failure> {
        let wl = self.word_length(design)?;
        match &self.source {
            Source::Trace { content, .. } => Ok(key.with("trace").with(content.hex())),
            Source::Network { shapes, keys } => {
                let pass = NetworkPass {
                    batch: keys.batch.unwrap_or(1),
                    wl,
                    training: keys.gradients.unwrap_or(false),
                };
                if let Entry::Vacant(entry) = self.recordings.entry(wl) {
                    entry.insert(shapes.recording(pass).map_err(Failure::usage)?);
                }
                Ok(key.with("network").with(format!("{keys:?} {pass:?}")))
            }
        }
    }

    /// The result cells of a point that was prepared.
    pub(super) fn evaluate(&self, design: &PointDesign) -> Result<Vec<String>, Failure> {
        let recording = &self.recordings[&self.word_length(design)?];
        let replay = replay(recording, &design.made.machine, None)?;
        let mut cells = count_cells(&replay.total, replay.processing_elements);
        cells.extend(machine_cells(&replay));
        if let Source::Trace { top1, .. } = self.source {
            cells.push(top1.map_or(String::new(), |top1| format!("{top1:?}")));
        }
        Ok(cells)
    }
}
