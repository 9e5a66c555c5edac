//! `hwsim golden export` and `verify` on a small trained model.

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

/// A folder with `model`, LeNet-5 trained for a few steps in ⟨8, 5⟩, or in float32.
fn trained(controller: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let formats: &[&str] = if controller == "static" { &["--wl", "8", "--fl", "5"] } else { &[] };
    hwsim(&folder)
        .args(["train", "--arch", "lenet5", "--limit-train", "96", "--limit-test", "10"])
        .args(["--batch-size", "32", "--epochs", "1", "--quiet", "--controller", controller])
        .args(formats)
        .args(["--save-model", "model", "--data-dir"])
        .arg(data())
        .assert()
        .success();
    folder
}

fn export(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = hwsim(folder);
    command.args(["golden", "export", "model", "--data-dir"]).arg(data()).args(arguments);
    command
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

#[test]
fn an_export_verifies_until_a_bit_flips() {
    let folder = trained("static");
    let said = output(&mut export(
        &folder,
        &[
            "--layer",
            "conv2",
            "--out",
            "vectors",
            "--k-tile",
            "50",
            "--acc",
            "12",
            "--overflow",
            "wrap",
        ],
    ));
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said[0], "vectors");
    assert_eq!(said[1], "  conv2 of lenet5, 1 image of fashion-mnist");
    assert!(
        said[3].starts_with("  1600 outputs in 3 K-tiles of 50, accumulator 12 bits (12 wrap), ")
    );
    let verified = output(hwsim(&folder).args(["golden", "verify", "vectors"]));
    insta::assert_snapshot!(verified);

    let path = folder.path().join("vectors/weights.hex");
    let text = std::fs::read_to_string(&path).unwrap();
    let flipped = if text.starts_with('0') { "8" } else { "0" };
    std::fs::write(&path, format!("{flipped}{}", &text[1..])).unwrap();
    let (line, code) = failure(hwsim(&folder).args(["golden", "verify", "vectors"]));
    assert_eq!(code, 1);
    assert!(line.starts_with("hwsim: `vectors` is not what it was: weights, element 0"), "{line}");
}

#[test]
fn an_accumulator_under_test_does_not_move_the_operands() {
    let folder = trained("static");
    let input = |name: &str, more: &[&str]| {
        output(export(&folder, &["--layer", "fc1", "-o", name]).args(more));
        let read = |file| std::fs::read(folder.path().join(name).join(file)).unwrap();
        (read("input.hex"), read("accumulators.hex"))
    };
    let own = input("own", &[]);
    let narrow = input("narrow", &["--accumulator", "8"]);
    assert_eq!(own.0, narrow.0);
    assert_ne!(own.1, narrow.1);
    // 8 bits in the layers before change what arrives here.
    let everywhere = input("everywhere", &["--accumulator", "8", "--accumulator-everywhere"]);
    assert_ne!(own.0, everywhere.0);
    let layer = ["--layer", "fc1", "-o", "x", "--accumulator-everywhere"];
    let (line, code) = failure(&mut export(&folder, &layer));
    assert_eq!(code, 2, "{line}");
}

#[test]
fn folds_and_places_of_sums_are_those_of_the_machine() {
    let folder = trained("static");
    let machines = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rtl");
    let manifest = |name: &str, machine: &str, more: &[&str]| {
        let machine = machines.join(machine);
        let arguments = ["--layer", "conv2", "-o", name, "--outputs", "200"];
        output(export(&folder, &arguments).arg("--machine").arg(machine).args(more));
        let verified = output(hwsim(&folder).args(["golden", "verify", name]));
        assert!(!verified.contains("differ"), "{verified}");
        let text = std::fs::read_to_string(folder.path().join(name).join("manifest.json"));
        serde_json::from_str::<serde_json::Value>(&text.unwrap()).unwrap()
    };
    // 150 terms on 16 rows, each fold from zero.
    let below = manifest("below", "accelerator-top.toml", &["--accumulator", "12"]);
    assert_eq!((&below["gemm"]["k_tile"], &below["gemm"]["k_tiles"]), (&16.into(), &10.into()));
    assert_eq!(below["accumulator"]["partial_sums"], "below");
    assert_eq!(below["accumulator"]["overflow"], "wrap");
    // 100 pixels in tiles of 16 rows, ten folds of K: 115 cycles each, and 2.
    assert_eq!(below["machine"]["compute_cycles"], 10 * 7 * 115 + 2);
    assert!(folder.path().join("below/folds.hex").exists());
    let top = manifest("top", "systolic-array-ws.toml", &[]);
    assert_eq!((&top["gemm"]["k_tile"], &top["accumulator"]["bits"]), (&4.into(), &16.into()));
    assert!(!folder.path().join("top/folds.hex").exists());
    // Sums stay in the processing elements: one fold.
    let os = manifest("os", "axis-systolic-array.toml", &[]);
    assert_eq!(os["gemm"]["k_tiles"], 1);
    let both = ["--layer", "conv2", "-o", "x", "--machine", "edge-16x16", "--k-tile", "4"];
    let (line, code) = failure(&mut export(&folder, &both));
    assert_eq!(code, 2, "{line}");
}

#[test]
fn stochastic_rounding_is_exported_with_its_register() {
    let folder = trained("static");
    let register = ["--rounding", "stochastic", "--random-source", "lfsr", "--lfsr-width", "16"];
    let said = output(
        export(&folder, &["--layer", "conv2", "-o", "a", "--requantisers", "8"]).args(register),
    );
    assert!(said.contains("  random numbers: register of 16 bits, load 0x"), "{said}");
    output(hwsim(&folder).args(["golden", "verify", "a"]));
    let other = ["--layer", "conv2", "-o", "b", "--step", "7"];
    output(export(&folder, &other).args(register));
    let read = |name: &str| std::fs::read(folder.path().join(name).join("outputs.hex")).unwrap();
    assert_ne!(read("a"), read("b"));
    let text = std::fs::read_to_string(folder.path().join("a/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let random = &manifest["random"];
    assert_eq!(random["taps"], serde_json::json!([0, 2, 3, 5]));
    assert_eq!(random["array"]["loads"].as_array().unwrap().len(), 8);
    assert_eq!((&random["clocks"], &random["array"]["clocks"]), (&16.into(), &128.into()));
    let many = ["--layer", "conv2", "-o", "c", "--requantisers", "65537"];
    let (line, code) = failure(&mut export(&folder, &many));
    assert_eq!(code, 2);
    assert!(
        line.contains("65537 requantisers side by side are too many: use 1 to 65536"),
        "{line}"
    );
}

#[test]
fn folders_are_not_overwritten_unless_forced() {
    let folder = trained("static");
    let arguments = ["--layer", "0", "--out", "vectors", "--outputs", "100", "--word-bits", "64"];
    output(&mut export(&folder, &arguments));
    let (line, code) = failure(&mut export(&folder, &arguments));
    assert_eq!(code, 1);
    insta::assert_snapshot!(line, @"hwsim: `vectors` is not empty: choose another folder, or pass --force to replace the export in it");
    std::fs::write(folder.path().join("vectors/bench.sv"), "mine").unwrap();
    output(export(&folder, &["--layer", "fc3", "--out", "vectors"]).arg("--force"));
    assert_eq!(std::fs::read(folder.path().join("vectors/bench.sv")).unwrap(), b"mine");
    output(hwsim(&folder).args(["golden", "verify", "vectors"]));
}

#[test]
fn wrong_usage_and_failed_runs_are_one_line() {
    let folder = trained("static");
    let (line, code) = failure(&mut export(&folder, &["--layer", "conv9", "--out", "x"]));
    assert_eq!(code, 2);
    insta::assert_snapshot!(line, @"hwsim: the network has no MAC layer `conv9`: use a name or number of conv1 (0), conv2 (1), fc1 (2), fc2 (3), fc3 (4)");
    let with = |more: &[&str]| {
        let mut command = export(&folder, &["--layer", "conv1", "--out", "x"]);
        failure(command.args(more))
    };
    let (line, code) = with(&["--word-bits", "0"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(line, @"hwsim: memory words of 0 bits are impossible: use 1 to 4096");
    let (line, code) = with(&["--rounding", "stochastic"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(line, @"hwsim: stochastic rounding is exported with the shift register of a circuit, not with PCG numbers: add `--random-source lfsr`, or `--rounding nearest-even` or another mode but stochastic");
    let (line, code) = with(&["--outputs", "0"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(line, @"hwsim: `--outputs` is `0`: use a number from 1 on, or all");
    let (line, code) = failure(&mut export(&folder, &["--layer", "0", "--out", "no/where"]));
    assert_eq!(code, 1);
    assert!(line.starts_with("hwsim: cannot write in `no`: No such file"), "{line}");
    let (line, code) = failure(hwsim(&folder).args(["golden", "verify", "nowhere"]));
    assert_eq!(code, 1);
    insta::assert_snapshot!(line, @"hwsim: cannot verify `nowhere`: cannot read `nowhere/manifest.json`: No such file or directory (os error 2)");
    assert!(!folder.path().join("x").exists());

    let float32 = trained("float32");
    let (line, code) = failure(&mut export(&float32, &["--layer", "conv1", "--out", "x"]));
    assert_eq!(code, 1);
    insta::assert_snapshot!(line, @"hwsim: layer `conv1` has format float32: words to export need a fixed ⟨WL, FL⟩, as `hwsim train` gives with --controller adapt or static");
}
