//! `hwsim golden check`: what a user sees, and the exit codes.

mod golden_files;

use assert_cmd::Command;
use golden_files::{golden, plus_one, text, with_field};
use hwsim::verify::golden::CHECKS;
use std::path::Path;
use tempfile::TempDir;

/// Exit code, standard output and standard error of a check at the portable level, so that the counts are
/// those of every CPU.
fn check(path: &Path, arguments: &[&str]) -> (i32, String, String) {
    run(Command::new(env!("CARGO_BIN_EXE_hwsim"))
        .env("HWSIM_SIMD", "portable")
        .args(["golden", "check"])
        .arg(path)
        .args(arguments))
}

fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A folder with some shipped files and `others`.
fn folder(shipped: &[&str], others: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in shipped {
        std::fs::copy(golden(name), folder.path().join(name)).unwrap();
    }
    for (name, text) in others {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn the_shipped_files_are_equal() {
    let (code, out, error) = check(&golden(""), &[]);
    assert_eq!((code, error.as_str()), (0, ""));
    insta::assert_snapshot!(out, @r#"
    file                    cases    values mismatches  result
    adapt_sequences.csv         3     22419          0  equal
    adapt_units.csv            35      5115          0  equal
    cost_model.csv             11       175          0  equal
    layers.csv                 72     12244          0  equal
    matmul.csv                195     10078          0  equal
    muppet_policy.csv           7     16742          0  equal
    quant_block.csv           182     12894          0  equal
    quant_fixed.csv          5493     41192          0  equal
    quant_fixed_negfl.csv    1272      9540          0  equal
    quant_float.csv          4320     10800          0  equal
    requant.csv              3085     67870          0  equal
    rtl_stochastic.csv         10       970          0  equal
    rtl_values.csv            124      4320          0  equal
    torch_nets.csv              5     14214          0  equal
    torch_ops.csv              46     25086          0  equal
    0 of 253659 values differ in 14860 cases; files: 15 equal; SIMD: portable
    "#);
}

/// What hls4ml, QONNX, brevitas, ONNX Runtime and TFLite compute.
#[test]
fn the_shipped_conventions_are_equal() {
    let (code, out, error) = check(&golden("conventions"), &[]);
    assert_eq!((code, error.as_str()), (0, ""), "{out}");
    let files: Vec<&str> = out.lines().filter(|line| line.contains(".csv ")).collect();
    assert_eq!(files.len(), 11, "{out}");
    for line in files {
        let known = CHECKS.iter().any(|(name, _)| line.starts_with(&format!("{name}.csv ")));
        assert!(line.ends_with("  equal") || !known, "{line}");
    }
}

#[test]
fn mismatches_damage_and_unknown_files_are_told_apart() {
    let changed = with_field(&text("quant_float.csv"), "n,4,3,3", None, |_| "40000000".into()).0;
    let matmul = with_field(&text("matmul.csv"), "first_sat,", None, plus_one).0;
    let cut: String = text("requant.csv").chars().take(3000).collect();
    let folder = folder(
        &["quant_block.csv"],
        &[
            ("quant_float_other.csv", &changed),
            ("products.csv", &matmul),
            ("requant.csv", &cut),
            ("layers.csv", ""),
            ("trace.csv", "schema,row\n1,gemm\n"),
            ("table.csv", "#{\"columns\": \"a,b\"}\n1,2\n"),
            ("notes.txt", "nothing"),
        ],
    );
    let (code, out, error) = check(folder.path(), &[]);
    assert_eq!((code, error.as_str()), (1, ""));
    insta::assert_snapshot!(out, @r#"
    file                    cases    values mismatches  result
    layers.csv                  -         -          -  CORRUPT: line 1: no `#` header
    products.csv              195     10078          1  DIFFERENT: line 11: first overflow of output 7: expected 0, found -1
    quant_block.csv           182     12894          0  equal
    quant_float_other.csv    4320     10800          2  DIFFERENT: line 894: exact_hex: expected 40000000 (2e0), found 3c800000 (1.5625e-2)
    requant.csv                 -         -          -  CORRUPT: line 52: 5 fields, expected 18
    table.csv                   -         -          -  skipped: neither name nor header is of a known layout
    trace.csv                   -         -          -  skipped: line 1: no `#` header
    3 of 33772 values differ in 4697 cases; files: 1 equal, 2 different, 2 corrupt, 2 skipped; SIMD: portable
    "#);
}

#[test]
fn a_mismatch_or_a_damaged_file_alone_fails() {
    let changed = with_field(&text("matmul.csv"), "exact,", None, plus_one).0;
    for (name, text) in [("matmul.csv", changed.as_str()), ("matmul.csv", "#{}\n")] {
        let folder = folder(&["quant_block.csv"], &[(name, text)]);
        assert_eq!(check(folder.path(), &[]).0, 1);
    }
    let skipped = folder(&["quant_block.csv"], &[("other.csv", "a\n")]);
    assert_eq!(check(skipped.path(), &[]).0, 0);
}

#[test]
fn one_file_as_json() {
    let (code, out, _) = check(&golden("requant.csv"), &["--json"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(out, @r#"
    {
      "simd": [
        "portable"
      ],
      "files": [
        {
          "file": "requant.csv",
          "layout": "requant",
          "status": "equal",
          "cases": 3085,
          "values": 67870,
          "mismatches": 0,
          "note": null
        }
      ],
      "total": {
        "equal": 1,
        "different": 0,
        "corrupt": 0,
        "skipped": 0,
        "cases": 3085,
        "values": 67870,
        "mismatches": 0
      }
    }
    "#);
}

#[test]
fn every_level_is_checked_without_the_variable() {
    let (code, out, _) = run(Command::new(env!("CARGO_BIN_EXE_hwsim"))
        .env_remove("HWSIM_SIMD")
        .args(["golden", "check"])
        .arg(golden("requant.csv")));
    let levels = hwmodel::SimdLevel::available();
    let names: Vec<&str> = levels.iter().map(|level| level.name()).collect();
    assert_eq!(code, 0);
    assert!(out.ends_with(&format!("SIMD: {}\n", names.join(", "))), "{out}");
    let values = 3085 * (12 + 10 * levels.len());
    assert!(out.contains(&format!("0 of {values} values differ")), "{out}");
}

#[test]
fn nothing_to_check_is_wrong_usage() {
    let empty = folder(&[], &[]);
    let unknown = folder(&[], &[("a.csv", "x\n"), ("b.csv", "#{}\n")]);
    let missing = empty.path().join("missing");
    let explain = |path: &Path| {
        let (code, out, error) = check(path, &[]);
        assert_eq!((code, out.as_str()), (2, ""));
        assert_eq!(error.lines().count(), 1);
        let root = [empty.path(), unknown.path()].map(|path| path.display().to_string());
        root.iter().fold(error, |error, root| error.replace(root, "DIR"))
    };
    insta::assert_snapshot!(explain(empty.path()), @"hwsim: nothing to check in `DIR`: it holds no .csv file");
    insta::assert_snapshot!(explain(unknown.path()), @"hwsim: nothing to check in `DIR`: a.csv: line 1: no `#` header; b.csv: neither name nor header is of a known layout");
    insta::assert_snapshot!(explain(&unknown.path().join("a.csv")), @"hwsim: nothing to check in `DIR/a.csv`: a.csv: line 1: no `#` header");
    insta::assert_snapshot!(explain(&missing), @"hwsim: cannot read `DIR/missing`: No such file or directory (os error 2)");
    let (code, _, error) = run(Command::new(env!("CARGO_BIN_EXE_hwsim"))
        .env("HWSIM_SIMD", "mmx")
        .args(["golden", "check"])
        .arg(golden("")));
    assert_eq!(code, 2);
    insta::assert_snapshot!(error, @"hwsim: environment variable HWSIM_SIMD: unknown SIMD level `mmx`: use portable, avx2, avx512, amx or amx-model");
    let (code, _, _) = run(Command::new(env!("CARGO_BIN_EXE_hwsim")).args(["golden", "check"]));
    assert_eq!(code, 2, "no folder given");
}
