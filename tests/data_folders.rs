//! Class folders of PNG and JPEG files.

use hwsim::data::{DataError, Dataset, DatasetKind, ImageSet, SampleSet, SearchPath, load};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn images(set: &SampleSet) -> &ImageSet {
    set.images().unwrap()
}

const COLOUR_JPEG: &[u8] = include_bytes!("../src/data/fixtures/colour.jpg");
const GREY_JPEG: &[u8] = include_bytes!("../src/data/fixtures/grey.jpg");

/// Writes `content` to `root/name`, with the folders it needs.
fn write(root: &Path, name: &str, content: &[u8]) {
    let file = root.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
}

/// A PNG file of one colour, grey if `pixel` has one channel, else RGB.
fn png(width: u32, height: u32, pixel: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(if pixel.len() == 1 {
        png::ColorType::Grayscale
    } else {
        png::ColorType::Rgb
    });
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixel.repeat((width * height) as usize)).unwrap();
    writer.finish().unwrap();
    bytes
}

fn load_folder(folder: &Path) -> Result<Dataset, DataError> {
    let search = SearchPath { data_dir: Some(folder.to_owned()), ..SearchPath::default() };
    load(DatasetKind::Folder, &search)
}

/// The error text, with the temporary folder called DIR.
fn explain(folder: &Path) -> String {
    let error = load_folder(folder).unwrap_err().to_string();
    error.replace(&folder.display().to_string(), "DIR")
}

#[test]
fn separate_training_and_test_folders() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    write(root, "train/cat/b.png", &png(32, 32, &[20]));
    write(root, "train/cat/a.PNG", &png(5, 90, &[10]));
    write(root, "train/dog/x.png", &png(1, 1, &[30]));
    write(root, "train/dog/.hidden.png", b"not read");
    write(root, "train/dog/notes.txt", b"not read");
    write(root, "test/dog/y.png", &png(40, 30, &[255]));
    let dataset = load_folder(root).unwrap();
    assert_eq!(dataset.class_names, ["cat", "dog"]);
    assert_eq!(
        (images(&dataset.train).labels.as_slice(), images(&dataset.test).labels.as_slice()),
        (&[0, 0, 1][..], &[1][..])
    );
    let levels: Vec<u8> = (0..3).map(|index| images(&dataset.train).image(index)[500]).collect();
    assert_eq!(levels, [10, 20, 30]);
    assert_eq!((images(&dataset.train).channels, images(&dataset.test).pixels.len()), (1, 32 * 32));
    // Mean 20, variance 200/3 over the training images.
    assert_eq!(dataset.normalisation.mean, [20.0 / 255.0]);
    assert_eq!(dataset.normalisation.std, [((200.0f64 / 3.0).sqrt() / 255.0) as f32]);
    assert_eq!(dataset.augmentation, None);
}

#[test]
fn one_colour_image_gives_all_three_channels() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "train/a/1.png", &png(8, 8, &[50]));
    write(folder.path(), "test/a/1.png", &png(8, 8, &[1, 2, 3]));
    let dataset = load_folder(folder.path()).unwrap();
    assert_eq!((images(&dataset.train).channels, images(&dataset.test).channels), (3, 3));
    assert_eq!(images(&dataset.train).pixels[..3], [50, 50, 50]);
    assert_eq!(images(&dataset.test).pixels[..3], [1, 2, 3]);
    assert_eq!(dataset.normalisation.std, [1.0; 3]);
}

#[test]
fn jpeg_files_are_read_and_resized() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "train/grey/1.jpg", GREY_JPEG);
    write(folder.path(), "train/colour/1.jpeg", COLOUR_JPEG);
    // The kind of a picture is detected from its content.
    write(folder.path(), "test/grey/1.jpg", &png(3, 3, &[99]));
    let dataset = load_folder(folder.path()).unwrap();
    assert_eq!(dataset.class_names, ["colour", "grey"]);
    // The fixtures show 4x + 3y + 10c at 37×23 pixels; the middle of a linear image stays.
    let expected = 4.0 * 18.0 + 3.0 * 11.0;
    for (index, offset) in [(0, 10.0), (1, 0.0)] {
        let middle: f64 = [15 * 32 + 15, 15 * 32 + 16, 16 * 32 + 15, 16 * 32 + 16]
            .iter()
            .map(|place| f64::from(images(&dataset.train).image(index)[place * 3 + 1]) / 4.0)
            .sum();
        assert!((middle - expected - offset).abs() < 3.0, "{middle}");
    }
}

#[test]
fn without_a_split_every_sixth_image_is_for_testing() {
    let folder = TempDir::new().unwrap();
    for (class, count) in [("a", 13), ("b", 6), ("c", 5)] {
        for index in 0..count {
            let name = format!("{class}/{index:02}.png");
            write(folder.path(), &name, &png(32, 32, &[index]));
        }
    }
    let dataset = load_folder(folder.path()).unwrap();
    assert_eq!(images(&dataset.train).class_counts(3), [11, 5, 5]);
    assert_eq!(images(&dataset.test).labels, [0, 0, 1]);
    let levels: Vec<u8> = (0..3).map(|index| images(&dataset.test).image(index)[0]).collect();
    assert_eq!(levels, [5, 11, 5]);
}

#[test]
fn wrong_layouts_are_explained() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    insta::assert_snapshot!(explain(root), @"`DIR` has no class folders; expected one folder of PNG or JPEG files for each class");
    fs::create_dir(root.join("a")).unwrap();
    insta::assert_snapshot!(explain(root), @"`DIR/a` has no images");
    write(root, "a/1.png", &png(2, 2, &[1]));
    insta::assert_snapshot!(explain(root), @"`DIR` is too small to be split: every 6th image of a class becomes a test image, and no class has 6; give folders `train` and `test`");
    write(root, "a/2.webp", b"");
    insta::assert_snapshot!(explain(root), @"`DIR/a/2.webp` is a picture of a kind that is not read; convert it to PNG or JPEG");
    fs::remove_file(root.join("a/2.webp")).unwrap();
    write(root, "a/inner/1.png", &png(2, 2, &[1]));
    insta::assert_snapshot!(explain(root), @"`DIR/a/inner` is a folder inside a class folder; expected PNG or JPEG files only");
    write(root, "train/a/1.png", &png(2, 2, &[1]));
    insta::assert_snapshot!(explain(root), @"`DIR` has a folder `train` but no folder `test`; give both, or class folders only");
    write(root, "test/b/1.png", &png(2, 2, &[1]));
    insta::assert_snapshot!(explain(root), @"`DIR/test/b` is a class of the test set that the training set lacks");
    insta::assert_snapshot!(explain(&root.join("nowhere")), @"data set folder: no files in `DIR`; name with --data-dir or HWSIM_DATA a folder that has train/CLASS/*.png and test/CLASS/*.png, or CLASS/*.png (or .jpg)");
}

#[test]
fn the_first_broken_picture_is_named() {
    let folder = TempDir::new().unwrap();
    for index in 0..8 {
        write(folder.path(), &format!("a/{index}.png"), &png(2, 2, &[1]));
    }
    write(folder.path(), "a/3.png", b"\x89PNG and nothing more");
    write(folder.path(), "a/6.jpg", &COLOUR_JPEG[..200]);
    insta::assert_snapshot!(explain(folder.path()), @"`DIR/a/3.png` is not a readable picture: Invalid PNG signature.");
    fs::remove_file(folder.path().join("a/3.png")).unwrap();
    insta::assert_snapshot!(explain(folder.path()), @"`DIR/a/6.jpg` is not a readable picture: the end of the JPEG image is missing");
}
