//! Saved networks: what the hardware holds after training, bit for bit.
//!
//! One safetensors file. Fixed-point parameters are memory images packed at their word length
//! ([`hwmodel::number::pack`]), so the file is as small as the weights in hardware; float32 parameters and
//! running statistics are float32. The metadata has the layers, their formats, classes, normalisation
//! and the arithmetic that the network was trained for.

mod quantise;
mod recognise;

pub use quantise::quantise;

use crate::data::{Dataset, Normalisation, TextOptions};
use crate::files::checkpoint::{Snapshot, SnapshotError, SnapshotTensor};
use crate::network::{
    Builder, Initialisation, LayerDescription, Network, NetworkDescription, NetworkError,
    Parameter, arch,
};
use crate::precision::{NumberFormat, RoleFormats};
use hwmodel::number::pack::{self, ImageSize};
use hwmodel::random::RandomSource;
use hwmodel::{Accumulator, FixedTensor, Overflow, Rounding, TensorError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The kind of file, in its metadata.
const KIND: &str = "hwsim-model";
/// Version of the layout. Version 1 names an architecture in place of its layers.
const VERSION: u32 = 2;

/// A path as it is typed in a shell.
fn quoted(path: &Path) -> String {
    shell_words::quote(&path.to_string_lossy()).into_owned()
}

/// The command that saves the network of the checkpoint in `folder`.
fn save_command(folder: &Path) -> String {
    format!("hwsim train --resume {} --save-model FILE", quoted(folder))
}

/// A model file that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The container.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The file is a checkpoint or something else.
    #[error(
        "it is not a model of a version up to {VERSION}: save one with `hwsim train --save-model FILE` ({0})"
    )]
    Kind(String),
    /// A checkpoint of a run.
    #[error(
        "it is the checkpoint of a training run: save its network with `{}`",
        save_command(folder)
    )]
    Checkpoint {
        /// The folder that it is in.
        folder: PathBuf,
    },
    /// A folder.
    #[error("it is a folder: give the file that `hwsim train --save-model FILE` wrote")]
    Folder,
    /// A folder with a checkpoint in it.
    #[error(
        "it is a folder with the checkpoint of a training run: save its network with `{}`",
        save_command(folder)
    )]
    CheckpointFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// An ONNX model.
    #[error(
        "it is an ONNX file and not a saved model: `hwsim train --init-from {} --save-model FILE` makes one of it",
        quoted(file)
    )]
    Onnx {
        /// The file.
        file: PathBuf,
    },
    /// A safetensors file of another program.
    #[error(
        "it is a safetensors file that hwsim did not write, and weights of other programs are not read: give the file that \
         `hwsim train --save-model FILE` wrote"
    )]
    OtherProgram,
    /// Not what was saved.
    #[error(
        "it is no model, or a damaged one ({reason}): copy the file anew, or save it again with `hwsim train --save-model FILE`"
    )]
    Damaged {
        /// The mismatch.
        reason: String,
    },
    /// A parameter is missing or has the wrong type.
    #[error("parameter `{0}` is missing, or its type or size does not fit")]
    Parameter(String),
    /// A memory image of the wrong size.
    #[error("parameter `{name}`: {source}")]
    Image {
        /// Name of the parameter.
        name: String,
        /// The sizes.
        source: ImageSize,
    },
    /// Shapes.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// The architecture.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A language model on images.
    #[error(
        "the model takes sequences of tokens, which data set `{data}` does not have: use `--dataset text` with the text it was trained on"
    )]
    NeedsTokens {
        /// Name of the data.
        data: String,
    },
    /// A network for images on a text.
    #[error(
        "the model takes images, and data set `{data}` has sequences of tokens: use the data set it was trained on"
    )]
    NeedsImages {
        /// Name of the data.
        data: String,
    },
    /// A text with other words.
    #[error("the vocabulary of `{data}` is not that of the model: use the text it was trained on")]
    Vocabulary {
        /// Name of the data.
        data: String,
    },
    /// The data does not fit the network.
    #[error(
        "the model takes images of {expected:?} (height, width, channels) in {classes} classes; data set `{data}` has {given:?} in {data_classes}"
    )]
    Data {
        /// `[h, w, c]` of the model.
        expected: [usize; 3],
        /// Classes of the model.
        classes: usize,
        /// Name of the data.
        data: String,
        /// `[h, w, c]` of the data.
        given: [usize; 3],
        /// Classes of the data.
        data_classes: usize,
    },
}

/// The metadata of a saved network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelHeader {
    kind: String,
    version: u32,
    /// Name of the network.
    pub arch: String,
    /// Its layers; files of version 1 have those of the architecture `arch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<LayerDescription>>,
    /// Shape of an image, `[h, w, c]`.
    pub input: [usize; 3],
    /// Names of the classes.
    pub class_names: Vec<String>,
    /// Data set it was trained on.
    pub dataset: String,
    /// Normalisation of its images.
    pub normalisation: Normalisation,
    /// How its text was cut into tokens and sequences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextOptions>,
    /// Formats of each parameter in order.
    pub formats: Vec<(String, RoleFormats)>,
    /// Accumulator of the array.
    pub accumulator: Accumulator,
    /// Rounding of activations in inference.
    pub rounding: Rounding,
    /// Random numbers of stochastic rounding.
    #[serde(default, skip_serializing_if = "RandomSource::is_default")]
    pub random: RandomSource,
    /// Overflow mode of activations.
    pub overflow: Overflow,
    /// Seed of the run.
    pub seed: u64,
}

impl ModelHeader {
    /// The header of a float network that no run trained: no data set, its classes are numbers.
    pub fn of_network(network: &Network) -> Self {
        Self {
            kind: KIND.to_owned(),
            version: VERSION,
            arch: network.name.clone(),
            layers: None,
            input: network.input,
            class_names: (0..network.classes).map(|class| class.to_string()).collect(),
            dataset: String::new(),
            normalisation: Normalisation::none(),
            text: None,
            formats: Vec::new(),
            accumulator: Accumulator::default(),
            rounding: Rounding::NearestEven,
            random: RandomSource::default(),
            overflow: Overflow::Saturate,
            seed: 0,
        }
    }

    /// The layers, without values.
    fn builder(&self) -> Result<Builder, NetworkError> {
        let initialisation = Initialisation { seed: 0, scale: 1.0 };
        if let Some(layers) = &self.layers {
            let description = NetworkDescription { input: self.input, layers: layers.clone() };
            return description.builder(&self.arch, initialisation);
        }
        let (input, classes) = (self.input, self.class_names.len());
        arch::layers(&self.arch, &arch::Task { input, classes, initialisation })
    }
}

/// Arithmetic of a model, apart from its formats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arithmetic {
    /// Accumulator of the array.
    pub accumulator: Accumulator,
    /// Rounding of activations in inference.
    pub rounding: Rounding,
    /// Random numbers of stochastic rounding.
    pub random: RandomSource,
    /// Overflow mode of activations.
    pub overflow: Overflow,
    /// Seed of the run.
    pub seed: u64,
}

/// Saves `network`, trained on `dataset`, to the file `path`.
///
/// # Errors
/// If the file cannot be written; an old file is then untouched.
pub fn save(
    path: &Path,
    network: &Network,
    dataset: &Dataset,
    arithmetic: &Arithmetic,
) -> Result<(), ModelError> {
    let mut tensors = BTreeMap::new();
    for parameter in &network.parameters {
        let tensor = match &parameter.quantised {
            Some(tensor) => {
                let data = pack::pack(tensor.data(), tensor.format());
                SnapshotTensor::U8 { shape: vec![data.len()], data }
            }
            None => SnapshotTensor::F32 {
                shape: parameter.shape.clone(),
                data: parameter.master.clone(),
            },
        };
        tensors.insert(parameter.name.clone(), tensor);
    }
    for node in &network.nodes {
        if let Some(running) = node.running() {
            for (what, data) in [("mean", &running.mean), ("variance", &running.variance)] {
                let tensor = SnapshotTensor::F32 { shape: vec![data.len()], data: data.clone() };
                tensors.insert(format!("{}.running_{what}", node.name), tensor);
            }
        }
    }
    let header = ModelHeader {
        kind: KIND.to_owned(),
        version: VERSION,
        arch: network.name.clone(),
        layers: Some(network.description()?.layers),
        input: network.input,
        class_names: dataset.class_names.clone(),
        dataset: dataset.name.clone(),
        normalisation: dataset.normalisation.clone(),
        text: dataset.text,
        formats: network.parameters.iter().map(|p| (p.name.clone(), settled(p))).collect(),
        accumulator: arithmetic.accumulator,
        rounding: arithmetic.rounding,
        random: arithmetic.random,
        overflow: arithmetic.overflow,
        seed: arithmetic.seed,
    };
    let meta =
        serde_json::to_value(&header).map_err(|error| ModelError::Kind(error.to_string()))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Snapshot { meta, tensors }.save(folder, name)?;
    Ok(())
}

/// The formats of a parameter, with the scale that it has now in place of one chosen from the data.
fn settled(parameter: &Parameter) -> RoleFormats {
    let weight = match &parameter.quantised {
        Some(tensor) => NumberFormat::Fixed(tensor.format()),
        None => parameter.formats.weight,
    };
    RoleFormats { weight, ..parameter.formats }
}

/// Loads a network and its header.
///
/// # Errors
/// If the file is damaged or no model.
pub fn load(path: &Path) -> Result<(Network, ModelHeader), ModelError> {
    recognise::by_name(path)?;
    let mut snapshot = Snapshot::load(path).map_err(recognise::of_container)?;
    let header = ModelHeader::deserialize(&snapshot.meta)
        .map_err(|error| recognise::of_metadata(path, &snapshot.meta, error.to_string()))?;
    if header.kind != KIND
        || header.layers.is_some() != (header.version == VERSION)
        || !(1..=VERSION).contains(&header.version)
    {
        let found = format!("found `{}` version {}", header.kind, header.version);
        return Err(ModelError::Kind(found));
    }
    let layers = header.builder()?;
    // Before memory for the sizes of the header is asked for.
    for parameter in layers.parameters() {
        let elements = parameter.elements();
        let fits = match snapshot.tensors.get(&parameter.name) {
            Some(SnapshotTensor::U8 { data, .. }) => data.len().saturating_mul(8) >= elements,
            Some(SnapshotTensor::F32 { data, .. }) => data.len() == elements,
            _ => false,
        };
        if !fits {
            return Err(ModelError::Parameter(parameter.name.clone()));
        }
    }
    let mut network = layers.finish()?;
    if header.formats.len() != network.parameters.len() {
        return Err(ModelError::Parameter(format!("number {}", header.formats.len())));
    }
    for (parameter, (name, formats)) in network.parameters.iter_mut().zip(&header.formats) {
        let wrong = || ModelError::Parameter(parameter.name.clone());
        if *name != parameter.name {
            return Err(wrong());
        }
        parameter.formats = *formats;
        match (formats.weight, snapshot.tensors.remove(name)) {
            (NumberFormat::Fixed(format), Some(SnapshotTensor::U8 { data, .. })) => {
                let raw = pack::unpack(&data, format, parameter.master.len())
                    .map_err(|source| ModelError::Image { name: name.clone(), source })?;
                let tensor = FixedTensor::new(&parameter.shape, format, raw)?;
                parameter.master = tensor.to_f32(hwmodel::SimdLevel::PORTABLE);
                parameter.quantised = Some(tensor);
            }
            (NumberFormat::Float32, Some(SnapshotTensor::F32 { data, .. }))
                if data.len() == parameter.master.len() =>
            {
                parameter.master = data;
            }
            _ => return Err(wrong()),
        }
    }
    for node in &mut network.nodes {
        let name = node.name.clone();
        let Some(running) = node.running_mut() else { continue };
        for (what, values) in [("mean", &mut running.mean), ("variance", &mut running.variance)] {
            let key = format!("{name}.running_{what}");
            match snapshot.tensors.remove(&key) {
                Some(SnapshotTensor::F32 { data, .. }) if data.len() == values.len() => {
                    *values = data;
                }
                _ => return Err(ModelError::Parameter(key)),
            }
        }
    }
    Ok((network, header))
}

/// Checks that a data set's images fit a model.
///
/// # Errors
/// If they do not.
pub fn check_data(header: &ModelHeader, dataset: &Dataset) -> Result<(), ModelError> {
    let given = dataset.test.input();
    let (classes, data_classes) = (header.class_names.len(), dataset.classes());
    match (header.text.is_some(), dataset.test.sequences().is_some()) {
        (true, false) => return Err(ModelError::NeedsTokens { data: dataset.name.clone() }),
        (false, true) => return Err(ModelError::NeedsImages { data: dataset.name.clone() }),
        _ => {}
    }
    if dataset.test.sequences().is_some() && dataset.class_names != header.class_names {
        return Err(ModelError::Vocabulary { data: dataset.name.clone() });
    }
    if given != header.input || classes != data_classes {
        let (expected, data) = (header.input, dataset.name.clone());
        return Err(ModelError::Data { expected, classes, data, given, data_classes });
    }
    Ok(())
}
