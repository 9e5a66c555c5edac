//! Adam, schedules and formats by epoch in whole runs.

use assert_cmd::Command;
use hwmodel::SimdLevel;
use hwmodel::machine::Machine;
use hwsim::cli::settings::TrainArguments;
use hwsim::data::{self, SearchPath};
use hwsim::train::{Trainer, WallTime};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn data_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded")
}

/// Three epochs of five steps of the perceptron, with more flags.
fn short(flags: &str) -> TrainArguments {
    let line =
        format!("--arch mlp --limit-train 160 --limit-test 50 --batch-size 32 --epochs 3 {flags}");
    TrainArguments::from_flags(&line).unwrap()
}

fn trainer(settings: &TrainArguments) -> Trainer {
    let resolved = settings.clone().resolve().unwrap();
    let options = resolved.options;
    let search = SearchPath { data_dir: Some(data_dir()), environment_dir: None, system: false };
    let data = data::load(options.dataset, &search).unwrap();
    let data = data.limit(options.limit_train, options.limit_test).unwrap();
    let machine = Machine::builtin(&options.machine).unwrap();
    Trainer::new(options, data, machine, SimdLevel::best()).unwrap()
}

/// Steps to step `until`, closing epochs; the learning rates of the steps.
fn advance(trainer: &mut Trainer, until: u64) -> Vec<f64> {
    let mut rates = Vec::new();
    while trainer.position().step < until && !trainer.finished() {
        rates.push(trainer.step().unwrap().learning_rate);
        if trainer.epoch_complete() {
            trainer.end_epoch().unwrap();
        }
    }
    rates
}

/// A run that was saved and restored after seven of fifteen steps ends with the same bits.
fn resumes(settings: &TrainArguments) -> Trainer {
    let mut whole = trainer(settings);
    advance(&mut whole, 7);
    let mut resumed = trainer(settings);
    resumed.restore(whole.snapshot(None, WallTime::default()).unwrap()).unwrap();
    let rates = [&mut whole, &mut resumed].map(|trainer| advance(trainer, 15));
    assert_eq!(rates[0], rates[1]);
    let [a, b] =
        [&whole, &resumed].map(|trainer| trainer.snapshot(None, WallTime::default()).unwrap());
    assert_eq!(a.meta, b.meta);
    assert!(a.tensors == b.tensors);
    whole
}

#[test]
fn adapt_under_adam_resumes_with_the_same_bits_and_switches() {
    let settings = short("--optimiser adam --lookback-lower 2 --lookback-upper 4");
    let trainer = resumes(&settings);
    assert!(trainer.totals().iter().any(|layer| layer.switches > 0), "AdaPT never switched");
    let names: Vec<String> =
        trainer.snapshot(None, WallTime::default()).unwrap().tensors.into_keys().collect();
    for name in ["first-moment/fc1.weight", "second-moment/fc1.weight", "beta-powers/fc3.bias"] {
        assert!(names.iter().any(|known| known == name), "{name} is not in {names:?}");
    }
    assert!(!names.iter().any(|name| name.starts_with("momentum/")));
}

#[test]
fn a_cosine_resumes_on_its_curve() {
    let settings =
        short("--schedule cosine --warmup-epochs 1 --cosine-minimum 0.001 --controller float32");
    resumes(&settings);
    let rates = advance(&mut trainer(&settings), 15);
    assert!(rates[..5].is_sorted_by(|a, b| a < b) && rates[5..].is_sorted_by(|a, b| a > b));
    assert_eq!((rates.len(), rates[4], rates[5]), (15, 0.01, 0.01));
    assert!((rates[10] - 0.0055).abs() < 1e-15, "half way: {}", rates[10]);
}

#[test]
fn formats_by_epoch_resume_with_the_same_bits() {
    let settings = short("--controller static --format-schedule 0:8,4;1:12,6;2:10,5");
    let trainer = resumes(&settings);
    assert!(trainer.totals().iter().all(|layer| layer.switches == 2));
    assert_eq!(trainer.mean_word_length(), 10.0);
}

fn hwsim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").args(arguments);
    command
}

const SHORT: &[&str] = &[
    "train",
    "--arch",
    "mlp",
    "--limit-train",
    "160",
    "--limit-test",
    "50",
    "--batch-size",
    "32",
    "--quiet",
];

#[test]
fn a_format_schedule_is_seen_in_trace_and_summary() {
    let folder = TempDir::new().unwrap();
    let [trace, summary] = ["t.csv", "s.json"].map(|name| folder.path().join(name));
    hwsim(SHORT)
        .args(["--epochs", "3", "--controller", "static", "--layer-formats", "fc2=6,3"])
        .args(["--format-schedule", "0:8,4;1:12,6;2:fc1=16,8", "--data-dir"])
        .arg(data_dir())
        .arg("--trace")
        .arg(&trace)
        .arg("--summary")
        .arg(&summary)
        .assert()
        .success();
    let mut reader = csv::Reader::from_path(&trace).unwrap();
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|column| column == name).unwrap();
    let columns =
        ["gemm", "step", "layer", "wl_weight", "fl_weight", "switched", "reconfigurations"];
    let [gemm, step, layer, wl, fl, switched, reconfigured] = columns.map(at);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let cells = |name: &str, of: usize| -> Vec<String> {
        let rows = rows.iter().filter(|row| &row[gemm] == "forward" && &row[layer] == name);
        rows.filter(|row| row[step].parse::<u32>().unwrap().is_multiple_of(5))
            .map(|row| row[of].to_owned())
            .collect()
    };
    assert_eq!(cells("fc1", wl), ["8", "12", "16"]);
    assert_eq!(cells("fc1", fl), ["4", "6", "8"]);
    assert_eq!(cells("fc2", wl), ["6", "6", "6"]);
    assert_eq!(cells("fc3", wl), ["8", "12", "12"]);
    assert_eq!(cells("fc3", reconfigured), ["0", "1", "0"]);
    assert_eq!(cells("fc1", reconfigured), ["0", "1", "1"]);
    // What the last step or epoch end switched is known until the next step.
    assert_eq!(cells("fc1", switched)[0], cells("fc2", switched)[0]);
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap();
    let layers = summary["layers"].as_array().unwrap();
    let switches: Vec<_> = layers.iter().map(|l| l["switches"].as_u64().unwrap()).collect();
    assert_eq!(switches, [2, 0, 1]);
    assert_eq!(summary["options"]["controller"]["later"][0]["epoch"], 1);
}

#[test]
fn runs_that_do_not_fit_are_refused_with_one_line() {
    let refused = |arguments: &[&str]| {
        let output =
            hwsim(SHORT).args(arguments).arg("--data-dir").arg(data_dir()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        format!("{} {}", output.status.code().unwrap(), text.trim_end())
    };
    insta::assert_snapshot!(refused(&["--optimiser", "adam", "--momentum", "0.9"]), @"2 hwsim: `--momentum` needs `--optimiser sgd` and has no meaning with `--optimiser adam`: leave one of them out");
    insta::assert_snapshot!(refused(&["--schedule", "cosine", "--max-steps", "5", "--warmup-epochs", "1"]), @"1 hwsim: a warm-up of 1 epochs leaves none of the run's 1: use more epochs or a smaller --warmup-epochs");
    insta::assert_snapshot!(refused(&["--controller", "static", "--max-steps", "5", "--format-schedule", "1:8,4"]), @"1 hwsim: formats change at epoch 1, but the epochs of the run are 0 to 0: use more --epochs or a shorter --format-schedule");
    insta::assert_snapshot!(refused(&["--controller", "static", "--format-schedule", "0:fc9=8,4"]), @"2 hwsim: `format-schedule` names layer `fc9`, which the network does not have: its layers are fc1, fc2, fc3");
    insta::assert_snapshot!(refused(&["--controllers", "static,adapt", "--factor", "F"]), @"2 hwsim: `--factor` needs `--controller shen` and has no meaning with `--controllers static,adapt`: leave one of them out");
}
