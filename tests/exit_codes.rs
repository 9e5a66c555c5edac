//! Exit codes of every command: 2 for wrong usage, 1 for a failure, one line each.

use assert_cmd::Command;
use std::collections::BTreeSet;
use std::fs;
use tempfile::TempDir;

/// A command line and its exit code.
const CASES: &[(&str, i32)] = &[
    // Wrong usage: flags, values, what is missing, what has no effect, names that are not known.
    ("", 2),
    ("nonsense", 2),
    ("train --nonsense", 2),
    ("train --epochs 0", 2),
    ("train --controller static --epsilon-kl 1", 2),
    ("train --arch lstm", 2),
    ("train --dataset text --arch mlp", 2),
    ("train --dataset cifar10", 2),
    ("train --machine nonsense", 2),
    ("train --config wrong.toml", 2),
    ("train --config nowhere.toml", 2),
    ("train --machine nowhere.toml", 2),
    ("train --trace x.txt", 2),
    ("train --overwrite", 2),
    ("eval", 2),
    ("eval x --threads 0", 2),
    ("eval x --machine nonsense", 2),
    ("gemm --m 0 --n 1 --k 1", 2),
    ("gemm --m 1", 2),
    ("quantise --elements 0", 2),
    ("quantise --in empty", 2),
    ("cost", 2),
    ("cost --arch nonsense", 2),
    ("cost --arch mlp --machine nonsense", 2),
    ("cost --arch mlp --wl 0", 2),
    ("cost --arch mlp --number-format ap_fixed<0,0>", 2),
    ("cost --arch mlp --accumulator-inner-width 16", 2),
    ("cost --arch mlp --accumulator-inner-terms 0", 2),
    ("cost --arch mlp --float32 --accumulator-fl 4", 2),
    // What is to be costed or checked is part of the question.
    ("cost --onnx nowhere", 2),
    ("cost --topology nowhere", 2),
    ("golden check nowhere", 2),
    ("onnx", 2),
    ("onnx show", 2),
    ("onnx export model --to qdq", 2),
    ("calibrate", 2),
    ("calibrate nowhere.model --wl 99", 2),
    ("rtl --m 2 --n 2 --k 2", 2),
    ("rtl --m 0 --n 2 --k 2 -o x", 2),
    ("onnx operators --format x", 2),
    ("gap", 2),
    ("gap --m 1 --n 1 --k 1 --formats 0,0", 2),
    ("machines show nonsense", 2),
    ("machines energy nonsense", 2),
    ("compare", 2),
    ("report", 2),
    ("replay", 2),
    ("sweep", 2),
    ("sweep --arch mlp --output s.csv --wl 0", 2),
    ("sweep --arch mlp --output s.csv --number-format ap_fixed<0,0>", 2),
    ("sweep --arch mlp --output s.csv --accumulator-inner-width 16", 2),
    ("sweep --file nowhere --output s.csv", 2),
    ("sweep merge", 2),
    ("pareto", 2),
    ("pareto front", 2),
    ("pareto measure", 2),
    ("pareto complete", 2),
    ("pareto pick", 2),
    ("pareto evaluate", 2),
    ("golden", 2),
    ("golden check . --threads 0", 2),
    ("golden export x", 2),
    ("golden verify", 2),
    ("completions nonsense", 2),
    ("man nonsense", 2),
    // Failures: files that are not there or not what they should be, checks that fail.
    ("train --dataset fashion-mnist --data-dir nowhere", 1),
    ("train --resume nowhere", 1),
    ("eval nowhere", 1),
    ("onnx show nowhere.onnx", 1),
    ("onnx export nowhere.model --to qdq -o x.onnx", 1),
    ("calibrate nowhere.model --wl 8", 1),
    ("rtl --model nowhere.model --layer fc1 -o x", 1),
    ("eval empty", 1),
    ("formats ap_fixed<0,0>", 2),
    ("gemm --m 1 --n 1 --k 1 --a nowhere --b nowhere", 1),
    ("quantise --in nowhere", 1),
    ("gap nowhere", 1),
    ("compare nowhere nowhere", 1),
    ("report nowhere -o r.html", 1),
    ("replay nowhere --machine edge-16x16", 1),
    ("pareto front nowhere --minimise cycles", 1),
    ("pareto complete nowhere", 1),
    ("pareto pick nowhere --memory 1MB --partition 0", 1),
    ("pareto evaluate nowhere", 1),
    ("golden export nowhere --layer 0 -o out", 1),
    ("golden verify nowhere", 1),
    // Success.
    ("formats 8,4", 0),
    ("--help", 0),
    ("--version", 0),
    ("train -h", 0),
    ("machines", 0),
    ("quantise --elements 100", 0),
    ("cost --arch mlp", 0),
    ("cost --arch mlp --number-format ac_fixed<16,6,true> --accumulator-inner-terms 8", 0),
    ("gemm --m 2 --n 2 --k 2", 0),
];

#[test]
fn wrong_usage_is_2_and_a_failure_is_1() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("wrong.toml"), "nonsense = 1\n").unwrap();
    fs::write(folder.path().join("empty"), "").unwrap();
    let mut wrong = Vec::new();
    for (line, expected) in CASES {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
        command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(folder.path());
        let output = command.args(line.split_whitespace()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let found = output.status.code();
        // Without a command there is help.
        let one_line = said.starts_with("hwsim: ") && said.trim_end().lines().count() == 1;
        let helps = said.contains("Usage: ") && said.contains("--help");
        if found != Some(*expected) || *expected != 0 && !one_line && !helps {
            wrong.push(format!("hwsim {line}: {found:?}, not {expected}: {said}"));
        }
        if *expected != 0 && said.is_empty() {
            wrong.push(format!("hwsim {line}: says nothing"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// No command is left out of the table.
#[test]
fn every_command_is_in_the_table() {
    let help = |line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
        let done = command.args(line.split_whitespace()).arg("--help").assert().success();
        String::from_utf8(done.get_output().stdout.clone()).unwrap()
    };
    let commands = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().skip_while(|line| *line != "Commands:").skip(1);
        let words = lines.take_while(|line| !line.is_empty());
        let names = words.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    for name in commands(&help("")).into_iter().filter(|name| name != "help") {
        let mut lines = vec![name.clone()];
        lines.extend(commands(&help(&name)).iter().map(|inner| format!("{name} {inner}")));
        for line in lines.iter().filter(|line| !line.ends_with("help")) {
            let there =
                CASES.iter().any(|(case, code)| case.starts_with(line.as_str()) && *code == 2);
            assert!(there, "{line} has no case of wrong usage");
        }
    }
}
