//! Equal work has equal cost in every command: a row of `hwsim sweep`, the total of `hwsim cost` and the trace of a training step.

use assert_cmd::Command;
use hwmodel::array::MacArray;
use hwmodel::counters::Counters;
use hwmodel::machine::Machine;
use hwmodel::product::GemmKind;
use hwmodel::random::RandomSource;
use hwmodel::{Accumulator, FixedTensor, Format, Overflow, RawData, Rounding, SimdLevel};
use hwsim::design::workload::{Formats, Options, Pass, Workload, estimate};
use hwsim::design::{Recording, counters_of, replay, updates_of};
use hwsim::files::trace::{GemmRow, Row, TraceReader, UpdateCost};
use hwsim::network::{
    Activation, BackwardArithmetic, Initialisation, LayerTally, Network, PassSettings, arch,
};
use hwsim::precision::{NumberFormat, RoleFormats};
use hwsim::train::accounting::{Accountant, StepAccounts};
use hwsim::train::optimiser::RuleOptions;
use hwsim::train::weight_update::{layer_updates, update_cost};
use std::collections::HashMap;
use std::path::Path;

const MACHINES: [&str; 3] = ["edge-16x16", "bit-fusion-like-32x16", "tpu-like-256x256"];
const WORD_LENGTHS: [u32; 3] = [4, 8, 16];
/// Batch statistics of one pixel need two samples.
const BATCH: u64 = 2;

/// Images of at most this size keep the passes short; the smallest that the architecture takes.
fn task(name: &str) -> arch::Task {
    let initialisation = Initialisation { seed: 1, scale: 0.5 };
    let (input, classes) = match name {
        "lstm" | "transformer" => ([5, 1, 1], 30),
        "alexnet-imagenet" => ([65, 63, 3], 7),
        "alexnet" | "lenet5" => ([32, 29, 3], 10),
        name if name.starts_with("vgg") => ([32, 32, 3], 5),
        _ => ([9, 8, 3], 10),
    };
    arch::Task { input, classes, initialisation }
}

/// Tallies of a pass of [`BATCH`] samples; every MAC is counted as non-zero, as where there are no values.
fn tallies(network: &mut Network, training: bool) -> Vec<LayerTally> {
    let [h, w, c] = network.input;
    let context = PassSettings {
        array: MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() },
        rounding: Rounding::NearestEven,
        random: RandomSource::default(),
        overflow: Overflow::Saturate,
        seed: 0,
        step: 0,
        training,
        backward: BackwardArithmetic::Float32,
    };
    let samples = BATCH as usize;
    let value = if network.takes_tokens() { 1.0 } else { 0.5 };
    let images = Activation::float(vec![value; samples * h * w * c], [samples, h, w, c]);
    let mut pass = network.forward(images, &context).unwrap();
    if training {
        let gradient = vec![0.0; pass.logits.len()];
        network.backward(&mut pass, gradient, &context, false).unwrap();
    }
    for tally in &mut pass.tallies {
        for product in [&mut tally.forward, &mut tally.grad_input, &mut tally.grad_weight] {
            let Some(product) = product else { continue };
            product.report.nonzero_macs = product.gemm.macs().unwrap();
        }
    }
    pass.tallies
}

/// Gives every parameter zeros in `wl` bits, or its float32 values back.
fn set_formats(network: &mut Network, wl: Option<u32>) {
    for parameter in &mut network.parameters {
        let format = wl.map(|wl| Format::new(wl, 2).unwrap());
        let number = format.map_or(NumberFormat::Float32, NumberFormat::Fixed);
        parameter.formats = RoleFormats::all(number);
        parameter.quantised = format.map(|format| {
            let zeros = RawData::zeros(format, parameter.master.len());
            FixedTensor::new(&parameter.shape, format, zeros).unwrap()
        });
    }
}

/// What a trace sums up to.
fn traced(machine: &Machine, tallies: &[LayerTally]) -> Counters {
    let mut accounts = StepAccounts::new(tallies.len());
    let accountant = Accountant { machine, accumulator: machine.accumulator() };
    accounts.add_pass(&accountant, tallies).unwrap();
    let mut total = Counters::default();
    accounts.layers.iter().flatten().for_each(|account| total += account.counters);
    total
}

fn assert_equal(a: &Counters, b: &Counters, what: &str) {
    assert_eq!((a.macs, a.nonzero_macs), (b.macs, b.nonzero_macs), "{what}");
    assert_eq!(a.bit_operations, b.bit_operations, "{what}");
    assert_eq!(a.cycles, b.cycles, "{what}");
    assert_eq!(a.traffic, b.traffic, "{what}");
    for (a, b) in a.energy.values_pj().iter().zip(b.energy.values_pj()) {
        assert!((a - b).abs() <= 1e-9 * b.abs(), "{what}: {a} pJ, {b} pJ");
    }
}

/// Whether two updates are the same; energies are sums in another order.
fn assert_equal_updates(a: &UpdateCost, b: &UpdateCost, what: &str) {
    let counts = |update: &UpdateCost| (update.operations, update.dram_bits, update.cycles);
    assert_eq!(counts(a), counts(b), "{what}");
    let (a, b) = (a.energy_pj, b.energy_pj);
    assert!((a - b).abs() <= 1e-9 * b.abs(), "{what}: update of {a} pJ, {b} pJ");
}

/// What a training step is charged for the updates of `network` with the default optimiser.
fn updates(network: &Network, wl: Option<u32>, machine: &Machine) -> UpdateCost {
    let mut sum = UpdateCost::default();
    for update in layer_updates(network, RuleOptions::default().work(), |_| wl) {
        sum += update_cost(machine, update.operations, update.dram_bits());
    }
    sum
}

fn check(names: &[&str]) {
    for name in names {
        let layers = arch::layers(name, &task(name)).unwrap();
        let workload = Workload::from_builder(&layers).unwrap();
        let mut network = layers.finish().unwrap();
        for wl in WORD_LENGTHS.map(Some).into_iter().chain([None]) {
            set_formats(&mut network, wl);
            for pass in [Pass::Inference, Pass::Training] {
                let tallies = tallies(&mut network, pass == Pass::Training);
                for machine in MACHINES {
                    let machine = Machine::builtin(machine).unwrap();
                    let formats = match wl {
                        Some(wl) => Formats::uniform(Format::new(wl, 2).unwrap()),
                        None => Formats::float32(),
                    };
                    let options = Options {
                        pass,
                        batch: BATCH,
                        formats,
                        accumulator: None,
                        rule: RuleOptions::default(),
                    };
                    let cost = estimate(&workload, &machine, &options).unwrap();
                    let what = format!("{name}, {wl:?} bits, {pass:?}, {}", machine.name());
                    assert_equal(&counters_of(&cost), &traced(&machine, &tallies), &what);
                    let updates = match pass {
                        Pass::Inference => UpdateCost::default(),
                        Pass::Training => updates(&network, wl, &machine),
                    };
                    assert_equal_updates(&updates_of(&cost), &updates, &what);
                }
            }
        }
    }
}

#[test]
fn small_networks_cost_what_their_passes_count() {
    check(&["lenet5", "mlp", "alexnet", "resnet20", "lstm", "transformer"]);
}

#[test]
fn deep_networks_cost_what_their_passes_count() {
    check(&["resnet18", "resnet34", "resnet50", "mobilenetv2", "googlenet"]);
}

#[test]
fn wide_networks_cost_what_their_passes_count() {
    check(&["vgg11", "vgg13", "vgg16", "vgg19", "alexnet-imagenet"]);
}

#[test]
fn every_architecture_is_in_one_of_the_trials() {
    let mut known: Vec<&str> = arch::names().collect();
    known.sort_unstable();
    let mut tried = vec![
        "lenet5",
        "mlp",
        "alexnet",
        "resnet20",
        "lstm",
        "transformer",
        "resnet18",
        "resnet34",
        "resnet50",
        "mobilenetv2",
        "googlenet",
        "vgg11",
        "vgg13",
        "vgg16",
        "vgg19",
        "alexnet-imagenet",
    ];
    tried.sort_unstable();
    assert_eq!(known, tried);
}

fn hwsim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.args(arguments);
    command
}

/// The matrix products of one step of `hwsim train` on [`BATCH`] samples with words of `wl` bits on `machine`, as its trace has
/// them.
fn trained(folder: &Path, name: &str, wl: u32, machine: &str) -> Vec<GemmRow> {
    let trace = folder.join(format!("{name}-{wl}-{machine}.csv"));
    let mut train = hwsim(&["train", "--quiet", "--arch", name, "--machine", machine]);
    train.args(["--controller", "static", "--fl", "2", "--wl", &wl.to_string()]);
    train.args([
        "--limit-train",
        "2",
        "--limit-test",
        "1",
        "--batch-size",
        "2",
        "--max-steps",
        "1",
    ]);
    if matches!(name, "lstm" | "transformer") {
        train.args(["--dataset", "text", "--text-level", "char", "--sequence-length", "5"]);
    }
    train.arg("--trace").arg(&trace).assert().success();
    let rows = TraceReader::open(&trace).unwrap().map(Result::unwrap);
    let products = rows.filter_map(|row| match row {
        Row::Gemm(row) => Some(row),
        _ => None,
    });
    products.collect()
}

/// `rows` as if no operand had been zero, which is what a cost without values assumes.
fn without_zeros(mut rows: Vec<GemmRow>) -> Recording {
    let mut recording = Recording::default();
    for row in &mut rows {
        row.counters.nonzero_macs = row.counters.macs;
        row.micro_batch_nonzero_macs = vec![row.counters.macs];
        recording.push(row).unwrap();
    }
    recording
}

/// Steps that were trained, against the cost of the same shapes: on the machine of the run what the trace itself says, on
/// every machine what a replay of it says.
fn check_trained(names: &[&str]) {
    let folder = tempfile::TempDir::new().unwrap();
    for name in names {
        for (wl, own) in WORD_LENGTHS.into_iter().zip(MACHINES) {
            let rows = trained(folder.path(), name, wl, own);
            let forward = rows.iter().rfind(|row| row.kind == GemmKind::Forward).unwrap();
            let (input, classes) = match *name {
                "lstm" | "transformer" => ([5, 1, 1], forward.shape.n as usize),
                _ => ([32, 32, 1], 10),
            };
            let initialisation = Initialisation { seed: 1, scale: 0.5 };
            let task = arch::Task { input, classes, initialisation };
            let layers = arch::layers(name, &task).unwrap();
            let workload = Workload::from_builder(&layers).unwrap();
            let cost = |machine: &Machine| {
                let formats = Formats::uniform(Format::new(wl, 2).unwrap());
                let (pass, rule) = (Pass::Training, RuleOptions::default());
                let options = Options { pass, batch: BATCH, formats, accumulator: None, rule };
                estimate(&workload, machine, &options).unwrap()
            };
            let (mut counted, mut updates) = (Counters::default(), UpdateCost::default());
            for row in &rows {
                counted += row.counters;
                updates += row.update;
            }
            let on_own = cost(&Machine::builtin(own).unwrap());
            let (estimated, what) = (counters_of(&on_own), format!("{name}, {wl} bits, {own}"));
            assert_eq!(
                (estimated.macs, estimated.bit_operations),
                (counted.macs, counted.bit_operations),
                "{what}"
            );
            assert_eq!(
                (estimated.cycles, estimated.traffic),
                (counted.cycles, counted.traffic),
                "{what}"
            );
            assert_equal_updates(&updates_of(&on_own), &updates, &what);
            let recording = without_zeros(rows);
            for machine in MACHINES {
                let machine = Machine::builtin(machine).unwrap();
                let what = format!("{name}, {wl} bits, trained on {own}, on {}", machine.name());
                let (cost, replayed) =
                    (cost(&machine), replay(&recording, &machine, None).unwrap());
                assert_equal(&counters_of(&cost), &replayed.total, &what);
                assert_equal_updates(&updates_of(&cost), &replayed.update, &what);
            }
        }
    }
}

#[test]
fn trained_images_cost_what_their_traces_say() {
    check_trained(&["lenet5", "resnet20", "mobilenetv2"]);
}

#[test]
fn trained_texts_cost_what_their_traces_say() {
    check_trained(&["lstm", "transformer"]);
}

type CsvRow = HashMap<String, String>;

fn rows(csv: &[u8]) -> Vec<CsvRow> {
    let mut reader = csv::Reader::from_reader(csv);
    reader.deserialize().map(Result::unwrap).collect()
}

/// At their published sizes, VGG-16 at 224×224 included, and in the time that shapes take.
#[test]
fn a_sweep_s_rows_are_the_totals_of_cost() {
    let folder = tempfile::TempDir::new().unwrap();
    for name in arch::names() {
        for training in [false, true] {
            let out = folder.path().join(format!("{name}-{training}.csv"));
            let machines = MACHINES.join(",");
            let mut sweep = hwsim(&["sweep", "--arch", name, "--machine", &machines, "--quiet"]);
            sweep.args(["--wl", "4,8,16", "--batch", "3", "--out"]).arg(&out);
            if training {
                sweep.arg("--gradients");
            }
            sweep.assert().success();
            let swept = rows(&std::fs::read(&out).unwrap());
            assert_eq!(swept.len(), 9);
            for wl in WORD_LENGTHS {
                let pass = if training { "training" } else { "inference" };
                let text = wl.to_string();
                let mut cost = hwsim(&["cost", "--arch", name, "--machine", &machines, "--wl"]);
                cost.args([&text, "--fl", "0", "--batch", "3", "--pass", pass])
                    .args(["--output", "csv"]);
                let output = cost.output().unwrap();
                assert!(output.status.success());
                compare(name, &text, &swept, &rows(&output.stdout));
            }
        }
    }
}

/// The rows of `swept` with word length `wl` against the sums of `costed`: products and vector operations in the columns of
/// counts, updates of parameters in separate ones.
fn compare(name: &str, wl: &str, swept: &[CsvRow], costed: &[CsvRow]) {
    let counts = [
        "macs",
        "compute_cycles",
        "stall_cycles",
        "vector_cycles",
        "reconfigure_cycles",
        "total_cycles",
        "sram_read_input_bits",
        "sram_write_output_bits",
        "dram_read_weight_bits",
        "dram_write_output_bits",
    ];
    let updates = [
        ("update_operations", "vector_operations"),
        ("update_dram_bits", "dram_vector_bits"),
        ("update_cycles", "total_cycles"),
    ];
    for machine in MACHINES {
        let row = swept.iter().find(|row| row["machine"] == machine && row["wl"] == wl).unwrap();
        let phase = |update: bool| {
            costed.iter().filter(move |row| {
                let layer = row["machine"] == machine && row["row"] == "layer";
                layer && (row["phase"] == "update") == update
            })
        };
        let check = |column: &str, of: &str, update: bool| {
            let sum: u128 = phase(update).map(|row| row[of].parse::<u128>().unwrap()).sum();
            assert_eq!(row[column].parse::<u128>().unwrap(), sum, "{name} {machine} {wl} {column}");
        };
        counts.iter().for_each(|column| check(column, column, false));
        updates.iter().for_each(|(column, of)| check(column, of, true));
        for (column, update) in [("energy_total_pj", false), ("update_energy_pj", true)] {
            let energies = phase(update).map(|row| row["energy_total_pj"].parse::<f64>().unwrap());
            let (energy, own) = (energies.sum::<f64>(), row[column].parse::<f64>().unwrap());
            let what = format!("{name} {machine} {wl} {column}: {own} pJ, {energy} pJ");
            assert!((own - energy).abs() <= 1e-9 * energy, "{what}");
        }
    }
}

/// Impossible sizes are one line and exit code 2, before memory is asked for.
#[test]
fn impossible_sizes_are_refused_before_memory_is_asked_for() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("sweep.toml");
    for (keys, expected) in [
        (
            "classes = 9223372036854775807",
            "the number of classes or tokens is 9223372036854775807: use 1 to 1000000",
        ),
        ("classes = 4294967295", "the number of classes or tokens is 4294967295: use 1 to 1000000"),
        ("classes = 0", "the number of classes or tokens is 0: use 1 to 1000000"),
        ("image = [32, 32, 18446744073709551615]", "18446744073709551615"),
        (
            "image = [32, 32, 9223372036854775807]",
            "the number of channels is 9223372036854775807: use 1 to 65536",
        ),
        ("image = [65536, 65536, 65536]", ""),
        ("batch = 0", "a batch of 0 is impossible: use 1 to 2^32"),
        ("batch = 4294967296", ""),
    ] {
        std::fs::write(&file, format!("[network]\n{keys}\n[grid]\nwl = [8]\n")).unwrap();
        let mut sweep = hwsim(&["sweep", "--quiet", "--file"]);
        sweep.arg(&file).arg("--out").arg(folder.path().join("out.csv"));
        let output = sweep.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        if expected.is_empty() {
            // Large, but countable, or one clear line.
            assert!(matches!(output.status.code(), Some(0 | 2)), "{keys}: {text}");
            assert!(text.lines().count() <= 1, "{keys}: {text}");
            continue;
        }
        assert_eq!(output.status.code(), Some(2), "{keys}: {text}");
        assert!(text.contains(expected), "{keys}: {text}");
    }
    for arguments in [
        ["--image", "65537x32x3"],
        ["--image", "18446744073709551616x32x3"],
        ["--classes", "4294967295"],
        ["--classes", "9223372036854775807"],
        ["--batch", "18446744073709551615"],
    ] {
        let output = hwsim(&["cost", "--arch", "lenet5"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

/// `hwsim cost` builds a network for what docs/networks.md says.
#[test]
fn cost_counts_what_the_page_of_networks_says() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/networks.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut checked = std::collections::HashSet::new();
    let mut current = String::new();
    let mut default_sizes: HashMap<String, String> = HashMap::new();
    for line in page.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = |text: &str| text.replace(',', "").parse::<u64>().ok();
        let [name, input, parameters, macs, ..] = cells[..] else { continue };
        let (Some(parameters), Some(macs)) = (number(parameters), number(macs)) else { continue };
        if name.starts_with('`') {
            current = name.trim_matches('`').to_owned();
        }
        let image = input.replace('×', "x");
        let classes = if image.starts_with("224") { "1000" } else { "10" };
        let mut explicit = hwsim(&["cost", "--arch", &current, "--output", "json"]);
        if !input.contains("tokens") {
            explicit.args(["--image", &image, "--classes", classes]);
            let report: serde_json::Value =
                serde_json::from_slice(&explicit.output().unwrap().stdout).unwrap();
            assert_eq!(report["macs"], macs, "{current} {image}");
            assert_eq!(report["parameters"], parameters, "{current} {image}");
        }
        default_sizes.insert(current.clone(), format!("{macs} {parameters}"));
        checked.insert(current.clone());
    }
    // The last size of the table is the published one, which is the default.
    for (name, expected) in default_sizes {
        let output = hwsim(&["cost", "--arch", &name, "--output", "json"]).output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(format!("{} {}", report["macs"], report["parameters"]), expected, "{name}");
    }
    for name in arch::names() {
        assert!(checked.contains(name), "docs/networks.md says no sizes of `{name}`");
    }
}
