//! The binary versions of CIFAR-10 and CIFAR-100.
//!
//! A file is a sequence of records without header: one label byte (CIFAR-10) or a coarse and a fine
//! one (CIFAR-100), then 1,024 red, 1,024 green and 1,024 blue pixels, row by row.

use super::class_names;
use super::{DataError, DatasetKind, ImageSet, Location};
use hwmodel::cast::index;
use std::fs::File;
use std::io::Read;
use std::path::Path;

const SIDE: usize = 32;
const CHANNELS: usize = 3;
const PLANE_BYTES: usize = SIDE * SIDE;

/// The most bytes of one file. Real files have at most 154 million (CIFAR-100's training set).
const MAX_FILE_BYTES: u64 = 1 << 31;

/// What differs between the two data sets.
struct Layout {
    kind: DatasetKind,
    train: &'static [&'static str],
    test: &'static str,
    class_names: &'static str,
    /// Classes of each label byte; the last one is the label that is used.
    classes: &'static [u16],
}

const CIFAR10: Layout = Layout {
    kind: DatasetKind::Cifar10,
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: "test_batch.bin",
    class_names: "batches.meta.txt",
    classes: &[10],
};

const CIFAR100: Layout = Layout {
    kind: DatasetKind::Cifar100,
    train: &["train.bin"],
    test: "test.bin",
    class_names: "fine_label_names.txt",
    classes: &[20, 100],
};

fn layout(kind: DatasetKind) -> &'static Layout {
    if kind == DatasetKind::Cifar100 { &CIFAR100 } else { &CIFAR10 }
}

/// Class names, training set and test set in `folder`.
pub(super) fn load(
    kind: DatasetKind,
    folder: &Path,
) -> Result<(Vec<String>, ImageSet, ImageSet), DataError> {
    let layout = layout(kind);
    let names = class_names::from_file(&folder.join(layout.class_names), kind)?;
    let mut train = empty_set();
    for file in layout.train {
        layout.read_file(folder, file, &mut train)?;
    }
    let mut test = empty_set();
    layout.read_file(folder, layout.test, &mut test)?;
    Ok((names, train, test))
}

/// Class names and test set in `folder`.
pub(super) fn load_test(
    kind: DatasetKind,
    folder: &Path,
) -> Result<(Vec<String>, ImageSet), DataError> {
    let layout = layout(kind);
    let names = class_names::from_file(&folder.join(layout.class_names), kind)?;
    let mut test = empty_set();
    layout.read_file(folder, layout.test, &mut test)?;
    Ok((names, test))
}

/// Whether `folder` has any file of the data set.
pub(super) fn is_in(kind: DatasetKind, folder: &Path) -> bool {
    let layout = layout(kind);
    layout.train.iter().chain([&layout.test]).any(|name| folder.join(name).is_file())
}

fn empty_set() -> ImageSet {
    let (pixels, labels) = (Vec::new(), Vec::new());
    ImageSet { channels: CHANNELS, height: SIDE, width: SIDE, pixels, labels }
}

impl Layout {
    fn read_file(&self, folder: &Path, name: &str, set: &mut ImageSet) -> Result<(), DataError> {
        let path = folder.join(name);
        if !path.is_file() {
            let (kind, folder, file) = (self.kind, folder.to_owned(), name.to_owned());
            return Err(DataError::MissingFile { kind, folder, file });
        }
        let read_error = |source| DataError::Read { path: path.clone(), source };
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(read_error)?;
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(read_error)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(DataError::TrailingBytes { at: location(&path, index(MAX_FILE_BYTES)) });
        }
        self.parse(&path, &bytes, set)
    }

    /// Appends the records in `bytes` to `set`.
    fn parse(&self, path: &Path, bytes: &[u8], set: &mut ImageSet) -> Result<(), DataError> {
        let record_bytes = self.classes.len() + CHANNELS * PLANE_BYTES;
        if bytes.is_empty() {
            return Err(DataError::Empty { path: path.to_owned() });
        }
        let records = bytes.chunks_exact(record_bytes);
        let rest = records.remainder();
        if !rest.is_empty() {
            return Err(DataError::Truncated {
                at: location(path, bytes.len() - rest.len()),
                what: "a record",
                expected: record_bytes as u64,
                found: rest.len() as u64,
            });
        }
        set.pixels.reserve_exact(records.len() * CHANNELS * PLANE_BYTES);
        set.labels.reserve_exact(records.len());
        for (index, record) in records.enumerate() {
            let (labels, planes) = record.split_at(self.classes.len());
            let mut class = 0;
            for (place, (&label, &classes)) in labels.iter().zip(self.classes).enumerate() {
                class = u16::from(label);
                if class >= classes {
                    let at = location(path, index * record_bytes + place);
                    return Err(DataError::Label { at, label: class, first: 0, last: classes - 1 });
                }
            }
            set.labels.push(class);
            let (red, rest) = planes.split_at(PLANE_BYTES);
            let (green, blue) = rest.split_at(PLANE_BYTES);
            for ((&red, &green), &blue) in red.iter().zip(green).zip(blue) {
                set.pixels.extend_from_slice(&[red, green, blue]);
            }
        }
        Ok(())
    }
}

fn location(path: &Path, offset: usize) -> Location {
    Location { file: path.to_owned(), offset: offset as u64, compressed: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(labels: &[u8], seed: usize) -> Vec<u8> {
        let pixels = (0..CHANNELS * PLANE_BYTES).map(|i| (i / 7 + seed) as u8);
        labels.iter().copied().chain(pixels).collect()
    }

    fn parse(layout: &Layout, bytes: &[u8]) -> Result<ImageSet, DataError> {
        let mut set = empty_set();
        layout.parse(Path::new("file.bin"), bytes, &mut set).map(|()| set)
    }

    #[test]
    fn planes_become_interleaved_pixels() {
        let bytes = [record(&[3], 0), record(&[9], 5)].concat();
        let set = parse(&CIFAR10, &bytes).unwrap();
        assert_eq!(set.labels, [3, 9]);
        for (n, y, x, c) in [(0, 0, 0, 0), (0, 31, 31, 2), (1, 4, 17, 1)] {
            let stored = bytes[n * 3073 + 1 + c * 1024 + y * 32 + x];
            assert_eq!(set.image(n)[(y * 32 + x) * 3 + c], stored);
        }
    }

    #[test]
    fn cifar100_takes_the_fine_label() {
        let set = parse(&CIFAR100, &record(&[19, 99], 1)).unwrap();
        assert_eq!(set.labels, [99]);
        assert_eq!(set.pixels[..2], [1, 147]);
    }

    #[test]
    fn broken_files_are_explained() {
        let explain = |layout, bytes: &[u8]| parse(layout, bytes).unwrap_err().to_string();
        insta::assert_snapshot!(explain(&CIFAR10, &[]), @"`file.bin` has no images");
        insta::assert_snapshot!(explain(&CIFAR10, &[record(&[0], 0), vec![1; 100]].concat()), @"`file.bin`, byte 3073: a record should be 3073 bytes, but the file ends after 100 of them");
        insta::assert_snapshot!(explain(&CIFAR10, &[record(&[9], 0), record(&[10], 0)].concat()), @"`file.bin`, byte 3073: label 10, expected 0 to 9");
        insta::assert_snapshot!(explain(&CIFAR100, &record(&[20, 1], 0)), @"`file.bin`, byte 0: label 20, expected 0 to 19");
        insta::assert_snapshot!(explain(&CIFAR100, &record(&[19, 100], 0)), @"`file.bin`, byte 1: label 100, expected 0 to 99");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
            let _ = parse(&CIFAR10, &bytes);
            let _ = parse(&CIFAR100, &bytes);
        }
    }
}
