//! Accumulators of two levels and with their own fraction, as a user types them.

use assert_cmd::Command;

fn hwsim(folder: &std::path::Path, line: &str) -> (i32, String, String) {
    let output = Command::cargo_bin("hwsim")
        .unwrap()
        .args(line.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Three words of 9 bits, of which the first are unsigned bytes: conventions.md, section 3.
#[test]
fn pairs_in_16_bits_lose_82() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "210 198 234").unwrap();
    std::fs::write(folder.path().join("b"), "-81 -80 127").unwrap();
    let line = "gemm --m 1 --n 1 --k 3 --wl-a 9 --wl-b 8 --a a --b b -o c --format json --repeat 1";
    let (code, _, error) = hwsim(folder.path(), line);
    assert_eq!(code, 0, "{error}");
    assert_eq!(std::fs::read_to_string(folder.path().join("c")).unwrap(), "-3132\n");
    let pairs = "--accumulator 32 --accumulator-inner-terms 2 --accumulator-inner-width 16 --force";
    let pairs = pairs.replace(" --force", "");
    std::fs::remove_file(folder.path().join("c")).unwrap();
    let (code, out, error) = hwsim(folder.path(), &format!("{line} {pairs}"));
    assert_eq!(code, 0, "{error}");
    assert_eq!(std::fs::read_to_string(folder.path().join("c")).unwrap(), "-3050\n");
    let result: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(result["accumulator_events"], 1);
    assert_eq!(result["level_events"]["inner"], 1);
    assert_eq!(result["level_events"]["outer"], 0);
}

#[test]
fn impossible_accumulators_are_one_line_and_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for (flags, says) in [
        ("--accumulator-inner-terms 0 --accumulator-inner-width 8", "accumulator-inner-terms"),
        ("--accumulator-inner-terms 2 --accumulator-inner-width 0", "use 1 to 64 bits"),
        ("--accumulator-inner-terms 2 --accumulator-inner-width 65", "use 1 to 64 bits"),
        (
            "--accumulator-inner-width 8",
            "`--accumulator-inner-width` needs `--accumulator-inner-terms`",
        ),
        ("--accumulator-fl 65", "use -64 to 64"),
        ("--accumulator-rounding floor", "rounds nothing"),
        ("--accumulator-fl 2 --accumulator-rounding stochastic", "not supported"),
        (
            "--accumulator-tile-terms 4",
            "`--accumulator-tile-terms` needs `--accumulator-tile-width`",
        ),
        (
            "--accumulator-tile-terms 4 --accumulator-tile-width 8 --accumulator-tile-shift 40",
            "use 0 to 32",
        ),
    ] {
        let (code, _, error) =
            hwsim(folder.path(), &format!("gemm --m 1 --n 1 --k 3 --accumulator 16 {flags}"));
        assert_eq!(code, 2, "{flags}: {error}");
        assert!(error.contains(says), "{flags}: {error}");
    }
}
