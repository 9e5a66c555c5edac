//! `hwsim cost` on real files: what a user sees.

use assert_cmd::Command;
use hwsim::workload::{CostReport, Phase, Totals};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn hwsim() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD");
    command
}

fn cost(arguments: &[&str]) -> String {
    let output = hwsim().arg("cost").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The last lines that a failed command prints, and its exit code.
fn failure(arguments: &[&str]) -> (String, i32) {
    let output = hwsim().arg("cost").args(arguments).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (text.trim_end().to_owned(), output.status.code().unwrap())
}

fn report(arguments: &[&str]) -> CostReport {
    serde_json::from_str(&cost(&[arguments, &["--output", "json"]].concat())).unwrap()
}

#[test]
fn the_table_of_a_perceptron() {
    insta::assert_snapshot!(cost(&["--arch", "mlp", "--image", "28x28x1"]), @"");
}

#[test]
fn totals_are_the_sums_of_layers_in_json_and_csv() {
    let arguments =
        ["--arch", "resnet20", "--pass", "training", "--batch", "4", "--machine", "edge-16x16"];
    let json = report(&[&arguments[..], &["--machine", "tpu-like-256x256"]].concat());
    assert_eq!(json.machines.len(), 2);
    for machine in &json.machines {
        let sum = Totals::of(&machine.rows, machine.processing_elements()).unwrap();
        assert_eq!(sum, machine.total);
    }
    let csv =
        cost(&[&arguments[..], &["--machine", "tpu-like-256x256", "--output", "csv"]].concat());
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().clone();
    let mut sums: BTreeMap<(String, usize), u128> = BTreeMap::new();
    let mut rows = 0;
    for record in reader.records() {
        let record = record.unwrap();
        for (column, name) in header.iter().enumerate() {
            let counted = name.ends_with("_cycles") || name.ends_with("_bits") || name == "macs";
            if !counted || name == "accumulator_bits" {
                continue;
            }
            let cell: u128 = record[column].parse().unwrap();
            let sum = sums.entry((record[0].to_owned(), column)).or_default();
            if &record[1] == "total" {
                assert_eq!(cell, *sum, "{name}");
            } else {
                *sum += cell;
            }
        }
        rows += 1;
    }
    assert_eq!(rows, 2 * (json.machines[0].rows.len() + 1));
    assert_eq!(sums.len(), 2 * (1 + 5 + 13));
}

#[test]
fn published_networks_have_their_counts() {
    let resnet50 = report(&["--arch", "resnet50"]);
    assert_eq!((resnet50.macs, resnet50.parameters), (4_089_184_256, 25_557_032));
    let gpt2 = report(&["--arch", "gpt2-small", "--wl", "16", "--fl", "8"]);
    assert_eq!(gpt2.macs, 145_824_153_600);
    assert_eq!(gpt2.formats, "⟨16, 8⟩");
    let total = &gpt2.machines[0].total;
    assert_eq!(total.macs, gpt2.macs);
    assert!(total.utilisation.unwrap() > 0.0 && total.utilisation.unwrap() <= 1.0);
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded")
}

#[test]
fn a_training_step_costs_what_the_trace_of_a_run_says() {
    let folder = TempDir::new().unwrap();
    let trace = folder.path().join("trace.csv");
    let trace = trace.to_str().unwrap();
    hwsim()
        .args(["train", "--arch", "lenet5", "--max-steps", "2", "--batch-size", "16", "--quiet"])
        .args(["--limit-train", "64", "--limit-test", "10", "--trace", trace, "--data-dir"])
        .arg(data())
        .assert()
        .success();
    let place = format!("{trace}@1");
    let base = ["--arch", "lenet5", "--batch", "16", "--pass", "training", "--formats", &place];
    let json = report(&[&base[..], &["--image", "32x32x1"]].concat());
    let mut compared = 0;
    let mut reader = csv::Reader::from_path(trace).unwrap();
    for record in reader.deserialize::<BTreeMap<String, String>>() {
        let record = record.unwrap();
        if record["row"] != "gemm" || record["step"] != "1" {
            continue;
        }
        let row = json.machines[0]
            .rows
            .iter()
            .find(|row| row.layer == record["layer"] && row.phase.name() == record["gemm"])
            .unwrap();
        let product = row.product.unwrap();
        let number = |column: &str| record[column].parse::<u128>().unwrap();
        assert_eq!(u128::from(product.m), number("m"));
        assert_eq!(u128::from(product.wl.weight), number("wl_weight"));
        assert_eq!(u128::from(product.accumulator_bits), number("accumulator_bits"));
        assert_eq!(u128::from(row.macs), number("macs"));
        let (cycles, traffic) = (row.cost.cycles, row.cost.traffic);
        assert_eq!(cycles.compute, number("compute_cycles"));
        assert_eq!(cycles.stall, number("stall_cycles"));
        assert_eq!(traffic.sram_read.weight, number("sram_read_weight_bits"));
        assert_eq!(traffic.dram_read.input, number("dram_read_input_bits"));
        assert_eq!(traffic.dram_write.output, number("dram_write_output_bits"));
        let dram: f64 = record["energy_dram_pj"].parse().unwrap();
        assert_eq!(row.cost.energy.dram, dram);
        compared += 1;
    }
    // Five layers, three products each, without the gradient of the images.
    assert_eq!(compared, 14);
    assert_eq!(json.machines[0].rows.iter().filter(|row| row.phase == Phase::Update).count(), 5);
    let (text, code) = failure(&base);
    assert_eq!(code, 2);
    assert!(text.contains("give the architecture, image size and classes it was recorded with"));
    let (text, code) = failure(&["--arch", "lenet5", "--formats", &format!("{trace}@7")]);
    assert!(text.ends_with("has no products of step 7: its last step is 1"), "{text}");
    assert_eq!(code, 2);
}

#[test]
fn wrong_usage_says_what_to_do() {
    let message = |arguments: &[&str]| {
        let (text, code) = failure(arguments);
        assert_eq!(code, 2, "{text}");
        text.lines().next().unwrap().to_owned()
    };
    insta::assert_snapshot!(message(&["--arch", "resnet"]), @"");
    insta::assert_snapshot!(message(&["--arch", "resnet50", "--classes", "10"]), @"");
    insta::assert_snapshot!(message(&["--arch", "mlp", "--machine", "edge"]), @"");
    insta::assert_snapshot!(message(&["--arch", "mlp", "--wl", "40"]), @"");
    insta::assert_snapshot!(message(&["--arch", "mlp", "--image", "32x32"]), @"");
    insta::assert_snapshot!(message(&["--arch", "mlp", "--formats", "trace.csv"]), @"");
    insta::assert_snapshot!(message(&["--arch", "mlp", "--dim", "N=1"]), @"");
    insta::assert_snapshot!(message(&[]), @"");
}

#[test]
fn every_architecture_runs_on_every_machine_in_both_passes() {
    let machines = hwmodel::machine::Machine::names().collect::<Vec<_>>().join(",");
    for arch in ["lenet5", "alexnet", "resnet20", "mlp", "resnet50", "gpt2-small"] {
        for pass in ["inference", "training"] {
            let report = report(&["--arch", arch, "--machine", &machines, "--pass", pass]);
            assert_eq!(report.machines.len(), hwmodel::machine::Machine::names().count());
            for machine in &report.machines {
                let utilisation = machine.total.utilisation.unwrap();
                assert!(utilisation > 0.0 && utilisation <= 1.0, "{arch} on {}", machine.machine);
                let slots = u128::from(machine.processing_elements());
                let array = machine.total.cost.cycles.compute * slots;
                assert!(array >= u128::from(machine.total.macs));
            }
        }
    }
}
