//! Broken data files: each error names the file, the place and what was expected.

use flate2::{Compression, write::GzEncoder};
use hwsim::data::{DataError, DatasetKind, SearchPath, load};
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

/// An IDX file: big-endian header numbers, then `count` bytes of `value`.
fn idx(header: &[u32], count: usize, value: u8) -> Vec<u8> {
    let header = header.iter().flat_map(|number| number.to_be_bytes());
    header.chain(std::iter::repeat_n(value, count)).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A folder with a whole MNIST of two training images and one test image.
fn mnist() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in [
        ("train-images-idx3-ubyte", idx(&[2051, 2, 28, 28], 2 * 784, 1)),
        ("train-labels-idx1-ubyte", idx(&[2049, 2], 2, 3)),
        ("t10k-images-idx3-ubyte", idx(&[2051, 1, 28, 28], 784, 1)),
        ("t10k-labels-idx1-ubyte", idx(&[2049, 1], 1, 3)),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn load_mnist(folder: &Path) -> Result<(), DataError> {
    let search = SearchPath { data_dir: Some(folder.to_owned()), ..SearchPath::default() };
    load(DatasetKind::Mnist, &search).map(|_| ())
}

/// The error text after `name` got other content, with the temporary folder called DIR.
fn with_file(name: &str, content: &[u8]) -> String {
    let folder = mnist();
    load_mnist(folder.path()).unwrap();
    fs::write(folder.path().join(name), content).unwrap();
    text(&load_mnist(folder.path()).unwrap_err(), folder.path())
}

fn text(error: &DataError, folder: &Path) -> String {
    error.to_string().replace(&folder.display().to_string(), "DIR")
}

#[test]
fn cut_off_files() {
    let images = idx(&[2051, 2, 28, 28], 2 * 784 - 1, 1);
    insta::assert_snapshot!(with_file("train-images-idx3-ubyte", &images), @"`DIR/train-images-idx3-ubyte`, byte 16: the pixels should be 1568 bytes, but the file ends after 1567 of them");
    let labels = idx(&[2049, 2], 1, 3);
    insta::assert_snapshot!(with_file("train-labels-idx1-ubyte", &labels), @"`DIR/train-labels-idx1-ubyte`, byte 8: the labels should be 2 bytes, but the file ends after 1 of them");
    insta::assert_snapshot!(with_file("t10k-images-idx3-ubyte", &images[..10]), @"`DIR/t10k-images-idx3-ubyte`, byte 8: the number of rows should be 4 bytes, but the file ends after 2 of them");
}

#[test]
fn files_that_go_on() {
    let images = idx(&[2051, 2, 28, 28], 2 * 784 + 1, 1);
    insta::assert_snapshot!(with_file("train-images-idx3-ubyte", &images), @"`DIR/train-images-idx3-ubyte`, byte 1584: the file should end here, but more bytes follow");
}

#[test]
fn exchanged_and_foreign_files() {
    let labels = idx(&[2049, 2], 2, 3);
    insta::assert_snapshot!(with_file("train-images-idx3-ubyte", &labels), @"`DIR/train-images-idx3-ubyte`, byte 0: magic number 2049 (IDX labels), expected 2051 (IDX images)");
    insta::assert_snapshot!(with_file("train-labels-idx1-ubyte", b"<html></html>"), @"`DIR/train-labels-idx1-ubyte`, byte 0: magic number 1013478509 (not an IDX file of bytes), expected 2049 (IDX labels)");
}

#[test]
fn labels_of_no_class() {
    let labels = idx(&[2049, 2], 2, 10);
    insta::assert_snapshot!(with_file("train-labels-idx1-ubyte", &labels), @"`DIR/train-labels-idx1-ubyte`, byte 8: label 10, expected 0 to 9");
}

#[test]
fn images_and_labels_of_different_number() {
    let labels = idx(&[2049, 3], 3, 0);
    insta::assert_snapshot!(with_file("train-labels-idx1-ubyte", &labels), @"`DIR/train-images-idx3-ubyte` has 2 images but `DIR/train-labels-idx1-ubyte` has 3 labels");
}

#[test]
fn files_without_images() {
    insta::assert_snapshot!(with_file("t10k-images-idx3-ubyte", &idx(&[2051, 0, 28, 28], 0, 0)), @"`DIR/t10k-images-idx3-ubyte` has no images");
    insta::assert_snapshot!(with_file("t10k-images-idx3-ubyte", &[]), @"`DIR/t10k-images-idx3-ubyte`, byte 0: the magic number should be 4 bytes, but the file ends after 0 of them");
}

#[test]
fn absurd_headers_take_no_memory() {
    let header = idx(&[2051, 4_294_967_295, 28, 28], 100, 0);
    insta::assert_snapshot!(with_file("train-images-idx3-ubyte", &header), @"`DIR/train-images-idx3-ubyte`, byte 4: the header claims 4294967295 images of 28×28 pixels; expected 1 to 1024 pixels a side and at most 4294967296 bytes in all");
    let header = idx(&[2051, 4_000_000_000, 1, 1], 100, 0);
    insta::assert_snapshot!(with_file("train-images-idx3-ubyte", &gzip(&header)), @"`DIR/train-images-idx3-ubyte`, byte 16 of the decompressed data: the pixels should be 4000000000 bytes, but the file ends after 100 of them");
    let header = idx(&[2049, 4_294_967_295], 100, 0);
    insta::assert_snapshot!(with_file("train-labels-idx1-ubyte", &header), @"`DIR/train-labels-idx1-ubyte`, byte 8: the labels should be 4294967295 bytes, but the file ends after 100 of them");
}

#[test]
fn damaged_gzip_files() {
    let noise: Vec<u8> = (0..2 * 784u32).map(|i| (i * i * 31 % 251) as u8).collect();
    let whole = gzip(&[idx(&[2051, 2, 28, 28], 0, 0), noise].concat());
    let (start, _) = whole.split_at(whole.len() - 6);
    insta::assert_snapshot!(with_file("train-images-idx3-ubyte", start), @"`DIR/train-images-idx3-ubyte`, byte 1584 of the decompressed data: the gzip stream is damaged or cut off");
    insta::assert_snapshot!(with_file("train-images-idx3-ubyte", b"\x1f\x8bnot gzip at all"), @"`DIR/train-images-idx3-ubyte`, byte 0 of the decompressed data: the gzip stream is damaged or cut off");
    let labels = gzip(&idx(&[2049, 2], 2, 12));
    insta::assert_snapshot!(with_file("train-labels-idx1-ubyte", &labels), @"`DIR/train-labels-idx1-ubyte`, byte 8 of the decompressed data: label 12, expected 0 to 9");
}

#[test]
fn the_reason_of_the_decoder_is_kept_as_source() {
    let folder = mnist();
    fs::write(folder.path().join("train-images-idx3-ubyte"), b"\x1f\x8bnot gzip at all").unwrap();
    let error = load_mnist(folder.path()).unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "invalid gzip header");
}

#[test]
fn data_sets_that_are_nowhere() {
    let folder = TempDir::new().unwrap();
    let environment_dir = Some(folder.path().to_owned());
    for (kind, search) in [
        ("mnist", SearchPath { environment_dir, system: true, ..SearchPath::default() }),
        ("emnist-balanced", SearchPath { system: true, ..SearchPath::default() }),
        (
            "cifar10",
            SearchPath { data_dir: Some(folder.path().to_owned()), ..SearchPath::default() },
        ),
        ("folder", SearchPath::default()),
    ] {
        let error = load(kind.parse().unwrap(), &search).unwrap_err();
        let text = text(&error, folder.path());
        match kind {
            "mnist" => {
                insta::assert_snapshot!(text, @"data set mnist: no files in `DIR/mnist`, `DIR`; get the four IDX files of MNIST (train-images-idx3-ubyte.gz and so on) and name their folder with --data-dir or HWSIM_DATA")
            }
            "emnist-balanced" => {
                insta::assert_snapshot!(text, @"data set emnist-balanced: no folder given; get EMNIST's gzip.zip from https://www.nist.gov/itl/products-and-services/emnist-dataset, unpack it and name its folder with --data-dir or HWSIM_DATA")
            }
            "cifar10" => {
                insta::assert_snapshot!(text, @"data set cifar10: no files in `DIR/cifar10`, `DIR/cifar10/cifar-10-batches-bin`, `DIR`, `DIR/cifar-10-batches-bin`; get the binary version from https://www.cs.toronto.edu/~kriz/cifar.html, unpack it and name its folder with --data-dir or HWSIM_DATA")
            }
            _ => {
                insta::assert_snapshot!(text, @"data set folder: no folder given; name with --data-dir or HWSIM_DATA a folder that has train/CLASS/*.png and test/CLASS/*.png, or CLASS/*.png (or .jpg)")
            }
        }
    }
}

#[test]
fn a_class_list_of_the_wrong_length() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("test_batch.bin"), [0; 3073]).unwrap();
    fs::write(folder.path().join("batches.meta.txt"), "airplane\nbird\n").unwrap();
    let search = SearchPath { data_dir: Some(folder.path().to_owned()), ..SearchPath::default() };
    let error = load(DatasetKind::Cifar10, &search).unwrap_err();
    insta::assert_snapshot!(text(&error, folder.path()), @"`DIR/batches.meta.txt` names 2 classes, expected 10");
    fs::write(folder.path().join("batches.meta.txt"), [0xff, 0xfe]).unwrap();
    let error = load(DatasetKind::Cifar10, &search).unwrap_err();
    insta::assert_snapshot!(text(&error, folder.path()), @"cannot read `DIR/batches.meta.txt`");
}
