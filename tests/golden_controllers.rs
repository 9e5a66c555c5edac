//! The golden vectors of controllers, optimiser and cost model, recomputed by this crate.

mod golden_files;

use golden_files::{
    Change, a_missing_last_line_does_not_pass, check_text, cut_off_files_do_not_pass, damage,
    golden, lines, plus_one, text, with_field,
};
use hwsim::verify::golden::{
    Check, Report, check_adapt_sequences, check_adapt_units, check_cost_model,
};

/// Checks a file and that every line of the given kinds was compared.
fn passes(check: Check, name: &str, kinds: &[&str]) -> Report {
    let report = check(&golden(name)).unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!(report.cases, lines(name, "case"));
    assert_eq!(report.rows.len(), kinds.len(), "{:?}", report.rows);
    for kind in kinds {
        let expected = lines(name, kind);
        assert!(expected > 0, "{kind}");
        assert_eq!(report.rows.get(*kind), Some(&expected), "{kind}");
    }
    report
}

#[test]
fn adapt_units_are_reproduced() {
    let kinds = ["loss", "push_down", "diversity", "push_up", "lookback", "resolution", "strategy"];
    let report = passes(check_adapt_units, "adapt_units.csv", &kinds);
    let rows = |kind: &str| report.rows[kind];
    // Three values a loss row and a diversity, two a format, one an integer, two strategies; the
    // number of steps of each strategy case.
    let strategy_cases =
        text("adapt_units.csv").lines().filter(|line| line.contains("kind=strategy")).count();
    let expected = 3 * (rows("loss") + rows("diversity"))
        + 2 * (rows("push_down") + rows("push_up") + rows("strategy"))
        + rows("lookback")
        + rows("resolution")
        + strategy_cases as u64;
    assert_eq!(report.values, expected);
}

#[test]
fn adapt_sequences_are_reproduced() {
    let report = passes(
        check_adapt_sequences,
        "adapt_sequences.csv",
        &["step", "div", "master", "quantised"],
    );
    assert!(report.values > 31 * report.rows["step"], "31 values a step and the tensors");
}

#[test]
fn the_cost_model_is_reproduced() {
    let report = passes(check_cost_model, "cost_model.csv", &["result"]);
    assert_eq!(report.values, report.rows["result"]);
}

#[test]
fn a_corrupted_value_is_caught() {
    let flip_high_bits = |field: &str| format!("4{}", &field[1..]);
    let relative = |field: &str| (field.parse::<f64>().unwrap() * (1.0 + 1e-8)).to_string();
    let cases: [(Check, &str, &str, Change); 9] = [
        (check_adapt_units, "adapt_units.csv", "push_down,released", &plus_one),
        (check_adapt_units, "adapt_units.csv", "push_down,paper", &plus_one),
        (check_adapt_units, "adapt_units.csv", "push_up", &plus_one),
        (check_adapt_units, "adapt_units.csv", "lookback", &plus_one),
        (check_adapt_units, "adapt_units.csv", "diversity", &flip_high_bits),
        (check_adapt_sequences, "adapt_sequences.csv", "step,released,30", &plus_one),
        (check_adapt_sequences, "adapt_sequences.csv", "step,paper_current,59", &plus_one),
        (check_adapt_sequences, "adapt_sequences.csv", "master,paper,2", &flip_high_bits),
        (check_cost_model, "cost_model.csv", "result,mem_exact", &relative),
    ];
    for (check, name, prefix, replace) in cases {
        let (changed, line) = with_field(&text(name), prefix, None, replace);
        let report = check_text(check, &changed).unwrap();
        assert_eq!(report.mismatches, 1, "{name} {prefix}: {report}");
        let first = report.first_mismatch.unwrap();
        assert!(first.starts_with(&format!("line {line}: ")), "{first}");
    }
}

#[test]
fn a_cut_off_file_does_not_pass() {
    cut_off_files_do_not_pass(check_adapt_units, "adapt_units.csv");
    a_missing_last_line_does_not_pass(check_adapt_units, "adapt_units.csv");
    cut_off_files_do_not_pass(check_adapt_sequences, "adapt_sequences.csv");
    a_missing_last_line_does_not_pass(check_adapt_sequences, "adapt_sequences.csv");
    cut_off_files_do_not_pass(check_cost_model, "cost_model.csv");
}

#[test]
fn malformed_lines_are_errors_with_file_and_line() {
    let cases: [(Check, &str, &str, &str); 6] = [
        (check_adapt_units, "adapt_units.csv", "loss,", "5,3,x,00000000,0,0000000000000000"),
        (check_adapt_units, "adapt_units.csv", "push_up,", "neither,3f800000,32,30,min,0,32,31"),
        (check_adapt_units, "adapt_units.csv", "g,", "3f800000"),
        (check_adapt_sequences, "adapt_sequences.csv", "init,0", ",4x2x3x3,3cbe29f9"),
        (check_adapt_sequences, "adapt_sequences.csv", "step,paper,", "7,min,8"),
        (check_cost_model, "cost_model.csv", "step,1,", "8|99|3"),
    ];
    for (check, name, prefix, replacement) in cases {
        let text = text(name);
        let number = text.lines().position(|line| line.starts_with(prefix)).unwrap();
        let mut changed: Vec<String> = text.lines().map(str::to_owned).collect();
        changed[number] = format!("{prefix}{replacement}");
        let error = check_text(check, &changed.join("\n")).unwrap_err().to_string();
        let place = format!("changed.csv, line {}: ", number + 1);
        assert!(error.contains(&place), "{name} {prefix}: {error}");
    }
    for text in [
        "",
        "# not json",
        "#{}",
        "#{}\ncase,0,kind=loss,slices=1,n=1\nw,nan\nloss,8,4,5,00000000,0,0000000000000000",
    ] {
        for check in [check_adapt_units as Check, check_adapt_sequences, check_cost_model] {
            assert!(check_text(check, text).is_err(), "{text:?}");
        }
    }
}

/// Every damage of a single field gives a report or an error, never a panic.
#[test]
fn damaged_fields_never_panic() {
    let units =
        ["case,0", "loss", "push_down,paper", "push_up", "lookback", "resolution", "strategy"];
    let sequences = ["case,0", "step,released,3"];
    let costs = ["case,0", "layer", "step", "val", "case,6"];
    for (check, name, prefixes) in [
        (check_adapt_units as Check, "adapt_units.csv", &units[..]),
        (check_adapt_sequences, "adapt_sequences.csv", &sequences),
        (check_cost_model, "cost_model.csv", &costs),
    ] {
        let (reports, errors) = damage(check, name, prefixes);
        assert!(reports > 0 && errors > reports, "{name}: {reports} reports, {errors} errors");
    }
}
