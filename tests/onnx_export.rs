//! `hwsim onnx export`: a trained model as QONNX and QDQ has the scores of its evaluation.

use assert_cmd::Command;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn hwsim(folder: &TempDir, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(folder.path());
    command.args(line.split_whitespace());
    command
}

/// The score of every class for every image.
fn scores(folder: &TempDir, file: &str) -> Vec<Vec<f64>> {
    let text = fs::read_to_string(folder.path().join(file)).unwrap();
    let row = |line: &str| line.split(',').skip(3).map(|x| x.parse().unwrap()).collect();
    text.lines().skip(1).map(row).collect()
}

const TRAINED: &str = "train --arch mlp --controller static --wl 8 --fl 5 --limit-train 200 --limit-test 50 --epochs 1 --quiet --save-model m.model";
const FLAGS: &str = "--dataset fashion-mnist-slice --limit-test 50 --prediction-scores";

#[test]
fn a_trained_model_has_the_same_scores_in_both_forms() {
    let folder = TempDir::new().unwrap();
    hwsim(&folder, TRAINED).assert().success();
    for (words, opset) in [("", 13), ("--wl 6 --fl 4", 13), ("--wl 11 --fl 7", 21)] {
        let eval = format!("eval m.model {words} {FLAGS} --predictions layers.csv");
        hwsim(&folder, &eval).assert().success();
        let expected = scores(&folder, "layers.csv");
        assert!(expected.len() == 50 && expected.iter().flatten().any(|&score| score != 0.0));
        for form in ["qonnx", "qdq"] {
            let line = format!("onnx export m.model {words} --to {form} --output m.onnx");
            let done = hwsim(&folder, &line).assert().success();
            let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
            let expected_opset = if form == "qdq" { opset } else { 13 };
            assert!(text.contains(&format!("opset {expected_opset}")), "{text}");
            let eval = format!(
                "eval m.onnx {FLAGS} --image 32x32 --mean 0.1307 --std 0.3081 --quiet --predictions graph.csv"
            );
            hwsim(&folder, &eval).assert().success();
            assert_eq!(scores(&folder, "graph.csv"), expected, "{form} {words}");
        }
    }
    let bytes = fs::read(folder.path().join("m.onnx")).unwrap();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("hwsim.mean") && has("0.1307") && has("fashion-mnist-slice"));
}

#[test]
fn a_float_network_is_exported_in_words_and_keeps_its_file_when_it_cannot() {
    let folder = TempDir::new().unwrap();
    let network = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/networks/float.onnx");
    fs::copy(network, folder.path().join("cnn.onnx")).unwrap();
    let pixels = "--mean 0.286 --std 0.353";
    let line = format!("onnx export cnn.onnx --wl 8 --fl 4 {pixels} --to qdq --output q.onnx");
    hwsim(&folder, &line).assert().success();
    let flags = format!("{FLAGS} {pixels}");
    let layers = format!("eval cnn.onnx --wl 8 --fl 4 {flags} --predictions layers.csv");
    hwsim(&folder, &layers).assert().success();
    let graph = format!("eval q.onnx {flags} --reals float32 --quiet --predictions graph.csv");
    hwsim(&folder, &graph).assert().success();
    assert_eq!(scores(&folder, "graph.csv"), scores(&folder, "layers.csv"));

    let before = fs::read(folder.path().join("q.onnx")).unwrap();
    let refused = |line: &str| {
        let output = hwsim(&folder, line).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (line, code, said) in [
        ("cnn.onnx --to qdq --output q.onnx", 1, "layer `conv1` (convolution) computes in float32"),
        ("cnn.onnx --wl 8 --to qdq --output q.onnx", 1, "chosen from each batch"),
        ("cnn.onnx --wl 20 --fl 4 --to qdq --output q.onnx", 1, "QDQ has at most 16"),
        ("cnn.onnx --fl 4 --to qdq --output q.onnx", 2, "needs a word length"),
        ("cnn.onnx --wl 8 --fl 4 --to qdq --output cnn.onnx", 2, "would overwrite the model"),
    ] {
        let (found, text) = refused(&format!("onnx export {line}"));
        assert_eq!((found, text.trim_end().lines().count()), (Some(code), 1), "{line}: {text}");
        assert!(text.contains(said), "{line}: {text}");
    }
    assert_eq!(fs::read(folder.path().join("q.onnx")).unwrap(), before);
}
