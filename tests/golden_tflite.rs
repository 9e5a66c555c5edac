//! The golden vectors of TFLite's requantisers and operators, and of A2Q, recomputed by this crate.

mod golden_files;

use golden_files::{
    a_missing_last_line_does_not_pass, check_text, cut_off_files_do_not_pass, damage, golden,
    lines, plus_one, text, with_field,
};
use hwmodel::SimdLevel;
use hwsim::verify::golden::{Check, Report, check_tflite_ops, check_tflite_requant};

fn passes(check: Check, name: &str) -> Report {
    let report = check(&golden(name)).unwrap();
    assert!(report.passed(), "{report}");
    report
}

fn levels() -> u64 {
    SimdLevel::available().len() as u64
}

#[test]
fn six_roundings_of_an_accumulator() {
    let name = "tflite_requant.csv";
    let report = passes(check_tflite_requant, name);
    let rows = 2240;
    assert_eq!(report.rows["rows"], rows);
    // A row has `-` where the multiplier is too large for 15 bits.
    let undefined = text(name).lines().filter(|line| line.contains(",-,")).count() as u64;
    // Multiplier and shift; six rules for the sum alone and in words at every level.
    assert_eq!(report.values, rows * (2 + 6 * (1 + levels())) - undefined * levels());
}

#[test]
fn operators_of_three_kernel_sets() {
    let name = "tflite_ops.csv";
    let report = passes(check_tflite_ops, name);
    assert_eq!(report.cases, lines(name, "case"));
    for line in ["y_ref", "y_opt", "y_xnn"] {
        assert_eq!(report.rows[line], report.cases, "{line}");
    }
    let values = |tag: &str| -> u64 {
        let text = text(name);
        let lines = text.lines().filter(|line| line.split(',').next() == Some(tag));
        lines.map(|line| line.split(',').count() as u64 - 1).sum()
    };
    let at_levels = ["acc", "y_ref", "y_opt", "y_xnn"].map(values).iter().sum::<u64>();
    let once = ["multiplier", "shift"].map(values).iter().sum::<u64>();
    assert_eq!(report.values, at_levels * levels() + once);
}

#[test]
fn a_corrupted_value_is_caught() {
    let levels = levels();
    let requant = (check_tflite_requant as Check, "tflite_requant.csv");
    let ops = (check_tflite_ops as Check, "tflite_ops.csv");
    let row = "3f40000000000000,1073741824,-10,-2147483648";
    // Of the requantiser's rows the header also counts how many differ between two rules.
    for ((check, name), prefix, field, mismatches, announced) in [
        (requant, row, 1, 1, 0),
        (requant, row, 2, 1, 0),
        (requant, row, 4, levels + 1, 2),
        (requant, row, 5, levels + 1, 2),
        (requant, row, 6, levels + 1, 1),
        (requant, row, 7, levels + 1, 0),
        (requant, row, 8, levels + 1, 2),
        (requant, row, 9, levels + 1, 1),
        (ops, "acc,", 1, levels, 0),
        (ops, "multiplier,", 1, 1, 0),
        (ops, "shift,", 1, 1, 0),
        (ops, "y_ref,", 1, levels, 0),
        (ops, "y_opt,", 1, levels, 0),
        (ops, "y_xnn,", 1, levels, 0),
    ] {
        let (changed, line) = with_field(&text(name), prefix, Some(field), plus_one);
        let report = check_text(check, &changed).unwrap();
        assert_eq!(report.mismatches, mismatches + announced, "{name} field {field}: {report}");
        let first = report.first_mismatch.unwrap();
        assert!(first.starts_with(&format!("line {line}: ")), "{first}");
    }
}

#[test]
fn a_cut_off_file_does_not_pass() {
    for (check, name) in [
        (check_tflite_requant as Check, "tflite_requant.csv"),
        (check_tflite_ops, "tflite_ops.csv"),
    ] {
        cut_off_files_do_not_pass(check, name);
        a_missing_last_line_does_not_pass(check, name);
    }
}

#[test]
fn damaged_fields_never_panic() {
    let layer = ["case,0,", "sx,", "zx,", "sw,", "sy,", "zy,", "x,", "w,", "b,", "acc,", "shift,"];
    let others = ["case,210,", "case,280,", "case,345,", "sa,", "za,", "a,", "sb,", "y_xnn,"];
    for (check, name, prefixes) in [
        (check_tflite_requant as Check, "tflite_requant.csv", &["3f400", "0000000000000000,"][..]),
        (check_tflite_ops, "tflite_ops.csv", &layer),
        (check_tflite_ops, "tflite_ops.csv", &others),
    ] {
        let (reports, errors) = damage(check, name, prefixes);
        assert!(reports > 0 && errors > 50, "{name}: {reports} reports, {errors} errors");
    }
}

/// What a user reads.
#[test]
fn errors_name_line_and_reason() {
    let error = |check: Check, text: &str| {
        let error = check_text(check, text).unwrap_err().to_string();
        error.split_once(", ").map(|(_, reason)| reason.to_owned()).unwrap()
    };
    let columns = "#{\"columns\": \"multiplier_f64,q,shift,x,double_rounding,single_rounding,twice_up,q15,real,float32\"}";
    let row = |row: &str| error(check_tflite_requant, &format!("{columns}\n{row}\n"));
    insta::assert_snapshot!(row("bfe0000000000000,0,0,1,0,0,0,0,0,0"), @"");
    insta::assert_snapshot!(row("3fe0000000000000,0,0,4294967296,0,0,0,0,0,0"), @"");
    insta::assert_snapshot!(error(check_tflite_requant, "#{\"columns\": \"q,shift\"}\n1,2\n"), @"");
    insta::assert_snapshot!(error(check_tflite_ops, "#{}\ncase,0,op=SUB\n"), @"");
    let add = |sa: &str, za: &str, rest: &str| {
        error(
            check_tflite_ops,
            &format!(
                "#{{}}\ncase,0,op=ADD,type=int16\nsa,{sa}\nza,{za}\nsb,3f800000\nzb,0\nsc,3f800000\nzc,0\n{rest}\nmultiplier,1,1,1\n\
             shift,0,0,0\ny_ref,2\ny_opt,2\ny_xnn,2\n"
            ),
        )
    };
    insta::assert_snapshot!(add("00000000", "0", "a,1\nb,1"), @"");
    insta::assert_snapshot!(add("3f800000", "5", "a,1\nb,1"), @"");
    insta::assert_snapshot!(add("3f800000", "0", "a,1,2\nb,1"), @"");
    insta::assert_snapshot!(add("3f800000", "0", "a,40000\nb,1"), @"");
}
