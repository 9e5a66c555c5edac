//! `hwsim rtl`: the folder, its verification and its exit codes.

use assert_cmd::Command;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn hwsim(folder: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(folder.path());
    command
}

/// Standard output, the one line of errors, and the exit code.
fn said(command: &mut Command) -> (String, String, i32) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: {program} is not installed, the RTL is not simulated"
        );
    }
    found
}

/// A folder with `small.toml`, a 4 × 3 array of `dataflow`.
fn small(dataflow: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let (text, _, _) = said(hwsim(&folder).args(["machines", "show", "edge-16x16", "--toml"]));
    let text = text.replace("rows = 16", "rows = 4").replace("columns = 16", "columns = 3");
    let text = text.replace("output-stationary", dataflow);
    fs::write(folder.path().join("small.toml"), text).unwrap();
    folder
}

const PRODUCT: [&str; 12] = [
    "rtl",
    "--machine",
    "small.toml",
    "--m",
    "5",
    "--n",
    "4",
    "--k",
    "9",
    "--accumulator",
    "15",
    "-o",
];

#[test]
fn a_folder_says_what_it_holds() {
    let folder = small("output-stationary");
    let (text, errors, code) = said(hwsim(&folder).args(PRODUCT).arg("twin"));
    assert_eq!((errors.as_str(), code), ("", 0));
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let expected = [
        "twin",
        "operands     random words, seed 1",
        "product      C [5, 4] = A [5, 9] ⟨8, 0⟩ · B [9, 4] ⟨8, 0⟩",
        "accumulator  15 bits (15 saturate)",
        "output       ⟨8, 0⟩, nearest-even, saturate",
        "array        4×3 of small.toml, output-stationary, 4 folds",
        "cycles       56 compute + 16 drain = 72",
        "expected     15 accumulator events, 20 outputs clamped",
    ];
    assert_eq!(lines, expected);
    let twin = folder.path().join("twin");
    let manifest = fs::read_to_string(twin.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    // The same numbers in every form.
    let header = fs::read_to_string(twin.join("params.vh")).unwrap();
    for (name, value) in manifest["parameters"].as_object().unwrap() {
        assert!(header.contains(&format!("`define HWSIM_{name} {value}\n")), "{name}");
    }
    let arguments = fs::read_to_string(twin.join("run.args")).unwrap();
    for (name, value) in manifest["arguments"].as_object().unwrap() {
        let value = value.as_str().unwrap();
        assert!(arguments.contains(&format!("+{name}={value}\n")), "{name}");
    }
    for file in manifest["files"].as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        let text = fs::read_to_string(twin.join(name)).unwrap();
        let words = file["words"].as_u64().unwrap();
        assert!(words == 0 || text.lines().count() as u64 == words, "{name}");
    }
    // A folder that is there is kept, unless --force says otherwise.
    let (_, errors, code) = said(hwsim(&folder).args(PRODUCT).arg("twin"));
    assert_eq!(code, 1);
    assert!(errors.contains("`twin` is not empty"), "{errors}");
    fs::write(twin.join("notes"), "mine").unwrap();
    assert_eq!(said(hwsim(&folder).args(PRODUCT).args(["twin", "--force"])).2, 0);
    assert!(twin.join("notes").is_file());
}

#[test]
fn verification_is_equal_until_a_line_changes() {
    if !has("iverilog") {
        return;
    }
    for dataflow in ["output-stationary", "weight-stationary"] {
        let folder = small(dataflow);
        let verify = ["twin", "--verify=icarus", "--force", "--waves"];
        let (text, errors, code) = said(hwsim(&folder).args(PRODUCT).args(verify));
        assert_eq!((errors.as_str(), code), ("", 0), "{text}");
        assert!(text.contains("cycles.txt              3  equal"), "{text}");
        assert!(text.contains("Icarus Verilog version"), "{text}");
        assert!(folder.path().join("twin/out/waves.vcd").is_file());
        // The scripts say the same without hwsim.
        let script = folder.path().join("twin/run_icarus.sh");
        let mut run = Command::new("sh");
        assert_eq!(said(run.arg(&script)).2, 0);
        let rtl = folder.path().join("twin/rtl/hwsim_add.sv");
        let text = fs::read_to_string(&rtl).unwrap();
        fs::write(&rtl, text.replace(".OVERFLOW(OVERFLOW)", ".OVERFLOW(0)")).unwrap();
        let (text, _, code) = said(Command::new("sh").arg(&script));
        assert_eq!(code, 1);
        assert!(text.contains("different: expect/acc.hex"), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn without_a_simulator_the_exit_code_is_3() {
    let folder = small("output-stationary");
    let verify = ["twin", "--verify"];
    let (text, errors, code) =
        said(hwsim(&folder).args(PRODUCT).args(verify).env("PATH", "/nowhere"));
    assert_eq!(code, 3, "{errors}");
    assert!(text.starts_with("twin\n"), "{text}");
    assert!(
        errors.starts_with("hwsim: not verified: neither `iverilog` nor `verilator` is in PATH"),
        "{errors}"
    );
}

#[test]
fn synthesis_counts_every_module() {
    if !has("yosys") {
        return;
    }
    let folder = small("weight-stationary");
    let (text, errors, code) =
        said(hwsim(&folder).args(PRODUCT).args(["twin", "--synth", "--json"]));
    assert_eq!(code, 0, "{errors}");
    let result: serde_json::Value = serde_json::from_str(&text).unwrap();
    let modules = result["synthesis"].as_array().unwrap();
    let names: Vec<_> = modules.iter().map(|module| module["module"].as_str().unwrap()).collect();
    assert_eq!(names, ["hwsim_mul", "hwsim_add", "hwsim_mac", "hwsim_pe_ws", "hwsim_requant"]);
    let count = |at: usize| modules[at]["transistors"].as_f64().unwrap();
    // The product is wider than this accumulator, which the datapaths of the fits were not.
    for (at, range) in [(0, 0.9..1.1), (1, 0.8..1.25), (2, 0.9..1.1)] {
        let ratio = count(at) / modules[at]["estimate"].as_f64().unwrap();
        assert!(range.contains(&ratio), "{}: {ratio}", names[at]);
    }
    // A processing element is a MAC and what connects it to the array.
    assert!(count(3) > count(2));
    assert!(modules.iter().all(|module| module["depth"].as_u64().unwrap() > 3));
}

/// Multiplier and MAC have the transistors of the datapaths that the area fits are of, so they are written as those were.
#[test]
fn synthesis_meets_the_table_of_areas() {
    if !has("yosys") {
        return;
    }
    let table = include_str!("../hwmodel/energy/yosys_mac.csv");
    let row = |start: &str| -> f64 {
        let line = table.lines().find(|line| line.starts_with(start)).unwrap();
        line.split(',').nth(8).unwrap().parse().unwrap()
    };
    let folder = small("output-stationary");
    for (wl, accumulator) in [(4, 18), (8, 24)] {
        let name = format!("twin{wl}");
        let format = format!("{wl},0");
        let accumulator_text = accumulator.to_string();
        let (text, errors, code) = said(hwsim(&folder).args([
            "rtl",
            "--machine",
            "small.toml",
            "--m",
            "1",
            "--n",
            "1",
            "--k",
            "4",
            "--format-a",
            &format,
            "--format-b",
            &format,
            "--accumulator",
            &accumulator_text,
            "--accumulator-overflow",
            "saturate",
            "--output",
            &name,
            "--synth",
            "--json",
        ]));
        assert_eq!(code, 0, "{errors}");
        let result: serde_json::Value = serde_json::from_str(&text).unwrap();
        let rows = [format!("mul,{wl},{wl},"), format!("mac,{wl},{wl},{accumulator},saturate,1,")];
        for (at, start) in [0, 2].into_iter().zip(rows) {
            let ratio = result["synthesis"][at]["transistors"].as_f64().unwrap() / row(&start);
            assert!((0.94..1.06).contains(&ratio), "{start} {ratio}");
        }
    }
}

#[test]
fn wrong_usage_is_one_line() {
    let folder = small("input-stationary");
    let refused = |arguments: &[&str]| {
        let (_, errors, code) = said(hwsim(&folder).arg("rtl").args(arguments));
        assert_eq!(code, 2, "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        errors
    };
    insta::assert_snapshot!(refused(&["-o", "x"]), @"hwsim: what is to be computed? Give `--model MODEL --layer LAYER`, or `--m M --n N --k K` for a product without a network");
    insta::assert_snapshot!(refused(&["-o", "x", "--m", "2", "--n", "2", "--k", "2", "--machine", "small.toml"]), @"hwsim: the RTL twin does not have `dataflow` input-stationary: it has output-stationary and weight-stationary");
    insta::assert_snapshot!(refused(&["-o", "x", "--m", "2", "--n", "2", "--k", "2", "--random-bits", "4"]), @"hwsim: `--lfsr-width`, `--random-bits` and `--lfsr-steps` need stochastic rounding: add `--rounding stochastic` or leave them out");
    insta::assert_snapshot!(refused(&["-o", "x", "--m", "2", "--n", "2", "--k", "2", "--accumulator-fl", "4"]), @"hwsim: the RTL twin does not have `accumulator.fl` 4: it has one register with the fractional length of the products");
    fs::write(folder.path().join("scales.csv"), "3,4\n").unwrap();
    insta::assert_snapshot!(refused(&["-o", "x", "--m", "2", "--n", "2", "--k", "2", "--scales", "scales.csv"]), @"hwsim: `scales.csv` has 1 lines for 2 columns: give a line `M,shift[,offset]` a column");
    assert!(!Path::new("x").exists());
}

/// The first layers of networks with trained or imported weights and real images.
#[test]
fn layers_of_networks_are_the_same_in_verilog() {
    if !has("iverilog") {
        return;
    }
    let folder = small("weight-stationary");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded");
    let train = [
        "train",
        "--arch",
        "lenet5",
        "--limit-train",
        "96",
        "--limit-test",
        "10",
        "--batch-size",
        "32",
    ];
    let formats = [
        "--epochs",
        "1",
        "--quiet",
        "--wl",
        "8",
        "--fl",
        "5",
        "--save-model",
        "model",
        "--data-dir",
    ];
    hwsim(&folder).args(train).args(formats).arg(&data).assert().success();
    let onnx = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/networks/float.onnx");
    let networks: [(PathBuf, &str, &[&str]); 4] = [
        ("model".into(), "conv2", &["--accumulator", "12"]),
        (onnx, "0", &["--number-format", "8,5", "--dataset", "fashion-mnist"]),
        ("resnet20".into(), "1", &["--number-format", "8,5", "--accumulator", "14"]),
        (
            "alexnet".into(),
            "1",
            &["--number-format", "6,3", "--rounding", "stochastic", "--random-bits", "5"],
        ),
    ];
    for (model, layer, others) in networks {
        let mut command = hwsim(&folder);
        command.args([
            "rtl",
            "--machine",
            "small.toml",
            "--verify=icarus",
            "--force",
            "-o",
            "twin",
        ]);
        command.args(["--rows", "3", "--layer", layer, "--model"]).arg(&model).args(others);
        command.arg("--data-dir").arg(&data);
        let (text, errors, code) = said(&mut command);
        assert_eq!(code, 0, "{}: {errors}", model.display());
        assert!(!text.contains("differ"), "{text}");
    }
}
