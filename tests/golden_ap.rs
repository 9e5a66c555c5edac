//! The golden vectors of ap_fixed and ac_fixed, recomputed by this crate.

mod golden_files;

use golden_files::{
    check_text, cut_off_files_do_not_pass, damage, golden, plus_one, text, with_field,
};
use hwmodel::SimdLevel;
use hwsim::verify::golden::{check_ap_fixed, check_ap_width};

fn levels() -> u64 {
    SimdLevel::available().len() as u64
}

#[test]
fn casts_in_every_mode() {
    let report = check_ap_fixed(&golden("ap_fixed.csv")).unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!((report.rows["fix"], report.rows["dbl"]), (701, 309));
    // 53 columns as scalars, 49 of doubles; as tensors the values of types of at most 32 bits.
    assert_eq!(report.values, 701 * 53 + 309 * 49 + 38_144 * levels());
}

#[test]
fn widths_of_exact_results() {
    let report = check_ap_width(&golden("ap_width.csv")).unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!((report.rows["rows"], report.values), (40, 40 * 18));
}

#[test]
fn a_corrupted_value_is_caught() {
    // The first row has 23 and 26 bits, so that it is a tensor too.
    for field in [9, 12, 15, 30, 61] {
        let (changed, line) = with_field(&text("ap_fixed.csv"), "fix,", Some(field), plus_one);
        let report = check_text(check_ap_fixed, &changed).unwrap();
        assert_eq!(report.mismatches, 1 + levels(), "{report}");
        assert!(report.first_mismatch.unwrap().starts_with(&format!("line {line}: ")));
    }
    for field in [6, 7, 12, 22] {
        let (changed, line) = with_field(&text("ap_width.csv"), "7,14,", Some(field), plus_one);
        let report = check_text(check_ap_width, &changed).unwrap();
        assert_eq!(report.mismatches, 1, "{report}");
        assert!(report.first_mismatch.unwrap().starts_with(&format!("line {line}: ")));
    }
}

#[test]
fn damaged_files_neither_pass_nor_panic() {
    cut_off_files_do_not_pass(check_ap_width, "ap_width.csv");
    let (reports, errors) = damage(check_ap_width, "ap_width.csv", &["7,14,"]);
    assert!(reports > 0 && errors > 0);
    let (reports, errors) = damage(check_ap_fixed, "ap_fixed.csv", &["fix,", "dbl,"]);
    assert!(reports > 0 && errors > 0);
}
