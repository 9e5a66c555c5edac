//! A reader that leaves early, as `| head -1` does, ends no command with a panic.
#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const HWSIM: &str = env!("CARGO_BIN_EXE_hwsim");

/// A command of every kind, in an order in which each finds what it reads.
const LINES: &[&str] = &[
    "train --arch mlp --data-dir DATA --limit-train 32 --limit-test 4 --batch-size 16 --max-steps 2 \
     --controller static --save-model m --trace t.csv --summary s.json",
    "train --arch mlp --data-dir DATA --limit-train 32 --limit-test 4 --batch-size 16 --max-steps 1 \
     --controllers static,float32",
    "eval m --data-dir DATA --limit-test 4",
    "gemm --m 2 --n 2 --k 2",
    "quantise --in x.txt --wl 8 --fl 4",
    "cost --arch mlp",
    "cost --scale-sim-config SAMPLES/scale.cfg --topology SAMPLES/lenet5.csv",
    "gap --m 2 --n 2 --k 2 --accumulator 16",
    "gap m --accumulator 16 --data-dir DATA --images 2",
    "machines",
    "machines show edge-16x16",
    "machines energy",
    "compare s.json s.json",
    "report t.csv --output r.html",
    "replay t.csv --machine tpu-like-256x256",
    "sweep --arch mlp --rows 4,8 --out sweep.csv",
    "pareto front z.csv --minimise a",
    "pareto measure --arch mlp --partitions 2 --train-images 40 --test-images 20 --set max-steps=1 \
     --configurations wl8-fl4,wl12-fl6 --data-dir DATA --output small.csv",
    "pareto complete p.csv",
    "pareto evaluate p.csv",
    "pareto pick p.csv --memory 40MB --partition p1",
    "golden export m --layer fc1 --images 1 --data-dir DATA --out golden",
    "golden verify golden",
    "golden check GOLDEN",
    "onnx show NETWORK",
    "onnx operators",
    "onnx export m --to qonnx --wl 8 --fl 5 --output m.onnx",
    "calibrate m --images 20 --wl 6 --data-dir DATA",
    "rtl --m 2 --n 2 --k 2 --force --output twin",
    "formats 8,4 ap_fixed<16,6>",
    "completions bash",
    "man train",
];

/// Runs a command whose standard output, and with `both` also standard error, is a closed pipe.
fn run(folder: &Path, line: &str, both: bool) -> std::process::Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = root.join("src/data/embedded").display().to_string();
    let golden = root.join("golden/quant_fixed_negfl.csv").display().to_string();
    let samples = root.join("docs/samples").display().to_string();
    let line = line.replace("DATA", &data).replace("GOLDEN", &golden);
    let network = root.join("golden/networks/float.onnx").display().to_string();
    let line = line.replace("SAMPLES", &samples).replace("NETWORK", &network);
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    let mut command = Command::new(HWSIM);
    command.env_remove("HWSIM_DATA").current_dir(folder).args(line.split_whitespace());
    command.stdout(closed()).stderr(if both { closed() } else { Stdio::piped() });
    command.spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn no_command_minds_a_reader_that_left() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("z.csv"), "a,b\n1,2\n2,1\n").unwrap();
    std::fs::write(folder.path().join("x.txt"), "0.5\n0.25\n").unwrap();
    let mut table = "partition,configuration,memory_mb,error\n".to_owned();
    for (i, j) in (0..6).flat_map(|i| (0..8).map(move |j| (i, j))) {
        let error = 0.1 + 0.01 * f64::from(i) + 0.02 * f64::from(j * 3 % 5);
        table.push_str(&format!("p{i},wl{}-fl4,{},{error}\n", j + 4, 10 + 5 * j + i));
    }
    std::fs::write(folder.path().join("p.csv"), table).unwrap();
    for line in LINES {
        let output = run(folder.path(), line, false);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{line}: {said}");
        assert!(!said.contains("panicked"), "{line}: {said}");
        for name in ["sweep.csv", "golden"] {
            // They refuse to do it twice.
            let path = folder.path().join(name);
            if line.contains("export") || line.starts_with("sweep") {
                let _ = std::fs::remove_dir_all(&path);
            }
        }
        let output = run(folder.path(), line, true);
        assert_eq!(output.status.code(), Some(0), "{line}, standard error closed too");
    }
    // Wrong usage keeps its exit code.
    for line in ["train --wl 99", "no-such-command", "eval missing --threads 0", ""] {
        assert_eq!(run(folder.path(), line, true).status.code(), Some(2), "{line}");
    }
    for line in ["--help", "train --help", "--version"] {
        assert_eq!(run(folder.path(), line, true).status.code(), Some(0), "{line}");
    }
}

#[test]
fn every_command_is_in_the_list() {
    let commands = |words: &[&str]| -> Vec<String> {
        let output = Command::new(HWSIM).args(words).arg("--help").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, list) = text.split_once("Commands:\n").unwrap_or_default();
        let list = list.lines().take_while(|line| !line.is_empty());
        let names = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let names = names.filter_map(|line| line.split_whitespace().next());
        names.filter(|name| *name != "help").map(str::to_owned).collect()
    };
    let all = commands(&[]);
    assert!(all.len() > 10, "{all:?}");
    for command in all {
        let parts = commands(&[&command]);
        let used = |line: &str| LINES.iter().any(|known| format!("{known} ").starts_with(line));
        if parts.is_empty() || ["sweep", "machines"].contains(&command.as_str()) {
            assert!(used(&format!("{command} ")), "{command}");
        } else {
            for part in parts {
                assert!(used(&format!("{command} {part} ")), "{command} {part}");
            }
        }
    }
}
