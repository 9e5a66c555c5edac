//! Class folders: one folder of PNG or JPEG files for each class.
//!
//! `DIR/train/<class>/*` and `DIR/test/<class>/*`, or `DIR/<class>/*`, of which every sixth image of
//! each class (in the order of the file names) becomes a test image: 5 : 1. Classes are numbered in
//! the order of their names. Every image is resized to one size, without keeping its aspect ratio. If any
//! image of the training or the test set has colour (RGB or a palette), all get three channels.

use super::image_set::bytes;
use super::picture::{self, Picture};
use super::resize::Resize;
use super::{DataError, ImageSet};
use hwmodel::cast::exact;
use rayon::prelude::*;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Without test folders, one of so many images of a class goes to the test set.
const TEST_SHARE: usize = 6;

/// File extensions of pictures that are read.
const READ: [&str; 3] = ["png", "jpg", "jpeg"];

/// File extensions of pictures in unsupported formats; they are errors, since skipping them would lose data.
const NOT_READ: [&str; 12] =
    ["avif", "bmp", "gif", "heic", "jp2", "jxl", "pgm", "pnm", "ppm", "tif", "tiff", "webp"];

/// A file and its class.
type Labelled = (PathBuf, u16);

/// Class names, training set and test set in `folder`.
pub(super) fn load(
    folder: &Path,
    size: [usize; 2],
) -> Result<(Vec<String>, ImageSet, ImageSet), DataError> {
    let Listing { classes, train, test } = list(folder)?;
    let (train_labels, test_labels) = (labels(&train), labels(&test));
    bytes(train.len() + test.len(), 3, size)?;
    let pictures = read_all(train.iter().chain(&test).map(|(file, _)| file), size)?;
    let channels = pictures.iter().map(|picture| picture.channels).max().unwrap_or(1);
    let (train, test) = pictures.split_at(train.len());
    let train = image_set(train, channels, size, train_labels);
    let test = image_set(test, channels, size, test_labels);
    let names = classes.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    Ok((names, train, test))
}

fn labels(files: &[Labelled]) -> Vec<u16> {
    files.iter().map(|&(_, label)| label).collect()
}

/// Classes and files, each in the order of their names.
struct Listing {
    classes: Vec<OsString>,
    train: Vec<Labelled>,
    test: Vec<Labelled>,
}

fn list(folder: &Path) -> Result<Listing, DataError> {
    let (train_folder, test_folder) = (folder.join("train"), folder.join("test"));
    match (train_folder.is_dir(), test_folder.is_dir()) {
        (true, true) => {
            let classes = class_folders(&train_folder)?;
            let train = class_files(&train_folder, &classes)?.concat();
            let test = test_files(&test_folder, &classes)?;
            Ok(Listing { classes, train, test })
        }
        (false, false) => {
            let classes = class_folders(folder)?;
            let (train, test) = split(&class_files(folder, &classes)?);
            if test.is_empty() {
                let (folder, every) = (folder.to_owned(), TEST_SHARE);
                return Err(DataError::TooSmallToSplit { folder, every });
            }
            Ok(Listing { classes, train, test })
        }
        (has_train, _) => {
            let (present, absent) = if has_train { ("train", "test") } else { ("test", "train") };
            Err(DataError::HalfSplit { folder: folder.to_owned(), present, absent })
        }
    }
}

/// Files of the test set; its classes must be among those of the training set, but need not be all.
fn test_files(folder: &Path, classes: &[OsString]) -> Result<Vec<Labelled>, DataError> {
    let mut files = Vec::new();
    for class in class_folders(folder)? {
        let path = folder.join(&class);
        let Some(label) = classes.iter().position(|known| *known == class) else {
            return Err(DataError::UnknownClass { folder: path });
        };
        files.extend(picture_files(&path)?.into_iter().map(|file| (file, exact::<u16>(label))));
    }
    Ok(files)
}

/// Moves every sixth image of each class to the test set.
fn split(classes: &[Vec<Labelled>]) -> (Vec<Labelled>, Vec<Labelled>) {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for files in classes {
        for (index, file) in files.iter().enumerate() {
            let half = if index % TEST_SHARE == TEST_SHARE - 1 { &mut test } else { &mut train };
            half.push(file.clone());
        }
    }
    (train, test)
}

/// The files of each class.
fn class_files(folder: &Path, classes: &[OsString]) -> Result<Vec<Vec<Labelled>>, DataError> {
    let with_label = |(label, class): (usize, &OsString)| {
        let files = picture_files(&folder.join(class))?;
        Ok(files.into_iter().map(|file| (file, exact::<u16>(label))).collect())
    };
    classes.iter().enumerate().map(with_label).collect()
}

/// The names of the class folders in `folder`.
pub(super) fn class_folders(folder: &Path) -> Result<Vec<OsString>, DataError> {
    let names = visible_names(folder)?;
    let classes: Vec<_> = names.into_iter().filter(|name| folder.join(name).is_dir()).collect();
    if classes.is_empty() {
        return Err(DataError::NoClasses { folder: folder.to_owned() });
    }
    if classes.len() > usize::from(u16::MAX) {
        let (folder, classes) = (folder.to_owned(), classes.len());
        return Err(DataError::TooManyClasses { folder, classes });
    }
    Ok(classes)
}

/// The pictures in a class folder; files that are not pictures are skipped.
pub(super) fn picture_files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    for name in visible_names(folder)? {
        let file = folder.join(name);
        let ending = file.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if file.is_dir() {
            return Err(DataError::NestedFolder { folder: file });
        } else if READ.contains(&ending.as_str()) {
            files.push(file);
        } else if NOT_READ.contains(&ending.as_str()) {
            return Err(DataError::PictureKind { file });
        }
    }
    if files.is_empty() {
        return Err(DataError::Empty { path: folder.to_owned() });
    }
    Ok(files)
}

/// Sorted names in `folder` that do not start with a dot.
fn visible_names(folder: &Path) -> Result<Vec<OsString>, DataError> {
    let read_error = |source| DataError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(read_error)? {
        let name = entry.map_err(read_error)?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Reads and resizes pictures; of several errors the one of the first file is reported.
fn read_all<'a>(
    files: impl Iterator<Item = &'a PathBuf>,
    size: [usize; 2],
) -> Result<Vec<Picture>, DataError> {
    let files: Vec<&PathBuf> = files.collect();
    let results: Vec<_> = files
        .par_iter()
        .map(|file| picture::read(file).map(|picture| resized(&picture, size)))
        .collect();
    results.into_iter().collect()
}

fn resized(picture: &Picture, size: [usize; 2]) -> Picture {
    let mut pixels = vec![0; size[0] * size[1] * picture.channels];
    Resize::new([picture.height, picture.width], size, picture.channels)
        .apply(&picture.pixels, &mut pixels);
    Picture { height: size[0], width: size[1], channels: picture.channels, pixels }
}

/// Puts resized pictures together, grey ones copied into every channel.
fn image_set(
    pictures: &[Picture],
    channels: usize,
    [height, width]: [usize; 2],
    labels: Vec<u16>,
) -> ImageSet {
    let mut pixels = Vec::with_capacity(pictures.len() * height * width * channels);
    for picture in pictures {
        if picture.channels == channels {
            pixels.extend_from_slice(&picture.pixels);
        } else {
            pixels.extend(picture.pixels.iter().flat_map(|&grey| [grey; 3]));
        }
    }
    ImageSet { channels, height, width, pixels, labels }
}
