//! The layers of MODEL with their values.

use super::errors::Failure;
use super::eval_network::Dimension;
use super::model::{self as source, First, Model};
use super::{output, setup};
use crate::files::model::{self, ModelHeader};
use crate::network::imported::{self, Imported};
use crate::network::{Initialisation, Network, NetworkDescription, arch};
use anyhow::{Context as _, anyhow};
use std::path::Path;

/// A network and what its file says besides.
pub(super) struct NetworkFile {
    pub(super) network: Network,
    /// Of an ONNX graph or a built-in network, a header without a data set.
    pub(super) header: ModelHeader,
    /// What differs from the graph.
    pub(super) notes: Vec<String>,
}

/// Seed of the values of a built-in network, as of a training run without --seed.
const SEED: u64 = 1;

/// Reads the network that `text` names; `dimensions` are the sizes of open axes of an ONNX graph.
pub(super) fn open(text: &Path, dimensions: &[Dimension]) -> Result<NetworkFile, Failure> {
    layers(&Model::named(text, First::File).map_err(Failure::Run)?, dimensions)
}

/// The layers of `model` with their values: those of its file, or random ones for a built-in name.
pub(super) fn layers(model: &Model, dimensions: &[Dimension]) -> Result<NetworkFile, Failure> {
    match model {
        Model::BuiltIn(name) => built_in(name),
        Model::Saved(path) => {
            let cannot = || format!("cannot load `{}`", path.display());
            let (network, header) = model::load(path).with_context(cannot)?;
            Ok(NetworkFile { network, header, notes: Vec::new() })
        }
        Model::Onnx(path) => of_graph(path, dimensions),
    }
}

fn built_in(name: &str) -> Result<NetworkFile, Failure> {
    if arch::is_language_model(name) {
        return Err(Failure::usage(anyhow!(
            "`{name}` gets its vocabulary from a text: train it first, `hwsim train --arch {name} --dataset text --save-model FILE`"
        )));
    }
    let (input, classes) = arch::published_task(name).map_err(Failure::usage)?;
    let initialisation = Initialisation { seed: SEED, scale: 1.0 };
    let network = arch::build(name, &arch::Task { input, classes, initialisation })
        .map_err(Failure::usage)?;
    let header = ModelHeader::of_network(&network);
    let note = format!(
        "hwsim: note: `{name}` is a built-in network and has no trained values: these are random, for {} classes; \
         `hwsim train --arch {name} --save-model FILE` trains it",
        network.classes
    );
    Ok(NetworkFile { network, header, notes: vec![note] })
}

fn of_graph(path: &Path, dimensions: &[Dimension]) -> Result<NetworkFile, Failure> {
    let cannot = || format!("cannot load `{}`", path.display());
    let simd = setup::simd()?;
    let model = source::graph(path, dimensions)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let Imported { network, notes } = imported::import(&model, &name, simd).with_context(cannot)?;
    let header = ModelHeader::of_network(&network);
    Ok(NetworkFile { network, header, notes })
}

impl NetworkFile {
    /// Says what differs from the graph.
    pub(super) fn show_notes(&self) {
        self.notes.iter().for_each(|note| output::note(note));
    }

    /// The layers, unless they are those of a built-in architecture for the usual size of images.
    pub(super) fn own_layers(&self) -> Result<Option<NetworkDescription>, Failure> {
        let description = self.network.description().map_err(anyhow::Error::from)?;
        let initialisation = Initialisation { seed: 0, scale: 1.0 };
        let (input, classes) = (self.network.input, self.network.classes);
        let task = arch::Task { input, classes, initialisation };
        let usual = self.header.text.is_some() || input[..2] == crate::data::DEFAULT_SIZE;
        let built_in = arch::layers(&self.network.name, &task)
            .and_then(|layers| layers.description())
            .is_ok_and(|built_in| usual && built_in == description);
        Ok(if built_in { None } else { Some(description) })
    }
}
