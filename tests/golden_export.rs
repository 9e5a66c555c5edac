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
    insta::assert_snapshot!(line, @"hwsim: stochastic rounding is not exported, since its outputs depend on random numbers: add `--rounding nearest-even`, or another mode but stochastic, for vectors that repeat");
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
