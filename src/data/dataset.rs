//! A data set ready for training.

use super::image_set::DEFAULT_SIZE;
use super::mnist::Storage;
use super::search::{Place, SearchPath, find};
use super::text::{self, TextOptions, unigram_perplexity};
use super::{Augmentation, DataError, DatasetKind, EmnistSplit, Normalisation, SampleSet};
use super::{cifar, class_names, embedded, folder, limit, mnist, own_arrays};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// A training and a test set with what is needed to use them.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Name of the data set, as [`DatasetKind`] writes it.
    pub name: String,
    /// Names of the classes, label 0 first; of a text the vocabulary, token 0 first.
    pub class_names: Vec<String>,
    /// Samples to train on.
    pub train: SampleSet,
    /// Samples to measure accuracy on.
    pub test: SampleSet,
    /// Where they come from.
    pub origin: Origin,
    /// How pixels become float32 inputs.
    pub normalisation: Normalisation,
    /// How training images are varied.
    pub augmentation: Option<Augmentation>,
    /// How a text was cut into tokens and sequences; `None` for images.
    pub text: Option<TextOptions>,
}

/// Where the samples of a data set come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The program itself.
    Embedded,
    /// The files in this folder, or this file.
    Folder(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::Folder(folder) => write!(f, "{}", folder.display()),
        }
    }
}

/// [`load_sized`] with images of 32×32 pixels.
///
/// # Errors
/// As [`load_sized`].
pub fn load(kind: DatasetKind, search: &SearchPath) -> Result<Dataset, DataError> {
    load_sized(kind, search, DEFAULT_SIZE)
}

/// Finds and reads a data set; a text with the default [`TextOptions`].
///
/// Images are resized to `[height, width]` pixels (bilinear, half-pixel centres, antialiased where an image shrinks): those of
/// MNIST, Fashion-MNIST and EMNIST from 28×28, of CIFAR from 32×32, of class folders from any size. CIFAR
/// images are cropped and flipped in training; the others are not varied.
///
/// # Errors
/// If the files are not found, the images take too much memory, or the first file that is missing, unreadable or malformed.
pub fn load_sized(
    kind: DatasetKind,
    search: &SearchPath,
    size: [usize; 2],
) -> Result<Dataset, DataError> {
    if kind == DatasetKind::Text {
        return load_text(search, &TextOptions::default());
    }
    if kind == DatasetKind::Arrays {
        return load_arrays(search, None);
    }
    let place = find(kind, search)?;
    let mut class_names = class_names::built_in(kind);
    let (train, test, normalisation, augmentation);
    match (kind, &place) {
        (_, Place::Embedded) => {
            (train, test) = embedded::load(storage(kind, class_names.len()), size)?;
            (normalisation, augmentation) = (Normalisation::mnist_family(), None);
        }
        (DatasetKind::Cifar10 | DatasetKind::Cifar100, Place::Folder(path)) => {
            let (names, stored_train, stored_test) = cifar::load(kind, path)?;
            class_names = names;
            (train, test) = (stored_train.resized(size)?, stored_test.resized(size)?);
            (normalisation, augmentation) = (Normalisation::cifar(), Some(Augmentation::CIFAR));
        }
        (DatasetKind::Folder, Place::Folder(path)) => {
            (class_names, train, test) = folder::load(path, size)?;
            (normalisation, augmentation) = (Normalisation::of_images(&train), None);
        }
        (_, Place::Folder(path)) => {
            (train, test) = mnist::load(kind, storage(kind, class_names.len()), path, size)?;
            (normalisation, augmentation) = (Normalisation::mnist_family(), None);
        }
    }
    Ok(Dataset {
        name: kind.to_string(),
        class_names,
        train: SampleSet::Images(train),
        test: SampleSet::Images(test),
        origin: place.into(),
        normalisation,
        augmentation,
        text: None,
    })
}

/// Finds and reads a text: a file, or the `.txt` and `.txt.gz` files of a folder.
///
/// # Errors
/// If there are no files, one is not UTF-8, the text is too short for its sequences, or an option is
/// impossible.
pub fn load_text(search: &SearchPath, options: &TextOptions) -> Result<Dataset, DataError> {
    let kind = DatasetKind::Text;
    let place = find(kind, search)?;
    let path = match &place {
        Place::Embedded => None,
        Place::Folder(path) => Some(&**path),
    };
    let (class_names, train, test) = text::load(path, options)?;
    Ok(Dataset {
        name: kind.to_string(),
        class_names,
        train: SampleSet::Sequences(train),
        test: SampleSet::Sequences(test),
        origin: place.into(),
        normalisation: Normalisation::none(),
        augmentation: None,
        text: Some(*options),
    })
}

/// Finds and reads the user's own arrays, for a network that takes samples of shape `input`, `[h, w, c]`, if that is known: it
/// says where the channels stand.
///
/// # Errors
/// If no file is named, it cannot be read, or its arrays are not samples and labels.
pub fn load_arrays(search: &SearchPath, input: Option<[usize; 3]>) -> Result<Dataset, DataError> {
    let kind = DatasetKind::Arrays;
    let Place::Folder(path) = find(kind, search)? else { unreachable!("no arrays are embedded") };
    let (class_names, train, test, normalisation) = own_arrays::load(&path, input)?;
    Ok(Dataset {
        name: kind.to_string(),
        class_names,
        train,
        test,
        origin: Origin::Folder(path),
        normalisation,
        augmentation: None,
        text: None,
    })
}

impl From<Place> for Origin {
    fn from(place: Place) -> Self {
        match place {
            Place::Embedded => Self::Embedded,
            Place::Folder(path) => Self::Folder(path),
        }
    }
}

pub(super) fn storage(kind: DatasetKind, classes: usize) -> Storage {
    let letters = kind == DatasetKind::Emnist(EmnistSplit::Letters);
    let transposed = matches!(kind, DatasetKind::Emnist(_));
    Storage { classes, first_label: u16::from(letters), transposed }
}

impl Dataset {
    /// Number of classes, or of tokens in the vocabulary.
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// The first `train` training and `test` test images of a fixed order in which the classes take
    /// turns: the classes differ by at most one image until one is used up, the same images are
    /// chosen in every run, and a larger limit extends a smaller one. `None`, or more than there
    /// are, leaves a set as it is. The normalisation stays that of the whole set. Of a text, the first
    /// sequences; the vocabulary stays.
    ///
    /// # Errors
    /// If a limit is 0.
    pub fn limit(mut self, train: Option<usize>, test: Option<usize>) -> Result<Self, DataError> {
        let halves = [(&mut self.train, train, "training"), (&mut self.test, test, "test")];
        for (half, (samples, limit, set)) in (0..).zip(halves) {
            let Some(limit) = limit else { continue };
            if limit == 0 {
                return Err(DataError::ZeroLimit { set });
            }
            match samples {
                SampleSet::Images(images) => {
                    if let Some(limited) = limit::limited(images, limit, half) {
                        *images = limited;
                    }
                }
                SampleSet::Arrays(arrays) => {
                    if let Some(indices) = limit::chosen(&arrays.labels, limit, half) {
                        *arrays = arrays.select(&indices);
                    }
                }
                SampleSet::Sequences(sequences) => {
                    *sequences = sequences.clone().limited(limit);
                }
            }
        }
        Ok(self)
    }

    /// The perplexity of the test targets under the token frequencies of the training targets
    /// ([`unigram_perplexity`]); `None` unless this is a text.
    pub fn unigram_perplexity(&self) -> Option<f64> {
        unigram_perplexity(self.train.sequences()?, self.test.sequences()?, self.classes())
    }
}
