//! The user's own arrays as a data set: a `.npz` file with samples and labels.
//!
//! `x_train`, `y_train`, `x_test` and `y_test` as Keras names them, or `x` and `y`, of which every sixth sample of each class
//! becomes a test sample: 5 : 1. Samples of 8-bit integers are pixels (0 to 255); all others are numbers, used as they are.

use super::arrays::{ArrayError, ArrayFile};
use super::{ArraySet, DataError, ImageSet, Normalisation, SampleSet};
use crate::tensor::{ElementType, Elements, Tensor};
use hwmodel::cast::{exact, nearest_f32};
use std::path::Path;

/// Without test arrays, one of so many samples of a class goes to the test set.
const TEST_SHARE: usize = 6;

/// Images of at most so many channels are recognised by them.
const FEW_CHANNELS: usize = 4;

/// Names of the arrays of a set that is split already.
const SPLIT: [[&str; 2]; 2] = [["x_train", "y_train"], ["x_test", "y_test"]];
/// Names of the arrays of a set that is not.
const WHOLE: [&str; 2] = ["x", "y"];

/// What is wrong with arrays of samples and labels.
#[derive(Debug, thiserror::Error)]
pub enum OwnArraysProblem {
    /// The file or an array in it cannot be read.
    #[error(transparent)]
    Array(ArrayError),
    /// A file with one array.
    #[error(
        "`{file}` has one array, without labels: give a .npz file with x_train, y_train, x_test and y_test, or x and y"
    )]
    One {
        /// The file.
        file: String,
    },
    /// Other names.
    #[error(
        "`{file}` has the arrays {found}: x_train, y_train, x_test and y_test are needed, or x and y"
    )]
    Names {
        /// The file.
        file: String,
        /// Names that it has.
        found: String,
    },
    /// Samples of another rank, or none.
    #[error(
        "`{name}` in `{file}` has shape {shape:?}: samples are [n, features], [n, h, w], [n, h, w, c] or [n, c, h, w], with no size 0"
    )]
    Shape {
        /// The file.
        file: String,
        /// The array.
        name: &'static str,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Labels that are not one integer a sample.
    #[error(
        "`{name}` in `{file}` has shape {shape:?} and elements of type {element}: labels are integers, one for each of the {samples} samples"
    )]
    Labels {
        /// The file.
        file: String,
        /// The array.
        name: &'static str,
        /// Its shape.
        shape: Vec<usize>,
        /// Its type.
        element: &'static str,
        /// Samples that need one each.
        samples: usize,
    },
    /// A label that names no class.
    #[error("`{name}` in `{file}` has label {label} at {index}: labels are 0 to 65534")]
    Label {
        /// The file.
        file: String,
        /// The array.
        name: &'static str,
        /// The label.
        label: i64,
        /// Its place.
        index: usize,
    },
    /// A number that is infinite or none.
    #[error(
        "`{name}` in `{file}` has {value} at element {index}: samples are finite float32 numbers"
    )]
    NotFinite {
        /// The file.
        file: String,
        /// The array.
        name: &'static str,
        /// The value.
        value: f64,
        /// Its place in row-major order.
        index: usize,
    },
    /// Training and test samples of two kinds.
    #[error(
        "x_train and x_test in `{file}` differ in more than their number: samples are {train} and {test}"
    )]
    TwoKinds {
        /// The file.
        file: String,
        /// Shape and type of training samples.
        train: String,
        /// Those of test samples.
        test: String,
    },
    /// Too few samples to split off a test set.
    #[error(
        "no class in `{file}` has {TEST_SHARE} samples, of which one would be a test sample: give x_train, y_train, x_test and y_test"
    )]
    TooSmallToSplit {
        /// The file.
        file: String,
    },
}

/// Class names, training set, test set and normalisation of the arrays in `path`. `input` is the shape `[h, w, c]` that the
/// network takes, if that is known: it says where the channels stand.
///
/// # Errors
/// If the file cannot be read, or its arrays are not samples and labels.
pub(super) fn load(
    path: &Path,
    input: Option<[usize; 3]>,
) -> Result<(Vec<String>, SampleSet, SampleSet, Normalisation), DataError> {
    load_sets(path, input).map_err(DataError::OwnArrays)
}

type Loaded = (Vec<String>, SampleSet, SampleSet, Normalisation);

fn load_sets(path: &Path, input: Option<[usize; 3]>) -> Result<Loaded, OwnArraysProblem> {
    let name = path.display().to_string();
    let mut file = ArrayFile::open(path).map_err(OwnArraysProblem::Array)?;
    if !file.is_archive() {
        return Err(OwnArraysProblem::One { file: name });
    }
    let found = file.names();
    let has = |names: &[&str]| names.iter().all(|name| found.iter().any(|known| known == name));
    let mut source = Source { file: &mut file, name: &name, input };
    let (train, test) = if has(&SPLIT.concat()) {
        let (train, test) = (source.set(SPLIT[0])?, source.set(SPLIT[1])?);
        let kinds = [&train, &test].map(kind);
        if kinds[0] != kinds[1] {
            let [train, test] = kinds;
            return Err(OwnArraysProblem::TwoKinds { file: name, train, test });
        }
        (train, test)
    } else if has(&WHOLE) {
        let whole = source.set(WHOLE)?;
        let (train, test) = split(labels(&whole));
        if test.is_empty() {
            return Err(OwnArraysProblem::TooSmallToSplit { file: name });
        }
        (select(&whole, &train), select(&whole, &test))
    } else {
        return Err(OwnArraysProblem::Names { file: name, found: found.join(", ") });
    };
    let all = labels(&train).iter().chain(labels(&test));
    let classes = all.max().map_or(0, |&last| usize::from(last) + 1);
    let normalisation = match &train {
        SampleSet::Images(images) => Normalisation::of_images(images),
        _ => Normalisation::none(),
    };
    Ok(((0..classes).map(|class| class.to_string()).collect(), train, test, normalisation))
}

fn labels(set: &SampleSet) -> &[u16] {
    match set {
        SampleSet::Images(images) => &images.labels,
        SampleSet::Arrays(arrays) => &arrays.labels,
        SampleSet::Sequences(_) => &[],
    }
}

fn select(set: &SampleSet, indices: &[u32]) -> SampleSet {
    match set {
        SampleSet::Images(images) => SampleSet::Images(images.select(indices)),
        SampleSet::Arrays(arrays) => SampleSet::Arrays(arrays.select(indices)),
        SampleSet::Sequences(_) => set.clone(),
    }
}

/// Shape and type of the samples.
fn kind(set: &SampleSet) -> String {
    let [h, w, c] = set.input();
    let of = if set.images().is_some() { "8-bit pixels" } else { "numbers" };
    format!("{h}x{w}x{c} {of}")
}

/// The samples that stay, and every sixth of each class for the test set.
fn split(labels: &[u16]) -> (Vec<u32>, Vec<u32>) {
    let mut seen = vec![0_usize; usize::from(u16::MAX) + 1];
    (0..exact::<u32>(labels.len())).partition(|&index| {
        let seen = &mut seen[usize::from(labels[index as usize])];
        *seen += 1;
        !seen.is_multiple_of(TEST_SHARE)
    })
}

/// An archive that is being read.
struct Source<'a> {
    file: &'a mut ArrayFile,
    name: &'a str,
    input: Option<[usize; 3]>,
}

impl Source<'_> {
    fn set(&mut self, [x, y]: [&'static str; 2]) -> Result<SampleSet, OwnArraysProblem> {
        let samples = self.file.read(x).map_err(OwnArraysProblem::Array)?;
        let labels = self.file.read(y).map_err(OwnArraysProblem::Array)?;
        let order = order(samples.shape(), self.input).ok_or_else(|| OwnArraysProblem::Shape {
            file: self.name.to_owned(),
            name: x,
            shape: samples.shape().to_vec(),
        })?;
        let labels = self.labels(y, &labels, samples.shape()[0])?;
        let [height, width, channels] = order.shape;
        match samples.elements() {
            Elements::Integers(values) if samples.element() == ElementType::UInt8 => {
                // Bytes by their type.
                let pixels = values.iter().map(|&pixel| exact::<u8>(pixel)).collect();
                let pixels = order.channels_last(pixels);
                Ok(SampleSet::Images(ImageSet { channels, height, width, pixels, labels }))
            }
            _ => {
                let values = order.channels_last(self.numbers(x, &samples)?);
                Ok(SampleSet::Arrays(ArraySet { shape: order.shape, values, labels }))
            }
        }
    }

    fn numbers(&self, name: &'static str, array: &Tensor) -> Result<Vec<f32>, OwnArraysProblem> {
        let number = |(index, &value): (usize, &f64)| {
            let number = nearest_f32(value);
            number.is_finite().then_some(number).ok_or_else(|| OwnArraysProblem::NotFinite {
                file: self.name.to_owned(),
                name,
                value,
                index,
            })
        };
        array.wide().iter().enumerate().map(number).collect()
    }

    fn labels(
        &self,
        name: &'static str,
        array: &Tensor,
        samples: usize,
    ) -> Result<Vec<u16>, OwnArraysProblem> {
        let shape = array.shape();
        let one_each = shape == [samples] || shape == [samples, 1];
        let Elements::Integers(labels) = array.elements() else {
            return Err(self.wrong_labels(name, array, samples));
        };
        if !one_each {
            return Err(self.wrong_labels(name, array, samples));
        }
        let label = |(index, &label): (usize, &i64)| {
            u16::try_from(label).ok().filter(|&label| label < u16::MAX).ok_or_else(|| {
                OwnArraysProblem::Label { file: self.name.to_owned(), name, label, index }
            })
        };
        labels.iter().enumerate().map(label).collect()
    }

    fn wrong_labels(&self, name: &'static str, array: &Tensor, samples: usize) -> OwnArraysProblem {
        OwnArraysProblem::Labels {
            file: self.name.to_owned(),
            name,
            shape: array.shape().to_vec(),
            element: array.element().name(),
            samples,
        }
    }
}

/// How the elements of a sample become `[h, w, c]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Order {
    shape: [usize; 3],
    /// The array has `[c, h, w]`.
    channels_first: bool,
}

/// The order of samples in an array of `shape`: the one that gives the network's `input`, or else the usual one. `None` if the
/// array has no samples.
fn order(shape: &[usize], input: Option<[usize; 3]>) -> Option<Order> {
    if shape.contains(&0) {
        return None;
    }
    let last = |shape| Order { shape, channels_first: false };
    let first = |shape| Order { shape, channels_first: true };
    let possible = match *shape {
        [_, features] => {
            vec![last([1, 1, features]), last([1, features, 1]), last([features, 1, 1])]
        }
        [_, a, b] => {
            vec![
                last([a, b, 1]),
                last([a, 1, b]),
                last([1, a, b]),
                first([1, b, a]),
                first([b, 1, a]),
            ]
        }
        [_, a, b, c] => {
            let (last, first) = (last([a, b, c]), first([b, c, a]));
            let turned = c > FEW_CHANNELS && a <= FEW_CHANNELS;
            if turned { vec![first, last] } else { vec![last, first] }
        }
        _ => return None,
    };
    let wanted = possible.iter().find(|order| Some(order.shape) == input);
    wanted.or(possible.first()).copied()
}

impl Order {
    /// The elements of all samples, their channels last.
    fn channels_last<T: Copy>(self, elements: Vec<T>) -> Vec<T> {
        let [h, w, c] = self.shape;
        if !self.channels_first || c == 1 || h * w == 1 {
            return elements;
        }
        let mut turned = Vec::with_capacity(elements.len());
        for sample in elements.chunks_exact(h * w * c) {
            for pixel in 0..h * w {
                turned.extend((0..c).map(|channel| sample[channel * h * w + pixel]));
            }
        }
        turned
    }
}

#[cfg(test)]
mod tests;
