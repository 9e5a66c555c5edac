//! The command line on real files: what a user sees, and that equal settings give equal bytes.

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The embedded slice as files, so that the tests do not depend on what the machine has installed.
fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded")
}

fn hwsim() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD");
    command
}

/// A short run of the perceptron under AdaPT with a short lookback, so that formats change.
const SHORT: &[&str] = &[
    "train",
    "--arch",
    "mlp",
    "--limit-train",
    "640",
    "--limit-test",
    "100",
    "--epochs",
    "8",
    "--batch-size",
    "32",
    "--lookback-lower",
    "3",
    "--lookback-upper",
    "8",
    "--learning-rate",
    "0.03",
    "--seed",
    "5",
    "--quiet",
];

fn short(folder: &TempDir, trace: &str) -> Command {
    let mut command = hwsim();
    command.args(SHORT).arg("--data-dir").arg(data());
    command.arg("--trace").arg(folder.path().join(trace));
    command
}

fn read(folder: &TempDir, name: &str) -> Vec<u8> {
    std::fs::read(folder.path().join(name)).unwrap()
}

/// The one line that a failed command prints, and its exit code.
fn failure(command: &mut Command) -> (String, i32) {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    (text.trim_end().to_owned(), output.status.code().unwrap())
}

#[test]
fn a_run_writes_its_trace_summary_and_model() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let run = short(&folder, "out.csv")
        .arg("--summary")
        .arg(path("out.json"))
        .arg("--save-model")
        .arg(path("model.safetensors"))
        .assert()
        .success();
    let table = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    for word in ["top-1", "SU1", "SU2", "SU3", "MEM", "SZ", "inference speedup", "cycles", "fc3"] {
        assert!(table.contains(word), "{word} is not in\n{table}");
    }
    let summary: serde_json::Value = serde_json::from_slice(&read(&folder, "out.json")).unwrap();
    for key in [
        "top1",
        "loss",
        "su1",
        "su2",
        "su3",
        "mem",
        "size_ratio",
        "inference_su",
        "final_sparsity",
        "mean_sparsity",
        "final_sparsity_exact",
        "mean_sparsity_exact",
        "seconds",
        "macs",
        "layers",
    ] {
        assert!(summary.get(key).is_some(), "{key}");
    }
    let phases = summary["phases"].as_object().unwrap();
    let seconds: f64 = phases.values().map(|seconds| seconds.as_f64().unwrap()).sum();
    let all = summary["seconds"].as_f64().unwrap();
    assert!(phases["forward_array"].as_f64().unwrap() > 0.0);
    assert!(seconds <= all, "phases of {seconds} s in {all} s");
    // 8 epochs of 20 updates; three products a layer, except that no one needs the images' gradient.
    let macs = 1024u64 * 256 + 256 * 128 + 128 * 10;
    assert_eq!(summary["macs"], 160 * 32 * (3 * macs - 1024 * 256));
    assert!(summary["top1"].as_f64().unwrap() > 0.3, "{}", summary["top1"]);

    let eval = hwsim()
        .arg("eval")
        .arg(path("model.safetensors"))
        .arg("--data-dir")
        .arg(data())
        .args(["--limit-test", "100"])
        .arg("--summary")
        .arg(path("eval.json"))
        .assert()
        .success();
    let again: serde_json::Value = serde_json::from_slice(&read(&folder, "eval.json")).unwrap();
    assert_eq!(again["top1"], summary["top1"]);
    assert_eq!(again["loss"], summary["loss"]);
    assert!(!eval.get_output().stdout.is_empty());
}

#[test]
fn word_lengths_rise_and_fall_and_differ_between_layers() {
    let folder = TempDir::new().unwrap();
    short(&folder, "out.csv").assert().success();
    let mut reader = csv::Reader::from_path(folder.path().join("out.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    let (layer, gemm, wl) = (column("layer"), column("gemm"), column("wl_weight"));
    let mut lengths: std::collections::BTreeMap<String, Vec<u32>> = Default::default();
    for record in reader.records().map(Result::unwrap).filter(|r| &r[gemm] == "forward") {
        lengths.entry(record[layer].to_owned()).or_default().push(record[wl].parse().unwrap());
    }
    assert_eq!(lengths.len(), 3);
    let changes = |rising: bool| {
        lengths
            .values()
            .flat_map(|l| l.windows(2))
            .filter(|w| (w[1] > w[0]) == rising && w[0] != w[1])
            .count()
    };
    assert!(changes(true) > 0 && changes(false) > 0, "{lengths:?}");
    let differ = (0..160).any(|step| lengths.values().any(|l| l[step] != lengths["fc1"][step]));
    assert!(differ, "{lengths:?}");
}

#[test]
fn threads_and_instructions_do_not_change_a_byte() {
    let folder = TempDir::new().unwrap();
    short(&folder, "one.csv").args(["--threads", "1"]).assert().success();
    short(&folder, "two.csv").args(["--threads", "2"]).assert().success();
    let one = read(&folder, "one.csv");
    assert!(one == read(&folder, "two.csv"), "two threads differ");
    for level in hwmodel::SimdLevel::available() {
        let name = format!("{level}.csv");
        short(&folder, &name).env("HWSIM_SIMD", level.name()).assert().success();
        assert!(one == read(&folder, &name), "{level} differs");
    }
}

/// A circuit's random numbers.
const LFSR: &[&str] =
    &["--random-source", "lfsr", "--lfsr-width", "16", "--random-bits", "8", "--lfsr-steps", "1"];

/// Threads, instructions and a stop change nothing; the bits are counted; another source is refused.
#[test]
fn a_run_on_a_shift_register_repeats_and_counts_its_bits() {
    let whole = TempDir::new().unwrap();
    let at = |name: &str| SHORT.iter().position(|argument| *argument == name).unwrap();
    let (begin, end) = (at("--lookback-lower"), at("--lookback-upper") + 2);
    let run = |trace: &str, source: &[&str], threads: &str| {
        let mut command = hwsim();
        command.args(&SHORT[..begin]).args(&SHORT[end..]);
        command.args(["--controller", "static", "--wl", "8", "--fl", "4"]);
        command.arg("--data-dir").arg(data()).arg("--trace").arg(whole.path().join(trace));
        command.args(source).args(["--threads", threads]);
        command.arg("--summary").arg(whole.path().join("out.json")).assert().success();
        let summary = read(&whole, "out.json");
        serde_json::from_slice::<serde_json::Value>(&summary).unwrap()
    };
    let summary = run("one.csv", LFSR, "1");
    run("two.csv", LFSR, "2");
    assert!(read(&whole, "one.csv") == read(&whole, "two.csv"), "two threads differ");
    let pcg = run("pcg.csv", &[], "1");
    assert!(read(&whole, "one.csv") != read(&whole, "pcg.csv"), "the source has no effect");
    assert_eq!(pcg["random_source"], "pcg");
    let said = summary["random_source"].as_str().unwrap();
    insta::assert_snapshot!(said, @"lfsr of 16 bits (x^16 + x^5 + x^3 + x^2 + 1), 8 bits and 1 clocks a rounding");

    // Eight bits for each weight, input, output and gradient: every one of them drops bits.
    let mut reader = csv::Reader::from_path(whole.path().join("one.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let columns = ["weight", "activation", "gradient", "output"]
        .map(|role| header.iter().position(|h| h == format!("quantised_{role}")).unwrap());
    let quantised: u64 = reader
        .records()
        .map(Result::unwrap)
        .flat_map(|record| columns.map(|column| record[column].parse::<u64>().unwrap_or(0)))
        .sum();
    assert!(quantised > 0);
    assert_eq!(summary["random_bits_drawn"], 8 * quantised);
}

#[test]
fn a_killed_run_on_a_shift_register_resumes_with_the_same_bytes() {
    let whole = TempDir::new().unwrap();
    short(&whole, "out.csv")
        .args(LFSR)
        .arg("--save-model")
        .arg(whole.path().join("model.safetensors"))
        .assert()
        .success();
    let folder = TempDir::new().unwrap();
    let mut child = start(&folder, "out.csv", LFSR);
    child.kill().unwrap();
    child.wait().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let mut other = hwsim();
    other.args(["train", "--quiet", "--resume"]).arg(&checkpoint).args(["--random-bits", "4"]);
    let (line, code) = failure(&mut other);
    assert_eq!(code, 2);
    assert!(line.starts_with("hwsim: --random-bits cannot be given with --resume"), "{line}");
    resume(&folder, "out.csv", "model.safetensors");
    assert!(read(&folder, "out.csv") == read(&whole, "out.csv"), "trace");
    let model = read(&folder, "model.safetensors");
    assert!(model == read(&whole, "model.safetensors"), "model");

    // The model names its register, which `eval` takes unless told otherwise.
    let eval = |arguments: &[&str]| {
        let mut command = hwsim();
        command.arg("eval").arg(whole.path().join("model.safetensors")).arg("--data-dir");
        command.arg(data()).args(["--limit-test", "50"]).args(arguments);
        command
    };
    let source = |arguments: &[&str]| {
        let path = whole.path().join("eval.json");
        eval(arguments).arg("--summary").arg(&path).assert().success();
        let result: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let drawn = result["random_bits_drawn"].as_u64().unwrap();
        (result["random_source"].as_str().unwrap().to_owned(), drawn)
    };
    let own = "lfsr of 16 bits (x^16 + x^5 + x^3 + x^2 + 1), 8 bits and 1 clocks a rounding";
    assert_eq!(source(&[]), (own.to_owned(), 0));
    let (own_again, drawn) = source(&["--rounding", "stochastic"]);
    assert!(own_again == own && drawn > 0, "{own_again}, {drawn} bits");
    let four = source(&["--rounding", "stochastic", "--random-bits", "4"]).0;
    assert_eq!(four, own.replace("8 bits and 1 clocks", "4 bits and 4 clocks"));
    let pcg = source(&["--rounding", "stochastic", "--random-source", "pcg"]).0;
    assert_eq!(pcg, "pcg");
    let (line, code) = failure(&mut eval(&["--random-bits", "4"]));
    insta::assert_snapshot!(line, @"hwsim: `--random-bits` needs rounding `stochastic` and has no meaning with `nearest-even`: add `--rounding stochastic` or leave it out");
    assert_eq!(code, 2);
    let pcg = ["--rounding", "stochastic", "--random-source", "pcg", "--lfsr-width", "9"];
    let (line, code) = failure(&mut eval(&pcg));
    insta::assert_snapshot!(line, @"hwsim: `--lfsr-width` needs `--random-source lfsr` as well");
    assert_eq!(code, 2);
    let narrow = ["--rounding", "stochastic", "--lfsr-width", "8", "--random-bits", "9"];
    let (line, code) = failure(&mut eval(&narrow));
    insta::assert_snapshot!(line, @"hwsim: a register of 8 bits has no 9 random bits: use at most 8");
    assert_eq!(code, 2);
}

/// Starts a run with frequent checkpoints and waits until it has written one.
fn start(folder: &TempDir, trace: &str, more: &[&str]) -> std::process::Child {
    let checkpoint = folder.path().join("checkpoint");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.args(SHORT).args(more).arg("--data-dir").arg(data());
    command.arg("--trace").arg(folder.path().join(trace));
    command.arg("--checkpoint").arg(&checkpoint).args(["--checkpoint-every", "7"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !checkpoint.join("checkpoint.safetensors").exists() {
        assert!(start.elapsed() < Duration::from_secs(120), "no checkpoint appeared");
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

fn resume(folder: &TempDir, trace: &str, model: &str) {
    hwsim()
        .args(["train", "--quiet", "--resume"])
        .arg(folder.path().join("checkpoint"))
        .arg("--data-dir")
        .arg(data())
        .arg("--trace")
        .arg(folder.path().join(trace))
        .arg("--save-model")
        .arg(folder.path().join(model))
        .assert()
        .success();
}

#[test]
fn killed_and_resumed_runs_end_with_the_same_bytes() {
    let whole = TempDir::new().unwrap();
    short(&whole, "out.csv")
        .arg("--save-model")
        .arg(whole.path().join("model.safetensors"))
        .assert()
        .success();
    for pause in [0, 40, 200] {
        let folder = TempDir::new().unwrap();
        let mut child = start(&folder, "out.csv", &[]);
        std::thread::sleep(Duration::from_millis(pause));
        // SIGKILL on Unix: no handler runs.
        child.kill().unwrap();
        child.wait().unwrap();
        resume(&folder, "out.csv", "model.safetensors");
        assert!(read(&folder, "out.csv") == read(&whole, "out.csv"), "trace, pause {pause} ms");
        let model = read(&folder, "model.safetensors");
        assert!(model == read(&whole, "model.safetensors"), "model, pause {pause} ms");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_says_how_to_go_on() {
    let folder = TempDir::new().unwrap();
    let epochs = SHORT.iter().position(|a| *a == "--epochs").unwrap() + 1;
    let mut arguments = SHORT.to_vec();
    arguments[epochs] = "4000";
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.args(arguments).arg("--data-dir").arg(data());
    command.arg("--trace").arg(folder.path().join("out.csv"));
    let child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let partial = folder.path().join("out.csv.partial");
    let begin = Instant::now();
    while std::fs::metadata(&partial).map_or(0, |m| m.len()) < 20_000 {
        assert!(begin.elapsed() < Duration::from_secs(120), "the run does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = std::process::Command::new("kill").arg("-INT").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("hwsim train --resume"), "{said}");
    assert!(folder.path().join("out.csv.checkpoint/checkpoint.safetensors").exists());
    assert!(!folder.path().join("out.csv").exists());
}

#[test]
fn wrong_usage_is_one_line_and_exit_code_2() {
    let mut command = hwsim();
    let (line, code) = failure(command.args(["train", "--wl", "33", "--controller", "static"]));
    assert_eq!(code, 2);
    insta::assert_snapshot!(line, @"hwsim: `--wl` is 33: use 1 to 32");
    let (line, code) = failure(hwsim().args(["train", "--machine", "abacus"]));
    assert_eq!(code, 2);
    insta::assert_snapshot!(line, @"hwsim: unknown machine `abacus`: use one of edge-16x16, tpu-like-256x256, eyeriss-like-12x14, fpga-dsp-48x48, bit-fusion-like-32x16, stripes-like-64x64, loom-like-16x128, or a file ending in .toml");
    let (line, code) = failure(hwsim().args(["train"]).env("HWSIM_SIMD", "mmx"));
    assert_eq!(code, 2);
    insta::assert_snapshot!(line, @"hwsim: environment variable HWSIM_SIMD: unknown SIMD level `mmx`: use portable, avx2, avx512, amx or amx-model");
}

#[test]
fn failures_are_one_line_and_exit_code_1() {
    let folder = TempDir::new().unwrap();
    let (line, code) = failure(
        hwsim().args(["train", "--quiet", "--trace", "/nowhere/out.csv", "--data-dir"]).arg(data()),
    );
    assert_eq!(code, 1);
    insta::assert_snapshot!(line, @"hwsim: cannot create `/nowhere/out.csv.partial`: No such file or directory (os error 2)");

    std::fs::create_dir(folder.path().join("checkpoint")).unwrap();
    std::fs::write(folder.path().join("checkpoint/checkpoint.safetensors"), b"garbage").unwrap();
    let (line, code) = failure(
        hwsim().args(["train", "--quiet", "--resume"]).arg(folder.path().join("checkpoint")),
    );
    assert_eq!(code, 1);
    assert!(line.contains("checkpoint.safetensors"), "{line}");

    let (line, code) = failure(hwsim().arg("eval").arg(folder.path().join("missing.safetensors")));
    assert_eq!(code, 1);
    assert!(line.contains("missing.safetensors"), "{line}");
}

#[test]
fn a_diverging_run_fails_and_leaves_old_files_alone() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("out.csv"), b"precious").unwrap();
    let (line, code) = failure(
        hwsim()
            .args(["train", "--arch", "mlp", "--limit-train", "64", "--limit-test", "10"])
            .args(["--batch-size", "32", "--epochs", "50", "--quiet", "--controller", "float32"])
            .args(["--no-normalise-gradients", "--learning-rate", "900000", "--data-dir"])
            .arg(data())
            .arg("--trace")
            .arg(folder.path().join("out.csv")),
    );
    assert_eq!(code, 1);
    assert!(line.contains("diverged"), "{line}");
    assert_eq!(read(&folder, "out.csv"), b"precious");
}
