//! Every layout of data files, written small into temporary folders and read back.

use flate2::{Compression, write::GzEncoder};
use hwsim::data::{Augmentation, DataError, Dataset, DatasetKind, Normalisation, Origin};
use hwsim::data::{ImageSet, SYSTEM_FASHION_MNIST, SampleSet, SearchPath, load};
use std::fs;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

fn images(set: &SampleSet) -> &ImageSet {
    set.images().unwrap()
}

fn write(folder: &Path, name: &str, content: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), content).unwrap();
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// An IDX file: big-endian header numbers, then bytes.
fn idx(header: &[u32], content: &[u8]) -> Vec<u8> {
    header.iter().flat_map(|number| number.to_be_bytes()).chain(content.iter().copied()).collect()
}

fn idx_images(images: &[Vec<u8>]) -> Vec<u8> {
    idx(&[2051, images.len() as u32, 28, 28], &images.concat())
}

fn idx_labels(labels: &[u8]) -> Vec<u8> {
    idx(&[2049, labels.len() as u32], labels)
}

/// An image of 28×28 whose rows 0 to 13 are white and the others black.
fn white_top() -> Vec<u8> {
    (0..28 * 28).map(|place| if place < 14 * 28 { 255 } else { 0 }).collect()
}

fn flat(level: u8) -> Vec<u8> {
    vec![level; 28 * 28]
}

/// Two training images and one test image with the names of MNIST.
fn write_mnist(folder: &Path) {
    write(folder, "train-images-idx3-ubyte", &idx_images(&[white_top(), flat(9)]));
    write(folder, "train-labels-idx1-ubyte", &idx_labels(&[7, 2]));
    write(folder, "t10k-images-idx3-ubyte", &idx_images(&[flat(200)]));
    write(folder, "t10k-labels-idx1-ubyte", &idx_labels(&[9]));
}

fn in_folder(folder: &Path) -> SearchPath {
    SearchPath { data_dir: Some(folder.to_owned()), ..SearchPath::default() }
}

fn in_environment(folder: &Path) -> SearchPath {
    SearchPath { environment_dir: Some(folder.to_owned()), ..SearchPath::default() }
}

fn load_from(kind: &str, folder: &Path) -> Result<Dataset, DataError> {
    load(kind.parse().unwrap(), &in_folder(folder))
}

fn pixel(dataset: &Dataset, index: usize, y: usize, x: usize) -> u8 {
    images(&dataset.train).image(index)[y * 32 + x]
}

#[test]
fn mnist_plain_files() {
    let folder = TempDir::new().unwrap();
    write_mnist(folder.path());
    let dataset = load_from("mnist", folder.path()).unwrap();
    assert_eq!(dataset.name, "mnist");
    assert_eq!(dataset.origin, Origin::Folder(folder.path().to_owned()));
    assert_eq!((dataset.train.len(), dataset.test.len(), dataset.classes()), (2, 1, 10));
    assert_eq!(
        (
            images(&dataset.train).channels,
            images(&dataset.train).height,
            images(&dataset.train).width
        ),
        (1, 32, 32)
    );
    assert_eq!(
        (&images(&dataset.train).labels, &images(&dataset.test).labels),
        (&vec![7, 2], &vec![9])
    );
    assert!(images(&dataset.test).pixels.iter().all(|&pixel| pixel == 200));
    assert_eq!(dataset.normalisation, Normalisation { mean: vec![0.1307], std: vec![0.3081] });
    assert_eq!(dataset.augmentation, None);
}

#[test]
fn mnist_images_are_resized_between_pixel_centres() {
    let folder = TempDir::new().unwrap();
    write_mnist(folder.path());
    let dataset = load_from("mnist", folder.path()).unwrap();
    // Row 15 looks at input row 15.5 · 28/32 - 0.5 = 13.0625, so 0.9375 · 255 = 239.06.
    let column: Vec<u8> = (13..18).map(|y| pixel(&dataset, 0, y, 5)).collect();
    assert_eq!(column, [255, 255, 239, 16, 0]);
}

#[test]
fn mnist_compressed_files_and_the_spelling_with_a_dot() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    write(path, "train-images-idx3-ubyte.gz", &gzip(&idx_images(&[flat(1)])));
    write(path, "train-labels.idx1-ubyte", &idx_labels(&[4]));
    write(path, "t10k-images.idx3-ubyte.gz", &gzip(&idx_images(&[flat(3)])));
    // Browsers decompress downloads and keep the name.
    write(path, "t10k-labels-idx1-ubyte.gz", &idx_labels(&[5]));
    let dataset = load_from("mnist", path).unwrap();
    assert_eq!(
        (&images(&dataset.train).labels, &images(&dataset.test).labels),
        (&vec![4], &vec![5])
    );
    assert_eq!((images(&dataset.train).pixels[0], images(&dataset.test).pixels[0]), (1, 3));
}

#[test]
fn emnist_images_are_transposed_and_letters_start_at_one() {
    let folder = TempDir::new().unwrap();
    let archive = folder.path().join("emnist").join("gzip");
    for half in ["train", "test"] {
        let images = gzip(&idx_images(&[white_top(), flat(8)]));
        write(&archive, &format!("emnist-letters-{half}-images-idx3-ubyte.gz"), &images);
        let labels = gzip(&idx_labels(&[1, 26]));
        write(&archive, &format!("emnist-letters-{half}-labels-idx1-ubyte.gz"), &labels);
    }
    let dataset = load_from("emnist-letters", folder.path()).unwrap();
    assert_eq!(dataset.name, "emnist-letters");
    assert_eq!(images(&dataset.train).labels, [0, 25]);
    assert_eq!((dataset.class_names[0].as_str(), dataset.classes()), ("A", 26));
    assert_eq!((pixel(&dataset, 0, 31, 0), pixel(&dataset, 0, 0, 31)), (255, 0));
    // The files of one split are not those of another.
    let error = load_from("emnist-digits", folder.path()).unwrap_err();
    assert!(matches!(error, DataError::NotFound { .. }), "{error}");
}

fn cifar_record(labels: &[u8], pixel: [u8; 3]) -> Vec<u8> {
    let planes = pixel.iter().flat_map(|&value| std::iter::repeat_n(value, 1024));
    labels.iter().copied().chain(planes).collect()
}

#[test]
fn cifar10_in_the_folder_of_its_archive() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cifar-10-batches-bin");
    for batch in 1..=5 {
        let name = format!("data_batch_{batch}.bin");
        write(&path, &name, &cifar_record(&[batch], [batch, 20, 30]));
    }
    write(&path, "test_batch.bin", &cifar_record(&[9], [7, 8, 9]));
    let dataset = load_from("cifar10", folder.path()).unwrap();
    assert_eq!(images(&dataset.train).labels, [1, 2, 3, 4, 5]);
    assert_eq!(images(&dataset.train).image(4)[..6], [5, 20, 30, 5, 20, 30]);
    assert_eq!(images(&dataset.test).pixels[3069..], [7, 8, 9]);
    assert_eq!(dataset.class_names[9], "truck");
    assert_eq!(dataset.normalisation, Normalisation::cifar());
    assert_eq!(dataset.augmentation, Some(Augmentation { padding: 4, horizontal_flip: true }));

    write(&path, "batches.meta.txt", b"a\nb\nc\nd\ne\nf\ng\nh\ni\nlast\n\n");
    assert_eq!(load_from("cifar10", folder.path()).unwrap().class_names[9], "last");
    fs::remove_file(path.join("data_batch_3.bin")).unwrap();
    let error = load_from("cifar10", folder.path()).unwrap_err();
    assert!(error.to_string().ends_with("has other files of cifar10 but not `data_batch_3.bin`"));
}

#[test]
fn cifar100_with_fine_labels() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cifar100").join("cifar-100-binary");
    let records = [cifar_record(&[19, 99], [1, 2, 3]), cifar_record(&[0, 3], [4, 5, 6])];
    write(&path, "train.bin", &records.concat());
    write(&path, "test.bin", &cifar_record(&[1, 50], [7, 8, 9]));
    let dataset = load(DatasetKind::Cifar100, &in_environment(folder.path())).unwrap();
    assert_eq!(
        (&images(&dataset.train).labels, &images(&dataset.test).labels),
        (&vec![99, 3], &vec![50])
    );
    assert_eq!((dataset.class_names[99].as_str(), dataset.class_names.len()), ("worm", 100));
    assert_eq!(dataset.origin, Origin::Folder(path));
}

#[test]
fn the_search_goes_from_explicit_to_environment() {
    let (given, environment, empty) =
        (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    write_mnist(given.path());
    let named = environment.path().join("fashion-mnist");
    write_mnist(&named);
    let kind = DatasetKind::FashionMnist;
    let origin = |search: &SearchPath| load(kind, search).unwrap().origin;

    let mut search = in_environment(environment.path());
    search.system = true;
    assert_eq!(origin(&search), Origin::Folder(named.clone()));
    // The sub-folder named like the data set comes before the folder itself.
    write(environment.path(), "train-images-idx3-ubyte", b"of another data set");
    assert_eq!(origin(&search), Origin::Folder(named));
    search.data_dir = Some(given.path().to_owned());
    assert_eq!(origin(&search), Origin::Folder(given.path().to_owned()));

    for nowhere in [in_environment(empty.path()), in_folder(empty.path())] {
        let error = load(kind, &nowhere).unwrap_err();
        assert!(matches!(error, DataError::NotFound { looked, .. } if looked.len() == 2));
    }
    let error = load(kind, &SearchPath::default()).unwrap_err();
    assert!(error.to_string().ends_with("`--dataset fashion-mnist-slice` needs no files"));
}

/// Equal options give equal data, independent of the data sets installed.
#[test]
fn what_is_embedded_is_looked_for_nowhere() {
    let folder = TempDir::new().unwrap();
    write_mnist(&folder.path().join("fashion-mnist"));
    write(&folder.path().join("text"), "a.txt", b"another text");
    for kind in [DatasetKind::FashionMnistSlice, DatasetKind::Text] {
        let plain = load(kind, &SearchPath::default()).unwrap();
        assert_eq!(plain.origin, Origin::Embedded);
        assert_eq!(plain.name, kind.to_string());
        let search = SearchPath { system: true, ..in_environment(folder.path()) };
        assert_eq!(load(kind, &search).unwrap(), plain);
    }
}

#[test]
fn files_that_are_there_in_part_are_never_replaced_by_the_slice() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "t10k-labels-idx1-ubyte", &idx_labels(&[1]));
    let error = load(DatasetKind::FashionMnist, &in_environment(folder.path())).unwrap_err();
    assert!(
        matches!(error, DataError::MissingFile { file, .. } if file == "train-images-idx3-ubyte[.gz]")
    );
}

#[test]
fn the_package_of_the_system_is_found_where_it_is_installed() {
    let search = SearchPath { system: true, ..SearchPath::default() };
    let dataset = load(DatasetKind::FashionMnist, &search);
    if Path::new(SYSTEM_FASHION_MNIST).is_dir() {
        let dataset = dataset.unwrap();
        assert_eq!(dataset.origin, Origin::Folder(SYSTEM_FASHION_MNIST.into()));
        assert_eq!(images(&dataset.train).class_counts(10), [6000; 10]);
        assert_eq!(images(&dataset.test).class_counts(10), [1000; 10]);
    } else {
        assert!(matches!(dataset, Err(DataError::NotFound { .. })));
    }
}

#[test]
fn limits_keep_classes_balanced_and_are_repeatable() {
    let whole = load(DatasetKind::FashionMnistSlice, &SearchPath::default()).unwrap();
    let limited = whole.clone().limit(Some(257), Some(40)).unwrap();
    let counts = images(&limited.train).class_counts(10);
    assert!(counts.iter().all(|count| [25, 26].contains(count)), "{counts:?}");
    assert_eq!(images(&limited.test).class_counts(10), [4; 10]);
    assert_eq!(limited, whole.clone().limit(Some(257), Some(40)).unwrap());
    assert_eq!(whole.clone().limit(None, Some(1_000_000)).unwrap(), whole);
    for limits in [(Some(0), None), (None, Some(0))] {
        let error = whole.clone().limit(limits.0, limits.1).unwrap_err();
        assert!(matches!(error, DataError::ZeroLimit { .. }), "{error}");
    }
}
