//! MODEL everywhere: commands take a built-in name, a saved model or an ONNX file alike.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A short run on few images.
const SHORT: &str = "--max-steps 2 --batch-size 8 --limit-train 40 --limit-test 10 --quiet";

/// A folder with a float network as `cnn.onnx` and a quantised one as `quantised.onnx`.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let networks = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/networks");
    for (from, to) in [("float.onnx", "cnn.onnx"), ("qdq-s8s8.onnx", "quantised.onnx")] {
        fs::copy(networks.join(from), folder.path().join(to)).unwrap();
    }
    folder
}

fn hwsim(folder: &TempDir, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(folder.path());
    command.args(line.split_whitespace());
    command
}

fn succeeds(folder: &TempDir, line: &str) -> String {
    let done = hwsim(folder, line).assert().success();
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

fn json(folder: &TempDir, line: &str) -> Value {
    serde_json::from_str(&succeeds(folder, &format!("{line} --format json"))).unwrap()
}

fn refused(folder: &TempDir, line: &str) -> String {
    let output = hwsim(folder, line).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}: {text}");
    text
}

/// MACs times the word lengths of their operands.
fn bit_operations(cost: &Value) -> u64 {
    let rows = cost["machines"][0]["rows"].as_array().unwrap().iter();
    let of_row = |row: &Value| {
        let wl = &row["product"]["wl"];
        Some(row["macs"].as_u64()? * wl["input"].as_u64()? * wl["weight"].as_u64()?)
    };
    rows.filter_map(of_row).sum()
}

/// The values of `column` in the table `file`.
fn column(folder: &TempDir, file: &str, column: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.path().join(file)).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let place = reader.headers().unwrap().iter().position(|name| name == column).unwrap();
    reader.records().map(|row| row.unwrap()[place].to_owned()).collect()
}

#[test]
fn cost_takes_a_name_a_saved_model_and_an_onnx_file() {
    let folder = folder();
    assert_eq!(json(&folder, "cost lenet5"), json(&folder, "cost --arch lenet5"));
    let graph = json(&folder, "cost cnn.onnx --dim N=1");
    assert_eq!(graph, json(&folder, "cost --onnx cnn.onnx --dim N=1"));
    let line = format!(
        "train --arch cnn.onnx {SHORT} --controller static --wl 5 --fl 3 --save-model trained"
    );
    succeeds(&folder, &line);
    let saved = json(&folder, "cost trained");
    let macs = |report: &Value| report["machines"][0]["total"]["macs"].as_u64().unwrap();
    assert_eq!(macs(&saved), macs(&graph));
    // Its own words of 5 bits.
    assert_eq!(bit_operations(&saved), 25 * macs(&saved));
    assert_eq!(bit_operations(&json(&folder, "cost trained --wl 8")), 64 * macs(&saved));
    assert!(refused(&folder, "cost trained --classes 10").contains("leave it out"));
    assert!(refused(&folder, "cost trained --dim N=1").contains("leave it out"));
    assert!(refused(&folder, "cost lenet6").contains("unknown network `lenet6`: use a file that"));
}

#[test]
fn sweep_costs_files_as_cost_does() {
    let folder = folder();
    for (network, dim) in
        [("lenet5", ""), ("cnn.onnx", "--dim N=1"), ("quantised.onnx", "--dim N=1")]
    {
        succeeds(
            &folder,
            &format!("sweep --arch {network} {dim} --rows 8,16 --output {network}.csv --quiet"),
        );
        let cost = json(&folder, &format!("cost {network} {dim}"));
        let total = &cost["machines"][0]["total"];
        let table = format!("{network}.csv");
        assert_eq!(column(&folder, &table, "macs")[1], total["macs"].to_string(), "{network}");
        let bits = column(&folder, &table, "bit_operations");
        assert_eq!(bits[1], bit_operations(&cost).to_string(), "{network}");
    }
    // An axis of word lengths overrides what the file says.
    succeeds(&folder, "sweep --arch quantised.onnx --dim N=1 --wl 4 --output four.csv --quiet");
    let macs: u64 = column(&folder, "four.csv", "macs")[0].parse().unwrap();
    assert_eq!(column(&folder, "four.csv", "bit_operations")[0], (16 * macs).to_string());
    let closed = refused(&folder, "sweep --arch nowhere.onnx --output x.csv");
    assert!(closed.contains("nowhere.onnx"), "{closed}");
}

#[test]
fn sweep_trains_what_train_trains() {
    let folder = folder();
    let settings = "--set controller=static --set max-steps=2 --set batch-size=8 --set limit-train=40 --set limit-test=10";
    let sweep =
        format!("sweep --train --arch cnn.onnx {settings} --wl 6 --fl 3 --output t.csv --quiet");
    succeeds(&folder, &sweep);
    let run = format!("train --arch cnn.onnx {SHORT} --controller static --wl 6 --fl 3");
    succeeds(&folder, &format!("{run} --summary s.json --trace t.csv.gz"));
    let text = fs::read_to_string(folder.path().join("s.json")).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    let loss: f64 = column(&folder, "t.csv", "test_loss")[0].parse().unwrap();
    assert_eq!(Some(loss), summary["loss"].as_f64());
    // The same run, however the file is given.
    let other = run.replace("--arch", "--init-from");
    succeeds(&folder, &format!("{other} --summary other.json"));
    let text = fs::read_to_string(folder.path().join("other.json")).unwrap();
    let other: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&other["loss"], &other["arch"]), (&summary["loss"], &Value::from("cnn")));
    // Compared and reported under its own name.
    let table = succeeds(&folder, "compare s.json other.json t.csv.gz");
    let network = table.lines().find(|line| line.starts_with("network")).unwrap();
    assert_eq!(network.split_whitespace().collect::<Vec<_>>(), ["network", "cnn", "cnn", "-"]);
    succeeds(&folder, "report t.csv.gz --summary s.json --output page.html");
    assert!(fs::read_to_string(folder.path().join("page.html")).unwrap().contains("cnn on "));
    // A changed file is another network.
    let again = hwsim(&folder, &sweep.replace(" --quiet", "")).assert().success();
    let said = String::from_utf8(again.get_output().stderr.clone()).unwrap();
    assert!(said.contains("0 points evaluated, 1 from the log"), "{said}");
    let both = refused(&folder, &format!("{run} --init-from cnn.onnx"));
    assert!(both.contains("leave out `--init-from`"), "{both}");
}

#[test]
fn a_built_in_network_runs_with_random_values_and_says_so() {
    let folder = folder();
    let on = "lenet5 --dataset fashion-mnist-slice";
    let done = hwsim(&folder, &format!("eval {on} --limit-test 10 --wl 8 --fl 4 --integer-only"))
        .assert()
        .success();
    let said = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    assert!(said.contains("has no trained values: these are random"), "{said}");
    succeeds(&folder, &format!("gap {on} --images 1 --formats 8,4 --accumulator 16"));
    let export =
        format!("golden export {on} --layer conv1 --wl 8 --fl 4 --outputs 8 --output vectors");
    succeeds(&folder, &export);
    succeeds(&folder, "golden verify vectors");
    let language = refused(&folder, "eval lstm --dataset text");
    assert!(language.contains("--save-model FILE"), "{language}");
    assert!(refused(&folder, "eval lenet5").contains("give `--dataset NAME`"));
}
