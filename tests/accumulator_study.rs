//! `hwsim eval --accumulator-study` on models that `hwsim train` wrote.

use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn hwsim(arguments: &[&str]) -> Command {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD");
    command.args(arguments).arg("--data-dir").arg(data);
    command
}

/// A model after a short training.
fn trained(folder: &TempDir, arguments: &[&str]) -> PathBuf {
    let model = folder.path().join("model.safetensors");
    hwsim(&["train", "--quiet", "--seed", "5", "--limit-test", "20", "--epochs", "1"])
        .args(["--arch", "lenet5", "--limit-train", "160", "--batch-size", "32"])
        .args(arguments)
        .arg("--trace")
        .arg(folder.path().join("out.csv"))
        .arg("--save-model")
        .arg(&model)
        .assert()
        .success();
    model
}

fn evaluated(folder: &TempDir, model: &Path, arguments: &[&str]) -> Value {
    let summary = folder.path().join("eval.json");
    hwsim(&["eval", "--limit-test", "30"])
        .arg(model)
        .args(arguments)
        .arg("--summary")
        .arg(&summary)
        .assert()
        .success();
    serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap()
}

#[test]
fn the_smallest_accumulator_overflows_nowhere_and_one_bit_less_does() {
    let folder = TempDir::new().unwrap();
    let model = trained(&folder, &["--controller", "static", "--wl", "10", "--fl", "7"]);
    let result = evaluated(&folder, &model, &["--accumulator-study"]);
    let layers = result["accumulators"].as_array().unwrap();
    assert_eq!(layers.len(), 5);
    let mut widest = 0;
    for layer in layers {
        let bits = |key: &str| layer[key].as_u64().unwrap();
        assert_eq!(layer["word_lengths"], serde_json::json!([10, 10]));
        assert!(bits("on_data_bits") <= bits("any_input_bits"));
        assert!(bits("any_input_bits") <= bits("any_words_bits"));
        // A norm takes the same bits as the range, or a little more: it knows neither signs nor the largest word. A bias
        // may take one more than the range without it.
        assert!(bits("a2q_bits") + 1 >= bits("any_input_bits"), "{layer}");
        assert!(bits("a2q_bits") <= bits("any_input_bits") + 1, "{layer}");
        assert_eq!(layer["a2q_norm"], Value::Null, "the accumulator is exact");
        let pj = |key: &str| layer[key]["energy"]["accumulate_pj"].as_f64();
        let energies = [pj("on_data"), pj("any_input"), pj("any_words")];
        assert!(energies.iter().all(Option::is_some) && energies.is_sorted(), "{layer}");
        let area = |key: &str| layer[key]["area_um2"].as_f64().unwrap();
        assert!(area("on_data") <= area("any_words"));
        widest = widest.max(bits("on_data_bits"));
    }
    let events = |bits: u64| {
        let result = evaluated(&folder, &model, &["--accumulator", &bits.to_string()]);
        result["accumulator_events"].as_u64().unwrap()
    };
    assert_eq!(events(widest), 0);
    assert!(events(widest - 1) > 0);
    // (2^19 - 1) / 2^9
    let result = evaluated(&folder, &model, &["--accumulator-study", "--accumulator", "20"]);
    assert_eq!(result["accumulators"][0]["a2q_norm"], "524287/512");
    let output = hwsim(&["eval", "--limit-test", "30", "--accumulator-study"]).arg(&model).output();
    let table = String::from_utf8(output.unwrap().stdout).unwrap();
    let heading = "layer              largest norm A2Q bits  any input     norm that A2Q admits";
    assert!(table.contains(heading), "{table}");
}

#[test]
fn float_layers_have_no_accumulator_bits() {
    let folder = TempDir::new().unwrap();
    let model = trained(&folder, &["--controller", "float32"]);
    let output = hwsim(&["eval", "--accumulator-study"]).arg(&model).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let line = String::from_utf8(output.stderr).unwrap();
    insta::assert_snapshot!(line.trim_end(), @"hwsim: `--accumulator-study`: layer `conv1` has format float32: its accumulator is known with a fixed ⟨WL, FL⟩, as `hwsim train` gives with --controller adapt or static");
}
