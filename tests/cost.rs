//! `hwsim cost` on real files: what a user sees.

use assert_cmd::Command;
use hwsim::design::workload::{CostReport, Phase, Totals};
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
    insta::assert_snapshot!(cost(&["--arch", "mlp", "--image", "28x28x1"]), @r"
    mlp: inference, batch 1, formats ⟨8, 4⟩; 235 k MACs a sample forward, 235 k parameters

    edge-16x16 (16×16, 500 MHz)

    layer phase                M×N×K (×groups)     MACs  compute    stall   vector  reconf.  used %
    fc1   forward                    1×256×784    201 k   13.3 k   11.9 k        0        0    3.11
    fc2   forward                    1×128×256   32.8 k   2.42 k   1.73 k        0        0    3.09
    fc3   forward                     1×10×128   1.28 k      174        4        0        0    2.81
    total                                         235 k   15.9 k   13.7 k        0        0    3.10

    layer phase        SRAM in, bits   weight   output  DRAM in, bits   weight   output   vector
    fc1   forward              107 k   3.21 M   4.10 k         6.27 k   1.61 M   2.05 k        0
    fc2   forward             18.4 k    524 k   2.05 k         2.05 k    262 k   1.02 k        0
    fc3   forward             2.05 k   20.5 k      160         1.02 k   10.2 k       80        0
    total                      127 k   3.76 M   6.30 k         9.34 k   1.88 M   3.15 k        0

    layer phase            mac accumulator     sram     dram vector_unit  leakage reconfiguration total pJ
    fc1   forward       40.1 k      16.3 k   1.98 M   32.8 M           0        0               0   34.8 M
    fc2   forward       6.55 k      2.46 k    324 k   5.39 M           0        0               0   5.72 M
    fc3   forward          256          92   13.5 k    230 k           0        0               0    244 k
    total               47.0 k      18.9 k   2.31 M   38.4 M           0        0               0   40.8 M

    29.5 k cycles = 0.000059 s, 40.780 µJ
    area: array and requantisers 1.24 M transistors = 0.135 mm², SRAM 2.62 M bits = 1.513 mm²
    not shown: 2 phases that cost nothing (relu)
    ");
}

#[test]
fn several_machines_begin_with_one_row_each() {
    let machines = "edge-16x16,tpu-like-256x256,bit-fusion-like-32x16,fpga-dsp-48x48";
    let text = cost(&["--arch", "mlp", "--image", "28x28x1", "--machine", machines]);
    let overview: Vec<&str> = text.lines().skip(2).take_while(|line| !line.is_empty()).collect();
    insta::assert_snapshot!(overview.join("\n"), @r"
    machine                  array  cycles     time     energy  used %  area, mm²  DRAM, bits
    edge-16x16               16×16  29.5 k  59.1 µs  40.780 µJ    3.10      1.648      1.89 M
    tpu-like-256x256       256×256  5.70 k  8.14 µs  39.450 µJ    0.06     13.333      1.89 M
    bit-fusion-like-32x16    32×16  15.1 k  30.2 µs  40.469 µJ    3.03      1.347      1.89 M
    fpga-dsp-48x48           48×48  4.07 k  13.6 µs  45.002 µJ    1.25     22.186      1.89 M
    ");
    let list = report(&["--arch", "mlp", "--image", "28x28x1", "--machine", machines]);
    assert_eq!(list.machines.len() + 1, overview.len());
    assert!(overview.iter().all(|line| line.chars().count() <= 100), "{overview:?}");
    // A single machine has no overview.
    let one = cost(&["--arch", "mlp", "--machine", "edge-16x16"]);
    assert!(one.lines().nth(2).unwrap().starts_with("edge-16x16 (16×16"), "{one}");
}

#[test]
fn a_format_is_written_in_any_notation() {
    let json = |more: &[&str]| cost(&[&["--arch", "mlp", "--format", "json"], more].concat());
    let expected = json(&["--wl", "16", "--fl", "10"]);
    for text in ["16,10", "ap_fixed<16,6>", "ap_fixed<16,6,AP_RND,AP_SAT>", "ac_fixed<16,6,true>"] {
        assert_eq!(json(&["--number-format", text]), expected, "{text}");
    }
    assert_ne!(json(&["--number-format", "8,4"]), expected);
}

#[test]
fn the_levels_of_an_accumulator_are_paid() {
    let of = |more: &[&str]| report(&[&["--arch", "mlp"], more].concat());
    let accumulate = |report: &CostReport| report.machines[0].total.cost.energy.accumulator_pj;
    let one = of(&["--accumulator", "32"]);
    let inner = ["--accumulator-inner-terms", "8", "--accumulator-inner-width", "16"];
    let two = of(&[&["--accumulator", "32"], &inner[..]].concat());
    let narrow = of(&["--accumulator", "16"]);
    // Every product is added in 16 bits, every eighth in 32 bits too.
    let expected = accumulate(&narrow) + accumulate(&one) / 8.0;
    assert!((accumulate(&two) - expected).abs() < 1e-9 * expected, "{}", accumulate(&two));
    let logic = |report: &CostReport| report.machines[0].area.unwrap().logic_um2.unwrap();
    assert!(logic(&two) > logic(&one));
    // Without a width the levels are those of each machine's own accumulator.
    let machines = ["--machine", "edge-16x16,tpu-like-256x256"];
    let own = of(&[&machines[..], &inner[..]].concat());
    let plain = of(&machines);
    for (own, plain) in own.machines.iter().zip(&plain.machines) {
        assert_ne!(own.total.cost.energy, plain.total.cost.energy, "{}", own.machine);
        assert_eq!(own.total.cost.cycles, plain.total.cost.cycles);
    }
}

#[test]
fn totals_are_the_sums_of_layers_in_json_and_csv() {
    let arguments =
        ["--arch", "resnet20", "--pass", "training", "--batch", "4", "--machine", "edge-16x16"];
    let json = report(&[&arguments[..], &["--machine", "tpu-like-256x256"]].concat());
    assert_eq!(json.machines.len(), 2);
    for machine in &json.machines {
        let sum = Totals::of(&machine.rows).unwrap();
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
    let cifar = ["--image", "32x32x3", "--classes", "10"];
    let resnet50 = report(&[&["--arch", "resnet50"], &cifar[..]].concat());
    assert_eq!((resnet50.macs, resnet50.parameters), (1_297_829_888, 23_520_842));
}

/// A depthwise layer is a product of one column for every channel: of the columns of a systolic array
/// one works.
#[test]
fn depthwise_layers_leave_a_systolic_array_idle() {
    let report = report(&["--arch", "mobilenetv2", "--machine", "tpu-like-256x256"]);
    assert_eq!((report.macs, report.parameters), (300_774_272, 3_504_872));
    let machine = &report.machines[0];
    let depthwise: Vec<_> =
        machine.rows.iter().filter(|row| row.layer.ends_with(".depthwise")).collect();
    assert_eq!(depthwise.len(), 17);
    for row in &depthwise {
        let product = row.product.unwrap();
        assert_eq!((product.n, product.k), (1, 9), "{}", row.layer);
        let macs = row.macs;
        assert_eq!(macs, product.m * 9 * product.groups);
        assert!(row.utilisation.unwrap() <= 1.0 / 256.0, "{}: {:?}", row.layer, row.utilisation);
    }
    // 7 % of the MACs take most of the time.
    let macs: u64 = depthwise.iter().map(|row| row.macs).sum();
    let cycles: u128 = depthwise.iter().map(|row| row.cost.cycles.total()).sum();
    assert!(macs * 10 < report.macs, "{macs}");
    assert!(2 * cycles > machine.total.cost.cycles.total(), "{cycles}");
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
    // Built for the images of the run, which are those of its published size.
    let json = report(&base);
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
        assert_eq!(traffic.sram_read_bits.weight, number("sram_read_weight_bits"));
        assert_eq!(traffic.dram_read_bits.input, number("dram_read_input_bits"));
        assert_eq!(traffic.dram_write_bits.output, number("dram_write_output_bits"));
        let dram: f64 = record["energy_dram_pj"].parse().unwrap();
        assert_eq!(row.cost.energy.dram_pj, dram);
        compared += 1;
    }
    // Five layers, three products each, without the gradient of the images.
    assert_eq!(compared, 14);
    assert_eq!(json.machines[0].rows.iter().filter(|row| row.phase == Phase::Update).count(), 5);
    let (text, code) = failure(&[&base[..], &["--image", "32x32x3"]].concat());
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
    insta::assert_snapshot!(message(&["--arch", "resnet"]), @"hwsim: unknown architecture `resnet`: use one of lenet5, alexnet, resnet20, mlp, resnet18, resnet34, resnet50, vgg11, vgg13, vgg16, vgg19, googlenet, mobilenetv2, alexnet-imagenet, lstm, transformer, gpt2-small");
    insta::assert_snapshot!(message(&["--arch", "gpt2-small", "--classes", "10"]), @"hwsim: --arch gpt2-small has fixed sizes: leave out --image and --classes");
    insta::assert_snapshot!(message(&["--arch", "vgg16", "--image", "28x28x1"]), @"hwsim: `vgg16` takes images of at least 32×32 pixels, got 28×28: use larger images or one of lenet5, resnet20, mlp, resnet18, resnet34, resnet50, googlenet, mobilenetv2");
    let unknown = message(&["--arch", "mlp", "--machine", "edge"]);
    assert!(
        unknown.starts_with("hwsim: unknown machine `edge`: use one of edge-16x16, "),
        "{unknown}"
    );
    insta::assert_snapshot!(message(&["--arch", "mlp", "--wl", "40"]), @"hwsim: --wl and --fl: word length 40 is impossible: use 1 to 32 bits");
    insta::assert_snapshot!(message(&["--arch", "mlp", "--image", "32x32"]), @"hwsim: invalid value '32x32' for '--image <HxWxC>': write height, width and channels, each 1 to 65536, as in 32x32x3");
    insta::assert_snapshot!(message(&["--arch", "mlp", "--formats", "trace.csv"]), @"hwsim: invalid value 'trace.csv' for '--formats <TRACE.csv@STEP>': write the trace and a step, as in out.csv@120");
    insta::assert_snapshot!(message(&["--arch", "mlp", "--dim", "N=1"]), @"hwsim: the argument '--arch <NAME>' cannot be used with '--dim <NAME=SIZE>'; see `hwsim cost --help`");
    let (text, code) = failure(&[]);
    assert!(text.contains("<MODEL|--arch <NAME>|--topology <FILE.csv>|--onnx <FILE>>"), "{text}");
    assert_eq!(code, 2);
}

#[test]
fn every_architecture_runs_on_every_machine_in_both_passes() {
    let machines = hwmodel::machine::Machine::names().collect::<Vec<_>>().join(",");
    for arch in hwsim::network::arch::names().chain(["gpt2-small"]) {
        for pass in ["inference", "training"] {
            let report = report(&["--arch", arch, "--machine", &machines, "--pass", pass]);
            assert_eq!(report.machines.len(), hwmodel::machine::Machine::names().count());
            for machine in &report.machines {
                let utilisation = machine.total.utilisation.unwrap();
                assert!(utilisation > 0.0 && utilisation <= 1.0, "{arch} on {}", machine.machine);
                assert_eq!(Totals::of(&machine.rows), Some(machine.total));
            }
        }
    }
}

fn onnx(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx");
    folder.join(name).with_extension("onnx").to_str().unwrap().to_owned()
}

#[test]
fn an_onnx_model_is_costed_layer_by_layer() {
    let model = onnx("resnet18-torchscript");
    let arguments = ["--onnx", &model, "--dim", "N=2", "--machine", "tpu-like-256x256"];
    let resnet18 = report(&[&arguments[..], &["--pass", "training", "--batch", "4"]].concat());
    assert_eq!((resnet18.workload.as_str(), resnet18.batch), ("resnet18-torchscript", 4));
    assert_eq!(resnet18.macs, 2 * 1_814_073_344);
    let rows = &resnet18.machines[0].rows;
    let of = |phase| rows.iter().filter(move |row| row.phase == phase && row.product.is_some());
    assert_eq!(of(Phase::Forward).count(), 21);
    assert_eq!((of(Phase::GradInput).count(), of(Phase::GradWeight).count()), (20, 21));
    let first = of(Phase::Forward).next().unwrap();
    assert_eq!(first.product.unwrap().m, 4 * 2 * 112 * 112);
}

#[test]
fn the_table_of_an_attention_block() {
    let model = onnx("attention-plain-dynamo");
    let table = cost(&["--onnx", &model, "--dim", "N=1,L=24", "--acc", "32"]);
    // The cycles; traffic and energy follow in the same rows.
    let cycles: Vec<&str> = table.lines().take(18).collect();
    insta::assert_snapshot!(cycles.join("\n"), @r"
    attention-plain-dynamo: inference, batch 1, formats ⟨8, 4⟩; 1.25 M MACs a sample forward, 49.9 k parameters

    edge-16x16 (16×16, 500 MHz)

    layer             phase                M×N×K (×groups)     MACs  compute    stall   vector  reconf.  used %
    node_layer_norm   forward                normalisation        0        0        0      480        0       -
    node_MatMul_4     forward                    24×192×64    295 k   2.64 k        0        0        0   43.64
    node_matmul       forward                  24×24×16 ×4   36.9 k      992        0        0        0   14.52
    node_mul          forward                 element-wise        0        0        0      144        0       -
    node_softmax      forward                      softmax        0        0        0      720        0       -
    node_matmul_1     forward                  24×16×24 ×4   36.9 k      560      112        0        0   21.43
    node_MatMul_33    forward                     24×64×64   98.3 k      880       16        0        0   42.86
    node_layer_norm_1 forward                normalisation        0        0        0      480        0       -
    node_MatMul_35    forward                    24×256×64    393 k   3.52 k        0        0        0   43.64
    node_gelu         forward                         gelu        0        0        0   1.92 k        0       -
    node_MatMul_37    forward                    24×64×256    393 k   2.42 k      592        0        0   51.06
    total                                                    1.25 M   11.0 k      720   3.74 k        0   31.64
    ");
}

#[test]
fn onnx_models_that_cannot_be_costed_say_why() {
    let model = onnx("attention-dynamo");
    // Paths differ from machine to machine.
    let message = |arguments: &[&str]| {
        let (text, code) = failure(arguments);
        assert_eq!(code, 2, "{text}");
        text.replace(&model, "attention-dynamo.onnx")
    };
    insta::assert_snapshot!(message(&["--onnx", &model]), @"hwsim: ONNX model `attention-dynamo.onnx`: the sizes of N, L are not known: give --dim N=SIZE --dim L=SIZE");
    insta::assert_snapshot!(message(&["--onnx", &model, "--dim", "N=1,L=8,B=2"]), @"hwsim: ONNX model `attention-dynamo.onnx`: no input has a dimension `B`: the model's are L, N");
    let huge = ["--onnx", &model, "--dim", "N=4294967296", "--dim", "L=4294967296"];
    insta::assert_snapshot!(message(&huge), @"hwsim: ONNX model `attention-dynamo.onnx`: node `x` (input): a tensor of shape [4294967296, 4294967296, 64] is too large: at most 2^48 elements on 32 axes");
    let folder = TempDir::new().unwrap();
    let cut = folder.path().join("cut.onnx");
    let bytes = std::fs::read(&model).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let (text, code) = failure(&["--onnx", cut.to_str().unwrap()]);
    assert!(
        text.ends_with("it is truncated or damaged at byte 28: export or copy it again"),
        "{text}"
    );
    assert_eq!(code, 2);
    let (text, code) = failure(&["--onnx", "/nonexistent.onnx"]);
    assert!(
        text.starts_with("hwsim: ONNX model `/nonexistent.onnx`: it cannot be read: "),
        "{text}"
    );
    assert_eq!(code, 2);
}

const TOPOLOGY: &str = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, \
Channels, Num Filter, Strides,\nConv1, 32, 32, 5, 5, 1, 6, 1,\nConv2, 14, 14, 5, 5, 6, 16, 1,\nFC, 1, 10, 84,\n";

const CONFIGURATION: &str = "[general]\nrun_name = lenet\n[architecture_presets]\nArrayHeight: 16\n\
ArrayWidth: 16\nIfmapSramSzkB: 64\nFilterSramSzkB: 64\nOfmapSramSzkB: 64\nDataflow: os\n\
[run_presets]\nInterfaceBandwidth: CALC\n";

#[test]
fn a_topology_runs_on_machines_and_by_the_rules_of_scale_sim() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let topology = write("lenet.csv", TOPOLOGY);
    let lenet = report(&["--topology", &topology]);
    assert_eq!(lenet.workload, "lenet");
    assert_eq!(lenet.macs, 28 * 28 * 6 * 25 + 100 * 16 * 150 + 840);
    let kinds: Vec<_> = lenet.machines[0].rows.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["convolution", "convolution", "matrix-product"]);
    let config = write("scale.cfg", CONFIGURATION);
    let reports = folder.path().join("reports");
    let by_rules = ["--topology", &topology, "--scale-sim-config", &config];
    let table =
        cost(&[&by_rules[..], &["--scale-sim-reports", reports.to_str().unwrap()]].concat());
    // 49 folds of 25 + 16 + 16 - 2 cycles, less one.
    assert!(table.contains("2,694"), "{table}");
    assert!(std::fs::read_dir(reports).unwrap().count() == 3);
    let csv = cost(&[&by_rules[..], &["--format", "csv"]].concat());
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let cycles = reader.headers().unwrap().iter().position(|name| name == "total_cycles").unwrap();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!((&rows[0][0], &rows[0][cycles], rows.len()), ("Conv1", "2694", 3));
    let json = cost(&[&by_rules[..], &["--output", "json", "--explain-quirks"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["layers"][0]["total_cycles"], 2694);
    assert_eq!(json["layers"][0]["sram"]["weight"]["words"], 7350);
    assert_eq!(json["quirks"][0]["hardware"], 2695.0);
    let (text, code) = failure(&[&by_rules[..], &["--explain-quirks", "--format", "csv"]].concat());
    assert_eq!(code, 2, "{text}");
    let (text, code) = failure(&[&by_rules[..], &["--wl", "4"]].concat());
    assert!(
        text.contains("'--scale-sim-config <FILE.cfg>' cannot be used with '--wl <WL>'"),
        "{text}"
    );
    assert_eq!(code, 2);
    let wrong = write("wrong.csv", "header,\nConv1, 2, 2, 5, 5, 1, 6, 1,\n");
    let (text, code) = failure(&["--topology", &wrong]);
    assert!(text.contains("line 2") && text.contains("Filter Height"), "{text}");
    assert_eq!(code, 2);
}
