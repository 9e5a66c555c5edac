//! The golden vectors of QPyTorch's formats and of MuPPET's policy, recomputed by this crate.

mod golden_files;

use golden_files::{
    Change, a_missing_last_line_does_not_pass, check_text, cut_off_files_do_not_pass, damage,
    golden, lines, plus_one, text, with_field,
};
use hwmodel::SimdLevel;
use hwmodel::random::{below, generator};
use hwsim::verify::golden::{
    CHECKS, Check, GoldenError, Report, check_muppet_policy, check_quant_block, check_quant_fixed,
    check_quant_float,
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
fn small_floats() {
    let report = passes(check_quant_float, "quant_float.csv");
    let (nearest, stochastic) = (report.rows["nearest-away"], report.rows["stochastic"]);
    assert_eq!(
        (nearest, stochastic),
        (lines("quant_float.csv", "n"), lines("quant_float.csv", "s"))
    );
    assert_eq!(nearest + stochastic, 4320);
    assert_eq!(report.values, 2 * 4320 + nearest * levels());
}

#[test]
fn block_floating_point() {
    let name = "quant_block.csv";
    let report = passes(check_quant_block, name);
    assert_eq!(report.cases, 182);
    assert_eq!(report.rows.keys().collect::<Vec<_>>(), ["k", "k_exact", "y"]);
    assert!(report.rows.values().all(|&rows| rows == 182));
    let elements = |mode: &str| -> u64 {
        let mut counted = false;
        let mut elements = 0;
        for line in text(name).lines() {
            match line.split_once(',') {
                Some(("case", rest)) => counted = rest.contains(mode),
                Some(("x", rest)) if counted => elements += rest.split(',').count() as u64,
                _ => {}
            }
        }
        elements
    };
    let nearest = elements("mode=n");
    assert_eq!(report.values, 3 * (nearest + elements("mode=s")) + nearest * levels());
}

#[test]
fn muppet_policy() {
    let name = "muppet_policy.csv";
    let report = passes(check_muppet_policy, name);
    assert_eq!(report.cases, 7);
    let modes = ["code", "code_alias", "code_skip", "paper", "paper_skip"];
    assert_eq!(report.rows.keys().collect::<Vec<_>>(), modes);
    let rows = lines(name, "epoch");
    assert_eq!(report.rows.values().sum::<u64>(), rows);
    // Nine values a row, and the number of rows of six cases with three modes and one with two.
    assert_eq!(report.values, 9 * rows + 6 * 3 + 2);
}

#[test]
fn a_corrupted_value_is_caught() {
    let flip: Change = &|field| {
        let first = if field.starts_with('4') { 'c' } else { '4' };
        format!("{first}{}", &field[1..])
    };
    let relative: Change = &|field| (field.parse::<f64>().unwrap() * (1.0 + 1e-4)).to_string();
    let last_bit: Change =
        &|field| f64::from_bits(field.parse::<f64>().unwrap().to_bits() + 1).to_string();
    let next: Change = &plus_one;
    let (float, block) = ("quant_float.csv", "quant_block.csv");
    let policy = "muppet_policy.csv";
    let float_check: Check = check_quant_float;
    let policy_check: Check = check_muppet_policy;
    let cases: [(Check, &str, &str, usize, Change, u64); 18] = [
        (float_check, float, "n,4,3,3", 5, flip, 1),
        (float_check, float, "n,4,3,3", 6, flip, 1 + levels()),
        (float_check, float, "s,4,3,3", 5, flip, 1),
        (float_check, float, "s,4,3,3", 6, flip, 1),
        (check_quant_block, block, "y,", 1, flip, 1),
        (check_quant_block, block, "k,", 2, next, 1),
        (check_quant_block, block, "k_exact,", 1, next, 1 + levels()),
        (check_quant_fixed, "quant_fixed.csv", "n,8,", 5, flip, 1),
        (check_quant_fixed, "quant_fixed.csv", "s,8,", 6, flip, 1),
        (check_quant_fixed, "quant_fixed.csv", "s,8,", 7, flip, 1),
        (policy_check, policy, "epoch,code,2,", 3, relative, 1),
        (policy_check, policy, "epoch,code_alias,5,", 4, relative, 1),
        (policy_check, policy, "epoch,paper,7,", 5, relative, 1),
        (policy_check, policy, "epoch,paper,7,", 6, next, 1),
        (policy_check, policy, "epoch,code,11,", 7, next, 1),
        (policy_check, policy, "epoch,code_skip,8,", 8, next, 1),
        (policy_check, policy, "epoch,paper_skip,8,", 9, last_bit, 1),
        (policy_check, policy, "epoch,code,11,", 10, next, 1),
    ];
    for (check, name, prefix, field, change, mismatches) in cases {
        let (changed, line) = with_field(&text(name), prefix, Some(field), change);
        let report = check_text(check, &changed).unwrap();
        assert_eq!(report.mismatches, mismatches, "{name} {prefix} {field}: {report}");
        let first = report.first_mismatch.unwrap();
        assert!(first.starts_with(&format!("line {line}: ")), "{first}");
    }
}

#[test]
fn numbers_and_their_absence_are_told_apart() {
    let dash: Change = &|_| "-".to_owned();
    let number: Change = &|_| "1".to_owned();
    let (block, policy) = ("quant_block.csv", "muppet_policy.csv");
    let subnormal =
        text(block).lines().find(|line| line.starts_with("k_exact,-,")).unwrap().to_owned();
    let cases: [(Check, &str, &str, usize, Change); 5] = [
        (check_quant_block, block, "k,", 1, dash),
        (check_quant_block, block, &subnormal, 1, number),
        (check_muppet_policy, policy, "epoch,code,2,", 4, dash),
        (check_muppet_policy, policy, "epoch,code,3,", 3, number),
        (check_muppet_policy, policy, "epoch,paper,3,", 4, number),
    ];
    for (check, name, prefix, field, change) in cases {
        let report = check_text(check, &with_field(&text(name), prefix, Some(field), change).0);
        assert!(report.unwrap().mismatches > 0, "{name} {prefix}");
    }
}

#[test]
fn a_cut_off_file_does_not_pass() {
    for (check, name) in [
        (check_quant_float as Check, "quant_float.csv"),
        (check_quant_block, "quant_block.csv"),
        (check_muppet_policy, "muppet_policy.csv"),
    ] {
        cut_off_files_do_not_pass(check, name);
        a_missing_last_line_does_not_pass(check, name);
    }
}

#[test]
fn damaged_fields_never_panic() {
    let blocks = ["case,0", "x,", "r,", "y,", "k,", "k_exact,"];
    let policy =
        ["case,0", "case,6", "shape,1", "grad,7", "first,1", "epoch,code,8", "epoch,paper,8"];
    for (check, name, prefixes) in [
        (check_quant_float as Check, "quant_float.csv", &["n,4,3,3", "s,4,3,3"][..]),
        (check_quant_block, "quant_block.csv", &blocks),
        (check_muppet_policy, "muppet_policy.csv", &policy),
        (check_quant_fixed, "quant_fixed.csv", &["n,8,", "s,8,"]),
    ] {
        let (reports, errors) = damage(check, name, prefixes);
        assert!(reports > 0 && errors > 30, "{name}: {reports} reports, {errors} errors");
    }
}

fn error_of(check: Check, text: &str) -> String {
    let error = check_text(check, text).unwrap_err();
    assert!(matches!(error, GoldenError::Line { .. }), "{error}");
    error.without_file()
}

#[test]
fn malformed_files_are_explained() {
    let float = "#{\"columns\": \"mode,exp,man,x_hex,r,y_hex,exact_hex\"}\n";
    let row = |row: &str| error_of(check_quant_float, &format!("{float}{row}\n"));
    insta::assert_snapshot!(row("n,9,3,3f800000,524288,3f800000,3f800000"), @"line 2: 9 exponent bits are impossible: use 1 to 8");
    insta::assert_snapshot!(row("n,4,23,3f800000,1,3f800000,3f800000"), @"line 2: 23 mantissa bits are impossible: use 0 to 22");
    insta::assert_snapshot!(row("n,4,3,3f800000,524287,3f800000,3f800000"), @"line 2: r of a nearest row is 524288, not 524287");
    insta::assert_snapshot!(row("s,4,3,3f800000,1048576,3f800000,3f800000"), @"line 2: r = 1048576 is not below 2^20");
    insta::assert_snapshot!(row("t,4,3,3f800000,0,3f800000,3f800000"), @"line 2: mode `t` is unknown");
    insta::assert_snapshot!(row("n,4,3,3f80000,524288,3f800000,3f800000"), @"line 2: `3f80000` is no float32 of 8 hex digits");
    insta::assert_snapshot!(row("n,4,3"), @"line 2: 3 fields, expected 7");
    insta::assert_snapshot!(error_of(check_quant_float, "#{\"columns\": \"mode,exp,man,x_hex,r,y_hex\"}\n"), @"line 1: the header has no column `exact_hex`");
    insta::assert_snapshot!(error_of(check_quant_float, float), @"line 1: the file has no values to check");
    insta::assert_snapshot!(error_of(check_quant_float, ""), @"line 1: no `#` header");

    let fixed = "#{\"columns\": \"mode,wl,fl,x_hex,r24,y_noclamp_hex,y_clamp_hex,y_sym_hex,q_clamp,q_sym,exact_clamp,exact_sym\"}\n";
    let row = |format: &str| {
        error_of(check_quant_fixed, &format!("{fixed}n,{format},0,-,0,0,0,0,0,0,0\n"))
    };
    insta::assert_snapshot!(row("0,4"), @"line 2: word length 0 is impossible: use 1 to 32 bits");
    insta::assert_snapshot!(row("33,4"), @"line 2: word length 33 is impossible: use 1 to 32 bits");
    insta::assert_snapshot!(row("8,65"), @"line 2: fractional length 65 is impossible: use -64 to 64 bits");
    let cut = fixed.replace(",q_sym", "");
    insta::assert_snapshot!(error_of(check_quant_fixed, &cut), @"line 1: the header has no column `q_sym`");

    let block = |case: &str, x: &str, r: &str| {
        let text = format!("#{{}}\ncase,0,{case}\nx,{x}\nr,{r}\ny,{x}\nk,1\nk_exact,1\n");
        error_of(check_quant_block, &text)
    };
    insta::assert_snapshot!(block("mode=n,wl=33,dim=0,shape=1", "3f800000", "1"), @"line 2: word length 33 is impossible: use 2 to 22");
    insta::assert_snapshot!(block("mode=n,wl=0,dim=0,shape=1", "3f800000", "1"), @"line 2: word length 0 is impossible: use 2 to 22");
    insta::assert_snapshot!(block("mode=n,wl=8,dim=1,shape=1", "3f800000", "16384"), @"line 2: shape 1 has no axis 1");
    insta::assert_snapshot!(block("mode=n,wl=8,dim=0,shape=2", "3f800000", "16384"), @"line 3: 1 values, not those of shape 2");
    insta::assert_snapshot!(block("mode=n,wl=8,dim=0,shape=0x3", "", ""), @"line 3: 0 values, not those of shape 0x3");
    insta::assert_snapshot!(block("mode=s,wl=8,dim=0,shape=1", "3f800000", "32768"), @"line 4: random integer 32768 of element 0 is not below 2^15");
    insta::assert_snapshot!(block("mode=n,wl=8,shape=1", "3f800000", "16384"), @"line 2: `dim=` is missing");

    let policy = |lines: &str| {
        let case = "case,0,epochs=1,tensors=1,r=1,gamma=2,lr=0.01,min_lr=0.0001,sub=0";
        error_of(check_muppet_policy, &format!("#{{}}\n{case}\n{lines}\n"))
    };
    let row = "epoch,code,0,-,-,2.5,0,0,8,0.01,0";
    insta::assert_snapshot!(policy(&format!("shape,0,1\n{row}")), @"line 2: a gradient of tensor 0 at epoch 0 is missing");
    insta::assert_snapshot!(policy("grad,0,0,5"), @"line 3: tensor 0 has no shape before this line");
    insta::assert_snapshot!(policy("shape,0,1\ngrad,0,0,5,6"), @"line 4: 2 values (integer), expected 1");
    insta::assert_snapshot!(policy("shape,0,1\ngrad,0,0,5\ngrad,0,0,5"), @"line 5: tensor 0 has two at epoch 0");
    insta::assert_snapshot!(policy("shape,0,1\ngrad,0,0,5\nepoch,cod,0,-,-,2.5,0,0,8,0.01,0"), @"line 5: unknown mode `cod`");
    insta::assert_snapshot!(policy("shape,1,1"), @"line 3: tensor 1 comes where 0 does");
    insta::assert_snapshot!(policy(row), @"line 2: 1 tensors announced, 0 found");
}

/// Flipped bits and cut-off files of every layout: a report or an error that names a line.
#[test]
fn flipped_bits_and_cuts_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.csv");
    for (number, (name, check)) in CHECKS.iter().enumerate() {
        let whole = std::fs::read(golden(&format!("{name}.csv"))).unwrap();
        let mut random = generator(20_251, &[number as u64]);
        let mut below = |bound: usize| below(&mut random, u32::try_from(bound).unwrap()) as usize;
        for round in 0..FLIPS {
            let mut bytes = whole.clone();
            if round % 3 == 0 {
                bytes.truncate(below(whole.len()));
            }
            for _ in 0..round % 4 {
                if !bytes.is_empty() {
                    let place = below(bytes.len());
                    bytes[place] ^= 1 << below(8);
                }
            }
            std::fs::write(&path, bytes).unwrap();
            match check(&path) {
                Ok(report) => assert!(report.values > 0),
                Err(error) => assert!(error.to_string().contains("line "), "{name}: {error}"),
            }
        }
    }
}

const FLIPS: usize = 12;
