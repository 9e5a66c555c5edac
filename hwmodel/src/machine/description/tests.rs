use super::*;
use crate::Accumulator;
use crate::mac_style::{BitSerial, Composable, Fixed, MacStyle, SerialOperand};
use crate::machine::MacUnit;

const EDGE: &str = include_str!("../../../machines/edge-16x16.toml");

fn machine(text: &str) -> Result<Machine, MachineError> {
    Machine::from_toml(text, "mine.toml", &EnergyTables::builtin().unwrap())
}

/// The edge machine with the line that begins with `key` (the `nth` such, from 0) replaced, and the
/// number of that line.
fn edge_with(key: &str, nth: usize, replacement: &str) -> (String, usize) {
    let hit = |line: &str| line.split('=').next().is_some_and(|name| name.trim() == key);
    let place = EDGE.lines().enumerate().filter(|(_, line)| hit(line)).nth(nth).unwrap().0;
    let replaced = |(index, line)| if index == place { replacement } else { line };
    (EDGE.lines().enumerate().map(replaced).collect::<Vec<_>>().join("\n"), place + 1)
}

#[track_caller]
fn refused(key: &str, nth: usize, replacement: &str, message: &str) {
    let (text, line) = edge_with(key, nth, replacement);
    let error = machine(&text).unwrap_err().to_string();
    assert_eq!(error, format!("machine mine.toml, line {line}{message}"));
}

#[test]
fn values_out_of_range_name_line_key_and_range() {
    for (key, nth, replacement, message) in [
        ("rows", 0, "rows = 0", ", key `array.rows`: 0 is not allowed; use 1 to 65536"),
        ("columns", 0, "columns = -3", ", key `array.columns`: -3 is not allowed; use 1 to 65536"),
        (
            "clock_mhz",
            0,
            "clock_mhz = nan",
            ", key `clock_mhz`: NaN is not allowed; use a number above 0 and at most 100000",
        ),
        (
            "float32_macs_per_cycle",
            0,
            "float32_macs_per_cycle = 2.0",
            ", key `mac.float32_macs_per_cycle`: 2 is not allowed; use a number at least 0.000001 \
             and at most 1",
        ),
        (
            "width",
            0,
            "width = 65",
            ", key `accumulator.width`: 65 is not allowed; use 1 to 64 bits, or \"exact\"",
        ),
        (
            "width",
            0,
            "width = \"wide\"",
            ", key `accumulator.width`: \"wide\" is not allowed; use 1 to 64 bits, or \"exact\"",
        ),
        (
            "overflow",
            0,
            "overflow = \"ignore\"",
            ", key `accumulator.overflow`: `ignore` is not allowed; use wrap, saturate, saturate-symmetric, saturate-zero, wrap-sm",
        ),
        (
            "input_bits",
            0,
            "input_bits = 1023",
            ", key `sram.input_bits`: 1023 is not allowed; use 1024 to 8796093022208",
        ),
        (
            "bandwidth_bits_per_cycle",
            1,
            "bandwidth_bits_per_cycle = 0",
            ", key `dram.bandwidth_bits_per_cycle`: 0 is not allowed; use 1 to 4294967296",
        ),
        (
            "latency_cycles",
            0,
            "latency_cycles = -1",
            ", key `reconfiguration.latency_cycles`: -1 is not allowed; use 0 to 281474976710656",
        ),
        (
            "energy_pj",
            0,
            "energy_pj = -inf",
            ", key `reconfiguration.energy_pj`: -inf is not allowed; use a number at least 0 and at \
             most 1000000000000000",
        ),
        (
            "float32_lanes",
            0,
            "float32_lanes = 0",
            ", key `vector_unit.float32_lanes`: 0 is not allowed; use 1 to 4294967296",
        ),
    ] {
        refused(key, nth, replacement, message);
    }
}

#[test]
fn what_is_not_modelled_is_refused() {
    refused(
        "dataflow",
        0,
        "dataflow = \"row-stationary\"",
        ", key `dataflow`: `row-stationary` is not allowed; use output-stationary, \
         weight-stationary, input-stationary",
    );
    refused(
        "style",
        0,
        "style = \"analogue\"",
        ", key `mac.style`: `analogue` is not allowed; use exact, fixed, composable, bit-serial, dsp",
    );
}

#[test]
fn energy_tables_are_checked_by_name_node_and_row() {
    refused(
        "table",
        0,
        "table = \"mine\"",
        ", key `energy.table`: `mine` is not allowed; use horowitz-2014, jouppi-2021",
    );
    refused(
        "node_nm",
        0,
        "node_nm = 7",
        ", key `energy.node_nm`: 7 is not allowed; use 45 (the nodes of horowitz-2014)",
    );
    refused(
        "dram",
        0,
        "dram = \"dram_hbm2\"",
        ", key `energy.dram`: energy table horowitz-2014 has no `dram_hbm2` row at 45 nm: add it, or \
         choose another table or node",
    );
    assert_eq!(Machine::energy_table_in(EDGE).as_deref(), Some("horowitz-2014"));
    assert_eq!(Machine::energy_table_in("[energy]\ntable = 3"), None);
    assert_eq!(Machine::energy_table_in("["), None);
    let (text, _) = edge_with("dram", 0, "");
    let error = machine(&text).unwrap_err().to_string();
    assert!(error.contains("key `energy.dram`: neither is not allowed"), "{error}");
    let (text, _) = edge_with("dram", 0, "dram_pj_per_bit = 4");
    assert_eq!(machine(&text).unwrap().energy().dram_pj_per_bit(), 4.0);
}

#[test]
fn unknown_double_missing_and_mistyped_keys_name_line_and_key() {
    for (replacement, message) in [
        (
            "lines = 4",
            "unknown field `lines`, expected one of `rows`, `columns`, `overlap_load`, `overlap_drain`, \
             `input_registers`, `row_hop`, `multiplier_latency`, `accumulator_latency`, `switch_cycles`, `drain`, \
             `drain_start`, `partial_sums`, `leave_early`, `broadcast`, `staging` in `lines = 4`",
        ),
        ("columns = 4", "duplicate key in `columns = 16`"),
        ("", "missing field `rows` in `[array]`"),
        ("rows = \"many\"", "invalid type: string \"many\", expected i64 in `rows = \"many\"`"),
        ("rows = 1.5", "invalid type: floating point `1.5`, expected i64 in `rows = 1.5`"),
    ] {
        let (text, line) = edge_with("rows", 0, replacement);
        let Err(MachineError::Toml { file, line: found, message: text }) = machine(&text) else {
            panic!("{replacement} was not refused as TOML")
        };
        assert_eq!((file.as_str(), text.as_str()), ("mine.toml", message));
        assert!(found.abs_diff(line) <= 1, "{replacement}: line {found}, not {line}");
    }
}

#[test]
fn every_truncation_of_a_description_is_an_error_or_a_machine() {
    let whole = machine(EDGE).unwrap();
    for end in (0..=EDGE.len()).filter(|&end| EDGE.is_char_boundary(end)) {
        match machine(&EDGE[..end]) {
            Ok(machine) => assert_eq!(machine, whole, "{end}"),
            Err(error) => {
                assert!(error.to_string().starts_with("machine mine.toml, line "), "{error}");
            }
        }
    }
}

#[test]
fn optional_keys_have_their_documented_defaults() {
    let least = "dataflow = \"output-stationary\"\nclock_mhz = 0.5\n\
        [array]\nrows = 1\ncolumns = 1\n\
        [sram]\ninput_bits = 64\nweight_bits = 64\noutput_bits = 64\nbandwidth_bits_per_cycle = 1\n\
        [dram]\nbandwidth_bits_per_cycle = 1\n\
        [vector_unit]\nfloat32_lanes = 1\n\
        [energy]\ntable = \"horowitz-2014\"\nnode_nm = 45\ndram = \"dram\"\n";
    let machine = machine(least).unwrap();
    let mac = MacUnit {
        style: MacStyle::default(),
        zero_gating: true,
        zero_skip_limit: 1,
        float32_macs_per_cycle: 1.0,
    };
    assert_eq!(machine.mac(), &mac);
    assert_eq!(machine.accumulator(), Accumulator::default());
    assert!(machine.memory().double_buffered);
    assert_eq!(machine.memory().reuse, Reuse::Whole);
    assert_eq!(machine.array(), Array::new(1, 1));
    assert_eq!(machine.memory().sram_bandwidth_bits_per_cycle.output, 1);
    let nothing = Reconfiguration { latency_cycles: 0, energy_pj: 0.0 };
    assert_eq!(machine.reconfiguration(), nothing);
    assert_eq!(machine.seconds(1_000_000), 2.0);
}

#[test]
fn every_style_has_its_keys_and_defaults() {
    let style = |text: &str| {
        let (description, _) = edge_with("style", 0, text);
        machine(&description).unwrap().mac().style
    };
    assert_eq!(style("style = \"fixed\""), MacStyle::Fixed(Fixed { native_bits: 8 }));
    assert_eq!(
        style("style = \"composable\"\nbricks = 64"),
        MacStyle::Composable(Composable { brick_bits: 2, bricks: 64 })
    );
    let stripes =
        BitSerial { serial: SerialOperand::Input, lanes: 16, bits_per_cycle: 1, parallel_bits: 16 };
    assert_eq!(style("style = \"bit-serial\""), MacStyle::BitSerial(stripes));
    assert_eq!(
        style("style = \"bit-serial\"\nserial = \"both\"\nlanes = 4"),
        MacStyle::BitSerial(BitSerial {
            serial: SerialOperand::Both,
            lanes: 4,
            parallel_bits: 1,
            ..stripes
        })
    );
    for name in MacStyle::ALL.iter().map(|style| style.name) {
        assert_eq!(style(&format!("style = \"{name}\"")).name(), name);
    }
}

#[test]
fn keys_of_another_style_or_out_of_range_are_refused() {
    for (text, message) in [
        (
            "native_bits = 8",
            "key `mac.native_bits`: 8 is not allowed; use it with style = \"fixed\" only",
        ),
        (
            "style = \"dsp\"\nserial = \"both\"",
            "key `mac.serial`: `both` is not allowed; use it with style = \"bit-serial\" only",
        ),
        (
            "style = \"fixed\"\nnative_bits = 33",
            "key `mac.native_bits`: 33 is not allowed; use 1 to 32",
        ),
        (
            "style = \"composable\"\nbricks = 12",
            "key `mac.bricks`: 12 is not allowed; use a power of two, 1 to 1024",
        ),
        (
            "style = \"bit-serial\"\nserial = \"both\"\nparallel_bits = 2",
            "key `mac.parallel_bits`: 2 is not allowed; use it with serial = \"input\" or \"weight\" \
             only",
        ),
        ("zero_skip_limit = 0", "key `mac.zero_skip_limit`: 0 is not allowed; use 1 to 1024"),
    ] {
        let (description, line) = edge_with("style", 0, text);
        let line = line + text.matches('\n').count();
        let error = machine(&description).unwrap_err().to_string();
        assert_eq!(error, format!("machine mine.toml, line {line}, {message}"));
    }
    let (text, line) =
        edge_with("bandwidth_bits_per_cycle", 0, "bandwidth_bits_per_cycle = 1\nreuse = \"half\"");
    assert_eq!(
        machine(&text).unwrap_err().to_string(),
        format!(
            "machine mine.toml, line {}, key `sram.reuse`: `half` is not allowed; use whole, strip",
            line + 1
        )
    );
}

#[test]
fn a_stationary_array_needs_room_for_a_row_of_sums() {
    let (text, _) = edge_with("dataflow", 0, "dataflow = \"input-stationary\"");
    assert_eq!(machine(&text).unwrap().dataflow(), Dataflow::InputStationary);
    let least = "output_bits = 4095";
    let text = text.replace("output_bits = 524_288", least);
    let error = machine(&text).unwrap_err().to_string();
    assert!(error.contains("key `sram.output_bits`: 4095 is not allowed; use 4096 to"), "{error}");
}

#[test]
fn an_accumulator_of_two_levels_is_read_and_checked() {
    let with = |keys: &str| {
        let (text, _) = edge_with("[accumulator]", 0, &format!("[accumulator]\n{keys}"));
        machine(&text)
    };
    let keys = "fl = 4\nrounding = \"half-up\"\ncast = \"sum\"\nbias = \"first\"\ninner_terms = 8\ninner_width = 16\n\
                inner_overflow = \"wrap\"\ntile_terms = 64\ntile_width = 12\ntile_shift = 3\n\
                tile_rounding = \"floor\"\ntile_group = 2\ntile_last_exact = true";
    let found = with(keys).unwrap().accumulator().to_string();
    assert_eq!(
        found,
        "exact, FL 4 half-up, cast sum, inner 16 wrap of 8 terms, stored in 12 bits after 64 terms \
         (shift 3 floor, group 2, last exact), bias first"
    );
    for (keys, message) in [
        ("inner_terms = 0", "key `accumulator.inner_terms`: 0 is not allowed; use 1 to"),
        ("inner_width = 16", "`accumulator.inner_width` needs `accumulator.inner_terms`"),
        ("inner_terms = 2\ninner_width = 65", "use 1 to 64 bits"),
        ("rounding = \"floor\"", "`accumulator.rounding` needs `accumulator.fl`"),
        ("fl = 65", "use -64 to 64"),
        ("fl = 1\nrounding = \"stochastic\"", "not supported"),
        ("tile_width = 8", "`accumulator.tile_width` needs `accumulator.tile_terms`"),
    ] {
        let error = with(keys).unwrap_err().to_string();
        assert!(error.contains(message), "{keys}: {error}");
    }
}

/// The error of a machine with these keys in its array.
fn array_error(dataflow: &str, keys: &str) -> String {
    let (text, _) = edge_with("dataflow", 0, &format!("dataflow = \"{dataflow}\""));
    let text = text.replace("columns = 16\n", &format!("columns = 16\n{keys}\n"));
    match machine(&text) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn keys_of_the_circuit_are_checked_against_the_dataflow() {
    let (os, ws) = ("output-stationary", "weight-stationary");
    for (dataflow, keys, message) in [
        (os, "input_registers = 65", "`array.input_registers`: 65 is not allowed; use 0 to 64"),
        (os, "row_hop = 0", "`array.row_hop`: 0 is not allowed; use 1 to 64"),
        (
            ws,
            "row_hop = 2\nbroadcast = true",
            "`array.row_hop`: 2 is not allowed; use 1 where operands are broadcast",
        ),
        (
            os,
            "switch_cycles = 1",
            "`array.switch_cycles`: 1 is not allowed; use 0: an output-stationary array loads nothing before it streams",
        ),
        (
            os,
            "drain = \"register\"",
            "`array.drain`: `register` is not allowed; use usual, rows, columns, none",
        ),
        (ws, "drain = \"rows\"", "`array.drain`: `rows` is not allowed; use usual, register, none"),
        (
            ws,
            "drain_start = \"after-last\"",
            "`array.drain_start`: `after-last` is not allowed; use any",
        ),
        (os, "partial_sums = \"top\"", "`array.partial_sums`: `top` is not allowed; use carried"),
        (
            ws,
            "overlap_load = true\nstaging = { rows = 4 }",
            "`array.staging`: a table is not allowed; use it with a weight- or input-stationary array whose folds do not overlap",
        ),
        (ws, "staging = { rows = 0 }", "`array.staging.rows`: 0 is not allowed; use 1 to 1048576"),
    ] {
        let error = array_error(dataflow, keys);
        assert!(error.ends_with(&format!(", key {message}")), "{keys}: {error}");
        assert_eq!(error.lines().count(), 1);
    }
    let keys =
        "drain = \"none\"\npartial_sums = \"below\"\nstaging = { rows = 4, tile_cycles = 1 }";
    // The SRAM of the edge machine is too small for partial sums of 16 columns only if it says so.
    assert_eq!(array_error(ws, keys), "");
}

#[test]
fn sums_that_are_joined_below_the_columns_have_two_registers() {
    let (text, _) = edge_with("dataflow", 0, "dataflow = \"weight-stationary\"");
    let below = |text: &str, width: &str, more: &str| {
        let text = text.replace("columns = 16\n", "columns = 16\npartial_sums = \"below\"\n");
        let text = text.replace("width = \"exact\"", &format!("width = {width}\n{more}"));
        machine(&text).map(|machine| machine.accumulator().to_string())
    };
    assert_eq!(below(&text, "\"exact\"", "").unwrap(), "exact");
    assert_eq!(below(&text, "20", "").unwrap(), "20 saturate, inner 20 saturate of 16 terms");
    let error = below(&text, "20", "fl = 3").unwrap_err().to_string();
    let expected = "key `array.partial_sums`: `below` is not allowed; use carried or top, or an accumulator of width and overflow alone";
    assert!(error.ends_with(expected), "{error}");
    let serial = text.replace("style = \"exact\"", "style = \"bit-serial\"");
    let error = below(&serial, "20", "").unwrap_err().to_string();
    assert!(error.contains("a MAC style with one product a sum and cycle"), "{error}");
}
