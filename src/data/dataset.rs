//! A data set ready for training.

use super::mnist::Storage;
use super::search::{Place, SearchPath, find};
use super::{Augmentation, DataError, DatasetKind, EmnistSplit, ImageSet, Normalisation};
use super::{cifar, class_names, embedded, folder, limit, mnist};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// A training and a test set with what is needed to use them. Images are 32×32 pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Name of the data set, as [`DatasetKind`] writes it.
    pub name: String,
    /// Names of the classes, label 0 first.
    pub class_names: Vec<String>,
    /// Images to train on.
    pub train: ImageSet,
    /// Images to measure accuracy on.
    pub test: ImageSet,
    /// Where the images come from.
    pub origin: Origin,
    /// How pixels become float32 inputs.
    pub normalisation: Normalisation,
    /// How training images are varied.
    pub augmentation: Option<Augmentation>,
}

/// Where the images of a data set come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The slice that is part of the program.
    Embedded,
    /// The files in this folder.
    Folder(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded slice"),
            Self::Folder(folder) => write!(f, "{}", folder.display()),
        }
    }
}

/// Finds and reads a data set.
///
/// MNIST, Fashion-MNIST and EMNIST images are resized from 28×28 to 32×32 pixels, class folders from
/// whatever size they have (bilinear, half-pixel centres, antialiased where an image shrinks). CIFAR
/// images are cropped and flipped in training; the others are not varied.
///
/// # Errors
/// If the files are not found, or the first one that is missing, unreadable or malformed.
pub fn load(kind: DatasetKind, search: &SearchPath) -> Result<Dataset, DataError> {
    let place = find(kind, search)?;
    let mut class_names = class_names::built_in(kind);
    let (train, test, normalisation, augmentation);
    match (kind, &place) {
        (_, Place::Embedded) => {
            (train, test) = embedded::load(storage(kind, class_names.len()))?;
            (normalisation, augmentation) = (Normalisation::mnist_family(), None);
        }
        (DatasetKind::Cifar10 | DatasetKind::Cifar100, Place::Folder(path)) => {
            (class_names, train, test) = cifar::load(kind, path)?;
            (normalisation, augmentation) = (Normalisation::cifar(), Some(Augmentation::CIFAR));
        }
        (DatasetKind::Folder, Place::Folder(path)) => {
            (class_names, train, test) = folder::load(path)?;
            (normalisation, augmentation) = (Normalisation::of_images(&train), None);
        }
        (_, Place::Folder(path)) => {
            (train, test) = mnist::load(kind, storage(kind, class_names.len()), path)?;
            (normalisation, augmentation) = (Normalisation::mnist_family(), None);
        }
    }
    let origin = match place {
        Place::Embedded => Origin::Embedded,
        Place::Folder(path) => Origin::Folder(path),
    };
    let name = kind.to_string();
    Ok(Dataset { name, class_names, train, test, origin, normalisation, augmentation })
}

fn storage(kind: DatasetKind, classes: usize) -> Storage {
    let letters = kind == DatasetKind::Emnist(EmnistSplit::Letters);
    let transposed = matches!(kind, DatasetKind::Emnist(_));
    Storage { classes, first_label: u16::from(letters), transposed }
}

impl Dataset {
    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// The first `train` training and `test` test images of a fixed order in which the classes take
    /// turns: the classes differ by at most one image until one is used up, the same images are
    /// chosen in every run, and a larger limit extends a smaller one. `None`, or more than there
    /// are, leaves a set as it is. The normalisation stays that of the whole set.
    ///
    /// # Errors
    /// If a limit is 0.
    pub fn limit(mut self, train: Option<usize>, test: Option<usize>) -> Result<Self, DataError> {
        let halves = [(&mut self.train, train, "training"), (&mut self.test, test, "test")];
        for (half, (images, limit, set)) in (0..).zip(halves) {
            match limit {
                None => {}
                Some(0) => return Err(DataError::ZeroLimit { set }),
                Some(limit) => {
                    if let Some(limited) = limit::limited(images, limit, half) {
                        *images = limited;
                    }
                }
            }
        }
        Ok(self)
    }
}
