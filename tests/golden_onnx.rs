//! The golden vectors of QONNX and ONNX, recomputed by this crate.

mod golden_files;

use golden_files::{
    a_missing_last_line_does_not_pass, check_text, cut_off_files_do_not_pass, golden, plus_one,
    text, with_field,
};
use hwmodel::SimdLevel;
use hwsim::verify::golden::{
    Check, Report, check_onnx_qdq, check_onnx_qlinear, check_qonnx_quant, check_qonnx_trunc,
};

const FILES: [(Check, &str); 4] = [
    (check_onnx_qdq, "conventions/onnx_qdq.csv"),
    (check_onnx_qlinear, "conventions/onnx_qlinear.csv"),
    (check_qonnx_quant, "conventions/qonnx_quant.csv"),
    (check_qonnx_trunc, "conventions/qonnx_trunc.csv"),
];

#[allow(clippy::print_stdout, reason = "the log of a test")]
fn passes(check: Check, name: &str) -> Report {
    let report = check(&golden(name)).unwrap();
    println!("{report}");
    assert!(report.passed(), "{report}");
    report
}

/// Values in lines of `name` whose first field is one of `tags`.
fn values(name: &str, tags: &[&str]) -> u64 {
    let text = text(name);
    let lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    lines.filter(|line| tags.contains(&line[0])).map(|line| line.len() as u64 - 1).sum()
}

#[test]
fn every_value_is_recomputed() {
    let levels = SimdLevel::available().len() as u64;
    let [qdq, qlinear, quant, trunc] = FILES.map(|(check, name)| passes(check, name));
    let results = ["y", "y_exact", "y_reference", "scale_reference", "zp_reference"];
    // Scales and zero points of DynamicQuantizeLinear are results too.
    let dynamic = text(FILES[0].1).matches("op=DynamicQuantizeLinear").count() as u64;
    assert_eq!(qdq.values, levels * (values(FILES[0].1, &results) + 2 * dynamic));
    let results = ["acc", "y", "y_exact", "y_reference", "acc_no_vnni", "y_no_vnni"];
    assert_eq!(qlinear.values, levels * values(FILES[1].1, &results));
    assert!(quant.values > values(FILES[2].1, &["q", "q_exact", "y"]));
    assert_eq!(trunc.values, values(FILES[3].1, &["x", "q", "y"]));
}

#[test]
fn a_corrupted_value_is_caught() {
    let next_bits = |field: &str| match u32::from_str_radix(field, 16) {
        Ok(bits) => format!("{:08x}", bits + 1),
        Err(_) => "00000000".to_owned(),
    };
    let cases: [(usize, &str, bool); 15] = [
        (0, "y,", true),
        (0, "y_exact,", true),
        (0, "y_reference,", true),
        (0, "scale_reference,", false),
        (0, "zp_reference,", true),
        (1, "acc,", true),
        (1, "y,", true),
        (1, "y_exact,", true),
        (1, "y_reference,", true),
        (1, "acc_no_vnni,", true),
        (1, "y_no_vnni,", true),
        (2, "q,", true),
        (2, "q_exact,", true),
        (2, "y,", false),
        (3, "q,", true),
    ];
    for (file, prefix, decimal) in cases {
        let (check, name) = FILES[file];
        let change: &dyn Fn(&str) -> String = if decimal { &plus_one } else { &next_bits };
        let (changed, line) = with_field(&text(name), prefix, None, change);
        let report = check_text(check, &changed).unwrap();
        assert!(report.mismatches > 0, "{name} {prefix}: {report}");
        let first = report.first_mismatch.unwrap();
        assert!(first.starts_with(&format!("line {line}: ")), "{first}");
    }
}

#[test]
fn malformed_cases_are_named() {
    for (file, from, to, part) in [
        (0, "type=int8", "type=float8", "`float8` is not an integer type"),
        (0, "granularity=tensor", "granularity=row", "unknown granularity `row`"),
        (0, "op=QuantizeLinear", "op=Cast", "unknown operator `Cast`"),
        (0, "rows=1,cols=24", "rows=1,cols=25", "25 are needed"),
        (1, "M=3,K=3", "M=3,K=4", "needs 12 elements, got 9"),
        (1, "op=QLinearConv", "op=QLinearPool", "unknown operator `QLinearPool`"),
        (2, "bits=8", "bits=33", "33 bits are impossible"),
        (2, "mode=ROUND", "mode=NEAREST", "unknown rounding mode `NEAREST`"),
        (2, "signed=1", "signed=2", "`signed` is 2, not 0 or 1"),
        (3, "op=Trunc_v2", "op=Trunc_v3", "unknown operator `Trunc_v3`"),
    ] {
        let (check, name) = FILES[file];
        let changed = text(name).replacen(from, to, 1);
        assert!(changed != text(name), "{from}");
        let error = check_text(check, &changed).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_cut_off_file_does_not_pass() {
    for (check, name) in FILES {
        cut_off_files_do_not_pass(check, name);
        a_missing_last_line_does_not_pass(check, name);
    }
}
