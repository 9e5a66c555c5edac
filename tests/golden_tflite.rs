//! The golden vectors of TFLite's requantisers and operators, and of A2Q, recomputed by this crate.

mod golden_files;

use golden_files::{
    a_missing_last_line_does_not_pass, check_text, cut_off_files_do_not_pass, damage, golden,
    lines, plus_one, text, with_field,
};
use hwmodel::SimdLevel;
use hwsim::verify::golden::{
    Check, Report, check_a2q_bound, check_tflite_ops, check_tflite_requant,
};

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
fn accumulator_aware_weights() {
    let name = "a2q_bound.csv";
    let report = passes(check_a2q_bound, name);
    assert_eq!(report.cases, lines(name, "case"));
    let values = |tag: &str| -> u64 {
        let text = text(name);
        let lines = text.lines().filter(|line| line.split(',').next() == Some(tag));
        lines.map(|line| line.split(',').count() as u64 - 1).sum()
    };
    let channels = values("pre_scale");
    // Arbitrary integers have seven values; a case of the quantiser one bound, and a channel divisor, zero point, two bounds and
    // five integers next to its weights.
    let integers = lines(name, "bits_a2q");
    let weights = values("w");
    assert_eq!(report.values, 7 * integers + report.cases - integers + 9 * channels + weights);
}

#[test]
fn a_corrupted_value_is_caught() {
    let levels = levels();
    let a2q = (check_a2q_bound as Check, "a2q_bound.csv");
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
        (a2q, "l1,", 1, 1, 0),
        (a2q, "lowest,", 1, 1, 0),
        (a2q, "highest,", 2, 1, 0),
        (a2q, "bits_formula,", 1, 1, 0),
        (a2q, "bits_exact,", 1, 1, 0),
        (a2q, "bits_a2q,", 1, 1, 0),
        (a2q, "bits_a2q_plus,", 1, 1, 0),
        (a2q, "sum,", 1, 1, 0),
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
        (check_a2q_bound, "a2q_bound.csv"),
    ] {
        cut_off_files_do_not_pass(check, name);
        a_missing_last_line_does_not_pass(check, name);
    }
}

#[test]
fn damaged_fields_never_panic() {
    let layer = ["case,0,", "sx,", "zx,", "sw,", "sy,", "zy,", "x,", "w,", "b,", "acc,", "shift,"];
    let others = ["case,210,", "case,280,", "case,345,", "sa,", "za,", "a,", "sb,", "y_xnn,"];
    let channels =
        ["case,0,", "case,199,", "w,", "g,", "s,", "pre_scale,", "pre_zero_point,", "q,", "l1,"];
    for (check, name, prefixes) in [
        (check_tflite_requant as Check, "tflite_requant.csv", &["3f400", "0000000000000000,"][..]),
        (check_tflite_ops, "tflite_ops.csv", &layer),
        (check_tflite_ops, "tflite_ops.csv", &others),
        (check_a2q_bound, "a2q_bound.csv", &channels),
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
    insta::assert_snapshot!(row("bfe0000000000000,0,0,1,0,0,0,0,0,0"), @"line 2: the factor -0.5 of a sum is impossible: use 0 up to but not including 2^30");
    insta::assert_snapshot!(row("3fe0000000000000,0,0,4294967296,0,0,0,0,0,0"), @"line 2: `4294967296` is no accumulator of 32 bits");
    insta::assert_snapshot!(error(check_tflite_requant, "#{\"columns\": \"q,shift\"}\n1,2\n"), @"line 1: the header has no column `multiplier_f64`");
    insta::assert_snapshot!(error(check_tflite_ops, "#{}\ncase,0,op=SUB\n"), @"line 2: unknown operator `SUB`");
    let add = |sa: &str, za: &str, rest: &str| {
        error(
            check_tflite_ops,
            &format!(
                "#{{}}\ncase,0,op=ADD,type=int16\nsa,{sa}\nza,{za}\nsb,3f800000\nzb,0\nsc,3f800000\nzc,0\n{rest}\nmultiplier,1,1,1\n\
             shift,0,0,0\ny_ref,2\ny_opt,2\ny_xnn,2\n"
            ),
        )
    };
    insta::assert_snapshot!(add("00000000", "0", "a,1\nb,1"), @"line 9: scale 0 is 0: use a finite number above 0");
    insta::assert_snapshot!(add("3f800000", "5", "a,1\nb,1"), @"line 2: zero point 5 of the first operand: use 0, as TFLite demands");
    insta::assert_snapshot!(add("3f800000", "0", "a,1,2\nb,1"), @"line 10: 1 values (word), expected 2");
    insta::assert_snapshot!(add("3f800000", "0", "a,40000\nb,1"), @"line 9: raw integer 40000 at element 0 is outside the range of ⟨16, 0⟩");
}
