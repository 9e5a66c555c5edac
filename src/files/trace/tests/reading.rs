//! Reading rows back, and damaged files.

use super::*;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::{any, prop, prop_assert_eq, proptest};
use std::io::Write;

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
            "schema" => "4",
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
        cell("schema", "1"),
        "`x.csv`, line 2: schema 1, but this version reads schema 4: use the version of hwsim that wrote it"
    );
    assert_eq!(
        error_of(format!("{header}\n4,step\n").as_bytes()),
        format!("`x.csv`, line 2: 2 cells, expected {}", columns().len())
    );
    assert_eq!(
        error_of(b"schema,row,new\n5,step,4\n"),
        "`x.csv`, line 2: schema 5, but this version reads schema 4: use the version of hwsim that wrote it"
    );
    let other = "`x.csv` does not start with the header of a trace of schema 4: it is no trace, or one of another version of hwsim";
    for content in ["", "step,loss\n1,2\n", "schema,row\n", "schema,row\n4,step\n"] {
        assert_eq!(error_of(content.as_bytes()), other);
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
            "7,6,",
            "7,99,",
            "column `fl_weight`: fractional length 99 is impossible: use -64 to 64 bits",
        ),
        ("9,12,", "9,,", "column `fl_output`: `` is not an integer of the range of i32"),
        (
            ",signed,",
            ",positive,",
            "column `range_input`: `positive` is not `signed`, `unsigned`, `signed-narrow` or `unsigned-narrow`",
        ),
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
        row.counters.energy.dram_pj = float;
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
