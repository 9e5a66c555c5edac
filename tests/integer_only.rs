//! `hwsim eval --integer-only` on models that `hwsim train` wrote.

use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded")
}

fn hwsim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD");
    command.args(arguments).arg("--data-dir").arg(data());
    command
}

/// A model after a short training.
fn trained(folder: &TempDir, arguments: &[&str]) -> PathBuf {
    let model = folder.path().join("model.safetensors");
    hwsim(&["train", "--quiet", "--seed", "5", "--limit-test", "20"])
        .args(arguments)
        .arg("--trace")
        .arg(folder.path().join("out.csv"))
        .arg("--save-model")
        .arg(&model)
        .assert()
        .success();
    model
}

/// The table and the summary of an evaluation.
fn evaluated(folder: &TempDir, model: &Path, arguments: &[&str], simd: &str) -> (String, Value) {
    let summary = folder.path().join("eval.json");
    let run = hwsim(&["eval", "--integer-only"])
        .arg(model)
        .args(arguments)
        .arg("--summary")
        .arg(&summary)
        .env("HWSIM_SIMD", simd)
        .assert()
        .success();
    let table = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    (table, serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap())
}

#[test]
fn without_batch_norm_nothing_differs() {
    let folder = TempDir::new().unwrap();
    let model = trained(
        &folder,
        &["--arch", "mlp", "--limit-train", "640", "--epochs", "2", "--batch-size", "32"],
    );
    let (table, summary) = evaluated(&folder, &model, &["--limit-test", "100"], "");
    let integer = &summary["integer_only"];
    assert_eq!(integer["top1"], summary["top1"]);
    assert_eq!(integer["float_vector_unit_top1"], summary["top1"]);
    assert_eq!(integer["images"], 100);
    for key in
        ["images_classified_differently", "largest_logit_difference_steps", "folded_batch_norms"]
    {
        assert_eq!(integer[key], 0, "{key}");
    }
    for (layer, expected) in
        integer["layers"].as_array().unwrap().iter().zip(summary["layers"].as_array().unwrap())
    {
        for key in ["name", "wl", "fl", "saturated_outputs", "accumulator_events"] {
            assert_eq!(layer[key], expected[key], "{key}");
        }
    }
    assert!(table.contains("0 of 100 images classified differently"), "{table}");
    assert!(table.contains("largest logit difference 0 LSB"), "{table}");

    // Without the flag the summary has no such key.
    let plain = folder.path().join("plain.json");
    let mut command = hwsim(&["eval", "--limit-test", "10"]);
    command.arg(&model).arg("--summary").arg(&plain).assert().success();
    let plain: Value = serde_json::from_slice(&std::fs::read(plain).unwrap()).unwrap();
    assert!(plain.get("integer_only").is_none());
}

#[test]
fn resnet20_runs_in_integers_with_the_same_result_everywhere() {
    let folder = TempDir::new().unwrap();
    let model = trained(
        &folder,
        &[
            "--arch",
            "resnet20",
            "--controller",
            "static",
            "--wl",
            "12",
            "--fl",
            "8",
            "--limit-train",
            "40",
            "--epochs",
            "1",
            "--batch-size",
            "10",
        ],
    );
    let arguments = ["--limit-test", "20", "--accumulator", "18", "--threads", "2"];
    let (table, summary) = evaluated(&folder, &model, &arguments, "");
    let integer = &summary["integer_only"];
    assert_eq!(integer["folded_batch_norms"], 21);
    assert_eq!(integer["layers"].as_array().unwrap().len(), 22 + 9);
    assert!(integer["accumulator_events"].as_u64().unwrap() > 0);
    assert!(integer["layers"][0]["shift_bits"][0].as_u64().unwrap() > 0);
    for word in ["stage3.2.conv2", "shift (bits)", "21 batch norms folded", "of 20 images"] {
        assert!(table.contains(word), "{word} is not in\n{table}");
    }
    let arguments = ["--limit-test", "20", "--accumulator", "18", "--threads", "1"];
    for level in hwmodel::SimdLevel::available() {
        let again = evaluated(&folder, &model, &arguments, level.name()).1;
        assert_eq!(&again["integer_only"], integer, "{level}");
    }
}

fn failure(model: &Path, arguments: &[&str]) -> (String, i32) {
    let output = hwsim(&["eval", "--integer-only"]).arg(model).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (text.trim_end().to_owned(), output.status.code().unwrap())
}

#[test]
fn what_is_not_in_integers_is_one_line_and_exit_code_1() {
    let folder = TempDir::new().unwrap();
    let tiny = ["--arch", "mlp", "--limit-train", "32", "--epochs", "1", "--batch-size", "32"];
    let float = trained(&folder, &[&tiny[..], &["--controller", "float32"]].concat());
    let (line, code) = failure(&float, &[]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(line, @"hwsim: `--integer-only`: layer `fc1` has format float32: an integer program needs a fixed ⟨WL, FL⟩ for every layer, as `hwsim train` gives with --controller adapt or static");

    let fixed = trained(&folder, &[&tiny[..], &["--controller", "static"]].concat());
    let (line, code) = failure(&fixed, &["--rounding", "stochastic"]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(line, @"hwsim: `--integer-only`: an integer program rounds deterministically: use a `--rounding` other than stochastic");
}
