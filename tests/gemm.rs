//! `hwsim gemm`: published products, formats as other tools write them, and output words.

use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

fn hwsim(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_SIMD").current_dir(folder).arg("gemm").args(arguments);
    command.args(["--repeat", "1"]);
    command
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let output = hwsim(folder, arguments).args(["--format", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The one line of a command that is refused.
fn usage(arguments: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    let output = hwsim(folder.path(), arguments).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((text.trim_end().lines().count(), output.status.code()), (1, Some(2)), "{text}");
    text.trim_end().to_owned()
}

/// Words of `wl` bits from a seed, written to `name`.
fn operand(folder: &Path, name: &str, length: usize, wl: u32, seed: u64) -> Vec<i128> {
    let mut state = seed;
    let words: Vec<i128> = (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            i128::from((state >> 33) as u32 % (1 << wl)) - (1 << (wl - 1))
        })
        .collect();
    write(folder, name, &words);
    words
}

fn write(folder: &Path, name: &str, words: &[i128]) {
    let text: Vec<String> = words.iter().map(ToString::to_string).collect();
    std::fs::write(folder.join(name), text.join(" ")).unwrap();
}

fn read(folder: &Path, name: &str) -> Vec<i128> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    text.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

#[test]
fn unsigned_bytes_times_signed_bytes() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a", &[210, 198, 234]);
    write(folder.path(), "b", &[-81, -80, 127]);
    let sizes = ["--m", "1", "--n", "1", "--k", "3", "--a", "a", "--b", "b"];
    for (a, b, out) in
        [("u8,0", "8,0", "16,0"), ("ap_uint<8>", "ap_int<8>", "INT16"), ("UINT8", "INT8", "16,0")]
    {
        let mut arguments = sizes.to_vec();
        arguments.extend(["--format-a", a, "--format-b", b, "--format-out", out]);
        let result = json(folder.path(), &arguments);
        assert_eq!(result["output"]["sums"], serde_json::json!([-3132]), "{a}");
        assert_eq!(result["output"]["words"], serde_json::json!([-3132]));
        assert_eq!(result["accumulator_events"], 0);
        assert_eq!(result["a"]["wl"], 8);
    }
}

/// 210 · -81 + 198 · -80 is -32850, which 16 bits hold as -32768; 234 · 127 is added to that.
#[test]
fn pairs_summed_in_a_saturating_adder_of_16_bits() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a", &[210, 198, 234]);
    write(folder.path(), "b", &[-81, -80, 127]);
    let sizes = ["--m", "1", "--n", "1", "--k", "3", "--a", "a", "--b", "b"];
    let mut arguments = sizes.to_vec();
    arguments.extend(["--format-a", "u8,0", "--format-b", "8,0", "-o", "sum"]);
    arguments.extend(["--accumulator", "32", "--accumulator-overflow", "wrap"]);
    arguments.extend(["--accumulator-inner-terms", "2", "--accumulator-inner-width", "16"]);
    let result = json(folder.path(), &arguments);
    assert_eq!(read(folder.path(), "sum"), [-3050]);
    assert_eq!(result["accumulator_events"], 1);
}

/// Products of Q8.8 words rounded half up and saturated to 16 bits before they are added with saturation, layer after layer.
#[test]
fn a_network_with_partial_sums_in_q8_8() {
    let folder = TempDir::new().unwrap();
    let fit = |value: i128| value.clamp(-32768, 32767);
    let sizes = [3usize, 784, 64, 10];
    let mut words = operand(folder.path(), "a0", sizes[0] * sizes[1], 9, 3);
    let mut events = 0;
    for (layer, pair) in sizes[1..].windows(2).enumerate() {
        let &[k, n] = pair else { unreachable!() };
        let (a, b, out) = (format!("a{layer}"), format!("b{layer}"), format!("a{}", layer + 1));
        let weights = operand(folder.path(), &b, k * n, 11, 7);
        let expected: Vec<i128> = (0..sizes[0] * n)
            .map(|index| {
                let products =
                    (0..k).map(|term| words[index / n * k + term] * weights[term * n + index % n]);
                products.fold(0, |sum, product| {
                    let term = (product + 128).div_euclid(256);
                    let next = sum + fit(term);
                    events += u64::from(term != fit(term)) + u64::from(next != fit(next));
                    fit(next)
                })
            })
            .collect();
        let [m, k, n] = [sizes[0], k, n].map(|size| size.to_string());
        let mut arguments = vec!["--m", &m, "--n", &n, "--k", &k, "--a", &a, "--b", &b, "-o", &out];
        arguments.extend(["--format-a", "16,8", "--format-b", "16,8", "--accumulator", "16"]);
        arguments.extend(["--accumulator-fl", "8", "--accumulator-rounding", "half-up"]);
        let result = json(folder.path(), &arguments);
        assert_eq!(read(folder.path(), &out), expected, "layer {layer}");
        assert_eq!(result["accumulator_events"].as_u64(), Some(events), "layer {layer}");
        (words, events) = (expected, 0);
    }
}

/// Rounding each product to the 5 fractional bits of the output, or the sum: floor and nearest, all four differ.
#[test]
fn rounding_before_and_after_the_sum() {
    let folder = TempDir::new().unwrap();
    let x = operand(folder.path(), "x", 19, 6, 5);
    let w = operand(folder.path(), "w", 19 * 10, 6, 9);
    let sizes = ["--m", "1", "--n", "10", "--k", "19", "--a", "x", "--b", "w"];
    let floor = |value: i128| value.div_euclid(32);
    let half_up = |value: i128| (value + 16).div_euclid(32);
    let product = |term: usize, column: usize| x[term] * w[term * 10 + column];
    let before = |round: &dyn Fn(i128) -> i128| -> Vec<i128> {
        (0..10).map(|column| (0..19).map(|term| round(product(term, column))).sum()).collect()
    };
    let after = |round: &dyn Fn(i128) -> i128| -> Vec<i128> {
        (0..10).map(|column| round((0..19).map(|term| product(term, column)).sum())).collect()
    };
    let run = |more: &[&str]| {
        let mut arguments = sizes.to_vec();
        arguments.extend(["--format-a", "8,5", "--format-b", "8,5", "--format-out", "16,5"]);
        arguments.extend(["--output-words", "words"]);
        arguments.extend(more);
        json(folder.path(), &arguments);
        read(folder.path(), "words")
    };
    let own = |mode| {
        run(&["--accumulator", "24", "--accumulator-fl", "5", "--accumulator-rounding", mode])
    };
    let found = [
        own("floor"),
        own("half-up"),
        run(&["--rounding", "floor"]),
        run(&["--rounding", "half-up"]),
    ];
    assert_eq!(found, [before(&floor), before(&half_up), after(&floor), after(&half_up)]);
    for (index, words) in found.iter().enumerate() {
        assert!(!found[..index].contains(words), "{index}");
    }
}

/// A layer of 19 inputs and 10 outputs in ⟨8, 5⟩: the sums have 10 fractional bits.
#[test]
fn outputs_of_a_linear_layer_by_rounding_and_overflow() {
    let folder = TempDir::new().unwrap();
    let x = operand(folder.path(), "x", 3 * 19, 7, 5);
    let w = operand(folder.path(), "w", 19 * 10, 6, 9);
    let sizes = ["--m", "3", "--n", "10", "--k", "19", "--a", "x", "--b", "w"];
    let sum = |row: usize, column: usize| -> i128 {
        (0..19).map(|term| x[row * 19 + term] * w[term * 10 + column]).sum()
    };
    let sums: Vec<i128> = (0..30).map(|index| sum(index / 10, index % 10)).collect();
    let floor = |sum: i128| sum.div_euclid(32);
    let half_up = |sum: i128| (sum + 16).div_euclid(32);
    let even = |sum: i128| half_up(sum) - i128::from(sum.rem_euclid(64) == 16);
    let saturate = |value: i128| value.clamp(-128, 127);
    let wrap = |value: i128| (value + 128).rem_euclid(256) - 128;
    let run = |format: &str, more: &[&str]| {
        let mut arguments = sizes.to_vec();
        arguments.extend(["--format-a", "8,5", "--format-b", "8,5", "--format-out", format]);
        arguments.extend(["--output-words", "words", "--output", "sums"]);
        arguments.extend(more);
        let result = json(folder.path(), &arguments);
        assert_eq!(read(folder.path(), "sums"), sums);
        (read(folder.path(), "words"), result)
    };
    let of = |rule: &dyn Fn(i128) -> i128| sums.iter().map(|&sum| rule(sum)).collect::<Vec<_>>();
    let (words, result) = run("8,5", &[]);
    assert_eq!(words, of(&|sum| saturate(even(sum))));
    let above = sums.iter().filter(|&&sum| even(sum) > 127).count();
    let below = sums.iter().filter(|&&sum| even(sum) < -128).count();
    assert!(above > 0 && below > 0, "{above} {below}");
    assert_eq!(
        (result["output"]["above"].as_u64(), result["output"]["below"].as_u64()),
        (Some(above as u64), Some(below as u64))
    );
    let (floored, _) = run("8,5", &["--rounding", "floor"]);
    assert_eq!(floored, of(&|sum| saturate(floor(sum))));
    assert_ne!(floored, words);
    assert_eq!(run("ap_fixed<8,3>", &[]).0, of(&|sum| wrap(floor(sum))));
    assert_eq!(
        run("8,5", &["--rounding", "AP_TRN", "--overflow", "AP_WRAP"]).0,
        of(&|sum| wrap(floor(sum)))
    );
    assert_eq!(run("fixed<8,3,RND,SAT>", &[]).0, of(&|sum| saturate(half_up(sum))));
    assert_eq!(run("u8,5", &["--rounding", "half-up"]).0, of(&|sum| half_up(sum).clamp(0, 255)));
    assert_eq!(run("8,5,narrow,floor", &[]).0, of(&|sum| floor(sum).clamp(-127, 127)));
}

#[test]
fn random_operands_fill_unsigned_words() {
    let folder = TempDir::new().unwrap();
    let sizes = ["--m", "9", "--n", "7", "--k", "40", "--format-a", "u3,0", "--format-b", "u1,0"];
    let mut arguments = sizes.to_vec();
    arguments.extend(["-o", "sums"]);
    let result = json(folder.path(), &arguments);
    let sums = read(folder.path(), "sums");
    // 7 · 40 is the largest.
    assert!(sums.iter().all(|sum| (1..280).contains(sum)), "{sums:?}");
    assert!(sums.iter().max() > Some(&80));
    assert!(result.get("output").is_none());
    for level in hwmodel::SimdLevel::available() {
        let output = hwsim(folder.path(), &sizes)
            .args(["--format", "json"])
            .env("HWSIM_SIMD", level.name())
            .output()
            .unwrap();
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["checksum"], result["checksum"], "{level}");
    }
}

#[test]
fn few_outputs_are_shown() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a", &[3, 5]);
    write(folder.path(), "b", &[7, -1]);
    let output = hwsim(
        folder.path(),
        &[
            "--m",
            "1",
            "--n",
            "1",
            "--k",
            "2",
            "--a",
            "a",
            "--b",
            "b",
            "--format-out",
            "4,-1,half-up,wrap",
        ],
    )
    .output()
    .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // 16 in steps of 2 is 8, which 4 bits hold as -8.
    for line in [
        "output                  ⟨4, -1⟩, half-up, wrap",
        "outputs outside         1 above, 0 below",
        "sums                    16",
        "words                   -8",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn wrong_formats_are_one_line() {
    let with = |more: &[&str]| {
        let mut arguments = vec!["--m", "2", "--n", "2", "--k", "2"];
        arguments.extend(more);
        usage(&arguments)
    };
    insta::assert_snapshot!(with(&["--format-a", "ap_fixed<0,0>"]), @"hwsim: `--format-a` has `ap_fixed<0,0>`: word length 0 is impossible: use 1 to 32 bits (FL = W - I)");
    insta::assert_snapshot!(with(&["--format-b", "ap_fixed<33,8>"]), @"hwsim: `--format-b` has `ap_fixed<33,8>`: word length 33 is impossible: use 1 to 32 bits (FL = W - I)");
    insta::assert_snapshot!(with(&["--format-out", "ap_fixed<16,6"]), @"hwsim: `--format-out` has `ap_fixed<16,6`: write ap_fixed<W,I> or ap_fixed<W,I,rounding,overflow,N>, as in ap_fixed<16,6,AP_RND,AP_SAT>");
    insta::assert_snapshot!(with(&["--format-out", "ap_fixed<16,6,AP_RUND>"]), @"hwsim: `--format-out` has `ap_fixed<16,6,AP_RUND>`: `AP_RUND` is not a rounding mode: use one of AP_RND_CONV, AP_RND_INF, AP_RND_ZERO, AP_RND, AP_RND_MIN_INF, AP_TRN, AP_TRN_ZERO");
    insta::assert_snapshot!(with(&["--format-out", "8,65"]), @"hwsim: `--format-out` has `8,65`: fractional length 65 is impossible: use -64 to 64 bits");
    insta::assert_snapshot!(with(&["--format-out", "ap_fixed<8,4>", "--rounding", "half-up"]), @"hwsim: `--rounding half-up` and `--format-out 8,4,floor,wrap` both state a mode: leave out `--rounding`, or write the format as WL,FL");
    insta::assert_snapshot!(with(&["--format-out", "u8,4", "--overflow", "wrap-sm"]), @"hwsim: `wrap-sm` needs a signed word, and this one is unsigned: use wrap or a saturating mode");
    for more in [
        &["--format-a", "8,4", "--wl-a", "8"][..],
        &["--rounding", "floor"],
        &["--output-words", "x"],
        &["--format-a", "u8"],
    ] {
        let mut arguments = vec!["--m", "2", "--n", "2", "--k", "2"];
        arguments.extend(more);
        let folder = TempDir::new().unwrap();
        hwsim(folder.path(), &arguments).assert().code(2);
    }
}

/// Sums of a saturating accumulator of `bits` bits from `start` on, with events and the first of them.
fn saturated(terms: impl Iterator<Item = i128>, start: i128, bits: u32) -> (i128, i128, i128) {
    let most = (1i128 << (bits - 1)) - 1;
    let (mut sum, mut events, mut first) = (start, 0, -1);
    for (k, term) in terms.enumerate() {
        let exact = sum + term;
        sum = exact.clamp(-most - 1, most);
        if sum != exact {
            events += 1;
            if first < 0 {
                first = k as i128;
            }
        }
    }
    (sum, events, first)
}

#[test]
fn a_test_bench_gets_sums_events_and_hex_files() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let (m, k, n, tile) = (3, 10, 2, 4);
    let a = operand(folder, "a", m * k, 8, 7);
    let b = operand(folder, "b", k * n, 8, 9);
    let initial = operand(folder, "i", m * n, 12, 11);
    let hex: Vec<String> = b.iter().map(|word| format!("{:02X}", word & 0xff)).collect();
    std::fs::write(folder.join("b.hex"), format!("// B\n{}\n", hex.join("\n"))).unwrap();
    let sizes = ["--m", "3", "--n", "2", "--k", "10", "--a", "a", "--b", "b.hex", "--k-tile", "4"];
    let files = ["--output", "o", "--events", "e", "--first-overflow", "f", "--tile-sums", "t"];
    let common: Vec<&str> = [&sizes[..], &files, &["--accumulator", "15"]].concat();
    let output = hwsim(folder, &[&common[..], &["--initial", "i"]].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let term = |output: usize, k_: usize| a[output / n * k + k_] * b[k_ * n + output % n];
    let terms = |output: usize, range: std::ops::Range<usize>| range.map(move |k| term(output, k));
    let [o, e, f, t] = ["o", "e", "f", "t"].map(|name| read(folder, name));
    for output in 0..m * n {
        let all = saturated(terms(output, 0..k), initial[output], 15);
        assert_eq!((o[output], e[output], f[output]), all);
        for (index, end) in [4, 8, 10].into_iter().enumerate() {
            let (sum, ..) = saturated(terms(output, 0..end), initial[output], 15);
            assert_eq!(t[output * 3 + index], sum);
        }
    }
    assert!(e.iter().sum::<i128>() > 0 && f.contains(&-1));

    // Tiles from zero, joined by an adder below.
    let below = ["--partial-sums", "below", "--fold-sums", "s.hex"];
    let output = hwsim(folder, &[&common[..], &below].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(folder.join("s.hex")).unwrap();
    let folds: Vec<&str> = text.lines().collect();
    let (o, t) = (read(folder, "o"), read(folder, "t"));
    let mut differ = 0;
    for output in 0..m * n {
        let mut joined = 0;
        for (index, start) in (0..k).step_by(tile).enumerate() {
            let (fold, ..) = saturated(terms(output, start..k.min(start + tile)), 0, 15);
            assert_eq!(folds[output * 3 + index], format!("{:04x}", fold & 0x7fff));
            joined = saturated([fold].into_iter(), joined, 15).0;
            assert_eq!(t[output * 3 + index], joined);
        }
        assert_eq!(o[output], joined);
        differ += u32::from(joined != saturated(terms(output, 0..k), 0, 15).0);
    }
    assert!(differ > 0, "the place of the adder must matter here");
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "i", &[1, 2, 3]);
    std::fs::write(folder.path().join("b.hex"), "7f\n100\n").unwrap();
    let failed = |arguments: &[&str]| {
        let sizes = ["--m", "2", "--n", "2", "--k", "1"];
        let output = hwsim(folder.path(), &[&sizes, arguments].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let expected = "hwsim: initial sums `i`: 3 initial sums do not fit a product of [2, 2] outputs: give one an output, 4, or one a column, 2\n";
    assert_eq!(failed(&["--initial", "i"]), expected);
    let expected =
        "hwsim: operand `b.hex`: element 1, `100`, is not a word of 8 bits in hexadecimal digits\n";
    assert_eq!(failed(&["--b", "b.hex"]), expected);
    let sizes = ["--m", "1", "--n", "1", "--k", "1"];
    let expected =
        "hwsim: `--fold-sums` needs `--partial-sums below`: carried sums do not begin at zero";
    assert_eq!(usage(&[&sizes[..], &["--fold-sums", "f"]].concat()), expected);
    assert!(usage(&[&sizes[..], &["--partial-sums", "below"]].concat()).contains("--k-tile"));
}
