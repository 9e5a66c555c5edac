//! What a trace says and that it survives kills and damage.

use super::*;
use crate::precision::{ControllerReport, Strategy};
use flate2::read::GzDecoder;
use flate2::{Compression, write::GzEncoder};
use hwmodel::counters::{ByRole, Counters};
use hwmodel::energy::Energy;
use hwmodel::timing::{ByOperand, Cycles, GemmKind, GemmShape, Traffic};
use hwmodel::{Format, Overflow};
use proptest::prelude::{any, prop, prop_assert_eq, proptest};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

fn by_role(first: u64) -> ByRole {
    ByRole { weight: first, activation: first + 1, gradient: first + 2, output: first + 3 }
}

fn by_operand(first: u128) -> ByOperand<u128> {
    ByOperand { input: first, weight: first + 1, output: first + 2 }
}

/// A row with another value in each field.
fn gemm_row() -> GemmRow {
    let format = |wl, fl| Format::new(wl, fl).unwrap();
    GemmRow {
        step: 1,
        epoch: 2,
        layer: "stage 1, \"conv\"".into(),
        kind: GemmKind::GradInput,
        formats: Some(ByOperand {
            input: format(8, -4),
            weight: format(7, 6),
            output: format(9, 12),
        }),
        accumulator_bits: 24,
        overflow: Overflow::Wrap,
        shape: GemmShape { m: 31, n: 32, k: 33 },
        groups: 34,
        weight_elements: 40,
        weight_nonzero: 35,
        controller: ControllerReport {
            lookback: Some(36),
            resolution: Some(37),
            strategy: Some(Strategy::Mean),
            diversity: Some(1.5),
            kl: Some(1e-7),
            switched: true,
        },
        stepped_outputs: 41,
        counters: Counters {
            macs: 42,
            nonzero_macs: 43,
            bit_operations: u128::MAX,
            accumulator_events: 44,
            quantised: by_role(50),
            saturated: by_role(60),
            flushed_to_zero: by_role(70),
            cycles: Cycles { compute: 80, stall: 81, vector: 82, reconfigure: 83 },
            traffic: Traffic {
                sram_read: by_operand(90),
                sram_write: by_operand(100),
                dram_read: by_operand(110),
                dram_write: by_operand(120),
                vector_dram: 130,
            },
            energy: Energy {
                mac: 0.1,
                accumulator: 0.2,
                sram: 0.3,
                dram: 1e20,
                vector_unit: 0.5,
                leakage: 0.6,
                reconfiguration: 0.7,
            },
        },
        pes: 256,
    }
}

fn step_row() -> StepRow {
    StepRow {
        step: 1,
        epoch: 2,
        loss: 2.5,
        cross_entropy: 2.25,
        penalty: Some(0.25),
        batch_accuracy: 0.125,
        gradient_norm: 0.1,
        learning_rate: 0.05,
    }
}

fn evaluation_row() -> EvaluationRow {
    EvaluationRow { step: 2, epoch: 3, test_loss: 2.125, top1: 0.375, learning_rate: 0.025 }
}

fn rows() -> Vec<Row> {
    let float32 = GemmRow {
        formats: None,
        controller: ControllerReport::default(),
        layer: "line\nbreak".into(),
        ..gemm_row()
    };
    vec![
        Row::Gemm(gemm_row()),
        Row::Gemm(float32),
        Row::Gemm(GemmRow::default()),
        Row::Step(step_row()),
        Row::Step(StepRow { penalty: None, loss: f64::INFINITY, ..step_row() }),
        Row::Evaluation(evaluation_row()),
    ]
}

fn write(path: &Path, rows: &[Row]) {
    let mut writer = TraceWriter::create(path).unwrap();
    rows.iter().for_each(|row| writer.write(row).unwrap());
    writer.finish().unwrap();
}

fn read(path: &Path) -> Result<Vec<Row>, TraceError> {
    TraceReader::open(path)?.collect()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_column_of_every_kind_of_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    write(
        &path,
        &[Row::Gemm(gemm_row()), Row::Step(step_row()), Row::Evaluation(evaluation_row())],
    );
    let mut table = csv::Reader::from_path(&path).unwrap();
    let header = table.headers().unwrap().clone();
    let records: Vec<_> = table.records().map(Result::unwrap).collect();
    let lines: Vec<String> = header
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let cells: Vec<_> = records.iter().map(|record| record[index].to_owned()).collect();
            format!("{name}: {}", cells.join(" | "))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn rows_come_back_from_plain_and_gzip_files() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.csv", "x.csv.gz"] {
        let path = folder.path().join(name);
        write(&path, &rows());
        assert_eq!(read(&path).unwrap(), rows(), "{name}");
    }
    assert_eq!(files(folder.path()), ["x.csv", "x.csv.gz"]);
    let mut text = Vec::new();
    let gzip = std::fs::read(folder.path().join("x.csv.gz")).unwrap();
    GzDecoder::new(&gzip[..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, std::fs::read(folder.path().join("x.csv")).unwrap());
    assert_eq!(gzip[4..8], [0; 4], "no time of compression");
}

#[test]
fn the_final_file_changes_only_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, "old").unwrap();
    let mut writer = TraceWriter::create(&path).unwrap();
    writer.write(&Row::Step(step_row())).unwrap();
    let partial = writer.abandon().unwrap();
    assert_eq!(partial, folder.path().join("x.csv.partial"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(read(&partial).unwrap(), [Row::Step(step_row())]);
    write(&path, &rows());
    assert_eq!(files(folder.path()), ["x.csv"]);
    assert_eq!(read(&path).unwrap(), rows());
}

#[test]
fn a_place_that_cannot_be_written_is_an_error_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing/x.csv");
    let error = TraceWriter::create(&missing).unwrap_err();
    assert!(matches!(error, TraceError::Io { action: "create", .. }), "{error}");
    let path = folder.path().join("x.csv");
    let _first = TraceWriter::create(&path).unwrap();
    assert!(matches!(TraceWriter::create(&path), Err(TraceError::InUse { .. })));
    assert!(matches!(TraceWriter::resume(&path, 0), Err(TraceError::InUse { .. })));
}

#[test]
fn a_killed_run_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.csv", "x.csv.gz"] {
        let whole = folder.path().join(format!("whole-{name}"));
        write(&whole, &rows());
        for saved in 0..=rows().len() {
            let path = folder.path().join(name);
            let mut writer = TraceWriter::create(&path).unwrap();
            rows()[..saved].iter().for_each(|row| writer.write(row).unwrap());
            let position = writer.position().unwrap();
            // Rows after the checkpoint, the last of them cut off by the kill.
            rows()[saved..].iter().for_each(|row| writer.write(row).unwrap());
            let partial = writer.abandon().unwrap();
            let mut file = std::fs::OpenOptions::new().append(true).open(partial).unwrap();
            file.write_all(b"1,gemm,17,\"lay").unwrap();
            drop(file);
            let mut writer = TraceWriter::resume(&path, position).unwrap();
            assert_eq!(writer.position().unwrap(), position);
            rows()[saved..].iter().for_each(|row| writer.write(row).unwrap());
            writer.finish().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&whole).unwrap(), "{saved}");
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn what_cannot_be_continued_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let partial = folder.path().join("x.csv.partial");
    assert!(matches!(TraceWriter::resume(&path, 0), Err(TraceError::NoPartial { .. })));
    let mut writer = TraceWriter::create(&path).unwrap();
    let header = writer.position().unwrap();
    writer.write(&Row::Step(step_row())).unwrap();
    let end = writer.position().unwrap();
    drop(writer);
    let content = std::fs::read(&partial).unwrap();
    assert_eq!(content.len() as u64, end);
    for position in [0, 1, header - 1, header + 1, end - 1] {
        let error = TraceWriter::resume(&path, position).unwrap_err();
        assert!(matches!(error, TraceError::NoRowEnd { .. }), "{position}: {error}");
    }
    for position in [end + 1, u64::MAX] {
        let error = TraceWriter::resume(&path, position).unwrap_err();
        assert!(matches!(error, TraceError::TooShort { .. }), "{position}: {error}");
    }
    assert_eq!(std::fs::read(&partial).unwrap(), content, "left as it was");
    for other in ["", "schema,row", "step,loss\n1,2\n"] {
        std::fs::write(&partial, other).unwrap();
        let error = TraceWriter::resume(&path, 1).unwrap_err();
        assert!(matches!(error, TraceError::Header { .. }), "{error}");
    }
    write(&path, &rows());
    assert!(matches!(TraceWriter::resume(&path, end), Err(TraceError::Finished { .. })));
}

/// The error of a file with this content, with the folder left out.
fn error_of(content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, content).unwrap();
    let error = read(&path).unwrap_err().to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

/// A trace with one step row of which the cell `column` is `text`.
fn with_cell(column: &str, text: &str) -> String {
    let cells: Vec<&str> = columns()
        .iter()
        .map(|&name| match name {
            _ if name == column => text,
            "schema" => "1",
            "row" => "step",
            "step" | "epoch" => "0",
            "loss" | "cross_entropy" | "batch_accuracy" | "gradient_norm" | "learning_rate" => {
                "0.5"
            }
            _ => "",
        })
        .collect();
    format!("{}\n{}\n", columns().join(","), cells.join(","))
}

#[test]
fn wrong_files_are_named_with_line_and_column() {
    let header = columns().join(",");
    let cell = |column, text| error_of(with_cell(column, text).as_bytes());
    assert_eq!(cell("loss", "low"), "`x.csv`, line 2, column `loss`: `low` is not a number");
    assert_eq!(cell("loss", ""), "`x.csv`, line 2, column `loss`: `` is not a number");
    assert_eq!(
        cell("macs", "7"),
        "`x.csv`, line 2, column `macs`: `7` is in a row whose kind leaves this column empty"
    );
    assert_eq!(
        cell("row", "layer"),
        "`x.csv`, line 2, column `row`: `layer` is not `gemm`, `step` or `evaluation`"
    );
    assert_eq!(
        cell("schema", "2"),
        "`x.csv`, line 2: schema 2, but this version reads schema 1: use the version of hwsim that wrote it"
    );
    assert_eq!(
        error_of(format!("{header}\n1,step\n").as_bytes()),
        format!("`x.csv`, line 2: 2 cells, expected {}", columns().len())
    );
    assert_eq!(
        error_of(b"schema,row,new\n3,step,4\n"),
        "`x.csv`, line 2: schema 3, but this version reads schema 1: use the version of hwsim that wrote it"
    );
    let foreign = "`x.csv` does not start with the header of a trace of schema 1: it is no trace, or one of another version of hwsim";
    for content in ["", "step,loss\n1,2\n", "schema,row\n", "schema,row\n1,step\n"] {
        assert_eq!(error_of(content.as_bytes()), foreign);
    }
    assert_eq!(
        error_of(&[header.as_bytes(), b"\n1,\xff\n"].concat()),
        "`x.csv`, line 2: not UTF-8 text; the file is damaged or no trace"
    );
}

#[test]
fn impossible_formats_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    write(&path, &[Row::Gemm(gemm_row())]);
    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to, error) in [
        (
            "fixed,8,-4",
            "fixed,40,-4",
            "column `wl_input`: word length 40 is impossible: use 1 to 32 bits",
        ),
        (
            "7,6,9",
            "7,99,9",
            "column `fl_weight`: fractional length 99 is impossible: use -64 to 64 bits",
        ),
        ("9,12,", "9,,", "column `fl_output`: `` is not an integer of the range of i32"),
        ("fixed", "posit", "column `number_system`: `posit` is not `fixed` or `float32`"),
    ] {
        assert!(text.contains(from));
        let found = error_of(text.replacen(from, to, 1).as_bytes());
        assert_eq!(found, format!("`x.csv`, line 2, {error}"));
    }
}

#[test]
fn a_cut_file_is_an_error_at_every_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    write(&path, &rows()[2..]);
    let whole = std::fs::read(&path).unwrap();
    let header = columns().join(",").len() + 1;
    for length in 1..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let row_ends = whole[length - 1] == b'\n';
        let result = read(&path);
        assert_eq!(result.is_ok(), row_ends, "{length}");
        let cut = match result {
            Ok(rows_read) => rows()[2..].starts_with(&rows_read),
            Err(TraceError::Header { .. }) => length < header,
            Err(error) => length > header && matches!(error, TraceError::Truncated { .. }),
        };
        assert!(cut, "{length}");
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&whole).unwrap();
    let gzip = encoder.finish().unwrap();
    for length in 2..gzip.len() {
        std::fs::write(&path, &gzip[..length]).unwrap();
        assert!(read(&path).is_err(), "{length}");
    }
}

#[test]
fn no_rows_follow_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, with_cell("loss", "low") + "1,step\n").unwrap();
    let mut reader = TraceReader::open(&path).unwrap();
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none());
}

/// The rows of the tables of columns in docs/trace.md: name and kinds of row.
fn documented() -> Vec<(String, String)> {
    include_str!("../../docs/trace.md")
        .lines()
        .filter_map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
            Some((name.to_owned(), cells.get(2)?.to_string()))
        })
        .collect()
}

#[test]
fn every_column_is_documented_in_order() {
    let names: Vec<_> = documented().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, columns());
}

#[test]
fn columns_are_filled_in_the_rows_that_the_documentation_says() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("x.csv");
    write(
        &path,
        &[Row::Gemm(gemm_row()), Row::Step(step_row()), Row::Evaluation(evaluation_row())],
    );
    let records: Vec<_> =
        csv::Reader::from_path(&path).unwrap().into_records().map(Result::unwrap).collect();
    for (index, (name, kinds)) in documented().into_iter().enumerate() {
        let filled = records.iter().filter(|record| !record[index].is_empty());
        let filled: Vec<_> = filled.map(|record| record[1].to_owned()).collect();
        let kinds = if kinds == "all" { "gemm, step, evaluation".to_owned() } else { kinds };
        assert_eq!(filled.join(", "), kinds, "{name}");
    }
}

proptest! {
    #[test]
    fn any_row_comes_back(
        layer in "[ -~\n\rω⟨]{0,12}",
        wl in 1..=32u32,
        fl in -64..=64i32,
        counts in prop::array::uniform4(any::<u64>()),
        wide in any::<u128>(),
        float in prop::num::f64::ANY,
    ) {
        // NaN is equal to nothing, so its row could not be compared.
        let float = if float.is_nan() { 0.0 } else { float };
        let format = Format::new(wl, fl).unwrap();
        let mut row = gemm_row();
        row.layer = layer;
        row.formats = Some(ByOperand { input: format, weight: format, output: format });
        [row.step, row.counters.macs, row.weight_elements, row.weight_nonzero] = counts;
        row.counters.cycles = Cycles { stall: wide / 2, ..Cycles::default() };
        row.counters.bit_operations = wide;
        row.counters.energy.dram = float;
        row.controller.kl = Some(float);
        let step = StepRow { loss: float, penalty: Some(-float), ..step_row() };
        let rows = [Row::Gemm(row), Row::Step(step)];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        write(&path, &rows);
        prop_assert_eq!(read(&path).unwrap(), rows);
    }

    #[test]
    fn damage_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        write(&path, &rows());
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        std::fs::write(&path, &bytes).unwrap();
        let count = TraceReader::open(&path).map_or(0, Iterator::count);
        prop_assert_eq!(count <= bytes.len(), true);
    }
}
