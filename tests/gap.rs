//! `hwsim gap` on real files: what a user sees.

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded")
}

fn hwsim(folder: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(folder.path());
    command
}

/// A folder with `model`, a perceptron trained for a few steps in float32.
fn trained() -> TempDir {
    let folder = TempDir::new().unwrap();
    hwsim(&folder)
        .args(["train", "--arch", "mlp", "--limit-train", "96", "--limit-test", "10", "--quiet"])
        .args(["--batch-size", "32", "--epochs", "1", "--controller", "float32"])
        .args(["--save-model", "model", "--data-dir"])
        .arg(data())
        .assert()
        .success();
    folder
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one line that a failed command prints, and its exit code.
fn failure(command: &mut Command) -> (String, i32) {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    (text.trim_end().to_owned(), output.status.code().unwrap())
}

const PRODUCT: [&str; 9] =
    ["gap", "--m", "16", "--n", "8", "--k", "600", "--distribution", "uniform"];

#[test]
fn the_table_of_a_random_product() {
    let folder = TempDir::new().unwrap();
    let table = output(
        hwsim(&folder)
            .args(PRODUCT)
            .args(["--overflow", "both", "--formats"])
            .args(["8,6", "16,12", "24,20", "--acc", "12", "32", "exact"]),
    );
    insta::assert_snapshot!(table);
}

#[test]
fn csv_and_json_hold_the_same_rows_for_any_threads_and_instructions() {
    let folder = trained();
    let run = |name: &str, threads: &str, level: &str| {
        let json = output(
            hwsim(&folder)
                .args(["gap", "model", "--images", "70", "--formats", "8,4", "20,14", "--json"])
                .args(["--acc", "18", "24", "exact", "--threads", threads, "--csv", name])
                .arg("--data-dir")
                .arg(data())
                .env("HWSIM_SIMD", level),
        );
        (json, std::fs::read_to_string(folder.path().join(name)).unwrap())
    };
    let (json, csv) = run("one.csv", "1", "");
    for level in hwmodel::SimdLevel::available() {
        let other = run("other.csv", "2", level.name());
        assert!(other == (json.clone(), csv.clone()), "{level} differs");
    }
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["subject"], &json["images"]), (&"network".into(), &70.into()));
    let rows = json["rows"].as_array().unwrap();
    // Three layers, two formats, three accumulators.
    assert_eq!(rows.len(), 18);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names = reader.headers().unwrap().clone();
    for (record, row) in reader.records().map(Result::unwrap).zip(rows) {
        for (name, cell) in names.iter().zip(&record) {
            let value = match &row[name] {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Null => String::new(),
                number => number.to_string(),
            };
            let same = value == cell || value.parse::<f64>().ok() == cell.parse().ok();
            assert!(same, "{name}: {value} and {cell}");
        }
        let number = |name: &str| row[name].as_u64().unwrap();
        assert_eq!(number("outputs"), number("m") * number("n"));
        let causes = ["from_float32", "from_accumulator", "from_both"].map(number);
        assert_eq!(number("differing"), causes.iter().sum::<u64>());
    }
    assert_eq!(rows[0]["layer"], "fc1");
    assert_eq!(
        (&rows[0]["m"], &rows[0]["n"], &rows[0]["k"]),
        (&70.into(), &256.into(), &1024.into())
    );
    // ⟨8, 4⟩ sums fit 24 bits and float32; ⟨20, 14⟩ sums of fc1 do not.
    assert_eq!((&rows[1]["differing"], &rows[2]["differing"]), (&0.into(), &0.into()));
    assert!(rows[3]["accumulator_events"].as_u64().unwrap() > 0);
    assert!(rows[5]["from_float32"].as_u64().unwrap() > 0);
}

#[test]
fn one_layer_can_be_chosen() {
    let folder = trained();
    let table = output(
        hwsim(&folder)
            .args(["gap", "model", "--layer", "fc3", "--images", "3", "--formats", "6,3"])
            .args(["--acc", "exact", "--dataset", "fashion-mnist", "--data-dir"])
            .arg(data()),
    );
    assert!(table.contains("fc3: M 3 × N 10 × K 128, 30 outputs"), "{table}");
    assert!(!table.contains("fc1"), "{table}");
}

#[test]
fn wrong_usage_is_one_line_and_exit_code_2() {
    let folder = trained();
    let usage = |arguments: &[&str]| {
        let (line, code) = failure(hwsim(&folder).args(arguments).arg("--data-dir").arg(data()));
        assert_eq!(code, 2, "{line}");
        line
    };
    insta::assert_snapshot!(usage(&["gap", "model", "--formats", "33,4"]), @"hwsim: `--formats` has `33,4`: word length 33 is impossible: use 1 to 32 bits");
    insta::assert_snapshot!(usage(&["gap", "model", "--formats", "8"]), @"hwsim: `--formats` has `8`: not a number format: write WL,FL as in 8,4 (u8,4 is unsigned), ap_fixed<16,6,AP_RND,AP_SAT>, ac_fixed<16,6,true>, fixed<16,6>, FIXED<16,6> or INT8");
    insta::assert_snapshot!(usage(&["gap", "model", "--acc", "16", "65"]), @"hwsim: `--accumulator` has `65`: accumulator width `65` is impossible: use 1 to 64 bits, or `exact`");
    insta::assert_snapshot!(usage(&["gap", "model", "--layer", "conv1"]), @"hwsim: the network has no MAC layer `conv1`: use a name or number of fc1 (0), fc2 (1), fc3 (2)");
    insta::assert_snapshot!(usage(&["gap", "model", "--images", "0"]), @"hwsim: `--images` is 0: use at least 1");
    insta::assert_snapshot!(usage(&["gap", "--m", "1", "--n", "1", "--k", "1"]), @"hwsim: a data set needs a MODEL that runs on it");
    let (line, code) = failure(hwsim(&folder).args(["gap", "--m", "4", "--n", "0", "--k", "1"]));
    assert_eq!(code, 2);
    insta::assert_snapshot!(line, @"hwsim: --n is 0: a product needs at least one row, column and term");
    hwsim(&folder).args(["gap", "--m", "4"]).assert().code(2);
    hwsim(&folder).arg("gap").assert().code(2);
}

#[test]
fn failures_are_one_line_and_exit_code_1() {
    let folder = trained();
    let fails = |arguments: &[&str]| {
        let (line, code) = failure(hwsim(&folder).args(arguments).arg("--data-dir").arg(data()));
        assert_eq!(code, 1, "{line}");
        line
    };
    let line = fails(&["gap", "model", "--csv", "no/where.csv"]);
    assert!(line.starts_with("hwsim: cannot write `no/where.csv`: No such file"), "{line}");
    let line = fails(&["gap", "missing"]);
    assert!(line.starts_with("hwsim: cannot load `missing`: "), "{line}");

    let model = std::fs::read(folder.path().join("model")).unwrap();
    std::fs::write(folder.path().join("short"), &model[..model.len() / 2]).unwrap();
    let line = fails(&["gap", "short"]);
    assert!(line.starts_with("hwsim: cannot load `short`: "), "{line}");

    // A weight that is NaN, with the checksum of a file that always had it.
    let loaded = hwsim::files::model::load(&folder.path().join("model")).unwrap();
    let (mut network, header) = loaded;
    network.parameters[2].master[5] = f32::NAN;
    let search = hwsim::data::SearchPath { data_dir: Some(data()), ..Default::default() };
    let dataset = hwsim::data::load(hwsim::data::DatasetKind::FashionMnist, &search).unwrap();
    let arithmetic = hwsim::files::model::Arithmetic {
        accumulator: header.accumulator,
        rounding: header.rounding,
        random: header.random,
        overflow: header.overflow,
        seed: header.seed,
    };
    let path = folder.path().join("broken");
    hwsim::files::model::save(&path, &network, &dataset, &arithmetic).unwrap();
    insta::assert_snapshot!(fails(&["gap", "broken", "--layer", "fc1"]), @"hwsim: cannot compare `broken`: `fc2.weight` holds NaN at element 5: the model's training has diverged");
}
