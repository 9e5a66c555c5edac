//! A network of layers from a file: a saved model, or an ONNX graph of floats.

use super::errors::Failure;
use super::eval_network::{Dimension, is_onnx, resolve};
use super::{output, setup};
use crate::files::model::{self, ModelHeader};
use crate::network::imported::{self, Imported};
use crate::network::{Initialisation, Network, NetworkDescription, arch};
use crate::onnx::model::Model;
use anyhow::Context as _;
use std::path::Path;

/// A network and what its file says besides.
pub(super) struct NetworkFile {
    pub(super) network: Network,
    /// Of an ONNX graph, a header without a data set.
    pub(super) header: ModelHeader,
    /// What differs from the graph.
    pub(super) notes: Vec<String>,
}

/// Reads the network in the file `path`; `dimensions` are the sizes of open axes of an ONNX graph.
pub(super) fn open(path: &Path, dimensions: &[Dimension]) -> Result<NetworkFile, Failure> {
    let cannot = || format!("cannot load `{}`", path.display());
    if !is_onnx(path) {
        let (network, header) = model::load(path).with_context(cannot)?;
        return Ok(NetworkFile { network, header, notes: Vec::new() });
    }
    let simd = setup::simd()?;
    let mut model = Model::read(path).with_context(cannot)?;
    resolve(&mut model.inputs, dimensions)?;
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
