//! Files as NumPy writes them, and files that lie.

use super::*;
use crate::tensor::{ElementType, Elements};
use proptest::prelude::*;
use std::io::{Cursor, Write as _};
use zip::write::SimpleFileOptions;

/// A file of version `major`.0 with this dictionary and these bytes.
fn npy(major: u8, dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY".to_vec();
    file.extend([major, 0]);
    let length = dictionary.len() as u32;
    file.extend(&length.to_le_bytes()[..if major == 1 { 2 } else { 4 }]);
    file.extend(dictionary.as_bytes());
    file.extend(data);
    file
}

fn read(bytes: &[u8]) -> Result<Tensor, ArrayError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, bytes).unwrap();
    let mut file = ArrayFile::open(&path)?;
    let name = file.names().first().cloned().unwrap_or_default();
    file.read(&name)
}

fn refused(bytes: &[u8]) -> String {
    let error = read(bytes).unwrap_err();
    match error.name {
        Some(name) => format!("array `{name}` {}", error.problem),
        None => error.problem.to_string(),
    }
}

fn dictionary(descr: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
}

fn integers(tensor: &Tensor) -> &[i64] {
    match tensor.elements() {
        Elements::Integers(values) => values,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_version_order_and_type_is_read() {
    for version in [1, 2, 3] {
        let file = npy(version, &dictionary("<i2", "False", "(2, 1)"), &[1, 0, 0xff, 0xff]);
        let tensor = read(&file).unwrap();
        assert_eq!((tensor.shape(), tensor.element()), (&[2, 1][..], ElementType::Int16));
        assert_eq!(integers(&tensor), [1, -1]);
    }
    let big = read(&npy(1, &dictionary(">i4", "False", "(1,)"), &[0, 0, 1, 2])).unwrap();
    assert_eq!(integers(&big), [258]);
    let columns = npy(1, &dictionary("|u1", "True", "(2, 3)"), &[1, 4, 2, 5, 3, 6]);
    assert_eq!(integers(&read(&columns).unwrap()), [1, 2, 3, 4, 5, 6]);
    let truth = read(&npy(1, &dictionary("|b1", "False", "(3,)"), &[0, 1, 2])).unwrap();
    assert_eq!((integers(&truth), truth.element()), (&[0, 1, 1][..], ElementType::Bool));
    let half = read(&npy(1, &dictionary("<f2", "False", "()"), &[0, 0x3c])).unwrap();
    assert_eq!(half.elements(), &Elements::Float32(vec![1.0].into()));
    let double = read(&npy(1, &dictionary(">f8", "False", "()"), &0.1f64.to_be_bytes())).unwrap();
    assert_eq!(double.elements(), &Elements::Float64(vec![0.1].into()));
    // Keys in another order, double quotes, long integers of Python 2.
    let other = r#"{"shape": (1L,2L), "fortran_order":False,"descr":"<u2"}"#;
    assert_eq!(integers(&read(&npy(1, other, &[1, 0, 2, 0])).unwrap()), [1, 2]);
    let none = read(&npy(1, &dictionary("<f4", "False", "(0, 1099511627776)"), &[])).unwrap();
    assert_eq!(none.shape(), [0, 1 << 40]);
}

#[test]
fn files_that_lie_are_refused_in_one_line() {
    let of = |descr: &str, shape: &str, data: &[u8]| {
        refused(&npy(1, &dictionary(descr, "False", shape), data))
    };
    insta::assert_snapshot!(of("<f4", "(3,)", &[0; 11]), @"ends after 11 of the 12 bytes that its header states");
    insta::assert_snapshot!(of("<f4", "(3,)", &[0; 13]), @"has more bytes than its header states, 12");
    insta::assert_snapshot!(of("<f4", "(1099511627776, 1099511627776)", &[]), @"has shape [1099511627776, 1099511627776]: at most 268435456 elements are read");
    insta::assert_snapshot!(of("<f4", "(268435456,)", &[0; 4]), @"ends after 4 of the 1073741824 bytes that its header states");
    insta::assert_snapshot!(of("|O", "(1,)", b"cos\nsystem"), @r#"has Python objects (pickled), which are never loaded: save numbers, as in numpy.save(file, x.astype("float32"))"#);
    insta::assert_snapshot!(of("<c8", "(1,)", &[0; 8]), @"has elements of type `<c8`: float16, float32, float64, bool and integers of 8 to 64 bits are read");
    insta::assert_snapshot!(of("<U3", "(1,)", &[0; 12]), @"has elements of type `<U3`: float16, float32, float64, bool and integers of 8 to 64 bits are read (classes as numbers, not as text)");
    insta::assert_snapshot!(of("|V2", "(1,)", &[0; 2]), @r#"has elements of type `|V2`: float16, float32, float64, bool and integers of 8 to 64 bits are read (`.npy` files cannot say bfloat16: save x.astype("float32"))"#);
    insta::assert_snapshot!(of("<u8", "(1,)", &[0xff; 8]), @"has an integer of 2^63 or more, which is not supported");
    insta::assert_snapshot!(of("<f4", "(-1,)", &[]), @"has a damaged header: shape is not a list of sizes");
    insta::assert_snapshot!(refused(&npy(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", &[])), @"has elements of type `a record of several fields`: float16, float32, float64, bool and integers of 8 to 64 bits are read");
    insta::assert_snapshot!(refused(&npy(1, &"(".repeat(60_000), &[])), @"has a damaged header: it is not a dictionary of Python");
    insta::assert_snapshot!(refused(&npy(4, "{}", &[])), @"has version 4.0 of the .npy format; 1.0, 2.0 and 3.0 are known");
    insta::assert_snapshot!(refused(b"\x93NUMPY\x02\0\xff\xff\xff\xff"), @"has a damaged header: it is longer than 65,536 bytes");
    insta::assert_snapshot!(refused(b"hello"), @"is neither a .npy nor a .npz file: write it with numpy.save or numpy.savez");
    insta::assert_snapshot!(refused(b""), @"is neither a .npy nor a .npz file: write it with numpy.save or numpy.savez");
}

/// An archive with these entries, deflated or stored.
fn archive(entries: &[(&str, Vec<u8>)], deflated: bool) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let method =
        if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn archives_are_read_stored_and_deflated() {
    let one = npy(1, &dictionary("|i1", "False", "(2,)"), &[1, 0xff]);
    for deflated in [false, true] {
        let file = archive(&[("/a/b.npy", one.clone()), ("c.npy", one.clone())], deflated);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npz");
        std::fs::write(&path, &file).unwrap();
        let mut arrays = ArrayFile::open(&path).unwrap();
        assert_eq!(arrays.names(), ["/a/b", "c"]);
        assert_eq!(integers(&arrays.read("/a/b").unwrap()), [1, -1]);
        let missing = arrays.read("d").unwrap_err().problem.to_string();
        assert_eq!(missing, "is not in the archive, which has `/a/b`, `c`");
        for cut in [5, 40, file.len() - 1] {
            assert!(read(&file[..cut]).is_err());
        }
    }
}

#[test]
fn an_archive_does_not_expand_without_limit() {
    // A header for one element, then 64 MiB of zeros: they are never read to the end.
    let mut bomb = npy(1, &dictionary("<f8", "False", "(1,)"), &[0; 8]);
    bomb.resize(bomb.len() + (1 << 26), 0);
    let file = archive(&[("x.npy", bomb)], true);
    assert!(file.len() < 1 << 17);
    insta::assert_snapshot!(refused(&file), @"array `x` has more bytes than its header states, 8");
    let mut flipped =
        archive(&[("x.npy", npy(1, &dictionary("|u1", "False", "(9,)"), b"abcdefghi"))], false);
    let place = flipped.windows(9).position(|window| window == b"abcdefghi").unwrap();
    flipped[place] ^= 1;
    assert!(refused(&flipped).contains("damaged archive"), "{}", refused(&flipped));
}

#[test]
fn what_is_written_is_read_again() {
    let reals = |values: &[f32]| Elements::Float32(values.to_vec().into());
    let wide = |values: &[i64]| Elements::Integers(values.to_vec().into());
    let tensors: Vec<Tensor> = [
        (vec![2, 2], ElementType::Float32, reals(&[0.1, -0.0, f32::INFINITY, 1e-40])),
        (vec![2], ElementType::Float16, reals(&[0.5, -65504.0])),
        (vec![], ElementType::Float64, Elements::Float64(vec![0.1].into())),
        (vec![2], ElementType::Bool, wide(&[0, 1])),
        (vec![2], ElementType::Int8, wide(&[-128, 127])),
        (vec![1, 2], ElementType::UInt16, wide(&[0, 65535])),
        (vec![2], ElementType::Int32, wide(&[i64::from(i32::MIN), 5])),
        (vec![2], ElementType::UInt32, wide(&[0, i64::from(u32::MAX)])),
        (vec![2], ElementType::Int64, wide(&[i64::MIN, i64::MAX])),
        (vec![1], ElementType::UInt64, wide(&[i64::MAX])),
        (vec![0, 3], ElementType::UInt8, wide(&[])),
    ]
    .into_iter()
    .map(|(shape, element, elements)| Tensor::new(shape, element, elements).unwrap())
    .collect();
    let names: Vec<String> = (0..tensors.len()).map(|i| format!("/array.{i}!int")).collect();
    let mut file = Vec::new();
    write_npz(&mut file, names.iter().map(String::as_str).zip(&tensors)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    std::fs::write(&path, &file).unwrap();
    let mut arrays = ArrayFile::open(&path).unwrap();
    assert_eq!(arrays.names(), names);
    for (name, tensor) in names.iter().zip(&tensors) {
        assert_eq!(&arrays.read(name).unwrap(), tensor);
        let mut single = Vec::new();
        write_npy(&mut single, tensor).unwrap();
        assert_eq!(&read(&single).unwrap(), tensor);
    }
    // Types that NumPy lacks.
    let small = Tensor::new(vec![1], ElementType::Int4, wide(&[-8])).unwrap();
    let mut single = Vec::new();
    write_npy(&mut single, &small).unwrap();
    let again = read(&single).unwrap();
    assert_eq!((again.element(), integers(&again)), (ElementType::Int8, &[-8][..]));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        start in 0..3usize,
    ) {
        let start = [&b""[..], b"\x93NUMPY\x01\0", b"PK\x03\x04"][start];
        let _ = read(&[start, &bytes].concat());
    }

    #[test]
    fn changed_archives_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        deflated: bool,
    ) {
        let one = npy(1, &dictionary("<i4", "False", "(4,)"), &[1; 16]);
        let mut bytes = archive(&[("a.npy", one.clone()), ("b.npy", one)], deflated);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = read(&bytes);
    }
}
