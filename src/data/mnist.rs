//! The MNIST family (MNIST, Fashion-MNIST, EMNIST): IDX files of 28×28 pixels.

use super::idx::{read_images, read_labels};
use super::stream::Stream;
use super::{DataError, DatasetKind, ImageSet};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// How labels and images of a member of the family are stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storage {
    /// Number of classes.
    pub(super) classes: usize,
    /// The label of the first class.
    pub(super) first_label: u16,
    /// Whether images are stored column by column.
    pub(super) transposed: bool,
}

/// The training and the test set in `folder`.
pub(super) fn load(
    kind: DatasetKind,
    storage: Storage,
    folder: &Path,
    size: [usize; 2],
) -> Result<(ImageSet, ImageSet), DataError> {
    let [train_images, train_labels, test_images, test_labels] = file_names(kind);
    let open = |names: &Alternatives| Stream::open(&find(kind, folder, names)?);
    let train = read_set(open(&train_images)?, open(&train_labels)?, storage, size)?;
    let test = read_set(open(&test_images)?, open(&test_labels)?, storage, size)?;
    Ok((train, test))
}

/// The test set in `folder` with its images as they are stored.
pub(super) fn load_test(
    kind: DatasetKind,
    storage: Storage,
    folder: &Path,
) -> Result<ImageSet, DataError> {
    let [_, _, images, labels] = file_names(kind);
    let open = |names: &Alternatives| Stream::open(&find(kind, folder, names)?);
    read_own_size(open(&images)?, open(&labels)?, storage)
}

/// Whether `folder` has any file of the data set.
pub(super) fn is_in(kind: DatasetKind, folder: &Path) -> bool {
    file_names(kind).iter().flatten().any(|name| folder.join(name).is_file())
}

/// Reads one half of the data set and resizes its images to `[height, width]`.
pub(super) fn read_set(
    images: Stream<'_>,
    labels: Stream<'_>,
    storage: Storage,
    size: [usize; 2],
) -> Result<ImageSet, DataError> {
    read_own_size(images, labels, storage)?.resized(size)
}

/// Reads one half of the data set with its images as they are stored.
pub(super) fn read_own_size(
    images: Stream<'_>,
    labels: Stream<'_>,
    storage: Storage,
) -> Result<ImageSet, DataError> {
    let label_file = labels.file().to_owned();
    let images = read_images(images)?;
    let labels = read_labels(labels, storage.first_label, storage.classes)?;
    if images.count != labels.len() {
        return Err(DataError::Count {
            image_file: images.file,
            images: images.count,
            label_file,
            labels: labels.len(),
        });
    }
    let (mut height, mut width) = (images.height, images.width);
    if storage.transposed {
        (height, width) = (width, height);
    }
    let mut pixels = images.pixels;
    if storage.transposed {
        pixels = pixels
            .par_chunks_exact(height * width)
            .flat_map_iter(|image| transpose(image, height))
            .collect();
    }
    Ok(ImageSet { channels: 1, height, width, pixels, labels })
}

/// The image whose columns, of `height` pixels each, are stored one after another in `columns`.
fn transpose(columns: &[u8], height: usize) -> impl Iterator<Item = u8> {
    (0..height).flat_map(move |y| columns.iter().skip(y).step_by(height).copied())
}

/// The names under which a file is known; the first that exists is taken.
type Alternatives = Vec<String>;

/// Training images, training labels, test images, test labels.
fn file_names(kind: DatasetKind) -> [Alternatives; 4] {
    let (train, test) = match kind {
        DatasetKind::Emnist(split) => {
            (format!("emnist-{}-train", split.name()), format!("emnist-{}-test", split.name()))
        }
        _ => ("train".to_owned(), "t10k".to_owned()),
    };
    [
        alternatives(&train, "images", "idx3-ubyte"),
        alternatives(&train, "labels", "idx1-ubyte"),
        alternatives(&test, "images", "idx3-ubyte"),
        alternatives(&test, "labels", "idx1-ubyte"),
    ]
}

fn alternatives(half: &str, content: &str, format: &str) -> Alternatives {
    vec![
        format!("{half}-{content}-{format}"),
        format!("{half}-{content}-{format}.gz"),
        format!("{half}-{content}.{format}"),
        format!("{half}-{content}.{format}.gz"),
    ]
}

fn find(kind: DatasetKind, folder: &Path, names: &Alternatives) -> Result<PathBuf, DataError> {
    let mut paths = names.iter().map(|name| folder.join(name));
    paths.find(|path| path.is_file()).ok_or_else(|| DataError::MissingFile {
        kind,
        folder: folder.to_owned(),
        file: format!("{}[.gz]", names[0]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::EmnistSplit;

    #[test]
    fn files_have_the_names_of_their_publishers() {
        let [images, _, _, labels] = file_names(DatasetKind::Mnist);
        assert!(images.contains(&"train-images-idx3-ubyte".to_owned()));
        assert!(images.contains(&"train-images.idx3-ubyte".to_owned()));
        assert!(labels.contains(&"t10k-labels-idx1-ubyte.gz".to_owned()));
        let [_, _, images, _] = file_names(DatasetKind::Emnist(EmnistSplit::ByClass));
        assert!(images.contains(&"emnist-byclass-test-images-idx3-ubyte.gz".to_owned()));
    }

    #[test]
    fn transposing_turns_stored_columns_into_rows() {
        assert!(transpose(&[1, 2, 3, 4, 5, 6], 2).eq([1, 3, 5, 2, 4, 6]));
    }
}
