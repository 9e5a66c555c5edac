//! `hwsim calibrate`: formats from calibration data, their file, and the commands that take it.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const PIXELS: &str = "--dataset fashion-mnist-slice --mean 0.286 --std 0.353";

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

fn refused(folder: &TempDir, line: &str) -> String {
    let output = hwsim(folder, line).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}: {text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text
}

/// A folder with a float network of another tool as `cnn.onnx`.
fn cnn() -> TempDir {
    let folder = TempDir::new().unwrap();
    let float = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/networks/float.onnx");
    fs::copy(float, folder.path().join("cnn.onnx")).unwrap();
    folder
}

#[test]
fn formats_from_data_are_better_than_one_for_all() {
    let folder = cnn();
    let eval = |formats: &str| {
        json(&folder, &format!("eval cnn.onnx {PIXELS} --limit-test 200 {formats}"))
    };
    let loss = |result: &Value| result["loss"].as_f64().unwrap();
    let uniform = loss(&eval("--wl 6 --fl 3"));
    for method in ["max", "percentile --percentile 99.9", "mse", "pushdown"] {
        let line = format!("calibrate cnn.onnx {PIXELS} --images 50 --wl 6 --method {method}");
        let result = json(&folder, &format!("{line} -o formats.toml"));
        let evaluated = eval("--layer-formats @formats.toml");
        assert!(loss(&evaluated) < uniform, "{method}: {} {uniform}", loss(&evaluated));
        // What was chosen is what runs.
        let tensors = result["tensors"].as_array().unwrap();
        let chosen = |layer: &str, tensor: &str| {
            let mut of = tensors.iter().filter(|row| row["layer"] == layer);
            let row = of.find(|row| row["tensor"] == tensor).unwrap();
            row["format"].as_str().unwrap().to_owned()
        };
        for layer in evaluated["layers"].as_array().unwrap() {
            let name = layer["name"].as_str().unwrap();
            for tensor in ["input", "weight", "output"] {
                let ran = layer[format!("{tensor}_format")].as_str().unwrap();
                let ran = ran.replace(['⟨', '⟩', ' '], "");
                assert_eq!(ran, chosen(name, tensor), "{method}: {name}.{tensor}");
            }
        }
        if method == "max" {
            let saturated = tensors.iter().map(|row| row["saturated"].as_u64().unwrap());
            assert_eq!(saturated.sum::<u64>(), 0);
        }
    }
    // With a bound, tensors have as many bits as they need.
    let line = format!("calibrate cnn.onnx {PIXELS} --images 20 --wl 4..10 --min-sqnr 30");
    let result = json(&folder, &line);
    let mut lengths = std::collections::BTreeSet::new();
    for row in result["tensors"].as_array().unwrap() {
        if row["tensor"] == "weight" {
            let format = row["format"].as_str().unwrap();
            let wl: u32 =
                format.trim_start_matches('u').split(',').next().unwrap().parse().unwrap();
            lengths.insert(wl);
            assert!(wl == 10 || row["sqnr_db"].as_f64().unwrap() >= 30.0, "{row}");
        }
    }
    assert!(lengths.len() > 1, "{lengths:?}");
}

#[test]
fn the_file_is_edited_and_given_back() {
    let folder = cnn();
    let line = format!("calibrate cnn.onnx {PIXELS} --images 20 --method max -o formats.toml");
    hwsim(&folder, &line).assert().success();
    let path = folder.path().join("formats.toml");
    let text = fs::read_to_string(&path).unwrap();
    let layer = text.lines().find_map(|line| line.strip_prefix('[')?.strip_suffix(']')).unwrap();
    let edited =
        text.replacen("weight = \"8,", "weight = \"ap_fixed<12,2,AP_RND_CONV,AP_SAT> \" # \"", 1);
    assert_ne!(edited, text);
    fs::write(&path, edited).unwrap();
    let eval = format!("eval cnn.onnx {PIXELS} --limit-test 20 --layer-formats @formats.toml");
    let result = json(&folder, &eval);
    assert_eq!(result["layers"][0]["weight_format"], "⟨12, 10⟩");
    assert_eq!(result["layers"][0]["name"], layer);
    // Nothing is written over it.
    let text = refused(&folder, &format!("{eval} --summary formats.toml"));
    assert!(text.contains("would overwrite --layer-formats"), "{text}");

    for (file, said) in [
        ("[conv9]\nweight = '8,4'\n", "names layer `conv9`, which the network does not have"),
        ("[conv1\n", "line 1: not TOML"),
        ("", "it has no formats"),
        ("conv1 = 8\n", "line 1: `conv1` is not a format"),
        ("\nconv1 = '99,4'\n", "line 2: `conv1`: `99,4`: word length 99"),
    ] {
        fs::write(&path, file).unwrap();
        let text = refused(&folder, &eval);
        assert!(text.contains(said) && text.contains("layer-formats"), "{text}");
    }
    fs::remove_file(&path).unwrap();
    assert!(refused(&folder, &eval).contains("cannot read it"));
}

#[test]
fn arguments_without_effect_are_refused() {
    let folder = cnn();
    for (more, said) in [
        ("--percentile 99", "needs `--method percentile`"),
        ("--method max --epsilon-kl 0.1", "needs `--method pushdown`"),
        ("--method percentile --percentile 0", "use a number above 0, at most 100"),
        ("--wl 4,8", "`--min-sqnr DB`"),
        ("--min-sqnr 30", "give several, as in `--wl 4,6,8`"),
        ("--wl 33", "use word lengths of 1 to 32 bits"),
        ("--method pushdown --wl 4,8", "give the most bits"),
        ("--images 0", "use at least 1"),
    ] {
        let text = refused(&folder, &format!("calibrate cnn.onnx {PIXELS} {more}"));
        assert!(text.contains(said), "{more}: {text}");
    }
    assert!(refused(&folder, "calibrate cnn.onnx").contains("give `--dataset NAME`"));
    assert!(refused(&folder, "calibrate lenet5").contains("has random values"));
}

#[test]
fn a_trained_model_is_calibrated_exported_and_trained_on() {
    let folder = TempDir::new().unwrap();
    let train = "train --arch mlp --limit-train 320 --limit-test 50 --batch-size 32 --quiet";
    hwsim(&folder, &format!("{train} --epochs 2 --controller float32 --save-model float"))
        .assert()
        .success();
    let line = "calibrate float --images 100 --wl 6 --weight-wl 5 --output formats.toml";
    hwsim(&folder, line).assert().success();
    let formats = "--layer-formats @formats.toml";
    let before = json(&folder, "eval float --limit-test 100");
    let after = json(&folder, &format!("eval float --limit-test 100 {formats} --integer-only"));
    let top1 = |result: &Value| result["top1"].as_f64().unwrap();
    assert!((top1(&before) - top1(&after)).abs() < 0.1, "{} {}", top1(&before), top1(&after));
    let first = &after["layers"][0];
    assert_eq!(
        (&first["wl"], first["output_format"].as_str().unwrap().get(..4)),
        (&5.into(), Some("u⟨"))
    );

    hwsim(&folder, &format!("golden export float --layer fc2 {formats} -o vectors"))
        .assert()
        .success();
    hwsim(&folder, "golden verify vectors").assert().success();
    hwsim(&folder, &format!("onnx export float --to qdq {formats} -o float-qdq.onnx"))
        .assert()
        .success();
    // The exported integers are those of the layers: the same classes.
    let layers = format!("eval float --limit-test 100 {formats} --predictions layers.csv");
    hwsim(&folder, &layers).assert().success();
    let graph = "eval float-qdq.onnx --dataset fashion-mnist-slice --image 32x32 --mean 0.1307 --std 0.3081 --limit-test 100 --quiet --predictions graph.csv";
    hwsim(&folder, graph).assert().success();
    let read = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
    assert_eq!(read("layers.csv"), read("graph.csv"));

    let tuned = format!("{train} --init-from float --epochs 1 --controller static --wl 16 --fl 12");
    hwsim(&folder, &format!("{tuned} {formats} --save-model tuned")).assert().success();
    fs::write(folder.path().join("run.toml"), "layer-formats = '@formats.toml'\n").unwrap();
    hwsim(&folder, &format!("{tuned} --config run.toml --save-model again")).assert().success();
    assert_eq!(
        fs::read(folder.path().join("tuned")).unwrap(),
        fs::read(folder.path().join("again")).unwrap()
    );
    let own = json(&folder, "eval tuned --limit-test 20");
    assert_eq!(own["layers"][0]["wl"], 5);
    assert_eq!(own["layers"][0]["output_format"], first["output_format"]);
    fs::write(folder.path().join("formats.toml"), "fc9 = '8,4'").unwrap();
    let text = refused(&folder, &format!("{tuned} {formats}"));
    assert!(text.contains("names layer `fc9`"), "{text}");
    fs::write(folder.path().join("formats.toml"), "fc1 = '8,").unwrap();
    let text = refused(&folder, &format!("{tuned} {formats}"));
    assert!(text.contains("line 1: not TOML"), "{text}");
}
