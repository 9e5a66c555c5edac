//! Where the files of a data set are looked for.

use super::{DataError, DatasetKind, cifar, mnist, text};
use std::path::{Path, PathBuf};

/// Where the Debian package `dataset-fashion-mnist` installs Fashion-MNIST.
pub const SYSTEM_FASHION_MNIST: &str = "/usr/share/datasets/fashion-mnist";

/// Where to look for the files of a data set, in this order.
///
/// In each folder given, the sub-folder named like the data set (`fashion-mnist`, `mnist`, `emnist`,
/// `cifar10`, `cifar100`, `text`) comes first, then the folder itself; class folders are taken from the
/// folder itself only, and arrays are the file that the user names. A text may be a single file; without `data_dir` it is the embedded one. The slice of
/// Fashion-MNIST is part of the program and looked for nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchPath {
    /// The folder that the user names. If it is given, no other folder is searched, and it is an
    /// error if the files are not there.
    pub data_dir: Option<PathBuf>,
    /// The folder of data sets of this environment (the command line passes `HWSIM_DATA`). If the
    /// files are not there, the search continues. No text is looked for there, so that equal options
    /// give equal texts.
    pub environment_dir: Option<PathBuf>,
    /// Whether to look for all of Fashion-MNIST in [`SYSTEM_FASHION_MNIST`].
    pub system: bool,
}

/// Where a data set was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The folder that has the files.
    Folder(PathBuf),
    /// In the program itself.
    Embedded,
}

/// Finds the files of a data set.
pub(super) fn find(kind: DatasetKind, search: &SearchPath) -> Result<Place, DataError> {
    let own_text = kind == DatasetKind::Text && search.data_dir.is_none();
    if own_text || kind == DatasetKind::FashionMnistSlice {
        return Ok(Place::Embedded);
    }
    let mut folders = Vec::new();
    if let Some(folder) = &search.data_dir {
        folders.extend(candidates(kind, folder));
    } else {
        let of_environment = kind != DatasetKind::Arrays;
        if let Some(folder) = search.environment_dir.as_ref().filter(|_| of_environment) {
            folders.extend(candidates(kind, folder));
        }
        if search.system && kind == DatasetKind::FashionMnist {
            folders.push(SYSTEM_FASHION_MNIST.into());
        }
    }
    if let Some(folder) = folders.iter().find(|folder| is_in(kind, folder)) {
        return Ok(Place::Folder(folder.clone()));
    }
    let advice = advice(kind);
    if folders.is_empty() {
        Err(DataError::NoFolder { kind, advice })
    } else {
        Err(DataError::NotFound { kind, looked: folders, advice })
    }
}

/// The folders in which the files may lie when the user names `folder`.
fn candidates(kind: DatasetKind, folder: &Path) -> Vec<PathBuf> {
    if matches!(kind, DatasetKind::Folder | DatasetKind::Arrays) {
        return vec![folder.to_owned()];
    }
    let mut candidates = Vec::new();
    for base in [folder.join(kind.folder_name()), folder.to_owned()] {
        // The archives of the publishers unpack into these sub-folders.
        let archive = match kind {
            DatasetKind::Emnist(_) => Some("gzip"),
            DatasetKind::Cifar10 => Some("cifar-10-batches-bin"),
            DatasetKind::Cifar100 => Some("cifar-100-binary"),
            _ => None,
        };
        candidates.push(base.clone());
        candidates.extend(archive.map(|name| base.join(name)));
    }
    candidates
}

fn is_in(kind: DatasetKind, folder: &Path) -> bool {
    match kind {
        DatasetKind::FashionMnistSlice => true,
        DatasetKind::FashionMnist | DatasetKind::Mnist | DatasetKind::Emnist(_) => {
            mnist::is_in(kind, folder)
        }
        DatasetKind::Cifar10 | DatasetKind::Cifar100 => cifar::is_in(kind, folder),
        DatasetKind::Folder => folder.is_dir(),
        DatasetKind::Arrays => folder.is_file(),
        DatasetKind::Text => text::is_in(folder),
    }
}

fn advice(kind: DatasetKind) -> &'static str {
    match kind {
        DatasetKind::FashionMnistSlice | DatasetKind::FashionMnist => {
            "install the Debian package dataset-fashion-mnist, or get the four IDX files from \
             https://github.com/zalandoresearch/fashion-mnist and name their folder with --data-dir or HWSIM_DATA; \
             `--dataset fashion-mnist-slice` needs no files"
        }
        DatasetKind::Mnist => {
            "get the four IDX files of MNIST (train-images-idx3-ubyte.gz and so on) and name their \
             folder with --data-dir or HWSIM_DATA"
        }
        DatasetKind::Emnist(_) => {
            "get EMNIST's gzip.zip from https://www.nist.gov/itl/products-and-services/emnist-dataset, \
             unpack it and name its folder with --data-dir or HWSIM_DATA"
        }
        DatasetKind::Cifar10 | DatasetKind::Cifar100 => {
            "get the binary version from https://www.cs.toronto.edu/~kriz/cifar.html, unpack it and name \
             its folder with --data-dir or HWSIM_DATA"
        }
        DatasetKind::Folder => {
            "name with --data-dir or HWSIM_DATA a folder that has train/CLASS/*.png and test/CLASS/*.png, or \
             CLASS/*.png (or .jpg)"
        }
        DatasetKind::Arrays => {
            "name with --data-dir a .npz file with x_train, y_train, x_test and y_test, or x and y"
        }
        DatasetKind::Text => {
            "name with --data-dir a .txt file, or a folder that has .txt or .txt.gz files"
        }
    }
}
