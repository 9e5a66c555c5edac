//! The golden vectors of quantiser, MAC array and requantiser, recomputed by this crate.

mod golden_files;

use golden_files::{
    Change, a_missing_last_line_does_not_pass, check_text, cut_off_files_do_not_pass, damage,
    golden, lines, plus_one, text, with_field,
};
use hwmodel::SimdLevel;
use hwsim::verify::golden::{
    CHECKS, Check, Report, check_layers, check_matmul, check_quant_fixed, check_requant,
};

#[allow(clippy::print_stdout, reason = "the log of a test")]
fn passes(check: Check, name: &str) -> Report {
    let report = check(&golden(name)).unwrap();
    println!("{report}");
    assert!(report.passed(), "{report}");
    report
}

fn levels() -> u64 {
    SimdLevel::available().len() as u64
}

#[test]
fn products_in_narrow_accumulators() {
    let report = passes(check_matmul, "matmul.csv");
    assert_eq!(report.cases, lines("matmul.csv", "case"));
    assert_eq!(report.rows.len(), 8);
    for (kind, count) in &report.rows {
        assert_eq!(*count, report.cases, "{kind}");
    }
    // Per output: four sums and two counts at every level, and two first terms; per case two total counts at every level.
    let outputs = 2422 / 2;
    let expected = outputs * (6 * levels() + 2) + report.cases * 2 * levels();
    assert_eq!(report.values, expected);
}

#[test]
fn requantised_accumulators() {
    let report = passes(check_requant, "requant.csv");
    assert_eq!(report.rows["rows"], 3085);
    assert_eq!(report.values, 3085 * (12 + 10 * levels()));
}

#[test]
fn layers_on_integers() {
    let report = passes(check_layers, "layers.csv");
    assert_eq!(report.rows["acc"], report.cases);
    assert_eq!(report.rows["y_exact"], report.cases);
    assert!(report.rows["y_emul"] > 30, "{:?}", report.rows);
    let (exact, wide) = (2420, 1263);
    let expected = levels() * (4 * exact + 2 * wide) + report.rows["y_emul"];
    assert_eq!(report.values, expected);
}

#[test]
fn quantised_floats() {
    for (name, rows) in [("quant_fixed.csv", 5493), ("quant_fixed_negfl.csv", 1272)] {
        let report = passes(check_quant_fixed, name);
        let (nearest, stochastic) = (report.rows["nearest-even"], report.rows["stochastic"]);
        assert_eq!(nearest + stochastic, rows);
        assert_eq!(nearest, lines(name, "n"));
        // Two exact results, three floats and two integers of QPyTorch.
        assert_eq!(report.values, 7 * rows + nearest * levels());
    }
}

/// Every shipped table has a check and the other way round.
#[test]
fn every_file_has_a_check() {
    let tables = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(golden(folder)).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".csv").map(str::to_owned))
            .collect()
    };
    let checks: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
    let mut names = tables("");
    names.extend(tables("conventions"));
    names.sort();
    assert_eq!(names, checks);
}

#[test]
fn a_corrupted_value_is_caught() {
    let levels = levels();
    let cases: [(Check, &str, &str, Option<usize>, u64); 23] = [
        (check_matmul, "matmul.csv", "exact,", None, levels),
        (check_matmul, "matmul.csv", "c_wrap,", Some(2), levels),
        (check_matmul, "matmul.csv", "ovf_wrap,", None, 2 * levels),
        (check_matmul, "matmul.csv", "first_wrap,", None, 1),
        (check_matmul, "matmul.csv", "c_sat,", None, levels),
        (check_matmul, "matmul.csv", "ovf_sat,", Some(1), 2 * levels),
        (check_matmul, "matmul.csv", "first_sat,", None, 1),
        (check_matmul, "matmul.csv", "cpf_sat,", None, levels),
        (check_requant, "requant.csv", "12,10,12,3,-219", Some(6), levels + 1),
        (check_requant, "requant.csv", "12,10,12,3,-219", Some(11), levels + 1),
        (check_requant, "requant.csv", "12,10,12,3,-219", Some(15), levels + 1),
        (check_requant, "requant.csv", "12,10,12,3,-219", None, 1),
        (check_layers, "layers.csv", "acc,", None, levels),
        (check_layers, "layers.csv", "y_exact,", Some(5), levels + 1),
        (check_layers, "layers.csv", "y_emul,", Some(5), 2 * levels + 1),
        (check_quant_fixed, "quant_fixed.csv", "n,8,", Some(8), 1),
        (check_quant_fixed, "quant_fixed.csv", "s,8,", Some(9), 1),
        (check_quant_fixed, "quant_fixed.csv", "n,8,", Some(10), levels + 1),
        (check_quant_fixed, "quant_fixed.csv", "n,8,", None, 1),
        (check_quant_fixed, "quant_fixed.csv", "s,8,", Some(10), 1),
        (check_quant_fixed, "quant_fixed.csv", "s,8,", None, 1),
        (check_quant_fixed, "quant_fixed_negfl.csv", "n,8,", Some(10), levels + 1),
        (check_quant_fixed, "quant_fixed_negfl.csv", "s,8,", None, 1),
    ];
    for (check, name, prefix, field, mismatches) in cases {
        let (changed, line) = with_field(&text(name), prefix, field, plus_one);
        let report = check_text(check, &changed).unwrap();
        // A changed count of overflows also contradicts the header.
        let announced = u64::from(prefix.starts_with("ovf"));
        assert_eq!(report.mismatches, mismatches + announced, "{name} {prefix}: {report}");
        let first = report.first_mismatch.unwrap();
        assert!(first.starts_with(&format!("line {line}: ")), "{first}");
    }
}

#[test]
fn not_a_number_must_be_expected() {
    let name = "quant_fixed.csv";
    let nan = text(name).lines().find(|line| line.ends_with(",nan,nan")).unwrap().to_owned();
    let (mode, to_zero): (&str, Change) = (&nan[..1], &|_| "0".to_owned());
    let report = check_text(check_quant_fixed, &with_field(&text(name), &nan, None, to_zero).0);
    assert_eq!(report.unwrap().mismatches, 1);
    let report = check_text(check_quant_fixed, &with_field(&text(name), &nan, Some(10), to_zero).0);
    let vector = if mode == "n" { levels() } else { 0 };
    assert_eq!(report.unwrap().mismatches, 1 + vector);
}

#[test]
fn a_cut_off_file_does_not_pass() {
    cut_off_files_do_not_pass(check_matmul, "matmul.csv");
    a_missing_last_line_does_not_pass(check_matmul, "matmul.csv");
    cut_off_files_do_not_pass(check_requant, "requant.csv");
    a_missing_last_line_does_not_pass(check_requant, "requant.csv");
    cut_off_files_do_not_pass(check_layers, "layers.csv");
    a_missing_last_line_does_not_pass(check_layers, "layers.csv");
    cut_off_files_do_not_pass(check_quant_fixed, "quant_fixed.csv");
    a_missing_last_line_does_not_pass(check_quant_fixed, "quant_fixed.csv");
}

#[test]
fn damaged_fields_never_panic() {
    let matmul = ["case,1,", "a,", "w,", "exact,", "c_wrap,", "ovf_sat,", "first_sat,", "cpf_sat,"];
    let layers = ["case,0,", "case,1,", "x,", "w,", "b,", "acc,", "y_emul,", "y_exact,"];
    for (check, name, prefixes) in [
        (check_matmul as Check, "matmul.csv", &matmul[..]),
        (check_layers, "layers.csv", &layers),
        (check_requant, "requant.csv", &["12,10,12,3,-2047", "64,"]),
        (check_quant_fixed, "quant_fixed.csv", &["n,8,", "s,8,"]),
    ] {
        let (reports, errors) = damage(check, name, prefixes);
        assert!(reports > 0 && errors > 50, "{name}: {reports} reports, {errors} errors");
    }
}
