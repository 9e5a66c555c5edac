//! Every kind of layer in training: two steps of networks that use them, under AdaPT.

use assert_cmd::Command;
use hwmodel::SimdLevel;
use hwmodel::machine::Machine;
use hwsim::cli::settings::TrainArguments;
use hwsim::data::{Dataset, ImageSet, Normalisation, Origin, SampleSet};
use hwsim::train::Trainer;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

/// Rows of two steps by layer on the array and product.
fn rows(arch: &str) -> BTreeMap<(String, String), (u64, u64)> {
    let folder = TempDir::new().unwrap();
    let trace = folder.path().join("trace.csv");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD");
    command.args(["train", "--arch", arch, "--batch-size", "2", "--max-steps", "2", "--quiet"]);
    command.args(["--limit-train", "8", "--limit-test", "2", "--controller", "adapt"]);
    command.arg("--data-dir").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded"));
    command.arg("--trace").arg(&trace).assert().success();
    let mut rows: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    let mut losses = 0;
    for record in csv::Reader::from_path(trace).unwrap().deserialize::<BTreeMap<String, String>>() {
        let record = record.unwrap();
        if record["row"] == "step" {
            assert!(record["loss"].parse::<f64>().unwrap().is_finite());
            losses += 1;
        } else if record["row"] == "gemm" {
            let number = |column: &str| record[column].parse::<u64>().unwrap();
            let macs = number("m") * number("n") * number("k") * number("groups");
            assert_eq!(number("macs"), macs, "{}", record["layer"]);
            let key = (record["layer"].clone(), record["gemm"].clone());
            let row = rows.entry(key).or_default();
            *row = (row.0 + 1, number("groups"));
        }
    }
    assert_eq!(losses, 2);
    assert!(rows.values().all(|(count, _)| *count == 2), "a row a step, layer and product");
    rows
}

#[test]
fn mobilenetv2_trains_with_a_row_for_every_layer_on_the_array() {
    let rows = rows("mobilenetv2");
    let forward: Vec<_> = rows.iter().filter(|((_, gemm), _)| gemm == "forward").collect();
    // Two convolutions, 17 blocks of three, four projections of shortcuts, the classifier.
    assert_eq!(forward.len(), 2 + 17 * 3 + 4 + 1);
    let groups = |layer: &str, gemm: &str| rows[&(layer.to_owned(), gemm.to_owned())].1;
    for gemm in ["forward", "grad-input", "grad-weight"] {
        assert_eq!(groups("stage7.0.depthwise", gemm), 960);
        assert_eq!(groups("stage7.0.project", gemm), 1);
    }
}

#[test]
fn googlenet_trains_with_a_row_for_every_layer_on_the_array() {
    let rows = rows("googlenet");
    assert_eq!(rows.keys().filter(|(_, gemm)| gemm == "forward").count(), 65);
}

/// Noise of 65×65 pixels, which has the networks for large images built.
fn large_images() -> Dataset {
    let set = |count: usize, seed: usize| {
        let pixels = (0..count * 65 * 65 * 3).map(|i| ((i * 31 + seed) * i % 251) as u8).collect();
        let labels = (0..count).map(|i| (i % 4) as u16).collect();
        SampleSet::Images(ImageSet { channels: 3, height: 65, width: 65, pixels, labels })
    };
    Dataset {
        name: "cifar10".to_owned(),
        class_names: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
        train: set(8, 1),
        test: set(2, 2),
        origin: Origin::Embedded,
        normalisation: Normalisation::cifar(),
        augmentation: None,
        text: None,
    }
}

/// Dropout, pools with partial windows, 7×7 convolutions with stride 2.
#[test]
fn networks_for_large_images_train() {
    for (arch, layers) in [("googlenet", 58), ("mobilenetv2", 53), ("resnet18", 21)] {
        let settings = TrainArguments::from_flags(&format!(
            "--arch {arch} --batch-size 2 --epochs 1 --max-steps 2"
        ))
        .unwrap();
        let options = settings.resolve().unwrap().options;
        let machine = Machine::builtin(&options.machine).unwrap();
        let trainer =
            || Trainer::new(options.clone(), large_images(), machine.clone(), SimdLevel::best());
        let (mut trainer, mut again) = (trainer().unwrap(), trainer().unwrap());
        assert_eq!(trainer.network().mac_layers.len(), layers, "{arch}");
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for _ in 0..2 {
            let outcome = trainer.step().unwrap();
            assert!(outcome.loss.is_finite() && outcome.gradient_norm > 0.0, "{arch}");
            assert_eq!(outcome.layers.len(), layers);
            // Equal seeds give equal bits for any number of threads, dropout included.
            let same = one.install(|| again.step()).unwrap();
            assert_eq!((same.loss, same.gradient_norm), (outcome.loss, outcome.gradient_norm));
        }
        let evaluation = trainer.evaluate_now().unwrap();
        assert_eq!(evaluation.loss, again.evaluate_now().unwrap().loss, "{arch}");
        assert!(evaluation.loss.is_finite());
    }
}
