//! Round trips, damage and kills.

use super::decode::decode;
use super::encode::Encoded;
use super::*;
use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

fn sample() -> Snapshot {
    let tensors: [(&str, SnapshotTensor); 8] = [
        (
            "float32",
            SnapshotTensor::F32 { shape: vec![2, 2], data: vec![0.1, -0.0, 1e-45, f32::MAX] },
        ),
        ("float64", vec![0.1 + 0.2, f64::NEG_INFINITY].into()),
        ("bytes", SnapshotTensor::U8 { shape: vec![3, 1], data: vec![0, 127, 255] }),
        ("raw 8", vec![-128i8, 127].into()),
        ("raw 16", vec![i16::MIN, i16::MAX].into()),
        ("raw 32", vec![i32::MIN, i32::MAX].into()),
        ("counts", SnapshotTensor::U64 { shape: vec![], data: vec![u64::MAX] }),
        ("ω \"empty\"", SnapshotTensor::F32 { shape: vec![0, 5], data: vec![] }),
    ];
    let tensors = tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect();
    let meta = json!({"step": 12, "seed": u64::MAX, "words": ["a\"b", "ω"], "none": null});
    Snapshot { meta, tensors }
}

fn encoded(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    Encoded::new(snapshot).unwrap().write(&mut bytes).unwrap();
    bytes
}

fn decoded(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
    decode(bytes, Path::new("x.safetensors"))
}

#[test]
fn every_element_type_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = sample().save(&folder.path().join("new folder"), "x.safetensors").unwrap();
    assert_eq!(Snapshot::load(&path).unwrap(), sample());
    let empty = Snapshot::default();
    assert_eq!(decoded(&encoded(&empty)).unwrap(), empty);
}

#[test]
fn bits_of_floats_come_back() {
    let bits = [0x7fc0_0001u32, 0xffff_ffff, 0x8000_0000, 1];
    let mut snapshot = Snapshot::default();
    let data: Vec<f32> = bits.map(f32::from_bits).into();
    snapshot.tensors.insert("nan".into(), data.into());
    let SnapshotTensor::F32 { data, .. } = &decoded(&encoded(&snapshot)).unwrap().tensors["nan"]
    else {
        panic!("another element type");
    };
    assert!(data.iter().map(|value| value.to_bits()).eq(bits));
}

#[test]
fn equal_snapshots_give_equal_bytes_that_any_safetensors_reader_takes() {
    let bytes = encoded(&sample());
    assert_eq!(bytes, encoded(&sample()));
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor("raw 16").unwrap();
    assert_eq!(
        (tensor.dtype(), tensor.shape(), tensor.data()),
        (Dtype::I16, &[2][..], &[0, 128, 255, 127][..])
    );
    for (name, view) in file.iter() {
        let address = view.data().as_ptr() as usize - bytes.as_ptr() as usize;
        assert!(address.is_multiple_of(view.dtype().bitsize() / 8), "{name}");
    }
}

#[test]
fn what_would_not_come_back_is_not_saved() {
    let save = |snapshot: &Snapshot| Encoded::new(snapshot).map(|_| ()).unwrap_err().to_string();
    let mut wrong = sample();
    wrong.tensors.insert("w".into(), SnapshotTensor::I8 { shape: vec![2, 3], data: vec![0; 5] });
    assert_eq!(save(&wrong), "tensor `w` cannot be saved: shape [2, 3] does not have 5 elements");
    let mut reserved = sample();
    reserved.tensors.insert("__metadata__".into(), vec![0u8].into());
    assert!(save(&reserved).contains("keeps this name for itself"));
    let deep = (0..200).fold(Value::Null, |inner, _| json!([inner]));
    assert!(save(&Snapshot { meta: deep, ..sample() }).contains("put floats into tensors"));
    let folder = tempfile::tempdir().unwrap();
    for name in ["", "..", "a/b", "/a", "a/"] {
        let error = sample().save(folder.path(), name).unwrap_err();
        assert!(matches!(error, SnapshotError::FileName(_)), "{name}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn floats_in_the_metadata_come_back_or_are_refused() {
    // Which of these JSON text keeps depends on the parser; none may come back changed.
    for at in 0..2000u64 {
        let value = f64::from_bits(0x3ff0_0000_0000_0000 + at * 0x0001_3579_bdf1);
        let snapshot = Snapshot { meta: json!({ "x": value }), ..Snapshot::default() };
        match Encoded::new(&snapshot) {
            Ok(_) => assert_eq!(decoded(&encoded(&snapshot)).unwrap(), snapshot),
            Err(error) => assert!(matches!(error, SnapshotError::Meta { .. })),
        }
    }
}

#[test]
fn a_file_of_something_else_is_named() {
    let weights = [0u8; 8];
    let view = TensorView::new(Dtype::F32, vec![2], &weights).unwrap();
    for info in [None, Some(HashMap::from([("format".to_owned(), "pt".to_owned())]))] {
        let bytes = safetensors::serialize([("weights", view.clone())], info).unwrap();
        let error = decoded(&bytes).unwrap_err();
        assert!(matches!(error, SnapshotError::Foreign { .. }), "{error}");
    }
    let error = decoded(b"step,loss\n0,2.3\n1,2.2\n").unwrap_err();
    assert!(matches!(error, SnapshotError::Damaged { .. }), "{error}");
    let missing = Snapshot::load(Path::new("there/is/no.safetensors")).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read `there/is/no.safetensors`");
}

fn with_envelope(envelope: &str) -> Vec<u8> {
    let entry = HashMap::from([(METADATA_KEY.to_owned(), envelope.to_owned())]);
    let none: [(String, TensorView<'_>); 0] = [];
    safetensors::serialize(none, Some(entry)).unwrap()
}

#[test]
fn versions_are_told_apart() {
    let newer = decoded(&with_envelope(r#"{"version": 2, "other": "fields"}"#)).unwrap_err();
    assert_eq!(
        newer.to_string(),
        "`x.safetensors` is a snapshot of version 2, but this hwsim reads up to version 1: use a newer hwsim"
    );
    for envelope in [
        "",
        "{}",
        r#"{"version": 0, "crc32": "00000000", "meta": null}"#,
        r#"{"version": -1, "crc32": "00000000", "meta": null}"#,
        r#"{"version": "2", "crc32": "00000000", "meta": null}"#,
        r#"{"version": 1, "crc32": 7, "meta": null}"#,
    ] {
        let error = decoded(&with_envelope(envelope)).unwrap_err();
        assert!(matches!(error, SnapshotError::Damaged { .. }), "{envelope}: {error}");
    }
    let error = decoded(&with_envelope(r#"{"version": 1, "crc32": "00000000", "meta": null}"#));
    assert!(error.unwrap_err().to_string().contains("but 00000000 was saved"));
}

#[test]
fn every_cut_is_noticed() {
    let bytes = encoded(&sample());
    for length in 0..bytes.len() {
        let error = decoded(&bytes[..length]).unwrap_err();
        assert!(matches!(error, SnapshotError::Truncated { .. }), "{length}: {error}");
    }
    let longer = [bytes, vec![0]].concat();
    assert!(matches!(decoded(&longer), Err(SnapshotError::Truncated { .. })));
}

#[test]
fn every_changed_bit_of_the_tensors_is_noticed() {
    let bytes = encoded(&sample());
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    for bit in (8 + header) * 8..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let error = decoded(&changed).unwrap_err();
        assert!(error.to_string().contains("its checksum is"), "{bit}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn damage_never_panics_and_never_changes_what_is_loaded(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        more in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut bytes = encoded(&sample());
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.extend(more);
        if let Ok(loaded) = decoded(&bytes) {
            prop_assert_eq!(loaded, sample());
        }
    }

    #[test]
    fn any_header_is_read_without_panic(header in "[{}\\[\\]\":,0-9a-z_ ]{0,80}", data in 0usize..32) {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        bytes.resize(bytes.len() + data, 0);
        prop_assert!(decoded(&bytes).is_err());
    }
}

/// Names the folder in which the test below saves again and again, in a separate process.
const KILL_FOLDER: &str = "HWSIM_TEST_KILL_FOLDER";

fn large(value: f32) -> Snapshot {
    let mut snapshot = sample();
    snapshot.tensors.insert("large".into(), vec![value; 1 << 18].into());
    snapshot
}

#[test]
fn a_kill_at_any_moment_leaves_a_complete_file() {
    if let Some(folder) = std::env::var_os(KILL_FOLDER) {
        // Ends by itself if the parent process does not kill it.
        let start = std::time::Instant::now();
        for value in [0.0, 1.0].into_iter().cycle().take_while(|_| start.elapsed().as_secs() < 20) {
            large(value).save(Path::new(&folder), "x.safetensors").unwrap();
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = large(0.0).save(folder.path(), "x.safetensors").unwrap();
    let mut stale = 0;
    for round in 0..12 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "checkpoint::tests::a_kill_at_any_moment_leaves_a_complete_file"])
            .env(KILL_FOLDER, folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // From before the first save to the middle of a later one.
        std::thread::sleep(std::time::Duration::from_millis(7 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let loaded = Snapshot::load(&path).unwrap();
        assert!(loaded == large(0.0) || loaded == large(1.0));
        stale += std::fs::read_dir(folder.path()).unwrap().count() - 1;
    }
    large(2.0).save(folder.path(), "x.safetensors").unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "after {stale} stale files");
    assert_eq!(Snapshot::load(&path).unwrap(), large(2.0));
}
