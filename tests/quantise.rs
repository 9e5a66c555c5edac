//! `hwsim quantise`.

use assert_cmd::Command;

fn hwsim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_SIMD").arg("quantise").args(arguments);
    command
}

#[test]
fn values_of_a_file_become_raw_integers() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("values.txt"), folder.path().join("raw.txt"));
    std::fs::write(&input, "0.5, 0.53125\n-100 100 0.001 -0.59375\n").unwrap();
    let raw = |more: &[&str]| {
        hwsim(&["--wl", "8", "--fl", "4", "--repeat", "1", "--json"])
            .args(more)
            .arg("--in")
            .arg(&input)
            .arg("--out")
            .arg(&out)
            .assert()
            .success();
        std::fs::read_to_string(&out).unwrap().replace('\n', " ")
    };
    // In steps of 1/16: 8, 8.5, -1600, 1600, 0.016, -9.5.
    assert_eq!(raw(&[]), "8 8 -128 127 0 -10 ");
    assert_eq!(raw(&["--rounding", "half-up"]), "8 9 -128 127 0 -9 ");
    assert_eq!(raw(&["--rounding", "floor"]), "8 8 -128 127 0 -10 ");
    // Next to a tie, at distances that float32 and float64 do not have.
    let near = "0.0312500001 0.03125 -0.0312500001 0.031250000000000000000000000000000001 1e-400";
    std::fs::write(&input, near).unwrap();
    assert_eq!(raw(&[]), "1 0 -1 1 0 ");
    assert_eq!(raw(&["--rounding", "floor"]), "0 0 -1 0 0 ");
}

#[test]
fn counts_do_not_depend_on_instructions_or_threads() {
    let result = |threads: &str, simd: &str| {
        let arguments = ["--elements", "70001", "--wl", "5", "--fl", "3", "--repeat", "1"];
        let output = hwsim(&arguments)
            .args(["--rounding", "stochastic", "--json", "--threads", threads])
            .env("HWSIM_SIMD", simd)
            .output()
            .unwrap();
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        ["elements", "saturated_high", "saturated_low", "flushed_to_zero", "nonzero"]
            .map(|key| value[key].as_u64().unwrap())
    };
    let expected = result("1", "portable");
    assert!(expected[1] > 0 && expected[2] > 0 && expected[3] > 0);
    for level in hwmodel::SimdLevel::available() {
        assert_eq!(result("2", level.name()), expected, "{level}");
    }
}

#[test]
fn wrong_input_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("values.txt");
    let failure = |text: &str, more: &[&str]| {
        std::fs::write(&input, text).unwrap();
        let output = hwsim(more).arg("--in").arg(&input).output().unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        (line.trim_end().replace(input.to_str().unwrap(), "FILE"), output.status.code().unwrap())
    };
    let (line, code) = failure("1 x", &[]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(line, @"hwsim: values `FILE`: element 1: `x` is not a number: write decimals, as in -0.5 or 1e-3");
    let (line, code) = failure("1 NaN", &[]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(line, @"hwsim: element 1 is not a number (NaN), which no fixed-point format can hold");
    let (line, code) = failure(" \n", &[]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(line, @"hwsim: values `FILE`: the file has no numbers: write them separated by white space or commas");
    let (line, code) = failure("1", &["--wl", "33"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(line, @"hwsim: format (--wl, --fl): word length 33 is impossible: use 1 to 32 bits");
}

#[test]
fn formats_of_other_tools_bring_their_modes() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("values.txt"), folder.path().join("raw.txt"));
    std::fs::write(&input, "0.53125 -0.53125 9 -9 -0.03").unwrap();
    let raw = |arguments: &[&str]| {
        let mut command = hwsim(&["--repeat", "1", "--json"]);
        command.args(arguments).arg("--in").arg(&input).arg("--out").arg(&out);
        command.assert().success();
        std::fs::read_to_string(&out).unwrap().replace('\n', " ")
    };
    // In sixteenths: 8.5, -8.5, 144, -144, -0.48.
    assert_eq!(raw(&["--number-format", "8,4"]), "8 -8 127 -128 0 ");
    assert_eq!(raw(&["--number-format", "ap_fixed<8,4>"]), "8 -9 -112 112 -1 ");
    assert_eq!(raw(&["--number-format", "ap_fixed<8,4,AP_RND,AP_SAT_SYM>"]), "9 -8 127 -127 0 ");
    assert_eq!(raw(&["--number-format", "u8,4"]), "8 0 144 0 0 ");
    assert_eq!(raw(&["--number-format", "8,4", "--overflow", "saturate-zero"]), "8 -8 0 0 0 ");
    assert_eq!(raw(&["--wl", "8", "--fl", "4", "--rounding", "HALF_UP"]), "9 -9 127 -128 0 ");
    for wrong in [
        &["--number-format", "ap_fixed<0,0>"][..],
        &["--number-format", "ap_fixed<8,4>", "--overflow", "wrap"],
        &["--number-format", "BIPOLAR"],
    ] {
        let output = hwsim(wrong).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((text.trim_end().lines().count(), output.status.code()), (1, Some(2)), "{text}");
    }
    // Two flags for one thing, and an unknown word, are explained with the usage.
    hwsim(&["--number-format", "8,4", "--wl", "8"]).assert().code(2);
    hwsim(&["--overflow", "clip"]).assert().code(2);
}
