//! Layers and networks against PyTorch, recomputed by this crate.

mod golden_files;

use golden_files::{
    Change, a_missing_last_line_does_not_pass, check_text, cut_off_files_do_not_pass, damage,
    golden, lines, text, with_field,
};
use hwsim::verify::golden::{Check, check_torch_nets, check_torch_ops};

/// Reference tensors of a file.
fn references(name: &str) -> u64 {
    let reference =
        |line: &&str| ["tensor,f32.", "tensor,f64."].iter().any(|prefix| line.starts_with(prefix));
    text(name).lines().filter(reference).count() as u64
}

#[allow(clippy::print_stdout, reason = "the log of a test")]
fn passes(check: Check, name: &str, kinds: &[&str]) {
    let report = check(&golden(name)).unwrap();
    println!("{report} {:?}", report.rows);
    assert!(report.passed(), "{report}");
    assert_eq!(report.cases, lines(name, "case"));
    assert_eq!(report.rows.keys().collect::<Vec<_>>(), kinds);
    assert_eq!(report.rows.values().sum::<u64>(), references(name));
}

#[test]
fn single_layers() {
    let kinds = ["avgpool", "batchnorm", "conv2d", "linear", "maxpool", "softmax_ce"];
    passes(check_torch_ops, "torch_ops.csv", &kinds);
}

#[test]
fn networks() {
    passes(check_torch_nets, "torch_nets.csv", &["lenet", "resnet"]);
}

/// Another sign bit and exponent.
fn flip(field: &str) -> String {
    let first = if field.starts_with('4') { 'c' } else { '4' };
    format!("{first}{}", &field[1..])
}

/// The case of a file that has the first line starting with `prefix`.
fn case_of(name: &str, prefix: &str) -> String {
    golden_files::one_case(&text(name), prefix).0.join("\n")
}

#[test]
fn a_corrupted_value_is_caught() {
    let one_percent: Change = &|field| {
        let value = f64::from_bits(u64::from_str_radix(field, 16).unwrap());
        format!("{:016x}", (value * 1.01).to_bits())
    };
    let ops = (check_torch_ops as Check, "torch_ops.csv");
    let nets = (check_torch_nets as Check, "torch_nets.csv");
    for ((check, name), case, tensor, change) in [
        (ops, "case,0,", "tensor,f32.y,", &flip as Change),
        (ops, "case,0,", "tensor,f64.grad.w,", &flip),
        (ops, "case,0,", "tensor,f64.grad.x,", &flip),
        (ops, "case,1,", "tensor,f32.y,", &flip),
        (ops, "case,1,", "tensor,f64.grad.x,", &flip),
        (ops, "case,2,", "tensor,f64.y,", &flip),
        (ops, "case,3,", "tensor,f64.grad.w,", &flip),
        (ops, "case,4,", "tensor,f64.grad.b,", &flip),
        (ops, "case,4,", "tensor,in.b,", &flip),
        (ops, "case,5,", "tensor,f64.y,", one_percent),
        (nets, "case,0,", "tensor,f32.logits,", &flip),
        (nets, "case,0,", "tensor,f64.loss,", one_percent),
        (nets, "case,0,", "tensor,f64.grad.conv2.bias,", &flip),
        (nets, "case,0,", "tensor,f64.grad.fc1.weight,", &flip),
        (nets, "case,1,", "tensor,f64.grad.in,", &flip),
        (nets, "case,1,", "tensor,f64.after.pn.running_var,", one_percent),
        (nets, "case,1,", "tensor,f64.eval_logits,", one_percent),
        (nets, "case,1,", "tensor,f64.sgd_losses,", one_percent),
        (nets, "case,1,", "tensor,f64.sgd_final.a1.weight,", &flip),
    ] {
        let text = case_of(name, case);
        let report = check_text(check, &text).unwrap();
        assert!(report.passed(), "{case}: {report}");
        let (changed, line) = with_field(&text, tensor, None, change);
        let report = check_text(check, &changed).unwrap();
        assert!(report.mismatches > 0, "{case} {tensor}");
        if !tensor.starts_with("tensor,in.") {
            let first = report.first_mismatch.unwrap();
            assert!(first.starts_with(&format!("line {line}: ")), "{first}");
        }
    }
}

#[test]
fn every_tensor_is_checked() {
    for (check, name, case, tensor) in [
        (check_torch_ops as Check, "torch_ops.csv", "case,0,", "tensor,f64.grad.w,"),
        (check_torch_ops, "torch_ops.csv", "case,5,", "tensor,in.labels,"),
        (check_torch_nets, "torch_nets.csv", "case,1,", "tensor,f64.after.bn1.running_mean,"),
        (check_torch_nets, "torch_nets.csv", "case,0,", "tensor,param.fc1.bias,"),
    ] {
        let text = case_of(name, case);
        let missing: Vec<&str> = text.lines().filter(|line| !line.starts_with(tensor)).collect();
        let error = check_text(check, &missing.join("\n")).unwrap_err().to_string();
        assert!(error.contains("has no tensor"), "{error}");
        let unknown = format!("{text}\ntensor,f64.unknown,f64,1,3ff0000000000000");
        let error = check_text(check, &unknown).unwrap_err().to_string();
        assert!(error.contains("has no tensor `f64.unknown`"), "{error}");
    }
}

#[test]
fn a_cut_off_file_does_not_pass() {
    cut_off_files_do_not_pass(check_torch_ops, "torch_ops.csv");
    a_missing_last_line_does_not_pass(check_torch_ops, "torch_ops.csv");
    cut_off_files_do_not_pass(check_torch_nets, "torch_nets.csv");
    a_missing_last_line_does_not_pass(check_torch_nets, "torch_nets.csv");
}

#[test]
fn damaged_fields_never_panic() {
    let ops: Vec<String> = (0..6).map(|case| format!("case,{case},")).collect();
    let mut ops: Vec<&str> = ops.iter().map(String::as_str).collect();
    ops.push("tensor,in.labels,");
    ops.push("case,4");
    let nets = ["case,0,", "case,1,", "tensor,in.labels,", "tensor,param.conv1.bias"];
    for (check, name, prefixes) in [
        (check_torch_ops as Check, "torch_ops.csv", &ops[..]),
        (check_torch_nets, "torch_nets.csv", &nets),
    ] {
        let (reports, errors) = damage(check, name, prefixes);
        assert!(reports > 0 && errors > reports, "{name}: {reports} reports, {errors} errors");
    }
}
