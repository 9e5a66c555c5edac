//! Arrays of several shapes and types as data sets, and wrong ones.

use super::*;
use crate::data::arrays::write_npz;
use crate::data::{Dataset, DatasetKind, Preparation, SearchPath, load_arrays};
use std::fs::File;

fn reals(shape: &[usize]) -> Tensor {
    let count = shape.iter().product::<usize>();
    let values = (0..exact::<u16>(count)).map(f32::from).collect::<Vec<_>>();
    Tensor::new(shape.to_vec(), ElementType::Float32, Elements::Float32(values.into())).unwrap()
}

fn integers(shape: &[usize], element: ElementType, values: Vec<i64>) -> Tensor {
    Tensor::new(shape.to_vec(), element, Elements::Integers(values.into())).unwrap()
}

fn labels(values: Vec<i64>) -> Tensor {
    integers(&[values.len()], ElementType::Int64, values)
}

fn read(arrays: &[(&str, &Tensor)], input: Option<[usize; 3]>) -> Result<Dataset, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.npz");
    write_npz(File::create(&path).unwrap(), arrays.iter().copied()).unwrap();
    let search = SearchPath { data_dir: Some(path), ..SearchPath::default() };
    let place = folder.path().display().to_string();
    load_arrays(&search, input).map_err(|error| error.to_string().replace(&place, "DIR"))
}

fn batch(dataset: &Dataset, indices: &[u32]) -> Vec<f32> {
    let normalisation = &dataset.normalisation;
    let preparation = Preparation { normalisation, augmentation: None, place: (0, 0) };
    let mut out = Vec::new();
    dataset.train.fill(&preparation, indices, &mut out);
    out
}

#[test]
fn features_are_numbers_as_they_are() {
    let (x, y) = (reals(&[4, 3]), labels(vec![2, 0, 2, 1]));
    let names = [("x_train", &x), ("y_train", &y), ("x_test", &x), ("y_test", &y)];
    let dataset = read(&names, None).unwrap();
    assert_eq!(dataset.class_names, ["0", "1", "2"]);
    assert_eq!((dataset.train.input(), dataset.train.len()), ([1, 1, 3], 4));
    assert_eq!(dataset.train.targets(&[0, 3]), [2, 1]);
    assert_eq!(batch(&dataset, &[1]), [3.0, 4.0, 5.0]);
    assert_eq!(dataset.name, DatasetKind::Arrays.to_string());
}

#[test]
fn every_sixth_sample_of_a_class_is_a_test_sample() {
    let (x, y) = (reals(&[14, 1]), labels([vec![0; 7], vec![1; 7]].concat()));
    let dataset = read(&[("x", &x), ("y", &y)], None).unwrap();
    assert_eq!((dataset.train.len(), dataset.test.len()), (12, 2));
    let SampleSet::Arrays(test) = &dataset.test else { unreachable!("floats") };
    assert_eq!((test.values.clone(), test.labels.clone()), (vec![5.0, 12.0], vec![0, 1]));
    let limited = dataset.limit(Some(4), Some(1)).unwrap();
    assert_eq!((limited.train.len(), limited.test.len()), (4, 1));
    let train = limited.train.targets(&[0, 1, 2, 3]);
    assert_eq!(train.iter().filter(|&&label| label == 1).count(), 2);
}

#[test]
fn bytes_are_pixels() {
    let pixels = integers(&[2, 2, 1], ElementType::UInt8, vec![0, 255, 51, 102]);
    let y = integers(&[2, 1], ElementType::UInt8, vec![0, 1]);
    let names = [("x_train", &pixels), ("y_train", &y), ("x_test", &pixels), ("y_test", &y)];
    let mut dataset = read(&names, None).unwrap();
    assert_eq!(dataset.train.images().unwrap().pixels, [0, 255, 51, 102]);
    assert_eq!(dataset.train.input(), [2, 1, 1]);
    dataset.normalisation = Normalisation { mean: vec![0.0], std: vec![1.0] };
    assert_eq!(batch(&dataset, &[1]), [0.2, 0.4]);
}

#[test]
fn channels_come_last_whatever_the_array_has() {
    let y = labels(vec![0; 6]);
    let shape = |sizes: &[usize], input| {
        let x = reals(sizes);
        let dataset = read(&[("x", &x), ("y", &y)], input).unwrap();
        (dataset.train.input(), batch(&dataset, &[0]))
    };
    // [c, h, w] by its few channels.
    let (input, values) = shape(&[6, 3, 2, 5], None);
    assert_eq!((input, &values[..4]), ([2, 5, 3], &[0.0, 10.0, 20.0, 1.0][..]));
    assert_eq!(shape(&[6, 2, 5, 3], None).0, [2, 5, 3]);
    // By the network where both are possible.
    assert_eq!(shape(&[6, 3, 2, 4], None).0, [3, 2, 4]);
    let (input, values) = shape(&[6, 3, 2, 4], Some([2, 4, 3]));
    assert_eq!((input, &values[..3]), ([2, 4, 3], &[0.0, 8.0, 16.0][..]));
    assert_eq!(shape(&[6, 5, 7], None).0, [5, 7, 1]);
    let (input, values) = shape(&[6, 5, 7], Some([1, 7, 5]));
    assert_eq!((input, &values[..3]), ([1, 7, 5], &[0.0, 7.0, 14.0][..]));
    assert_eq!(shape(&[6, 5, 7], Some([5, 1, 7])).0, [5, 1, 7]);
}

#[test]
fn wrong_arrays_are_named() {
    let (x, y) = (reals(&[2, 3]), labels(vec![0, 1]));
    let error = |x: &Tensor, y: &Tensor| read(&[("x", x), ("y", y)], None).unwrap_err();
    insta::assert_snapshot!(error(&x, &y), @"data set arrays: no class in `DIR/d.npz` has 6 samples, of which one would be a test sample: give x_train, y_train, x_test and y_test");
    insta::assert_snapshot!(error(&reals(&[2]), &y), @"data set arrays: `x` in `DIR/d.npz` has shape [2]: samples are [n, features], [n, h, w], [n, h, w, c] or [n, c, h, w], with no size 0");
    insta::assert_snapshot!(error(&x, &reals(&[2])), @"data set arrays: `y` in `DIR/d.npz` has shape [2] and elements of type float32: labels are integers, one for each of the 2 samples");
    insta::assert_snapshot!(error(&x, &labels(vec![1])), @"data set arrays: `y` in `DIR/d.npz` has shape [1] and elements of type int64: labels are integers, one for each of the 2 samples");
    insta::assert_snapshot!(error(&x, &labels(vec![0, -1])), @"data set arrays: `y` in `DIR/d.npz` has label -1 at 1: labels are 0 to 65534");
    let odd = Tensor::new(
        vec![1, 2],
        ElementType::Float32,
        Elements::Float32(vec![1.0, f32::NAN].into()),
    )
    .unwrap();
    insta::assert_snapshot!(error(&odd, &labels(vec![0])), @"data set arrays: `x` in `DIR/d.npz` has NaN at element 1: samples are finite float32 numbers");
    insta::assert_snapshot!(read(&[("images", &x)], None).unwrap_err(), @"data set arrays: `DIR/d.npz` has the arrays images: x_train, y_train, x_test and y_test are needed, or x and y");
    let other = reals(&[2, 4]);
    let names = [("x_train", &x), ("y_train", &y), ("x_test", &other), ("y_test", &y)];
    insta::assert_snapshot!(read(&names, None).unwrap_err(), @"data set arrays: x_train and x_test in `DIR/d.npz` differ in more than their number: samples are 1x1x3 numbers and 1x1x4 numbers");
}
