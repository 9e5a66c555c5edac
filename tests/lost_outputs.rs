//! A failed output loses no other output and no training.
#![cfg(unix)]

use assert_cmd::Command;
use std::path::Path;
use tempfile::TempDir;

const HWSIM: &str = env!("CARGO_BIN_EXE_hwsim");

fn shell(folder: &Path, line: &str) -> std::process::Output {
    let mut command = Command::new("sh");
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(folder);
    command.env("TMPDIR", folder).args(["-c", line]).output().unwrap()
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A run of a second with much trace and small checkpoints.
fn train(steps: u32) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded");
    format!(
        "{HWSIM} train --data-dir {} --limit-train 64 --limit-test 10 --batch-size 1 --epochs 9 \
         --controller static --max-steps {steps} --quiet",
        data.display()
    )
}

/// The command at the end of what was said.
fn advice(said: &str) -> &str {
    let (_, command) = said.trim_end().rsplit_once("with: ").unwrap();
    command
}

fn full(folder: &TempDir, name: &str) {
    std::os::unix::fs::symlink("/dev/full", folder.path().join(name)).unwrap();
}

#[test]
fn what_fails_at_the_end_is_made_good_by_the_printed_command() {
    let whole = TempDir::new().unwrap();
    let line = train(20) + " --trace t.csv --summary s.json --save-model m.safetensors";
    assert!(shell(whole.path(), &line).status.success());
    let folder = TempDir::new().unwrap();
    let names = ["t.csv", "s.json", "m.safetensors"];
    names.iter().for_each(|name| full(&folder, name));
    let failed = shell(folder.path(), &line);
    let said = stderr(&failed);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(stdout(&failed).contains("top-1"), "the table is there");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    for (line, what) in lines.iter().zip(["--trace", "--save-model", "--summary"]) {
        assert!(line.starts_with(&format!("hwsim: {what}: cannot write")), "{line}");
        assert!(line.contains("No space left on device"), "{line}");
    }
    // The links are what they were.
    for name in names {
        assert!(folder.path().join(name).is_symlink(), "{name}");
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    let again = shell(folder.path(), advice(&said));
    assert!(again.status.success(), "{}", stderr(&again));
    assert_eq!(stdout(&again).lines().count(), stdout(&failed).lines().count());
    for name in ["t.csv", "m.safetensors"] {
        let read = |folder: &TempDir| std::fs::read(folder.path().join(name)).unwrap();
        assert!(read(&folder) == read(&whole), "{name}");
    }
    assert!(folder.path().join("s.json").exists());
}

#[test]
fn a_full_disk_under_the_trace_costs_no_row() {
    let whole = TempDir::new().unwrap();
    let line = train(160) + " --trace t.csv";
    assert!(shell(whole.path(), &line).status.success());
    let size = std::fs::metadata(whole.path().join("t.csv")).unwrap().len();
    // The last 100 kB of the trace find no space; a checkpoint, of 560 kB and these, does.
    let folder = TempDir::new().unwrap();
    let limited = format!("trap '' XFSZ; ulimit -f {}; {line}", (size - 100_000) / 512);
    let failed = shell(folder.path(), &limited);
    let said = stderr(&failed);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(stdout(&failed).contains("top-1"), "the table is there");
    assert!(said.contains("warning: cannot write `t.csv.partial`: File too large"), "{said}");
    assert!(said.contains("training is complete"), "{said}");
    let again = shell(folder.path(), advice(&said));
    assert!(again.status.success(), "{}", stderr(&again));
    let read = |folder: &TempDir| std::fs::read(folder.path().join("t.csv")).unwrap();
    assert!(read(&folder) == read(&whole));
}

#[test]
fn without_a_place_for_a_checkpoint_the_table_is_there_all_the_same() {
    let folder = TempDir::new().unwrap();
    let line = train(8) + " --trace t.csv --checkpoint ck --checkpoint-every 2";
    let failed = shell(folder.path(), &format!("trap '' XFSZ; ulimit -f 8; {line}"));
    let said = stderr(&failed);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(stdout(&failed).contains("top-1"), "the table is there");
    assert!(said.contains("no checkpoint could be written; repeat it with: "), "{said}");
    let again = shell(folder.path(), advice(&said));
    assert!(again.status.success(), "{}", stderr(&again));
    assert!(folder.path().join("t.csv").exists());
}

#[test]
fn a_terminal_that_takes_nothing_is_an_output_too() {
    let folder = TempDir::new().unwrap();
    let failed = shell(folder.path(), &(train(2) + " --summary s.json > /dev/full"));
    let said = stderr(&failed);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(folder.path().join("s.json").exists());
    let again = shell(folder.path(), advice(&said));
    assert!(stdout(&again).contains("top-1"), "{}", stderr(&again));
}

#[test]
fn several_runs_are_all_trained() {
    let folder = TempDir::new().unwrap();
    full(&folder, "m.static");
    let line = train(3).replace("--controller static", "--controllers static,float32")
        + " --save-model m --summary s.json";
    let failed = shell(folder.path(), &line);
    let said = stderr(&failed);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(stdout(&failed).contains("float32"));
    assert!(said.starts_with("hwsim: the run of static: --save-model"), "{said}");
    std::fs::remove_file(folder.path().join("m.static")).unwrap();
    let again = shell(folder.path(), advice(&said));
    assert!(again.status.success(), "{}", stderr(&again));
    assert!(folder.path().join("m.static").exists() && folder.path().join("m.float32").exists());
}

#[test]
fn every_other_command_shows_its_result() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("z.csv"), "a,b\n1,2\n2,1\n").unwrap();
    std::fs::write(folder.path().join("x.txt"), "0.5\n0.25\n").unwrap();
    let model = shell(folder.path(), &(train(1) + " --save-model m --trace t.csv"));
    assert!(model.status.success(), "{}", stderr(&model));
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded");
    let eval = format!("eval m --data-dir {} --limit-test 5 --summary full", data.display());
    let lines = [
        (eval.as_str(), "top-1"),
        ("gemm --m 2 --n 2 --k 2 -o full", "MACs"),
        ("quantise --in x.txt --wl 8 --fl 4 -o full", "values"),
        ("gap --m 2 --n 2 --k 2 --accumulator 16 --csv full", "16"),
        ("pareto front z.csv --minimise a --maximise b --svg full -o new.csv", "a"),
        ("cost --arch mlp -o full", "fc3"),
        ("replay t.csv --machine tpu-like-256x256 -o full", "tpu-like"),
        ("machines -o full", "edge-16x16"),
    ];
    full(&folder, "full");
    for (line, word) in lines {
        let failed = shell(folder.path(), &format!("{HWSIM} {line}"));
        let said = stderr(&failed);
        assert_eq!(failed.status.code(), Some(1), "{line}: {said}");
        assert!(said.contains("cannot write"), "{line}: {said}");
        assert!(stdout(&failed).contains(word), "{line}: {}", stdout(&failed));
    }
    assert!(folder.path().join("new.csv").exists());
}

#[test]
fn pages_that_cannot_be_written_are_all_named_and_cost_no_other() {
    let folder = TempDir::new().unwrap();
    let names = ["hwsim-train.1", "hwsim-pareto-pick.1"];
    names.iter().for_each(|name| full(&folder, name));
    let failed = shell(folder.path(), &format!("{HWSIM} man -o ."));
    let said = stderr(&failed);
    assert_eq!((failed.status.code(), said.lines().count()), (Some(1), 2), "{said}");
    for name in names {
        assert!(said.contains(&format!("cannot write `./{name}`")), "{said}");
    }
    for name in ["hwsim.1", "hwsim-sweep.1", "hwsim-man.1"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
}
