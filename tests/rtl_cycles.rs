//! Cycles of public RTL arrays, measured in simulators, and of machine files that describe these arrays.

use hwmodel::energy::EnergyTables;
use hwmodel::machine::Machine;
use hwmodel::product::{ByOperand, GemmKind, GemmShape, GemmWork};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rtl")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// `text` with another value of a key that it has.
fn set(text: &str, key: &str, value: u64) -> String {
    let start = format!("{key} = ");
    assert!(text.lines().any(|line| line.starts_with(&start)), "no `{key}` in {text}");
    let line = |line: &str| match line.starts_with(&start) {
        true => format!("{start}{value}\n"),
        false => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

struct Row<'a> {
    array: &'a str,
    dataflow: &'a str,
    rows: u64,
    columns: u64,
    parameters: &'a str,
    shape: GemmShape,
    schedule: &'a str,
    /// Rising edges of the clock.
    edges: u128,
}

fn row(line: &str) -> Row<'_> {
    let fields: Vec<&str> = line.split(',').collect();
    let [array, dataflow, rows, columns, parameters, m, n, k, _, schedule, edges, _] =
        fields.try_into().unwrap();
    let number = |text: &str| text.parse::<u64>().unwrap();
    Row {
        array,
        dataflow,
        rows: number(rows),
        columns: number(columns),
        parameters,
        shape: GemmShape { m: number(m), n: number(n), k: number(k) },
        schedule,
        edges: number(edges).into(),
    }
}

/// The machine file of a row, and its text for the row's size and parameters.
fn machine_of(row: &Row<'_>) -> (&'static str, String) {
    let Row { rows, columns, shape, .. } = *row;
    let parameter = |name: &str| {
        let of = |part: &str| part.strip_prefix(name).map(|number| number.parse().unwrap());
        row.parameters.split(' ').find_map(of).unwrap()
    };
    let side = |name: &'static str, rows, columns| {
        let text = text(&format!("{name}.toml"));
        (name, set(&set(&text, "rows", rows), "columns", columns))
    };
    let (name, text) = match (row.array, row.dataflow) {
        ("scale-sim-rtl", "os") => side("scale-sim-os", rows, columns),
        ("scale-sim-rtl", "ws") => side("scale-sim-ws", rows, columns),
        ("tiny-tpu", _) => side("tiny-tpu", rows, columns),
        ("ws-systolic-array-soc pe_grid", _) => side("pe-grid", rows, columns),
        ("ws-systolic-array-soc accelerator_top", _) => side("accelerator-top", rows, columns),
        ("systolic-array-ws", _) if row.schedule.starts_with("one fold after another") => {
            side("systolic-array-ws-fed-back", rows, columns)
        }
        ("systolic-array-ws", _) => side("systolic-array-ws", rows, columns),
        ("axis-systolic-array", _) => {
            let (name, text) = side("axis-systolic-array", rows, columns);
            let text = set(&text, "multiplier_latency", parameter("LM="));
            (name, set(&text, "accumulator_latency", parameter("LA=")))
        }
        ("finn-mvu", _) => {
            // `rows` are terms of a dot product, `columns` dot products side by side.
            let (name, text) = side("finn-mvu", 1, columns);
            let core = if row.parameters.contains("dsp58") { 4 } else { 6 };
            let text = set(&set(&text, "lanes", rows), "multiplier_latency", core - 1);
            (name, set(&text, "input_registers", if shape.n > columns { 2 } else { 0 }))
        }
        ("cocotb matrix_multiplier", _) => {
            let (name, text) = side("matrix-multiplier", rows, columns);
            (name, set(&text, "lanes", shape.k))
        }
        other => panic!("no machine file describes {other:?}"),
    };
    (name, text)
}

#[test]
fn every_measured_row_is_reproduced_exactly() {
    let tables = EnergyTables::builtin().unwrap();
    let csv = text("cycles.csv");
    let (mut used, mut count) = (BTreeSet::new(), 0);
    for line in csv.lines().skip(1) {
        let row = row(line);
        let (name, toml) = machine_of(&row);
        used.insert(format!("{name}.toml"));
        let machine = Machine::from_toml(&toml, name, &tables).unwrap();
        let bits = ByOperand { input: 8, weight: 8, output: 8 };
        let work = GemmWork::fixed(GemmKind::Forward, row.shape, bits, 32).unwrap();
        assert_eq!(machine.cost(&work).cycles.compute, row.edges, "{line}");
        count += 1;
    }
    assert_eq!(count, 86);
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name());
    let machines = files.filter_map(|name| name.into_string().ok());
    let machines: BTreeSet<_> = machines.filter(|name| name.ends_with(".toml")).collect();
    assert_eq!(machines, used);
}

#[test]
fn show_names_what_is_not_usual() {
    let show = |name: &str, more: &[&str]| {
        let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_hwsim"))
            .args(["machines", "show"])
            .arg(folder().join(name))
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let line = |text: &str, start: &str| {
        text.lines().find(|line| line.starts_with(start)).unwrap().to_owned()
    };
    let axis = show("axis-systolic-array.toml", &[]);
    assert_eq!(
        line(&axis, "circuit"),
        "circuit               multiplier latency 1, accumulator latency 1, drain columns, drain start after-last"
    );
    let top = show("accelerator-top.toml", &[]);
    assert_eq!(
        line(&top, "circuit"),
        "circuit               drain none, partial sums below, tiles of 16 rows staged (5 cycles each, 2 a product)"
    );
    assert_eq!(
        line(&top, "accumulator "),
        "accumulator           32 wrap, inner 32 wrap of 16 terms"
    );
    let json: serde_json::Value =
        serde_json::from_str(&show("scale-sim-ws.toml", &["--format", "json"])).unwrap();
    assert_eq!(json["circuit"]["row_hop"], 2);
    assert_eq!(json["circuit"]["leave_early"], true);
    assert_eq!(json["circuit"]["drain"], "usual");
    let usual = show("systolic-array-ws.toml", &["--format", "json"]);
    let usual: serde_json::Value = serde_json::from_str(&usual).unwrap();
    assert_eq!(usual["circuit"]["partial_sums"], "top");
}
