//! Every controller on the command line: short runs on the embedded slice, and their output files.

use assert_cmd::Command;
use hwmodel::SimdLevel;
use hwmodel::machine::Machine;
use hwsim::cli::settings::TrainArguments;
use hwsim::data::{self, SearchPath};
use hwsim::train::{Trainer, WallTime};
use std::path::Path;
use tempfile::TempDir;

/// A run of the perceptron of three epochs of five steps.
const SHORT: &[&str] = &[
    "train",
    "--arch",
    "mlp",
    "--limit-train",
    "160",
    "--limit-test",
    "100",
    "--batch-size",
    "32",
    "--quiet",
];

fn hwsim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").args(arguments);
    command
}

/// A run in `folder`: its summary and its trace.
fn run(folder: &TempDir, name: &str, arguments: &[&str]) -> (serde_json::Value, Vec<u8>) {
    let path = |end: &str| folder.path().join(format!("{name}.{end}"));
    let mut command = hwsim(SHORT);
    command.arg("--data-dir").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded"));
    command.args(arguments);
    command.arg("--summary").arg(path("json")).arg("--trace").arg(path("csv")).assert().success();
    let read = |end: &str| std::fs::read(path(end)).unwrap();
    (serde_json::from_slice(&read("json")).unwrap(), read("csv"))
}

/// The cells of `columns` of the rows of one kind of product.
fn cells(trace: &[u8], gemm: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(trace);
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|h| h == name).unwrap();
    let (kind, places) = (at("gemm"), columns.iter().map(|name| at(name)).collect::<Vec<_>>());
    let rows = reader.records().map(Result::unwrap).filter(|row| &row[kind] == gemm);
    rows.map(|row| places.iter().map(|&place| row[place].to_owned()).collect()).collect()
}

#[test]
fn a_fixed_backward_pass_is_charged_at_its_word_lengths() {
    let folder = TempDir::new().unwrap();
    let formats = ["--controller", "static", "--wl", "12", "--fl", "6", "--epochs", "3"];
    let fixed = ["--backward", "fixed", "--gradient-wl", "10"];
    let (float, _) = run(&folder, "float", &formats);
    let (summary, trace) = run(&folder, "fixed", &[&formats[..], &fixed[..]].concat());
    let columns = ["number_system", "wl_input", "wl_weight", "wl_output", "bit_operations", "macs"];
    for kind in ["grad-input", "grad-weight"] {
        for row in cells(&trace, kind, &columns) {
            assert_eq!(row[..4], ["fixed", "10", "12", "10"], "{kind}");
            let [operations, macs] = [4, 5].map(|i| row[i].parse::<u64>().unwrap());
            assert_eq!(operations, macs * 120);
        }
    }
    let quantised = cells(&trace, "grad-input", &["quantised_gradient"]);
    assert!(!quantised.is_empty() && quantised.iter().all(|row| row[0] != "0"));
    assert_eq!(summary["macs"], float["macs"]);
    let energy = |summary: &serde_json::Value| summary["energy_pj"].as_f64().unwrap();
    assert!(energy(&summary) < energy(&float));

    let threads = [&formats[..], &fixed[..], &["--threads", "1"]].concat();
    assert!(run(&folder, "one", &threads).1 == trace, "one thread differs");
    let (_, given) =
        run(&folder, "given", &[&formats[..], &fixed[..], &["--gradient-fl", "7"]].concat());
    for row in cells(&given, "grad-weight", &["fl_input", "fl_weight", "fl_output"]) {
        assert_eq!(row, ["7", "6", "7"]);
    }
}

/// Thresholds of 0 make every epoch after the first of a level a violation.
#[test]
fn muppet_climbs_to_float32_and_ends() {
    let folder = TempDir::new().unwrap();
    let arguments = [
        "--controller",
        "muppet",
        "--variant",
        "released",
        "--epochs",
        "20",
        "--levels",
        "8,12",
        "--window-epochs",
        "1",
        "--violations",
        "1",
        "--threshold-alpha",
        "0",
        "--threshold-beta",
        "0",
        "--float32-epochs",
        "1",
        "--learning-rate",
        "0.05",
        "--smallest-learning-rate",
        "0.005",
    ];
    let (summary, trace) = run(&folder, "muppet", &arguments);
    assert_eq!(summary["controller"], "muppet");
    let mut levels: Vec<String> =
        cells(&trace, "forward", &["wl_weight"]).into_iter().flatten().collect();
    levels.dedup();
    assert_eq!(levels, ["8", "12", "32"]);
    assert!(summary["epochs"].as_u64().unwrap() < 20, "the policy ends the run");
    let backward = cells(&trace, "grad-weight", &["wl_input", "wl_weight"]);
    assert_eq!(backward[0], ["8", "8"]);
    let scales = cells(&trace, "forward", &["layer", "fl_weight"]);
    let of = |layer: &str| scales.iter().find(|row| row[0] == layer).unwrap()[1].clone();
    assert_ne!(of("fc1"), of("fc3"), "every tensor has its own scale");
}

/// Steps to step `until`, closing epochs.
fn advance(trainer: &mut Trainer, until: u64) {
    while trainer.position().step < until && !trainer.finished() {
        trainer.step().unwrap();
        if trainer.epoch_complete() {
            trainer.end_epoch().unwrap();
        }
    }
}

/// A trainer of `settings` that has taken `steps` steps on the embedded images, and one restored from its snapshot.
fn whole_and_resumed(settings: TrainArguments, steps: u64) -> [Trainer; 2] {
    let options = settings.resolve().unwrap().options;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded");
    let search = SearchPath { data_dir: Some(folder), environment_dir: None, system: false };
    let data = data::load(options.dataset, &search).unwrap();
    let data = data.limit(options.limit_train, options.limit_test).unwrap();
    let machine = Machine::builtin(&options.machine).unwrap();
    let simd = SimdLevel::best();
    let trainer = || Trainer::new(options.clone(), data.clone(), machine.clone(), simd).unwrap();
    let mut whole = trainer();
    advance(&mut whole, steps);
    let mut resumed = trainer();
    resumed.restore(whole.snapshot(None, WallTime::default()).unwrap()).unwrap();
    [whole, resumed]
}

#[test]
fn a_restored_muppet_run_goes_on_with_the_same_bits() {
    let settings = TrainArguments::from_flags(
        "--arch mlp --limit-train 160 --limit-test 50 --batch-size 32 --epochs 4 --controller muppet \
         --window-epochs 1 --violations 0 --threshold-alpha 0 --threshold-beta 0",
    )
    .unwrap();
    let mut trainers = whole_and_resumed(settings, 8);
    trainers.iter_mut().for_each(|trainer| advance(trainer, 20));
    let [whole, resumed] = trainers;
    assert_eq!(whole.position().epoch, 4);
    assert!(whole.mean_word_length() > 8.0, "{}", whole.mean_word_length());
    let [whole, resumed] =
        [whole, resumed].map(|trainer| trainer.snapshot(None, WallTime::default()).unwrap());
    assert_eq!(whole.meta, resumed.meta);
    assert!(whole.tensors == resumed.tensors);
}

#[test]
fn shen_gives_each_layer_its_bits_in_all_three_products() {
    let folder = TempDir::new().unwrap();
    let arguments =
        ["--controller", "shen", "--strategy", "C+", "--bits", "6..10", "--epochs", "1"];
    let (summary, trace) = run(&folder, "shen", &arguments);
    assert_eq!(summary["controller"], "shen");
    // A = 1024, 256 and 128 terms.
    let layers = summary["layers"].as_array().unwrap();
    let bits: Vec<_> = layers.iter().map(|layer| layer["wl"].as_u64().unwrap()).collect();
    assert_eq!(bits, [10, 8, 6]);
    for kind in ["forward", "grad-weight"] {
        let rows = cells(&trace, kind, &["layer", "wl_input", "wl_weight", "wl_output"]);
        for (layer, wl) in [("fc1", "10"), ("fc2", "8"), ("fc3", "6")] {
            let row = rows.iter().find(|row| row[0] == layer).unwrap();
            assert_eq!(row[1..], [wl, wl, "16"], "{kind} {layer}");
        }
    }
    let (_, trace) = run(&folder, "results", &[&arguments[..], &["--output-wl", "9"]].concat());
    let results = cells(&trace, "grad-input", &["wl_input", "wl_weight", "wl_output"]);
    assert!(!results.is_empty());
    assert!(results.iter().all(|row| row[0] == row[1] && row[2] == "9"), "{results:?}");
}

#[test]
fn adept_is_adapt_that_switches_after_any_batch() {
    let folder = TempDir::new().unwrap();
    let window = ["--lookback-lower", "2", "--lookback-upper", "4", "--epochs", "3"];
    let (adept, trace) = run(&folder, "adept", &[&["--controller", "adept"], &window[..]].concat());
    let batch = ["--controller", "adapt", "--granularity", "batch"];
    let (_, same) = run(&folder, "adapt", &[&batch[..], &window[..]].concat());
    assert_eq!(adept["controller"], "adept");
    assert!(trace == same);
}

#[test]
fn summaries_are_compared_side_by_side() {
    let folder = TempDir::new().unwrap();
    let (first, _) =
        run(&folder, "uniform", &["--controller", "shen", "--strategy", "U", "--epochs", "1"]);
    run(&folder, "plain", &["--controller", "float32", "--epochs", "1"]);
    let files = ["uniform.json", "plain.json"].map(|name| folder.path().join(name));
    let compare = |output: &str| {
        let done = hwsim(&["compare", "--output", output]).args(&files).assert().success();
        String::from_utf8(done.get_output().stdout.clone()).unwrap()
    };
    let table = compare("table");
    for word in ["uniform", "plain", "shen", "float32", "SU1", "SU2", "SU3", "MEM", "SZ", "energy"]
    {
        assert!(table.contains(word), "{word} is not in\n{table}");
    }
    let list: serde_json::Value = serde_json::from_str(&compare("json")).unwrap();
    assert_eq!(list[0]["energy_pj"], first["energy_pj"]);
    assert_eq!(list[1]["controller"], "float32");
    assert_eq!(compare("csv").lines().count(), 3);
    assert!(table.contains("formats of weights at the end"), "{table}");
    assert_eq!(
        (&list[0]["accumulator"], &list[1]["accumulator"]),
        (&"exact".into(), &serde_json::Value::Null)
    );

    // A trace of every step has the same numbers; the words and the machine's clock are not in it.
    let traced = |name: &str| {
        let done = hwsim(&["compare", "--output", "json"])
            .arg(folder.path().join(name))
            .assert()
            .success();
        let list: serde_json::Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
        list[0].clone()
    };
    let trace = traced("uniform.csv");
    assert_eq!(trace["run"], "uniform");
    for key in ["epochs", "steps", "top1", "top1_best", "loss", "accumulator_events", "cycles"] {
        assert_eq!(trace[key], first[key], "{key}");
    }
    let close = |key: &str| {
        let [trace, summary] = [&trace[key], &first[key]].map(|value| value.as_f64().unwrap());
        assert!((trace - summary).abs() <= 1e-9 * summary.abs(), "{key}: {trace} {summary}");
    };
    for key in ["su1", "mem", "mean_sparsity", "saturation_rate", "energy_pj"] {
        close(key);
    }
    for key in ["controller", "arch", "seed", "machine_seconds", "su2"] {
        assert!(trace[key].is_null(), "{key}");
    }
    run(&folder, "thin", &["--controller", "float32", "--epochs", "1", "--trace-every", "3"]);
    let thin = traced("thin.csv");
    assert!(thin["cycles"].is_null() && thin["energy_pj"].is_null());
    assert_eq!(thin["steps"], list[1]["steps"]);
    assert_eq!(thin["su1"], 1.0);
    let damaged = folder.path().join("damaged.json");
    std::fs::write(&damaged, "{\"top1\": 1}").unwrap();
    for path in [&damaged, &folder.path().join("missing.json")] {
        let output = hwsim(&["compare"]).arg(path).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(path.to_str().unwrap()) && text.lines().count() == 1, "{text}");
    }
}

/// Lines of `compare` between the seed and the epochs: what differs between the runs.
#[test]
fn runs_that_differ_in_their_arithmetic_say_so() {
    let folder = TempDir::new().unwrap();
    let static_run = ["--controller", "static", "--max-steps", "2"];
    let more = |name: &str, more: &[&str]| {
        run(&folder, name, &[&static_run[..], more].concat());
    };
    more("plain", &[]);
    more("narrow", &["--accumulator", "12", "--accumulator-overflow", "wrap"]);
    more("short", &["--wl", "6", "--fl", "3", "--overflow", "wrap", "--lr", "0.05"]);
    let differences = |names: &[&str]| {
        let files = names.iter().map(|name| folder.path().join(name));
        let done = hwsim(&["compare"]).args(files).assert().success();
        let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
        let lines = text.lines().skip_while(|line| !line.starts_with("seed")).skip(1);
        lines.take_while(|line| !line.starts_with("epochs")).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(differences(&["plain.json", "narrow.json", "short.json"]), @r"
    accumulator, bits                                   exact             12          exact
    accumulator overflow                             saturate           wrap       saturate
    overflow of words                                saturate       saturate           wrap
    formats of weights at the end                      ⟨8, 4⟩         ⟨8, 4⟩         ⟨6, 3⟩
    formats of activations                             ⟨8, 4⟩         ⟨8, 4⟩         ⟨6, 3⟩
    formats of results                                 ⟨8, 4⟩         ⟨8, 4⟩         ⟨6, 3⟩
    formats of gradients                               ⟨8, 4⟩         ⟨8, 4⟩         ⟨6, 3⟩
    option learning-rate                                 0.01           0.01           0.05
    ");
    insta::assert_snapshot!(differences(&["plain.csv", "narrow.csv", "short.csv"]), @r"
    accumulator, bits                           23 to 26       12  19 to 22
    accumulator overflow                        saturate     wrap  saturate
    formats of weights at the end                 ⟨8, 4⟩   ⟨8, 4⟩    ⟨6, 3⟩
    formats of activations                        ⟨8, 4⟩   ⟨8, 4⟩    ⟨6, 3⟩
    formats of results                            ⟨8, 4⟩   ⟨8, 4⟩    ⟨6, 3⟩
    ");
    assert_eq!(differences(&["plain.json", "plain.json"]), "");
}

#[test]
fn settings_of_another_controller_are_refused() {
    for (arguments, message) in [
        (&["--controller", "muppet", "--wl", "8"][..], "`--wl` needs"),
        (&["--controller", "adept", "--granularity", "epoch"], "`--granularity` needs"),
        (&["--controller", "adapt", "--factor", "A"], "`--factor` needs `--controller shen`"),
        (&["--controller", "shen", "--levels", "8"], "`--levels` needs `--controller muppet`"),
        (&["--controller", "muppet", "--schedule", "plateau"], "`--schedule` needs"),
        (&["--gradient-wl", "8"], "`--gradient-wl` needs `--backward fixed`"),
        (&["--controller", "float32", "--backward", "fixed"], "`--backward` needs"),
        (&["--controller", "muppet", "--levels", "8,40"], "`--levels` is 40"),
        (&["--controller", "shen", "--bits", "8..4"], "LO..HI"),
        (&["--controller", "shen", "--output-wl", "33"], "`--output-wl`"),
        (
            &["--controller", "muppet", "--output-wl", "9"],
            "`--output-wl` needs `--controller shen`",
        ),
    ] {
        let output = hwsim(SHORT).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(message), "{text}");
    }
}

#[test]
fn networks_with_residual_sums_train_under_scales_of_their_own() {
    let folder = TempDir::new().unwrap();
    let mut arguments = vec!["--arch", "resnet20", "--controller", "muppet", "--epochs", "1"];
    arguments.extend(["--limit-train", "16", "--limit-test", "10", "--batch-size", "8"]);
    let mut command = hwsim(&["train", "--quiet"]);
    command.args(&arguments);
    command.arg("--data-dir").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded"));
    let summary = folder.path().join("resnet20.json");
    let model = folder.path().join("resnet20.safetensors");
    command.arg("--summary").arg(&summary).arg("--save-model").arg(&model).assert().success();
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap();
    assert!(summary["saturation_rate"].as_f64().unwrap() < 0.01, "{}", summary["saturation_rate"]);
    let eval = folder.path().join("eval.json");
    hwsim(&["eval"])
        .arg(&model)
        .arg("--data-dir")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded"))
        .args(["--limit-test", "10", "--summary"])
        .arg(&eval)
        .assert()
        .success();
    let eval: serde_json::Value = serde_json::from_slice(&std::fs::read(eval).unwrap()).unwrap();
    assert_eq!(eval["loss"], summary["loss"]);
}

/// The steps (from 0) whose row of `layer` says `switched`, and the word length of each step.
fn switches(trace: &[u8], layer: &str) -> (Vec<String>, Vec<String>) {
    let rows = cells(trace, "forward", &["layer", "step", "wl_weight", "switched"]);
    let rows: Vec<_> = rows.into_iter().filter(|row| row[0] == layer).collect();
    let steps = rows.iter().filter(|row| row[3] == "true").map(|row| row[1].clone()).collect();
    (steps, rows.into_iter().map(|row| row[2].clone()).collect())
}

/// A change at the end of an epoch is shown in the first step of the next one, also if the run was stopped in between.
#[test]
fn the_trace_shows_switches_at_the_end_of_an_epoch() {
    let folder = TempDir::new().unwrap();
    let schedule =
        ["--controller", "static", "--epochs", "3", "--format-schedule", "0:8,4;1:12,6;2:fc2=16,8"];
    let (summary, trace) = run(&folder, "static", &schedule);
    let steps = summary["steps"].as_u64().unwrap() / 3;
    let first = |epochs: &[u64]| -> Vec<String> {
        epochs.iter().map(|epoch| (epoch * steps).to_string()).collect()
    };
    let (switched, word_lengths) = switches(&trace, "fc1");
    assert_eq!(switched, first(&[1]));
    assert_eq!((&*word_lengths[steps as usize - 1], &*word_lengths[steps as usize]), ("8", "12"));
    assert_eq!(switches(&trace, "fc2").0, first(&[1, 2]));
    assert_eq!(summary["layers"][1]["switches"], 2);

    let muppet = [
        "--controller",
        "muppet",
        "--variant",
        "released",
        "--epochs",
        "4",
        "--levels",
        "8,12",
        "--window-epochs",
        "1",
        "--violations",
        "1",
        "--threshold-alpha",
        "0",
        "--threshold-beta",
        "0",
        "--float32-epochs",
        "1",
        "--learning-rate",
        "0.05",
    ];
    let (_, trace) = run(&folder, "muppet", &muppet);
    let (switched, word_lengths) = switches(&trace, "fc1");
    let changed: Vec<String> = (1..word_lengths.len())
        .filter(|&step| word_lengths[step] != word_lengths[step - 1])
        .map(|step| step.to_string())
        .collect();
    assert!(!changed.is_empty());
    assert_eq!(switched, changed);
}

/// A checkpoint between the end of an epoch and the next step keeps the change for the trace.
#[test]
fn a_restored_run_still_shows_the_switch_at_the_end_of_the_epoch() {
    let settings = TrainArguments::from_flags(
        "--arch mlp --limit-train 160 --limit-test 50 --batch-size 32 --epochs 2 --controller static \
         --format-schedule 0:8,4;1:12,6",
    )
    .unwrap();
    for trainer in &mut whole_and_resumed(settings, 5) {
        let first = trainer.step().unwrap();
        assert!(first.layers.iter().all(|layer| layer.report.switched));
        let second = trainer.step().unwrap();
        assert!(second.layers.iter().all(|layer| !layer.report.switched));
    }
}

/// The figures of a run that `--max-steps` ends are those of the steps taken, however many epochs were planned.
#[test]
fn a_run_that_ends_early_has_the_figures_of_what_it_did() {
    let folder = TempDir::new().unwrap();
    let of = |epochs: &str, name: &str| {
        let schedule = ["--schedule", "constant", "--controller", "static"];
        let (summary, _) = run(
            &folder,
            name,
            &[&["--max-steps", "5", "--epochs", epochs][..], &schedule].concat(),
        );
        summary
    };
    let whole = of("1", "one");
    assert_eq!((&whole["steps"], &whole["epochs_executed"]), (&5.into(), &1.0.into()));
    for (epochs, name) in [("3", "three"), ("12", "twelve"), ("100", "hundred")] {
        let early = of(epochs, name);
        for key in [
            "su1",
            "su3",
            "mem",
            "mem_exact",
            "size_ratio",
            "size_ratio_exact",
            "inference_su",
            "final_sparsity",
            "final_sparsity_exact",
            "mean_sparsity",
            "costs",
            "epochs_executed",
        ] {
            assert_eq!(early[key], whole[key], "{key} of {epochs} epochs");
        }
    }
    let su3 = whole["costs"]["su3_released"].as_f64().unwrap();
    let su1 = whole["costs"]["su1_released"].as_f64().unwrap();
    // 150 epochs against one; the baseline's batch of 128 against 32 makes its dense backward pass cheaper per image.
    assert!(su3 > 37.5 * su1 && su3 < 150.0 * su1, "SU3 {su3}, SU1 {su1}");
    assert_eq!(whole["su3"], serde_json::Value::Null, "MuPPET has no baseline for this network");
    let half = run(&folder, "half", &["--max-steps", "2", "--controller", "static"]).0;
    assert_eq!(half["epochs_executed"], 0.4);
    let path = folder.path().join("one.json");
    let compared = hwsim(&["compare"]).arg(path).output().unwrap();
    let text = String::from_utf8(compared.stdout).unwrap();
    assert!(text.contains("no SU3: MuPPET has no baseline for mlp on "), "{text}");
}
