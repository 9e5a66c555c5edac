//! Flags for the network and data that `hwsim pareto` trains.

use crate::cli::errors::Failure;
use crate::cli::settings::table::is_execution;
use crate::cli::settings::{Paths, TrainArguments};
use crate::cli::setup;
use crate::data::Dataset;
use crate::design::peppp::{Partition, PartitionSize, TrainingSetup};
use crate::design::sweep::value_of;
use anyhow::{Context as _, anyhow};
use hwmodel::cast::exact;
use std::path::PathBuf;
use toml::{Table, Value};

/// Where partitions come from.
const SUPERCLASSES: &str = "superclasses";

/// Settings that `measure` sets itself, or that have no effect in it, in addition to the execution settings.
const NOT_SET: [&str; 10] = [
    "controller",
    "wl",
    "fl",
    "preset",
    "dataset",
    "limit-train",
    "limit-test",
    "layer-formats",
    "format-schedule",
    "init-from",
];

/// Which partitions of the data.
#[derive(Debug, clap::Args)]
pub(super) struct PartitionArguments {
    /// A number of partitions of random classes, or `superclasses` for the twenty of CIFAR-100.
    #[arg(long, value_name = "N", default_value = "20", help_heading = "Data")]
    partitions: String,
    /// Fewest and most classes of a random partition, as in 2..5 [default: 2..10, or all if there are fewer].
    #[arg(long, value_name = "LEAST..MOST", help_heading = "Data")]
    partition_classes: Option<String>,
    /// Most training images of a partition, even over its classes [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Data")]
    train_images: Option<u32>,
    /// Most test images of a partition [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Data")]
    test_images: Option<u32>,
    /// Seed of the choice of classes and images.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Data")]
    partition_seed: u64,
}

impl PartitionArguments {
    pub(super) fn size(&self) -> PartitionSize {
        let images = |limit: Option<u32>| limit.map(|images| images as usize);
        PartitionSize { train: images(self.train_images), test: images(self.test_images) }
    }

    pub(super) fn partitions(&self, dataset: &Dataset) -> Result<Vec<Partition>, Failure> {
        if self.partitions == SUPERCLASSES {
            if self.partition_classes.is_some() {
                return Err(Failure::usage(anyhow!(
                    "--partition-classes has no effect with superclasses: they have five"
                )));
            }
            return Partition::superclasses(dataset, self.partition_seed).map_err(Failure::usage);
        }
        let count = self.partitions.parse().map_err(|_| {
            Failure::usage(anyhow!(
                "--partitions is `{}`: use a number or `{SUPERCLASSES}`",
                self.partitions
            ))
        })?;
        let classes = dataset.classes();
        let sizes = match &self.partition_classes {
            None => 2..=classes.min(10),
            Some(text) => {
                // 2-5 is an older spelling.
                let ends = text.split_once("..").or_else(|| text.split_once('-'));
                let (least, most) = ends.unwrap_or((text, text));
                let number = |text: &str| {
                    text.trim().parse::<usize>().map_err(|_| {
                        Failure::usage(anyhow!("--partition-classes: write them as in 2..5"))
                    })
                };
                number(least)?..=number(most)?
            }
        };
        Partition::random(classes, count, sizes, self.partition_seed).map_err(Failure::usage)
    }
}

/// The data of a new task.
#[derive(Debug, clap::Args)]
pub(super) struct NewPartitionArguments {
    /// With --train: classes, by name or label [default: all].
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        requires = "train",
        help_heading = "Data"
    )]
    classes: Vec<String>,
    /// With --train: most training images, even over the classes [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "train", help_heading = "Data")]
    train_images: Option<u32>,
    /// With --train: most test images [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "train", help_heading = "Data")]
    test_images: Option<u32>,
    /// With --train: seed of the choice of images [default: 1].
    #[arg(long, value_name = "N", requires = "train", help_heading = "Data")]
    partition_seed: Option<u64>,
}

impl NewPartitionArguments {
    pub(super) fn size(&self) -> PartitionSize {
        let images = |limit: Option<u32>| limit.map(|images| images as usize);
        PartitionSize { train: images(self.train_images), test: images(self.test_images) }
    }

    pub(super) fn partition(&self, dataset: &Dataset) -> Result<Partition, Failure> {
        let known = &dataset.class_names;
        let label = |text: &String| {
            let named = known.iter().position(|name| name == text.trim());
            let numbered = || text.trim().parse().ok().filter(|&label| label < known.len());
            named.or_else(numbered).map(exact::<u16>).ok_or_else(|| {
                let known = known.join(", ");
                Failure::usage(anyhow!("unknown class `{text}`: use labels or names of {known}"))
            })
        };
        let mut classes = match self.classes.as_slice() {
            [] => (0..exact::<u16>(known.len())).collect(),
            some => some.iter().map(label).collect::<Result<Vec<u16>, _>>()?,
        };
        classes.sort_unstable();
        classes.dedup();
        if classes.len() < 2 {
            return Err(Failure::usage(anyhow!("--classes: name at least 2 different classes")));
        }
        let seed = self.partition_seed.unwrap_or(1);
        Ok(Partition { name: "new".to_owned(), classes, seed })
    }
}

/// How every configuration is trained; the defaults are those of the paper, with its batches of 32.
#[derive(Debug, clap::Args)]
pub(super) struct TrainingArguments {
    /// Data set [default: fashion-mnist-slice; fashion-mnist with --data-dir].
    #[arg(long, value_name = "NAME", help_heading = "Data")]
    dataset: Option<String>,
    /// Folder with the data set.
    #[arg(long, value_name = "FOLDER", help_heading = "Data")]
    data_dir: Option<PathBuf>,
    /// Architecture [default: lenet5].
    #[arg(long, value_name = "NAME", help_heading = "Training")]
    arch: Option<String>,
    /// Passes over the training images [default: 10].
    #[arg(long, value_name = "N", help_heading = "Training")]
    epochs: Option<u32>,
    /// Learning rate [default: 0.001].
    #[arg(long, value_name = "RATE", help_heading = "Training")]
    learning_rate: Option<f64>,
    /// Any other setting of `hwsim train`, as in --set batch-size=64; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Training")]
    set: Vec<String>,
}

impl TrainingArguments {
    /// Folder with the data set, if it is given.
    pub(super) fn data_dir(&self) -> Option<&PathBuf> {
        self.data_dir.as_ref()
    }

    /// The machine of `--set machine=NAME`.
    pub(super) fn machine(&self) -> Option<&str> {
        self.set.iter().rev().find_map(|text| text.strip_prefix("machine=")).map(str::trim)
    }

    /// Whether any of them is given.
    pub(super) fn any(&self) -> bool {
        let Self { dataset, data_dir, arch, epochs, learning_rate, set } = self;
        dataset.is_some()
            || data_dir.is_some()
            || arch.is_some()
            || epochs.is_some()
            || learning_rate.is_some()
            || !set.is_empty()
    }

    /// The settings, and where the data are.
    pub(super) fn setup(&self) -> Result<(TrainingSetup, Paths), Failure> {
        let mut settings = Table::new();
        let mut set = |name: &str, value: Value| settings.insert(name.to_owned(), value);
        set("controller", Value::String("static".to_owned()));
        let or = |value: &Option<String>, default: &str| {
            Value::String(value.as_deref().unwrap_or(default).to_owned())
        };
        if let Some(dataset) = &self.dataset {
            set("dataset", Value::String(dataset.clone()));
        }
        if let Some(folder) = &self.data_dir {
            let folder = folder.to_str().context("--data-dir is no UTF-8 text")?;
            set("data-dir", Value::String(folder.to_owned()));
        }
        set("arch", or(&self.arch, "lenet5"));
        set("epochs", Value::Integer(self.epochs.unwrap_or(10).into()));
        set("learning-rate", Value::Float(self.learning_rate.unwrap_or(0.001)));
        set("batch-size", Value::Integer(32));
        set("momentum", Value::Float(0.9));
        set("l1", Value::Float(0.0));
        set("l2", Value::Float(5e-4));
        set("normalise-gradients", Value::Boolean(false));
        set("schedule", Value::String("constant".to_owned()));
        for text in &self.set {
            let Some((name, value)) = text.split_once('=') else {
                return Err(Failure::usage(anyhow!("--set {text}: write NAME=VALUE")));
            };
            if is_execution(name) || NOT_SET.contains(&name) {
                return Err(Failure::usage(anyhow!("`{name}` cannot be set in a measurement")));
            }
            set(name, value_of(value));
        }
        let network = settings.get("arch").and_then(Value::as_str).unwrap_or_default();
        if crate::cli::model::file_of(std::path::Path::new(network)).is_some() {
            return Err(Failure::usage(anyhow!(
                "`--arch {network}`: measurements begin with random weights, so that they take a built-in network: give its name"
            )));
        }
        let arguments: TrainArguments = Value::Table(settings)
            .try_into()
            .context("settings of hwsim train")
            .map_err(Failure::Usage)?;
        let resolved = arguments.resolve().map_err(Failure::usage)?;
        let machine = setup::machine(&resolved.options.machine)?;
        let simd = setup::simd()?;
        Ok((TrainingSetup { options: resolved.options, machine, simd }, resolved.paths))
    }
}
