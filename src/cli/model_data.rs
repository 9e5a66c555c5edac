//! A saved model and images that it is run on.

use super::errors::Failure;
use super::network_file::{self, NetworkFile};
use super::pixels::PixelArguments;
use super::settings::optimiser::INITIALISATION_SCALE;
use super::{output, setup};
use crate::data::{Dataset, DatasetKind, Normalisation, Preparation, SampleSet, TextOptions};
use crate::files::model::{self, ModelHeader};
use crate::network::{Activation, Initialisation, Network, arch};
use crate::setting::common::SEED;
use crate::setting::{Described, Values};
use anyhow::anyhow;
use hwmodel::cast::exact;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Where images come from.
#[derive(Debug, clap::Args)]
pub(super) struct DataArguments {
    /// Data set; the one that the model was trained on if not given. A model trained on fashion-mnist-slice
    /// takes fashion-mnist if --data-dir is given.
    #[arg(long)]
    pub(super) dataset: Option<DatasetKind>,
    /// Folder of the data set.
    #[arg(long, alias = "dataset-dir", value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(super) pixels: PixelArguments,
}

impl DataArguments {
    /// The data of a model, normalised as in its training and limited to `images` test images.
    pub(super) fn load(
        &self,
        header: &ModelHeader,
        images: Option<usize>,
    ) -> Result<Dataset, Failure> {
        self.load_samples(header, (None, images))
    }

    /// The data of a model, normalised as in its training and limited to so many training and test images.
    pub(super) fn load_samples(
        &self,
        header: &ModelHeader,
        limits: (Option<usize>, Option<usize>),
    ) -> Result<Dataset, Failure> {
        let of_graph = header.dataset.is_empty();
        let arrays = self.data_dir.as_deref().map(DatasetKind::of_place);
        let given = self.dataset.or(arrays.filter(|kind| *kind == DatasetKind::Arrays));
        if of_graph && given.is_none() {
            return Err(Failure::usage(anyhow!(
                "network `{}` does not say on which data it runs: give `--dataset NAME`",
                header.arch
            )));
        }
        let own = || header.dataset.parse().map_err(|error| anyhow!("{error}"));
        let mut kind = given.map_or_else(own, Ok)?;
        let slice = kind == DatasetKind::FashionMnistSlice;
        if slice && self.dataset.is_none() && self.data_dir.is_some() {
            kind = DatasetKind::FashionMnist;
        }
        let text = header.text.unwrap_or_default();
        let input = header.text.is_none().then_some(header.input);
        let [h, w, _] = header.input;
        let folder = self.data_dir.clone();
        let mut dataset = setup::dataset(kind, &text, folder, input, limits)?;
        model::check_data(header, &dataset)?;
        let [_, _, channels] = dataset.test.input();
        dataset.normalisation = match (of_graph, self.pixels.given().next()) {
            (true, _) => {
                let normalisation = self.pixels.normalisation(channels)?;
                let scaled = if dataset.test.images().is_some() { "pixel / 255" } else { "x" };
                let text = self.pixels.text(scaled);
                output::note(&format!("samples of {h}x{w}x{channels}, numbers are {text}"));
                normalisation
            }
            (false, None) => header.normalisation.clone(),
            (false, Some(flag)) => {
                return Err(Failure::usage(anyhow!(
                    "`--{flag}` is for ONNX and built-in networks: a saved model says how its pixels become numbers; leave it out"
                )));
            }
        };
        Ok(dataset)
    }
}

/// The built-in architecture that `model` names, if it is not a file.
pub(super) fn architecture(model: &Path) -> Option<&'static str> {
    if model.exists() {
        return None;
    }
    arch::names().find(|name| model.as_os_str() == *name)
}

/// A network with test images, normalised as in its training.
pub(super) struct ModelData {
    pub(super) network: Network,
    pub(super) header: ModelHeader,
    pub(super) dataset: Dataset,
}

impl ModelData {
    /// Loads the model `path`, or the built-in architecture of this name with the initial values that training begins with, and at
    /// most `images` test images, the classes in equal parts.
    pub(super) fn load(
        path: &Path,
        seed: Option<u64>,
        arguments: &DataArguments,
        images: usize,
    ) -> Result<Self, Failure> {
        if images == 0 {
            return Err(Failure::usage(anyhow!("`--images` is 0: use at least 1")));
        }
        if let Some(name) = architecture(path) {
            return Self::initial(name, seed, arguments, images);
        }
        if seed.is_some() {
            return Err(Failure::usage(anyhow!(
                "`--seed` has no effect on `{}`, which has its weights: leave it out",
                path.display()
            )));
        }
        if !path.exists() {
            return Err(Failure::Run(anyhow!(
                "cannot load `{}`: neither a file nor one of the built-in networks {}",
                path.display(),
                arch::names().collect::<Vec<_>>().join(", ")
            )));
        }
        let opened = network_file::open(path, &[])?;
        opened.show_notes();
        let NetworkFile { network, header, .. } = opened;
        let dataset = arguments.load(&header, Some(images))?;
        Ok(Self { network, header, dataset })
    }

    /// Architecture `name` for the data set, with the initial values of `seed`.
    fn initial(
        name: &str,
        seed: Option<u64>,
        arguments: &DataArguments,
        images: usize,
    ) -> Result<Self, Failure> {
        let kind = match (arguments.dataset, &arguments.data_dir) {
            (Some(kind), _) => kind,
            _ if arch::is_language_model(name) => DatasetKind::Text,
            (None, Some(place)) => DatasetKind::of_place(place),
            (None, None) => DatasetKind::FashionMnistSlice,
        };
        let (text, folder) = (TextOptions::default(), arguments.data_dir.clone());
        let mut dataset = setup::dataset(kind, &text, folder, None, (None, Some(images)))?;
        let (input, classes) = (dataset.test.input(), dataset.classes());
        if arguments.pixels.given().next().is_some() {
            dataset.normalisation = arguments.pixels.normalisation(input[2])?;
        }
        let settings: [&dyn Described; 2] = [&SEED, &INITIALISATION_SCALE];
        let defaults = Values::defaults(settings);
        let seed = seed.or(SEED.unchecked(&defaults)).expect("a setting with a default");
        let scale = INITIALISATION_SCALE.unchecked(&defaults).expect("a setting with a default");
        let initialisation = Initialisation { seed, scale };
        let task = arch::Task { input, classes, initialisation };
        let network = arch::build(name, &task).map_err(Failure::usage)?;
        if network.predictions() != dataset.test.targets_each() {
            let (needs, other) = match arch::is_language_model(name) {
                true => ("a text", "`--dataset text --data-dir FILE`"),
                false => ("images", "`--dataset` with a data set of images"),
            };
            return Err(Failure::usage(anyhow!("architecture {name} needs {needs}: use {other}")));
        }
        let mut header = ModelHeader::of_network(&network);
        header.seed = seed;
        Ok(Self { network, header, dataset })
    }

    /// The number of the MAC layer of a name or number.
    pub(super) fn layer(&self, layer: &str) -> Result<usize, Failure> {
        self.network.find_mac_layer(layer).map_err(Failure::usage)
    }
}

/// Test images `range`, `[n, h, w, c]`.
pub(super) fn images(dataset: &Dataset, range: Range<usize>) -> Activation {
    samples(&dataset.test, &dataset.normalisation, range)
}

/// Samples `range` of `set`, `[n, h, w, c]`.
pub(super) fn samples(
    set: &SampleSet,
    normalisation: &Normalisation,
    range: Range<usize>,
) -> Activation {
    let indices: Vec<u32> = range.map(exact::<u32>).collect();
    let mut values = Vec::new();
    let preparation = Preparation { normalisation, augmentation: None, place: (0, 0) };
    set.fill(&preparation, &indices, &mut values);
    let [h, w, c] = set.input();
    Activation::float(values, [indices.len(), h, w, c])
}
