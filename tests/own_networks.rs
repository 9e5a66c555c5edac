//! Networks from ONNX files as layers: in other word lengths, trained, saved, compared and exported.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What the network's pixels were normalised by.
const PIXELS: &str = "--dataset fashion-mnist-slice --mean 0.286 --std 0.353";

fn float_network() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/networks/float.onnx")
}

/// A folder with the network as `cnn.onnx`.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::copy(float_network(), folder.path().join("cnn.onnx")).unwrap();
    folder
}

fn hwsim(folder: &TempDir, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(folder.path());
    command.args(line.split_whitespace());
    command
}

fn json(folder: &TempDir, line: &str) -> Value {
    let done = hwsim(folder, &format!("{line} --format json")).assert().success();
    serde_json::from_slice(&done.get_output().stdout).unwrap()
}

fn predictions(folder: &TempDir, file: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.path().join(file)).unwrap();
    text.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().to_owned()).collect()
}

fn refused(folder: &TempDir, line: &str) -> String {
    let output = hwsim(folder, line).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!([Some(1), Some(2)].contains(&output.status.code()), "{line}: {text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text
}

#[test]
fn long_words_give_the_classes_of_the_graph() {
    let folder = folder();
    // Whether the pixels are stated or not: the graph and its layers get the same numbers.
    let mut layers = Value::Null;
    for pixels in ["--dataset fashion-mnist-slice", PIXELS] {
        let graph =
            format!("eval cnn.onnx {pixels} --limit-test 100 --predictions graph.csv --quiet");
        hwsim(&folder, &graph).assert().success();
        let line = format!(
            "eval cnn.onnx {pixels} --limit-test 100 --wl 24 --fl 14 --predictions layers.csv"
        );
        layers = json(&folder, &line);
        assert_eq!(
            predictions(&folder, "graph.csv"),
            predictions(&folder, "layers.csv"),
            "{pixels}"
        );
    }
    assert!(layers["top1"].as_f64().unwrap() > 0.8, "{}", layers["top1"]);
    let names: Vec<_> = layers["layers"].as_array().unwrap().iter().map(|l| &l["name"]).collect();
    assert_eq!(names, ["conv1", "res1a", "res1b", "dw", "pw", "dw2", "pw2", "fc"]);
    let narrow = json(&folder, &format!("eval cnn.onnx {PIXELS} --limit-test 100 --wl 8"));
    assert!((narrow["top1"].as_f64().unwrap() - layers["top1"].as_f64().unwrap()).abs() <= 0.05);
}

#[test]
fn a_network_is_trained_from_its_values() {
    let folder = folder();
    let run = format!(
        "train --init-from cnn.onnx {PIXELS} --controller static --wl 8 --fl 4 --limit-train 64 --limit-test 100 --batch-size 32 --learning-rate 0.001 --quiet"
    );
    hwsim(&folder, &format!("{run} --epochs 2 --save-model whole --summary whole.json"))
        .assert()
        .success();
    let summary: Value =
        serde_json::from_slice(&fs::read(folder.path().join("whole.json")).unwrap()).unwrap();
    // Random values would give about one of ten classes.
    assert!(summary["top1"].as_f64().unwrap() > 0.5, "{summary}");
    // The checkpoint has the layers: neither run nor file needs the ONNX file again.
    hwsim(&folder, &format!("{run} --epochs 1 --checkpoint half")).assert().success();
    fs::remove_file(folder.path().join("cnn.onnx")).unwrap();
    hwsim(&folder, "train --resume half --epochs 2 --quiet --save-model resumed")
        .assert()
        .success();
    let bytes = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert!(bytes("whole") == bytes("resumed"), "a resumed run has other bits");
    let refused = refused(&folder, "eval whole --limit-test 100 --mean 0.1");
    assert!(refused.contains("--mean"), "{refused}");
    let result = json(&folder, "eval whole --limit-test 100");
    assert_eq!(result["layers"][0]["wl"], 8);
    assert!(result["top1"].as_f64().unwrap() > 0.5);
}

#[test]
fn random_values_are_drawn_on_request() {
    let folder = folder();
    let run = format!(
        "train --init-from cnn.onnx {PIXELS} --reinitialise --controller float32 --limit-train 32 --limit-test 100 --max-steps 1 --batch-size 32 --quiet --save-model random"
    );
    hwsim(&folder, &run).assert().success();
    assert!(json(&folder, "eval random --limit-test 100")["top1"].as_f64().unwrap() < 0.5);
}

#[test]
fn gap_and_export_take_the_file() {
    let folder = folder();
    let gap = json(
        &folder,
        "gap cnn.onnx --dataset fashion-mnist-slice --mean 0.286 --std 0.353 --images 2 --formats 8,4 --layer fc",
    );
    assert!(gap.to_string().contains("\"fc\""), "{gap}");
    let export = "golden export cnn.onnx --dataset fashion-mnist-slice --layer fc --wl 8 --fl 4 --images 1 --output vectors";
    hwsim(&folder, export).assert().success();
    hwsim(&folder, "golden verify vectors").assert().success();
}

#[test]
fn what_does_not_fit_is_said_in_one_line() {
    let folder = folder();
    let quantised = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/networks/qonnx-w8a8.onnx");
    fs::copy(quantised, folder.path().join("quantised.onnx")).unwrap();
    for (line, part) in [
        ("eval cnn.onnx --wl 8 --fl 4", "--dataset"),
        ("eval cnn.onnx --wl 8 --x inputs.npy", "--x"),
        ("eval cnn.onnx --wl 8 --dataset fashion-mnist-slice --scale 2", "--scale"),
        ("eval cnn.onnx --mean 0.1", "--mean"),
        (
            "eval cnn.onnx --wl 8 --dataset fashion-mnist-slice --mean 0.1,0.2 --std 1,1",
            "1 channels",
        ),
        ("eval cnn.onnx --wl 8 --dataset fashion-mnist-slice --mean 0.1 --std 0", "above 0"),
        ("train --init-from quantised.onnx --max-steps 1", "Quant"),
        ("train --init-from missing.onnx --max-steps 1", "missing.onnx"),
        ("train --reinitialise --max-steps 1", "init-from"),
        ("train --mean 0.1 --max-steps 1", "std"),
    ] {
        let error = refused(&folder, line);
        assert!(error.contains(part), "{line}: {error}");
    }
}
