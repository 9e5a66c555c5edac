//! Damaged ONNX files end in an error: no panic, no endless loop, no memory that the file does not account for.

use hwmodel::array::MacArray;
use hwmodel::{Accumulator, SimdLevel};
use hwsim::design::workload::onnx::read_from;
use hwsim::graph::{Arithmetic, Program};
use hwsim::onnx::Dimensions;
use hwsim::onnx::model::Model;
use rand_core::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64;
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// Small whole models, and models whose weights are not in the file, which have a cost but no values.
fn sound() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx");
    let files = |folder: &Path| {
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let models = paths.filter(|path| path.extension().is_some_and(|name| name == "onnx"));
        let mut models: Vec<PathBuf> = models.collect();
        models.sort();
        models
    };
    let whole = files(&folder.join("small"));
    let read = |path: &PathBuf| std::fs::read(path).unwrap();
    let whole: Vec<_> = whole.iter().map(read).collect();
    let rest: Vec<_> = files(&folder).iter().map(read).collect();
    (0..6).flat_map(|_| whole.clone()).chain(rest).collect()
}

/// `bytes` with a few bytes changed, doubled, taken out or moved, or cut short.
fn mutate(bytes: &mut Vec<u8>, random: &mut Pcg64) {
    let mut below = |limit: usize| random.next_u64() as usize % limit.max(1);
    for _ in 0..1 + below(3) {
        let at = below(bytes.len());
        let length = 1 + below(16.min(bytes.len() - at));
        match below(8) {
            0 => bytes[at] = below(256) as u8,
            1 => bytes[at] ^= 1 << below(8),
            // Lengths, sizes and types of their extremes.
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][below(5)],
            3 => drop(bytes.drain(at..at + length)),
            4 => {
                let part = bytes[at..at + length].to_vec();
                let to = below(bytes.len());
                bytes.splice(to..to, part);
            }
            5 => bytes[at..at + length].fill(0xff),
            6 => bytes[at..at + length].reverse(),
            _ if below(10) == 0 => bytes.truncate(at),
            _ => bytes.swap(at, below(1)),
        }
        if bytes.is_empty() {
            return;
        }
    }
}

/// Reads `count` damaged files in every way there is; how many were models still.
fn damaged(count: u64, seed: u64) -> u64 {
    let files = sound();
    assert!(files.len() > 12);
    let array = MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() };
    let sizes: Dimensions = [("N".to_owned(), 1), ("L".to_owned(), 8)].into_iter().collect();
    let mut random = Pcg64::seed_from_u64(seed);
    let mut read = 0;
    for index in 0..count {
        let mut bytes = files[index as usize % files.len()].clone();
        mutate(&mut bytes, &mut random);
        let costed = read_from(Cursor::new(&bytes), "damaged", &sizes);
        drop(costed);
        let Ok(model) = Model::of_bytes(&bytes) else { continue };
        read += 1;
        for wide_reals in [false, true] {
            drop(Program::new(&model, Arithmetic { wide_reals, ..Arithmetic::float32(array) }));
        }
    }
    read
}

#[test]
fn damaged_files_end_in_errors() {
    let read = damaged(1500, 1);
    // Most damage hits weights and names, which leaves a model.
    assert!(read > 100 && read < 1500, "{read}");
}

#[test]
#[ignore = "minutes: cargo test --test hostile_onnx -- --ignored"]
fn a_hundred_thousand_damaged_files_end_in_errors() {
    let read = damaged(100_000, 2);
    assert!(read > 1000 && read < 100_000, "{read}");
}
