//! `hwsim eval` in other word lengths than those of the model, and its predictions.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

fn hwsim(folder: &TempDir, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(folder.path());
    command.args(line.split_whitespace());
    command
}

/// A folder with `float32` and `fixed` ⟨8, 5⟩, perceptrons that have learnt something.
fn models() -> TempDir {
    let folder = TempDir::new().unwrap();
    for more in [
        "--controller float32 --save-model float32",
        "--controller static --wl 8 --fl 5 --save-model fixed",
    ] {
        let line = "train --arch mlp --limit-train 640 --limit-test 50 --batch-size 32 --epochs 3 --quiet --no-normalise-gradients";
        hwsim(&folder, line).args(more.split(' ')).assert().success();
    }
    folder
}

fn eval(folder: &TempDir, line: &str) -> Value {
    let line = format!("eval {line} --limit-test 200 --format json");
    let done = hwsim(folder, &line).assert().success();
    serde_json::from_slice(&done.get_output().stdout).unwrap()
}

fn refused(folder: &TempDir, line: &str) -> String {
    let output = hwsim(folder, line).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}: {text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text
}

#[test]
fn a_model_is_quantised_after_training() {
    let folder = models();
    let own = eval(&folder, "float32");
    assert!(own["top1"].as_f64().unwrap() > 0.3, "{}", own["top1"]);
    assert_eq!(own.get("quantised_after_training"), None);
    // Wide words change next to nothing, one bit everything.
    let wide = eval(&folder, "float32 --wl 24 --fl 16");
    assert!((wide["loss"].as_f64().unwrap() - own["loss"].as_f64().unwrap()).abs() < 1e-3);
    assert_eq!((&wide["layers"][0]["wl"], &wide["layers"][0]["fl"]), (&24.into(), &16.into()));
    let narrow = eval(&folder, "float32 --wl 1 --fl 0");
    assert!(narrow["top1"].as_f64().unwrap() < 0.3, "{}", narrow["top1"]);
    assert!(narrow["quantised_after_training"]["flushed_to_zero"].as_u64().unwrap() > 0);
    // With the scale of each tensor 8 bits are enough here.
    let auto = eval(&folder, "float32 --wl 8");
    assert!((auto["top1"].as_f64().unwrap() - own["top1"].as_f64().unwrap()).abs() <= 0.05);
    assert_eq!(auto["quantised_after_training"]["saturated"], 0);
    assert_eq!(auto["layers"][0]["fl"], Value::Null);
    let single = eval(&folder, "float32 --wl 8 --fl 5 --layer-formats fc2=12,8");
    let formats = |layer: usize| {
        (single["layers"][layer]["wl"].clone(), single["layers"][layer]["fl"].clone())
    };
    assert_eq!([formats(0), formats(1)], [(8.into(), 5.into()), (12.into(), 8.into())]);
}

#[test]
fn the_formats_of_the_model_give_the_model() {
    let folder = models();
    let mut again = eval(&folder, "fixed --wl 8 --fl 5");
    again.as_object_mut().unwrap().remove("quantised_after_training").unwrap();
    assert_eq!(again, eval(&folder, "fixed"));
    let mut layers = eval(&folder, "fixed --layer-formats fc1=8,5;fc3=8,5");
    layers.as_object_mut().unwrap().remove("quantised_after_training").unwrap();
    assert_eq!(layers, again);
}

#[test]
fn formats_that_do_not_fit_are_one_line() {
    let folder = models();
    for (line, said) in [
        ("eval float32 --fl 4", "`--fl 4` needs a word length: add `--wl BITS`, 1 to 32"),
        ("eval float32 --layer-formats conv9=8,4", "its layers are fc1, fc2, fc3"),
        ("eval float32 --prediction-scores", "add `--predictions FILE`"),
        ("eval float32 --predictions float32", "would overwrite the model"),
        ("eval float32 --predictions x.csv --summary x.csv", "written to one file"),
    ] {
        let text = refused(&folder, line);
        assert!(text.contains(said), "{line}: {text}");
    }
    for line in [
        "eval float32 --wl 33",
        "eval float32 --wl 8 --fl 65",
        "eval float32 --layer-formats fc1=8",
    ] {
        hwsim(&folder, line).assert().code(2);
    }
}

#[test]
fn predictions_are_what_top_1_counts() {
    let folder = models();
    let result = eval(&folder, "fixed --predictions p.csv --prediction-scores");
    let text = fs::read_to_string(folder.path().join("p.csv")).unwrap();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let head: Vec<String> = rows.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(head[..4], ["index", "label", "prediction", "score_0"]);
    assert_eq!(head.len(), 13);
    let mut correct = 0;
    let mut count = 0;
    for (index, row) in rows.records().enumerate() {
        let row = row.unwrap();
        assert_eq!(row[0], index.to_string());
        let scores: Vec<f32> = row.iter().skip(3).map(|cell| cell.parse().unwrap()).collect();
        let prediction: usize = row[2].parse().unwrap();
        assert!(scores.iter().all(|&score| score <= scores[prediction]), "{row:?}");
        correct += usize::from(row[1] == row[2]);
        count += 1;
    }
    assert_eq!(count, 200);
    assert_eq!(result["top1"].as_f64().unwrap(), correct as f64 / 200.0);
    // Without scores the same rows; nothing else is left in the folder.
    eval(&folder, "fixed --predictions q.csv");
    let short = fs::read_to_string(folder.path().join("q.csv")).unwrap();
    let cut = |line: &str| line.split(',').take(3).collect::<Vec<_>>().join(",");
    assert_eq!(short.lines().collect::<Vec<_>>(), text.lines().map(cut).collect::<Vec<_>>());
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().flatten().map(|e| e.file_name()).collect();
    names.sort();
    assert_eq!(names, ["fixed", "float32", "p.csv", "q.csv"]);
}

#[test]
fn predictions_of_a_text_have_positions() {
    let folder = TempDir::new().unwrap();
    let line = "train --dataset text --sequence-length 4 --limit-train 32 --limit-test 4 --max-steps 1 --quiet --save-model lm";
    hwsim(&folder, line).assert().success();
    hwsim(&folder, "eval lm --limit-test 3 --predictions p.csv").assert().success();
    let text = fs::read_to_string(folder.path().join("p.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines.len()), ("index,position,label,prediction", 13));
    assert!(lines[1].starts_with("0,0,") && lines[6].starts_with("1,1,"), "{text}");
}

#[test]
fn formats_of_other_tools_bring_their_modes() {
    let folder = models();
    let plain = eval(&folder, "float32 --wl 8 --fl 5");
    let same = eval(&folder, "float32 --number-format 8,5,nearest-even,saturate");
    assert_eq!((&plain["loss"], &plain["top1"]), (&same["loss"], &same["top1"]));
    let hls = eval(&folder, "float32 --number-format ap_fixed<8,3>");
    assert_ne!(hls["loss"], plain["loss"]);
    let text = hls["quantised_after_training"]["format"].as_str().unwrap();
    assert_eq!(text, "⟨8, 5⟩, floor, wrap");
    // Floor in every layer is the run's rounding and that of the weights.
    let unsigned = eval(&folder, "float32 --wl 8 --fl 5 --layer-formats fc2=u8,5");
    assert_ne!(unsigned["loss"], plain["loss"]);
    for line in [
        "eval float32 --number-format ap_fixed<0,0>",
        "eval float32 --number-format 8,5 --wl 8",
        "eval float32 --layer-formats fc1=ap_fixed<16,6",
        "eval float32 --integer-only --number-format ap_fixed<8,3>",
    ] {
        let output = hwsim(&folder, line).output().unwrap();
        assert_ne!(output.status.code(), Some(0), "{line}");
    }
    refused(&folder, "eval float32 --number-format ap_fixed<0,0>");
}

/// A model trained in formats with modes keeps them: evaluated as it is, it rounds by them.
#[test]
fn a_saved_model_carries_its_modes() {
    let folder = TempDir::new().unwrap();
    let line = "train --arch mlp --limit-train 64 --limit-test 20 --batch-size 32 --epochs 1 --quiet --controller static";
    let train = |more: &str| hwsim(&folder, &format!("{line} {more}")).assert().success();
    train("--number-format ap_fixed<10,4,AP_TRN,AP_SAT> --save-model typed");
    train(
        "--wl 10 --fl 6 --rounding-weights floor --rounding-activations floor --rounding-gradients floor --rounding-evaluation floor --save-model flags",
    );
    let result =
        |model: &str, more: &str| eval(&folder, &format!("{model} {more}"))["loss"].clone();
    assert_eq!(result("typed", ""), result("flags", "--rounding floor"));
    assert_eq!(result("typed", "--rounding nearest-even"), result("typed", ""));
    assert_ne!(result("flags", "--rounding nearest-even"), result("typed", ""));
    // The same from a configuration file.
    fs::write(folder.path().join("run.toml"), "number-format = \"ap_fixed<10,4,AP_TRN,AP_SAT>\"\n")
        .unwrap();
    train("--config run.toml --save-model file");
    assert_eq!(result("file", ""), result("typed", ""));
    for wrong in ["--number-format ap_fixed<0,0>", "--number-format 8,4 --wl 8"] {
        hwsim(&folder, &format!("{line} {wrong}")).assert().code(2);
    }
}
