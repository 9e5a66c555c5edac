//! Errors about wrong input say what it is and what to do; flags without effect are refused.

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded")
}

fn hwsim(folder: &TempDir, line: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(folder.path()).args(line);
    command
}

/// What a command that fails says, and its exit code.
fn refused(folder: &TempDir, line: &[&str]) -> (String, i32) {
    let done = hwsim(folder, line).output().unwrap();
    assert!(!done.status.success(), "{line:?}");
    let text = String::from_utf8(done.stderr).unwrap();
    (text.trim_end().to_owned(), done.status.code().unwrap())
}

/// A folder with `fixed` and `float32`, two models, and `ck`, a checkpoint.
fn models() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (controller, name) in [("static", "fixed"), ("float32", "float32")] {
        let line =
            ["train", "--arch", "mlp", "--limit-train", "64", "--limit-test", "20", "--quiet"];
        // Names of other programs and of American English.
        hwsim(&folder, &line)
            .args(["--bs", "32", "--lr", "0.01", "--optimizer", "sgd", "--max-steps", "2"])
            .args(["--controller", controller, "--save-model", name, "--dataset-dir"])
            .arg(data())
            .args(["--checkpoint", &format!("ck-{name}")])
            .assert()
            .success();
    }
    folder
}

#[test]
fn a_file_that_is_no_model_is_named() {
    let folder = models();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("a.onnx"), "x").unwrap();
    std::fs::write(path("text"), "x").unwrap();
    let model = std::fs::read(path("fixed")).unwrap();
    std::fs::write(path("cut"), &model[..model.len() / 2]).unwrap();
    // One float32 of another program.
    let header = r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let mut other = (header.len() as u64).to_le_bytes().to_vec();
    other.extend(header.as_bytes());
    other.extend([0; 4]);
    std::fs::write(path("other"), other).unwrap();
    for (file, what, advice) in [
        ("a.onnx", "it is truncated or damaged at byte 1", "export or copy it again"),
        ("text", "it is no model, or a damaged one", "--save-model FILE"),
        ("cut", "it is no model, or a damaged one", "--save-model FILE"),
        ("other", "a safetensors file that hwsim did not write", "--save-model FILE"),
        (
            "ck-fixed",
            "a folder with the checkpoint",
            "hwsim train --resume ck-fixed --save-model FILE",
        ),
        (
            "ck-fixed/checkpoint.safetensors",
            "it is the checkpoint of a training run",
            "hwsim train --resume ck-fixed --save-model FILE",
        ),
    ] {
        for command in [
            vec!["eval", file],
            vec!["gap", file],
            vec!["golden", "export", file, "--layer", "0", "-o", "vectors"],
        ] {
            let (text, code) = refused(&folder, &command);
            assert!(text.contains(what) && text.contains(advice), "{command:?}: {text}");
            assert_eq!((code, text.lines().count()), (1, 1), "{text}");
        }
    }
}

#[test]
fn flags_without_effect_are_refused() {
    let folder = models();
    for (line, said) in [
        (vec!["eval", "float32", "--accumulator", "12"], "`--accumulator` has no effect"),
        (vec!["eval", "float32", "--rounding", "floor"], "`--rounding` has no effect"),
        (vec!["eval", "fixed", "--accumulator-overflow", "wrap"], "the accumulator is exact"),
        (vec!["eval", "fixed", "--threads", "0"], "`--threads` is 0: use 1 to 1024"),
        (vec!["gemm", "--m", "1", "--n", "1", "--k", "1", "--overflow", "wrap"], "is exact"),
        (
            vec!["gap", "--m", "1", "--n", "1", "--k", "1", "--acc", "exact", "--overflow", "both"],
            "every accumulator is exact",
        ),
        (vec!["golden", "check", ".", "--threads", "0"], "`--threads` is 0"),
    ] {
        let (text, code) = refused(&folder, &line);
        assert!(text.contains(said), "{line:?}: {text}");
        assert_eq!(code, 2, "{line:?}: {text}");
    }
    let eval = |line: &[&str]| {
        let done = hwsim(&folder, line).arg("--data-dir").arg(data()).assert().success();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(&done.get_output().stdout), text(&done.get_output().stderr))
    };
    let (out, _) = eval(&["eval", "float32", "--limit-test", "10"]);
    assert!(out.lines().next().unwrap().ends_with("10 images, float32"), "{out}");
    // Products have 8 fractional bits.
    let (_, warning) = eval(&["eval", "fixed", "--limit-test", "10", "--accumulator", "8"]);
    assert!(warning.contains("8 fractional bits, and an accumulator of 8 bits"), "{warning}");
    // 1024 products of up to 2^14 are 2^24, which 25 bits do not hold.
    assert!(warning.contains("`--accumulator 26` suffices"), "{warning}");
    let (_, silent) = eval(&["eval", "fixed", "--limit-test", "10", "--accumulator", "26"]);
    assert_eq!(silent, "");
}

#[test]
fn completions_pages_and_energy_tables_are_printed() {
    let folder = TempDir::new().unwrap();
    let printed = |line: &[&str]| {
        let done = hwsim(&folder, line).assert().success();
        String::from_utf8(done.get_output().stdout.clone()).unwrap()
    };
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = printed(&["completions", shell]);
        assert!(text.contains("accumulator-overflow") && text.contains("pareto"), "{shell}");
    }
    assert!(printed(&["man", "pareto", "pick"]).contains(".TH"));
    assert!(printed(&["man"]).contains("hwsim"));
    hwsim(&folder, &["man", "-o", "pages"]).assert().success();
    for page in ["hwsim.1", "hwsim-train.1", "hwsim-pareto-pick.1", "hwsim-golden-export.1"] {
        assert!(folder.path().join("pages").join(page).is_file(), "{page}");
    }
    let (text, code) = refused(&folder, &["man", "pareto", "x"]);
    assert!(text.contains("has no command `x`: it has front, measure") && code == 2, "{text}");
    let names = printed(&["machines", "energy"]);
    for name in names.lines() {
        let table = printed(&["machines", "energy", name]);
        hwmodel::energy::EnergyTable::from_csv(&table, name).unwrap();
    }
    assert!(names.lines().count() >= 2);
    let (text, code) = refused(&folder, &["machines", "energy", "x"]);
    assert!(text.contains("unknown energy table `x`: use one of horowitz-2014") && code == 2);
    let (short, long) = (printed(&["train", "-h"]), printed(&["train", "--help"]));
    assert!(long.contains("--lookback-lower") && !short.contains("--lookback-lower"), "{short}");
    assert!(short.contains("--help also lists"));
    printed(&["quantize", "--elements", "3", "--repeat", "1"]);
}
